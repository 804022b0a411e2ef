"""The memory that this machine has for a model."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

from factlab.memory.predict import Device

LIBRARIES_BYTES = 900 * 2**20  # torch and its family, once loaded


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """Memory that a machine has for a model.

    Attributes:
        device: Where it is.
        total_bytes: How much; None if it is not known.
        source: Whose figure that is, in words.
    """

    device: Device
    total_bytes: int | None
    source: str

    def holds(self, peak_bytes: int) -> bool | None:
        """Whether a peak fits; None if the memory is not known."""
        if self.total_bytes is None:
            return None
        libraries = LIBRARIES_BYTES if self.device == "cpu" else 0
        return peak_bytes + libraries <= self.total_bytes


def memory_budget() -> MemoryBudget:
    """The memory of this machine's first GPU, or its own if it has none; torch is not loaded."""
    gpu = _gpu_bytes()
    if gpu is not None:
        return MemoryBudget("cuda", gpu, "this machine's GPU")
    own = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return MemoryBudget("cpu", own, "this machine's memory")


def _gpu_bytes() -> int | None:
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits", "--id=0"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    megabytes = done.stdout.strip()
    return int(megabytes) * 2**20 if done.returncode == 0 and megabytes.isdigit() else None
