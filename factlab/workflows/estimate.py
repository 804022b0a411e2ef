"""What a run will take: time, memory and disk, before anything is loaded or written.

    seconds = FLOP of training and of evaluation / (rate of a short matrix product × efficiency)

The efficiencies were measured on whole runs of the default recipe on two cores. The estimate is
rough: on a busy machine it is easily wrong by a factor of two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from factlab.errors import ConfigError, ModelError
from factlab.experiment.experiment import Experiment
from factlab.inference.prompts import SLOTS
from factlab.memory.activations import AttentionBackend, Batch
from factlab.memory.machine import LIBRARIES_BYTES, memory_budget
from factlab.memory.named_shape import named_shape
from factlab.memory.predict import Device, Workload, predict_memory
from factlab.memory.shapes import ModelShape
from factlab.models.packaged import PACKAGED
from factlab.models.processor import multiplies_bf16
from factlab.models.speed import matmul_flops
from factlab.models.stored import stored_weights
from factlab.schema.config import Cell, Precision, computed_in
from factlab.schema.question import Question
from factlab.schema.splits import IN_CONTEXT_SPLITS, PANEL_SIZES, TRAINED_SPLITS

CHARACTERS_PER_TOKEN = 3.5
TEMPLATE_TOKENS = 30  # of a chat template around a question
QUESTION_TOKENS = 20  # of a question, about
ANCHOR_PROMPT = TEMPLATE_TOKENS + 12  # tokens of an anchor's prompt, which is short
# Of the matmul rate, measured on runs. The counts below include shared first tokens once for each
# text, and a run computes them once in all: hence efficiencies that look too good.
TRAINING_EFFICIENCY = 0.68  # a step costs 4 FLOP per parameter and token
GENERATION_EFFICIENCY = 1.05


@dataclass(frozen=True, slots=True)
class Estimate:
    """Rough needs of a run; a value is None where the model's size is not known here.

    Attributes:
        library: Whether the library's own forward pass computes the model throughout, and not the
            packed decoder; None where the model is not here.
    """

    seconds: float | None
    memory_bytes: int | None
    disk_bytes: int
    parameters: int | None
    library: bool | None = None


def estimate(plan: Experiment) -> Estimate:
    """Estimate a planned run.

    Raises:
        ConfigError: for layers that the model does not have.
        ModelError: for weights that cannot be read.
    """
    shape = shape_here(plan.config.model)
    if shape is not None:
        _check_blocks(plan, shape)
    parameters = shape.parameters if shape else parameters_of(plan.config.model)
    disk = 2e6 + len(plan.cells) * 1e6
    if parameters is None:
        return Estimate(None, None, round(disk), None)
    # An adapter on all linear layers: about rank / 4,000 of the trunk, in fp32; else the model.
    disk += sum(parameters * (cell.rank / 1000 if cell.rank else 4) for cell in plan.cells)
    device = memory_budget().device
    rate = matmul_flops(all(_in_16_bits(plan, held, device) for held in plan.precisions))
    training = sum(_training_flop(plan, cell, parameters) for cell in plan.cells)
    evaluation = _evaluation_flop(plan, parameters)
    library = plan.config.attention != "auto" or shape is None or not shape.packed
    seconds = 30 + training / (rate * TRAINING_EFFICIENCY)
    seconds += evaluation / (rate * GENERATION_EFFICIENCY)
    memory = _memory(plan, shape) if shape else None
    return Estimate(seconds, memory, round(disk), parameters, library)


def _check_blocks(plan: Experiment, shape: ModelShape) -> None:
    for cell in plan.cells:
        last = cell.recipe.last_layers
        if cell.is_trained and last is not None and last > shape.layers:
            raise ConfigError(
                f"--last-layers {last}: {plan.config.model} has {shape.layers} blocks. Give at "
                "most so many, or remove it: all layers get an adapter then."
            )


def shape_here(model: str) -> ModelShape | None:
    """The shape of a model on this machine, if its kind is one that is counted."""
    if model not in PACKAGED and not Path(model).expanduser().exists():
        return None
    try:
        return named_shape(model).shape
    except ModelError:
        return None


def _memory(plan: Experiment, shape: ModelShape) -> int:
    """The largest peak: of training each cell, and of answering at each precision."""
    trained = [cell for cell in plan.cells if cell.is_trained]
    device = memory_budget().device
    peaks = [_inference_peak(plan, shape, precision, device) for precision in plan.precisions]
    peaks += [_training_peak(plan, shape, cell, device) for cell in trained]
    return max(peaks) + (LIBRARIES_BYTES if device == "cpu" else 0)


def _inference_peak(
    plan: Experiment, shape: ModelShape, precision: Precision, device: Device
) -> int:
    length = TEMPLATE_TOKENS + QUESTION_TOKENS + plan.config.max_new_tokens
    texts = max(1, min(plan.config.generation_batch, SLOTS // length))
    batch = Batch(texts=texts, length=length)
    workload = Workload(
        method="inference",
        precision=precision,
        device=device,
        batch=batch,
        bf16_products=_in_16_bits(plan, precision, device),
    )
    return predict_memory(shape, workload).peak


def _training_peak(plan: Experiment, shape: ModelShape, cell: Cell, device: Device) -> int:
    recipe, backend = cell.recipe, _backend(plan, cell, device)
    anchors = recipe.anchors_per_step if plan.anchor_prompts(cell.facts, cell.anchored_on) else 0
    pairs = plan.pairs_of(cell)
    length = _pair_tokens(pairs)
    if backend:  # the library's forward pass makes all texts of a step as long as the longest
        own = [_pair_tokens([pair]) for pair in pairs]
        length = max([length, *own, ANCHOR_PROMPT + recipe.anchor_tokens if anchors else 0])
    workload = Workload(
        method="full" if recipe.method == "full" else "lora",
        precision=cell.precision,
        device=device,
        batch=Batch(
            texts=recipe.batch_size + anchors,
            length=round(length),
            anchors=anchors,
        ),
        backend=backend,
        rank=max(1, cell.rank),
        targets=recipe.targets,
        optimizer=recipe.optimizer,
        checkpointing=plan.config.gradient_checkpointing,
        bf16_products=_in_16_bits(plan, cell.precision, device),
    )
    # A run holds the base beside a full fine-tuning, which it is measured against.
    held = replace(workload, method="lora").storage
    base = shape.parameters * held.value if recipe.method == "full" else 0
    return predict_memory(shape, workload).peak + base


def _backend(plan: Experiment, cell: Cell, device: Device) -> AttentionBackend | None:
    """The library's forward pass, if the user wants it or nothing else computes the recipe."""
    if plan.config.attention == "auto":
        alone = cell.recipe.dropout or cell.recipe.method == "dora"
        return ("eager" if device == "cpu" else "sdpa") if alone else None
    return "eager" if plan.config.attention == "eager" else "sdpa"


