"""How an adapter is trained: the fields of a recipe, each an option of `factlab run`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AliasChoices, BeforeValidator, Field

from factlab.errors import quoted
from factlab.reading.bounds import Amount, AmountOrZero, Count, CountOrZero, Name, Rate, Text
from factlab.record import Settings
from factlab.schema.options import Flag, chosen_by, settings_of

Precision = Literal["fp32", "fp16", "bf16", "int8", "nf4", "nf4-single", "fp4"]
QUANTISED: tuple[Precision, ...] = ("int8", "nf4", "nf4-single", "fp4")
Method = Literal["lora", "rslora", "dora", "full"]
Init = Literal["default", "gaussian", "orthogonal", "pissa", "olora", "loftq"]
OF_WEIGHTS: tuple[Init, ...] = ("pissa", "olora", "loftq")  # read off the base's own weights
Bias = Literal["none", "lora_only", "all"]
Optimizer = Literal[
    "adamw", "adamw-8bit", "paged-adamw", "paged-adamw-8bit", "paged-adamw-32bit", "sgd"
]
Schedule = Literal["linear", "cosine", "constant"]
AnchorKind = Literal["general", "others", "subject", "siblings"]
Divergence = Literal["forward", "reverse", "both"]
AnchorSchedule = Literal["constant", "rising", "falling"]
MOST_ALPHA = 1_000_000


def _as_alpha(given: Any) -> float | str:
    """A number, or a multiple of the rank such as 2r."""
    text = str(given) if isinstance(given, str | int | float) else ""
    multiple = text.removesuffix("r")
    try:
        number = 1.0 if text == "r" else float(multiple)
    except ValueError:
        number = 0.0
    if not 0 < number <= MOST_ALPHA:
        raise ValueError(
            f"a number from above 0 to {MOST_ALPHA:,}, or a multiple of the rank such as 2r, is "
            f"wanted, not {quoted(given)}"
        )
    return number if multiple == text else text


def _joined(given: Any) -> Any:
    """`general+others`, as the command line and files write several kinds as one value."""
    parts = [part.strip() for part in given.split("+")] if isinstance(given, str) else given
    return tuple(dict.fromkeys(parts)) if isinstance(parts, list | tuple) else parts


Share = Annotated[float, Field(ge=0, lt=1)]
Alpha = Annotated[float | str, BeforeValidator(_as_alpha)]
AnchorKinds = Annotated[tuple[AnchorKind, ...], Field(max_length=10), BeforeValidator(_joined)]


class AnchorChoice(NamedTuple):
    """Which anchor prompts a recipe takes of each fact: of these kinds, at most so many."""

    kinds: tuple[AnchorKind, ...]
    prompts: int | None


class Recipe(Settings):
    """How one adapter is trained. Each field but the first three is an option of `factlab run`."""

    name: Name = Field(description="Name that results carry.")
    about: Text = Field(default="", description="What it is for, in a sentence.")
    source: Text = Field(default="", description="Where its values are from, if from elsewhere.")
    rank: Annotated[Count, Flag(example="4,8,16", adapter_only=True)] = Field(
        default=8, description="LoRA rank, the width of the update."
    )
    precision: Annotated[Precision | None, Flag(untrained=True, example="nf4,bf16")] = Field(
        default=None,
        description="How the frozen base is held: nf4 is QLoRA with double quantisation, "
        "nf4-single without. Without any: nf4.",
    )
    method: Annotated[Method, Flag(word="{}")] = Field(
        default="lora",
        description="What is trained: an adapter, as lora, rslora (scaled by alpha/√rank) or dora "
        "(with learned magnitudes); or, with full, every weight.",
    )
    alpha: Annotated[Alpha, Flag(word="a{}", example="16,2r", metavar="X", adapter_only=True)] = (
        Field(
            default=32.0,
            description="LoRA alpha: a number, the same for every rank, or a multiple of the rank "
            "such as 2r. The update is scaled by alpha/rank.",
        )
    )
    dropout: Annotated[Share, Flag(word="drop{}", example="0,0.1", adapter_only=True)] = Field(
        default=0.0, description="LoRA dropout."
    )
    bias: Annotated[Bias, Flag(word="bias-{}", adapter_only=True)] = Field(
        default="none", description="Which biases are trained, as in PEFT."
    )
    init: Annotated[Init, Flag(word="{}", adapter_only=True)] = Field(
        default="default", description="How A and B begin, as in PEFT; B is zero by default."
    )
    targets: Annotated[Name, Flag(word="{}", example="all-linear,qv", adapter_only=True)] = Field(
        default="all-linear",
        description="Layers that get an adapter: all-linear, attention, qv, mlp, or names joined "
        "by +, such as q_proj+v_proj.",
    )
    last_layers: Annotated[Count | None, Flag(word="last{}", example="4,8", adapter_only=True)] = (
        Field(default=None, description="Adapters on the last N blocks only; without it on all.")
    )
    epochs: Annotated[Amount, Flag(word="ep{}", example="2,3")] = Field(
        default=2.0, description="Passes over the training pairs."
    )
    batch_size: Annotated[Count, Flag(word="b{}", example="8,16")] = Field(
        default=16, description="Training pairs per optimizer step."
    )
    learning_rate: Annotated[Rate, Flag(flags=("--lr", "--learning-rate"), example="5e-4,1e-3")] = (
        Field(
            default=5e-4,
            validation_alias=AliasChoices("learning_rate", "lr"),
            description="Peak learning rate.",
        )
    )
    schedule: Annotated[Schedule, Flag(word="{}")] = Field(
        default="linear", description="Learning rate over the steps, after the warm-up."
    )
    warmup_share: Annotated[Share, Flag(word="warm{}", example="0,0.1")] = Field(
        default=0.1, description="Share of the steps in which the learning rate rises from zero."
    )
    optimizer: Annotated[Optimizer, Flag(word="{}")] = Field(
        default="adamw",
        description="Optimizer; the 8-bit and paged optimizers are bitsandbytes', on CUDA only.",
    )
    weight_decay: Annotated[AmountOrZero, Flag(word="wd{}", example="0,0.01")] = Field(
        default=0.0, description="Weight decay of the optimizer."
    )
    max_grad_norm: Annotated[Amount, Flag(word="clip{}", example="0.3,1")] = Field(
        default=1.0, description="Gradient clipping norm, of each adapter alone."
    )
    anchor_weight: Annotated[AmountOrZero, Flag(word="kl{}", example="0,0.5,1")] = Field(
        default=0.0,
        description="Weight of KL(base‖tuned) on anchor prompts, which the base answered itself; "
        "0: without anchors.",
    )
    anchor_divergence: Annotated[Divergence, Flag(word="{}")] = Field(
        default="forward",
        description="Which KL an anchor is held by: forward, KL(base‖tuned), which covers all that "
        "the base may say; reverse, KL(tuned‖base), which forbids what it would not; both, their "
        "mean.",
    )
    anchor_schedule: Annotated[AnchorSchedule, Flag(word="{}")] = Field(
        default="constant",
        description="The anchors' weight over the steps: rising from 0 to twice as much, falling "
        "to 0 from there, or constant.",
    )
    anchor_kinds: Annotated[
        AnchorKinds, Flag(word="{}", metavar="NAME", example="general,general+others")
    ] = Field(
        default=(),
        description="Kinds of anchor prompts, joined by +: general (on anything), others (the "
        "fact's question about other subjects), subject (other questions about its subject), "
        "siblings (other questions about other subjects of its kind).",
    )
    anchor_prompts: Annotated[Count | None, Flag(word="of{}", example="120,480")] = Field(
        default=None,
        description="Anchor prompts per fact, of each kind equally many where there are enough; "
        "without it all.",
    )
    anchor_tokens: Annotated[Count, Flag(word="first{}", example="8,24")] = Field(
        default=24,
        description="Tokens of the base's answer that an anchor holds: its first words decide "
        "where an answer goes.",
    )
    anchors_per_step: Annotated[CountOrZero, Flag(word="anchors{}", example="4,8")] = Field(
        default=0, description="Anchor prompts per optimizer step."
    )
    mining: Annotated[CountOrZero, Flag(word="mine{}", example="0,3")] = Field(
        default=0,
        description="Times in training, evenly spaced, at which all anchors are answered; half of "
        "the anchors of the steps that follow are those that were answered with the injected "
        "value.",
    )
    unlikelihood: Annotated[AmountOrZero, Flag(word="not{}", example="0,0.5")] = Field(
        default=0.0,
        description="Weight of the unlikelihood of the injected value on anchors: -log(1 - p) of "
        "its first token at each token of the base's answer.",
    )
    learned_below: Annotated[AmountOrZero, Flag(word="floor{}", example="0,0.1")] = Field(
        default=0.0,
        description="Loss in nats below which an answer's token of a fact's pair counts as learned "
        "and trains nothing any more; 0: none does.",
    )
    distill_weight: Annotated[
        Annotated[float, Field(ge=0, le=1)],
        Flag(word="soft{}", example="0,0.5,1", commands=("run",)),
    ] = Field(
        default=0.0,
        description="Share of the loss on answers that is KL to a teacher's predictions; the rest "
        "is the usual loss on the answer's tokens.",
    )
    temperature: Annotated[Amount, Flag(word="T{}", example="1,2", commands=("run",))] = Field(
        default=1.0,
        description="Softens teacher and student alike; the KL is scaled by its square.",
    )

    @property
    def anchored_on(self) -> AnchorChoice | None:
        """The anchors that training has a use for; none where their weight is 0."""
        if self.anchor_weight and self.anchors_per_step and self.anchor_kinds:
            return AnchorChoice(self.anchor_kinds, self.anchor_prompts)
        return None


# The recipe's fields that a run can set; several values are one cell each.
OVERRIDES: tuple[str, ...] = tuple(settings_of(Recipe))
# Those that ids and results name in words of their own; the others have places there.
WORDS: dict[str, str] = {
    name: setting.option.word
    for name, setting in settings_of(Recipe).items()
    if setting.option.word
}
# Those that a full fine-tuning has not.
ADAPTER_OVERRIDES = chosen_by(Recipe, lambda option: option.adapter_only)
