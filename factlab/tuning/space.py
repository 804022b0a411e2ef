"""The space of recipes that a search chooses from: one table, with what each value may be.

A value that is not in the table is that of the recipe `default`. What an option of the command line
gives takes the place of its row, or is one more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from factlab.recipes.load import TEXTS, shipped_recipe, shipped_recipes
from factlab.schema.options import value_text
from factlab.schema.recipe import Recipe

Choice = dict[str, int]  # axis → place of its value; an axis that says nothing is left out


@dataclass(frozen=True, slots=True)
class Axis:
    """One field of a recipe, and what it may be.

    Attributes:
        name: The field.
        values: What it may be.
        ordered: Whether neighbouring values are alike, so that a searcher may go by the order.
        of: The axis without which it does nothing: where that is 0 it has no value of its own.
    """

    name: str
    values: tuple[Any, ...]
    ordered: bool = True
    of: str = ""


ANCHORS, LAYERS = "anchor_weight", "last_layers"
SPACE: tuple[Axis, ...] = (
    Axis("rank", (2, 4, 8, 16, 32)),
    Axis("learning_rate", (2e-4, 3e-4, 5e-4, 7e-4, 1e-3, 1.5e-3, 2e-3)),
    Axis("batch_size", (4, 8, 16, 32)),
    Axis("epochs", (1.0, 1.5, 2.0, 3.0, 4.0)),
    Axis("schedule", ("linear", "cosine", "constant"), ordered=False),
    Axis("weight_decay", (0.0, 0.01, 0.1)),
    Axis("targets", ("all-linear", "attention", "mlp", "qv", "down_proj"), ordered=False),
    Axis(LAYERS, (4, 8, 16, None)),
    Axis(ANCHORS, (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)),
    Axis("anchor_schedule", ("constant", "falling", "rising"), ordered=False, of=ANCHORS),
    Axis(
        "anchor_kinds",
        (
            ("general",),
            ("general", "others"),
            ("general", "others", "subject"),
            ("general", "subject", "others", "siblings"),
        ),
        of=ANCHORS,
    ),
    Axis("anchors_per_step", (2, 4, 8, 16), of=ANCHORS),
    Axis("anchor_prompts", (120, 240, 480, None), of=ANCHORS),
    Axis("anchor_tokens", (8, 16, 24), of=ANCHORS),
    Axis("mining", (0, 1, 3), of=ANCHORS),
)


@dataclass(frozen=True, slots=True)
class Space:
    """What a search may choose.

    Attributes:
        axes: By name; those that others depend on come first.
        pinned: Axes that an option of the command line declared.
    """

    axes: Mapping[str, Axis]
    pinned: frozenset[str]

    @classmethod
    def of(cls, given: Mapping[str, tuple[Any, ...]], blocks: int | None = None) -> Space:
        """The table, with what the command line gives in the place of its rows.

        Args:
            given: Field → what it may be.
            blocks: Of the model, if that is known: so many last ones are all of them.
        """
        axes = {axis.name: axis for axis in SPACE}
        if blocks is not None:
            fewer = tuple(n for n in axes[LAYERS].values if n is None or n < blocks)
            axes[LAYERS] = replace(axes[LAYERS], values=fewer)
        for name, values in given.items():
            axes[name] = replace(axes.get(name, Axis(name, (), ordered=False)), values=values)
        return cls(axes, frozenset(given))

    def active(self, axis: Axis, chosen: Mapping[str, int]) -> bool:
        """Whether an axis says something where others are chosen so."""
        return not axis.of or bool(self.axes[axis.of].values[chosen[axis.of]])

    def recipe(self, name: str, chosen: Choice) -> Recipe:
        """The recipe that a choice is; what says nothing is as a recipe without it has it."""
        values = {
            axis.name: axis.values[chosen[axis.name]]
            if axis.name in chosen
            else Recipe.model_fields[axis.name].default
            for axis in self.axes.values()
        }
        return shipped_recipe("default").model_copy(
            update={"name": name, "about": "", "source": "", **values}
        )

    def choice(self, recipe: Recipe) -> Choice | None:
        """The choice that a recipe is; None where it is outside of the space."""
        chosen: Choice = {}
        for axis in self.axes.values():
            value = getattr(recipe, axis.name)
            if value in axis.values and self.active(axis, chosen):
                chosen[axis.name] = axis.values.index(value)
            elif not axis.of or self.active(axis, chosen):
                return None
        same = values_of(self.recipe(recipe.name, chosen)) == values_of(recipe)
        return chosen if same else None

    def held_to(self, recipe: Recipe) -> Recipe:
        """The recipe with the values that the command line gives: its own where it is one."""
        values = {
            name: self.axes[name].values[0]
            for name in self.pinned
            if getattr(recipe, name) not in self.axes[name].values
        }
        # Results could not tell it from the shipped one of its name.
        named = {"name": f"{recipe.name}-here"} if values else {}
        return recipe.model_copy(update={**values, **named})

    def shipped(self) -> dict[str, Recipe]:
        """The shipped recipes inside the space, the default first, as they are tried here."""
        held = {name: self.held_to(recipe) for name, recipe in shipped_recipes().items()}
        return {name: recipe for name, recipe in held.items() if self.choice(recipe) is not None}

    def described(self) -> dict[str, tuple[str, ...]]:
        """Each axis with what it may be, as files and tables write it."""
        return {
            name: tuple(shown(value) for value in axis.values) for name, axis in self.axes.items()
        }


def values_of(recipe: Recipe) -> dict[str, Any]:
    """What decides the numbers of a recipe; of anchors that weigh nothing nothing does."""
    values = recipe.model_dump(exclude=TEXTS)
    if recipe.anchored_on is None:
        return {name: v for name, v in values.items() if name not in _ANCHORED}
    return values


_ANCHORED = {axis.name for axis in SPACE if axis.of == ANCHORS} | {ANCHORS}


def shown(value: object) -> str:
    """A value as tables write it."""
    if value is None:
        return "all"  # layers, anchor prompts: what there is without a limit
    if value == ():
        return "none"
    return value_text(value)


def differences(recipe: Recipe, other: Recipe) -> dict[str, str]:
    """The values in which a recipe differs from another: field → its own."""
    mine, others = values_of(recipe), values_of(other)
    names: Iterable[str] = dict.fromkeys([*mine, *others])
    found = {}
    for name in names:
        if name not in mine:  # its anchors weigh nothing
            if name == ANCHORS:
                found[name] = "0"
        elif mine.get(name) != others.get(name):
            found[name] = shown(mine[name])
    return found
