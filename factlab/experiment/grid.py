"""The configurations of a run: settings and a recipe → one cell each. Loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from factlab.errors import ConfigError
from factlab.schema.config import (
    LORA_OVERRIDES,
    OVERRIDES,
    Cell,
    Recipe,
    RunConfig,
    precisions,
)

# The rate of a full fine-tuning, where none is given: Schulman et al. 2025 found the best rate of
# LoRA to be about ten times that of full fine-tuning.
FULL_RATE_SHARE = 10


def alpha_of(recipe: Recipe, rank: int) -> float:
    """LoRA alpha at a rank: the recipe's number, or its multiple of the rank."""
    if isinstance(recipe.alpha, str):
        return float(recipe.alpha[:-1] or 1) * rank
    return recipe.alpha


def cells_of(config: RunConfig, recipe: Recipe, facts: Sequence[str]) -> tuple[Cell, ...]:
    """One cell per precision, fact (or one for all), rank, dials, learning rate and seed.

    The data, its order and the seeds are the same for all configurations. A full fine-tuning has
    neither rank nor LoRA's dials, so it is one cell, whatever of those is crossed.

    Args:
        config: The run's settings.
        recipe: The named recipe, as it is.
        facts: Ids of what is taught.
    """
    ranks = tuple(dict.fromkeys(config.rank)) or (recipe.rank,)
    rates = tuple(dict.fromkeys(config.lr)) or (recipe.learning_rate,)
    held = precisions(config, recipe)
    seeds = tuple(dict.fromkeys(config.seed))
    if not seeds:
        raise ConfigError("no seed is given. Pass at least one, such as --seed 0.")
    groups = [tuple(facts)] if config.together else [(fact,) for fact in facts]
    found: dict[str, Cell] = {}
    for precision, group, rank, (turned, words), rate, seed in product(
        held, groups, ranks, _dials(config), rates, seeds
    ):
        dials = {**turned, "learning_rate": rate}
        full = turned.get("method", recipe.method) == "full"
        if full:
            dials = {name: value for name, value in dials.items() if name not in LORA_OVERRIDES}
            dials["learning_rate"] = rate if config.lr else rate / FULL_RATE_SHARE
        own = recipe.model_copy(update=dials)
        parts = (
            *((f"r{rank:02d}",) if not full else ()),
            *(word for name, word in words.items() if name in dials),
            *((precision,) if len(held) > 1 else ()),
            *((f"lr{rate:g}",) if len(rates) > 1 else ()),
        )
        configuration = "-".join(parts) or own.method
        prefix = f"{group[0]}-" if len(groups) > 1 else ""
        made = Cell(
            id=f"{prefix}{configuration}-s{seed}",
            configuration=configuration,
            facts=group,
            rank=0 if full else rank,
            alpha=alpha_of(own, rank),
            seed=seed,
            precision=precision,
            recipe=own,
            dials={
                name: said(getattr(own, name))
                for name in OVERRIDES
                if getattr(own, name) != getattr(recipe, name)
            },
        )
        found.setdefault(made.id, made)
    return tuple(found.values())


def _dials(config: RunConfig) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """The dials of each configuration, and what its id says: those that are not alike for all."""
    given = {name: tuple(dict.fromkeys(getattr(config, name))) for name in OVERRIDES}
    turned = {name: values for name, values in given.items() if values}
    for chosen in product(*turned.values()):
        values = dict(zip(turned, chosen, strict=True))
        words = {
            name: OVERRIDES[name].format(said(value))
            for name, value in values.items()
            if len(turned[name]) > 1 or value == "full"
        }
        yield values, words


def said(value: object) -> str:
    """A setting's value as ids and tables write it."""
    return f"{value:g}" if isinstance(value, float) else str(value)
