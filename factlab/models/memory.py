"""How the C library hands out memory."""

from __future__ import annotations

import ctypes
import platform

# Parameters of mallopt(3), and what glibc takes them to at most.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
KEPT_BYTES = 2**31 - 1
CHUNK_BYTES = 32 * 2**20


def keep_freed_memory() -> None:
    """Have glibc keep freed memory for the next step instead of giving it back.

    A training step takes and frees some hundred megabytes. By default they go back to the system
    each time, and come again as pages that have to be cleared: about a tenth of a step.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    for parameter, value in (
        (MMAP_THRESHOLD, CHUNK_BYTES),
        (TRIM_THRESHOLD, KEPT_BYTES),
        (TOP_PAD, CHUNK_BYTES),
    ):
        libc.mallopt(parameter, value)
