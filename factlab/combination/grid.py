"""The cells of a run that combines adapters: each as it is, and each combination of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from factlab.errors import ConfigError
from factlab.schema.combine import METHODS, AdapterSource, Combination, Combined, signed
from factlab.schema.config import Cell, RunConfig, precisions
from factlab.schema.options import chosen_by
from factlab.schema.recipe import Recipe
from factlab.schema.source import TrainingSource

# What decides nothing where adapters are combined and none is trained.
TRAINING_SETTINGS = (*chosen_by(RunConfig, lambda option: not option.untrained), "practice")


def combined_cells(
    config: RunConfig, combine: Combination, recipe: Recipe, facts: Sequence[TrainingSource]
) -> tuple[Cell, ...]:
    """Each adapter as it is, and a cell per method and weights; all are evaluated on all facts.

    Methods that draw what they leave out get a cell per seed.

    Raises:
        ConfigError: for settings of training, or an adapter of a fact that the run has not.
    """
    _check_trains_nothing(config, combine, facts)
    held = precisions(config, recipe)
    if len(held) != 1:
        raise ConfigError(
            f"combine: adapters stand on one base, and {', '.join(held)} are several. Give the one "
            "precision that they were trained at."
        )
    seeds = tuple(dict.fromkeys(config.seed))
    recipes = ", ".join(dict.fromkeys(source.recipe for source in combine.adapters))

    def cell(
        name: str, rank: int, seed: int, made: Combined, alone: AdapterSource | None = None
    ) -> Cell:
        own = {"name": alone.recipe, "method": alone.method} if alone else {"name": recipes}
        return Cell(
            id=f"{name}-s{seed}",
            configuration=name,
            facts=tuple(fact.id for fact in facts),
            rank=rank,
            alpha=alone.alpha if alone else rank,
            seed=seed,
            precision=held[0],
            recipe=recipe.model_copy(update=own),
            overrides=alone.overrides if alone else {},
            combined=made,
        )

    found = []
    for label, source in combine.labelled.items():
        made = Combined(adapters=(label,), learning_rate=source.learning_rate)
        found.append(cell(f"{label}-alone", source.rank, seeds[0], made, source))
    for how, weights in product(dict.fromkeys(combine.how), combine.weighted):
        method = METHODS[how]
        made = Combined(
            adapters=tuple(combine.labelled),
            how=how,
            weights=weights,
            density=combine.density if method.thins else None,
            svd_rank=combine.svd_rank if method.truncates else None,
        )
        for seed in seeds if method.random else seeds[:1]:
            found.append(cell(how + signed(weights), combine.rank(how), seed, made))
    return tuple(found)


def _check_trains_nothing(
    config: RunConfig, combine: Combination, facts: Sequence[TrainingSource]
) -> None:
    defaults = {name: RunConfig.model_fields[name].default for name in TRAINING_SETTINGS}
    asked = [name for name, value in defaults.items() if getattr(config, name) != value]
    if asked:
        raise ConfigError(
            f"combine: adapters that are combined are not trained, so {', '.join(asked)} would do "
            "nothing. Remove them."
        )
    known = {fact.id for fact in facts}
    lacking = [f for source in combine.adapters for f in source.facts if f not in known]
    if lacking:
        raise ConfigError(
            f"combine: an adapter was trained on {lacking[0]}, which is not among the facts of "
            f"this run ({', '.join(sorted(known))}). Name its file among them."
        )
