"""When a candidate is not worth its remaining cells: another beats it on what both have.

Candidates are measured fact by fact and seed by seed, in the same order. One that is dominated by
more than the margin of the endpoints is stopped. That can be wrong, since the other cells might
have turned it round: what was stopped is said to be, and is never taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from factlab.comparison.pairs import ENDPOINT_OF
from factlab.comparison.responses import CellScores
from factlab.comparison.rule import ACROSS, DAMAGE_TERMS, DIGITS, RECALL, counts_down
from factlab.metrics.measure import averaged
from factlab.metrics.scores import Scores

CellKey = tuple[tuple[str, ...], int]  # facts and seed


class RacePlace(NamedTuple):
    """Where a candidate stands: recall is good, damage is not."""

    recall: float
    damage: float


def margins(terms: Sequence[str]) -> RacePlace:
    """Differences that are too small to matter: of recall, and of the sum of the terms of damage.

    That of the damage is the largest of its terms', not their sum: a recipe that is worse in one
    term alone is worse.
    """
    allowed = [ENDPOINT_OF[name].margin for name in terms if name in ENDPOINT_OF]
    return RacePlace(ENDPOINT_OF[RECALL].margin, max(allowed, default=0.0))


def dominates(other: RacePlace, one: RacePlace, margin: RacePlace) -> bool:
    """Whether another is no worse in anything, and better in something by more than its margin."""
    gained, saved = (
        round(other.recall - one.recall, DIGITS),
        round(one.damage - other.damage, DIGITS),
    )
    return gained >= 0 and saved >= 0 and (gained > margin.recall or saved > margin.damage)


def beaten_by(
    measured: Mapping[CellKey, CellScores], others: Mapping[str, Mapping[CellKey, CellScores]]
) -> tuple[str, RacePlace, RacePlace] | None:
    """The first of others that dominates a candidate on the cells that both have.

    Args:
        measured: The candidate's cells so far.
        others: The cells of those that were measured whole.

    Returns:
        Which one, where it stands on those cells, and where the candidate does.
    """
    for other, theirs in others.items():
        keys = [key for key in measured if key in theirs]
        mine, its = ([cells[key].scores for key in keys] for cells in (measured, theirs))
        if not keys or not all(RECALL in scores for scores in (*mine, *its)):
            continue
        terms = [
            name
            for name in DAMAGE_TERMS
            if name != ACROSS and all(name in scores for scores in (*mine, *its))
        ]
        here, there = place_of(mine, terms), place_of(its, terms)
        if dominates(there, here, margins(terms)):
            return other, there, here
    return None


def place_of(cells: Sequence[Scores], terms: Sequence[str]) -> RacePlace:
    """Where cells stand together, as `comparison/rule.py` has it of a configuration."""
    found = {name: _mean(cells, name) for name in (RECALL, *terms)}
    damage = sum(1 - found[name] if counts_down(name) else found[name] for name in terms)
    return RacePlace(found[RECALL], damage)


def _mean(cells: Sequence[Scores], name: str) -> float:
    """Over questions, of each the mean over its seeds."""
    items = averaged(item for scores in cells for item in scores[name])
    return sum(item.value for item in items) / len(items)
