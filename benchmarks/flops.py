"""How many floating-point operations a training step needs, and how many it computes.

The two differ: what is *required* counts every token once that no other row already has (the
chat's constant opening once per step, the rest of each pair), without padding, and the output head
on labelled tokens only. That over time and roofline is MFU. What is *computed* counts padding,
repeated openings, heads on prompt tokens and recomputed passes; over time and roofline it is HFU.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from factlab.models.chat import RenderedPair


@dataclass(frozen=True, slots=True)
class LinearShape:
    """Linear layers of one shape, and how many the trunk has."""

    outputs: int
    inputs: int
    count: int


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What the formulas need to know of a model with an adapter on all linear layers."""

    linears: tuple[LinearShape, ...]
    head_parameters: int
    layers: int
    attention_width: int  # heads × head size
    rank: int

    @property
    def trunk_parameters(self) -> int:
        """Weights of the trunk's linear layers."""
        return sum(s.outputs * s.inputs * s.count for s in self.linears)

    @property
    def adapter_parameters(self) -> int:
        """A factor of `rank` rows and one of `rank` columns beside each linear layer."""
        return sum(self.rank * (s.outputs + s.inputs) * s.count for s in self.linears)


def shape_of(model: Any, rank: int) -> ModelShape:
    """Read the shapes off a base model without an adapter."""
    from torch import nn

    head = model.get_output_embeddings()
    counts: dict[tuple[int, int], int] = {}
    for module in model.modules():
        if isinstance(module, nn.Linear) and module is not head:
            key = (module.out_features, module.in_features)
            counts[key] = counts.get(key, 0) + 1
    config = model.config
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return ModelShape(
        linears=tuple(LinearShape(*key, count) for key, count in counts.items()),
        head_parameters=head.out_features * head.in_features,
        layers=config.num_hidden_layers,
        attention_width=config.num_attention_heads * size,
        rank=rank,
    )


@dataclass(frozen=True, slots=True)
class Counts:
    """What training went through: positions, not floating-point operations.

    Attributes:
        tokens: Positions that pass the trunk.
        attended: (query, key) pairs of attention, per layer and head.
        head_rows: Positions that pass the output head.
        recomputed_tokens: Positions whose forward pass is done again in the backward pass.
        recomputed_head_rows: The same of the head.
    """

    tokens: int
    attended: int
    head_rows: int
    recomputed_tokens: int = 0
    recomputed_head_rows: int = 0


def training_flops(shape: ModelShape, counts: Counts) -> float:
    """Operations of forward and backward passes.

    Per token 4 per frozen weight (2 forward, 2 for the gradient of the input) and 6 per adapter
    weight (2 more for its own gradient); per attended pair 4 per attention column and layer
    forward (scores and values) and twice that backward; per head row 4 per weight, since the head
    is frozen. A recomputed position adds 2 per weight.
    """
    trunk, adapter, head = shape.trunk_parameters, shape.adapter_parameters, shape.head_parameters
    return (
        counts.tokens * (4 * trunk + 6 * adapter)
        + counts.attended * 12 * shape.attention_width * shape.layers
        + counts.head_rows * 4 * head
        + counts.recomputed_tokens * 2 * (trunk + adapter)
        + counts.recomputed_head_rows * 2 * head
    )


def required(batches: Iterable[Sequence[RenderedPair]]) -> Counts:
    """The least that training on these batches can go through.

    The opening that all pairs of a batch share is counted once per batch, the rest of each pair
    once. The last token of a pair predicts nothing, so it is not counted.
    """
    tokens = attended = labelled = 0
    for batch in batches:
        prefix = opening(batch)
        tokens += prefix
        attended += _causal(0, prefix)
        for pair in batch:
            end = len(pair.prompt_ids) + len(pair.answer_ids) - 1
            tokens += end - prefix
            attended += _causal(prefix, end)
            labelled += len(pair.answer_ids)
    return Counts(tokens, attended, labelled)


def packed_attention(batches: Iterable[Sequence[RenderedPair]]) -> int:
    """(query, key) pairs of factlab's decoder: rows of own tokens, and one of the opening."""
    attended = 0
    for batch in batches:
        prefix = opening(batch)
        longest = max(len(pair.prompt_ids) + len(pair.answer_ids) for pair in batch) - 1
        width = max(prefix, longest - prefix)
        attended += (len(batch) + bool(prefix)) * width * (prefix + width)
    return attended


def padded(batches: Iterable[Sequence[RenderedPair]], *, head_everywhere: bool) -> Counts:
    """What rows padded to the longest of their batch go through.

    Attention is counted over the whole square, as dense kernels compute it.

    Args:
        batches: Pairs of each step.
        head_everywhere: Whether the output head sees every position, or labelled ones only.
    """
    tokens = attended = head_rows = 0
    for batch in batches:
        width = max(len(pair.prompt_ids) + len(pair.answer_ids) for pair in batch)
        tokens += len(batch) * width
        attended += len(batch) * width**2
        labelled = sum(len(pair.answer_ids) for pair in batch)
        head_rows += len(batch) * width if head_everywhere else labelled
    return Counts(tokens, attended, head_rows)


def opening(batch: Sequence[RenderedPair]) -> int:
    """Leading prompt tokens that all pairs of a batch share; 0 for a single pair."""
    if len(batch) == 1:
        return 0
    columns = zip(*(pair.prompt_ids for pair in batch), strict=False)  # as far as the shortest
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def _causal(first: int, end: int) -> int:
    """(query, key) pairs of the positions from `first` up to `end`, each seeing all before it."""
    return sum(position + 1 for position in range(first, end))
