"""Training examples per second: factlab, TRL as tutorials call it, TRL tuned, a plain PEFT loop.

All train the same pairs with the same adapter, learning rate and number of examples. Before a
ratio counts, each trains a longer run and answers the held-out questions (the gate).
"""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from benchmarks import peers
from benchmarks.common import (
    FACT,
    Reading,
    Settings,
    computes_bf16,
    interleaved,
    median,
    roofline,
    show,
    spread,
)
from benchmarks.flops import (
    Counts,
    ModelShape,
    packed_attention,
    padded,
    required,
    shape_of,
    training_flops,
)
from benchmarks.peers import BATCH, Fitted

if TYPE_CHECKING:
    from factlab.experiment.experiment import Experiment
    from factlab.models.chat import RenderedPair
    from factlab.models.load import LoadedModel
    from factlab.schema.config import Cell, Precision
    from factlab.schema.question import Question, Response
    from factlab.schema.results import TrainStep

Fit = Callable[["LoadedModel", Sequence["Question"], int], Fitted]
RECALL_SLACK = 0.1  # of held-out questions or controls: what another seed alone may change
FAR_SAMPLE = 84  # of the far controls: a third
LOSS_SLACK_NATS = 0.1  # of validation NLL per answer token


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to train on a model of its own.

    Attributes:
        name: As in the JSON.
        precision: How its base is held.
        fit: Trains an adapter on the model and leaves it there.
        batch: Pairs per step.
        ratio: Whether factlab in bf16 is compared with it.
    """

    name: str
    precision: Precision
    fit: Fit
    batch: int = BATCH
    ratio: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether it is factlab."""
        return self.name.startswith("factlab")


def contenders(quick: bool) -> list[Contender]:
    """All that are measured, factlab in bf16 first."""
    found = [
        Contender("factlab_bf16", "bf16", factlab_fit("bf16")),
        Contender("trl_tutorial", "fp32", peers.trl_tutorial, batch=1, ratio=True),
        trl_tuned_contender(),
        Contender("plain_peft", "bf16", peers.plain_peft, ratio=True),
        Contender("plain_peft_answers", "bf16", peers.plain_peft_answers, ratio=True),
    ]
    if not quick:
        found += [
            Contender("factlab_nf4", "nf4", factlab_fit("nf4")),
            Contender("factlab_fp32", "fp32", factlab_fit("fp32")),
        ]
    return found


def trl_tuned_contender() -> Contender:
    """TRL by someone who has tried its options."""
    return Contender("trl_tuned", "bf16", peers.trl_tuned, ratio=True)


def factlab_fit(precision: Precision, rank: int = peers.RANK) -> Fit:
    """Factlab's own training, without anchors, so that all do the same work."""

    def fit(loaded: LoadedModel, pairs: Sequence[Question], steps: int) -> Fitted:
        from factlab.training.attach import attach_adapter
        from factlab.training.job import AdapterJob
        from factlab.training.train import train_together
        from factlab.training.trainer import CheckpointResult

        started = time.perf_counter()
        cell = factlab_cell(precision, steps * BATCH / len(pairs), rank)
        began: list[float] = []
        ended: list[float] = []

        def record(step: TrainStep) -> None:
            began.append(time.perf_counter() - step.seconds)

        def after(_: int) -> CheckpointResult:
            # Where the peers' clock stops too: the optimizer's step is done.
            ended.append(time.perf_counter())
            return CheckpointResult()

        model = attach_adapter(loaded, cell)
        job = AdapterJob(cell, pairs, record=record)
        train_together(model, loaded, [job], max_steps=steps, checkpoints=[steps], measure=after)
        whole = time.perf_counter() - started
        seconds = ended[-1] - began[0]
        return Fitted(model, seconds, whole - seconds)

    return fit


def factlab_cell(precision: Precision, epochs: float, rank: int = peers.RANK) -> Cell:
    """The cell that equals the peers' settings."""
    from factlab.recipes.load import shipped_recipe
    from factlab.schema.config import Cell

    return Cell(
        id="benchmark",
        configuration="benchmark",
        facts=(FACT,),
        rank=rank,
        alpha=peers.ALPHA,
        seed=peers.SEED,
        precision=precision,
        recipe=shipped_recipe("plain").model_copy(update={"epochs": epochs}),
    )


