"""Packing: texts → flat tokens without padding, what they share computed once, and attention.

Linear layers, which are most of the cost, see flat tokens; only attention needs rows, and it pads
them. A chat template's first tokens are the same in every prompt (21 tokens with the embedded
model), so they are computed once for all texts of an adapter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """A text that may go on in several ways, each of which sees the trunk and itself."""

    trunk: Tokens
    branches: Sequence[Tokens] = ()


@dataclass(frozen=True, slots=True)
class Packed:
    """Texts as one flat sequence per adapter.

    The first tokens that all texts of an adapter share stand once at its beginning, and every text
    attends to them. For attention, and for it alone, texts are laid out in rows: the shared tokens
    in a row of their own, then each text's own tokens, its branches one after the other, padded to
    the longest. The keys of a row are the shared tokens and then its own, so that a token of a
    trunk finds what it attends to at its place in the text, whatever the texts have in common.

    Attributes:
        tokens: Shape (adapters, tokens); adapters with fewer tokens are filled up.
        positions: Place of each token in its text, same shape.
        rows: For each row and column the flat index of its token, shape (rows, width).
        slots: For each flat token its place in `rows`, flattened, shape (adapters · tokens,).
        present: Where `rows` holds a token, shape (rows, width).
        filler: Flat tokens that only fill up, shape (adapters · tokens,); None if there are none.
        prefix: Flat indices of the shared tokens, shape (adapters, shared).
        mask: Added to the attention scores, shape (rows, 1, 1, width, columns): shared + width, and
            what fills them up.
        narrower: The mask of each window that some text is longer than, shape as `mask`.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    rows: torch.Tensor
    slots: torch.Tensor
    present: torch.Tensor
    filler: torch.Tensor | None
    prefix: torch.Tensor
    mask: torch.Tensor
    narrower: Mapping[int, torch.Tensor]

    @property
    def shared(self) -> int:
        """How many first tokens stand once for all texts of an adapter."""
        return self.prefix.shape[1]

    def own_rows(self) -> torch.Tensor:
        """`rows` without those of shared tokens, shape (adapters, texts, width)."""
        rows = self.rows.view(len(self.prefix), -1, self.rows.shape[1])
        return rows[:, 1 if self.shared else 0 :]

    def to(self, device: torch.device) -> Packed:
        """The same on another device."""
        parts: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        masks = {window: mask.to(device) for window, mask in parts.pop("narrower").items()}
        moved: dict[str, Any] = {n: t if t is None else t.to(device) for n, t in parts.items()}
        return Packed(**moved, narrower=masks)


def shared_length(texts: Sequence[Tokens], limit: int) -> int:
    """How many first tokens all texts have in common, `limit` at most; 0 for a text alone."""
    if len(texts) < 2:
        return 0
    first, last = min(texts), max(texts)  # the others lie between them
    same = 0
    while same < min(limit, len(first), len(last)) and first[same] == last[same]:
        same += 1
    return same


def pack(
    groups: Sequence[Sequence[Tree]],
    shared: int,
    dtype: torch.dtype,
    multiple: int = 1,
    windows: Collection[int] = (),
) -> Packed:
    """Pack the texts of each adapter.

    Args:
        groups: The texts of each adapter; every adapter has equally many.
        shared: First tokens that the trunks of a group have in common; shorter than any trunk.
        dtype: Of the attention scores.
        multiple: Columns of the scores are filled up to a multiple of it; see `COLUMNS`.
        windows: Of the layers that see so many last tokens only.
    """
    sizes = [[len(t.trunk) - shared + sum(map(len, t.branches)) for t in group] for group in groups]
    length = shared + max(map(sum, sizes))
    width = max(shared, *(size for group in sizes for size in group))
    head = 1 if shared else 0
    count = sum(head + len(group) for group in groups)
    tokens = torch.zeros(len(groups), length, dtype=torch.long)
    positions = torch.zeros(len(groups), length, dtype=torch.long)
    rows = torch.zeros(count, width, dtype=torch.long)
    branch = torch.zeros(count, width, dtype=torch.long)
    slots = torch.zeros(len(groups) * length, dtype=torch.long)
    filled = torch.zeros(count, dtype=torch.long)
    used = torch.zeros(len(groups), dtype=torch.long)
    column = torch.arange(width)
    row = 0
    for group, texts in enumerate(groups):
        at = 0
        first = [(texts[0].trunk[:shared], range(shared), [0] * shared)] if shared else []
        for ids, places, ways in [*first, *(_row(text, shared) for text in texts)]:
            size = len(ids)
            tokens[group, at : at + size] = torch.tensor(ids, dtype=torch.long)
            positions[group, at : at + size] = torch.tensor(places, dtype=torch.long)
            branch[row, :size] = torch.tensor(ways, dtype=torch.long)
            flat = slice(group * length + at, group * length + at + size)
            rows[row, :size] = column[:size] + flat.start
            slots[flat] = column[:size] + row * width
            filled[row] = size
            rows[row, size:] = group * length  # never another adapter's: a NaN there would pass
            row, at = row + 1, at + size
        used[group] = at
    filler = (torch.arange(length) >= used[:, None]).view(-1)
    starts = torch.arange(len(groups))[:, None] * length
    seen = _visible(branch, len(groups), shared, multiple)
    narrower = _narrower(seen, positions.view(-1)[rows], shared, windows)
    return Packed(
        tokens=tokens,
        positions=positions,
        rows=rows,
        slots=slots,
        present=column < filled[:, None],
        filler=filler if bool(filler.any()) else None,
        prefix=starts + torch.arange(shared),
        mask=_added(seen, dtype),
        narrower={window: _added(near, dtype) for window, near in narrower.items()},
    )


