"""The cells of a run that evaluates models which were tuned elsewhere: one for each of them."""

from __future__ import annotations

from collections.abc import Sequence

from factlab.combination.grid import TRAINING_SETTINGS
from factlab.errors import ConfigError
from factlab.schema.config import Cell, RunConfig, precisions
from factlab.schema.options import flag_of
from factlab.schema.quick import QUICK
from factlab.schema.recipe import Recipe

UNKNOWN = "unknown"  # recipe of what was trained elsewhere


def tuned_cells(config: RunConfig, recipe: Recipe, facts: Sequence[str]) -> tuple[Cell, ...]:
    """A cell for each tuned model and precision; all are evaluated on all facts.

    Args:
        config: The settings of the run.
        recipe: Whose settings of the evaluation hold.
        facts: Ids of the facts.

    Raises:
        ConfigError: for settings of training, which would do nothing.
    """
    for name in TRAINING_SETTINGS:
        given, usual = getattr(config, name), RunConfig.model_fields[name].default
        if given != usual and not (config.quick and given in (QUICK.get(name), True)):
            raise ConfigError(
                f"{flag_of(RunConfig, name)}: models that were tuned elsewhere are not trained, so "
                "it would do nothing. Remove it."
            )
    held = precisions(config, recipe)
    return tuple(
        Cell(
            id=source.label if len(held) == 1 else f"{source.label}-{precision}",
            configuration=source.label if len(held) == 1 else f"{source.label}-{precision}",
            facts=tuple(facts),
            rank=source.rank,
            alpha=source.alpha or 1,
            seed=0,
            precision=precision,
            recipe=recipe.model_copy(update={"name": UNKNOWN, "method": "lora"}),
            tuned=source,
        )
        for source in config.tuned
        for precision in held
    )
