"""Which configuration to take: limits of cost first, then recall, then damage, then size.

1. A configuration is a candidate if its recall was measured on all facts and none of its cells
   diverged: the figures of one that sometimes diverges describe only the adapters that survived.
2. *Limits.* What is destructive by the limits of the verdict (`damage.py`) is never taken. Of the
   rest, those compete that recall 90 % of the held-out phrasings and are clean; if there are none,
   those that recall 90 %; if there are none, those that recall half. If there are none, none is
   taken.
3. *Recall.* Of these, one drops out if another outdoes it: its recall is worse, and against that
   other it saves no more damage than it loses recall. It is not worse if the lower end of the 95 %
   interval of the difference excludes a loss of 5 points (one-sided, 2.5 %). If that is not shown,
   it is worse if a loss is shown. Where neither is, or the design carries no interval, the measured
   values decide: up to 5 points less is not worse. What recalls no less and damages no more than
   one that stays, stays.
4. *Damage* is (1 − `retention/far`) + `intrusion/near` + `intrusion/far`; a term that any
   candidate lacks is left out for all. Where the base is held at several precisions, `accuracy/far`
   stands for `retention/far`: what a coarser base does not know to begin with is a cost of choosing
   it.
5. *Size.* Taken is the smallest rank whose damage is within one standard error of the least. The
   error is that of the paired difference, its terms taken as independent. A design without
   intervals has none, so that there only equal damage counts as equal.

Nothing here depends on the order of configurations, and a second one that answers the same changes
nothing but the tie that the smaller rank wins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from factlab.comparison.damage import HELD_OUT, LEARNED_AT, LIMITS, PARTLY_LEARNED_AT, damage_of
from factlab.comparison.pairs import ENDPOINT_OF, Pairs, several_bases
from factlab.comparison.pool import Pooled
from factlab.metrics.catalogue import names_of, spec_of
from factlab.schema.results import Comparison, Configuration
from factlab.stats.intervals import Z

RECALL = HELD_OUT
MARGIN = ENDPOINT_OF[RECALL].margin
DIGITS = 9  # differences of rounding are no differences
# What survived before what intruded, as the formula is written.
DAMAGE_TERMS = tuple(
    sorted(names_of(lambda use: use.cost), key=lambda name: spec_of(name).better != "high")
)
# Retention counts what each base knew itself, so across bases accuracy stands for it.
WITHIN_BASE, ACROSS = "retention/far", "accuracy/far"


@dataclass(frozen=True, slots=True)
class Decision:
    """The candidates by the rule.

    Attributes:
        candidates: All that could be taken.
        destructive: Those beyond a limit that is never taken.
        pool: Those that compete: within the same limits.
        outdone: Id of one that dropped out for its recall → the one that outdoes it.
        kept: Those that are left, the least damage first.
        chosen: The one to take; None: there is none.
        terms: What the damage is made of.
        damage: Damage by configuration.
    """

    candidates: tuple[Configuration, ...]
    destructive: tuple[Configuration, ...]
    pool: tuple[Configuration, ...]
    outdone: Mapping[str, Configuration]
    kept: tuple[Configuration, ...]
    chosen: Configuration | None
    terms: tuple[str, ...]
    damage: Mapping[str, float]

    @property
    def best(self) -> Configuration:
        """The highest recall of those that compete, else of all that is not destructive."""
        among = self.pool or [c for c in self.candidates if c not in self.destructive]
        return max(among or self.candidates, key=lambda c: (recall_of(c), -size_of(c)))


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


def decide(candidates: Sequence[Configuration], pairs: Pairs) -> Decision:
    """Apply the rule to at least one candidate."""
    terms = damage_terms(candidates)
    damage = {c.id: damage_in(c, terms) for c in candidates}
    by_damage = sorted(candidates, key=lambda c: (damage[c.id], *_place(c)))
    words = {c.id: damage_of(c.metrics).word for c in candidates}
    destructive = [c for c in by_damage if words[c.id] == "destructive"]
    pool = _pool([c for c in by_damage if c not in destructive], words)
    outdone = _outdone(pool, damage, pairs)
    kept = tuple(c for c in pool if c.id not in outdone)
    return Decision(
        candidates=tuple(by_damage),
        destructive=tuple(destructive),
        pool=tuple(pool),
        outdone=outdone,
        kept=kept,
        chosen=_smallest(kept, damage, terms, pairs) if kept else None,
        terms=terms,
        damage=damage,
    )


def recall_of(configuration: Configuration) -> float:
    """Its held-out recall, without what rounding adds."""
    return round(configuration.metrics[RECALL].value, DIGITS)


def size_of(configuration: Configuration) -> float:
    """Its rank; training every weight is larger than any rank."""
    return configuration.rank or math.inf


def _place(configuration: Configuration) -> tuple[float, float, str]:
    """Of equal damage the smaller is first, then the one that recalls more."""
    return size_of(configuration), -recall_of(configuration), configuration.id


def _pool(allowed: Sequence[Configuration], words: Mapping[str, str]) -> list[Configuration]:
    """Those that compete, by the strictest limits that any keeps."""
    learned = [c for c in allowed if recall_of(c) >= LEARNED_AT]
    clean = [c for c in learned if words[c.id] == "clean"]
    return clean or learned or [c for c in allowed if recall_of(c) >= PARTLY_LEARNED_AT]


# --- recall -----------------------------------------------------------------------------------


def _outdone(
    pool: Sequence[Configuration], damage: Mapping[str, float], pairs: Pairs
) -> dict[str, Configuration]:
    """Those that drop out, with the one of the highest recall that outdoes them."""
    found: dict[str, Configuration] = {}
    for one in pool:
        rivals = [
            other
            for other in pool
            if not keeps_recall(one, other, pairs) and not saves(one, other, damage)
        ]
        if rivals:
            found[one.id] = max(rivals, key=lambda c: (recall_of(c), -damage[c.id], -size_of(c)))
    stay = [c for c in pool if c.id not in found]
    for one in pool:  # what is no worse than one that stays, stays
        if any(recall_of(one) >= recall_of(c) and damage[one.id] <= damage[c.id] for c in stay):
            found.pop(one.id, None)
    return found


def keeps_recall(one: Configuration, other: Configuration, pairs: Pairs) -> bool:
    """Whether its recall is not worse than another's, by the interval or else as measured."""
    if recall_of(one) >= recall_of(other):
        return True
    found = pairs.of(RECALL, other, one)
    if found is not None and infers(found):
        if found.not_worse:
            return True
        # By the interval alone: p is adjusted for all pairs, and others must not decide here.
        if found.ci_high is not None and found.ci_high < 0:
            return False
    return recall_of(other) - recall_of(one) <= (MARGIN or 0.0) + 10.0**-DIGITS


