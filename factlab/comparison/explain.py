"""The sentences of a choice: what to take, why, who was left out, and what the design lacks.

No sentence says more than the design carries. Two configurations are told apart only where the
interval of their difference excludes 0 and p, adjusted for the number of pairs, is not above 0.05.
Where there is no such interval (one or two seeds, too few questions), the points decide, and the
last sentence says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from factlab.comparison.damage import LEARNED_AT, PARTLY_LEARNED_AT, damage_of
from factlab.comparison.pairs import ENDPOINT_OF, Pairs
from factlab.comparison.pool import Pooled
from factlab.comparison.rule import (
    MARGIN,
    RECALL,
    Decision,
    counts_down,
    destructive_seeds,
    infers,
    keeps_recall,
    recall_of,
    same_answers,
    saves,
)
from factlab.comparison.wording import (
    joined,
    limit_broken,
    percent,
    points,
    rate,
    signed_interval,
)
from factlab.schema.results import Comparison, Configuration
from factlab.stats.seeds import MIN_SEEDS

FIGURES = {
    "retention/far": "keeps {} of the known far controls",
    "accuracy/far": "gets {} of all far controls right",
}
INTRUSIONS = {"intrusion/near": "{} of near", "intrusion/far": "{} of far"}
DIFFERENCES = {
    "retention/far": "keeps {size} {more} of the known far controls {interval}",
    "accuracy/far": "gets {size} {more} of all far controls right {interval}",
    "intrusion/near": "intrudes into {size} {more} near controls {interval}",
    "intrusion/far": "intrudes into {size} {more} far controls {interval}",
}
NAMED = 3  # configurations named in a sentence, before the rest are counted
LESS_DAMAGE = (
    "Try a lower learning rate (--lr), fewer steps (--epochs), anchors (--anchor-weight) or "
    "--recipe distill."
)
MORE_RECALL = "Try more steps (--epochs), a higher learning rate (--lr) or a higher rank."


class Explanation:
    """Says why a decision was made.

    Args:
        decision: By the rule.
        pooled: The scores of the candidates, to see which give the same answers.
        pairs: The comparisons.
    """

    def __init__(self, decision: Decision, pooled: Sequence[Pooled], pairs: Pairs) -> None:
        self.decision = decision
        self.pairs = pairs
        self._scores = {one.configuration.id: one for one in pooled}

    # --- what to take -------------------------------------------------------------------------

    def sentences(self) -> str:
        """What to take and why."""
        chosen = self.decision.chosen
        if chosen is None:
            return " ".join(self._none())
        why = self._why(chosen)
        parts = [
            f"Take {chosen.id} because{',' * why.startswith('of')} {why}.",
            _figures(chosen, self.decision.terms),
            *self._against_highest(chosen),
            *self._against_others(chosen),
            *self.exclusions(),
            *self._doubts(chosen),
        ]
        return " ".join(parts)

    def _why(self, chosen: Configuration) -> str:
        found = self.decision
        if len(found.candidates) == 1:
            return "there is no other to compare it with"
        if len(found.pool) == 1:
            return f"it is the only one that {self._standing(plural=False)}"
        among = f"of the {len(found.pool)} that {self._standing(plural=True)}"
        same = self._same(chosen, found.kept)
        if len(same) == len(found.pool) - 1:
            return (
                f"there is no difference between {_names([chosen, *same])}, which answer alike, so "
                "the smaller one is enough"
            )
        if len(found.kept) == 1:
            return f"{among}, it is the only one that none outdoes in recall"
        if not found.terms:
            return f"{among}, it is the smallest, and damage was not measured"
        least = found.kept[0]
        if found.damage[chosen.id] > found.damage[least.id]:
            return (
                f"{among}, it is the smallest whose damage is within one standard error of the "
                f"least, that of {least.id}"
            )
        ties = [c for c in found.kept if found.damage[c.id] == found.damage[chosen.id]]
        if ties[1:]:
            return f"{among}, it is the smallest of those with the least measured damage"
        return f"{among}, its measured damage is the least"

    def _standing(self, *, plural: bool) -> str:
        """What all that compete have in common, and others lack."""
        found = self.decision
        if recall_of(found.pool[0]) < LEARNED_AT and any(
            recall_of(c) < LEARNED_AT for c in found.pool
        ):
            half = f"{'recall' if plural else 'recalls'} at least {percent(PARTLY_LEARNED_AT)}"
            return f"{half} of held-out phrasings" + self._undestroyed()
        learned = f"learned ({percent(LEARNED_AT)} of held-out phrasings or more)"
        if all(damage_of(c.metrics).word == "clean" for c in found.pool):
            return f"{learned} and {'are' if plural else 'is'} clean"
        return learned + self._undestroyed()

    def _undestroyed(self) -> str:
        return " without being destructive" if self.decision.destructive else ""

    def _same(self, chosen: Configuration, others: Iterable[Configuration]) -> list[Configuration]:
        """Those of others that give the same answers as the chosen one."""
        mine = self._scores.get(chosen.id)
        return [
            c
            for c in others
            if c.id != chosen.id
            and mine is not None
            and c.id in self._scores
            and same_answers(mine, self._scores[c.id])
        ]

    # --- against others -----------------------------------------------------------------------

    def _against_highest(self, chosen: Configuration) -> list[str]:
        found, best = self.decision, self.decision.best
        if len(found.pool) == 1:
            return []
        gap = recall_of(best) - recall_of(chosen)
        if gap <= 0:
            return ["None of them recalls more."]
        pair = self.pairs.of(RECALL, chosen, best)
        more, close = f"{best.id}, the highest, recalls {points(gap)} more", ""
        if pair is not None and infers(pair):
            more += f" (interval {signed_interval(pair)})"
            if self.pairs.excludes_loss(RECALL, best, chosen):
                return [f"{more}; that it is {points(MARGIN)} is excluded."]
            close = "; the interval does not exclude more"
        if keeps_recall(chosen, best, self.pairs):
            return [f"{more}, which is within {points(MARGIN)} as measured{close}."]
        if saves(chosen, best, found.damage):
            added = found.damage[best.id] - found.damage[chosen.id]
            return [f"{more} and adds {points(added)} of damage."]
        return [f"{more}."]

    def _against_others(self, chosen: Configuration) -> list[str]:
        """Of those that were left: where a difference in damage is shown, and where none is."""
        found = self.decision
        same = self._same(chosen, found.kept)
        others = [c for c in found.kept if c.id != chosen.id and c not in same]
        said = []
        if same and len(same) < len(found.pool) - 1:
            said.append(f"{_names(same)} {_give(same)} the same answers: no difference.")
        others = [c for c in others if self._infers(chosen, c)]
        apart = [c for c in others if self._shown(chosen, c)]
        if apart:
            differences = joined([_difference(c) for c in self._shown(chosen, apart[0])])
            said.append(f"Against {apart[0].id} it {differences}.")
        alike = [c for c in others if c not in apart and not self.pairs.distinct(RECALL, chosen, c)]
        if alike:
            said.append(f"This design does not tell it from {_names(alike)}.")
        return said

    def _infers(self, a: Configuration, b: Configuration) -> bool:
        """Whether the design carries an interval for all that decides between two."""
        found = [self.pairs.of(name, a, b) for name in (RECALL, *self.decision.terms)]
        return all(c is not None and infers(c) for c in found)

    def _shown(self, chosen: Configuration, other: Configuration) -> list[Comparison]:
        """The terms of damage in which the data tell two apart, as chosen − other."""
        found = [self.pairs.distinct(term, other, chosen) for term in self.decision.terms]
        return [c for c in found if c is not None]

    # --- who was left out ---------------------------------------------------------------------

    def excluded(self) -> dict[str, str]:
        """Configuration → why it was not taken, for those that did not stay to the end."""
        return {id_: f"{group}: {why}" for group, one in self._groups().items() for id_, why in one}

    def exclusions(self) -> list[str]:
        """A sentence for each reason to leave some out."""
        return [f"{group}: {_listed(found)}." for group, found in self._groups().items()]

    def _groups(self) -> dict[str, list[tuple[str, str]]]:
        found = self.decision
        inside = {c.id for c in (*found.destructive, *found.pool)}
        outside = [c for c in found.candidates if c.id not in inside]
        floor = LEARNED_AT if found.pool and _learned(found.pool) else PARTLY_LEARNED_AT
        short = [c for c in outside if recall_of(c) < floor]
        unclean = [c for c in outside if c not in short]
        groups = {
            "Excluded as destructive": [(c.id, _limits(c)) for c in found.destructive],
            "Left out, since others are clean": [(c.id, _limits(c)) for c in unclean],
            f"Left out below {percent(floor)} recall": [
                (c.id, percent(c.metrics[RECALL].value)) for c in short
            ],
            "Outdone in recall": [
                (c.id, self._outdone(c, found.outdone[c.id]))
                for c in found.pool
                if c.id in found.outdone
            ],
        }
        return {name: members for name, members in groups.items() if members}

    def _outdone(self, one: Configuration, by: Configuration) -> str:
        found = self.decision
        more = points(recall_of(by) - recall_of(one))
        saved = found.damage[by.id] - found.damage[one.id]
        kept = f"saves {points(saved)}" if saved > 0 else "saves nothing"
        return f"{by.id} recalls {more} more, and it {kept} of damage"

    # --- what is not sure ---------------------------------------------------------------------

    def _doubts(self, chosen: Configuration) -> list[str]:
        said = []
        could_be = damage_of(chosen.metrics).could_be
        if could_be is not None:
            said.append(f"Its own intervals do not exclude that it is {could_be}.")
        wrecked = destructive_seeds(self._scores[chosen.id])
        if wrecked:
            seeds = f"{len(wrecked)} of its {len(chosen.seeds)} seeds"
            named = joined([str(seed) for seed in wrecked])
            said.append(f"Taken alone, {seeds} would be destructive (seed {named}).")
        if recall_of(chosen) < LEARNED_AT:
            said.append("With that it is only partly learned.")
        others = [c for c in self.decision.candidates if c.id != chosen.id]
        if others and not all(self._infers(chosen, c) for c in others):
            said.append(f"Points decided: {self._lacks(chosen, others)}.")
        return said

    def _lacks(self, chosen: Configuration, others: Sequence[Configuration]) -> str:
        """Why there is no interval that would say something of other seeds."""
        if any(self.pairs.of(RECALL, chosen, c) is None for c in others):
            return "not all of them share seeds and questions to be compared on"
        seeds = min(len(c.seeds) for c in (chosen, *others))
        if seeds < MIN_SEEDS:
            few = "one seed does" if seeds == 1 else f"{seeds} seeds do"
            return f"{few} not show what another would give; with {MIN_SEEDS} or more it is shown"
        return "there are too few independent questions for an interval"

    # --- none ---------------------------------------------------------------------------------

    def _none(self) -> list[str]:
        """Nothing can be recommended: why, and what to try."""
        found = self.decision
        wrecks = [c for c in found.destructive if recall_of(c) >= PARTLY_LEARNED_AT]
        best = found.best
        if not wrecks:
            return [
                f"Take none of them: even {best.id}, the highest, recalls only "
                f"{rate(best.metrics[RECALL])} of held-out phrasings.",
                *self._wrecks(found.destructive),
                MORE_RECALL,
            ]
        others = [c for c in found.candidates if c not in found.destructive]
        rest = ""
        if others:
            rest = f"; of the others even {best.id} recalls only {rate(best.metrics[RECALL])}"
        half = f"at least {percent(PARTLY_LEARNED_AT)} of held-out phrasings"
        learned = f"all that recall {half} are" if wrecks[1:] else f"what recalls {half} is"
        return [
            f"Take none of them: {learned} destructive{rest}.",
            *self._wrecks(found.destructive),
            LESS_DAMAGE,
        ]

    def _wrecks(self, destructive: Sequence[Configuration]) -> list[str]:
        members = [
            (c.id, f"recall {percent(c.metrics[RECALL].value)}, {_limits(c)}") for c in destructive
        ]
        return [f"Destructive: {_listed(members)}."] if members else []

    # --- damage of those that are left --------------------------------------------------------

    def matched(self) -> str:
        """The damage of those whose recall is not worse."""
        found = self.decision
        if len(found.kept) < 2:
            return "No two are left to be compared in damage."
        if not found.terms:
            return f"Of {_names(found.kept)} damage was not measured."
        formula = " + ".join(f"(1 − {t})" if counts_down(t) else t for t in found.terms)
        return (
            f"Damage of those that are left: {self._damages()}; it is {formula} and has no "
            "interval of its own."
        )

    def _damages(self) -> str:
        """`0.05 for r08, 0.10 for r16 and 0.12 to 0.30 for 4 others`."""
        found = self.decision
        named, rest = found.kept, found.kept[:0]
        if len(named) > NAMED + 1:
            named, rest = named[:NAMED], named[NAMED:]
        said = [f"{found.damage[c.id]:.2f} for {c.id}" for c in named]
        if rest:
            low, high = (f"{found.damage[rest[end].id]:.2f}" for end in (0, -1))
            span = low if low == high else f"{low} to {high}"
            said.append(f"{span} for {len(rest)} others")
        return joined(said)


def _learned(pool: Sequence[Configuration]) -> bool:
    return all(recall_of(c) >= LEARNED_AT for c in pool)


def _figures(chosen: Configuration, terms: Sequence[str]) -> str:
    """What it recalls and what that costs, each with its interval."""
    shown = {term: rate(chosen.metrics[term]) for term in terms}
    said = [f"recalls {rate(chosen.metrics[RECALL])} of held-out phrasings"]
    said += [words.format(shown[term]) for term, words in FIGURES.items() if term in shown]
    into = [words.format(shown[term]) for term, words in INTRUSIONS.items() if term in shown]
    if not into:
        return f"It {joined(said)}."
    return f"It {joined(said)}; the injected value is in {joined(into)} answers."


def _limits(configuration: Configuration) -> str:
    """The limits that it breaks, with its values: `near intrusion 99 %, limit 50 %`."""
    return limit_broken(configuration.metrics, damage_of(configuration.metrics).word)


def _difference(comparison: Comparison) -> str:
    words = DIFFERENCES[comparison.metric].format(
        size=points(comparison.difference),
        more="more" if comparison.difference > 0 else "fewer",
        interval=_bounds(comparison),
    )
    worse = ENDPOINT_OF[comparison.metric].is_worse(comparison.difference)
    return f"{words}, which is worse" if worse else words


def _bounds(comparison: Comparison) -> str:
    """Both bounds of an interval that excludes 0, without signs."""
    low, high = sorted((abs(comparison.ci_low or 0.0), abs(comparison.ci_high or 0.0)))
    return f"({points(low).split()[0]}–{points(high).split()[0]})"


def _give(configurations: Sequence[Configuration]) -> str:
    return "give" if len(configurations) > 1 else "gives"


def _names(configurations: Sequence[Configuration]) -> str:
    ids = [c.id for c in configurations]
    if len(ids) > NAMED + 1:
        ids = [*ids[:NAMED], f"{len(ids) - NAMED} others"]
    return joined(ids)


def _listed(members: Sequence[tuple[str, str]]) -> str:
    """`r08 (why), r16 (why) and 2 others`."""
    named = members if len(members) <= NAMED + 1 else members[:NAMED]
    said = [f"{id_} ({why})" for id_, why in named]
    more = len(members) - len(named)
    return joined([*said, f"{more} others"] if more else said)
