"""The sentences of a choice: what was taken, why, and how sure the data make it.

The rule always names one, also where noise decides. So a difference whose 95 % interval includes 0,
or whose p adjusted for the number of pairs is above 0.05, is never called better: the two are said
to be not distinguishable.
"""

from __future__ import annotations

from collections.abc import Sequence

from factlab.comparison.pairs import ENDPOINT_OF, Pairs, distinguishable
from factlab.comparison.rule import MARGIN, RECALL, TOLERANCE, Ranked, counts_down
from factlab.comparison.wording import joined, percent, points, rate, signed, signed_interval
from factlab.schema.results import Comparison, Configuration

COST_WORDS = {
    "retention/far": "keeps {size} {more} of the known far controls {interval}",
    "accuracy/far": "gets {size} {more} of all far controls right {interval}",
    "intrusion/near": "intrudes into {size} {more} near controls {interval}",
    "intrusion/far": "intrudes into {size} {more} far controls {interval}",
}
NOTHING_MATCHED = "Nothing can be compared at matched recall."
NAMED = 3  # configurations named in a sentence, before the rest are counted


def choice_sentence(ranked: Ranked, candidates: Sequence[Configuration], pairs: Pairs) -> str:
    """Which one to take and why, without the full stop."""
    chosen, others = ranked.matched[0], ranked.matched[1:]
    recalls = f"it recalls {rate(chosen.metrics[RECALL])} of held-out phrasings"
    if len(candidates) == 1:
        return f"Take {chosen.id}: {recalls}, and there is no other to compare it with"
    alike = [other for other in others if not _distinct(chosen, other, ranked.terms, pairs)]
    if others and len(alike) == len(others):
        return _undecided(ranked, pairs, recalls)
    next_best = max(
        (c for c in candidates if c.id != chosen.id), key=lambda c: c.metrics[RECALL].value
    )
    recall = _recall_clause(ranked, next_best, pairs)
    cost = _cost_clause(ranked, others or (next_best,), pairs)
    doubt = f"; this design cannot tell it from {_names(alike)}" if alike else ""
    return f"Take {chosen.id}: {recalls}, {recall}, {cost}{doubt}"


def _distinct(a: Configuration, b: Configuration, terms: Sequence[str], pairs: Pairs) -> bool:
    """Whether the data tell two apart in recall or in a term of the cost."""
    return any(pairs.distinct(metric, a, b) for metric in (RECALL, *terms))


def _undecided(ranked: Ranked, pairs: Pairs, recalls: str) -> str:
    chosen, others = ranked.matched[0], ranked.matched[1:]
    found = [pairs.of(RECALL, other, chosen) for other in others]
    bounds = [
        max(-c.ci_low, c.ci_high)
        for c in found
        if c is not None and c.ci_low is not None and c.ci_high is not None
    ]
    if len(bounds) == len(found):
        why = f"the intervals of the differences in recall lie within ±{points(max(bounds))}"
    elif any(c is None for c in found):
        why = "not all of them share seeds and questions to be compared on"
    else:
        why = "it has too few independent questions for an interval"
    return (
        f"Take {chosen.id}, though this design cannot tell it from {_names(others)}: {recalls}, "
        f"{why}, and {_cheapest(ranked)}"
    )


def _cheapest(ranked: Ranked) -> str:
    chosen, runner_up = ranked.matched[:2]
    if not ranked.terms:
        return f"{chosen.id} is the smallest rank, since cost was not measured"
    mine, least = ranked.costs[chosen.id], ranked.costs[runner_up.id]
    if abs(mine - least) < TOLERANCE:
        return f"{chosen.id} comes first by rank of those that cost least ({mine:.2f})"
    return f"{chosen.id} costs least by point estimate ({mine:.2f}, the next {least:.2f})"


def _recall_clause(ranked: Ranked, next_best: Configuration, pairs: Pairs) -> str:
    chosen, rival = ranked.matched[0], ranked.best
    if chosen.id == rival.id:
        if len(ranked.matched) > 1:
            return "none recalls more"
        return _lead(pairs.of(RECALL, next_best, chosen), next_best)
    found = pairs.of(RECALL, rival, chosen)
    gap = points(chosen.metrics[RECALL].value - rival.metrics[RECALL].value)
    if found is None:
        return f"{gap} less than {rival.id}, with which it shares nothing to be compared on"
    if found.not_worse is None:
        return f"{gap} less than {rival.id} ({found.ci_method})"
    interval = f"difference {signed(found.difference)} points, {signed_interval(found)}"
    if found.not_worse:
        return f"no less than {rival.id} by more than {points(MARGIN)} ({interval})"
    return (
        f"within {points(MARGIN)} of {rival.id} by point estimate only, since the interval does "
        f"not exclude a larger loss ({interval})"
    )


