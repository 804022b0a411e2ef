"""Facts and a budget → the recipe that gives a model such facts with the least damage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from factlab.errors import ConfigError
from factlab.experiment.experiment import Experiment
from factlab.experiment.plan import plan_experiment
from factlab.pipeline import run_experiment
from factlab.progress import Progress
from factlab.recipes.load import find_recipe
from factlab.recipes.write import recipe_yaml
from factlab.runs.files import sha256_text
from factlab.runs.folder import now
from factlab.schema.config import RunConfig
from factlab.schema.fact import Fact, find_facts, load_source
from factlab.schema.recipe import OVERRIDES, Recipe
from factlab.schema.results import RunResult
from factlab.schema.search import Candidate, SearchBudget, SearchResult
from factlab.tuning.budget import cells_left, in_words
from factlab.tuning.confirm import check_unseen, confirm
from factlab.tuning.folder import SearchFolder, open_search
from factlab.tuning.search import Measure, RaceCell, Search
from factlab.tuning.searcher import searcher_here
from factlab.tuning.space import Space
from factlab.workflows.estimate import estimate, shape_here, training_work

_KEPT = ("precision",)  # overrides that all candidates share


@dataclass(frozen=True, slots=True)
class Plan:
    """A search before it begins.

    Attributes:
        experiment: All cells of the default recipe; what all candidates share.
        space: What may be chosen.
        race: The cells of each candidate.
        starts: Recipes that are tried first.
        unseen: Facts to confirm on: id → what a run calls it.
        search_seed: Of the proposals.
    """

    experiment: Experiment
    space: Space
    race: tuple[RaceCell, ...]
    starts: dict[str, Recipe]
    unseen: dict[str, str]
    search_seed: int

    @property
    def sha256(self) -> str:
        """Hash of all that decides what a search measures, and in which order."""
        said = [self.experiment.sha256, self.space.described(), self.search_seed, *self.starts]
        return sha256_text("\n".join(map(str, said)))


def plan_search(
    config: RunConfig,
    *,
    recipes: Sequence[str] = (),
    confirm_on: Sequence[str] = (),
    search_seed: int = 0,
) -> Plan:
    """Load, check and expand what a search needs.

    Args:
        config: What all candidates share; what it overrides in a recipe is what may be chosen.
        recipes: Recipes to try first; without any the shipped ones inside the space.
        confirm_on: Other facts, to compare the recipe to take with the default on.
        search_seed: Of the proposals.

    Raises:
        FactlabError: for whatever is wrong with facts, recipes or settings.
    """
    given = {name: values for name, values in config.overrides.items() if name not in _KEPT}
    shape = shape_here(config.model)
    space = Space.of(given, blocks=shape.layers if shape is not None else None)
    shared = {name: () for name in OVERRIDES if name not in _KEPT} | {"recipe": "default"}
    experiment = plan_experiment(config.model_copy(update=shared))
    _check_facts(experiment)
    return Plan(
        experiment=experiment,
        space=space,
        race=_race(experiment, config),
        starts=_starts(recipes, space),
        unseen=_unseen(confirm_on, experiment),
        search_seed=search_seed,
    )


def tune(
    plan: Plan,
    budget: SearchBudget,
    *,
    out: Path | None = None,
    resume: bool = False,
    fresh: bool = False,
    argv: Sequence[str] = (),
    progress: Progress,
) -> tuple[SearchResult, Path]:
    """Search for a recipe.

    Args:
        plan: What is searched.
        budget: What may be spent.
        out: The folder of the search; by default one under reports/.
        resume: Continue the search that is there.
        fresh: Compute the base's answers again, in each run.
        argv: The command line, for the record.
        progress: Where to report.

    Returns:
        The search and its folder.

    Raises:
        FactlabError: for a user's error; what was finished stays on disk.
        KeyboardInterrupt: after the folder was left in order and can be resumed.
    """
    folder, begun = open_search(out, plan.experiment.name, plan.sha256, resume=resume)
    rough = None if begun is not None and begun.cells else _rough_seconds(plan.experiment)
    _check_affordable(budget, plan.race, rough)
    state = _state(plan, begun, budget, argv)
    measure = partial(_measure, fresh=fresh, argv=argv)
    with folder.locked():
        progress.begin(str(folder.path))
        folder.write(state)
        search = Search(folder, state, plan.space, plan.starts, plan.race, measure, progress, rough)
        _announce(search, progress)
        try:
            search.run()
            _write_recipe(folder, search.state)
            search.finish(_confirmation(search, plan.unseen, measure, progress))
        except KeyboardInterrupt:
            search.stopped("interrupted")
            raise
        except BaseException:
            search.stopped("failed")
            raise
    return search.state, folder.path


def _measure(
    config: RunConfig,
    *,
    out: Path,
    resume: bool,
    progress: Progress,
    fresh: bool,
    argv: Sequence[str],
) -> RunResult:
    result, _ = run_experiment(
        config, out=out, resume=resume, argv=argv, progress=progress, fresh=fresh
    )
    return result


# --- before it begins -------------------------------------------------------------------------


def check_search(config: RunConfig, budget: SearchBudget) -> None:
    """Refuse what a search has no use for.

    Raises:
        ConfigError: with the option to change.
    """
    if budget.cells is None and budget.minutes is None:
        raise ConfigError(
            "a search needs a budget. Give --minutes 60, or --cells 12, or both: a cell is one "
            "adapter, trained and measured."
        )
    for option, given in {"--placebo": config.placebo, "--shuffle": config.shuffle}.items():
        if given:
            raise ConfigError(
                f"{option} says nothing of which recipe to take. Remove it; `factlab run` has it."
            )
    if len(config.overrides.get("precision", ())) > 1:
        raise ConfigError(
            f"--precision {','.join(config.overrides['precision'])}: a search holds the base in "
            "one way, since figures of several bases are no figures of recipes. Give one precision."
        )


def _check_facts(plan: Experiment) -> None:
    """Refuse what has no recall to choose by.

    Raises:
        ConfigError: naming the passage.
    """
    for fact in plan.facts:
        if not isinstance(fact, Fact):
            raise ConfigError(
                f"{fact.id}: a passage has no held-out phrasings, and a search chooses by them. "
                "Give facts."
            )


def _race(plan: Experiment, config: RunConfig) -> tuple[RaceCell, ...]:
    """The cells of each candidate: all facts with the first seed, then with the next."""
    files: dict[str, str] = {}
    for name in config.facts:
        for file in find_facts((name,)):
            # A shipped fact keeps its short name, a folder gives way to its files.
            files[load_source(file).id] = str(file) if Path(name).is_dir() else name
    seeds = tuple(dict.fromkeys(config.seed))

    def work(cell_recipe: Recipe, *, place: int) -> float:
        cell = plan.cells[place].model_copy(update={"recipe": cell_recipe})
        return training_work(plan, cell)

    cells = [
        RaceCell(
            facts=cell.facts,
            files=tuple(files[fact] for fact in cell.facts),
            seed=cell.seed,
            work=partial(work, place=place),
        )
        for place, cell in enumerate(plan.cells)
    ]
    return tuple(sorted(cells, key=lambda cell: seeds.index(cell.seed)))


def _unseen(names: Sequence[str], plan: Experiment) -> dict[str, str]:
    """The facts to confirm on: id → what a run calls it."""
    found: dict[str, str] = {}
    for name in names:
        for file in find_facts((name,)):
            found[load_source(file).id] = str(file) if Path(name).is_dir() else name
    check_unseen(list(found), [fact.id for fact in plan.facts])
    return found


def _starts(names: Sequence[str], space: Space) -> dict[str, Recipe]:
    """The recipes that are tried first."""
    if not names:
        return space.shipped()
    recipes = [find_recipe(name) for name in names]
    return {recipe.name: space.held_to(recipe) for recipe in recipes}


def _rough_seconds(plan: Experiment) -> float | None:
    """Seconds of one cell of the default recipe, before any was measured."""
    seconds = estimate(plan).seconds
    return seconds / len(plan.cells) if seconds is not None else None


def _check_affordable(budget: SearchBudget, race: Sequence[RaceCell], rough: float | None) -> None:
    """Refuse a budget that does not buy two candidates, of which one could be chosen.

    Raises:
        ConfigError: with the least that does.
    """
    wanted = 2 * len(race)
    of = f" ({len(race)} cells each, one for each fact and seed)" if len(race) > 1 else ""
    if budget.cells is not None and budget.cells < wanted:
        raise ConfigError(
            f"--cells {budget.cells}: a choice needs two candidates at least, which are {wanted} "
            f"cells{of}. Give --cells {wanted} or more."
        )
    if budget.minutes is not None and rough is not None and 60 * budget.minutes < len(race) * rough:
        minutes = -(-wanted * rough // 60)
        raise ConfigError(
            f"--minutes {budget.minutes:g}: a cell takes about {in_words(rough)} here by a rough "
            f"estimate, and a choice needs two candidates at least, which are {wanted} cells{of}. "
            f"Give --minutes {minutes:.0f} or more."
        )


def _state(
    plan: Plan, begun: SearchResult | None, budget: SearchBudget, argv: Sequence[str]
) -> SearchResult:
    """A new search, or the one that is resumed, with what this session has of its own."""
    experiment = plan.experiment
    state = begun or SearchResult(
        started=now(),
        settings_sha256=plan.sha256,
        settings=experiment.config,
        model=experiment.config.model,
        facts=tuple(fact.id for fact in experiment.facts),
        seeds=tuple(dict.fromkeys(experiment.config.seed)),
        search_seed=plan.search_seed,
        searcher=searcher_here(),
        space=plan.space.described(),
        budget=budget,
    )
    return state.model_copy(
        update={
            "budget": budget,
            "status": "running",
            "ended": "",
            "searcher": searcher_here(),
            "argv": tuple(argv),
        }
    )


def _announce(search: Search, progress: Progress) -> None:
    """Say what the budget buys, and what proposes."""
    state, race = search.state, len(search.race)
    buys = cells_left(
        state.budget, done=len(state.cells), spent=state.seconds, each=search.typical_seconds
    )
    each = search.typical_seconds
    basis = "as measured so far" if state.cells else "by a rough estimate, until one is measured"
    length = f"; a cell takes about {in_words(each)} {basis}" if each is not None else ""
    number = "as many cells as fit, since this model's size is not known yet"
    if buys is not None:
        number = f"about {buys} cells, which are {buys // race} candidates of {race}"
        if race == 1:
            number = f"about {buys} cells, a candidate each"
    progress.note(f"The budget buys {number}{length}.")
    if state.searcher == "random":
        progress.note(
            "Optuna is not installed, so recipes are drawn at random after the shipped ones; "
            "`pip install 'factlab[tune]'` has them proposed from what was measured."
        )


# --- when it is over --------------------------------------------------------------------------


def recipe_to_take(state: SearchResult) -> Recipe | None:
    """The chosen recipe under a name of its own, with what it is in a sentence."""
    chosen = state.chosen
    if chosen is None:
        return None
    return chosen.recipe.model_copy(
        update={
            "name": f"tuned-{state.settings_sha256[:6]}",
            "about": _about(state, chosen),
            "source": "",
        }
    )


def _about(state: SearchResult, chosen: Candidate) -> str:
    recall = "" if chosen.recall is None else f": recall {chosen.recall:.0%}"
    damage = "" if chosen.damage is None else f", damage {chosen.damage:.2f}"
    same = f" It is the recipe '{chosen.id}'." if chosen.proposed_by == "recipe" else ""
    return (
        f"Chosen by factlab tune for {state.model} on {', '.join(state.facts)}{recall}{damage} "
        f"there, on the questions that it was chosen by.{same}"
    )


def _write_recipe(folder: SearchFolder, state: SearchResult) -> None:
    recipe = recipe_to_take(state)
    if recipe is None:
        folder.remove_recipe()
        return
    comments = ("factlab run FACT --recipe recipe.yaml trains with it.",)
    folder.write_recipe(recipe_yaml(recipe, comments=comments))


def _confirmation(
    search: Search, facts: dict[str, str], measure: Measure, progress: Progress
) -> SearchResult:
    """The search with what other facts say of the recipe to take, where they are named."""
    state, recipe = search.state, recipe_to_take(search.state)
    if not facts or recipe is None:
        return state
    ids, files = list(facts), list(facts.values())
    found = confirm(search.folder, state, recipe, ids, files, measure=measure, progress=progress)
    return state.model_copy(update={"confirmation": found})