def _added(seen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What is added to scores, given which keys are seen."""
    # The least finite number, and not -inf: a row of -inf alone, as filler has, would become NaN.
    mask = torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, torch.finfo(dtype).min)
    return mask[:, None, None]


def _narrower(
    seen: torch.Tensor, places: torch.Tensor, shared: int, windows: Collection[int]
) -> dict[int, torch.Tensor]:
    """Which keys each query attends to through windows that some text is longer than.

    Args:
        seen: As `_visible` gives it.
        places: Of each token of each row in its text, shape (rows, width).
        shared: First tokens that stand once for all texts of an adapter.
        windows: How many last tokens a query sees, itself included.

    Returns:
        By window, of the shape of `seen`.
    """
    keys = torch.cat([torch.arange(shared).expand(len(places), -1), places], dim=1)
    keys = torch.nn.functional.pad(keys, (0, seen.shape[2] - keys.shape[1]))
    back = places[:, :, None] - keys[:, None]
    return {window: seen & (back < window) for window in windows if window <= int(places.max())}


def _visible(branch: torch.Tensor, groups: int, shared: int, multiple: int) -> torch.Tensor:
    """Which keys each query of a row attends to, shape (rows, width, columns).

    Args:
        branch: Of each token of each row, 0 for a trunk, shape (rows, width).
        groups: Adapters.
        shared: First tokens that stand once for all texts of an adapter.
        multiple: As `pack` takes it.
    """
    count, width = branch.shape
    column = torch.arange(width)
    # A query sees what stands before it, of its own branch or of the trunk; padding comes after.
    own = (column[:, None] >= column) & (
        (branch[:, None, :] == 0) | (branch[:, None, :] == branch[:, :, None])
    )
    before = torch.ones(count, width, shared, dtype=torch.bool)
    if shared:
        # Their own row sees the shared tokens at the front too, where all rows have them.
        before.view(groups, -1, width, shared)[:, 0] = column[:, None] >= column[:shared]
        own.view(groups, -1, width, width)[:, 0] = False
    empty = torch.zeros(count, width, -(shared + width) % multiple, dtype=torch.bool)
    return torch.cat([before, own, empty], dim=2)


def _row(text: Tree, shared: int) -> tuple[list[int], list[int], list[int]]:
    """A text's own tokens, their places in it, and which branch each is of; 0 is the trunk."""
    end = len(text.trunk)
    ids, places, ways = list(text.trunk[shared:]), list(range(shared, end)), [0] * (end - shared)
    for number, tokens in enumerate(text.branches, start=1):
        ids += tokens
        places += range(end, end + len(tokens))
        ways += [number] * len(tokens)
    return ids, places, ways


@dataclass(frozen=True, slots=True)
class Scoring:
    """How queries and keys become the scores of attention.

    Attributes:
        scale: Their product is multiplied by it.
        cap: If there is one, a score s becomes cap · tanh(s / cap).
        window: How many last tokens a query sees, itself included; None: all.
    """

    scale: float
    cap: float | None = None
    window: int | None = None

    def __call__(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """Scores before the mask, shape (rows, queries, keys)."""
        scores = torch.bmm(query, key.mT).mul_(self.scale)
        return scores if self.cap is None else scores.div_(self.cap).tanh_().mul_(self.cap)

    def back(self, grad: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """Gradient in the scores → that in the products of queries and keys; in place."""
        if self.cap is not None:
            pressed = self(query, key).div_(self.cap).square_()  # tanh² at each score
            grad.addcmul_(grad, pressed, value=-1)
        return grad.mul_(self.scale)


def attend(
    packed: Packed, laid: torch.Tensor, heads: int, key_heads: int, scoring: Scoring
) -> torch.Tensor:
    """Causal attention of packed texts, each over the shared tokens and its own.

    Args:
        packed: How the tokens lie.
        laid: Queries, keys and values side by side, shape (tokens, heads + 2 key heads, width).
        heads: Of the queries; they share keys in equal groups.
        key_heads: Of the keys, and of the values.
        scoring: Of the layer.

    Returns:
        Mixed values, shape (tokens, heads · width).
    """
    rows = Rows(packed, heads, key_heads, laid.shape[2])
    mixed: torch.Tensor = _Attention.apply(laid, rows, scoring)  # type: ignore[no-untyped-call]
    return mixed


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, laid: torch.Tensor, rows: Rows, scoring: Scoring) -> torch.Tensor:
        query = rows.queries(laid[:, : rows.heads])
        key, value = rows.keys(laid[:, rows.heads :])
        weights = rows.weights(query, key, scoring)
        ctx.save_for_backward(query, key, value, weights)
        ctx.rows, ctx.scoring = rows, scoring
        return rows.tokens(torch.bmm(weights, value))

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        # With S = softmax(Q Kᵀ / √d) and the gradient G of S V: dV = Sᵀ G, dS = G Vᵀ, and the
        # softmax's own backward takes dS to the scores.
        query, key, value, weights = ctx.saved_tensors
        rows: Rows = ctx.rows
        mixed = rows.queries(grad.view(-1, rows.heads, rows.width), blank=True)
        grad_value = torch.bmm(weights.mT, mixed)
        scores = torch.ops.aten._softmax_backward_data(
            torch.bmm(mixed, value.mT), weights, -1, weights.dtype
        )
        scores = ctx.scoring.back(scores, query, key)
        grad_query = rows.tokens(torch.bmm(scores, key)).view(-1, rows.heads, rows.width)
        grad_keys = rows.back(torch.stack([torch.bmm(scores.mT, query), grad_value]))
        return torch.cat([grad_query, grad_keys], dim=1), None, None


class Rows:
    """Moves heads of flat tokens into rows, and back."""

    def __init__(self, packed: Packed, heads: int, key_heads: int, width: int) -> None:
        self.packed = packed
        self.heads, self.key_heads, self.width = heads, key_heads, width
        self.count, self.length = packed.rows.shape
        self.shared, self.columns = packed.shared, packed.mask.shape[-1]
        self.per_group = self.count // len(packed.prefix)

    def queries(self, flat: torch.Tensor, *, blank: bool = False) -> torch.Tensor:
        """(tokens, heads, width) → (rows · key heads, heads per key head · length, width)."""
        laid = flat.reshape(len(flat), -1).index_select(0, self.packed.rows.view(-1))
        if blank:
            laid.masked_fill_(~self.packed.present.view(-1, 1), 0)
        laid = laid.view(self.count, self.length, self.key_heads, -1, self.width)
        return laid.permute(0, 2, 3, 1, 4).reshape(self.count * self.key_heads, -1, self.width)

    def keys(self, flat: torch.Tensor) -> torch.Tensor:
        """(tokens, 2 key heads, width) → (2, rows · key heads, columns, width)."""
        flat = flat.reshape(len(flat), -1)
        own = flat.index_select(0, self.packed.rows.view(-1)).view(self.count, self.length, -1)
        if self.shared:
            first = flat.index_select(0, self.packed.prefix.view(-1))
            first = first.view(len(self.packed.prefix), 1, self.shared, -1)
            first = first.expand(-1, self.per_group, -1, -1)
            own = torch.cat([first.reshape(self.count, self.shared, -1), own], dim=1)
        if self.columns > own.shape[1]:
            own = torch.nn.functional.pad(own, (0, 0, 0, self.columns - own.shape[1]))
        own = own.view(self.count, -1, 2, self.key_heads, self.width).permute(2, 0, 3, 1, 4)
        return own.reshape(2, self.count * self.key_heads, -1, self.width)

    def weights(self, query: torch.Tensor, key: torch.Tensor, scoring: Scoring) -> torch.Tensor:
        """Of attention, shape (rows · key heads, heads per key head · length, columns)."""
        scores = scoring(query, key)
        shape = (self.count, self.key_heads, -1, self.length, self.columns)
        mask = self.packed.mask
        if scoring.window is not None:
            mask = self.packed.narrower.get(scoring.window, mask)
        scores.view(shape).add_(mask)
        return scores.softmax(dim=-1)

    def tokens(self, laid: torch.Tensor) -> torch.Tensor:
        """The inverse of `queries`, shape (tokens, heads · width)."""
        laid = laid.view(self.count, self.key_heads, -1, self.length, self.width)
        laid = laid.permute(0, 3, 1, 2, 4).reshape(self.count * self.length, -1)
        return self._unfilled(laid.index_select(0, self.packed.slots))

    def back(self, laid: torch.Tensor) -> torch.Tensor:
        """The inverse of `keys` for gradients: what the rows ask of shared tokens is summed."""
        laid = laid.view(2, self.count, self.key_heads, -1, self.width).permute(1, 3, 0, 2, 4)
        own = laid[:, self.shared : self.shared + self.length]
        own = own.reshape(self.count * self.length, -1)
        flat = self._unfilled(own.index_select(0, self.packed.slots))
        if self.shared:
            first = laid[:, : self.shared].reshape(len(self.packed.prefix), self.per_group, -1)
            by_all = first[:, 0] + first[:, 1:].sum(dim=1)  # their own row's, and the texts'
            flat[self.packed.prefix.view(-1)] += by_all.view(self.packed.prefix.numel(), -1)
        return flat.view(-1, 2 * self.key_heads, self.width)

    def _unfilled(self, flat: torch.Tensor) -> torch.Tensor:
        if self.packed.filler is not None:
            flat.masked_fill_(self.packed.filler[:, None], 0)
        return flat
