"""Every refusal of settings: what cannot be trained, and options that would do nothing."""

from __future__ import annotations

from collections.abc import Sequence

from factlab.errors import ConfigError
from factlab.experiment.experiment import Experiment
from factlab.experiment.grid import WEIGHED
from factlab.schema.config import QUANTISED, Cell, RunConfig
from factlab.schema.options import flag_of
from factlab.schema.recipe import ADAPTER_OVERRIDES, OF_WEIGHTS, Recipe
from factlab.training.steps import checkpoint_steps


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
                f"or rslora, and {cell.id} (recipe '{recipe.name}') has {why}. Remove --pack."
            )
        if recipe.method == "full" and cell.precision in (*QUANTISED, "fp16"):
            raise ConfigError(
                f"--method full --precision {cell.precision}: every weight is trained, and "
                f"{cell.precision} weights cannot be. Use --precision bf16 or fp32."
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
            "and nothing was quantised. Use --precision nf4, or --init pissa or olora."
        )
    if init != "loftq" and cell.precision in QUANTISED:
        raise ConfigError(
            f"--init {init} --precision {cell.precision}: this initialisation changes "
            "the base's weights, which a quantised base does not allow here. Use --precision "
            "bf16 or fp32 or --init loftq, or remove --init."
        )
    other = f"--method {recipe.method}" if recipe.method == "dora" else f"--bias {recipe.bias}"
    if recipe.method == "dora" or recipe.bias != "none":
        raise ConfigError(
            f"--init {init} {other}: what is saved of an adapter that began with a part of the "
            "weights is its two factors alone. Use --method lora and --bias none, or remove --init."
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
            "library's own forward pass, which trains one adapter at a time. Remove one of the two."
        )
    for option, given in options.items():
        if given and (config.pack or 1) > 1:
            raise ConfigError(
                f"{option} --pack {config.pack}: an adapter is followed, and stopped, by itself, "
                "so it has to be trained alone. Remove --pack, or use --pack 1."
            )


def _check_of_use(config: RunConfig, cells: Sequence[Cell]) -> None:
    """Refuse an option that would do nothing."""
    recipes = [cell.recipe for cell in cells]
    if all(recipe.method == "full" for recipe in recipes):
        for name in ADAPTER_OVERRIDES:
            if name in config.overrides:
                raise ConfigError(
                    f"{flag_of(RunConfig, name)} is of an adapter, and --method full has none. "
                    "Remove it, or add a method: --method lora,full."
                )
    if not any(recipe.distill_weight for recipe in recipes):
        for name in ("temperature", "teacher"):
            if getattr(config, name):
                raise ConfigError(
                    f"--{name} is of a distillation, and nothing is distilled. Add --recipe "
                    f"distill or --distill-weight 1, or remove --{name}."
                )
    if config.compute_dtype != "bf16" and all(cell.precision not in QUANTISED for cell in cells):
        raise ConfigError(
            f"--compute-dtype {config.compute_dtype}: it is what quantised weights are unpacked "
            f"to, and no precision here is ({', '.join(QUANTISED)}). Remove it."
        )
    _check_anchors(config, recipes)


def _check_anchors(config: RunConfig, recipes: Sequence[Recipe]) -> None:
    """Refuse a part of anchored training that lacks the others, and so would do nothing.

    Raises:
        ConfigError: with the option to add.
    """
    for recipe in recipes:
        if recipe.anchor_weight and not recipe.anchored_on:
            lacking = {
                "--anchor-kinds general+others": recipe.anchor_kinds,
                "--anchors-per-step 4": recipe.anchors_per_step,
            }
            add = " ".join(option for option, given in lacking.items() if not given)
            raise ConfigError(
                f"--anchor-weight {recipe.anchor_weight:g}: there are no anchors to weigh with "
                f"recipe '{recipe.name}'. Add {add}, or remove --anchor-weight."
            )
    if not any(recipe.anchored_on for recipe in recipes):
        for name in WEIGHED["anchor_weight"]:
            if name in config.overrides:
                flag = flag_of(RunConfig, name)
                raise ConfigError(
                    f"{flag}: anchors have no weight in the loss here. Add --anchor-weight 0.5, or "
                    f"remove {flag}."
                )


def check_experiment(experiment: Experiment) -> None:
    """Refuse what only the expanded questions show.

    Raises:
        ConfigError: with the option to change.
    """
    _check_benchmarks(experiment.config)
    _check_placebo(experiment)
    _check_early_stop(experiment)
    _check_best(experiment)
    _check_shuffled(experiment)


def _check_benchmarks(config: RunConfig) -> None:
    for name in ("benchmark_data", "benchmark_limit"):
        if getattr(config, name) is not None and not config.benchmarks:
            raise ConfigError(
                f"--{name.replace('_', '-')} is of --benchmarks, and there is none, such as "
                "--benchmarks arc_easy."
            )


