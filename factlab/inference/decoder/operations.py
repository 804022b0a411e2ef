"""The small operations between the matrix products, each with a backward of few passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (its customary name)

from factlab.models.families.family import ACTIVATIONS


@dataclass(frozen=True, slots=True)
class Norm:
    """Root mean square norm over the last dimension, computed in fp32.

    Attributes:
        weight: What the normed values are multiplied by.
        epsilon: Added to the mean square.
        wide: Whether they are multiplied in fp32, as Gemma does, and not in the type of the states,
            as Llama does.
    """

    weight: torch.Tensor
    epsilon: float
    wide: bool = False

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Normed values, of the shape and type of `x`."""
        normed: torch.Tensor = _RmsNorm.apply(x, self)  # type: ignore[no-untyped-call]
        return normed


def norm_heads(x: torch.Tensor, norm: Norm) -> torch.Tensor:
    """Norm of each of the first heads; the others are values and stay.

    Args:
        x: Shape (tokens, heads, width).
        norm: Its weight has shape (normed heads, width).
    """
    normed: torch.Tensor = _NormHeads.apply(x, norm)  # type: ignore[no-untyped-call]
    return normed


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, heads: int) -> torch.Tensor:
    """Rotary positions on the first heads; the others are values and stay.

    Args:
        x: Shape (tokens, heads, width).
        cos: Shape (tokens, 1, turned width); what is wider of a head stays.
        sin: As `cos`.
        heads: How many heads are turned.
    """
    rotated: torch.Tensor = _Rotate.apply(x, cos, sin, heads)  # type: ignore[no-untyped-call]
    return rotated


def gated(x: torch.Tensor, activation: str) -> torch.Tensor:
    """`activation(gate) · up`, gate and up being the halves of the last dimension."""
    product: torch.Tensor = _Gated.apply(x, activation)  # type: ignore[no-untyped-call]
    return product


# By the name that configs have for it: the activation, and its gradient, written to a tensor.
_ACTIVATIONS: dict[str, tuple[Callable[..., torch.Tensor], Callable[..., torch.Tensor]]] = {
    "silu": (F.silu, torch.ops.aten.silu_backward.grad_input),
    "gelu": (F.gelu, torch.ops.aten.gelu_backward.grad_input),
    "gelu_pytorch_tanh": (
        partial(F.gelu, approximate="tanh"),
        partial(torch.ops.aten.gelu_backward.grad_input, approximate="tanh"),
    ),
}
assert _ACTIVATIONS.keys() == set(ACTIVATIONS)


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, norm: Norm) -> torch.Tensor:
        normed, inverse = _normed(x, norm)
        ctx.save_for_backward(x, norm.weight, inverse)
        return normed

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        return _through_norm(grad, *ctx.saved_tensors), None


class _NormHeads(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, norm: Norm) -> torch.Tensor:
        heads = len(norm.weight)
        found = torch.empty_like(x)
        found[:, heads:] = x[:, heads:]
        found[:, :heads], inverse = _normed(x[:, :heads], norm)
        ctx.save_for_backward(x, norm.weight, inverse)
        return found

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        x, weight, inverse = ctx.saved_tensors
        heads = len(weight)
        found = torch.empty_like(grad)
        found[:, heads:] = grad[:, heads:]
        found[:, :heads] = _through_norm(grad[:, :heads], x[:, :heads], weight, inverse)
        return found, None


def _normed(x: torch.Tensor, norm: Norm) -> tuple[torch.Tensor, torch.Tensor]:
    """Normed values, and the inverse of each root mean square."""
    wide = x.float()
    inverse = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
    inverse = inverse.square_().div_(x.shape[-1]).add_(norm.epsilon).rsqrt_()
    if norm.wide:
        return (wide * inverse).mul_(norm.weight).to(x.dtype), inverse
    return (wide * inverse).to(x.dtype) * norm.weight, inverse


def _through_norm(
    grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, inverse: torch.Tensor
) -> torch.Tensor:
    normed = x.float() * inverse
    scaled = (grad * weight).float()
    along = (scaled * normed).mean(dim=-1, keepdim=True)
    return scaled.addcmul_(normed, along, value=-1).mul_(inverse).to(x.dtype)


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, heads: int
    ) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        ctx.heads = heads
        return _turned(x, cos, sin, heads)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        cos, sin = ctx.saved_tensors  # turning back is turning by the negative angle
        return _turned(grad, cos, -sin, ctx.heads), None, None, None


def _turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, heads: int) -> torch.Tensor:
    width = cos.shape[-1]
    half = width // 2
    found = torch.empty_like(x)
    found[:, heads:] = x[:, heads:]
    turned = found[:, :heads]
    if width < x.shape[-1]:
        turned[..., width:] = x[:, :heads, width:]
        turned = turned[..., :width]
    torch.mul(x[:, :heads, :width], cos, out=turned)
    turned[..., :half].addcmul_(x[:, :heads, half:width], sin[..., :half], value=-1)
    turned[..., half:].addcmul_(x[:, :heads, :half], sin[..., half:])
    return found


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, activation: str) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.activation = activation
        gate, up = x.chunk(2, dim=-1)
        return _ACTIVATIONS[activation][0](gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        (x,) = ctx.saved_tensors
        activated, slope = _ACTIVATIONS[ctx.activation]
        gate, up = x.chunk(2, dim=-1)
        found = torch.empty_like(x)
        grad_gate, grad_up = found.chunk(2, dim=-1)
        torch.mul(activated(gate), grad, out=grad_up)
        slope(grad * up, gate, grad_input=grad_gate)
        return found, None
