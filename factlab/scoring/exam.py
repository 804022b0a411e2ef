"""Puts prompts to a model: reads each once, scores given options of it, and lets it answer.

Batches are formed by length and their bounds are fixed, since in bf16 the order of additions, and
so now and then an answer, depends on the company in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from torch import nn
    from transformers import PreTrainedModel

    from factlab.decoder.stack import Decoder

# What bounds a batch's memory: tokens that it keeps keys and values of, and (query, key) pairs that
# it holds attention weights of at once. A prompt beyond that is asked alone.
SLOTS = 24_576
PAIRS = 2**24
DROP_BELOW = 0.875  # live rows are gathered when their share falls below: each time costs a copy
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
        batch_size: Most prompts per batch.
        max_new_tokens: Limit per answer, in tokens; 0 asks for no answers.
        ends: Tokens that end an answer.
    """

    batch_size: int
    max_new_tokens: int = 0
    ends: Sequence[int] = ()


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

    from factlab.decoder.stack import read_decoder

    count = 1 if adapters is None else len(adapters)
    replies: list[dict[int, Reply]] = [{} for _ in range(count)]
    with torch.inference_mode():
        decoder = read_decoder(model, adapters)
        for batch in batches(prompts, limits, count):
            asked = [prompts[i] for i in batch]
            if decoder is not None:
                found = _packed(model, decoder, asked, limits)
            elif adapters is None:
                found = _plain(model, asked, limits)
            else:
                found = _in_turn(model, adapters, asked, limits)
            for number, own in enumerate(replies):
                own.update(zip(batch, found[number * len(batch) :], strict=False))
            advance(len(batch))
    return [[own[i] for i in range(len(prompts))] for own in replies]


def batches(prompts: Sequence[Prompt], limits: Limits, adapters: int = 1) -> Iterator[list[int]]:
    """Indices of prompts, by length, in batches within `SLOTS` and `PAIRS` over all adapters."""
    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i].ids), i))
    batch: list[int] = []
    widest = 0
    for index in order:
        size = prompts[index].size()
        wider, count = max(widest, size), len(batch) + 1
        # What prompts share has a row of its own, and stands before each row: at most this many.
        pairs = adapters * (count + 1) * wider * 2 * wider
        full = adapters * count * (wider + limits.max_new_tokens) > SLOTS or pairs > PAIRS
        if batch and (full or len(batch) == limits.batch_size):
            yield batch
            batch, wider = [], size
        batch.append(index)
        widest = wider
    if batch:
        yield batch


def _packed(
    model: PreTrainedModel | PeftModel,
    decoder: Decoder,
    asked: Sequence[Prompt],
    limits: Limits,
) -> list[Reply]:
    """The replies of each of the decoder's adapters, one adapter after the other."""
    import torch

    from factlab.decoder.cache import read
    from factlab.decoder.packing import Tree, pack, shared_length

    device = next(model.parameters()).device
    ids = [prompt.ids for prompt in asked]
    shared = shared_length(ids, min(map(len, ids)) - 1)
    trees = [Tree(p.ids, [option[:-1] for option in p.options]) for p in asked]
    packed = pack([trees] * decoder.adapters, shared, decoder.embedding.dtype)
    rows = packed.own_rows().flatten(0, 1)
    asked = list(asked) * decoder.adapters
    trunks = torch.tensor([len(prompt.ids) for prompt in asked])
    ending = rows.gather(1, (trunks - shared - 1)[:, None])
    wanted = [
        torch.cat([ending[row], rows[row, start : start + len(option) - 1]])
        for row, prompt in enumerate(asked)
        for start, option in _starts(prompt, shared)
    ]
    packed = packed.to(device)
    cache = None
    if limits.max_new_tokens:
        states, cache = read(decoder, packed, trunks.to(device))
    else:
        states = decoder.read_packed(packed)
    replies = [Reply([], []) for _ in asked]
    if wanted:
        _score(model, states[torch.cat(wanted).to(device)], asked, replies)
    if cache is not None:
        last = states[ending[:, 0].to(device)]
        said = _continue(model, decoder, cache, last, limits)
        for reply, tokens in zip(replies, said, strict=True):
            reply.tokens.extend(tokens)
    return replies


def _starts(prompt: Prompt, shared: int) -> Iterator[tuple[int, Tokens]]:
    """Each option, and the column of its row at which it stands."""
    start = len(prompt.ids) - shared
    for option in prompt.options:
        yield start, option
        start += len(option) - 1


def _continue(
    model: PreTrainedModel | PeftModel,
    decoder: Decoder,
    cache: Any,
    states: torch.Tensor,
    limits: Limits,
) -> list[list[int]]:
    """The most probable tokens from here on, row by row, until an end token or the limit."""
    import torch

    from factlab.decoder.cache import go_on
    from factlab.decoder.head import head_of

    head = head_of(model)
    stop = torch.tensor(list(limits.ends), device=states.device)
    rows: list[list[int]] = [[] for _ in states]
    live = list(range(len(rows)))
    ended = torch.zeros(len(rows), dtype=torch.bool, device=states.device)
    chosen = head(states).argmax(dim=-1)
    for step in range(limits.max_new_tokens):
        if step:
            chosen = head(go_on(decoder, cache, chosen)).argmax(dim=-1)
        for row, token, over in zip(live, chosen.tolist(), ended.tolist(), strict=True):
            if not over:
                rows[row].append(token)
        ended |= torch.isin(chosen, stop)
        going = _going(ended, decoder.adapters)
        if len(going) == 0:
            break
        if len(going) < DROP_BELOW * len(live):
            cache.select(going)
            chosen, ended = chosen[going], ended[going]
            live = [live[i] for i in going.tolist()]
    return rows


def _going(ended: torch.Tensor, adapters: int) -> torch.Tensor:
    """The rows that have not ended, filled up with ended ones to equally many of each adapter."""
    import torch

    over = ended.view(adapters, -1)
    most = int((~over).sum(dim=1).max())
    first = over.to(torch.uint8).argsort(dim=1, stable=True)[:, :most].sort(dim=1).values
    starts = torch.arange(adapters, device=ended.device)[:, None] * over.shape[1]
    return (first + starts).flatten()


def _in_turn(
    model: Any, adapters: Sequence[str | None], asked: Sequence[Prompt], limits: Limits
) -> list[Reply]:
    """As `_packed`, by the library's own forward pass."""
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
    from factlab.scoring.plain import greedy, option_states

    ids = [prompt.ids for prompt in asked]
    limit = limits.max_new_tokens
    said = greedy(model, ids, limit, limits.ends) if limit else [[] for _ in ids]
    replies = [Reply(tokens, []) for tokens in said]
    scored = [prompt for prompt in asked if prompt.options]
    if scored:
        states = option_states(model, [p.ids for p in scored], [p.options for p in scored])
        _score(model, states, asked, replies)
    return replies


def _score(
    model: PreTrainedModel | PeftModel,
    states: torch.Tensor,
    asked: Sequence[Prompt],
    replies: Sequence[Reply],
) -> None:
    """Add what is asked about options to the replies, from the states that predict their tokens."""
    import torch

    from factlab.decoder.head import answer_nll, head_of

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
    from factlab.decoder.head import HEAD_ROWS

    parts = zip(states.split(HEAD_ROWS), targets.split(HEAD_ROWS), strict=True)
    return sum(int((head(part).argmax(dim=-1) == wanted).sum()) for part, wanted in parts)
