"""Workloads side by side: training at each precision, and inference at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from factlab.memory.predict import STORAGE, Memory, Workload, predict_memory
from factlab.memory.shapes import ModelShape
from factlab.schema.config import Precision


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """A workload, its name, and the memory it takes."""

    name: str
    workload: Workload
    memory: Memory


def training_rows(
    shape: ModelShape, workload: Workload, precisions: Sequence[Precision]
) -> tuple[MemoryRow, ...]:
    """All weights trained, and an adapter on weights at each precision."""
    workloads = [replace(workload, method="full", precision="fp32")]
    workloads += [replace(workload, method="lora", precision=p) for p in precisions]
    return tuple(MemoryRow(_name(one), one, predict_memory(shape, one)) for one in workloads)


def inference_rows(
    shape: ModelShape, workload: Workload, precisions: Sequence[Precision]
) -> tuple[MemoryRow, ...]:
    """Inference alone at each precision."""
    workloads = [replace(workload, method="inference", precision=p) for p in precisions]
    return tuple(MemoryRow(one.precision, one, predict_memory(shape, one)) for one in workloads)


def _name(workload: Workload) -> str:
    if workload.method == "full":
        return f"full, {workload.precision}"
    four_bits = STORAGE[workload.precision].weight < 1
    return f"{'QLoRA' if four_bits else 'LoRA'}, {workload.precision}"
