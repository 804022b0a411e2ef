"""What training a model or answering with it takes, in bytes and by part, from its shape alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from factlab.memory.activations import (
    CACHED_ROWS,
    FP32,
    HEAD_ROWS,
    READERS,
    AttentionBackend,
    Batch,
    StepMemory,
    prefill_workspace,
    saved_activations,
    workspace,
)
from factlab.memory.shapes import Linear, ModelShape
from factlab.schema.config import Precision
from factlab.schema.recipe import Optimizer
from factlab.schema.targets import ALL_LINEAR

Method = Literal["full", "lora", "inference"]
Device = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class Storage:
    """How a precision holds weights.

    Attributes:
        weight: Bytes of a weight of a block's linear layer.
        value: Bytes of any other value: embedding, norms, biases, head, and all that is computed.
        per_output: Bytes for each output of a linear layer.
    """

    weight: float
    value: int
    per_output: int = 0

    @property
    def quantised(self) -> bool:
        """Whether the blocks' weights are held in less than they are computed with."""
        return self.weight < self.value


# 4 bits come in blocks of 64 with a scale: one byte and, for each 256 scales, four more bytes with
# double quantisation (Dettmers et al. 2023, QLoRA, section 3), four bytes without.
DOUBLY = 0.5 + 1 / 64 + FP32 / (64 * 256)
SINGLY = 0.5 + FP32 / 64
STORAGE: dict[Precision, Storage] = {
    "fp32": Storage(4, 4),
    "fp16": Storage(2, 2),
    "bf16": Storage(2, 2),
    "int8": Storage(1, 2, per_output=FP32),
    "nf4": Storage(DOUBLY, 2),
    "nf4-single": Storage(SINGLY, 2),
    "fp4": Storage(DOUBLY, 2),
}

# Bytes of state for each trained value, which is in fp32; states of 8 bits have a scale of four
# bytes for each 256 of them. Those of paged optimizers can leave a GPU for the machine's memory.
TWO_STATES = 2 * FP32
TWO_SMALL_STATES = 2 * (1 + FP32 / 256)
OPTIMIZERS: dict[Optimizer, float] = {
    "adamw": TWO_STATES,
    "adamw-8bit": TWO_SMALL_STATES,
    "paged-adamw": TWO_STATES,
    "paged-adamw-8bit": TWO_SMALL_STATES,
    "paged-adamw-32bit": TWO_STATES,
    "sgd": 0,
}


