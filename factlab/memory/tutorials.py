"""What tutorials say that training a 7B model takes, beside our figures, and why they differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

from factlab.memory.predict import Memory, Workload, predict_memory
from factlab.memory.shapes import ModelShape

ABOUT_7B = range(6_500_000_000, 7_700_000_000)  # parameters


@dataclass(frozen=True, slots=True)
class Claim:
    """A row of the tutorials' table beside our own figures.

    Attributes:
        method: What is trained, and how the weights are held.
        published: The tutorials' gigabytes, in their words.
        plain: Ours, with every activation saved.
        checkpointed: Ours with gradient checkpointing.
        why: What in our figures agrees, and what the tutorials leave out or assume.
    """

    method: str
    published: str
    plain: Memory
    checkpointed: Memory
    why: str


def claims(shape: ModelShape, workload: Workload) -> tuple[Claim, ...]:
    """The tutorials' table for a model of about seven billion parameters, on a GPU.

    Args:
        shape: The model.
        workload: Batch, rank, targets and optimizer; method, precision and device are the table's.
    """
    rows = (
        (
            "full, fp32",
            "28 + 28 + 56 = 112",
            replace(workload, method="full", precision="fp32", device="cuda", backend=None),
            "weights, gradients and Adam's two states, 4 bytes each, of 7.0 billion values; no "
            "activations, which are freed by the time all gradients are there",
        ),
        (
            "LoRA, bf16",
            "16 to 20",
            replace(workload, method="lora", precision="bf16", device="cuda", backend=None),
            "2 bytes a weight; what is above that is activations, and so the length of the batch",
        ),
        (
            "QLoRA, nf4",
            "6 to 12",
            replace(workload, method="lora", precision="nf4", device="cuda", backend=None),
            "half a byte a weight of the blocks; embedding and head stay at 2 bytes; the rest is "
            "activations again",
        ),
    )
    return tuple(
        Claim(
            method,
            published,
            predict_memory(shape, replace(row, checkpointing=False)),
            predict_memory(shape, replace(row, checkpointing=True)),
            why,
        )
        for method, published, row, why in rows
    )