def _lead(found: Comparison | None, rival: Configuration) -> str:
    """How far the only one matched with itself is ahead of the next."""
    if found is None:
        return f"the highest, though it shares nothing with {rival.id} to be compared on"
    if distinguishable(found):
        return f"{points(found.difference)} more than {rival.id}, the next {_bounds(found)}"
    return (
        f"the highest, though not distinguishable from {rival.id} (difference "
        f"{signed(found.difference)} points, {signed_interval(found)})"
    )


def _cost_clause(ranked: Ranked, others: Sequence[Configuration], pairs: Pairs) -> str:
    """The cost against the best, or the first of the others that differs from it."""
    chosen = ranked.matched[0]
    if not ranked.terms:
        return "and what it costs was not measured"
    for rival in sorted(others, key=lambda other: other.id != ranked.best.id):
        found = [pairs.distinct(term, rival, chosen) for term in ranked.terms]
        gains = [_difference(c) for c in found if c and not _worse(c)]
        losses = [_difference(c) for c in found if c and _worse(c)]
        if gains and losses:
            return f"and against {rival.id} it {joined(gains)}, but {joined(losses)}"
        if gains or losses:
            return f"{'and' if gains else 'but'} against {rival.id} it {joined(gains or losses)}"
    costs = joined([f"{ranked.costs[other.id]:.2f}" for other in others[:NAMED]])
    return (
        f"and its cost is not distinguishable from that of {_names(others)} "
        f"({ranked.costs[chosen.id]:.2f} against {costs})"
    )


def _worse(comparison: Comparison) -> bool:
    return ENDPOINT_OF[comparison.metric].is_worse(comparison.difference)


def _difference(comparison: Comparison) -> str:
    return COST_WORDS[comparison.metric].format(
        size=points(comparison.difference),
        more="more" if comparison.difference > 0 else "fewer",
        interval=_bounds(comparison),
    )


def _bounds(comparison: Comparison) -> str:
    """Both bounds of an interval that excludes 0, without signs."""
    low, high = sorted((abs(comparison.ci_low or 0.0), abs(comparison.ci_high or 0.0)))
    return f"({points(low).split()[0]}–{points(high).split()[0]})"


def _names(configurations: Sequence[Configuration]) -> str:
    ids = [c.id for c in configurations]
    if len(ids) > NAMED + 1:
        ids = [*ids[:NAMED], f"{len(ids) - NAMED} others"]
    return joined(ids)


def matched_sentence(ranked: Ranked, pairs: Pairs) -> str:
    """The costs of those that recall about as much as the best."""
    best = ranked.best
    highest = f"{best.id}, {percent(best.metrics[RECALL].value)}"
    if len(ranked.costs) == 1:
        return NOTHING_MATCHED
    if len(ranked.matched) == 1:
        return f"None recalls within {points(MARGIN)} of the highest ({highest}). {NOTHING_MATCHED}"
    unsure = [c for c in ranked.matched if c.id != best.id and not _excludes_loss(best, c, pairs)]
    doubt = f"; the intervals do not exclude a larger gap for {_names(unsure)}" if unsure else ""
    where = f"At matched recall (within {points(MARGIN)} of {highest}{doubt})"
    if not ranked.terms:
        return f"{where} cost was not measured."
    what = f"cost is {_formula(ranked.terms)} and has no interval of its own"
    return f"{where}, cost is {_costs(ranked)}; {what}."


def _costs(ranked: Ranked) -> str:
    """`0.05 for r08, 0.10 for r16 and 0.12 to 0.30 for 4 others`."""
    named, rest = ranked.matched, ranked.matched[:0]
    if len(named) > NAMED + 1:
        named, rest = named[:NAMED], named[NAMED:]
    said = [f"{ranked.costs[c.id]:.2f} for {c.id}" for c in named]
    if rest:
        low, high = ranked.costs[rest[0].id], ranked.costs[rest[-1].id]
        said.append(f"{low:.2f} to {high:.2f} for {len(rest)} others")
    return joined(said)


def _excludes_loss(best: Configuration, other: Configuration, pairs: Pairs) -> bool:
    found = pairs.of(RECALL, best, other)
    return found is not None and bool(found.not_worse)


def _formula(terms: Sequence[str]) -> str:
    return " + ".join(f"(1 − {name})" if counts_down(name) else name for name in terms)
