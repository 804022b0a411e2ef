"""`factlab plan`: the memory that a model takes, predicted from its config, or measured here."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from factlab.cli.options import finite, setting_option
from factlab.cli.output import say_json
from factlab.errors import ConfigError, shortened

if TYPE_CHECKING:
    from factlab.memory.machine import MemoryBudget
    from factlab.memory.predict import Workload

PREDICTION_OPTIONS = (
    "rank", "targets", "seq", "batch", "optimizer", "gradient_checkpointing", "attention",
    "device", "memory",
)  # fmt: skip
# flash and sdpa both never hold the weights of attention.
ATTENTION: dict[str, Any] = {"auto": None, "eager": "eager", "sdpa": "sdpa", "flash": "sdpa"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: factlab plan 7b --rank 16 --seq 512")(plan)


def plan(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Embedded name, folder, config.json, .gguf file, hub id, or a size such as 7b.",
        ),
    ],
    rank: Annotated[int, setting_option("rank")] = 16,
    targets: Annotated[str, setting_option("targets")] = "all-linear",
    seq: Annotated[int, typer.Option(help="Tokens of a text.")] = 512,
    batch: Annotated[int, typer.Option(help="Texts of a step.")] = 1,
    optimizer: Annotated[str, setting_option("optimizer")] = "adamw",
    gradient_checkpointing: Annotated[bool, setting_option("gradient_checkpointing")] = False,
    attention: Annotated[str, setting_option("attention")] = "auto",
    precision: Annotated[
        str, typer.Option(help="Precisions to show or measure.")
    ] = "fp32,bf16,int8,nf4",
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; default: what this machine has.")
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(
            metavar="GB", callback=finite, help="Memory to fit into; default: this one's."
        ),
    ] = None,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Load the model at each precision and measure inference."),
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Predict the memory of training and of inference, by part, or measure a model's precisions."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    _check_counts({"--rank": rank, "--seq": seq, "--batch": batch})
    if measure:
        _refuse_prediction_options(context)
        _measure(model, precision, as_json=json_)
        return
    budget = _budget(device, memory)
    backend = ATTENTION[_one_of("--attention", attention, tuple(ATTENTION))]
    shared = _workload(budget, seq, batch, rank, targets, optimizer, gradient_checkpointing)
    _predict(model, replace(shared, backend=backend), precision, budget, as_json=json_)


def _predict(
    model: str, workload: Workload, precision: str, budget: MemoryBudget, *, as_json: bool
) -> None:
    from factlab.cli.plan_tables import show_plan
    from factlab.workflows.plan import plan_document, plan_memory

    found = plan_memory(model, workload, _precisions(precision), budget)
    if as_json:
        say_json(plan_document(found))
    else:
        show_plan(found)


def _measure(model: str, precision: str, *, as_json: bool) -> None:
    from factlab.cli.plan_tables import show_profile
    from factlab.cli.progress import make_progress
    from factlab.workflows.profile import profile_model

    profile = profile_model(model, _precisions(precision), make_progress())
    if as_json:
        say_json(profile)
    else:
        show_profile(profile)


# --- options ------------------------------------------------------------------------------------


def _check_counts(options: dict[str, int]) -> None:
    for option, number in options.items():
        if number < 1:
            raise ConfigError(f"{option} {number}: give a whole number above 0.")


def _refuse_prediction_options(context: typer.Context) -> None:
    """Refuse an option that has no meaning where a model is measured: inference, on this machine.

    Raises:
        ConfigError: naming it.
    """
    for name in PREDICTION_OPTIONS:
        given = context.get_parameter_source(name)
        if given is not None and given.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(
                f"{option} belongs to the prediction. --measure loads the model as it is, on this "
                f"machine's own device, and measures inference. Remove {option} or --measure."
            )


def _budget(device: str | None, memory: float | None) -> MemoryBudget:
    from factlab.workflows.plan import budget_for

    if memory is not None and not memory > 0:
        raise ConfigError(f"--memory {memory:g}: give gigabytes above 0.")
    return budget_for(_one_of("--device", device, ("cpu", "cuda")), memory)


def _workload(
    budget: MemoryBudget,
    seq: int,
    batch: int,
    rank: int,
    targets: str,
    optimizer: str,
    checkpointing: bool,
) -> Workload:
    """What the options describe; method and precision are set for each row."""
    from factlab.memory.activations import Batch
    from factlab.memory.predict import OPTIMIZERS, Workload
    from factlab.models.processor import multiplies_bf16

    return Workload(
        method="lora",
        precision="bf16",
        device=budget.device,
        batch=Batch(texts=batch, length=seq, targets=min(seq, 16)),
        rank=rank,
        targets=targets,
        optimizer=_one_of("--optimizer", optimizer, tuple(OPTIMIZERS)),
        checkpointing=checkpointing,
        bf16_products=multiplies_bf16(),
    )


def _precisions(text: str) -> list[Any]:
    from factlab.schema.config import Precision

    named = [part.strip() for part in text.split(",")]
    return [_one_of("--precision", name, get_args(Precision)) for name in dict.fromkeys(named)]


def _one_of(option: str, value: str | None, known: tuple[str, ...]) -> Any:
    from factlab.schema.yaml import did_you_mean

    if value is not None and value not in known:
        raise ConfigError(
            f"{option} {shortened(value)}: not known.{did_you_mean(value, known)} Known: "
            f"{', '.join(known)}."
        )
    return value
