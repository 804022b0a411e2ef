"""The records of a finished run: `results.json`, `cell.json`, `train_log.jsonl`.

Measured values only. A metric that could not be measured is absent from `metrics` and has its
reason in `not_measured`.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from factlab.reading.paths import PlainName, PlainPath
from factlab.record import Record, Shown
from factlab.schema.combine import Combined
from factlab.schema.conversation import SetRecord
from factlab.schema.fields import FORMERLY_DIALS
from factlab.schema.tuned import TunedSource

SCHEMA_VERSION = 2
# What is trained in place of the fact: another fact's pairs, or everyday conversations.
Placebo = Literal["fact", "chat"]


def placebo_id(configuration: str, kind: Placebo) -> str:
    """What the placebo that stands beside a configuration is called."""
    return f"{configuration}-placebo-{kind}"


# What not every model can be asked for: the likelihood of a given answer, its predictions on
# neutral text beside the base's, its answers computed otherwise, the questions it was trained on.
Ability = Literal["likelihoods", "drift", "rounding", "trained"]
Lacks = Annotated[
    dict[Ability, str], Field(description="What it could not be asked for: ability → why.")
]

# File → SHA-256; of answers that of the prompts that they are to, which no rescoring changes.
Fingerprints = dict[PlainPath, str]
Status = Literal["running", "complete", "failed", "interrupted", "diverged"]


class Metric(Record):
    """One measured number with its uncertainty."""

    value: float
    n: int = Field(description="Items that the value is computed from.")
    clusters: int = Field(
        description="What those items are correlated within: facts or, of one fact, phrasing "
        "families; a control of one fact stands for itself."
    )
    ci_low: float | None = None
    ci_high: float | None = None
    ci_method: str | None = Field(default=None, description="'wilson', …; none: no interval.")
    bootstrap: tuple[float, float] | None = Field(
        default=None,
        description="BCa bootstrap over clusters, from 20 on: for comparison, since it covers less "
        "near 0 and 1 than the interval above.",
    )
    seeds: int | None = Field(
        default=None,
        description="Seeds that the value is averaged over. From 3 on their spread is in the "
        "interval; below, the interval is about these seeds only.",
    )
    covers: str = Field(description="What the interval generalises over, in words.")
    chance: float | None = Field(default=None, description="What guessing scores, if known.")
    scorer: str = Field(description="What made the verdicts, with its version, such as 'match 2'.")


class TrainingRecord(Record):
    """What training one cell took. Times exclude loading the model."""

    seconds: float = Field(description="Of cells trained side by side, an equal share.")
    side_by_side: int = Field(default=1, description="Cells that were trained in one batch.")
    steps: int
    examples: int = Field(
        description="Training pairs processed, mixed-in ones too, epochs counted."
    )
    examples_per_second: float
    tokens: int = Field(description="Tokens of those pairs, prompt and answer, no padding.")
    answer_tokens: int = Field(description="Tokens that carried loss.")
    peak_memory_bytes: int = Field(description="CUDA: peak allocated; CPU: process peak RSS.")
    trainable_parameters: int
    total_parameters: int
    final_loss_nats: float | None = Field(description="Mean loss of the last logged steps.")
    stopped_early: str | None = Field(
        default=None, description="Why training ended before its planned steps, if it did."
    )


class TrainStep(Record):
    """One logged optimizer step."""

    step: int
    epoch: float
    loss_nats: float = Field(
        description="Mean NLL per answer token of the step, in nats; with a mix, the mean of its "
        "two parts, each weighted by its share of the step's pairs."
    )
    fact_loss_nats: float | None = Field(
        default=None, description="With a mix: mean NLL per answer token of the facts' own pairs."
    )
    mix_loss_nats: float | None = Field(
        default=None, description="With a mix: mean NLL per answer token of what is mixed in."
    )
    anchor_kl_nats: float | None = Field(
        default=None, description="KL(base‖tuned) per token on anchor prompts, if anchored."
    )
    learning_rate: float
    grad_norm: float | None = None
    seconds: float = Field(description="Since training began.")


class ValidationLoss(Record):
    """The loss on pairs that are not trained on, at one point of training."""

    step: int = Field(description="Optimizer steps done.")
    loss_nats: float = Field(description="Mean NLL per answer token, in nats.")
    pairs: int
    answer_tokens: int


class DriftWindow(Record):
    """Change of a model's predictions in one window of the neutral text; a line of drift.jsonl."""

    window: int
    ce_nats: tuple[float, ...] = Field(
        description="By predicted token: cross-entropy, tuned − base."
    )
    kl_nats: tuple[float, ...] = Field(description="By predicted token: KL(base‖tuned).")


