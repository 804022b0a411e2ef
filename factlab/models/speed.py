"""How fast this machine computes: measured, for estimates and for profiles."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

PRODUCTS = 8  # of which the fastest counts: the others waited for something else


def matmul_flops(bf16: bool) -> float:
    """Floating-point operations per second of a square matrix product on this machine.

    A product of two n × n matrices takes 2 n³ operations.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if bf16 else torch.float32
    side = 8192 if device == "cuda" else 2048
    a = torch.randn(side, side, device=device).to(dtype)
    best = 0.0
    for _ in range(PRODUCTS):
        started = time.perf_counter()
        product = a @ a
        product[0, 0].item()  # waits for a GPU to finish
        best = max(best, 2 * side**3 / (time.perf_counter() - started))
    return best


def median_seconds(call: Callable[[], object], device: torch.device, repeats: int) -> float:
    """The median time of a call, after one that warms it up."""
    import torch

    def timed() -> float:
        started = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    timed()
    return statistics.median(timed() for _ in range(repeats))
