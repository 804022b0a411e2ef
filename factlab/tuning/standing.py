"""Cells → where candidates stand: their figures, the front, and the one to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from factlab.comparison.choose import choose
from factlab.comparison.damage import damage_of
from factlab.comparison.pairs import METRICS, KnownPairs, compare_pairs
from factlab.comparison.pool import Pooled, pool
from factlab.comparison.responses import CellScores, RunResponses
from factlab.comparison.rule import RECALL, damage_in, damage_terms, pareto_front
from factlab.errors import RunFolderError
from factlab.runs.folder import RunFolder
from factlab.runs.integrity import refuse_damaged
from factlab.schema.results import Choice
from factlab.schema.search import Candidate, FrontWord
from factlab.tuning.race import CellKey


@dataclass(slots=True)
class Measured:
    """The scores of all cells of a search, read from their run folders, each once.

    Attributes:
        folder: Of the search.
        scores: Run → scores; None of one that diverged.
        pools: Candidate and its number of cells → those together.
        pairs: What compares two candidates that were measured whole, once computed.
    """

    folder: Path
    scores: dict[str, CellScores | None] = field(default_factory=dict)
    pools: dict[tuple[str, int], Pooled] = field(default_factory=dict)
    pairs: KnownPairs = field(default_factory=dict)

    def of(self, candidate: Candidate) -> dict[CellKey, CellScores]:
        """The cells of a candidate that were measured to their end."""
        found: dict[CellKey, CellScores] = {}
        for cell in candidate.cells:
            if cell.run not in self.scores:
                self.scores[cell.run] = read_cell(self.folder / cell.run)
            scores = self.scores[cell.run]
            if scores is not None:
                found[cell.facts, cell.seed] = scores
        return found

    def pooled(self, candidate: Candidate) -> Pooled | None:
        """A candidate as a configuration, by the code of `factlab compare`."""
        cells = self.of(candidate)
        if not cells:
            return None
        key = (candidate.id, len(cells))
        if key not in self.pools:
            renamed = [_renamed(candidate.id, key, scores) for key, scores in cells.items()]
            own = [one.cell for one in renamed]
            self.pools[key] = pool(candidate.id, own, renamed, METRICS)
        return self.pools[key]


def _renamed(name: str, key: CellKey, scores: CellScores) -> CellScores:
    """A cell by an id of its own: each run calls its only one the same."""
    facts, seed = key
    id_ = f"{name}-{'+'.join(facts)}-s{seed}"
    cell = scores.cell.model_copy(update={"id": id_, "configuration": name})
    return replace(scores, cell=cell)


def read_cell(run: Path) -> CellScores | None:
    """The scores of a run's only cell; None if it diverged.

    Raises:
        RunFolderError: where its files are gone or damaged.
    """
    folder = RunFolder(run)
    finished = folder.finished_cells()
    if len(finished) != 1:
        raise RunFolderError(
            f"{run}: this run of the search is gone, or is not the one that it made. Restore it, "
            "or begin a new search with another --out."
        )
    refuse_damaged(folder)
    (cell,) = finished
    return RunResponses.read(folder).score(cell) if cell.status == "complete" else None


def with_standings(
    candidates: Sequence[Candidate], measured: Measured
) -> tuple[tuple[Candidate, ...], Choice | None]:
    """The candidates with their figures and the front, and which to take.

    Returns:
        Candidates in their order; and the choice among those that were measured whole, None where
        there are fewer than two.
    """
    pooled = {one.id: found for one in candidates if (found := measured.pooled(one)) is not None}
    whole = {one.id: pooled[one.id] for one in candidates if one.status == "measured"}
    terms = damage_terms([one.configuration for one in pooled.values()])
    front = _front(candidates, whole, terms)
    choice = choose(list(whole.values()), compare_pairs(list(whole.values()), measured.pairs))
    return tuple(
        _with_figures(one, pooled.get(one.id), terms, front.get(one.id)) for one in candidates
    ), choice


def seconds_of(candidate: Candidate) -> float | None:
    """Seconds of training an adapter, the mean over cells."""
    known = [c.training_seconds for c in candidate.cells if c.training_seconds is not None]
    return sum(known) / len(known) if known else None


def _front(
    candidates: Sequence[Candidate], whole: Mapping[str, Pooled], terms: Sequence[str]
) -> dict[str, FrontWord]:
    """Those that no other beats in recall and damage, and those that stay for their speed."""
    places: dict[str, tuple[float, float, float]] = {}
    for one in candidates:
        figures = whole[one.id].configuration if one.id in whole else None
        seconds = seconds_of(one)
        if figures is not None and RECALL in figures.metrics and seconds is not None:
            places[one.id] = (figures.metrics[RECALL].value, damage_in(figures, terms), seconds)
    front = pareto_front({name: place[:2] for name, place in places.items()})
    found: dict[str, FrontWord] = {
        name: "front" if name in front else "faster" for name in (*front, *pareto_front(places))
    }
    return found


def _with_figures(
    candidate: Candidate, pooled: Pooled | None, terms: Sequence[str], front: FrontWord | None
) -> Candidate:
    if pooled is None:
        return candidate
    metrics = pooled.configuration.metrics
    names = [name for name in (RECALL, *terms) if name in metrics]
    known = RECALL in metrics and bool(terms)
    return candidate.model_copy(
        update={
            "metrics": {name: metrics[name].value for name in names},
            "sizes": {name: metrics[name].n for name in names},
            "recall": metrics[RECALL].value if RECALL in metrics else None,
            "damage": damage_in(pooled.configuration, terms) if known else None,
            "training_seconds": seconds_of(candidate),
            "cost": damage_of(metrics).word,
            "front": front,
        }
    )
