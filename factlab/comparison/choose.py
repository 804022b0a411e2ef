"""The choice among configurations: the rule applied, and the sentences that explain it."""

from __future__ import annotations

from collections.abc import Sequence

from factlab.comparison.explain import Explanation
from factlab.comparison.pairs import Pairs
from factlab.comparison.pool import Pooled
from factlab.comparison.rule import RECALL, candidates_of, decide, pareto_front
from factlab.comparison.wording import joined
from factlab.metrics.catalogue import PRACTICE_LOSS, PROBE_METRICS
from factlab.schema.results import Choice, Comparison, Configuration


def choose(pooled: Sequence[Pooled], comparisons: Sequence[Comparison]) -> Choice | None:
    """Choose by the rule of `rule.py`; None where there is only one configuration."""
    pooled = [one for one in pooled if one.configuration.placebo is None]
    if len(pooled) < 2:
        return None
    candidates = candidates_of(pooled)
    not_considered = _not_considered(pooled, candidates)
    if not candidates:
        finished = any(p.configuration.cells for p in pooled)
        why = _why_without_recall(pooled) if finished else "none was measured to its end"
        return Choice(
            chosen=None,
            sentence=f"No configuration can be chosen, since {why}."
            + ("" if finished else not_considered),
            pareto=(),
            matched=(),
            matched_sentence="",
        )
    pairs = Pairs(comparisons)
    decision = decide(candidates, pairs)
    explained = Explanation(decision, pooled, pairs)
    places = {c.id: (c.metrics[RECALL].value, decision.damage[c.id]) for c in candidates}
    return Choice(
        chosen=decision.chosen.id if decision.chosen is not None else None,
        sentence=f"{explained.sentences()}{not_considered}",
        pareto=pareto_front(places),
        matched=tuple(c.id for c in decision.kept),
        matched_sentence=explained.matched(),
        excluded=explained.excluded(),
    )


def _why_without_recall(pooled: Sequence[Pooled]) -> str:
    """Why the rule, which needs recall in phrasings that were not trained, cannot be applied."""
    names = {name for one in pooled for name in one.configuration.metrics}
    if PRACTICE_LOSS in names:
        return "a run that practises trains no fact, and the rule needs recall; compare the loss"
    if names & set(PROBE_METRICS):
        return "a passage has no held-out phrasings, and the rule needs them; compare the probes"
    return "no held-out question was answered"


def _not_considered(pooled: Sequence[Pooled], candidates: Sequence[Configuration]) -> str:
    """Which configurations are no candidates, as a sentence with a space before it."""
    ids = {candidate.id for candidate in candidates}
    out = [p.configuration.id for p in pooled if p.configuration.id not in ids]
    if not out:
        return ""
    plural = len(out) > 1
    return (
        f" {joined(out)} {'are' if plural else 'is'} not considered, since not all of "
        f"{'their' if plural else 'its'} cells were measured to their end."
    )