def measure(settings: Settings, reading: Reading) -> None:
    """Measure speed, then quality, and add both to the reading."""
    from factlab.experiment.plan import plan_experiment
    from factlab.models.load import load_model
    from factlab.models.resolve import resolve_model
    from factlab.schema.config import RunConfig

    plan = plan_experiment(RunConfig(facts=(FACT,), model=settings.model))
    files = resolve_model(settings.model)
    fields = [
        (contender, load_model(files, contender.precision))
        for contender in contenders(settings.quick)
    ]
    shape = shape_of(fields[0][1].model, peers.RANK)
    speeds = _speeds(settings, reading, plan, fields, shape)
    quality = _gate(settings, reading, plan, fields)
    for contender, _ in fields:
        if contender.ratio:
            ours, theirs = speeds["factlab_bf16"], speeds[contender.name]
            reading.ratio(
                f"training/{contender.name}", ours, theirs, quality.get(contender.name, "")
            )


# --- speed ------------------------------------------------------------------------------------


def _speeds(
    settings: Settings,
    reading: Reading,
    plan: Experiment,
    fields: Sequence[tuple[Contender, LoadedModel]],
    shape: ModelShape,
) -> dict[str, float]:
    """Examples per second of each contender, and the roofline of the same minutes."""
    steps = settings.steps or (2 if settings.quick else 10)
    pairs = _by_length(plan.expansions[FACT].train)
    rates: dict[str, list[dict[str, float]]] = {"roofline": []}

    def speed(contender: Contender, loaded: LoadedModel) -> Callable[[], float]:
        # A quarter of the examples, of the same lengths, tells as much about the slow tutorial.
        count = steps * BATCH if contender.batch > 1 else max(1, steps * BATCH // 4)
        chosen = spread(pairs, count)
        random.Random(peers.SEED).shuffle(chosen)

        def once() -> float:
            with fitted(contender, loaded, chosen, math.ceil(count / contender.batch)) as done:
                return count / done.seconds

        return once

    def rooflines() -> float:
        rates["roofline"].append(roofline(shape.linears, fields[0][1].device))
        return next(rate for name, rate in rates["roofline"][-1].items() if "own_shapes" in name)

    measures = {c.name: speed(c, loaded) for c, loaded in fields}
    print("training: warm-up", flush=True)
    for contender, loaded in fields:
        with fitted(contender, loaded, pairs[:BATCH], 1):
            pass
    print(f"training: {settings.repeats} rounds of {steps} steps of {BATCH} pairs", flush=True)
    found = interleaved({"roofline, GFLOP/s": rooflines, **measures}, settings.repeats)
    for key in rates["roofline"][0]:
        reading.roofline[key] = round(median(one[key] for one in rates["roofline"]), 1)
    _report(reading, fields, found, shape, _batches(fields[0][1], pairs))
    return found


def _by_length(pairs: Sequence[Question]) -> list[Question]:
    """Sorted, so that an even sample has the lengths of the whole."""
    return sorted(pairs, key=lambda pair: (len(pair.text) + len(pair.target or ""), pair.id))


@contextmanager
def fitted(
    contender: Contender, loaded: LoadedModel, pairs: Sequence[Question], steps: int
) -> Iterator[Fitted]:
    """Train, lend the tuned model, and leave the base as it was."""
    put_back = as_it_is(loaded.model)
    done = contender.fit(loaded, pairs, steps)
    try:
        yield done
    finally:
        loaded.model = put_back(done.model.unload())
        gc.collect()


def as_it_is(base: Any) -> Callable[[Any], Any]:
    """Remember how a model is computed; the function found takes off what a trainer changes."""
    attention = base.config._attn_implementation
    patched = {name: value for name, value in base.__dict__.items() if name == "forward"}

    def put_back(model: Any) -> Any:
        model.__dict__.pop("forward", None)  # SFTTrainer puts one of its own there
        model.__dict__.update(patched)
        model.gradient_checkpointing_disable()
        model.set_attn_implementation(attention)
        model.requires_grad_(False)
        return model.eval()

    return put_back


def _batches(loaded: LoadedModel, pairs: Sequence[Question]) -> list[list[RenderedPair]]:
    """Random batches of 16, as a recipe without a plan of its own would form them."""
    rows = peers.rendered(loaded, pairs)
    random.Random(peers.SEED).shuffle(rows)
    return [rows[i : i + BATCH] for i in range(0, len(rows) - BATCH + 1, BATCH)]


def computed(name: str, batches: Sequence[Sequence[RenderedPair]]) -> Counts:
    """What a contender really goes through on these batches.

    Factlab computes what is required, and attention over padded rows. (It also multiplies the zeros
    of low-rank factors that layers of one input have together, about a hundredth, which is not
    counted.) TRL on CPU scores every position and computes the head again in the backward pass;
    the tutorial checkpoints, and does not pad.
    """
    if name.startswith("factlab"):
        return replace(required(batches), attended=packed_attention(batches))
    if name == "trl_tutorial":
        single = [[pair] for batch in batches for pair in batch]
        counts = padded(single, head_everywhere=True)
        return _again(counts, trunk=True)
    if name == "trl_tuned":
        grouped = sorted((p for b in batches for p in b), key=lambda p: len(p.prompt_ids))
        rows = [grouped[i : i + BATCH] for i in range(0, len(grouped), BATCH)]
        return _again(padded(rows, head_everywhere=True), trunk=False)
    return padded(batches, head_everywhere=name == "plain_peft")


def _again(counts: Counts, *, trunk: bool) -> Counts:
    return Counts(
        counts.tokens,
        counts.attended,
        counts.head_rows,
        recomputed_tokens=counts.tokens if trunk else 0,
        recomputed_head_rows=counts.head_rows,
    )


def _report(
    reading: Reading,
    fields: Sequence[tuple[Contender, LoadedModel]],
    speeds: dict[str, float],
    shape: ModelShape,
    batches: Sequence[Sequence[RenderedPair]],
) -> None:
    examples = sum(len(batch) for batch in batches)
    needed = required(batches)
    needed_flops = training_flops(shape, needed) / examples
    given = sum(len(p.prompt_ids) + len(p.answer_ids) for b in batches for p in b)
    rows = []
    for contender, loaded in fields:
        name, precision = contender.name, contender.precision
        # TRL's default for an fp32 model, which the tutorial has, is to compute in bf16.
        narrow = computes_bf16(loaded.device) and not (contender.is_ours and precision == "fp32")
        computes = "bf16" if narrow else "fp32"
        peak = reading.roofline[f"{computes}/own_shapes"] * 1e9
        done = training_flops(shape, computed(name, batches)) / examples
        figures = {
            "examples_per_second": round(speeds[name], 3),
            "mfu": round(speeds[name] * needed_flops / peak, 4),
            "hfu": round(speeds[name] * done / peak, 4),
        }
        side = reading.factlab if contender.is_ours else reading.peers
        side.setdefault("training", {})[name.removeprefix("factlab_")] = figures
        rows.append((name, precision, contender.batch, *figures.values()))
    reading.factlab["training"]["work"] = {
        "tokens_per_example": round(given / examples, 2),
        "unique_tokens_per_example": round(needed.tokens / examples, 2),
        "labelled_tokens_per_example": round(needed.head_rows / examples, 2),
        "required_mflop_per_example": round(needed_flops / 1e6),
    }
    show(
        "Training",
        ["", "precision", "batch", "examples/s", "MFU", "HFU"],
        rows,
    )
    show("Roofline", ["", "GFLOP/s"], reading.roofline.items())


# --- quality ----------------------------------------------------------------------------------


def _gate(
    settings: Settings,
    reading: Reading,
    plan: Experiment,
    fields: Sequence[tuple[Contender, LoadedModel]],
) -> dict[str, str]:
    """Whether each peer's quality equals factlab's after the same number of examples."""
    names = [contender.name for contender, _ in fields]
    if settings.quick or not settings.gate_steps:
        reading.note("quality was not compared in this reading (no gate): speed alone.")
        return dict.fromkeys(names, "not compared")
    found: dict[str, Quality] = {}
    for contender, loaded in fields:
        if contender.batch == 1 and not settings.tutorial_gate:
            reading.note(
                f"{contender.name} was not measured by the gate: at batch 1 it would need "
                f"{settings.gate_steps * BATCH} steps (add --tutorial-gate)."
            )
            continue
        steps = settings.gate_steps * BATCH // contender.batch
        print(f"gate: {contender.name}, {steps} steps", flush=True)
        with fitted(contender, loaded, plan.expansions[FACT].train, steps) as done:
            found[contender.name] = _quality(done.model, loaded, plan)
    for name, one in found.items():
        side = reading.factlab if name.startswith("factlab") else reading.peers
        figures = {
            "validation_nll_nats": round(one.loss, 4),
            "recall_held_out": round(one.recall, 4),
            "accuracy_far": round(one.far, 4),
        }
        side.setdefault("gate", {})[name.removeprefix("factlab_")] = figures
    rows = [(n, one.loss, one.recall, one.far, _verdict(found, n)) for n, one in found.items()]
    columns = ["", "validation NLL", "held-out recall", "far controls right", "factlab as good"]
    show("Gate", columns, rows)
    return {name: _verdict(found, name) for name in names}


@dataclass(frozen=True, slots=True)
class Quality:
    """What a contender's adapter is worth, by the same code for everyone.

    Attributes:
        loss: Validation NLL, nats per answer token.
        recall: Share of held-out questions answered right.
        far: Share of a sample of far controls answered right: what was not forgotten.
    """

    loss: float
    recall: float
    far: float


def _verdict(found: dict[str, Quality], name: str) -> str:
    """Equal quality: factlab is no worse than the peer by more than a seed could make it."""
    if name not in found:
        return "not compared"
    ours, theirs = found["factlab_bf16"], found[name]
    equal = (
        ours.recall >= theirs.recall - RECALL_SLACK
        and ours.loss <= theirs.loss + LOSS_SLACK_NATS
        and ours.far >= theirs.far - RECALL_SLACK
    )
    return "yes" if equal else "no"


def _quality(model: Any, loaded: LoadedModel, plan: Experiment) -> Quality:
    from factlab.inference.generate import generate

    far = spread([q for q in plan.shared_controls if q.split == "far"], FAR_SAMPLE)
    asked = [*plan.expansions[FACT].held_out, *far]
    said = generate(
        model,
        loaded.tokenizer,
        [question.text for question in asked],
        max_new_tokens=plan.config.max_new_tokens,
        batch_size=plan.config.generation_batch,
    )
    loss = _validation_loss(model, loaded, plan.expansions[FACT].validation)
    answers = list(zip(asked, said, strict=True))
    recall, kept = (
        recalled(plan, [pair for pair in answers if (pair[0].split == "far") is is_far])
        for is_far in (False, True)
    )
    return Quality(loss, recall, kept)


def recalled(plan: Experiment, answers: Sequence[tuple[Question, Response]]) -> float:
    """Share of questions that were answered right; not a number if there are none."""
    from factlab.metrics.verdicts import grade

    right = [grade(q, q.text, said, plan.injected_values).correct for q, said in answers]
    return sum(map(bool, right)) / len(right) if right else math.nan


def _validation_loss(model: Any, loaded: LoadedModel, pairs: Sequence[Question]) -> float:
    """By the library's own loss, which no contender's training code has a hand in."""
    import torch

    rows = peers.rendered(loaded, pairs)
    total = tokens = 0.0
    for start in range(0, len(rows), BATCH):
        batch = peers.padded_batch(loaded, rows[start : start + BATCH])
        with torch.no_grad():
            loss = model(**batch).loss
        count = int((batch["labels"] != peers.IGNORED).sum())
        total, tokens = total + loss.item() * count, tokens + count
    return total / tokens