def saves(one: Configuration, other: Configuration, damage: Mapping[str, float]) -> bool:
    """Whether it saves more damage against another than it loses recall."""
    saved = round(damage[other.id] - damage[one.id], DIGITS)
    return saved > round(recall_of(other) - recall_of(one), DIGITS)


def infers(comparison: Comparison) -> bool:
    """Whether its design carries an interval that says something of other seeds and questions."""
    return not comparison.descriptive and comparison.ci_low is not None


def same_answers(a: Pooled, b: Pooled) -> bool:
    """Whether all that two are compared by is the same, question by question and seed by seed."""
    return bool(a.scores) and _values(a) == _values(b)


def _values(one: Pooled) -> dict[tuple[str, int, str], float]:
    return {
        (metric, seed, item.key): item.value
        for metric, by_seed in one.scores.items()
        for seed, items in by_seed.items()
        for item in items
    }


def destructive_seeds(one: Pooled) -> tuple[int, ...]:
    """Seeds of a configuration of several that are destructive by themselves, on its endpoints."""
    seeds = {seed for by_seed in one.scores.values() for seed in by_seed}
    return tuple(
        seed
        for seed in sorted(seeds)
        if len(seeds) > 1
        and any(
            limit.word(sum(row.value for row in rows) / len(rows)) == "destructive"
            for limit in LIMITS
            if (rows := one.scores.get(limit.metric, {}).get(seed))
        )
    )


# --- damage -----------------------------------------------------------------------------------


def damage_terms(candidates: Sequence[Configuration]) -> tuple[str, ...]:
    """The terms of damage that all candidates have."""
    replaced = WITHIN_BASE if several_bases(candidates) else ACROSS
    return tuple(
        name
        for name in DAMAGE_TERMS
        if name != replaced and all(name in c.metrics for c in candidates)
    )


def damage_in(configuration: Configuration, terms: Sequence[str]) -> float:
    """The sum of its terms, 1 minus those of which more is better."""
    values = {name: configuration.metrics[name].value for name in terms}
    return round(sum(1 - v if counts_down(name) else v for name, v in values.items()), DIGITS)


def counts_down(name: str) -> bool:
    """Whether more of a term is better, so that what is missing from 1 is the damage."""
    return spec_of(name).better == "high"


def _smallest(
    kept: Sequence[Configuration],
    damage: Mapping[str, float],
    terms: Sequence[str],
    pairs: Pairs,
) -> Configuration:
    """The smallest whose damage is within one standard error of the least."""
    least = kept[0]
    near = [
        one
        for one in kept
        if damage[one.id] - damage[least.id]
        <= (damage_error(least, one, terms, pairs) or 0.0) + 10**-DIGITS
    ]
    return min(near, key=lambda c: (size_of(c), damage[c.id], -recall_of(c), c.id))


def damage_error(
    a: Configuration, b: Configuration, terms: Sequence[str], pairs: Pairs
) -> float | None:
    """Standard error of the difference in damage, its terms taken as independent.

    Returns:
        In the unit of damage; None where a term has no interval that says something of other seeds.
    """
    found = [pairs.of(term, a, b) for term in terms]
    errors = [standard_error(c) for c in found if c is not None and infers(c)]
    return math.hypot(*errors) if errors and len(errors) == len(terms) else None


def standard_error(comparison: Comparison) -> float:
    """Over items and seeds; in results that do not record it, half an interval by the normal's."""
    if comparison.error is not None:
        return comparison.error
    return ((comparison.ci_high or 0.0) - (comparison.ci_low or 0.0)) / 2 / Z


# --- the front --------------------------------------------------------------------------------


def pareto_front(places: Mapping[str, tuple[float, ...]]) -> tuple[str, ...]:
    """Those that no other beats in one thing and at least equals in all.

    Args:
        places: Of each the recall, of which more is better; then the damage, and whatever else
            costs something.
    """
    exact = {
        name: (-round(recall, DIGITS), *(round(cost, DIGITS) for cost in costs))
        for name, (recall, *costs) in places.items()
    }
    return tuple(
        name
        for name, mine in exact.items()
        if not any(
            its != mine and all(a <= b for a, b in zip(its, mine, strict=True))
            for its in exact.values()
        )
    )
