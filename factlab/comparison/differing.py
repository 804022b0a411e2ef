"""In which settings configurations differ: whatever is not the same for all is listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from factlab.comparison.loaded import LoadedRun, measured_questions
from factlab.comparison.pool import Pooled
from factlab.reading.paths import is_file
from factlab.reading.records import read_text
from factlab.recipes.load import TEXTS, shipped_recipes
from factlab.runs.config_file import recipe_comment
from factlab.runs.files import sha256_text
from factlab.runs.folder import RunFolder, read_config
from factlab.schema.recipe import OVERRIDES, Recipe
from factlab.schema.results import CellResult, Configuration

# Settings of a run that its configurations state themselves, or that decide no number of a cell.
SAID_ELSEWHERE = {
    *("facts", "seed", "seeds", "recipe", "together", "model", "mix", "combine", "tuned"),
    *OVERRIDES,
}

# Values of a recipe that a configuration states itself.
STATED = {"rank", "alpha", "precision", "method", "learning_rate"}
Settings = Mapping[str, str]


def differing(settings: Mapping[str, Settings]) -> dict[str, dict[str, str]]:
    """Setting → configuration → value, for the settings that are not the same for all."""
    names = dict.fromkeys(name for one in settings.values() for name in one)
    table = {name: {id_: one.get(name, "?") for id_, one in settings.items()} for name in names}
    return {name: values for name, values in table.items() if len(set(values.values())) > 1}


def settings_of(pooled: Pooled, cells: Sequence[CellResult]) -> dict[str, str]:
    """What a configuration says of itself."""
    arm = pooled.configuration
    found = {
        "rank": str(arm.rank),
        "alpha": f"{arm.alpha:g}",
        "alpha/rank": f"{arm.scaling:g}",
        "learning rate": "none" if arm.learning_rate is None else f"{arm.learning_rate:g}",
        "recipe": arm.recipe,
        "precision": arm.precision,
        "method": arm.method,
        **{name.replace("_", " "): value for name, value in arm.overrides.items()},
        "facts per adapter": _spread(len(cell.facts) for cell in cells),
        "seeds": _seeds(arm),
        "mix": ", ".join(arm.mix) or "none",
    }
    if arm.combined is not None:
        found["combined"] = arm.combined.sentence()
    if arm.tuned is not None:
        found["tuned elsewhere"] = arm.tuned.sentence()
    steps = [cell.training.steps for cell in cells if cell.training is not None]
    return found | ({"training steps": _spread(steps)} if steps else {})


def settings_of_run(run: LoadedRun, facts: Sequence[str]) -> dict[str, str]:
    """What all configurations of a run share, and other runs may not."""
    pairs = [q.text + (q.target or "") for q in measured_questions(run.folder, ("train",), facts)]
    found = {"training pairs": f"{len(pairs)} ({sha256_text(chr(0).join(pairs))[:6]})"}
    if is_file(run.folder.config_file):
        config = read_config(run.folder)
        settings = config.model_dump(mode="json", exclude=SAID_ELSEWHERE)
        found |= {name.replace("_", " "): str(value) for name, value in settings.items()}
    return found


def recipe_values(folder: RunFolder) -> dict[str, dict[str, str]]:
    """What the recipes of a run say, by recipe; of a shipped one only if it is as it was then."""
    if not is_file(folder.config_file):
        return {}
    config = read_config(folder)  # refuses what is no text
    text = read_text(folder.config_file)
    found = {}
    for given in config.recipes if config.combine is None and not config.tuned else ():
        recipe = given if isinstance(given, Recipe) else shipped_recipes().get(given)
        if recipe is not None and (recipe is given or recipe_comment(recipe) in text):
            values = recipe.model_dump(mode="json", exclude=TEXTS | STATED).items()
            found[recipe.name] = {
                f"{name.replace('_', ' ')} of the recipe": str(value) for name, value in values
            }
    return found


def _seeds(configuration: Configuration) -> str:
    return ", ".join(map(str, configuration.seeds)) or "none"


def _spread(values: Iterable[int]) -> str:
    numbers = sorted(set(values))
    return f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]}–{numbers[-1]}"
