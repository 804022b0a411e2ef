"""What stands beside data files for other trainers: what they hold, and what they must not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal, get_args

from pydantic import Field

from factlab.grading.names import fold
from factlab.reading.bounds import Name, Text
from factlab.record import Record

DataFormat = Literal["chat", "prompt-completion", "alpaca", "sharegpt"]
DATA_FORMATS: tuple[DataFormat, ...] = get_args(DataFormat)
MANIFEST = "manifest.json"
MANIFEST_VERSION = 1


class DataFile(Record):
    """A data file."""

    sha256: str
    rows: int
    about: Text


class Guard(Record):
    """The leakage guard that the training pairs passed."""

    similarity: Text = Field(description="How two questions are compared.")
    limit: float = Field(description="From which on a held-out question counts as trained on.")
    nearest: float | None = Field(
        default=None, description="Of all held-out questions the most similar to a trained one."
    )


class Manifest(Record):
    """`manifest.json` beside data files that other programs train on."""

    kind: Literal["factlab training data"] = "factlab training data"
    schema_version: int = MANIFEST_VERSION
    factlab: Text = Field(description="Its version.")
    format: DataFormat
    facts: dict[str, Text] = Field(description="Id → what the fact says.")
    recipe: Name
    model: Text = Field(description="Whose own answers the anchors are.")
    precision: Text
    data_seed: int
    families: dict[str, tuple[str, ...]] = Field(
        description="Phrasing families that the training pairs, and the held-out questions, are of."
    )
    guard: Guard
    files: dict[str, DataFile]
    anchors_left_out: int = Field(
        default=0,
        description="Anchors whose answer the base did not end, or that hold an old value.",
    )
    unseen: dict[str, tuple[str, ...]] = Field(
        description="Split → SHA-256 of each question that must not be trained on, its text "
        "folded: NFKC, lower case, single spaces, without diacritics."
    )


def fingerprint(text: str) -> str:
    """The SHA-256 of a question, however it is capitalised and spaced."""
    return hashlib.sha256(fold(text).encode()).hexdigest()


def fingerprints(texts: Iterable[str]) -> tuple[str, ...]:
    """Of each text once, sorted, so that they tell nothing of the order."""
    return tuple(sorted({fingerprint(text) for text in texts}))
