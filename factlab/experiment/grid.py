"""The configurations of a run: settings and a recipe → one cell each. Loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, get_args

from factlab.errors import ConfigError
from factlab.schema.config import Cell, Precision, RunConfig, precisions
from factlab.schema.options import value_text
from factlab.schema.recipe import ADAPTER_OVERRIDES, WORDS, Recipe
from factlab.schema.results import Placebo, placebo_id

# The rate of a full fine-tuning, where none is given: Schulman et al. 2025 found the best rate of
# LoRA to be about ten times that of full fine-tuning.
FULL_RATE_SHARE = 10
MOST_CELLS = 20_000
# What has no use where the part of the loss that it belongs to has no weight.
WEIGHED = {
    "anchor_weight": (
        "anchor_kinds", "anchor_prompts", "anchor_tokens", "anchors_per_step", "mining",
        "anchor_divergence", "anchor_schedule", "unlikelihood",
    ),
    "distill_weight": ("temperature",),
}  # fmt: skip


def alpha_of(recipe: Recipe, rank: int) -> float:
    """LoRA alpha at a rank: the recipe's number, or its multiple of the rank."""
    if isinstance(recipe.alpha, str):
        return float(recipe.alpha[:-1] or 1) * rank
    return recipe.alpha


def cells_of(
    config: RunConfig, recipes: Sequence[Recipe], facts: Sequence[str]
) -> tuple[Cell, ...]:
    """One cell per recipe, precision, fact (or one for all), rank, override, rate and seed.

    The data, its order and the seeds are the same for all configurations. A full fine-tuning has
    neither rank nor the other overrides of an adapter, so it is one cell, whatever of those is
    crossed. The ids of several recipes' cells have the recipe's name before the configuration.

    Args:
        config: The run's settings.
        recipes: The recipes, as they are.
        facts: Ids of what is trained.

    Raises:
        ConfigError: without a seed, or where names of facts and recipes give two cells one id.
    """
    _refuse_too_many(config, recipes, facts)
    found: dict[str, Cell] = {}
    for recipe in recipes:
        for id_, cell in _cells_of(config, recipe, facts, several=len(recipes) > 1).items():
            if id_ in found:
                raise ConfigError(
                    f"--recipe: the names of facts and recipes give two cells the id {id_}. Rename "
                    f"the recipe '{recipe.name}'."
                )
            found[id_] = cell
    return tuple(found.values())


def _refuse_too_many(config: RunConfig, recipes: Sequence[Recipe], facts: Sequence[str]) -> None:
    """Count the cells before any is made."""
    groups = 1 if config.together else len(facts)
    crossed = prod(len(values) for values in config.overrides.values())
    cells = crossed * groups * len(recipes) * len(config.seed)
    if cells > MOST_CELLS:
        raise ConfigError(
            f"the settings cross to {cells:,} cells, each an adapter to train; at most "
            f"{MOST_CELLS:,} are planned. Give fewer values, seeds or facts."
        )


def _cells_of(
    config: RunConfig, recipe: Recipe, facts: Sequence[str], *, several: bool
) -> dict[str, Cell]:
    """The cells of one recipe by their ids.

    Args:
        config: The run's settings.
        recipe: The recipe, as it is.
        facts: Ids of what is trained.
        several: Whether the run has other recipes too: ids carry this one's name, and it is not
            crossed with what only others have a use for.
    """
    given = config.overrides
    ranks = given.get("rank", (recipe.rank,))
    rates = given.get("learning_rate", (recipe.learning_rate,))
    seeds = tuple(dict.fromkeys(config.seed))
    if not seeds:
        raise ConfigError("no seed is given. Pass at least one, such as --seed 0.")
    groups = [tuple(facts)] if config.together else [(fact,) for fact in facts]
    found: dict[str, Cell] = {}
    placebos: tuple[Placebo | None, ...] = (None, *get_args(Placebo)) if config.placebo else (None,)
    for precision, group, rank, crossed, rate, placebo, seed in product(
        precisions(config, recipe), groups, ranks, _crossed(given), rates, placebos, seeds
    ):
        values = _of_use(recipe, crossed) if several else crossed
        own = _own_recipe(recipe, values, rate, rate_given="learning_rate" in given)
        configuration = _configuration(given, own, (precision, rank, rate), values)
        configuration = f"{recipe.name}-{configuration}" if several else configuration
        if placebo:
            configuration = placebo_id(configuration, placebo)
        prefix = f"{group[0]}-" if len(groups) > 1 else ""
        made = Cell(
            id=f"{prefix}{configuration}-s{seed}",
            configuration=configuration,
            facts=group,
            rank=0 if own.method == "full" else rank,
            alpha=alpha_of(own, rank),
            seed=seed,
            precision=precision,
            recipe=own,
            placebo=placebo,
            overrides={
                name: value_text(getattr(own, name))
                for name in WORDS
                if getattr(own, name) != getattr(recipe, name)
            },
        )
        found.setdefault(made.id, made)
    return found


def _of_use(recipe: Recipe, values: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides without those that a recipe has no use for."""
    idle = {
        name
        for weight, names in WEIGHED.items()
        if not values.get(weight, getattr(recipe, weight))
        for name in names
    }
    return {name: value for name, value in values.items() if name not in idle}


def _crossed(given: Mapping[str, tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Every combination of the overrides that ids have a word for."""
    names = [name for name in WORDS if name in given]
    for chosen in product(*(given[name] for name in names)):
        yield dict(zip(names, chosen, strict=True))


def _own_recipe(
    recipe: Recipe, values: Mapping[str, Any], rate: float, *, rate_given: bool
) -> Recipe:
    """The recipe with a cell's own values in place."""
    if values.get("method", recipe.method) != "full":
        return recipe.model_copy(update={**values, "learning_rate": rate})
    rest = {name: value for name, value in values.items() if name not in ADAPTER_OVERRIDES}
    rate = rate if rate_given else rate / FULL_RATE_SHARE
    return recipe.model_copy(update={**rest, "learning_rate": rate})


def _configuration(
    given: Mapping[str, tuple[Any, ...]],
    own: Recipe,
    placed: tuple[Precision, int, float],
    values: Mapping[str, Any],
) -> str:
    """What cells of different facts and seeds are called: the rank, and what is not alike for all.

    Precision and learning rate come last, as they always have. The name of a full fine-tuning says
    that it is one.
    """
    precision, rank, rate = placed
    full = own.method == "full"

    def differs(name: str) -> bool:
        return len(given.get(name, ())) > 1

    words = [
        WORDS[name].format(value_text(value))
        for name, value in values.items()
        if (differs(name) or value == "full") and not (full and name in ADAPTER_OVERRIDES)
    ]
    parts = (
        *((f"r{rank:02d}",) if not full else ()),
        *words,
        *((precision,) if differs("precision") else ()),
        *((f"lr{rate:g}",) if differs("learning_rate") else ()),
    )
    return "-".join(parts) or own.method