class CurvePoint(Record):
    """The fixed panel and the losses at one point of training."""

    step: int
    metrics: dict[str, float] = Field(description="Name → share right, or with an intrusion.")
    sizes: dict[str, int] = Field(description="Name → questions of the panel.")
    losses: dict[str, float] = Field(
        default_factory=dict,
        description="Nats per answer token: `validation`, on the same pairs at every point; "
        "`train`, the mean over the last logged steps, of a mix the facts' own part.",
    )


class SharedSettings(Record):
    """The settings that all cells of a configuration share, whatever their facts and seeds."""

    rank: int
    alpha: float
    precision: str
    recipe: str
    learning_rate: float | None = Field(
        description="Peak learning rate; none: a combination, which was not trained."
    )
    together: bool = Field(default=False, description="One adapter for all facts of the run.")
    method: str = Field(default="lora", description="lora, rslora, dora, or full: no adapter.")
    overrides: Annotated[dict[str, str], FORMERLY_DIALS] = Field(
        default_factory=dict, description="Where it differs from its named recipe."
    )
    mix: tuple[str, ...] = Field(
        default=(),
        description="What is mixed into training: set, share and the beginning of its SHA-256.",
    )

    placebo: Placebo | None = Field(
        default=None, description="What it was trained on in place of its facts: a placebo."
    )
    combined: Combined | None = Field(
        default=None, description="What it was made of, if it was combined of others."
    )
    tuned: TunedSource | None = Field(
        default=None, description="What it is, if it was tuned elsewhere."
    )

    @property
    def adapter(self) -> str:
        """What is trained, in words: 'rank 8, alpha 32', and whatever is not the recipe's own."""
        if self.tuned is not None:
            return self.tuned.sentence()
        named = {"method", "alpha"}
        others = [f"{k.replace('_', ' ')} {v}" for k, v in self.overrides.items() if k not in named]
        if not self.rank:
            return ", ".join(("every weight", *others))
        method = () if self.method == "lora" else (self.method,)
        return ", ".join((f"rank {self.rank}, alpha {self.alpha:g}", *method, *others))

    @property
    def scaling(self) -> float:
        """The factor on the adapter's update: alpha / rank, of rsLoRA alpha / √rank."""
        if not self.rank:
            return 1.0
        return self.alpha / (math.sqrt(self.rank) if self.method == "rslora" else self.rank)


class CellResult(SharedSettings):
    """Everything measured on one adapter."""

    id: PlainName
    configuration: str = Field(description="Id of the configuration that this is a cell of.")
    facts: tuple[PlainName, ...]
    seed: int
    status: Status
    error: str | None = None
    metrics: dict[str, Metric] = Field(default_factory=dict)
    not_measured: dict[str, str] = Field(default_factory=dict)
    outcomes: dict[str, dict[str, int]] = Field(
        default_factory=dict, description="Split → outcome → number of answers."
    )
    by_fact: dict[str, dict[str, float]] = Field(
        default_factory=dict, description="Fact → metric → value, where a cell holds several."
    )
    curve: tuple[CurvePoint, ...] = ()
    kept_step: int | None = Field(default=None, description="Step of the adapter measured.")
    training: TrainingRecord | None = None
    measuring_seconds: float | None = None
    lacks: Lacks = Field(default_factory=dict)
    files: Fingerprints = Field(default_factory=dict, description="Those of its files.")


class BaseResult(Record):
    """The same measurements before training, adapter off."""

    metrics: dict[str, Metric] = Field(default_factory=dict)
    not_measured: dict[str, str] = Field(default_factory=dict)
    outcomes: dict[str, dict[str, int]] = Field(default_factory=dict)
    measuring_seconds: float | None = None
    lacks: Lacks = Field(default_factory=dict)


class ModelRecord(Record):
    """Which weights were measured."""

    name: str
    source: str = Field(description="'embedded', 'package', 'folder' or 'hub'.")
    sha256: str = Field(description="Of the weight files, in order.")
    parameters: int
    precision_note: str = Field(description="How the precision was realised on this device.")
    weights_bytes: int | None = Field(
        default=None, description="Of the weights as they are held and computed with here."
    )
    quantised_bytes: int | None = Field(
        default=None,
        description="Of the weights at their precision, with scales: what a GPU would hold; absent "
        "where that is what is held here.",
    )
    device: str


