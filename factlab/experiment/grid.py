"""The configurations of a run: settings and a recipe → one cell each. Loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from factlab.errors import ConfigError
from factlab.schema.config import (
    LORA_OVERRIDES,
    OF_WEIGHTS,
    OVERRIDES,
    QUANTISED,
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


def check_cells(config: RunConfig, cells: Sequence[Cell]) -> None:
    """Refuse what cannot be trained together, before anything is loaded.

    Raises:
        ConfigError: with the option to change.
    """
    _check_of_use(config, cells)
    _check_alone(config)
    pack = config.pack or 1
    for cell in cells:
        recipe = cell.recipe
        if pack > 1 and (recipe.dropout or recipe.method in ("dora", "full")):
            why = f"dropout {recipe.dropout:g}" if recipe.dropout else f"method {recipe.method}"
            raise ConfigError(
                f"--pack {pack}: adapters are trained side by side without dropout only, as lora "
                f"or rslora, and {cell.id} (recipe '{recipe.name}') has {why}. Leave --pack away."
            )
        if recipe.method == "full" and cell.precision in (*QUANTISED, "fp16"):
            raise ConfigError(
                f"--method full --precision {cell.precision}: every weight is trained, and "
                f"{cell.precision} weights cannot be. Say --precision bf16 or fp32."
            )
        if recipe.method != "full":
            _check_init(cell)


def _check_init(cell: Cell) -> None:
    """Refuse a beginning that the adapter or its base does not allow.

    Raises:
        ConfigError: with the option to change.
    """
    recipe, init = cell.recipe, cell.recipe.init
    if init == "orthogonal" and cell.rank % 2:
        raise ConfigError(
            f"--init orthogonal --rank {cell.rank}: it pairs the rows of A with those of B, so the "
            "rank has to be even."
        )
    if init not in OF_WEIGHTS:
        return
    if init == "loftq" and cell.precision not in QUANTISED:
        raise ConfigError(
            f"--init loftq --precision {cell.precision}: it begins with what quantising took away, "
            "and nothing was quantised. Say --precision nf4, or --init pissa or olora."
        )
    if init != "loftq" and cell.precision in QUANTISED:
        raise ConfigError(
            f"--init {init} --precision {cell.precision}: this initialisation changes "
            "the base's weights, which a quantised base does not allow here. Say --precision "
            "bf16 or fp32, --init loftq, or leave --init away."
        )
    other = f"--method {recipe.method}" if recipe.method == "dora" else f"--bias {recipe.bias}"
    if recipe.method == "dora" or recipe.bias != "none":
        raise ConfigError(
            f"--init {init} {other}: what is saved of an adapter that began with a part of the "
            "weights is its two factors alone. Say --method lora and --bias none, or leave --init "
            "away."
        )


def _check_alone(config: RunConfig) -> None:
    """Refuse to train adapters in one batch that are followed, or computed, one by one."""
    options = {
        f"--report-to {','.join(config.report_to)}": bool(config.report_to),
        f"--early-stop {config.early_stop}": config.early_stop is not None,
    }
    if config.gradient_checkpointing and (config.pack or 1) > 1:
        raise ConfigError(
            f"--gradient-checkpointing --pack {config.pack}: blocks are computed again by the "
            "library's own forward pass, which trains one adapter at a time. Leave one of the two "
            "away."
        )
    for option, given in options.items():
        if given and (config.pack or 1) > 1:
            raise ConfigError(
                f"{option} --pack {config.pack}: an adapter is followed, and stopped, by itself, "
                "so it has to be trained alone. Leave --pack away, or say --pack 1."
            )


def _check_of_use(config: RunConfig, cells: Sequence[Cell]) -> None:
    """Refuse an option that would do nothing."""
    if all(cell.recipe.method == "full" for cell in cells):
        for name in ("rank", *LORA_OVERRIDES):
            if getattr(config, name):
                raise ConfigError(
                    f"--{name.replace('_', '-')} is of an adapter, and --method full has none. "
                    "Leave it away, or add a method: --method lora,full."
                )
    if not any(cell.recipe.distill_weight for cell in cells):
        for name in ("temperature", "teacher"):
            if getattr(config, name):
                raise ConfigError(
                    f"--{name} is of a distillation, and nothing is distilled. Say --recipe "
                    "distill or --distill-weight 1, or leave it away."
                )
    if config.compute_dtype != "bf16" and all(cell.precision not in QUANTISED for cell in cells):
        raise ConfigError(
            f"--compute-dtype {config.compute_dtype}: it is what quantised weights are unpacked "
            f"to, and no precision here is ({', '.join(QUANTISED)}). Leave it away."
        )
