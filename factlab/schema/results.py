"""The records of a finished run: `results.json`, `cell.json`, `train_log.jsonl`.

Measured values only. A metric that could not be measured is absent from `metrics` and has its
reason in `not_measured`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from factlab.schema.record import Record

SCHEMA_VERSION = 1
Status = Literal["running", "complete", "failed", "interrupted", "diverged"]


class Metric(Record):
    """One measured number with its uncertainty."""

    value: float
    n: int = Field(description="Items that the value is computed from.")
    clusters: int = Field(description="Facts that those items belong to (0: items of no fact).")
    ci_low: float | None = None
    ci_high: float | None = None
    ci_method: str | None = Field(default=None, description="'wilson', …; none: no interval.")
    covers: str = Field(description="What the interval generalises over, in words.")


class TrainingRecord(Record):
    """What training one cell took. Times exclude loading the model."""

    seconds: float
    steps: int
    examples: int = Field(description="Training pairs processed, epochs counted.")
    examples_per_second: float
    tokens: int = Field(description="Tokens of those pairs, prompt and answer, no padding.")
    answer_tokens: int = Field(description="Tokens that carried loss.")
    peak_memory_bytes: int = Field(description="CUDA: peak allocated; CPU: process peak RSS.")
    trainable_parameters: int
    total_parameters: int
    final_loss_nats: float | None = Field(description="Mean loss of the last logged steps.")


class TrainStep(Record):
    """One logged optimizer step."""

    step: int
    epoch: float
    loss_nats: float = Field(description="Mean NLL per answer token of the step, in nats.")
    anchor_kl_nats: float | None = Field(
        default=None, description="KL(base‖tuned) per token on anchor prompts, if anchored."
    )
    learning_rate: float
    grad_norm: float | None = None
    seconds: float = Field(description="Since training began.")


class CellResult(Record):
    """Everything measured on one adapter."""

    id: str
    fact: str
    rank: int
    alpha: float
    seed: int
    precision: str
    recipe: str
    learning_rate: float
    status: Status
    error: str | None = None
    metrics: dict[str, Metric] = Field(default_factory=dict)
    not_measured: dict[str, str] = Field(default_factory=dict)
    outcomes: dict[str, dict[str, int]] = Field(
        default_factory=dict, description="Split → outcome → number of answers."
    )
    training: TrainingRecord | None = None
    measuring_seconds: float | None = None


class BaseResult(Record):
    """The same measurements before training, adapter off."""

    metrics: dict[str, Metric] = Field(default_factory=dict)
    not_measured: dict[str, str] = Field(default_factory=dict)
    outcomes: dict[str, dict[str, int]] = Field(default_factory=dict)
    measuring_seconds: float | None = None


class ModelRecord(Record):
    """Which weights were measured."""

    name: str
    source: str = Field(description="'embedded', 'folder' or 'hub'.")
    sha256: str = Field(description="Of the weight files, in order.")
    parameters: int
    precision_note: str = Field(description="How the precision was realised on this device.")
    device: str


class FactSummary(Record):
    """What a report says about a fact without reading its file."""

    id: str
    statement: str
    subject: str
    answer: str
    superseded: str | None


class RunResult(Record):
    """The whole result of a run; `results.json`."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    status: Status
    scorer_version: str
    model: ModelRecord
    facts: tuple[FactSummary, ...]
    base: BaseResult
    cells: tuple[CellResult, ...]
    comparisons: tuple[dict[str, str], ...] = ()


class RunRecord(Record):
    """`run.json`: how the run was asked for, and how far it has come."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    status: Status
    error: str | None = None
    argv: tuple[str, ...]
    started: str
    ended: str | None = None
    config_sha256: str
    data_sha256: str | None = None
    seeds: tuple[int, ...]
    versions: dict[str, str]
    git: dict[str, str]
    machine: dict[str, str]
    model: ModelRecord | None = None
