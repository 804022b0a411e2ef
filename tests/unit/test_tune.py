"""`factlab tune`: space, proposals, races, budget; and a search that is stopped and resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quick_runs import leave_charts_empty
from small_runs import HELD_OUT, Made, write_run

from factlab.comparison.rule import pareto_front
from factlab.errors import ConfigError, TrainingError
from factlab.experiment.checks import check_cells
from factlab.experiment.grid import cells_of
from factlab.progress import Silent
from factlab.recipes.load import load_recipe, shipped_names, shipped_recipe, shipped_recipes
from factlab.recipes.write import recipe_yaml
from factlab.report.search_page import render_search
from factlab.runs.folder import RunFolder
from factlab.schema.config import RunConfig
from factlab.schema.recipe import OVERRIDES, Recipe
from factlab.schema.results import RunResult, TrainingRecord
from factlab.schema.search import CandidateCell, SearchBudget, SearchResult
from factlab.tuning.budget import predicted_seconds, why_over
from factlab.tuning.folder import SearchFolder, open_search
from factlab.tuning.race import RacePlace, dominates
from factlab.tuning.search import MOST_REFUSED, RaceCell, Search
from factlab.tuning.searcher import Told, propose
from factlab.tuning.space import SPACE, Choice, Space, differences, values_of
from factlab.workflows.tune import check_search, recipe_to_take

WHOLE = Space.of({})
SEARCHERS = ("random", "optuna")


@pytest.fixture(autouse=True)
def _empty_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_charts_empty(monkeypatch)


def some_choice(seed: int, space: Space = WHOLE) -> Choice:
    found = propose(space, [], 0, seed, "random")
    assert found is not None
    return found


# --- the space ----------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", SPACE, ids=lambda axis: axis.name)
def test_each_axis_is_an_option_and_each_of_its_values_one_that_it_takes(axis: Any) -> None:
    assert axis.name in OVERRIDES
    assert len(axis.values) == len(set(axis.values)) > 1
    for value in axis.values:
        read = Recipe.model_validate({"name": "any", axis.name: value})
        assert getattr(read, axis.name) == value


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_whatever_may_be_chosen_is_a_recipe_that_a_run_takes(seed: int) -> None:
    chosen = some_choice(seed)
    recipe = WHOLE.recipe("t01", chosen)
    assert Recipe.model_validate(recipe.model_dump()) == recipe
    assert WHOLE.choice(recipe) == chosen
    config = RunConfig(facts=("mount_fuji",), recipe=recipe)
    check_cells(config, cells_of(config, [recipe], ["mount_fuji"]))


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_a_recipe_that_is_written_reads_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    recipe = WHOLE.recipe("tuned-1", some_choice(seed)).model_copy(update={"about": "a: b # é"})
    file = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    file.write_text(recipe_yaml(recipe, comments=("how: to use it",)), encoding="utf-8")
    assert load_recipe(file) == recipe


def test_the_shipped_recipes_inside_the_space_come_first_and_the_default_before_all() -> None:
    inside = WHOLE.shipped()
    assert list(inside)[:1] == ["default"]
    assert {"light", "plain"} <= set(inside)
    assert {"tutorial", "paper-qlora"}.isdisjoint(inside)
    assert all(recipe == shipped_recipe(name) for name, recipe in inside.items())


def test_an_option_fixes_a_value_limits_it_or_adds_one() -> None:
    space = Space.of({"rank": (4,), "epochs": (2.0, 3.0), "dropout": (0.0, 0.1)})
    for seed in range(30):
        recipe = space.recipe("t01", some_choice(seed, space))
        assert recipe.rank == 4
        assert recipe.epochs in (2.0, 3.0)
        assert recipe.dropout in (0.0, 0.1)
    few = Space.of({}, blocks=8).axes["last_layers"].values
    assert few == (4, None)  # the last eight of eight are all
    default = space.shipped()["default"]
    assert (default.rank, default.epochs) == (4, 3.0)
    # Results could not tell it from the shipped one of its name.
    assert default.name not in shipped_names()


def test_recipes_differ_by_what_decides_a_number() -> None:
    default, plain = shipped_recipe("default"), shipped_recipe("plain")
    assert differences(default, default) == {}
    assert differences(plain, default) == {"epochs": "2", "anchor_weight": "0"}
    idle = plain.model_copy(update={"anchor_prompts": 120})
    assert values_of(idle) == values_of(plain)


# --- proposals ----------------------------------------------------------------------------------


def told(seeds: range) -> list[Told]:
    return [Told(some_choice(s), 0.5 + s / 40, 0.9 - s / 40, 60.0 + s) for s in seeds]


@pytest.mark.parametrize("by", SEARCHERS)
def test_a_proposal_depends_on_what_was_measured_and_is_new(by: Any) -> None:
    if by == "optuna":
        pytest.importorskip("optuna")
    known = told(range(9))
    first = propose(WHOLE, known, 1, 5, by)
    assert first is not None
    assert first == propose(WHOLE, known, 1, 5, by)
    assert first not in [one.choice for one in known]
    assert {n for n in range(4) if propose(WHOLE, known, 1, n, by) != first}


def test_optuna_goes_where_it_was_told_that_it_is_good() -> None:
    pytest.importorskip("optuna")
    space = Space.of(
        {name: (axis.values[0],) for name, axis in WHOLE.axes.items()}
        | {"rank": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)}
    )
    known = []
    for place in (0, 3, 6, 9, 10, 11, 1, 5):
        chosen = {**some_choice(0, space), "rank": place}
        known.append(Told(chosen, 0.9, abs(8 - place) / 10, 60.0))
    drawn = [propose(space, known, 0, n, "optuna") for n in range(8)]
    places = [one["rank"] for one in drawn if one is not None]
    assert sum(place in (7, 8) for place in places) >= 5


def test_a_space_that_was_tried_whole_has_no_further_proposal() -> None:
    space = Space.of({name: axis.values[:1] for name, axis in WHOLE.axes.items()})
    only = some_choice(0, space)
    assert propose(space, [Told(only, 0.9, 0.1, 1.0)], 0, 1, "random") is None


# --- the race and the front ---------------------------------------------------------------------

shares = st.floats(0, 1, allow_nan=False)
places = st.builds(RacePlace, shares, st.floats(0, 3, allow_nan=False))
MARGIN = RacePlace(0.05, 0.05)


@given(places, places)
def test_of_two_candidates_at_most_one_dominates(a: RacePlace, b: RacePlace) -> None:
    assert not dominates(a, a, MARGIN)
    assert not (dominates(a, b, MARGIN) and dominates(b, a, MARGIN))
    if dominates(a, b, MARGIN):
        assert a.recall >= b.recall - 1e-9
        assert a.damage <= b.damage + 1e-9
        assert dominates(a, b, RacePlace(0.0, 0.0))


def test_a_difference_within_the_margin_stops_nothing() -> None:
    assert not dominates(RacePlace(0.95, 0.30), RacePlace(0.90, 0.35), MARGIN)
    assert dominates(RacePlace(0.95, 0.30), RacePlace(0.95, 0.36), MARGIN)
    assert not dominates(RacePlace(0.94, 0.10), RacePlace(0.95, 2.00), MARGIN)


@given(
    st.dictionaries(st.text(max_size=3), st.tuples(shares, shares, shares), min_size=1, max_size=8)
)
def test_the_front_is_what_no_other_beats(found: dict[str, tuple[float, float, float]]) -> None:
    front = pareto_front(found)
    plane = pareto_front({name: place[:2] for name, place in found.items()})
    assert front

    def beats(a: str, b: str) -> bool:
        (r, *costs), (other, *others) = ([round(v, 9) for v in found[name]] for name in (a, b))
        no_worse = r >= other and all(x <= y for x, y in zip(costs, others, strict=True))
        return no_worse and (r, *costs) != (other, *others)

    for name in found:
        beaten = [other for other in found if beats(other, name)]
        assert (name in front) == (not beaten)
        assert name in front or any(other in front for other in beaten)
    # What is on the front of two aims is beaten in three only by what equals it in those.
    for name in set(plane) - set(front):
        assert any(found[o][:2] == pytest.approx(found[name][:2], abs=1e-9) for o in front)


# --- the budget ---------------------------------------------------------------------------------


def cell(seconds: float, training: float, work: float, *, fresh: bool = False) -> CandidateCell:
    return CandidateCell(
        run="trials/x", facts=("fuji",), seed=0, seconds=seconds, training_seconds=training,
        work=work, fresh=fresh,
    )  # fmt: skip


def test_the_next_cell_is_expected_to_take_what_finished_ones_took() -> None:
    assert predicted_seconds([], 5.0, fresh=True, rough=300.0) == 300.0
    assert predicted_seconds([], 5.0, fresh=True) is None
    done = [cell(200, 60, 6, fresh=True), cell(120, 60, 6), cell(220, 160, 16)]
    assert predicted_seconds(done, 3.0, fresh=False) == pytest.approx(60 + 30)
    assert predicted_seconds(done, 3.0, fresh=True) == pytest.approx(140 + 30)


@given(
    st.integers(0, 50), st.floats(0, 7200), st.integers(1, 6), st.floats(0, 7200),
    st.one_of(st.none(), st.integers(1, 60)), st.one_of(st.none(), st.floats(0, 120)),
)  # fmt: skip
def test_nothing_begins_that_would_not_fit(
    done: int, spent: float, wanted: int, seconds: float, cells: int | None, minutes: float | None
) -> None:
    budget = SearchBudget(cells=cells, minutes=minutes)
    why = why_over(budget, done=done, spent=spent, wanted=wanted, seconds=seconds)
    fits = (cells is None or done + wanted <= cells) and (
        minutes is None or (spent < 60 * minutes and spent + seconds <= 60 * minutes + 1e-6)
    )
    assert fits or why
    if why is None:
        assert fits
    else:
        assert why.endswith(".")


@pytest.mark.parametrize(
    ("options", "budget", "says"),
    [
        ({}, SearchBudget(), "a search needs a budget"),
        ({"placebo": True}, SearchBudget(cells=4), "--placebo says nothing"),
        ({"precision": ("nf4", "bf16")}, SearchBudget(cells=4), "holds the base in one way"),
    ],
)
def test_what_a_search_has_no_use_for_is_refused(
    options: dict[str, Any], budget: SearchBudget, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        check_search(RunConfig(facts=("mount_fuji",), **options), budget)


# --- a search -----------------------------------------------------------------------------------

FACTS = ("fuji", "nile")


def quality(recipe: Recipe, fact: str) -> Made:
    """Made up: anchors save near controls, and a high rate recalls."""
    recalled = HELD_OUT if recipe.learning_rate >= 7e-4 else HELD_OUT // 2
    into = 0 if recipe.anchor_weight >= 1 else 3 if recipe.anchor_weight else 9
    return Made(rank=recipe.rank, recalled=recalled, into_near=into, facts=(fact,))


class MadeUp:
    """Makes the run of a cell from its recipe alone, and remembers which were made."""

    def __init__(self, stop_at: int | None = None, refuse: Callable[[Recipe], bool] | None = None):
        self.made: list[tuple[str, str]] = []
        self.stop_at, self.refuse = stop_at, refuse
        self.now = 0.0

    def __call__(self, config: RunConfig, *, out: Path, resume: bool, progress: Any) -> RunResult:
        recipe = config.recipe
        recipe = shipped_recipe(recipe) if isinstance(recipe, str) else recipe
        if self.stop_at == len(self.made):
            self.stop_at = None
            raise KeyboardInterrupt
        if self.refuse is not None and self.refuse(recipe):
            raise TrainingError("no such layer")
        (fact,) = config.facts
        write_run(out, quality(recipe, fact))
        self.made.append((recipe.name, fact))
        self.now += 100.0
        (found,) = RunFolder(out).finished_cells()
        trained = TrainingRecord(
            seconds=recipe.epochs * 10, steps=1, examples=1, examples_per_second=1, tokens=1,
            answer_tokens=1, peak_memory_bytes=1, trainable_parameters=1, total_parameters=2,
            final_loss_nats=None,
        )  # fmt: skip
        return RunResult.model_construct(cells=(found.model_copy(update={"training": trained}),))


def a_search(
    path: Path, measure: MadeUp, cells: int = 12, state: SearchResult | None = None, **more: Any
) -> Search:
    space = more.pop("space", WHOLE)
    fresh = SearchResult(
        started="2026-01-01",
        settings_sha256="ab" * 32,
        settings=RunConfig(facts=FACTS),
        model="small",
        facts=FACTS,
        seeds=(0,),
        search_seed=3,
        searcher="random",
        space=space.described(),
        budget=more.pop("budget", SearchBudget(cells=cells)),
    )
    if state is not None:
        fresh = state.model_copy(update={"budget": fresh.budget})
    race = [RaceCell((fact,), (fact,), 0, lambda recipe: recipe.epochs) for fact in FACTS]
    return Search(
        SearchFolder(path),
        fresh,
        space,
        more.pop("starts", space.shipped()),
        race,
        measure,
        Silent(),
        clock=lambda: measure.now,
        **more,
    )


def test_a_search_measures_known_recipes_first_stops_what_is_dominated_and_chooses(
    tmp_path: Path,
) -> None:
    measure = MadeUp()
    found = a_search(tmp_path, measure).run()
    by_id = {one.id: one for one in found.candidates}
    assert [name for name, _ in measure.made[:4]] == ["default", "default", "light", "plain"]
    assert len(found.cells) == len(measure.made) <= 12
    plain = by_id["plain"]  # as much recall as default, and more intrusion, on the first fact
    assert plain.status == "stopped"
    assert len(plain.cells) == 1
    assert "Stopped after 1 of 2 cells" in plain.reason
    assert found.choice is not None
    assert found.chosen is not None
    assert found.chosen.status == "measured"
    assert found.chosen.damage == min(
        one.damage
        for one in found.candidates
        if one.damage is not None and one.status == "measured" and (one.recall or 0) >= 0.9
    )
    fronted = {one.id for one in found.candidates if one.front == "front"}
    assert fronted == set(found.choice.pareto)
    assert SearchFolder(tmp_path).read() == found
    for one in found.candidates:
        assert one.status != "under way"
        for done in one.cells:
            assert (tmp_path / done.run / "run.json").is_file()


def test_a_search_that_is_stopped_and_resumed_is_the_search_that_was_not(tmp_path: Path) -> None:
    whole = a_search(tmp_path / "whole", MadeUp(), cells=8).run()
    for stop in (0, 5):
        path = tmp_path / f"stop{stop}"
        measure = MadeUp(stop_at=stop)
        first = a_search(path, measure, cells=8)
        with pytest.raises(KeyboardInterrupt):
            first.run()
        first.stopped("interrupted")
        left = SearchFolder(path).read()
        assert left.status == "interrupted"
        assert len(left.cells) == stop
        assert (path / "tune.html").is_file()
        again = a_search(path, measure, cells=8, state=left).run()
        assert [one.recipe for one in again.candidates] == [one.recipe for one in whole.candidates]
        assert again.choice == whole.choice
        assert len(measure.made) == len(whole.cells)  # nothing was made twice


def test_a_larger_budget_goes_on_where_a_smaller_one_ended(tmp_path: Path) -> None:
    small = a_search(tmp_path / "two", MadeUp(), cells=6).run()
    more = a_search(tmp_path / "two", MadeUp(), cells=9, state=small).run()
    once = a_search(tmp_path / "one", MadeUp(), cells=9).run()
    assert [one.recipe for one in more.candidates] == [one.recipe for one in once.candidates]


def test_a_search_ends_before_a_candidate_that_would_not_fit(tmp_path: Path) -> None:
    measure = MadeUp()
    budget = SearchBudget(minutes=750 / 60)  # of cells of 100 seconds
    found = a_search(tmp_path, measure, budget=budget).run()
    assert measure.now <= 750
    assert "left" in found.ended
    assert all(one.status != "under way" for one in found.candidates)


def test_a_recipe_that_cannot_be_trained_here_is_said_to_be_and_passed_over(tmp_path: Path) -> None:
    measure = MadeUp(refuse=lambda recipe: recipe.schedule == "cosine")
    found = a_search(tmp_path, measure, cells=10).run()
    refused = [one for one in found.candidates if one.status == "refused"]
    assert refused
    assert {one.reason for one in refused} == {"no such layer"}
    assert found.chosen is not None
    with pytest.raises(TrainingError):  # of the first one, it is the user's error
        a_search(tmp_path / "none", MadeUp(refuse=lambda _: True)).run()
    always = MadeUp(refuse=lambda recipe: recipe.name.startswith("t"))
    last = a_search(tmp_path / "rest", always, cells=30)
    with pytest.raises(TrainingError):
        last.run()
    assert sum(one.status == "refused" for one in last.state.candidates) <= MOST_REFUSED


def test_the_page_says_each_recipe_without_scripts_and_the_recipe_to_take_reads_back(
    tmp_path: Path,
) -> None:
    found = a_search(tmp_path, MadeUp()).run().model_copy(update={"status": "complete"})
    page = render_search(found)
    body = page.partition("<main>")[2].partition("<script>")[0]
    for one in found.candidates:
        assert one.id in body
        assert all(f"{name} {value}" in body for name, value in one.differs.items())
        assert one.reason in body.replace("\u00a0", " ")
    assert "optimistic" in body
    taken = recipe_to_take(found)
    assert taken is not None
    file = tmp_path / "recipe.yaml"
    file.write_text(recipe_yaml(taken), encoding="utf-8")
    assert load_recipe(file) == taken
    assert taken.name not in shipped_names()
    assert found.chosen is not None
    assert values_of(taken) == values_of(found.chosen.recipe)


def test_a_folder_is_begun_once_and_resumed_with_the_same_settings_only(tmp_path: Path) -> None:
    assert open_search(tmp_path / "new", "fuji", "ab" * 32, resume=False)[1] is None
    assert open_search(tmp_path / "new", "fuji", "ab" * 32, resume=True)[1] is None
    a_search(tmp_path / "made", MadeUp(), cells=6).run()
    with pytest.raises(ConfigError, match="Pass --resume"):
        open_search(tmp_path / "made", "fuji", "ab" * 32, resume=False)
    with pytest.raises(ConfigError, match="other facts, settings or values"):
        open_search(tmp_path / "made", "fuji", "cd" * 32, resume=True)
    assert open_search(tmp_path / "made", "fuji", "ab" * 32, resume=True)[1] is not None
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(ConfigError, match="not empty"):
        open_search(tmp_path / "full", "fuji", "ab" * 32, resume=False)


def test_every_shipped_recipe_is_inside_or_outside_for_a_reason() -> None:
    for name, recipe in shipped_recipes().items():
        chosen = WHOLE.choice(recipe)
        if chosen is not None:
            assert values_of(WHOLE.recipe(name, chosen)) == values_of(recipe)
