"""A model's name, or just a size → its shape, from its config alone; and what a machine offers."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from factlab.errors import ModelError
from factlab.memory.known import KNOWN, SHORT, known_name
from factlab.memory.predict import Device
from factlab.memory.shapes import ModelShape, shape_of
from factlab.models.configs import model_config
from factlab.models.embedded import embedded_model
from factlab.schema.config import EMBEDDED_MODEL
from factlab.schema.yaml import did_you_mean

EMBEDDED_SHAPE = "smollm2-135m"
LIBRARIES_BYTES = 900 * 2**20  # torch and its family, once loaded


@dataclass(frozen=True, slots=True)
class NamedShape:
    """A model's shape, what it is called, and whose numbers these are."""

    name: str
    shape: ModelShape
    source: str


def named_shape(name: str) -> NamedShape:
    """The shape of a model by name, folder, `config.json`, `.gguf` file, hub id or size.

    Raises:
        ModelError: for a name that is none of these, or a kind of model that is not counted.
    """
    known = known_name(name)
    if name == EMBEDDED_MODEL and not embedded_model().exists:
        known = EMBEDDED_SHAPE
    if known is not None:
        found = KNOWN[known]
        return NamedShape(known, shape_of(found.config, known), found.source)
    if name != EMBEDDED_MODEL and "/" not in name and not Path(name).expanduser().exists():
        raise ModelError(
            f"{name}: no such model.{did_you_mean(name, (*KNOWN, *SHORT))} Known by name or size: "
            f"{', '.join((*KNOWN, *SHORT))}. Also taken: '{EMBEDDED_MODEL}', a folder with "
            "config.json, a config.json, a .gguf file, a hub id."
        )
    return NamedShape(name, shape_of(model_config(name), name), "its own config")


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """Memory that a machine has for a model."""

    device: Device
    total_bytes: int | None
    what: str

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
    asked = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits", "--id=0"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = done.stdout.strip()
    return int(said) * 2**20 if done.returncode == 0 and said.isdigit() else None