def check_practice(config: RunConfig, recipes: Sequence[Recipe]) -> None:
    """Refuse settings that a run without facts cannot follow.

    Raises:
        ConfigError: with the option to change.
    """
    if config.facts or config.mix or config.shuffle or config.placebo:
        raise ConfigError(
            "a practice run has neither facts nor a mix nor answers to shuffle nor a placebo: it "
            "trains on its set alone. To train on facts and a set, run the facts with --mix "
            f"{config.practice}:0.3."
        )
    for name, what in {"templates": "word", "unlikelihood": "keep out of other answers"}.items():
        if getattr(config, name, None) or any(config.overrides.get(name, ())):
            raise ConfigError(
                f"a practice run has no fact to {what}. Remove '{name}', which does nothing in it."
            )
    if config.keep == "best":
        raise ConfigError(
            "a practice run cannot keep the best adapter, since no answer on its panel is right or "
            "wrong by which one could be the best. Remove 'keep'."
        )
    if config.early_stop is not None:
        raise ConfigError(
            "a practice run has no validation pairs to stop by: the conversations that it holds "
            "out are what it is measured on. Remove 'early_stop'."
        )
    distilled = config.overrides.get("distill_weight", ())
    if any((*(recipe.distill_weight for recipe in recipes), *distilled)):
        raise ConfigError(
            "distilling needs a teacher with the fact in its prompt, and a practice run has no "
            "fact. Remove 'distill_weight', or choose another recipe."
        )


def _check_placebo(experiment: Experiment) -> None:
    """Refuse a placebo where something else decides what is trained, or for how long.

    Raises:
        ConfigError: with the option to remove.
    """
    config = experiment.config
    if not config.placebo:
        return
    conflicts = {
        "--shuffle": config.shuffle,
        "--keep best": config.keep == "best",
        "--early-stop": config.early_stop is not None,
        "--mix": bool(config.mix),
        "a recipe that distils": any(cell.recipe.distill_weight for cell in experiment.cells),
    }
    for option, given in conflicts.items():
        if given:
            raise ConfigError(
                f"--placebo with {option}: a placebo is trained for as long as the fact, on pairs "
                f"of its own, and {option} would treat the two differently. Leave one of them out."
            )


def _check_best(experiment: Experiment) -> None:
    """Refuse to keep the best adapter where validation cannot tell which it is.

    Raises:
        ConfigError: with the option to remove.
    """
    if experiment.config.keep != "best" or not all(c.is_trained for c in experiment.cells):
        return
    if experiment.config.shuffle:
        raise ConfigError(
            "--keep best --shuffle: validation pairs keep the right answer, which a shuffled run "
            "does not train, so the best on them would be the least trained. Remove --keep."
        )
    for cell in experiment.cells:
        if not experiment.validation_pairs(cell):
            raise ConfigError(
                f"--keep best: {cell.id} has no validation pair to judge by, since its facts fill "
                "too few phrasings. Remove --keep."
            )


def _check_shuffled(experiment: Experiment) -> None:
    """Refuse a teacher in a shuffled run, which must not learn the right answer.

    Raises:
        ConfigError: with the option to change.
    """
    if experiment.config.shuffle and any(cell.recipe.distill_weight for cell in experiment.cells):
        raise ConfigError(
            "--shuffle: a teacher has the right answer in its prompt, which a shuffled run must "
            "not train. Use a recipe without distillation, such as --recipe default."
        )


def _check_early_stop(experiment: Experiment) -> None:
    """Refuse an early stop that could never come, or that would say nothing.

    Raises:
        ConfigError: with the option to change.
    """
    patience = experiment.config.early_stop
    if patience is None:
        return
    if experiment.config.shuffle:
        raise ConfigError(
            f"--early-stop {patience} --shuffle: validation pairs keep the right answer, which a "
            "shuffled run does not train, so their loss says nothing about when to stop. Remove "
            "--early-stop."
        )
    for cell in experiment.cells:
        steps, asked = experiment.steps(cell), experiment.config.checkpoints
        found = len(checkpoint_steps(steps, asked))
        if found <= patience:
            more = f"--checkpoints {patience + 1}" if found == asked else "more training steps"
            raise ConfigError(
                f"--early-stop {patience}: it takes {patience + 1} checkpoints before the last "
                f"step, a lowest and {patience} after it, and the {steps} steps of {cell.id} have "
                f"{found}. Use {more}, or remove --early-stop."
            )
        if not experiment.validation_pairs(cell):
            raise ConfigError(
                f"--early-stop {patience}: {cell.id} has no validation pair, since its facts fill "
                "too few phrasings. Remove --early-stop."
            )
