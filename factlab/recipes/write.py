"""A recipe as a file: what `--recipe` reads back."""

from __future__ import annotations

import json

from factlab.recipes.load import TEXTS
from factlab.schema.recipe import Recipe


def recipe_yaml(recipe: Recipe, *, comments: tuple[str, ...] = ()) -> str:
    """A recipe with all its values, so that no other file decides any of them.

    Args:
        recipe: Whatever `--recipe` takes.
        comments: Lines that stand above it.
    """
    values = recipe.model_dump(exclude=TEXTS, exclude_none=True)
    lines = [f"# {line}" for line in comments]
    lines += [
        f"{name}: {_in_yaml(getattr(recipe, name))}"
        for name in ("name", "about", "source")
        if getattr(recipe, name)
    ]
    lines += ["", *(f"{name}: {_in_yaml(value)}" for name, value in values.items() if value != ())]
    return "\n".join(lines) + "\n"


def _in_yaml(value: object) -> str:
    text = "+".join(value) if isinstance(value, tuple) else value
    return json.dumps(text, ensure_ascii=False)  # which YAML reads as it is