def parameters_of(model: str) -> int | None:
    """Parameters of a model on this machine, read from the headers of its safetensors."""
    folder = Path(model).expanduser()
    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    shapes = stored_weights(files).shapes.values()
    return sum(math.prod(shape) for shape in shapes) or None


def _in_16_bits(plan: Experiment, precision: Precision, device: Device) -> bool:
    """Whether a device of this machine computes in 16 bits at a precision."""
    if computed_in(precision, plan.config.compute_dtype) == "fp32":
        return False
    return device == "cuda" or multiplies_bf16()


def _tokens(text: str) -> float:
    return len(text) / CHARACTERS_PER_TOKEN


def _pair_tokens(pairs: Sequence[Question]) -> float:
    """Tokens of a training pair, on the average."""
    return TEMPLATE_TOKENS + sum(_tokens(pair.trained_text()) for pair in pairs) / max(
        1, len(pairs)
    )


def training_work(plan: Experiment, cell: Cell) -> float:
    """What training a cell computes, in units that are the same for all cells of a model."""
    return _training_flop(plan, cell, 1)


def _training_flop(plan: Experiment, cell: Cell, parameters: int) -> float:
    recipe, pairs = cell.recipe, plan.pairs_of(cell)
    if not pairs or not cell.is_trained:
        return 0.0
    steps = -(-len(pairs) // recipe.batch_size) * recipe.epochs
    if plan.config.max_steps is not None:
        steps = min(steps, plan.config.max_steps)
    anchor = ANCHOR_PROMPT + recipe.anchor_tokens
    anchors = anchor * recipe.anchors_per_step if cell.anchored_on else 0
    return steps * (recipe.batch_size * _pair_tokens(pairs) + anchors) * 4 * parameters


def _evaluation_flop(plan: Experiment, parameters: int) -> float:
    """FLOP of all prompts, answers and likelihoods; 2 per parameter and token.

    Prompts are read once and about two thirds of the token limit is generated.
    """
    answer = plan.config.max_new_tokens * 2 / 3
    own = {fact.id: plan.questions_of(fact.id) for fact in plan.facts}
    shared = len(plan.shared_controls)
    untrained = sum(q.split not in TRAINED_SPLITS for items in own.values() for q in items)
    in_context = sum(q.split in IN_CONTEXT_SPLITS for items in own.values() for q in items)
    read = sum(
        _tokens(fact.statement) * sum(q.split == "probe" for q in own[fact.id])
        for fact in plan.facts
    )
    gates = sum(
        len(q.gate) for q in (*plan.shared_controls, *(q for items in own.values() for q in items))
    )
    anchors = len({q.text for items in plan.anchors.values() for q in items})
    # Repeated questions go through the library's forward pass, at half the speed.
    base = untrained + shared + in_context + gates + len(plan.rounding_sample) * 2 + anchors * 0.5
    base *= len(plan.precisions)
    asked = {q.split for items in (*own.values(), plan.shared_controls) for q in items}
    panels = plan.config.checkpoints * sum(PANEL_SIZES[s] for s in asked & PANEL_SIZES.keys())
    cells = sum(sum(len(own[fact]) for fact in cell.facts) + shared + panels for cell in plan.cells)
    prompt = TEMPLATE_TOKENS + QUESTION_TOKENS
    # For likelihoods a prompt is read once more, with four or five options of a few tokens.
    tokens = (base + cells) * (prompt + answer) + (base + cells) * (prompt + 25) + read
    return tokens * 2 * parameters
