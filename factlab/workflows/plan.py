"""`factlab plan`: the memory of training a model and of inference, predicted from its config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from factlab.memory.machine import MemoryBudget, memory_budget
from factlab.memory.named_shape import NamedShape, named_shape
from factlab.memory.predict import Device, Memory, Workload, adapter_parameters
from factlab.memory.rows import MemoryRow, inference_rows, training_rows
from factlab.memory.tutorials import ABOUT_7B, Claim, claims
from factlab.schema.config import Precision

GB = 10**9


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What a model takes, and whether it fits.

    Attributes:
        model: The model.
        workload: Batch, rank, targets and the like, which all rows share.
        budget: The memory to fit into.
        adapter_parameters: Parameters of an adapter.
        training: All weights, and an adapter at each precision.
        inference: Each precision.
        tutorials: What tutorials say of a 7B model, if it is one.
    """

    model: NamedShape
    workload: Workload
    budget: MemoryBudget
    adapter_parameters: int
    training: tuple[MemoryRow, ...]
    inference: tuple[MemoryRow, ...]
    tutorials: tuple[Claim, ...]


def plan_memory(
    model: str, workload: Workload, precisions: Sequence[Precision], budget: MemoryBudget
) -> MemoryPlan:
    """Predict the memory that a model takes; its weights are not needed.

    Args:
        model: By name, folder, `config.json`, `.gguf` file, hub id or size.
        workload: What is run; method and precision vary over the rows.
        precisions: Of the rows.
        budget: The memory to fit into.

    Raises:
        ModelError: for a model that is not known, or of a kind that is not counted.
        ConfigError: for targets that the model does not have.
    """
    named = named_shape(model)
    shape = named.shape
    return MemoryPlan(
        model=named,
        workload=workload,
        budget=budget,
        adapter_parameters=adapter_parameters(
            shape, workload.rank, shape.adapted(workload.targets)
        ),
        training=training_rows(shape, workload, precisions),
        inference=inference_rows(shape, workload, precisions),
        tutorials=claims(shape, workload) if shape.parameters in ABOUT_7B else (),
    )


def budget_for(device: Device | None, gigabytes: float | None) -> MemoryBudget:
    """The memory to fit into: as given, else this machine's, where it has that device.

    Args:
        device: None: what this machine has.
        gigabytes: None: what this machine has.
    """
    here = memory_budget()
    chosen = device or here.device
    if gigabytes is not None:
        return MemoryBudget(chosen, round(gigabytes * GB), "as given")
    if chosen == here.device:
        return here
    return MemoryBudget(chosen, None, "not known; name it with --memory")


def plan_document(plan: MemoryPlan) -> dict[str, Any]:
    """What `factlab plan --json` prints."""
    workload, budget = plan.workload, plan.budget
    return {
        "model": plan.model.name,
        "source": plan.model.source,
        "parameters": plan.model.shape.parameters,
        "adapter_parameters": plan.adapter_parameters,
        "setup": {
            "rank": workload.rank,
            "targets": workload.targets,
            "batch": workload.batch.texts,
            "seq": workload.batch.length,
            "optimizer": workload.optimizer,
            "gradient_checkpointing": workload.checkpointing,
            "device": workload.device,
            "bf16_products": workload.bf16_products,
        },
        "room": {"bytes": budget.total_bytes, "what": budget.source},
        "training": [_row(plan, row) for row in plan.training],
        "asking": [_row(plan, row) for row in plan.inference],
        "tutorials": [_claim(claim) for claim in plan.tutorials],
    }


def _row(plan: MemoryPlan, row: MemoryRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "method": row.workload.method,
        "precision": row.workload.precision,
        "attention": row.workload.backend_on(plan.model.shape),
        **_bytes(row.memory),
        "fits": plan.budget.holds(row.memory.peak),
    }


def _bytes(memory: Memory) -> dict[str, int]:
    parts = {f"{name}_bytes": count for name, count in asdict(memory).items()}
    return {**parts, "peak_bytes": memory.peak}


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "method": claim.method,
        "tutorials_gb": claim.published,
        "here": _bytes(claim.plain),
        "with_checkpointing": _bytes(claim.checkpointed),
        "why": claim.why,
    }
