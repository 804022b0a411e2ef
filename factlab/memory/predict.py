"""What training or asking a model takes, in bytes and by part, from its shape alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from factlab.memory.activations import (
    CACHED_ROWS,
    FP32,
    HEAD_ROWS,
    READERS,
    Batch,
    StepMemory,
    Way,
    for_the_moment,
    kept,
    reading,
)
from factlab.memory.shapes import Linear, ModelShape
from factlab.schema.config import Optimizer, Precision
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


# What the C library takes of the system ahead of need, on a CPU (factlab/models/memory.py).
AHEAD = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Setup:
    """What is to be run.

    Attributes:
        method: All weights trained (then in fp32), an adapter, or nothing: a prompt is answered.
        precision: How the weights are held.
        device: On a CPU quantised weights are computed with, and so held, in bf16.
        batch: The texts of a step.
        way: How it is computed; None for what a run takes by itself.
        rank: Of the adapter.
        targets: Layers with an adapter; see `ModelShape.adapted`.
        optimizer: One of `OPTIMIZERS`.
        checkpointing: Whether blocks are computed again in the backward pass.
        bf16_products: Whether the processor has them (factlab/models/processor.py); where it has
            not, a CPU computes with, and so holds, in fp32 what is 16 bits wide.
    """

    method: Method
    precision: Precision
    device: Device
    batch: Batch
    way: Way | None = None
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

    def way_on(self, shape: ModelShape) -> Way:
        """How a run computes it, unless it is told: as training/train.py chooses."""
        if self.way is not None:
            return self.way
        # The library's 8-bit layers compute in a way of their own.
        readable = self.storage.weight != 1
        if shape.packed and readable and self.method != "full" and not self.checkpointing:
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
        activations: What the backward pass waits for; when asking, keys and values.
        workspace: The greediest moment beyond that.
        ahead: Taken of the system on a CPU, and not in use.
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

        Activations go as gradients come, so that a step holds the one or the other in full.
        """
        held = self.weights + self.adapter + self.optimizer + self.ahead
        return held + max(self.activations + self.workspace, self.gradients)


def predict(shape: ModelShape, setup: Setup) -> Memory:
    """Memory that a setup takes at its peak, without libraries and CUDA's context.

    Raises:
        ConfigError: for targets that the model does not have.
    """
    weights = weight_bytes(shape, setup.storage)
    ahead = AHEAD if setup.device == "cpu" else 0
    if setup.method == "inference":
        return Memory(weights, 0, 0, 0, *_asking(shape, setup), ahead)
    full = setup.method == "full"
    adapted = None if full else shape.adapted(setup.targets)
    trained = shape.parameters if full else adapter_parameters(shape, setup.rank, adapted or ())
    step = StepMemory(
        shape=shape,
        batch=setup.batch,
        value=setup.storage.value,
        way=setup.way_on(shape),
        adapted=adapted,
        rank=setup.rank,
        summed=CACHED_ROWS if setup.device == "cpu" else HEAD_ROWS,
    )
    # A tied embedding has two gradients, as embedding and as head, and for the moment their sum.
    tied = 2 * shape.embedding if full and shape.tied else 0
    return Memory(
        weights=weights,
        adapter=0 if full else trained * FP32,
        gradients=(trained + tied) * FP32,
        optimizer=round(trained * OPTIMIZERS[setup.optimizer]),
        activations=kept(step, checkpointing=setup.checkpointing),
        workspace=for_the_moment(step) + _unpacked_bytes(step, setup.storage),
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
    """Bytes of the largest weights that are unpacked for the moment they are computed with."""
    if not storage.quantised:
        return 0
    linears = step.shape.linears
    if step.way != "packed":
        return max(linear.weights for linear in linears) * storage.value
    # Layers that read the same are unpacked one by one, and then joined.
    joined = (sum(x.weights for x in linears if x.name in names) for names in READERS)
    return 2 * max(joined) * storage.value


def _asking(shape: ModelShape, setup: Setup) -> tuple[int, int]:
    """Keys and values of all texts, and what is needed for the moment beside them.

    That is reading the prompts; reading a quarter of them, and their keys and values, where rows
    are filled anew; or a copy of one layer's keys when slots are added.
    """
    batch, value = setup.batch, setup.storage.value
    cache = 2 * shape.layers * shape.keys * batch.texts * batch.length * value
    step = StepMemory(shape, batch, value, setup.way_on(shape), ())
    grown = cache // (2 * shape.layers)
    refills = step.way == "packed" and batch.texts > 1
    filled = (cache + reading(step)) // 4 if refills else 0
    return cache, max(reading(step), filled, grown) + _unpacked_bytes(step, setup.storage)