# What the C library takes from the system ahead of need, on a CPU (models/process_memory.py).
AHEAD = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Workload:
    """What is to be run: a training step, or prompts that are answered.

    Attributes:
        method: All weights trained (then in fp32), an adapter, or nothing: a prompt is answered.
        precision: How the weights are held.
        device: On a CPU quantised weights are computed with, and so held, in bf16.
        batch: The texts of a step.
        backend: How it is computed; None for what a run chooses by itself.
        rank: Of the adapter.
        targets: Layers with an adapter; see `ModelShape.adapted`.
        optimizer: One of `OPTIMIZERS`.
        checkpointing: Whether blocks are computed again in the backward pass.
        bf16_products: Whether the processor has them (models/processor.py). Without them a CPU
            computes in fp32, and so holds in fp32, what is 16 bits wide.
    """

    method: Method
    precision: Precision
    device: Device
    batch: Batch
    backend: AttentionBackend | None = None
    rank: int = 16
    targets: str = ALL_LINEAR
    optimizer: Optimizer = "adamw"
    checkpointing: bool = False
    bf16_products: bool = True

    @property
    def storage(self) -> Storage:
        """How weights lie on the device."""
        held = STORAGE["fp32" if self.method == "full" else self.precision]
        if self.device == "cuda":
            return held
        value = held.value if self.bf16_products else FP32
        return Storage(value, value) if held.quantised or value > held.value else held

    def backend_on(self, shape: ModelShape) -> AttentionBackend:
        """How a run computes it, unless it is given: as training/train.py chooses."""
        if self.backend is not None:
            return self.backend
        # The packed decoder cannot unpack the library's 8-bit layers.
        unpackable = self.storage.weight != 1
        if shape.packed and unpackable and self.method != "full" and not self.checkpointing:
            return "packed"
        return "eager" if self.device == "cpu" else "sdpa"


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes by part.

    Attributes:
        weights: The model.
        adapter: Its low-rank factors, in fp32.
        gradients: Of all that is trained.
        optimizer: Its state.
        activations: What is saved for the backward pass; in inference, keys and values.
        workspace: The most that is needed beyond that at once.
        ahead: Taken from the system on a CPU, and not in use.
    """

    weights: int
    adapter: int
    gradients: int
    optimizer: int
    activations: int
    workspace: int
    ahead: int = 0

    @property
    def peak(self) -> int:
        """The most that is held at once, in bytes.

        Activations are freed as gradients are made, so a step holds one or the other in full.
        """
        held = self.weights + self.adapter + self.optimizer + self.ahead
        return held + max(self.activations + self.workspace, self.gradients)


def predict_memory(shape: ModelShape, workload: Workload) -> Memory:
    """Memory that a workload takes at its peak, without libraries and CUDA's context.

    Raises:
        ConfigError: for targets that the model does not have.
    """
    weights = weight_bytes(shape, workload.storage)
    ahead = AHEAD if workload.device == "cpu" else 0
    if workload.method == "inference":
        return Memory(weights, 0, 0, 0, *_inference(shape, workload), ahead)
    full = workload.method == "full"
    adapted = None if full else shape.adapted(workload.targets)
    trained = shape.parameters if full else adapter_parameters(shape, workload.rank, adapted or ())
    step = StepMemory(
        shape=shape,
        batch=workload.batch,
        value=workload.storage.value,
        backend=workload.backend_on(shape),
        adapted=adapted,
        rank=workload.rank,
        summed=CACHED_ROWS if workload.device == "cpu" else HEAD_ROWS,
    )
    # A tied embedding has two gradients, as embedding and as head, and at once their sum.
    tied = 2 * shape.embedding if full and shape.tied else 0
    return Memory(
        weights=weights,
        adapter=0 if full else trained * FP32,
        gradients=(trained + tied) * FP32,
        optimizer=round(trained * OPTIMIZERS[workload.optimizer]),
        activations=saved_activations(step, checkpointing=workload.checkpointing),
        workspace=workspace(step) + _unpacked_bytes(step, workload.storage),
        ahead=ahead,
    )


def adapter_parameters(shape: ModelShape, rank: int, adapted: tuple[Linear, ...]) -> int:
    """Parameters of an adapter on some layers of every block."""
    return shape.layers * sum(linear.low_rank(rank) for linear in adapted)


def weight_bytes(shape: ModelShape, storage: Storage) -> int:
    """Bytes of a model's weights."""
    scales = shape.layers * sum(linear.outputs for linear in shape.linears) * storage.per_output
    others = shape.parameters - shape.trunk_weights
    return round(shape.trunk_weights * storage.weight) + scales + others * storage.value


def _unpacked_bytes(step: StepMemory, storage: Storage) -> int:
    """Bytes of the largest weights that are unpacked while they are computed with."""
    if not storage.quantised:
        return 0
    linears = step.shape.linears
    if step.backend != "packed":
        return max(linear.weights for linear in linears) * storage.value
    # Layers that read the same are unpacked one by one, and then joined.
    joined = (sum(x.weights for x in linears if x.name in names) for names in READERS)
    return 2 * max(joined) * storage.value


def _inference(shape: ModelShape, workload: Workload) -> tuple[int, int]:
    """Bytes of all texts' keys and values, and of the workspace beside them.

    The workspace is the largest of three: prefill of the prompts; prefill of a quarter of them,
    with keys and values, where finished rows get new prompts; a copy of one layer's keys when
    slots are added.
    """
    batch, value = workload.batch, workload.storage.value
    cache = 2 * shape.layers * shape.keys * batch.texts * batch.length * value
    step = StepMemory(shape, batch, value, workload.backend_on(shape), ())
    grown = cache // (2 * shape.layers)
    refills = step.backend == "packed" and batch.texts > 1
    filled = (cache + prefill_workspace(step)) // 4 if refills else 0
    return cache, max(prefill_workspace(step), filled, grown) + _unpacked_bytes(
        step, workload.storage
    )
