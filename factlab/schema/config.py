"""How a run is configured. Every default lives here, each with a sentence on what it does."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from factlab.record import Record
from factlab.schema.combine import Combination, Combined

Precision = Literal["fp32", "fp16", "bf16", "int8", "nf4", "nf4-single", "fp4"]
QUANTISED: tuple[Precision, ...] = ("int8", "nf4", "nf4-single", "fp4")
ComputeDtype = Literal["bf16", "fp16", "fp32"]
Method = Literal["lora", "rslora", "dora", "full"]
Init = Literal["default", "gaussian", "orthogonal", "pissa", "olora", "loftq"]
OF_WEIGHTS: tuple[Init, ...] = ("pissa", "olora", "loftq")  # read off the base's own weights
Bias = Literal["none", "lora_only", "all"]
Optimizer = Literal[
    "adamw", "adamw-8bit", "paged-adamw", "paged-adamw-8bit", "paged-adamw-32bit", "sgd"
]
Attention = Literal["auto", "eager", "sdpa", "flash"]
AnchorKind = Literal["general", "others", "subject"]
Keep = Literal["last", "best"]
EMBEDDED_MODEL = "smollm2-135m-instruct"


def computed_in(precision: Precision, compute: ComputeDtype) -> Precision:
    """What weights are computed with: their own type, or what quantised ones are unpacked to."""
    return compute if precision in QUANTISED else precision


def _one_or_more(given: Any) -> Any:
    """A single value stands for a list of one."""
    return (given,) if isinstance(given, str | int | float) else given


def _as_alpha(given: Any) -> float | str:
    """A number, or a multiple of the rank such as 2r."""
    text = str(given)
    multiple = text.removesuffix("r")
    try:
        number = 1.0 if text == "r" else float(multiple)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise ValueError(
            f"a number above 0, or a multiple of the rank such as 2r, is wanted, not '{text}'"
        )
    return number if multiple == text else text


def _trackers(given: Any) -> Any:
    """Each tracker once; `none` is what the library calls no tracker."""
    named = _one_or_more(given)
    if not isinstance(named, list | tuple):
        return named
    return [
        name for place, name in enumerate(named) if name != "none" and name not in named[:place]
    ]


Value = TypeVar("Value")
OneOrMore = Annotated[tuple[Value, ...], BeforeValidator(_one_or_more)]
Share = Annotated[float, Field(ge=0, lt=1)]
Alpha = Annotated[float | str, BeforeValidator(_as_alpha)]


class Recipe(Record):
    """How one adapter is trained."""

    name: str = Field(description="Name that results carry.")
    about: str = Field(description="What it is for, in a sentence.")
    rank: PositiveInt = Field(default=8, description="LoRA rank, where --rank gives none.")
    source: str = Field(default="", description="Where its values are from, if from elsewhere.")
    precision: Precision | None = Field(
        default=None, description="How its base is held, where --precision says nothing."
    )
    method: Method = Field(
        default="lora",
        description="lora; rslora (scaled by alpha/√rank); dora (with learned magnitudes); full "
        "(every weight, no adapter).",
    )
    alpha: Alpha = Field(
        default=32.0,
        description="LoRA alpha: a number, the same for every rank, or a multiple of the rank "
        "such as 2r. The update is scaled by alpha/rank.",
    )
    dropout: Share = Field(default=0.0, description="LoRA dropout.")
    bias: Bias = Field(default="none", description="Which biases are trained, as in PEFT.")
    init: Init = Field(
        default="default", description="How A and B begin, as in PEFT; B is zero by default."
    )
    targets: str = Field(
        default="all-linear",
        description="Layers that get an adapter: all-linear, attention, qv, mlp, or names joined "
        "by +, such as q_proj+v_proj.",
    )
    last_layers: PositiveInt | None = Field(
        default=None, description="Adapters on the last so many blocks only; empty: on all."
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
    optimizer: Optimizer = Field(
        default="adamw", description="8-bit and paged optimizers are bitsandbytes', on CUDA only."
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
    distill_weight: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0,
        description="Share of the loss on answers that is KL to a teacher's predictions; the rest "
        "is the usual loss on the answer's tokens.",
    )
    temperature: PositiveFloat = Field(
        default=1.0,
        description="Softens teacher and student alike; the KL is scaled by its square.",
    )


# Settings of a run that take the place of the recipe's: name in both, and how an id says it.
OVERRIDES: dict[str, str] = {
    "method": "{}",
    "alpha": "a{}",
    "dropout": "drop{}",
    "bias": "bias-{}",
    "init": "{}",
    "targets": "{}",
    "last_layers": "last{}",
    "optimizer": "{}",
    "distill_weight": "soft{}",
    "temperature": "T{}",
}
# Those that a full fine-tuning has not.
LORA_OVERRIDES = ("alpha", "dropout", "bias", "init", "targets", "last_layers")


class RunConfig(Record):
    """Everything that decides a run's numbers; `config.resolved.yaml`."""

    facts: tuple[str, ...] = Field(
        default=(), description="Fact files, folders or shipped names; a run needs at least one."
    )
    model: str = Field(
        default=EMBEDDED_MODEL, description="Embedded model name, local folder, or hub id."
    )
    precision: OneOrMore[Precision] = Field(
        default=(),
        description="How the frozen base is held, one cell each: nf4 is QLoRA with double "
        "quantisation, nf4-single without; empty: the recipe's, or nf4.",
    )
    compute_dtype: ComputeDtype = Field(
        default="bf16", description="What quantised weights are unpacked to and computed in."
    )
    attention: Attention = Field(
        default="auto", description="Implementation of attention; auto: what is fastest here."
    )
    device_map: Literal["one", "cpu", "auto"] = Field(
        default="one",
        description="one: the GPU if there is one; cpu; auto: spread over all devices.",
    )
    gradient_checkpointing: bool = Field(
        default=False, description="Compute activations again in the backward pass: less memory."
    )
    recipe: str = Field(default="default", description="Named recipe; see `factlab list recipes`.")
    rank: tuple[PositiveInt, ...] = Field(
        default=(), description="LoRA ranks, one cell each; empty: the recipe's own."
    )
    lr: tuple[PositiveFloat, ...] = Field(
        default=(), description="Peak learning rates, one cell each; empty: the recipe's own."
    )
    method: OneOrMore[Method] = Field(default=(), description="As in a recipe; one cell each.")
    alpha: OneOrMore[Alpha] = Field(default=(), description="As in a recipe; one cell each.")
    dropout: OneOrMore[Share] = Field(default=(), description="As in a recipe; one cell each.")
    bias: OneOrMore[Bias] = Field(default=(), description="As in a recipe; one cell each.")
    init: OneOrMore[Init] = Field(default=(), description="As in a recipe; one cell each.")
    targets: OneOrMore[str] = Field(default=(), description="As in a recipe; one cell each.")
    last_layers: OneOrMore[PositiveInt] = Field(
        default=(), description="As in a recipe; one cell each."
    )
    optimizer: OneOrMore[Optimizer] = Field(
        default=(), description="As in a recipe; one cell each."
    )
    distill_weight: OneOrMore[Annotated[float, Field(ge=0, le=1)]] = Field(
        default=(), description="As in a recipe; one cell each."
    )
    temperature: OneOrMore[PositiveFloat] = Field(
        default=(), description="As in a recipe; one cell each."
    )
    teacher: str | None = Field(
        default=None,
        description="Model whose predictions are distilled, with the same vocabulary; empty: the "
        "base itself. It has the fact and two answered questions of it in its prompt.",
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
    mix: tuple[str, ...] = Field(
        default=(),
        description="Conversations mixed into training, each as FILE:SHARE: 0.3 makes 30 % of an "
        "adapter's training pairs come from FILE (docs/data.md).",
    )
    practice: str | None = Field(
        default=None,
        description="A set of conversations to practise on instead of facts (docs/data.md).",
    )
    practice_examples: PositiveInt = Field(
        default=200, description="Most conversations of a practice set; 10 % are held out."
    )
    max_example_tokens: PositiveInt = Field(
        default=1024,
        description="Longest conversation of a mix or practice set in tokens, answer included; "
        "longer ones are left out.",
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
    early_stop: PositiveInt | None = Field(
        default=None,
        description="Stop training when the validation loss has not become better for this many "
        "checkpoints; empty: never. The learning rate follows the planned steps all the same.",
    )
    report_to: Annotated[tuple[str, ...], BeforeValidator(_trackers)] = Field(
        default=(),
        description="Trackers that transformers knows, such as tensorboard; empty: none. They "
        "decide no number, so a run may be resumed with others.",
    )
    pack: PositiveInt | None = Field(
        default=None,
        description="Adapters trained side by side in one batch; empty: what pays on this machine.",
    )
    max_new_tokens: PositiveInt = Field(
        default=64, description="Generation limit; an answer cut there is marked unfinished."
    )
    generation_batch: PositiveInt = Field(
        default=256,
        description="Most questions that an adapter is asked at once. In bf16 an answer may depend "
        "on it on a GPU, and where the library's own forward pass computes the model.",
    )
    combine: Combination | None = Field(
        default=None,
        description="Adapters of other runs to combine instead of training; `factlab combine`.",
    )


class Cell(Record):
    """One configuration to train and measure."""

    id: str = Field(description="Folder name under cells/, such as r08-s0.")
    configuration: str = Field(description="What it shares with other facts and seeds: r08.")
    facts: tuple[str, ...] = Field(description="Facts that the adapter is trained on.")
    rank: NonNegativeInt = Field(description="0: every weight is trained, without an adapter.")
    alpha: PositiveFloat
    seed: NonNegativeInt
    precision: Precision
    recipe: Recipe = Field(description="With the cell's own values in place.")
    dials: dict[str, str] = Field(
        default_factory=dict, description="Where the cell differs from the named recipe."
    )
    mix: tuple[str, ...] = Field(
        default=(), description="What is mixed into training: set, share, hash."
    )
    combined: Combined | None = Field(
        default=None, description="What it is made of, if it is not trained."
    )


def precisions(config: RunConfig, recipe: Recipe) -> tuple[Precision, ...]:
    """How the base is held, in the order of the cells."""
    return tuple(dict.fromkeys(config.precision)) or (recipe.precision or "nf4",)
