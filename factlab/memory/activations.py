"""What a training step saves for its backward pass, and its workspace beyond that, in bytes.

Counted operation by operation from the code that computes a step: factlab's own decoder
(`inference/decoder`) for the packed backend, transformers' and PEFT's layers for the library's.
tests/slow/test_sizing_measured.py compares the counts with what autograd saves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from factlab.memory.shapes import Linear, ModelShape

# packed: factlab's own decoder. eager and sdpa: the library's forward pass; eager holds the weights
# of attention as one matrix, sdpa never does.
AttentionBackend = Literal["packed", "eager", "sdpa"]
FP32 = 4  # bytes of a value
# Positions that `decoder.head` computes logits of at once; and how many of them it sums at
# once on a CPU.
HEAD_ROWS = 128
CACHED_ROWS = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """The texts of a step.

    Attributes:
        texts: How many.
        length: Tokens of the longest one.
        shared: First tokens that all have in common; the packed backend computes them once.
        targets: Tokens of each that are trained on.
        anchors: How many of the texts keep the model close to its base's predictions.
    """

    texts: int
    length: int
    shared: int = 0
    targets: int = 16
    anchors: int = 0

    def tokens(self, backend: AttentionBackend) -> int:
        """Tokens that linear layers compute."""
        own = self.texts * (self.length - self.shared)
        return self.shared + own if backend == "packed" else self.texts * self.length

    @property
    def answers(self) -> int:
        """Tokens that are trained on."""
        return self.texts * self.targets

    @property
    def rows(self) -> int:
        """Rows of the packed backend's attention; shared tokens have one of their own."""
        return self.texts + bool(self.shared)

    @property
    def width(self) -> int:
        """Tokens of such a row."""
        return max(self.shared, self.length - self.shared)


@dataclass(frozen=True, slots=True)
class StepMemory:
    """One training step.

    Attributes:
        shape: The model.
        batch: What is read.
        value: Bytes of a value of the states: 2 in bf16, 4 in fp32.
        backend: How it is computed.
        adapted: Layers of a block with an adapter; None where the weights themselves are trained.
        rank: Of the adapter.
        summed: Positions whose logits are summed at once: `CACHED_ROWS`, or `HEAD_ROWS` on CUDA.
    """

    shape: ModelShape
    batch: Batch
    value: int
    backend: AttentionBackend
    adapted: Sequence[Linear] | None
    rank: int = 0
    summed: int = CACHED_ROWS

    @property
    def tokens(self) -> int:
        """Tokens that linear layers compute."""
        return self.batch.tokens(self.backend)

    def adapts(self, *names: str) -> int:
        """How many of these layers have an adapter."""
        return sum(linear.name in names for linear in self.adapted or ())


# Layers that read the same states.
READERS = (
    ("q_proj", "k_proj", "v_proj", "qkv_proj"),
    ("o_proj",),
    ("gate_proj", "up_proj", "gate_up_proj"),
    ("down_proj",),
)


def saved_activations(step: StepMemory, *, checkpointing: bool = False) -> int:
    """Bytes that the backward pass will read, at the end of the forward pass."""
    shape = step.shape
    state = step.tokens * shape.hidden
    block = _packed_block(step) if step.backend == "packed" else _library_block(step)
    last = state * (step.value if step.backend == "packed" else FP32)  # what the last norm read
    if step.adapted is None:
        last += state * step.value  # and what it normed, for its own weight
    # The states that predict the targets, and the gradient that the head leaves for them.
    answers = 2 * step.batch.answers * shape.hidden * step.value
    if checkpointing:  # the input of each block, and one block computed again
        return shape.layers * state * step.value + block + last + answers
    # No gradient goes to the embedding of a frozen model, so the first norm saves nothing.
    first = 0 if step.adapted is None else last
    return shape.layers * block + last - first + answers


def _packed_block(step: StepMemory) -> int:
    """As `decoder.stack` computes it, with `operations`, `projection` and `packing`."""
    shape, batch, value = step.shape, step.batch, step.value
    norms = shape.norms * (shape.hidden * value + FP32)  # what they read, and one number each
    if shape.head_norms:  # they read queries and keys, which lie beside the values
        norms += (shape.queries + 2 * shape.keys) * value + (shape.heads + shape.key_heads) * FP32
    a_token = 2 * shape.intermediate  # what SwiGLU reads
    factors = 0
    for names in READERS:
        joined = [linear for linear in shape.linears if linear.name in names]
        ranks = step.rank * step.adapts(*names)
        if ranks:
            a_token += joined[0].inputs + ranks
            factors += ranks * joined[0].inputs
            # One layer's own factor is taken as it is in fp32.
            if len(joined) > 1 or value != FP32:
                factors += ranks * sum(linear.outputs for linear in joined)
    keys = batch.shared + batch.width
    attention = batch.rows * (
        batch.width * shape.queries + 2 * keys * shape.keys + shape.heads * batch.width * keys
    )
    return step.tokens * norms + value * (step.tokens * a_token + factors + attention)


