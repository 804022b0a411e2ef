"""The text of config.resolved.yaml: all settings of a run, and what its recipes said."""

from __future__ import annotations

import json
from collections.abc import Sequence

from factlab.schema.config import RunConfig
from factlab.schema.recipe import Recipe


def config_yaml(config: RunConfig, recipes: Sequence[Recipe]) -> str:
    """config.resolved.yaml: what `factlab run --config` reads back, and the recipes' values.

    A recipe of the user's own is among the settings with all its values; those of a shipped one,
    which is named, stand in a comment.

    Args:
        config: The settings.
        recipes: All recipes of the run.
    """
    lines = ["# factlab run --config FILE repeats this run.\n"]
    for key, value in config.model_dump(mode="json", exclude_none=True).items():
        if key == "recipe" and isinstance(value, dict):
            lines.append(f"{key}:\n")
            lines += [f"  {name}: {_in_yaml(one)}\n" for name, one in value.items()]
        elif key == "recipe" and isinstance(value, list):
            lines.append(f"{key}:\n")
            lines += map(_list_item, value)
        else:
            lines.append(f"{key}: {_in_yaml(value)}\n")
    return "".join([*lines, *(recipe_comment(r) for r in recipes if r.name in config.recipes)])


def _list_item(value: str | dict[str, object]) -> str:
    if isinstance(value, str):
        return f"- {_in_yaml(value)}\n"
    inner = "".join(f"  {name}: {_in_yaml(one)}\n" for name, one in value.items())
    return f"-{inner.removeprefix(' ')}"


def recipe_comment(recipe: Recipe) -> str:
    """The values of a shipped recipe as config.resolved.yaml keeps them."""
    values = recipe.model_dump(mode="json").items()
    lines = [f"#   {key}: {_in_yaml(value)}\n" for key, value in values]
    return "".join(["# The recipe, as it was:\n", *lines])


def _in_yaml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)  # which YAML reads as it is
