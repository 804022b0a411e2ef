"""The choice among configurations: the rule applied, and the sentences that explain it."""

from __future__ import annotations

from collections.abc import Sequence

from factlab.comparison.explain import NOTHING_MATCHED, choice_sentence, matched_sentence
from factlab.comparison.pairs import Pairs
from factlab.comparison.pool import Pooled
from factlab.comparison.rule import LEAST_RECALL, RECALL, candidates_of, pareto_front, rank
from factlab.comparison.wording import joined, rate
from factlab.schema.results import Choice, Comparison, Configuration


def choose(pooled: Sequence[Pooled], comparisons: Sequence[Comparison]) -> Choice | None:
    """Choose by the rule of `rule.py`; None where there is only one configuration."""
    if len(pooled) < 2:
        return None
    candidates = candidates_of(pooled)
    not_considered = _not_considered(pooled, candidates)
    if not candidates:
        finished = any(p.configuration.cells for p in pooled)
        why = "no held-out question was answered" if finished else "none was measured to its end"
        return _none(
            f"No configuration can be chosen, since {why}{'' if finished else not_considered}.", ()
        )
    ranked = rank(candidates)
    front = pareto_front({c.id: (c.metrics[RECALL].value, ranked.costs[c.id]) for c in candidates})
    pairs = Pairs(comparisons)
    if ranked.best.metrics[RECALL].value < LEAST_RECALL:
        return _none(
            f"Take none of them: even {ranked.best.id}, the highest, recalls only "
            f"{rate(ranked.best.metrics[RECALL])} of held-out phrasings{not_considered}.",
            front,
        )
    return Choice(
        chosen=ranked.matched[0].id,
        sentence=f"{choice_sentence(ranked, candidates, pairs)}{not_considered}.",
        pareto=front,
        matched=tuple(c.id for c in ranked.matched),
        matched_sentence=matched_sentence(ranked, pairs),
    )


def _none(sentence: str, front: tuple[str, ...]) -> Choice:
    return Choice(
        chosen=None, sentence=sentence, pareto=front, matched=(), matched_sentence=NOTHING_MATCHED
    )


def _not_considered(pooled: Sequence[Pooled], candidates: Sequence[Configuration]) -> str:
    """Which configurations are no candidates, in brackets."""
    ids = {candidate.id for candidate in candidates}
    out = [p.configuration.id for p in pooled if p.configuration.id not in ids]
    if not out:
        return ""
    plural = len(out) > 1
    return (
        f" ({joined(out)} {'are' if plural else 'is'} not considered, since not all of "
        f"{'their' if plural else 'its'} cells were measured to their end)"
    )