def _library_block(step: StepMemory) -> int:
    """As transformers' Llama computes it, with PEFT's layers around the frozen ones."""
    return step.tokens * (_norms(step) + _inputs(step) + _attention(step) + _mlp(step))


def _norms(step: StepMemory) -> int:
    """Bytes a token of both norms: they compute in fp32."""
    hidden, value = step.shape.hidden, step.value
    if step.adapted is not None:
        return 2 * (hidden * FP32 + FP32)
    return 2 * (hidden * (FP32 + value) + FP32)  # what was normed is kept for the norm's weight


def _inputs(step: StepMemory) -> int:
    """Bytes a token of what linear layers read."""
    shape, found = step.shape, 0
    for names in READERS:
        joined = [linear for linear in shape.linears if linear.name in names]
        width, adapted = joined[0].inputs, step.adapts(*names)
        counted_elsewhere = step.backend == "sdpa" and names == ("o_proj",)
        if step.adapted is None:
            found += 0 if counted_elsewhere else width * step.value
        elif step.value != FP32:  # each adapter has a copy of its own in fp32
            found += adapted * width * FP32
        elif adapted and not counted_elsewhere:
            found += width * FP32
        found += adapted * step.rank * FP32
    return found


def _attention(step: StepMemory) -> int:
    """Bytes a token of attention itself."""
    shape, value = step.shape, step.value
    if step.backend == "sdpa":  # queries, keys, values, the result, and one number a head
        return 2 * (shape.queries + shape.keys) * value + shape.heads * FP32
    # Weights come out of the softmax in fp32, and are multiplied in the states' type. Keys and
    # values are repeated for each query head.
    weights = FP32 if value == FP32 else FP32 + value
    return 3 * shape.queries * value + shape.heads * step.batch.length * weights


def _mlp(step: StepMemory) -> int:
    """Bytes a token between the MLP's layers: gate, its activation, and up."""
    return 3 * step.shape.intermediate * step.value


# --- workspace ----------------------------------------------------------------------------------


def workspace(step: StepMemory) -> int:
    """Bytes beyond the saved activations, at the moment of a step that needs most.

    Three moments compete: the head's logits, and in the last block's backward pass the MLP and the
    weights of attention. At the latter two, what was saved for later layers is free again, so a
    term is negative where a layer frees more than it needs.
    """
    return max(_head(step), _mlp_backward(step), _attention_backward(step))


def _head(step: StepMemory) -> int:
    """Logits of the positions that the head sees at once, and what is made of them."""
    batch, vocabulary = step.batch, step.shape.vocabulary
    if step.adapted is None:  # the head learns too, and sees all at once
        return 12 * vocabulary * batch.answers
    rows = min(HEAD_ROWS, batch.answers)
    # Logits, which their gradients replace; probabilities in fp32, and in bf16 a copy of what they
    # are made of. At an anchor the base's logits and probabilities too, and their divergence.
    own = vocabulary * (step.value * rows + 8 * min(step.summed, rows))
    rows = min(HEAD_ROWS, batch.anchors * batch.targets)
    return max(own, vocabulary * (2 * step.value * rows + 16 * min(step.summed, rows)))


def _mlp_backward(step: StepMemory) -> int:
    shape = step.shape
    if step.backend == "packed":
        return step.tokens * (3 * shape.intermediate + shape.hidden) * step.value
    return step.tokens * (2 * shape.intermediate + shape.hidden) * FP32


def _attention_backward(step: StepMemory) -> int:
    shape, batch, value = step.shape, step.batch, step.value
    if step.backend == "packed":
        keys = batch.shared + batch.width
        weights = 2 * batch.rows * shape.heads * batch.width * keys
        others = shape.queries + shape.keys - 3 * shape.intermediate - shape.hidden
        return value * (weights + step.tokens * others)
    if step.backend == "sdpa":
        return 0
    weights = shape.heads * batch.length * (2 * FP32 - (value if value != FP32 else 0))
    return step.tokens * (weights - _mlp(step) - 3 * shape.hidden * FP32)


def prefill_workspace(step: StepMemory) -> int:
    """Bytes that prefill takes beyond the keys and values: one block at a time."""
    shape, batch, value = step.shape, step.batch, step.value
    states = step.tokens * (3 * shape.intermediate + 3 * shape.hidden) * value
    attention = step.tokens * (3 * shape.queries + 4 * shape.keys) * value
    if step.backend == "packed":
        keys = batch.shared + batch.width
        attention += 2 * batch.rows * shape.heads * batch.width * keys * value
    return max(states, attention)
