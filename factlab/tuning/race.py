"""When a candidate is not worth its remaining cells: another beats it on what both have.

Candidates are measured fact by fact and seed by seed, in the same order. One that is dominated by
more than the margin of the endpoints is stopped. That can be wrong, since the other cells might
have turned it round: what was stopped is said to be, and is never taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from factlab.comparison.pairs import ENDPOINT_OF
from factlab.comparison.pool import Pooled, pool
from factlab.comparison.responses import CellScores
from factlab.comparison.rule import DIGITS, RECALL, damage_in, damage_terms

CellKey = tuple[tuple[str, ...], int]  # facts and seed


class Place(NamedTuple):
    """Where a candidate stands: recall is good, damage is not."""

    recall: float
    damage: float


def margins(terms: Sequence[str]) -> Place:
    """Differences that are too small to matter: of recall, and of the sum of the terms of damage.

    That of the damage is the largest of its terms', not their sum: a recipe that is worse in one
    term alone is worse.
    """
    allowed = [ENDPOINT_OF[name].margin for name in terms if name in ENDPOINT_OF]
    return Place(ENDPOINT_OF[RECALL].margin, max(allowed, default=0.0))


def dominates(other: Place, one: Place, margin: Place) -> bool:
    """Whether another is no worse in anything, and better in something by more than its margin."""
    gained, saved = (
        round(other.recall - one.recall, DIGITS),
        round(one.damage - other.damage, DIGITS),
    )
    return gained >= 0 and saved >= 0 and (gained > margin.recall or saved > margin.damage)


def pooled_on(name: str, measured: Mapping[CellKey, CellScores], keys: Sequence[CellKey]) -> Pooled:
    """A candidate as a configuration, over some of its cells: by the code of `factlab compare`."""
    scores = [_renamed(name, key, measured[key]) for key in keys if key in measured]
    return pool(name, [one.cell for one in scores], scores, tuple(ENDPOINT_OF))


def _renamed(name: str, key: CellKey, scores: CellScores) -> CellScores:
    """A cell by an id of its own: each run calls its only one the same."""
    facts, seed = key
    id_ = f"{name}-{'+'.join(facts)}-s{seed}"
    cell = scores.cell.model_copy(update={"id": id_, "configuration": name})
    return CellScores(cell, scores.scores, scores.base_scores, scores.chances)


def beaten_by(
    name: str,
    measured: Mapping[CellKey, CellScores],
    others: Mapping[str, Mapping[CellKey, CellScores]],
) -> tuple[str, Place, Place] | None:
    """The first of others that dominates a candidate on the cells that both have.

    Args:
        name: The candidate.
        measured: Its cells so far.
        others: The cells of those that were measured whole.

    Returns:
        Which one, where it stands on those cells, and where the candidate does.
    """
    for other, theirs in others.items():
        keys = [key for key in measured if key in theirs]
        if not keys:
            continue
        mine = pooled_on(name, measured, keys).configuration
        its = pooled_on(other, theirs, keys).configuration
        if RECALL not in mine.metrics or RECALL not in its.metrics:
            continue
        terms = damage_terms([mine, its])
        here, there = (
            Place(one.metrics[RECALL].value, damage_in(one, terms)) for one in (mine, its)
        )
        if dominates(there, here, margins(terms)):
            return other, there, here
    return None
