"""Memory of the process: how glibc hands it out, what the collector visits, how much was taken."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import platform
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

# Parameters of mallopt(3), and what glibc takes them to at most.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
KEPT_BYTES = 2**31 - 1
CHUNK_BYTES = 32 * 2**20
WEIGHT_BYTES = 128 * 2**10  # smaller ones are norms and biases


def return_large_blocks() -> None:
    """Have glibc give memory of this size back as soon as it is freed, for what is loaded next.

    The decoder joins weights that are multiplied with the same states. The parts that it frees lie
    in between others, and in pools of the threads that read them: kept, they would not be used
    again. What earlier work freed and glibc kept goes back at once.
    """
    _set_malloc(MMAP_THRESHOLD, WEIGHT_BYTES)
    trim_heap()


def trim_heap() -> None:
    """Give what earlier work freed, and glibc kept, back to the system at once."""
    gc.collect()
    if library := _glibc():
        library.malloc_trim(0)


def retain_freed_memory() -> None:
    """Have glibc keep freed memory for the next step instead of giving it back.

    A training step takes and frees some hundred megabytes. By default they go back to the system
    each time, and come again as pages that have to be cleared: about a tenth of a step.
    """
    _set_malloc(MMAP_THRESHOLD, CHUNK_BYTES)
    _set_malloc(TRIM_THRESHOLD, KEPT_BYTES)
    _set_malloc(TOP_PAD, CHUNK_BYTES)


@contextlib.contextmanager
def imports_frozen() -> Iterator[None]:
    """Import what computes, and have the garbage collector pass over all that is there by then.

    The libraries are half a million objects that stay. The collector goes through them while they
    are imported, and again some five times for each adapter that is trained and asked, about half
    a second each time. Afterwards everything is as before.
    """
    collecting, others = gc.isenabled(), gc.get_freeze_count()
    gc.disable()
    try:
        import bitsandbytes
        import datasets
        import peft
        import transformers
        import trl.trainer.sft_trainer

        del bitsandbytes, datasets, peft, transformers, trl
    finally:
        if collecting:
            gc.enable()
    gc.freeze()
    try:
        yield
    finally:
        if not others:  # what someone else has put aside stays there
            gc.unfreeze()


def _set_malloc(parameter: int, value: int) -> None:
    if library := _glibc():
        library.mallopt(parameter, value)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


def resident_bytes() -> int:
    """Memory that this process holds now."""
    return _status_bytes("VmRSS") or peak_memory_bytes()


def peak_memory_bytes() -> int:
    """The most memory that this process has held, since `reset_peak` if that was called.

    `ru_maxrss` also counts the parent's memory at the moment of the fork, so that a heavy parent
    would show in a light child; Linux' `VmHWM` does not.
    """
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2) of either system
    return _status_bytes("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def reset_peak() -> None:
    """Count the peak from here on, where the system lets a process say so (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


class PeakMemory:
    """The most memory taken since it was made, beyond what was taken then.

    On CUDA that is tensors; on a CPU whatever the process holds, apart from its libraries, which
    are loaded first. `device` is which of the two; by default CUDA where there is one.
    """

    def __init__(self, device: str | None = None) -> None:
        import bitsandbytes
        import peft
        import torch
        import transformers

        del bitsandbytes, peft, transformers  # taken already, so that they do not count
        self.cuda = torch.cuda.is_available() if device is None else device == "cuda"
        self.reset()
        self.before = torch.cuda.memory_allocated() if self.cuda else resident_bytes()

    def peak_bytes(self) -> int:
        """What was taken at the most."""
        return self.held_bytes() - self.before

    def held_bytes(self) -> int:
        """What was held at the most, with what was held already."""
        import torch

        return int(torch.cuda.max_memory_allocated() if self.cuda else peak_memory_bytes())

    def reset(self) -> None:
        """Look for a new peak from here on; what glibc kept of earlier work is given back first."""
        import torch

        trim_heap()
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
        reset_peak()


def _status_bytes(name: str) -> int | None:
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    for line in status.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None
