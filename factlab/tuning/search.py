"""The search itself: candidates one after the other, cell by cell, until the budget is spent.

Every figure is that of an ordinary run. What makes a run is handed in (`Measure`), so that this
room needs no model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from factlab.comparison.wording import percent
from factlab.errors import ConfigError, RunFolderError, TrainingError
from factlab.progress import Progress
from factlab.recipes.load import shipped_names, shipped_recipe
from factlab.schema.config import RunConfig
from factlab.schema.recipe import Recipe
from factlab.schema.results import RunResult
from factlab.schema.search import Candidate, CandidateCell, Proposer, SearchResult, SearchStatus
from factlab.tuning.budget import cells_left, in_words, predicted_seconds, why_over
from factlab.tuning.folder import SearchFolder
from factlab.tuning.race import beaten_by
from factlab.tuning.searcher import WORST, Told, propose
from factlab.tuning.space import Space, differences
from factlab.tuning.standing import Measured, with_standings

MOST_REFUSED = 10  # candidates in a row that cannot be trained here
PROPOSALS = 20  # of which one has to fit what is left of the time


class Measure(Protocol):
    """Makes the run of one cell; `pipeline.run_experiment` does."""

    def __call__(
        self, config: RunConfig, *, out: Path, resume: bool, progress: Progress
    ) -> RunResult:
        """Train and measure, and give the result."""


@dataclass(frozen=True, slots=True)
class RaceCell:
    """A fact (or several in one adapter) and a seed, on which every candidate is measured.

    Attributes:
        facts: Ids.
        files: What a run calls them.
        seed: Of initialisation and order.
        work: What training a recipe on it computes, in relative units.
    """

    facts: tuple[str, ...]
    files: tuple[str, ...]
    seed: int
    work: Callable[[Recipe], float]


@dataclass(slots=True)
class Search:
    """A search under way.

    Attributes:
        folder: Where it writes.
        state: What it knows; what `tune.json` holds.
        space: What may be chosen.
        starts: Recipes that are tried first.
        race: The cells of each candidate, in their order.
        measure: Makes the run of a cell.
        progress: Where to report.
        rough: Seconds of a cell by estimate, before any was measured.
        clock: Seconds that pass.
    """

    folder: SearchFolder
    state: SearchResult
    space: Space
    starts: Mapping[str, Recipe]
    race: Sequence[RaceCell]
    measure: Measure
    progress: Progress
    rough: float | None = None
    clock: Callable[[], float] = time.monotonic
    measured: Measured = field(init=False)
    _begun: float = field(init=False)
    _before: float = field(init=False)
    _noted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begin to count the time."""
        self.measured = Measured(self.folder.path)
        self._begun, self._before = self.clock(), self.state.seconds

    # --- the loop -----------------------------------------------------------------------------

    def run(self) -> SearchResult:
        """Measure candidates until the budget is spent, and give what was found.

        Raises:
            FactlabError: for what the first candidate cannot be measured for, and for a full disk.
            KeyboardInterrupt: with the state on disk.
        """
        ended = ""
        while not ended:
            candidate, ended = self._next()
            if candidate is not None and not ended:
                ended = self._carry_on(candidate)
        self._change(ended=ended)
        return self.state

    def _next(self) -> tuple[Candidate | None, str]:
        """The candidate to go on with, or why there is none."""
        unfinished = [one for one in self.state.candidates if one.status == "under way"]
        candidate = unfinished[0] if unfinished else None
        if candidate is not None:
            return candidate, self._over(candidate) or ""
        tried = {one.id for one in self.state.candidates}
        for id_, recipe in self.starts.items():
            if id_ not in tried:
                candidate = self._candidate(id_, "recipe", recipe)
                return candidate, self._over(candidate) or ""
        return self._proposed()

    def _proposed(self) -> tuple[Candidate | None, str]:
        """The first of some proposals that fits what is left."""
        told, over = self._told(), ""
        number = sum(one.proposed_by != "recipe" for one in self.state.candidates)
        by = self.state.searcher
        for skipped in range(PROPOSALS):
            chosen = propose(
                self.space, told, self.state.search_seed, PROPOSALS * number + skipped, by
            )
            if chosen is None:
                return None, "Every recipe that may be chosen was tried."
            id_ = f"t{len(self.state.candidates) + 1:02d}"
            candidate = self._candidate(id_, by, self.space.recipe(id_, chosen))
            over = self._over(candidate) or ""
            if not over:
                return candidate, ""
        return None, over

    def _candidate(self, id_: str, by: Proposer, recipe: Recipe) -> Candidate:
        differs = differences(recipe, shipped_recipe("default"))
        return Candidate(id=id_, proposed_by=by, recipe=recipe, differs=differs)

    def _told(self) -> list[Told]:
        slowest = max((one.training_seconds or 0 for one in self.state.candidates), default=0.0)
        worst_recall, worst_damage = WORST
        return [
            Told(
                choice,
                worst_recall if one.recall is None else one.recall,
                worst_damage if one.damage is None else one.damage,
                slowest if one.training_seconds is None else one.training_seconds,
            )
            for one in self.state.candidates
            if (choice := self.space.choice(one.recipe)) is not None
        ]

    # --- one candidate ------------------------------------------------------------------------

    def _carry_on(self, candidate: Candidate) -> str:
        """Measure the remaining cells of a candidate; gives why the search is over, if it is."""
        self._put(candidate)
        for cell in self._remaining(candidate):
            over = self._over(candidate, whole=False)
            if over:
                return over
            candidate = self._measured_on(candidate, cell)
            self._put(candidate)
            candidate = self._find(candidate.id)
            self._say(candidate)
            if candidate.status != "under way":
                break
        self._write_page()
        return ""

    def _measured_on(self, candidate: Candidate, cell: RaceCell) -> Candidate:
        """The candidate with one cell more, and whether that was its last."""
        number = 1 + [one.id for one in self.state.candidates].index(candidate.id)
        run = self.folder.cell(number, candidate.id, cell.facts, cell.seed)
        seen = {one.facts for one in self.state.cells}
        begun = self.clock()
        try:
            result = self.measure(
                self._config(candidate, cell),
                out=self.folder.path / run,
                resume=(self.folder.path / run / "run.json").is_file(),
                progress=Within(self.progress, f"{candidate.id} {cell.facts[0]}", self._noted),
            )
        except (ConfigError, TrainingError) as error:
            if self._refused_in_a_row() + 1 >= MOST_REFUSED or not self.state.cells:
                raise
            return candidate.model_copy(update={"status": "refused", "reason": str(error)})
        made = result.cells[0]
        done = CandidateCell(
            run=run,
            facts=cell.facts,
            seed=cell.seed,
            seconds=round(self.clock() - begun, 1),
            training_seconds=made.training.seconds if made.training is not None else None,
            work=cell.work(candidate.recipe),
            fresh=cell.facts not in seen,
        )
        candidate = candidate.model_copy(update={"cells": (*candidate.cells, done)})
        if made.status == "diverged":
            reason = made.error or "its loss stopped being a number"
            return candidate.model_copy(update={"status": "diverged", "reason": reason})
        return self._after(candidate)

    def _after(self, candidate: Candidate) -> Candidate:
        """Measured whole, stopped since another dominates it, or under way."""
        if not self._remaining(candidate):
            return candidate.model_copy(update={"status": "measured"})
        rivals = {
            one.id: self.measured.of(one)
            for one in self.state.candidates
            if one.status == "measured"
        }
        beaten = beaten_by(self.measured.of(candidate), rivals)
        if beaten is None:
            return candidate
        other, its, own = beaten
        cells = len(candidate.cells)
        reason = (
            f"Stopped after {cells} of {len(self.race)} cells: on "
            f"{'this' if cells == 1 else 'these'} {other} recalls {percent(its.recall)} with "
            f"damage {its.damage:.2f}, {candidate.id} {percent(own.recall)} with {own.damage:.2f}."
        )
        return candidate.model_copy(update={"status": "stopped", "reason": reason})

    def _config(self, candidate: Candidate, cell: RaceCell) -> RunConfig:
        recipe = candidate.recipe
        known = recipe.name in shipped_names() and recipe == shipped_recipe(recipe.name)
        return self.state.settings.model_copy(
            update={
                "facts": cell.files,
                "seed": (cell.seed,),
                "seeds": None,
                "recipe": recipe.name if known else recipe,
            }
        )

    def _remaining(self, candidate: Candidate) -> list[RaceCell]:
        done = {(cell.facts, cell.seed) for cell in candidate.cells}
        return [cell for cell in self.race if (cell.facts, cell.seed) not in done]

    def _refused_in_a_row(self) -> int:
        number = 0
        for one in reversed(self.state.candidates[:-1]):
            if one.status != "refused":
                break
            number += 1
        return number

    # --- the budget ---------------------------------------------------------------------------

    def _over(self, candidate: Candidate, *, whole: bool = True) -> str | None:
        """Why a candidate's remaining cells, or the next of them, may not begin."""
        remaining = self._remaining(candidate)[: None if whole else 1]
        known = [self._expected(candidate.recipe, cell) for cell in remaining]
        seconds = None if None in known else sum(one or 0 for one in known)
        return why_over(
            self.state.budget,
            done=len(self.state.cells),
            spent=self.spent,
            wanted=len(remaining),
            seconds=seconds,
        )

    def _expected(self, recipe: Recipe, cell: RaceCell) -> float | None:
        fresh = cell.facts not in {one.facts for one in self.state.cells}
        work = cell.work(recipe)
        return predicted_seconds(self.state.cells, work, fresh=fresh, rough=self.rough)

    @property
    def spent(self) -> float:
        """Seconds, over all sessions."""
        return self._before + self.clock() - self._begun

    # --- what is known, and said --------------------------------------------------------------

    def _find(self, id_: str) -> Candidate:
        return next(one for one in self.state.candidates if one.id == id_)

    def _put(self, candidate: Candidate) -> None:
        """Put a candidate in its place, compute where all stand, and write it down."""
        others = self.state.candidates
        placed = (
            tuple(candidate if one.id == candidate.id else one for one in others)
            if any(one.id == candidate.id for one in others)
            else (*others, candidate)
        )
        standing, choice = with_standings(placed, self.measured)
        self._change(candidates=standing, choice=choice)

    def _change(self, **fields: object) -> None:
        self.state = self.state.model_copy(update={**fields, "seconds": round(self.spent, 1)})
        self.folder.write(self.state)

    def finish(self, state: SearchResult) -> None:
        """Write down that the search is over, with what was found since."""
        self.state = state
        self._change(status="complete")
        self._write_page()

    def stopped(self, status: SearchStatus) -> None:
        """Write down that a search ended early; what stopped it is the error to show."""
        with suppress(RunFolderError, OSError):
            self._change(status=status)
            self._write_page()

    @property
    def typical_seconds(self) -> float | None:
        """What a cell of the default recipe takes, as far as that is known."""
        return self._expected(shipped_recipe("default"), self.race[0])

    def _write_page(self) -> None:
        from factlab.report.search_page import render_search

        self.folder.write_page(render_search(self.state))

    def _say(self, candidate: Candidate) -> None:
        done = len(self.state.cells)
        left = cells_left(
            self.state.budget,
            done=done,
            spent=self.spent,
            each=self.typical_seconds,
        )
        more = "" if left is None else f"; about {left} more"
        if candidate.status in ("refused", "diverged", "stopped"):
            self.progress.note(f"{candidate.id} {candidate.status}: {candidate.reason}")
            return
        figures = ", ".join(f"{name} {percent(value)}" for name, value in candidate.metrics.items())
        took = in_words(candidate.cells[-1].seconds)
        self.progress.note(f"cell {done} ({took}{more}): {candidate.id}: {figures}")


@dataclass(slots=True)
class Within:
    """The progress of a cell's run, said to be its.

    Attributes:
        progress: Of the search.
        cell: Which it is.
        noted: What was noted already: each run would say the same of the base.
    """

    progress: Progress
    cell: str
    noted: set[str]

    def stage(self, name: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Begin a stage of `total` units."""
        return self.progress.stage(f"{self.cell}: {name}", total)

    def begin(self, folder: str) -> None:
        """The search has said where it goes."""

    def note(self, message: str) -> None:
        """Something that the user should know, once."""
        if message not in self.noted:
            self.noted.add(message)
            self.progress.note(message)
