"""Which configuration to take, by a rule that needs nothing but the pooled values.

1. A configuration is a candidate if its recall was measured on all facts and none of its cells
   diverged: the figures of one that sometimes diverges describe only the adapters that survived.
2. If no candidate recalls half of the held-out phrasings, none is chosen.
3. *Matched* are the candidates whose `recall/held_out` is at most `MARGIN` below the highest.
4. Chosen is the matched one with the lowest *cost*,
   (1 − `retention/far`) + `intrusion/near` + `intrusion/far`; a term that any candidate lacks is
   left out for all. Of equal costs the smaller rank is taken. Where the base is held at several
   precisions, `accuracy/far` stands for `retention/far`: what a coarser base does not know to
   begin with is a cost of choosing it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from factlab.comparison.pairs import ENDPOINT_OF, several_bases
from factlab.comparison.pool import Pooled
from factlab.metrics.catalogue import names_of, spec_of
from factlab.schema.results import Configuration

RECALL = "recall/held_out"
MARGIN = ENDPOINT_OF[RECALL].margin
LEAST_RECALL = 0.5
TOLERANCE = 1e-9  # differences of rounding are no differences
# What survived before what intruded, as the formula is written.
COST_TERMS = tuple(
    sorted(names_of(lambda use: use.cost), key=lambda name: spec_of(name).better != "high")
)
# Retention counts what each base knew itself, so across bases accuracy stands for it.
WITHIN_BASE, ACROSS = "retention/far", "accuracy/far"


@dataclass(frozen=True, slots=True)
class Ranked:
    """The candidates by the rule.

    Attributes:
        best: The highest recall.
        matched: Candidates within the margin of it, the lowest cost first.
        terms: What the cost is made of.
        costs: Cost by configuration.
    """

    best: Configuration
    matched: tuple[Configuration, ...]
    terms: tuple[str, ...]
    costs: Mapping[str, float]


def candidates_of(pooled: Sequence[Pooled]) -> list[Configuration]:
    """Configurations that may be chosen."""
    facts = {fact for one in pooled for fact in one.configuration.facts}
    return [
        one.configuration
        for one in pooled
        if RECALL in one.configuration.metrics
        and not one.left_out
        and facts == set(one.configuration.facts)
    ]


def rank(candidates: Sequence[Configuration]) -> Ranked:
    """Who is matched in recall with the best, in the order of cost."""
    best = max(candidates, key=lambda c: (c.metrics[RECALL].value, -c.rank))
    replaced = WITHIN_BASE if several_bases(candidates) else ACROSS
    terms = tuple(
        name
        for name in COST_TERMS
        if name != replaced and all(name in c.metrics for c in candidates)
    )
    costs = {c.id: cost(c, terms) for c in candidates}
    floor = best.metrics[RECALL].value - MARGIN - TOLERANCE
    matched = [c for c in candidates if c.metrics[RECALL].value >= floor]
    matched.sort(key=lambda c: (round(costs[c.id], 9), c.rank, c.id))
    return Ranked(best, tuple(matched), terms, costs)


def cost(configuration: Configuration, terms: Sequence[str]) -> float:
    """The sum of its terms, 1 minus those of which more is better."""
    values = {name: configuration.metrics[name].value for name in terms}
    return sum(1 - v if counts_down(name) else v for name, v in values.items())


def counts_down(name: str) -> bool:
    """Whether more of a term is better, so that what is missing from 1 is the cost."""
    return spec_of(name).better == "high"


def pareto_front(places: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    """Those of (recall, cost) that no other beats in one and at least equals in the other."""
    exact = {name: (round(r, 9), round(c, 9)) for name, (r, c) in places.items()}
    return tuple(
        name
        for name, (recall, price) in exact.items()
        if not any(
            r >= recall and c <= price and (r, c) != (recall, price) for r, c in exact.values()
        )
    )
