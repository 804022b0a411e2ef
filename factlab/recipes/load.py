"""A recipe by its name, or from a file of the user's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pydantic import ConfigDict, Field

from factlab.errors import ConfigError, quoted
from factlab.reading.bounds import Name
from factlab.schema.options import value_text
from factlab.schema.recipe import Recipe
from factlab.schema.yaml import did_you_mean, read_yaml

SHIPPED = Path(__file__).parent
TEXTS = {"name", "about", "source"}  # say what a recipe is, and decide no number
_IN_IDS = re.compile(r"\w[\w.+-]{0,63}")


class RecipeFile(Recipe):
    """A recipe as its file has it: only what differs from the recipe that it extends."""

    model_config = ConfigDict(title="Recipe")

    name: Name = Field(default="", description="Name that results carry; by default the file's.")
    extends: Name | None = Field(
        default=None,
        description="Shipped recipe whose values hold where this file has none; without it the "
        "defaults of each value hold.",
    )


def shipped_names() -> tuple[str, ...]:
    """Names of the shipped recipes, the default first."""
    names = sorted(file.stem for file in SHIPPED.glob("*.yaml"))
    return tuple(sorted(names, key=lambda name: name != "default"))


@cache
def shipped_recipe(name: str) -> Recipe:
    """One of the shipped recipes."""
    return load_recipe(SHIPPED / f"{name}.yaml")


def shipped_recipes() -> dict[str, Recipe]:
    """All shipped recipes by name, the default first."""
    return {name: shipped_recipe(name) for name in shipped_names()}


def load_recipe(file: Path) -> Recipe:
    """Read a recipe file.

    Raises:
        ConfigError: with file, line and column.
    """
    document = read_yaml(file, ConfigError)
    written = document.parse(RecipeFile, "A recipe")
    values = written.model_dump(include=written.model_fields_set - {"extends"})
    values["name"] = written.name or file.stem
    if written.extends is None:
        return Recipe(**values)
    if written.extends not in shipped_names():
        raise document.fail(
            ("extends",),
            f"'extends': there is no shipped recipe {quoted(written.extends)}."
            f"{did_you_mean(written.extends, shipped_names())} Shipped recipes: "
            f"{', '.join(shipped_names())}.",
        )
    changes = [f"{key} {value_text(value)}" for key, value in values.items() if key not in TEXTS]
    about = f"As {written.extends}, with {', '.join(changes) or 'nothing changed'}."
    base = shipped_recipe(written.extends)
    return base.model_copy(update={"about": about, "source": "", **values})


def find_recipe(given: str | Recipe) -> Recipe:
    """A recipe by its name or its file; one that is given with all its values as it is.

    Raises:
        ConfigError: for an unknown name, a file that is no recipe, or a recipe of the user's own
            that has the name of a shipped one.
    """
    if isinstance(given, Recipe):
        return _own(given, "this run's own recipe")
    if given in shipped_names():
        return shipped_recipe(given)
    if is_recipe_file(given):
        return _own(load_recipe(Path(given)), given)
    raise ConfigError(
        f"unknown recipe {quoted(given)}.{did_you_mean(given, shipped_names())} Known recipes: "
        f"{', '.join(shipped_names())}. `factlab list recipes` describes them; a file of your own "
        "ends in .yaml."
    )


def find_recipes(given: Sequence[str | Recipe]) -> tuple[Recipe, ...]:
    """Each recipe of a run once, in the order given.

    Raises:
        ConfigError: for one that `find_recipe` refuses, two of one name, or a name that ids of
            cells, which are folders, cannot carry.
    """
    found: list[Recipe] = []
    for recipe in map(find_recipe, given):
        if recipe in found:
            continue
        if any(recipe.name.casefold() == other.name.casefold() for other in found):
            raise ConfigError(
                f"--recipe: two recipes are named {quoted(recipe.name)}, and results could not "
                "tell them apart. Rename one file, or change the `name:` in it."
            )
        found.append(recipe)
    for recipe in found if len(found) > 1 else ():
        if not _IN_IDS.fullmatch(recipe.name):
            raise ConfigError(
                "--recipe: with several recipes a cell's id and folder begin with the recipe's "
                f"name, and {quoted(recipe.name)} cannot. Rename the file, or add a `name:` of "
                "letters, digits, _, -, . and +, at most 64, that begins with a letter or digit."
            )
    return tuple(found)


def as_recorded(recipes: Sequence[Recipe]) -> str | Recipe | tuple[str | Recipe, ...]:
    """What a run's settings hold of its recipes: a shipped one's name, all values of another."""
    given = tuple(recipe.name if recipe.name in shipped_names() else recipe for recipe in recipes)
    return given if len(given) > 1 else given[0]


def is_recipe_file(given: str) -> bool:
    """Whether a recipe is given as a file, not by name."""
    return Path(given).suffix in (".yaml", ".yml") or len(Path(given).parts) > 1


def _own(recipe: Recipe, what: str) -> Recipe:
    """A recipe of the user's own; results could not tell it from a shipped one of its name."""
    if recipe.name in shipped_names():
        raise ConfigError(
            f"{what}: a shipped recipe is named '{recipe.name}' too. Rename the file, or add "
            f"`name: my-{recipe.name}` to it."
        )
    return recipe
