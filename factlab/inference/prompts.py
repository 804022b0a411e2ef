"""What a model completes, what comes of it, and how prompts are batched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from factlab.inference.decoder import COLUMNS

# What bounds memory: tokens that keys and values are kept of (while rows are filled anew, a quarter
# to a third more), and (query, key) pairs that attention weights are held of at once. A prompt
# beyond that is completed alone. By the library's pass, and on a GPU by both, the order of sums in
# bf16, and so now and then an answer, depends on the company in a batch: so the bounds are fixed,
# and not read off the machine's memory.
SLOTS = 24_576
PAIRS = 2**24
Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model reads, and the options that it is to find probable or not, as tokens.

    Attributes:
        ids: The prompt.
        options: What may follow it.
        ranked: Whether to count the tokens of each option that the model would put there itself.
    """

    ids: Tokens
    options: Sequence[Tokens] = ()
    ranked: bool = False

    def size(self) -> int:
        """Tokens of the prompt and its options."""
        return len(self.ids) + sum(len(option) for option in self.options)


@dataclass(frozen=True, slots=True)
class Completion:
    """What came of a prompt.

    Attributes:
        tokens: The answer, its end token included; empty if none was asked for.
        nll: Summed NLL of each option in nats.
        top: Tokens of each option that are the most probable ones, if they were to be counted.
    """

    tokens: list[int]
    nll: list[float]
    top: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Limits:
    """How prompts are batched, and how long an answer may be.

    Attributes:
        batch_size: Most prompts that an adapter completes at once.
        max_new_tokens: Limit per answer, in tokens; 0 asks for no answers.
        ends: Tokens that end an answer.
        library: Whether the library's own forward pass is taken, whatever the decoder computes.
    """

    batch_size: int
    max_new_tokens: int = 0
    ends: Sequence[int] = ()
    library: bool = False


class TargetText(Protocol):
    """A text some of whose tokens are predicted.

    Attributes:
        tokens: What the model reads.
        first: Place of the token whose state predicts the first target.
        targets: The state at `first + i` predicts the i-th.
    """

    @property
    def tokens(self) -> Tokens: ...  # noqa: D102  (see the class)
    @property
    def first(self) -> int: ...  # noqa: D102
    @property
    def targets(self) -> Tokens: ...  # noqa: D102


Groups = Sequence[Sequence[TargetText]]


def by_length(prompts: Sequence[Prompt]) -> list[int]:
    """Indices of prompts, the shortest first."""
    return sorted(range(len(prompts)), key=lambda i: (len(prompts[i].ids), i))


def most_rows(widest: int, limits: Limits, adapters: int) -> int:
    """Prompts that each of some adapters may complete at once, if the longest has this size."""
    slots = -(-(widest + limits.max_new_tokens) // COLUMNS) * COLUMNS
    return max(1, min(limits.batch_size, SLOTS // (adapters * slots)))


def attention_fits(count: int, widest: int, adapters: int) -> bool:
    """Whether each of some adapters may read so many prompts at once, the longest of this size."""
    # What the prompts share has a row of its own, and stands before each row: at most this many.
    return count == 1 or adapters * (count + 1) * widest * (2 * widest + COLUMNS) <= PAIRS


def batches(prompts: Sequence[Prompt], limits: Limits, adapters: int = 1) -> Iterator[list[int]]:
    """Indices of prompts, by length, in batches within `SLOTS` and `PAIRS` over all adapters."""
    batch: list[int] = []
    widest = 0
    for index in by_length(prompts):
        size = prompts[index].size()
        wider = max(widest, size)
        full = len(batch) >= most_rows(wider, limits, adapters)
        if batch and (full or not attention_fits(len(batch) + 1, wider, adapters)):
            yield batch
            batch, wider = [], size
        batch.append(index)
        widest = wider
    if batch:
        yield batch
