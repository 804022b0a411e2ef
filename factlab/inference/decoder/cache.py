"""Prefill and decode: keys and values of texts that are continued token by token.

Every text stands in its row from the first slot on, what a token attends to stands at its position,
and slots come in multiples of `COLUMNS`. Beside exact zeros, sums of attention are then the same
whatever else is in the batch: where a processor's products compute each row alike, a text's numbers
do not depend on its company, bit for bit (`tests/slow/test_decoder.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from factlab.inference.decoder import COLUMNS
from factlab.inference.decoder.packing import Packed, Rows
from factlab.inference.decoder.stack import Decoder


@dataclass(slots=True)
class Cache:
    """What has been read of some texts.

    Attributes:
        keys: One tensor per layer, shape (texts · key heads, slots, width).
        values: As `keys`.
        mask: Added to the attention scores, shape (texts, slots); open where something was read.
        positions: Place of the next token of each text, shape (texts,).
    """

    keys: list[torch.Tensor]
    values: list[torch.Tensor]
    mask: torch.Tensor
    positions: torch.Tensor

    @property
    def slots(self) -> int:
        """Tokens that there is room for, of each text."""
        return self.mask.shape[1]

    def select(self, texts: torch.Tensor) -> None:
        """Keep some texts, given by their index."""
        rows = self._heads_of(texts)
        self._change(lambda part: part.index_select(0, rows))
        self.mask, self.positions = self.mask[texts], self.positions[texts]

    def replace(self, gone: torch.Tensor, other: Cache) -> None:
        """Put the texts of another cache in the places of some of these, given by their index."""
        self._make_room(other.slots)
        rows = self._heads_of(gone)
        for parts, read in ((self.keys, other.keys), (self.values, other.values)):
            for part, own in zip(parts, read, strict=True):
                # Nothing is left of the text that was there: a NaN would pass the mask.
                part[:, other.slots :].index_fill_(0, rows, 0)
                part[:, : other.slots].index_copy_(0, rows, own)
        self.mask[gone] = torch.finfo(self.mask.dtype).min
        self.mask[gone, : other.slots] = other.mask
        self.positions[gone] = other.positions

    def release(self, texts: torch.Tensor) -> None:
        """Let texts that are over take no more slots, given by their index.

        They are still computed, at position 0: removing their rows would copy the cache.
        """
        self.positions[texts] = 0

    def open_slots(self) -> None:
        """Make room for one more token of every text."""
        self._make_room(int(self.positions.max()) + 1)
        self.mask.scatter_(1, self.positions[:, None], 0)

    def places(self) -> torch.Tensor:
        """Where each text's next key and value go, heads one after the other, in flat slots."""
        heads = len(self.keys[0]) // len(self.positions)
        first = torch.arange(len(self.keys[0]), device=self.positions.device) * self.slots
        return first + self.positions.repeat_interleave(heads)

    def mask_of(self, window: int | None) -> torch.Tensor:
        """`mask` for the next token of each text, if it sees so many last tokens only."""
        if window is None or int(self.positions.max()) < window:
            return self.mask
        slot = torch.arange(self.slots, device=self.mask.device)
        far = slot <= self.positions[:, None] - window
        return self.mask.masked_fill(far, torch.finfo(self.mask.dtype).min)

    def _heads_of(self, texts: torch.Tensor) -> torch.Tensor:
        heads = len(self.keys[0]) // len(self.positions)
        return (texts[:, None] * heads + torch.arange(heads, device=texts.device)).view(-1)

    def _make_room(self, slots: int) -> None:
        if slots <= self.slots:
            return
        # None is held in reserve: products with a slice of a larger buffer copy it at every step.
        more = -(-slots // COLUMNS) * COLUMNS - self.slots
        self._change(lambda part: torch.nn.functional.pad(part, (0, 0, 0, more)))
        closed = torch.finfo(self.mask.dtype).min
        self.mask = torch.nn.functional.pad(self.mask, (0, more), value=closed)

    def _change(self, make: Callable[[torch.Tensor], torch.Tensor]) -> None:
        # One by one, so that no more than one layer is held twice.
        for parts in (self.keys, self.values):
            for layer, part in enumerate(parts):
                parts[layer] = make(part)


def prefill(decoder: Decoder, packed: Packed, trunks: torch.Tensor) -> tuple[torch.Tensor, Cache]:
    """Read packed texts, and keep keys and values to decode from the end of their trunks.

    Args:
        decoder: What reads them; each of its adapters reads its own texts, equally many.
        packed: The texts, adapter by adapter; their columns a multiple of `COLUMNS`.
        trunks: Length of each text's trunk, the shared tokens included, shape (texts,).

    Returns:
        Final states, shape (adapters · tokens, hidden), and the cache.
    """
    keys: list[torch.Tensor] = []
    values: list[torch.Tensor] = []
    width = -(-int(trunks.max()) // COLUMNS) * COLUMNS
    rows = Rows(packed, decoder.heads, decoder.key_heads, decoder.head_width)
    shape = (decoder.adapters, -1, rows.columns, decoder.head_width)
    first = decoder.key_heads if packed.shared else 0  # an adapter's row of shared tokens

    def own(part: torch.Tensor) -> torch.Tensor:
        texts = part.view(shape)[:, first:, :width]
        return texts.reshape(-1, width, decoder.head_width).contiguous()

    def attend_and_keep(layer: int, laid: torch.Tensor) -> torch.Tensor:
        query = rows.queries(laid[:, : decoder.heads])
        key, value = rows.keys(laid[:, decoder.heads :])
        keys.append(own(key))
        values.append(own(value))
        return rows.tokens(
            torch.bmm(rows.weights(query, key, decoder.layers[layer].scoring), value)
        )

    states = decoder.states(packed.tokens, packed.positions, attend_and_keep).flatten(0, 1)
    place = torch.arange(width, device=trunks.device)
    mask = torch.zeros(len(trunks), width, dtype=states.dtype, device=states.device)
    mask.masked_fill_(place >= trunks[:, None], torch.finfo(states.dtype).min)
    return states, Cache(keys, values, mask, trunks.clone())


def decode_step(decoder: Decoder, cache: Cache, tokens: torch.Tensor) -> torch.Tensor:
    """Read one more token of each text.

    Args:
        decoder: As in `prefill`.
        cache: Of the texts, equally many of each adapter; it is extended.
        tokens: Shape (texts,).

    Returns:
        The states that predict the next tokens, shape (texts, hidden).
    """
    cache.open_slots()
    places = cache.places()
    masks = {window: cache.mask_of(window)[:, None, None] for window in {None, *decoder.windows}}
    shape = (len(tokens), decoder.key_heads, -1, cache.slots)

    def attend_all(layer: int, laid: torch.Tensor) -> torch.Tensor:
        keys, values = cache.keys[layer], cache.values[layer]
        query, key, value = laid.split([decoder.heads, decoder.key_heads, decoder.key_heads], dim=1)
        flat = (-1, decoder.head_width)
        keys.view(flat).index_copy_(0, places, key.reshape(flat))
        values.view(flat).index_copy_(0, places, value.reshape(flat))
        query = query.reshape(len(keys), -1, decoder.head_width)
        scoring = decoder.layers[layer].scoring
        scores = scoring(query, keys)
        scores.view(shape).add_(masks[scoring.window])
        return torch.bmm(scores.softmax(dim=-1), values)

    by_adapter = (decoder.adapters, -1)
    states = decoder.states(tokens.view(by_adapter), cache.positions.view(by_adapter), attend_all)
    cache.positions = cache.positions + 1
    return states.flatten(0, 1)
