"""`factlab plan`: the memory that a model takes, predicted from its config, or measured here."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from factlab.cli.output import paragraph, say, table
from factlab.errors import ConfigError

if TYPE_CHECKING:
    from factlab.memory.machine import MemoryBudget, NamedShape
    from factlab.memory.predict import Memory, Setup
    from factlab.memory.tutorials import Claim
    from factlab.workflows.profile import ModelProfile

GB = 10**9
PREDICTS = (
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
    rank: Annotated[int, typer.Option(help="LoRA rank.")] = 16,
    targets: Annotated[
        str,
        typer.Option(
            help="Layers with an adapter: all-linear, attention, mlp, qv, or q_proj+v_proj."
        ),
    ] = "all-linear",
    seq: Annotated[int, typer.Option(help="Tokens of a text.")] = 512,
    batch: Annotated[int, typer.Option(help="Texts of a step.")] = 1,
    optimizer: Annotated[
        str, typer.Option(help="As in a recipe: adamw, paged-adamw-8bit, sgd, …")
    ] = "adamw",
    gradient_checkpointing: Annotated[
        bool,
        typer.Option("--gradient-checkpointing", help="Blocks are computed again when needed."),
    ] = False,
    attention: Annotated[
        str, typer.Option(help="auto (as a run does by itself), eager, sdpa or flash.")
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="Precisions to show or measure.")
    ] = "fp32,bf16,int8,nf4",
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; by default what this machine has.")
    ] = None,
    memory: Annotated[
        float | None, typer.Option(metavar="GB", help="Memory to fit into; by default this one's.")
    ] = None,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Load it at each precision and measure: inference alone."),
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Predict the memory of training and asking a model, by part, or measure its precisions."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    for name, number in (("--rank", rank), ("--seq", seq), ("--batch", batch)):
        if number < 1:
            raise ConfigError(f"{name} {number}: a whole number above 0 is wanted.")
    precisions = _precisions(precision)
    if measure:
        _check_of_use(context)
        _measure(model, precisions, as_json=json_)
        return
    from factlab.memory.activations import Batch
    from factlab.memory.machine import memory_budget, named_shape
    from factlab.memory.predict import OPTIMIZERS, Setup
    from factlab.models.processor import multiplies_bf16

    room = _room(memory_budget(), device, memory)
    setup = Setup(
        method="lora",
        precision="bf16",
        device=room.device,
        batch=Batch(texts=batch, length=seq, targets=min(seq, 16)),
        way=ATTENTION[_one_of("--attention", attention, tuple(ATTENTION))],
        rank=rank,
        targets=targets,
        optimizer=_one_of("--optimizer", optimizer, tuple(OPTIMIZERS)),
        checkpointing=gradient_checkpointing,
        bf16_products=multiplies_bf16(),
    )
    _predict(named_shape(model), setup, precisions, room, as_json=json_)


def _check_of_use(context: typer.Context) -> None:
    """Refuse an option that says nothing where a model is measured: inference, on this machine.

    Raises:
        ConfigError: naming it.
    """
    for name in PREDICTS:
        given = context.get_parameter_source(name)
        if given is not None and given.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(
                f"{option} is of the prediction; --measure loads the model as it is, on this "
                f"machine's own device, and asks it. Leave {option} or --measure away."
            )


def _one_of(option: str, value: str | None, known: tuple[str, ...]) -> Any:
    from factlab.schema.yaml import did_you_mean

    if value is not None and value not in known:
        raise ConfigError(
            f"{option} {value}: not known.{did_you_mean(value, known)} Known: {', '.join(known)}."
        )
    return value


def _precisions(text: str) -> list[Any]:
    from factlab.schema.config import Precision

    named = [part.strip() for part in text.split(",")]
    return [_one_of("--precision", name, get_args(Precision)) for name in dict.fromkeys(named)]


def _room(here: MemoryBudget, device: str | None, memory: float | None) -> MemoryBudget:
    """What it has to fit into."""
    from factlab.memory.machine import MemoryBudget

    if memory is not None and not memory > 0:
        raise ConfigError(f"--memory {memory:g}: gigabytes above 0 are wanted.")
    chosen = _one_of("--device", device, ("cpu", "cuda")) or here.device
    if memory is not None:
        return MemoryBudget(chosen, round(memory * GB), "as given")
    if chosen == here.device:
        return here
    return MemoryBudget(chosen, None, "not known; name it with --memory")


# --- the prediction -----------------------------------------------------------------------------


def _predict(
    named: NamedShape, setup: Setup, precisions: list[Any], room: MemoryBudget, *, as_json: bool
) -> None:
    from factlab.memory.predict import adapter_parameters
    from factlab.memory.rows import asking_rows, training_rows
    from factlab.memory.tutorials import ABOUT_7B, claims

    shape = named.shape
    trained = adapter_parameters(shape, setup.rank, shape.adapted(setup.targets))
    rows = training_rows(shape, setup, precisions), asking_rows(shape, setup, precisions)
    held_to = claims(shape, setup) if shape.parameters in ABOUT_7B else ()
    if as_json:
        found = {
            "model": named.name,
            "source": named.source,
            "parameters": shape.parameters,
            "adapter_parameters": trained,
            "setup": {
                "rank": setup.rank,
                "targets": setup.targets,
                "batch": setup.batch.texts,
                "seq": setup.batch.length,
                "optimizer": setup.optimizer,
                "gradient_checkpointing": setup.checkpointing,
                "device": setup.device,
                "bf16_products": setup.bf16_products,
            },
            "room": {"bytes": room.total_bytes, "what": room.what},
            "training": [_document(row, shape, room) for row in rows[0]],
            "asking": [_document(row, shape, room) for row in rows[1]],
            "tutorials": [_claim_document(claim) for claim in held_to],
        }
        say(json.dumps(found, indent=1))
        return
    paragraph(f"{named.name}: {shape.parameters:,} parameters ({named.source})")
    everything = shape.parameters + trained
    paragraph(
        f"trainable params: {trained:,} || all params: {everything:,} || trainable%: "
        f"{trained / everything:.4%} (rank {setup.rank} on {setup.targets})"
    )
    _show_rows(named, setup, rows, room)
    _show_claims(held_to)


def _show_rows(named: NamedShape, setup: Setup, rows: Any, room: MemoryBudget) -> None:
    training, asking = rows
    texts = "1 text" if setup.batch.texts == 1 else f"{setup.batch.texts} texts"
    held = room.total_bytes
    fits = "fits" if held is None else f"fits {held / GB:.1f}"
    say()
    table(
        [
            *("training", "weights", "adapter", "grads", "optimizer", "activations"),
            *("workspace", "peak", fits),
        ],
        [
            [
                row.name,
                *(_gb(part) for part in _parts(row.memory)),
                _gb(row.memory.peak),
                _verdict(row.memory, room),
            ]
            for row in training
        ],
    )
    table(
        ["asking", "weights", "keys, values", "workspace", "peak", fits],
        [
            [
                row.name,
                _gb(row.memory.weights),
                _gb(row.memory.activations),
                _gb(row.memory.workspace),
                _gb(row.memory.peak),
                _verdict(row.memory, room),
            ]
            for row in asking
        ],
    )
    ways = dict.fromkeys(row.setup.way_on(named.shape) for row in training)
    paragraph(
        f"GB of 10⁹ bytes on {setup.device}; {texts} of {setup.batch.length} tokens; attention "
        f"{' and '.join(ways)}. Activations go as gradients come, so the peak has the larger of "
        "the two. " + _on_top(setup, room)
    )


def _on_top(setup: Setup, room: MemoryBudget) -> str:
    if setup.device == "cuda":
        return f"Memory: {room.what}. What CUDA itself takes comes on top."
    from factlab.memory.machine import LIBRARIES_BYTES
    from factlab.memory.predict import AHEAD

    held = (
        "On a CPU quantised weights are computed in bf16, and held so"
        if setup.bf16_products
        else "This processor has no products in bf16, so weights of 16 bits and quantised ones are "
        "computed in fp32, and held so"
    )
    return (
        f"Memory: {room.what}; {_gb(LIBRARIES_BYTES)} of it go to the libraries. {held}, and each "
        f"peak has {_gb(AHEAD)} that the C library takes ahead."
    )


def _show_claims(held_to: tuple[Claim, ...]) -> None:
    if not held_to:
        return
    say()
    table(
        ["7B on a GPU", "tutorials say", "here", "with checkpointing"],
        [
            [claim.method, claim.said, _sum(claim.plain), _gb(claim.checkpointed.peak)]
            for claim in held_to
        ],
    )
    for claim in held_to:
        paragraph(f"{claim.method}: {claim.why}.")


def _sum(memory: Memory) -> str:
    """A peak by its parts, the largest first, as the tutorials write it."""
    if memory.gradients > memory.activations + memory.workspace:
        parts = [memory.weights, memory.gradients, memory.optimizer]
        return f"{' + '.join(_gb(part) for part in parts)} = {_gb(memory.peak)}"
    return _gb(memory.peak)


def _parts(memory: Memory) -> tuple[int, ...]:
    return (
        memory.weights,
        memory.adapter,
        memory.gradients,
        memory.optimizer,
        memory.activations,
        memory.workspace,
    )


def _gb(count: int) -> str:
    return f"{count / GB:.2f}" if count < 100 * GB else f"{count / GB:.1f}"


def _verdict(memory: Memory, room: MemoryBudget) -> str:
    fits = room.holds(memory.peak)
    return "-" if fits is None else "yes" if fits else "no"


def _document(row: Any, shape: Any, room: MemoryBudget) -> dict[str, Any]:
    return {
        "name": row.name,
        "method": row.setup.method,
        "precision": row.setup.precision,
        "attention": row.setup.way_on(shape),
        **_bytes(row.memory),
        "fits": room.holds(row.memory.peak),
    }


def _bytes(memory: Memory) -> dict[str, int]:
    from dataclasses import asdict

    parts = {f"{name}_bytes": count for name, count in asdict(memory).items()}
    return {**parts, "peak_bytes": memory.peak}


def _claim_document(claim: Claim) -> dict[str, Any]:
    return {
        "method": claim.method,
        "tutorials_gb": claim.said,
        "here": _bytes(claim.plain),
        "with_checkpointing": _bytes(claim.checkpointed),
        "why": claim.why,
    }


# --- the measurement ----------------------------------------------------------------------------


def _measure(model: str, precisions: list[Any], *, as_json: bool) -> None:
    from factlab.cli.progress import make_progress
    from factlab.workflows.profile import profile_model

    ladder = profile_model(model, precisions, make_progress())
    if as_json:
        say(ladder.model_dump_json(indent=1))
        return
    _show_ladder(ladder)


def _show_ladder(ladder: ModelProfile) -> None:
    first = ladder.steps[0].rung
    paragraph(f"{ladder.model}: {first.parameters:,} parameters, on {first.device}")
    say()
    rows = []
    for step in ladder.steps:
        rung, apart, change = step.rung, step.distance, step.change
        rows.append(
            [
                rung.precision,
                _gb(rung.weights_bytes),
                "-" if rung.quantised_bytes is None else _gb(rung.quantised_bytes),
                _gb(rung.peak_memory_bytes),
                f"{rung.prompt_tokens_per_second:,.0f}",
                f"{rung.generated_tokens_per_second:,.1f}",
                "-" if apart is None else f"{apart.kl_nats:.4f}",
                "-" if apart is None else f"{apart.same_top:.1%}",
                f"{step.right.value:.0%} ({step.right.low:.0%}–{step.right.high:.0%})",
                "-" if change is None else f"-{change.lost} +{change.gained}",
            ]
        )
    table(
        [
            "",
            "weights",
            "on a GPU",
            "peak",
            "read/s",
            "write/s",
            "KL",
            "same top",
            "far right",
            "verdicts",
        ],
        rows,
    )
    n = ladder.steps[0].right.n
    paragraph(
        "GB of 10⁹ bytes: the weights as they are held, and as a GPU would; the peak of one "
        "process that reads 256 tokens and writes one answer, libraries aside. Tokens per "
        "second, one text at a time. KL "
        f"in nats per token from {ladder.reference}, and how often both find the same token most "
        f"probable, on the neutral text. Of {n} far controls: right (95 % interval), and verdicts "
        f"lost and gained against {ladder.reference}."
    )
    for step in ladder.steps:
        paragraph(f"{step.rung.precision}: {step.rung.note}.")
