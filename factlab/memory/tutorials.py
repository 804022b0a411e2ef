"""What tutorials say that training a 7B model takes, and what makes it so."""

from __future__ import annotations

from dataclasses import dataclass, replace

from factlab.memory.predict import Memory, Setup, predict
from factlab.memory.shapes import ModelShape

ABOUT_7B = range(6_500_000_000, 7_700_000_000)  # parameters


@dataclass(frozen=True, slots=True)
class Claim:
    """A row of the tutorials' table beside our own figures.

    Attributes:
        method: What is trained, and how the weights are held.
        said: The tutorials' gigabytes, in their words.
        plain: Ours, every activation kept.
        checkpointed: Ours with gradient checkpointing.
        why: What in our figures agrees, and what the tutorials leave out or assume.
    """

    method: str
    said: str
    plain: Memory
    checkpointed: Memory
    why: str


def claims(shape: ModelShape, setup: Setup) -> tuple[Claim, ...]:
    """The tutorials' table for a model of about seven billion parameters, on a GPU.

    Args:
        shape: The model.
        setup: Batch, rank, targets and optimizer; method, precision and device are the table's.
    """
    rows = (
        (
            "full, fp32",
            "28 + 28 + 56 = 112",
            replace(setup, method="full", precision="fp32", device="cuda", way=None),
            "weights, gradients and Adam's two states, 4 bytes each, of 7.0 billion values; no "
            "activations, which are gone by the time all gradients are there",
        ),
        (
            "LoRA, bf16",
            "16 to 20",
            replace(setup, method="lora", precision="bf16", device="cuda", way=None),
            "2 bytes a weight; what is above that is activations, and so the length of the batch",
        ),
        (
            "QLoRA, nf4",
            "6 to 12",
            replace(setup, method="lora", precision="nf4", device="cuda", way=None),
            "half a byte a weight of the blocks; embedding and head stay at 2 bytes; the rest is "
            "activations again",
        ),
    )
    return tuple(
        Claim(
            method,
            said,
            predict(shape, replace(row, checkpointing=False)),
            predict(shape, replace(row, checkpointing=True)),
            why,
        )
        for method, said, row, why in rows
    )
