"""Frozen linear layers with the low-rank updates of the adapters that stand on them."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (its customary name)
from torch import nn


@dataclass(frozen=True, slots=True)
class LowRank:
    """One adapter's update of one layer: `scale · x Aᵀ Bᵀ`.

    With a gain, the layer's output and the update are multiplied by it, one number per output.
    """

    down: torch.Tensor  # A, shape (rank, in)
    up: torch.Tensor  # B, shape (out, rank)
    scale: float  # alpha / rank
    gain: torch.Tensor | None = None  # DoRA's magnitude over ‖W + scale · B A‖, shape (out,)

    def empty(self) -> LowRank:
        """An update of the same layer that changes nothing: of rank 0."""
        return LowRank(self.down[:0], self.up[:, :0], self.scale)


@dataclass(frozen=True, slots=True)
class Projection:
    """Linear layers that read the same input, computed as one.

    Attributes:
        parts: The frozen layers; their outputs stand side by side.
        updates: For each part the updates of the adapters, in the same order; empty if it has none.
        ready: The factors as they are computed with, where no gradient is wanted; see `factors`.
        gains: See `all_gains`; only where no gradient is wanted.
    """

    parts: Sequence[nn.Module]
    updates: Sequence[Sequence[LowRank]]
    ready: tuple[torch.Tensor, torch.Tensor] | None = None
    gains: torch.Tensor | None = None

    @property
    def outs(self) -> int:
        """Outputs of all parts."""
        return sum(int(part.out_features) for part in self.parts)  # type: ignore[arg-type, misc]

    def weight(self) -> torch.Tensor:
        """W, shape (outs, in); 4-bit weights are unpacked for the moment."""
        weights = [_unpacked(part) for part in self.parts]
        return _side_by_side(self.parts, weights, "weight")

    def bias(self) -> torch.Tensor | None:
        """The bias, shape (outs,)."""
        biases: list[Any] = [part.bias for part in self.parts]
        return None if biases[0] is None else _side_by_side(self.parts, biases, "bias")

    def parameters(self) -> list[torch.Tensor]:
        """All A and B, part by part and adapter by adapter."""
        return [t for part in self.updates for update in part for t in (update.down, update.up)]

    def factors(self, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """Scaled A and B of all parts together; parts do not mix, narrow ranks end in zeros.

        Returns:
            A of shape (adapters, ranks, in) and B of shape (adapters, outs, ranks).
        """
        adapted = [updates for updates in self.updates if updates]
        first = adapted[0][0]
        scales = {update.scale for updates in adapted for update in updates}
        # One adapter, one scale: concatenating is enough, which is most of what training does.
        if len(adapted[0]) == 1 and len(scales) == 1:
            down = torch.cat([updates[0].down for updates in adapted])
            down = (down * first.scale).to(dtype)[None]
            if len(self.parts) == 1:
                return down, first.up.to(dtype)[None]
        else:
            ranks = sum(max(len(update.down) for update in updates) for updates in adapted)
            shape = (len(adapted[0]), ranks, first.down.shape[1])
            down = torch.zeros(shape, dtype=dtype, device=first.down.device)
            for update, group, _, columns in self._places():
                down[group, columns] = update.down * update.scale
        up = down.new_zeros(len(down), self.outs, down.shape[1])
        for update, group, rows, columns in self._places():
            up[group, rows, columns] = update.up
        return down, up

    def all_gains(self, dtype: torch.dtype) -> torch.Tensor | None:
        """Gains of all parts and adapters, shape (adapters, 1, outs); None if there are none."""
        places = self._places()
        if all(update.gain is None for update, *_ in places):
            return None
        groups = max(group for _, group, *_ in places) + 1
        gains = places[0][0].up.new_ones(groups, 1, self.outs, dtype=dtype)
        for update, group, rows, _ in places:
            if update.gain is not None:
                gains[group, 0, rows] = update.gain.to(dtype)
        return gains

    def _places(self) -> list[tuple[LowRank, int, slice, slice]]:
        """Each update with its adapter, its rows of B and its columns of B."""
        found = []
        out = rank = 0
        for part, updates in zip(self.parts, self.updates, strict=True):
            rows = slice(out, out + int(part.out_features))  # type: ignore[arg-type]
            out = rows.stop
            for group, update in enumerate(updates):
                found.append((update, group, rows, slice(rank, rank + update.down.shape[0])))
            rank += max((update.down.shape[0] for update in updates), default=0)
        return found

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Project tokens of shape (adapters, tokens, in) to (adapters, tokens, outs)."""
        if not any(self.updates):
            return F.linear(x, self.weight(), self.bias())
        if torch.is_grad_enabled():
            wide: torch.Tensor = _LowRank.apply(x, self, *self.parameters())  # type: ignore[no-untyped-call]
            return wide
        wide, _ = self.forward(x, *(self.ready or self.factors(x.dtype)))
        if self.gains is None:
            return wide
        bias = self.bias()  # it has no gain
        if bias is None:
            return wide * self.gains
        # Those without a gain stand beside the others as they are: without rounding twice.
        return torch.where(self.gains == 1, wide, (wide - bias) * self.gains + bias)

    def forward(
        self, x: torch.Tensor, down: torch.Tensor, up: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The output, and `x Aᵀ`."""
        narrow = _product(x, down.mT)
        wide = F.linear(x, self.weight(), self.bias())
        _add_product(wide, narrow, up.mT)
        return wide, narrow

    def split(self, down: torch.Tensor, up: torch.Tensor) -> list[torch.Tensor]:
        """Gradients of `factors` → those of `parameters`."""
        return [
            part
            for update, group, rows, columns in self._places()
            for part in (
                down[group, columns].to(update.down.dtype).mul_(update.scale),
                up[group, rows, columns].to(update.up.dtype),
            )
        ]


class _LowRank(torch.autograd.Function):
    """Gradients for x, A and B; the frozen weight gets none, and the sums are made in place."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, projection: Projection, *parameters: torch.Tensor
    ) -> torch.Tensor:
        del parameters  # they are the projection's own; named so that gradients reach them
        down, up = projection.factors(x.dtype)
        wide, narrow = projection.forward(x, down, up)
        ctx.save_for_backward(x, narrow, down, up)
        ctx.projection = projection
        return wide

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, narrow, down, up = ctx.saved_tensors
        grad_narrow = _product(grad, up)
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = grad @ ctx.projection.weight()
            _add_product(grad_x, grad_narrow, down)
        grad_down = _product(grad_narrow.mT, x)
        grad_up = _product(narrow.mT, grad).mT  # this way round the wide side is read in order
        return grad_x, None, *ctx.projection.split(grad_down, grad_up)


