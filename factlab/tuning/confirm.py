"""The recipe to take against the default, on facts that the search did not see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factlab.comparison.runs import compare_runs
from factlab.errors import ConfigError
from factlab.progress import Progress
from factlab.recipes.load import shipped_recipe
from factlab.schema.recipe import Recipe
from factlab.schema.search import Confirmation, SearchResult
from factlab.tuning.folder import SearchFolder
from factlab.tuning.search import Measure, Within
from factlab.tuning.space import values_of


def check_unseen(facts: Sequence[str], seen: Sequence[str]) -> None:
    """Refuse to confirm on what was chosen by.

    Raises:
        ConfigError: naming the facts.
    """
    both = [fact for fact in facts if fact in seen]
    if both:
        raise ConfigError(
            f"--confirm {both[0]}: the search chooses by this fact's questions, so they confirm "
            "nothing. Name others: `factlab list facts` shows those that are shipped."
        )


def confirm(
    folder: SearchFolder,
    state: SearchResult,
    recipe: Recipe,
    facts: Sequence[str],
    files: Sequence[str],
    *,
    measure: Measure,
    progress: Progress,
) -> Confirmation:
    """Run the recipe to take and the default on other facts, and compare them.

    Args:
        folder: Of the search.
        state: The search.
        recipe: The recipe to take, by the name of its own.
        facts: Ids of the other facts.
        files: What a run calls them.
        measure: Makes a run.
        progress: Where to report.
    """
    default = shipped_recipe("default")
    tried = (
        {"default": default} if same_as_default(recipe) else {"default": default, "tuned": recipe}
    )
    runs = {name: f"confirm/{name}-{'-'.join(facts)}"[:120] for name in tried}
    noted: set[str] = set()
    for name, one in tried.items():
        path = folder.path / runs[name]
        measure(
            state.settings.model_copy(
                update={
                    "facts": tuple(files),
                    "seed": state.seeds,
                    "recipe": "default" if name == "default" else one,
                }
            ),
            out=path,
            resume=(path / "run.json").is_file(),
            progress=Within(progress, f"confirm {name}", noted),
        )
    compared = compare_runs([folder.path / Path(run) for run in runs.values()])
    return Confirmation(
        facts=tuple(facts),
        runs=tuple(runs.values()),
        configurations=compared.configurations,
        comparisons=compared.comparisons,
    )


def same_as_default(recipe: Recipe) -> bool:
    """Whether a recipe trains as the default does."""
    return values_of(recipe) == values_of(shipped_recipe("default"))
