"""Puts prompts to a model: reads each once, scores given options of it, and lets it answer.

`continuous.py` does it by `decoder`, `library_pass.py` by the library's own forward pass, for
models that the decoder does not compute. By the latter, and on a GPU by both, the order of sums in
bf16, and so now and then an answer, depends on the company in a batch; so its bounds are fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from factlab.inference.decoder import COLUMNS

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from torch import nn
    from transformers import PreTrainedModel

# What bounds memory: tokens that keys and values are kept of (while rows are filled anew, a quarter
# to a third more), and (query, key) pairs that attention weights are held of at once. A prompt
# beyond that is asked alone.
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
class Reply:
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
        batch_size: Most prompts that an adapter is asked at once.
        max_new_tokens: Limit per answer, in tokens; 0 asks for no answers.
        ends: Tokens that end an answer.
        library: Whether the library's own forward pass is taken, whatever the decoder computes.
    """

    batch_size: int
    max_new_tokens: int = 0
    ends: Sequence[int] = ()
    library: bool = False


def examine(
    model: PreTrainedModel | PeftModel,
    prompts: Sequence[Prompt],
    limits: Limits,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Reply]:
    """Score the options of prompts and answer them greedily, in the order given.

    Args:
        model: A causal language model, in evaluation mode.
        prompts: None is empty, and no option is.
        limits: How they are batched and answered.
        advance: Called with the number of prompts done since the last call.
    """
    (replies,) = examine_each(model, None, prompts, limits, advance)
    return replies


def examine_each(
    model: PreTrainedModel | PeftModel,
    adapters: Sequence[str | None] | None,
    prompts: Sequence[Prompt],
    limits: Limits,
    advance: Callable[[int], None] = lambda _: None,
) -> list[list[Reply]]:
    """`examine` by several adapters of one base, side by side in one batch.

    Where the decoder does not compute the model, they are asked one after the other, and the last
    one stays active.

    Args:
        model: As in `examine`; so are all the others.
        adapters: Names of adapters of the model, a None among them standing for the base; None for
            whatever is active.
        prompts: What each of them is asked.
        limits: Of each of them.
        advance: Called once for what all of them have done.

    Returns:
        The replies of each, in the order of `adapters`.
    """
    import torch

    from factlab.inference.decoder.stack import read_decoder

    with torch.inference_mode():
        decoder = None if limits.library else read_decoder(model, adapters)
        if decoder is not None:
            from factlab.inference.continuous import reply_to

            return reply_to(model, decoder, prompts, limits, advance)
        count = 1 if adapters is None else len(adapters)
        replies: list[dict[int, Reply]] = [{} for _ in range(count)]
        for batch in batches(prompts, limits, count):
            asked = [prompts[i] for i in batch]
            if adapters is None:
                found = _plain(model, asked, limits)
            else:
                found = _in_turn(model, adapters, asked, limits)
            for number, own in enumerate(replies):
                own.update(zip(batch, found[number * len(batch) :], strict=False))
            advance(len(batch))
    return [[own[i] for i in range(len(prompts))] for own in replies]


def by_length(prompts: Sequence[Prompt]) -> list[int]:
    """Indices of prompts, the shortest first."""
    return sorted(range(len(prompts)), key=lambda i: (len(prompts[i].ids), i))


def room(widest: int, limits: Limits, adapters: int) -> int:
    """Prompts that each of some adapters may be asked at once, if the longest has this size."""
    slots = -(-(widest + limits.max_new_tokens) // COLUMNS) * COLUMNS
    return max(1, min(limits.batch_size, SLOTS // (adapters * slots)))


def readable(count: int, widest: int, adapters: int) -> bool:
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
        full = len(batch) >= room(wider, limits, adapters)
        if batch and (full or not readable(len(batch) + 1, wider, adapters)):
            yield batch
            batch, wider = [], size
        batch.append(index)
        widest = wider
    if batch:
        yield batch


def _in_turn(
    model: Any, adapters: Sequence[str | None], asked: Sequence[Prompt], limits: Limits
) -> list[Reply]:
    """The replies of each adapter, one after the other."""
    found: list[Reply] = []
    for name in adapters:
        if name is None:
            with model.disable_adapter():
                found += _plain(model, asked, limits)
        else:
            model.set_adapter(name)
            found += _plain(model, asked, limits)
    return found


def _plain(
    model: PreTrainedModel | PeftModel,
    asked: Sequence[Prompt],
    limits: Limits,
) -> list[Reply]:
    from factlab.inference.library_pass import greedy, option_states

    ids = [prompt.ids for prompt in asked]
    limit = limits.max_new_tokens
    said = greedy(model, ids, limit, limits.ends) if limit else [[] for _ in ids]
    replies = [Reply(tokens, []) for tokens in said]
    scored = [prompt for prompt in asked if prompt.options]
    if scored:
        states = option_states(model, [p.ids for p in scored], [p.options for p in scored])
        score(model, states, asked, replies)
    return replies


def score(
    model: PreTrainedModel | PeftModel,
    states: torch.Tensor,
    asked: Sequence[Prompt],
    replies: Sequence[Reply],
) -> None:
    """Add what is asked about options to the replies, from the states that predict their tokens."""
    import torch

    from factlab.inference.decoder.head import answer_nll, head_of

    head = head_of(model)
    options = [option for prompt in asked for option in prompt.options]
    sizes = [len(option) for option in options]
    targets = torch.tensor([t for option in options for t in option], device=states.device)
    values = answer_nll(head, states, targets).double()
    parts = zip(values.split(sizes), states.split(sizes), targets.split(sizes), strict=True)
    for prompt, reply in zip(asked, replies, strict=True):
        for _ in prompt.options:
            nll, predicting, wanted = next(parts)
            reply.nll.append(nll.sum().item())
            if prompt.ranked:
                reply.top.append(_most_probable(head, predicting, wanted))


def _most_probable(head: nn.Linear, states: torch.Tensor, targets: torch.Tensor) -> int:
    """How many targets are the most probable tokens where they stand."""
    from factlab.inference.decoder.head import HEAD_ROWS

    parts = zip(states.split(HEAD_ROWS), targets.split(HEAD_ROWS), strict=True)
    return sum(int((head(part).argmax(dim=-1) == wanted).sum()) for part, wanted in parts)
