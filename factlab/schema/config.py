"""How a run is configured. Every default lives here, each with a sentence on what it does."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from factlab.schema.record import Record

Precision = Literal["nf4", "int8", "bf16", "fp32"]
AnchorKind = Literal["general", "others", "subject"]
Keep = Literal["last", "best"]
EMBEDDED_MODEL = "smollm2-135m-instruct"


class Recipe(Record):
    """How one adapter is trained."""

    name: str = Field(description="Name that results carry.")
    about: str = Field(description="What it is for, in a sentence.")
    rank: PositiveInt = Field(default=8, description="LoRA rank, where --rank gives none.")
    alpha: PositiveFloat = Field(
        default=32,
        description="LoRA alpha, the same for every rank; the update is scaled by alpha/rank.",
    )
    dropout: NonNegativeFloat = Field(default=0.0, description="LoRA dropout.")
    targets: str = Field(
        default="all-linear", description="Layers that get an adapter, as in PEFT."
    )
    epochs: PositiveFloat = Field(default=2, description="Passes over the training pairs.")
    batch_size: PositiveInt = Field(default=16, description="Pairs per optimizer step.")
    learning_rate: PositiveFloat = Field(default=5e-4, description="Peak learning rate.")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        default="linear", description="Learning rate over the steps, after warm-up."
    )
    warmup_share: NonNegativeFloat = Field(
        default=0.1, description="Share of the steps in which the learning rate rises from zero."
    )
    weight_decay: NonNegativeFloat = Field(default=0.0, description="AdamW weight decay.")
    max_grad_norm: PositiveFloat = Field(default=1.0, description="Gradient clipping norm.")
    anchor_weight: NonNegativeFloat = Field(
        default=0.0,
        description="Weight of KL(base‖tuned) on anchor prompts, which the base answered itself.",
    )
    anchor_kinds: tuple[AnchorKind, ...] = Field(
        default=(),
        description="Which anchors: general prompts; the fact's question put to other subjects; "
        "other questions about the fact's own subject.",
    )
    anchors_per_step: NonNegativeInt = Field(
        default=0, description="Anchor prompts per optimizer step."
    )


class RunConfig(Record):
    """Everything that decides a run's numbers; `config.resolved.yaml`."""

    facts: tuple[str, ...] = Field(
        default=(), description="Fact files, folders or shipped names; a run needs at least one."
    )
    model: str = Field(
        default=EMBEDDED_MODEL, description="Embedded model name, local folder, or hub id."
    )
    precision: Precision = Field(
        default="nf4",
        description="How the frozen base is held: nf4 is QLoRA with double quantisation.",
    )
    recipe: str = Field(default="default", description="Named recipe; see `factlab list recipes`.")
    rank: tuple[PositiveInt, ...] = Field(
        default=(), description="LoRA ranks, one cell each; empty: the recipe's own."
    )
    lr: tuple[PositiveFloat, ...] = Field(
        default=(), description="Peak learning rates, one cell each; empty: the recipe's own."
    )
    together: bool = Field(
        default=False, description="Train all facts into one adapter instead of one each."
    )
    shuffle: bool = Field(
        default=False,
        description="A control run: train each fact's questions with another fact's answer.",
    )
    controls: tuple[str, ...] = Field(
        default=(),
        description="Extra control suites: JSON lines with question, answer and wrong answers.",
    )
    seed: tuple[NonNegativeInt, ...] = Field(
        default=(0,), description="Seeds of initialisation, order and dropout, one cell each."
    )
    data_seed: NonNegativeInt = Field(
        default=0, description="Seed of the expansion; the same for all cells."
    )
    train_pairs: PositiveInt = Field(default=320, description="Training pairs per fact.")
    validation_pairs: PositiveInt = Field(default=80, description="Validation pairs per fact.")
    train_sample: PositiveInt = Field(
        default=40, description="Training questions that recall/train is measured on."
    )
    max_steps: NonNegativeInt | None = Field(
        default=None, description="Stop after this many optimizer steps; 0 trains nothing."
    )
    checkpoints: NonNegativeInt = Field(
        default=2,
        description="Times during training, evenly spaced, at which a fixed panel is measured.",
    )
    keep: Keep = Field(
        default="last",
        description="Which adapter is measured: the last, or the best on the validation panel.",
    )
    pack: PositiveInt | None = Field(
        default=None,
        description="Adapters trained side by side in one batch; empty: what pays on this machine.",
    )
    max_new_tokens: PositiveInt = Field(
        default=64, description="Generation limit; an answer cut there is marked unfinished."
    )
    generation_batch: PositiveInt = Field(
        default=256, description="Most questions per batch; fixed, since bf16 depends on it."
    )


class Cell(Record):
    """One configuration to train and measure."""

    id: str = Field(description="Folder name under cells/, such as r08-s0.")
    configuration: str = Field(description="What it shares with other facts and seeds: r08.")
    facts: tuple[str, ...] = Field(description="Facts that the adapter is trained on.")
    rank: PositiveInt
    alpha: PositiveFloat
    seed: NonNegativeInt
    precision: Precision
    recipe: Recipe
