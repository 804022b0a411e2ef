"""What this machine's processor can multiply, found without loading torch where possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

CPUINFO = Path("/proc/cpuinfo")
# As Linux names them, on x86 and on Arm.
BF16_PRODUCTS = frozenset({"avx512_bf16", "amx_bf16", "avx10_2", "bf16", "svebf16"})


@cache
def multiplies_bf16() -> bool:
    """Whether the processor has instructions for products in bf16 that torch uses.

    Where it has none they take many times as long as in fp32: on two cores of a processor with AVX2
    seven times, and in the backward pass about seventy (docs/log.md). Processors with AVX-512 and
    without these instructions were not measured; oneDNN computes theirs in fp32.
    """
    if CPUINFO.is_file():
        return bool(BF16_PRODUCTS & _flags(CPUINFO.read_text(encoding="utf-8")))
    import torch

    # macOS and Windows; older versions of torch do not tell. Arm's are left out: what macOS
    # multiplies by, Accelerate, has no bf16.
    ask: Callable[[], Mapping[str, Any]] | None = getattr(torch.cpu, "get_capabilities", None)
    told = ask() if ask else {}
    return any(told.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def _flags(cpuinfo: str) -> set[str]:
    """Features of all processors in Linux' description of them."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return {
        flag
        for key, _, value in lines
        if key.strip() in ("flags", "Features")
        for flag in value.split()
    }
