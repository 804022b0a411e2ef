"""Asks prompts by `inference.decoder`: continuous batching, options and answer from one reading.

Where an answer ends, the next prompt takes its row (Yu et al. 2022, Orca). What is asked beside a
prompt does not change its replies: where the processor's products compute each row alike, as those
of CPUs with bf16 instructions were found to, they are the same to the bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from factlab.inference.backend import (
    Limits,
    Prompt,
    Reply,
    Tokens,
    batches,
    by_length,
    readable,
    room,
    score,
)
from factlab.inference.decoder import COLUMNS
from factlab.inference.decoder.cache import Cache, go_on, read
from factlab.inference.decoder.head import head_of
from factlab.inference.decoder.packing import Tree, pack, shared_length

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from factlab.inference.decoder.stack import Decoder

REFILL = 1 / 8  # share of the rows that is free before prompts are read into them: few are slow
REFILL_MOST = 1 / 4  # share read into at once: their keys stand beside all others for the moment
DROP_BELOW = 0.875  # share of rows wanted below which the others go: each time costs a copy
FREE = -1  # stands for the prompt in a row that holds none


def reply_to(
    model: PreTrainedModel | PeftModel,
    decoder: Decoder,
    prompts: Sequence[Prompt],
    limits: Limits,
    advance: Callable[[int], None],
) -> list[list[Reply]]:
    """The replies of each of the decoder's adapters, in the order of the prompts.

    Args:
        model: The model that the decoder was read from.
        decoder: What computes it.
        prompts: What each adapter is asked.
        limits: How many are asked at once, and how long an answer may be.
        advance: Called with the number of prompts that all adapters have done since the last call.
    """
    replies = [[Reply([], []) for _ in prompts] for _ in range(decoder.adapters)]
    if limits.max_new_tokens:
        ContinuousBatcher(model, decoder, prompts, limits, replies).work(advance)
        return replies
    for batch in batches(prompts, limits, decoder.adapters):
        _read(model, decoder, prompts, batch, replies, answer=False)
        advance(len(batch))
    return replies


def _read(
    model: PreTrainedModel | PeftModel,
    decoder: Decoder,
    prompts: Sequence[Prompt],
    batch: Sequence[int],
    replies: Sequence[Sequence[Reply]],
    *,
    answer: bool = True,
) -> tuple[torch.Tensor, Cache | None]:
    """Read some prompts by each adapter, and score their options.

    Returns:
        The states that predict the first token of each answer, shape (adapters · prompts, hidden),
        and, if they are to be answered, what is needed to go on from there.
    """
    device = next(model.parameters()).device
    asked = [prompts[index] for index in batch]
    ids = [prompt.ids for prompt in asked]
    shared = shared_length(ids, min(map(len, ids)) - 1)
    trees = [Tree(p.ids, [option[:-1] for option in p.options]) for p in asked]
    packed = pack([trees] * decoder.adapters, shared, decoder.embedding.dtype, COLUMNS)
    rows = packed.own_rows().flatten(0, 1)
    asked = asked * decoder.adapters
    trunks = torch.tensor([len(prompt.ids) for prompt in asked])
    ending = rows.gather(1, (trunks - shared - 1)[:, None])
    wanted = [
        torch.cat([ending[row], rows[row, start : start + len(option) - 1]])
        for row, prompt in enumerate(asked)
        for start, option in _starts(prompt, shared)
    ]
    packed = packed.to(device)
    cache = None
    if answer:
        states, cache = read(decoder, packed, trunks.to(device))
    else:
        states = decoder.read_packed(packed)
    if wanted:
        own = [reply[index] for reply in replies for index in batch]
        score(model, states[torch.cat(wanted).to(device)], asked, own)
    return states[ending[:, 0].to(device)], cache


def _starts(prompt: Prompt, shared: int) -> Iterator[tuple[int, Tokens]]:
    """Each option, and the column of its row at which it stands."""
    start = len(prompt.ids) - shared
    for option in prompt.options:
        yield start, option
        start += len(option) - 1


@dataclass(slots=True)
class ContinuousBatcher:
    """Rows of answers in the making, equally many of each adapter.

    Attributes:
        model: The model that the decoder was read from.
        decoder: What computes it.
        prompts: What each adapter is asked.
        limits: How many rows an adapter may have, and how long an answer may be.
        replies: Of each adapter to each prompt; they are added to.
        waiting: Prompts that have not been read, the shortest first.
        unfinished: For each prompt, the adapters that have not done with it.
        rows: The prompt of each row, adapter by adapter; `FREE` where an answer has ended.
        widest: Tokens of the longest prompt of the rows.
        cache: Keys and values of the rows; None before the first.
        chosen: The last token of each row's answer, which is to be read next.
    """

    model: PreTrainedModel | PeftModel
    decoder: Decoder
    prompts: Sequence[Prompt]
    limits: Limits
    replies: Sequence[Sequence[Reply]]
    waiting: deque[int] = field(init=False)
    unfinished: list[int] = field(init=False)
    rows: list[int] = field(default_factory=list)
    widest: int = 0
    cache: Cache | None = None
    chosen: torch.Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.long))

    def __post_init__(self) -> None:
        self.waiting = deque(by_length(self.prompts))
        self.unfinished = [self.decoder.adapters] * len(self.prompts)

    @property
    def height(self) -> int:
        """Rows of each adapter."""
        return len(self.rows) // self.decoder.adapters

    @property
    def live(self) -> int:
        """Rows in use, of the adapter that has most of them."""
        return max((self.height - rows.count(FREE) for rows in self._by_adapter()), default=0)

    def work(self, advance: Callable[[int], None]) -> None:
        """Answer everything."""
        head = head_of(self.model)
        while self.waiting or self.live:
            done = 0
            if batch := self._next():
                done = self._read(batch)
            if self.cache is not None and self.live:
                if (wanted := self._wanted()) < DROP_BELOW * self.height:
                    self._keep(wanted)
                over = [row for row, index in enumerate(self.rows) if index == FREE]
                self.cache.rest(torch.tensor(over, dtype=torch.long, device=self.chosen.device))
                self.chosen = head(go_on(self.decoder, self.cache, self.chosen)).argmax(dim=-1)
                done += self._note(range(len(self.rows)))
            if done:
                advance(done)

    def _next(self) -> list[int]:
        """The prompts to be read now: none before there is room for a few."""
        batch: list[int] = []
        live, few = self.live, 1.0
        widest, longest = self.widest if live else 0, 0  # of the rows, and of what is to be read
        for index in self.waiting:
            prompt = self.prompts[index]
            widest, longest = max(widest, len(prompt.ids)), max(longest, prompt.size())
            most, more = self._room(widest), len(batch) + 1
            few = max(1.0, REFILL * most)
            if not readable(more, longest, self.decoder.adapters):
                return batch
            if live + more > most or (live and batch and more > REFILL_MOST * most):
                break
            batch.append(index)
        return batch if not live or len(batch) >= min(few, len(self.waiting)) else []

    def _room(self, widest: int) -> int:
        """Rows that each adapter may have if the longest prompt has this size."""
        most = room(widest, self.limits, self.decoder.adapters)
        return min(self.height, most) if self.live else most

    def _wanted(self) -> int:
        """Rows of each adapter that there is a use for: those in use, and those to be filled."""
        if not self.waiting:
            return self.live
        return max(self.live, self._room(max(self.widest, len(self.prompts[self.waiting[0]].ids))))

    def _read(self, batch: Sequence[int]) -> int:
        """Read prompts into free rows; gives how many are done with by their first token."""
        for _ in batch:
            self.waiting.popleft()
        if not self.live:
            self.cache = None  # before another is made
        states, began = _read(self.model, self.decoder, self.prompts, batch, self.replies)
        assert began is not None
        first = head_of(self.model)(states).argmax(dim=-1)
        widest = max(len(self.prompts[index].ids) for index in batch)
        if self.cache is None:
            self.rows, self.widest = [*batch] * self.decoder.adapters, widest
            self.cache, self.chosen = began, first
            return self._note(range(len(self.rows)))
        self.widest = max(self.widest, widest)
        if self._room(self.widest) < self.height:
            self._keep(self._room(self.widest))
        free = self._free(len(batch))
        places = torch.tensor(free, device=first.device)
        self.cache.replace(places, began)
        self.chosen[places] = first
        for row, index in zip(free, [*batch] * self.decoder.adapters, strict=True):
            self.rows[row] = index
        return self._note(free)

    def _note(self, rows: Iterable[int]) -> int:
        """Add the chosen tokens to the replies; gives how many prompts are done with."""
        done = 0
        tokens = self.chosen.tolist()
        for row in rows:
            index = self.rows[row]
            if index == FREE:
                continue
            reply = self.replies[row // self.height][index]
            reply.tokens.append(tokens[row])
            if tokens[row] in self.limits.ends or len(reply.tokens) == self.limits.max_new_tokens:
                self.rows[row] = FREE
                self.unfinished[index] -= 1
                done += self.unfinished[index] == 0
        return done

    def _keep(self, height: int) -> None:
        """Keep so many rows of each adapter: those in use, and free ones up to the number."""
        kept: list[int] = []
        for number, rows in enumerate(self._by_adapter()):
            used_first = sorted(range(self.height), key=lambda row: rows[row] == FREE)
            kept += (number * self.height + row for row in sorted(used_first[:height]))
        places = torch.tensor(kept, device=self.chosen.device)
        if self.cache is not None:
            self.cache.select(places)
        self.chosen = self.chosen[places]
        self.rows = [self.rows[row] for row in kept]

    def _by_adapter(self) -> list[list[int]]:
        height = self.height
        return [self.rows[i : i + height] for i in range(0, len(self.rows), max(1, height))]

    def _free(self, count: int) -> list[int]:
        """So many free rows of each adapter, adapter by adapter."""
        found: list[int] = []
        for number, rows in enumerate(self._by_adapter()):
            own = [place for place, index in enumerate(rows) if index == FREE]
            found += (number * self.height + place for place in own[:count])
        return found
