"""Keys and values of texts that are continued token by token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from factlab.decoder.packing import Packed, Rows
from factlab.decoder.stack import Decoder

GROWTH = 16  # slots; products with a slice of a larger buffer would copy it at every step


@dataclass(slots=True)
class Cache:
    """What has been read of some texts.

    Attributes:
        keys: One tensor per layer, shape (texts · key heads, slots, width).
        values: As `keys`.
        mask: Added to the attention scores, shape (texts, 1, 1, slots); opens a slot per step.
        positions: Place of the next token of each text, shape (texts,).
        filled: Slots that are in use.
    """

    keys: list[torch.Tensor]
    values: list[torch.Tensor]
    mask: torch.Tensor
    positions: torch.Tensor
    filled: int

    def select(self, kept: torch.Tensor) -> None:
        """Keep some texts, given by their index."""
        heads = len(self.keys[0]) // len(self.mask)
        rows = (kept[:, None] * heads + torch.arange(heads, device=kept.device)).view(-1)
        self._change(lambda part: part.index_select(0, rows))
        self.mask, self.positions = self.mask[kept], self.positions[kept]

    def open_slot(self) -> None:
        """Make room for one more token of every text."""
        slots = self.mask.shape[-1]
        if self.filled == slots:
            more = (0, 0, 0, GROWTH - slots % GROWTH)
            self._change(lambda part: torch.nn.functional.pad(part, more))
            closed = torch.finfo(self.mask.dtype).min
            self.mask = torch.nn.functional.pad(self.mask, (0, more[3]), value=closed)
        self.mask[..., self.filled] = 0
        self.filled += 1

    def _change(self, make: Callable[[torch.Tensor], torch.Tensor]) -> None:
        # One by one, so that no more than one layer is held twice.
        for parts in (self.keys, self.values):
            for layer, part in enumerate(parts):
                parts[layer] = make(part)


def read(decoder: Decoder, packed: Packed, trunks: torch.Tensor) -> tuple[torch.Tensor, Cache]:
    """Read packed texts, and keep what is needed to go on from the end of their trunks.

    Args:
        decoder: What reads them; each of its adapters reads its own texts, equally many.
        packed: The texts, adapter by adapter.
        trunks: Length of each text's trunk, the shared tokens included, shape (texts,).

    Returns:
        Final states, shape (adapters · tokens, hidden), and the cache.
    """
    keys: list[torch.Tensor] = []
    values: list[torch.Tensor] = []
    width = int(trunks.max())
    rows = Rows(packed, decoder.heads, decoder.key_heads, decoder.head_width)
    shape = (decoder.adapters, -1, rows.shared + rows.length, decoder.head_width)
    first = decoder.key_heads if packed.shared else 0  # an adapter's row of shared tokens

    def own(part: torch.Tensor) -> torch.Tensor:
        texts = part.view(shape)[:, first:, :width]
        return texts.reshape(-1, width, decoder.head_width).contiguous()

    def keep(_: int, laid: torch.Tensor) -> torch.Tensor:
        query = rows.queries(laid[:, : decoder.heads])
        key, value = rows.keys(laid[:, decoder.heads :])
        keys.append(own(key))
        values.append(own(value))
        return rows.tokens(torch.bmm(rows.weights(query, key), value))

    states = decoder.states(packed.tokens, packed.positions, keep).flatten(0, 1)
    place = torch.arange(width, device=trunks.device)
    mask = torch.zeros(len(trunks), 1, 1, width, dtype=states.dtype, device=states.device)
    mask.masked_fill_((place >= trunks[:, None])[:, None, None], torch.finfo(states.dtype).min)
    return states, Cache(keys, values, mask, trunks.clone(), width)


def go_on(decoder: Decoder, cache: Cache, tokens: torch.Tensor) -> torch.Tensor:
    """Read one more token of each text.

    Args:
        decoder: As in `read`.
        cache: Of the texts, equally many of each adapter; it is extended.
        tokens: Shape (texts,).

    Returns:
        The states that predict the next tokens, shape (texts, hidden).
    """
    cache.open_slot()
    slot = cache.filled - 1
    shape = (len(tokens), decoder.key_heads, -1, cache.mask.shape[-1])

    def attend_all(layer: int, laid: torch.Tensor) -> torch.Tensor:
        keys, values = cache.keys[layer], cache.values[layer]
        query, key, value = laid.split([decoder.heads, decoder.key_heads, decoder.key_heads], dim=1)
        keys[:, slot] = key.reshape(-1, decoder.head_width)
        values[:, slot] = value.reshape(-1, decoder.head_width)
        query = query.reshape(len(keys), -1, decoder.head_width)
        scores = torch.bmm(query, keys.mT).mul_(decoder.head_width**-0.5)
        scores.view(shape).add_(cache.mask)
        return torch.bmm(scores.softmax(dim=-1), values)

    by_adapter = (decoder.adapters, -1)
    states = decoder.states(tokens.view(by_adapter), cache.positions.view(by_adapter), attend_all)
    cache.positions = cache.positions + 1
    return states.flatten(0, 1)
