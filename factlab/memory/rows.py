"""The ways to train and to ask a model, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from factlab.memory.predict import STORAGE, Memory, Setup, predict
from factlab.memory.shapes import ModelShape
from factlab.schema.config import Precision


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """A setup, what it is called, and what it takes."""

    name: str
    setup: Setup
    memory: Memory


def training_rows(
    shape: ModelShape, setup: Setup, precisions: Sequence[Precision]
) -> tuple[MemoryRow, ...]:
    """All weights trained, and an adapter on weights at each precision."""
    setups = [replace(setup, method="full", precision="fp32")]
    setups += [replace(setup, method="lora", precision=p) for p in precisions]
    return tuple(MemoryRow(_name(one), one, predict(shape, one)) for one in setups)


def asking_rows(
    shape: ModelShape, setup: Setup, precisions: Sequence[Precision]
) -> tuple[MemoryRow, ...]:
    """Inference alone at each precision."""
    setups = [replace(setup, method="inference", precision=p) for p in precisions]
    return tuple(MemoryRow(one.precision, one, predict(shape, one)) for one in setups)


def _name(setup: Setup) -> str:
    if setup.method == "full":
        return f"full, {setup.precision}"
    four_bits = STORAGE[setup.precision].weight < 1
    return f"{'QLoRA' if four_bits else 'LoRA'}, {setup.precision}"