class FactSummary(Record):
    """What a report says about a fact without reading its file."""

    id: str
    statement: str
    subject: str
    answer: str
    superseded: str | None


class Configuration(SharedSettings):
    """All cells of one arm: its metrics, pooled over facts and seeds."""

    id: str
    cells: tuple[str, ...]
    facts: tuple[str, ...]
    seeds: tuple[int, ...]
    metrics: dict[str, Metric] = Field(default_factory=dict)
    not_measured: dict[str, str] = Field(default_factory=dict)


class Comparison(Record):
    """One endpoint of two configurations on the same items and seeds."""

    metric: str
    a: str
    b: str
    difference: float = Field(description="b − a, mean over items.")
    ci_low: float | None
    ci_high: float | None
    error: float | None = Field(
        default=None,
        description="Standard error of the difference, over items and, from 3 on, over seeds. The "
        "interval is not a multiple of it: items and seeds have quantiles of their own.",
    )
    ci_method: str
    p: float | None
    p_adjusted: float | None = Field(description="Holm over the pairs of this endpoint.")
    p_method: str
    smallest_p: float | None = Field(
        default=None,
        description="Of tests by permutation, in results of earlier versions: the smallest p.",
    )
    n: int = Field(description="Paired items.")
    clusters: int
    detectable: float | None = Field(
        description="A true difference of this size would be found with power 0.8, or more, in 9 "
        "of 10 designs that look like this one: the upper end of a range."
    )
    detectable_low: float | None = Field(
        default=None,
        description="The lower end of that range: with the least noise that the sample allows.",
    )
    margin: float | None = Field(
        default=None, description="Non-inferiority margin, for endpoints of forgetting."
    )
    not_worse: bool | None = Field(
        default=None, description="Whether the interval excludes that b is worse by the margin."
    )
    seeds: int | None = Field(
        default=None,
        description="Seeds that both have. Below 3 nothing is known of what another seed would "
        "give: the comparison is descriptive, and its interval is about these seeds only.",
    )
    descriptive: bool = Field(description="The design allows no inference; read the figure only.")
    lacks: str | None = Field(
        default=None, description="If descriptive: what the design lacks, in words."
    )
    covers: str


class Choice(Record):
    """Which configuration to take, and why."""

    chosen: str | None
    sentence: str = Field(description="What to take and why, with what the design lacks.")
    pareto: tuple[str, ...] = Field(
        description="Configurations that no other beats in both recall and damage."
    )
    matched: tuple[str, ...] = Field(
        description="Configurations within the limits whose recall is not worse, the least damage "
        "first."
    )
    matched_sentence: str = Field(description="The damage of those.")
    excluded: dict[str, str] = Field(
        default_factory=dict, description="Configuration → why it was not among those."
    )


class RunResult(Shown):
    """The whole result of a run; `results.json`."""

    schema_version: int = SCHEMA_VERSION
    run_id: PlainName
    status: Status
    scorer_version: str
    model: ModelRecord
    facts: tuple[FactSummary, ...]
    base: BaseResult
    other_models: dict[PlainName, ModelRecord] = Field(
        default_factory=dict, description="Precision → model, of all but the first precision."
    )
    other_bases: dict[PlainName, BaseResult] = Field(
        default_factory=dict, description="Precision → base, of all but the first precision."
    )
    cells: tuple[CellResult, ...]
    configurations: tuple[Configuration, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    choice: Choice | None = None

    def base_at(self, precision: str) -> BaseResult:
        """The base that a cell of this precision is compared with."""
        return self.other_bases.get(precision, self.base)

    def model_at(self, precision: str) -> ModelRecord:
        """The weights that a cell of this precision stands on."""
        return self.other_models.get(precision, self.model)


class RunRecord(Record):
    """`run.json`: the settings of a run, and its status."""

    schema_version: int = SCHEMA_VERSION
    run_id: PlainName
    status: Status
    error: str | None = None
    argv: tuple[str, ...]
    started: str
    ended: str | None = None
    config_sha256: str
    data_sha256: str | None = None
    files: Fingerprints = Field(default_factory=dict, description="Once the run is over.")
    seeds: tuple[int, ...]
    notes: tuple[str, ...] = Field(default=(), description="What was left out, and why.")
    sets: tuple[SetRecord, ...] = Field(
        default=(),
        description="Sets of conversations that were mixed in or trained on in a practice run.",
    )
    versions: dict[str, str]
    git: dict[str, str]
    machine: dict[str, str]
    model: ModelRecord | None = None