# A product of one adapter is two-dimensional: the batched kernel is several times slower on CPU.


def _product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return torch.mm(left[0], right[0])[None] if len(left) == 1 else torch.bmm(left, right)


def _add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
    if len(left) == 1:
        total[0].addmm_(left[0], right[0])
    else:
        total.baddbmm_(left, right)


def _unpacked(part: nn.Module) -> torch.Tensor:
    weight: Any = part.weight
    if getattr(weight, "quant_state", None) is None:
        return weight  # type: ignore[no-any-return]
    from bitsandbytes.functional import dequantize_4bit

    return dequantize_4bit(weight.data, weight.quant_state)


_JOINED: weakref.WeakKeyDictionary[nn.Module, dict[str, torch.Tensor]] = weakref.WeakKeyDictionary()


def _side_by_side(
    parts: Sequence[nn.Module], tensors: Sequence[torch.Tensor], name: str
) -> torch.Tensor:
    """Tensors of layers as one; parameters become views of it, so that nothing is held twice."""
    if len(tensors) == 1:
        return tensors[0]
    if not isinstance(tensors[0], nn.Parameter):
        return torch.cat(list(tensors))  # unpacked for the moment
    joined = _JOINED.setdefault(parts[0], {}).get(name)
    sizes = [len(tensor) for tensor in tensors]
    if joined is None or [p.data_ptr() for p in joined.split(sizes)] != [
        tensor.data_ptr() for tensor in tensors
    ]:
        # Not an inference tensor, even if it is first wanted while asking: training comes after.
        with torch.inference_mode(mode=False), torch.no_grad():
            joined = torch.cat([tensor.detach() for tensor in tensors])
            for part, view in zip(parts, joined.split(sizes), strict=True):
                getattr(part, name).data = view
        _JOINED[parts[0]][name] = joined
    return joined
