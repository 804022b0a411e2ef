"""The small operations between the matrix products, each with a backward of few passes."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (its customary name)


def rms_norm(x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Root mean square norm over the last dimension, in fp32, as in the Llama family."""
    normed: torch.Tensor = _RmsNorm.apply(x, weight, epsilon)  # type: ignore[no-untyped-call]
    return normed


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, heads: int) -> torch.Tensor:
    """Rotary positions on the first heads; the others are values and stay.

    Args:
        x: Shape (tokens, heads, width).
        cos: Shape (tokens, 1, width).
        sin: As `cos`.
        heads: How many heads are turned.
    """
    rotated: torch.Tensor = _Rotate.apply(x, cos, sin, heads)  # type: ignore[no-untyped-call]
    return rotated


def swiglu(x: torch.Tensor) -> torch.Tensor:
    """`silu(gate) · up`, gate and up being the halves of the last dimension."""
    product: torch.Tensor = _SwiGlu.apply(x)  # type: ignore[no-untyped-call]
    return product


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
        wide = x.float()
        inverse = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        inverse = inverse.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        normed: torch.Tensor = (wide * inverse).to(x.dtype) * weight
        return normed

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        x, weight, inverse = ctx.saved_tensors
        normed = x.float().mul_(inverse)
        scaled = (grad * weight).float()
        along = (scaled * normed).mean(dim=-1, keepdim=True)
        return scaled.addcmul_(normed, along, value=-1).mul_(inverse).to(x.dtype), None, None


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
    half = x.shape[-1] // 2
    found = torch.empty_like(x)
    found[:, heads:] = x[:, heads:]
    turned = found[:, :heads]
    torch.mul(x[:, :heads], cos, out=turned)
    turned[..., :half].addcmul_(x[:, :heads, half:], sin[..., :half], value=-1)
    turned[..., half:].addcmul_(x[:, :heads, :half], sin[..., half:])
    return found


class _SwiGlu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        gate, up = x.chunk(2, dim=-1)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        gate, up = x.chunk(2, dim=-1)
        found = torch.empty_like(x)
        grad_gate, grad_up = found.chunk(2, dim=-1)
        torch.mul(F.silu(gate), grad, out=grad_up)
        torch.ops.aten.silu_backward.grad_input(grad * up, gate, grad_input=grad_gate)
        return found
