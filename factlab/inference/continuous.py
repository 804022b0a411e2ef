"""Continuous batching on the packed decoder: options and answer from one reading of a prompt.

Where an answer ends, the next prompt takes its row (Yu et al. 2022, Orca): lengths of
answers differ, and a batch that waits for its longest one leaves most rows idle. What is
completed beside a prompt does not change its completion: where the processor's products compute
each row alike, as those of CPUs with bf16 instructions were found to, it is the same to the bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from factlab.inference.decoder import COLUMNS
from factlab.inference.decoder.cache import Cache, decode_step, prefill
from factlab.inference.decoder.packing import Tree, pack, shared_length
from factlab.inference.options import add_option_scores
from factlab.inference.prompts import (
    Completion,
    Limits,
    Prompt,
    Tokens,
    attention_fits,
    by_length,
    most_rows,
)
from factlab.models.heads import head_of

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from factlab.inference.decoder.stack import Decoder

# Shares of the rows. Prompts are read when an eighth is free: reading few at a time is slow. Not
# more than a quarter is read into at once: their keys stand beside all others for the moment.
# Rows are dropped only when an eighth of them is of no more use: each time copies the cache.
REFILL = 1 / 8
REFILL_MOST = 1 / 4
SHRINK_BELOW = 0.875
FREE = -1  # stands for the prompt in a row that holds none


def read_prompts(
    model: PreTrainedModel | PeftModel,
    decoder: Decoder,
    prompts: Sequence[Prompt],
    batch: Sequence[int],
    completions: Sequence[Sequence[Completion]],
    *,
    answer: bool = True,
) -> tuple[torch.Tensor, Cache | None]:
    """Read some prompts by each adapter, and score their options.

    Returns:
        The states that predict the first token of each answer, shape (adapters · prompts, hidden),
        and, if they are to be answered, the keys and values to decode from.
    """
    device = next(model.parameters()).device
    chosen = [prompts[index] for index in batch]
    ids = [prompt.ids for prompt in chosen]
    shared = shared_length(ids, min(map(len, ids)) - 1)
    trees = [Tree(p.ids, [option[:-1] for option in p.options]) for p in chosen]
    packed = pack(
        [trees] * decoder.adapters, shared, decoder.embedding.dtype, COLUMNS, decoder.windows
    )
    rows = packed.own_rows().flatten(0, 1)
    chosen = chosen * decoder.adapters
    trunks = torch.tensor([len(prompt.ids) for prompt in chosen])
    ending = rows.gather(1, (trunks - shared - 1)[:, None])
    wanted = [
        torch.cat([ending[row], rows[row, start : start + len(option) - 1]])
        for row, prompt in enumerate(chosen)
        for start, option in _starts(prompt, shared)
    ]
    packed = packed.to(device)
    cache = None
    if answer:
        states, cache = prefill(decoder, packed, trunks.to(device))
    else:
        states = decoder.read_packed(packed)
    if wanted:
        own = [completion[index] for completion in completions for index in batch]
        states_of_options = states[torch.cat(wanted).to(device)]
        add_option_scores(head_of(model), states_of_options, chosen, own)
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
        prompts: What each adapter completes.
        limits: How many rows an adapter may have, and how long an answer may be.
        completions: Of each adapter and prompt; they are added to.
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
    completions: Sequence[Sequence[Completion]]
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

    def run(self, advance: Callable[[int], None]) -> None:
        """Answer everything."""
        head = head_of(self.model)
        while self.waiting or self.live:
            done = 0
            if batch := self._next_batch():
                done = self._prefill(batch)
            if self.cache is not None and self.live:
                if (needed := self._rows_needed()) < SHRINK_BELOW * self.height:
                    self._shrink(needed)
                over = [row for row, index in enumerate(self.rows) if index == FREE]
                self.cache.release(torch.tensor(over, dtype=torch.long, device=self.chosen.device))
                states = decode_step(self.decoder, self.cache, self.chosen)
                self.chosen = head(states).argmax(dim=-1)
                done += self._append(range(len(self.rows)))
            if done:
                advance(done)

    def _next_batch(self) -> list[int]:
        """The prompts to be read now: none before there is room for a few."""
        batch: list[int] = []
        live, few = self.live, 1.0
        widest, longest = self.widest if live else 0, 0  # of the rows, and of what is to be read
        for index in self.waiting:
            prompt = self.prompts[index]
            widest, longest = max(widest, len(prompt.ids)), max(longest, prompt.size())
            most, more = self._row_limit(widest), len(batch) + 1
            few = max(1.0, REFILL * most)
            if not attention_fits(more, longest, self.decoder.adapters):
                return batch
            if live + more > most or (live and batch and more > REFILL_MOST * most):
                break
            batch.append(index)
        return batch if not live or len(batch) >= min(few, len(self.waiting)) else []

    def _row_limit(self, widest: int) -> int:
        """Rows that each adapter may have if the longest prompt has this size."""
        most = most_rows(widest, self.limits, self.decoder.adapters)
        return min(self.height, most) if self.live else most

    def _rows_needed(self) -> int:
        """Rows of each adapter that there is a use for: those in use, and those to be filled."""
        if not self.waiting:
            return self.live
        next_one = len(self.prompts[self.waiting[0]].ids)
        return max(self.live, self._row_limit(max(self.widest, next_one)))

    def _prefill(self, batch: Sequence[int]) -> int:
        """Read prompts into free rows; gives how many are done with by their first token."""
        for _ in batch:
            self.waiting.popleft()
        if not self.live:
            self.cache = None  # before another is made
        states, began = read_prompts(
            self.model, self.decoder, self.prompts, batch, self.completions
        )
        assert began is not None
        first = head_of(self.model)(states).argmax(dim=-1)
        widest = max(len(self.prompts[index].ids) for index in batch)
        if self.cache is None:
            self.rows, self.widest = [*batch] * self.decoder.adapters, widest
            self.cache, self.chosen = began, first
            return self._append(range(len(self.rows)))
        self.widest = max(self.widest, widest)
        if self._row_limit(self.widest) < self.height:
            self._shrink(self._row_limit(self.widest))
        free = self._free_rows(len(batch))
        places = torch.tensor(free, device=first.device)
        self.cache.replace(places, began)
        self.chosen[places] = first
        for row, index in zip(free, [*batch] * self.decoder.adapters, strict=True):
            self.rows[row] = index
        return self._append(free)

    def _append(self, rows: Iterable[int]) -> int:
        """Append the chosen tokens to the answers; gives how many prompts are done with."""
        done = 0
        tokens = self.chosen.tolist()
        for row in rows:
            index = self.rows[row]
            if index == FREE:
                continue
            answer = self.completions[row // self.height][index].tokens
            answer.append(tokens[row])
            if tokens[row] in self.limits.ends or len(answer) == self.limits.max_new_tokens:
                self.rows[row] = FREE
                self.unfinished[index] -= 1
                done += self.unfinished[index] == 0
        return done

    def _shrink(self, height: int) -> None:
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

    def _free_rows(self, count: int) -> list[int]:
        """So many free rows of each adapter, adapter by adapter."""
        found: list[int] = []
        for number, rows in enumerate(self._by_adapter()):
            own = [place for place, index in enumerate(rows) if index == FREE]
            found += (number * self.height + place for place in own[:count])
        return found
