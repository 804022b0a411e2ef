"""How a run is configured. Every default lives here, each with a sentence on what it does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Discriminator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Tag,
    create_model,
)

from factlab.record import Record
from factlab.schema.combine import Combination, Combined
from factlab.schema.fields import FORMERLY_DIALS
from factlab.schema.options import ARGUMENT, Option, chosen_by, option_of, settings_of, without_none

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
Schedule = Literal["linear", "cosine", "constant"]
DeviceMap = Literal["one", "cpu", "auto"]
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


def _joined(given: Any) -> Any:
    """`general+others`, as the command line and files write several kinds as one value."""
    parts = [part.strip() for part in given.split("+")] if isinstance(given, str) else given
    return tuple(dict.fromkeys(parts)) if isinstance(parts, list | tuple) else parts


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
AnchorKinds = Annotated[tuple[AnchorKind, ...], BeforeValidator(_joined)]


class Recipe(Record):
    """How one adapter is trained. Each field but the first three is an option of `factlab run`."""

    name: str = Field(description="Name that results carry.")
    about: str = Field(default="", description="What it is for, in a sentence.")
    source: str = Field(default="", description="Where its values are from, if from elsewhere.")
    rank: Annotated[PositiveInt, Option(example="4,8,16", adapter_only=True)] = Field(
        default=8, description="LoRA rank, the width of the update."
    )
    precision: Annotated[Precision | None, Option(untrained=True, example="nf4,bf16")] = Field(
        default=None,
        description="How the frozen base is held: nf4 is QLoRA with double quantisation, "
        "nf4-single without. Without any: nf4.",
    )
    method: Annotated[Method, Option(word="{}")] = Field(
        default="lora",
        description="What is trained: an adapter, as lora, rslora (scaled by alpha/√rank) or dora "
        "(with learned magnitudes); or, with full, every weight.",
    )
    alpha: Annotated[Alpha, Option(word="a{}", example="16,2r", metavar="X", adapter_only=True)] = (
        Field(
            default=32.0,
            description="LoRA alpha: a number, the same for every rank, or a multiple of the rank "
            "such as 2r. The update is scaled by alpha/rank.",
        )
    )
    dropout: Annotated[Share, Option(word="drop{}", example="0,0.1", adapter_only=True)] = Field(
        default=0.0, description="LoRA dropout."
    )
    bias: Annotated[Bias, Option(word="bias-{}", adapter_only=True)] = Field(
        default="none", description="Which biases are trained, as in PEFT."
    )
    init: Annotated[Init, Option(word="{}", adapter_only=True)] = Field(
        default="default", description="How A and B begin, as in PEFT; B is zero by default."
    )
    targets: Annotated[str, Option(word="{}", example="all-linear,qv", adapter_only=True)] = Field(
        default="all-linear",
        description="Layers that get an adapter: all-linear, attention, qv, mlp, or names joined "
        "by +, such as q_proj+v_proj.",
    )
    last_layers: Annotated[
        PositiveInt | None, Option(word="last{}", example="4,8", adapter_only=True)
    ] = Field(default=None, description="Adapters on the last N blocks only; without it on all.")
    epochs: Annotated[PositiveFloat, Option(word="ep{}", example="2,3")] = Field(
        default=2.0, description="Passes over the training pairs."
    )
    batch_size: Annotated[PositiveInt, Option(word="b{}", example="8,16")] = Field(
        default=16, description="Training pairs per optimizer step."
    )
    learning_rate: Annotated[
        PositiveFloat, Option(flags=("--lr", "--learning-rate"), example="5e-4,1e-3")
    ] = Field(
        default=5e-4,
        validation_alias=AliasChoices("learning_rate", "lr"),
        description="Peak learning rate.",
    )
    schedule: Annotated[Schedule, Option(word="{}")] = Field(
        default="linear", description="Learning rate over the steps, after the warm-up."
    )
    warmup_share: Annotated[Share, Option(word="warm{}", example="0,0.1")] = Field(
        default=0.1, description="Share of the steps in which the learning rate rises from zero."
    )
    optimizer: Annotated[Optimizer, Option(word="{}")] = Field(
        default="adamw",
        description="Optimizer; the 8-bit and paged optimizers are bitsandbytes', on CUDA only.",
    )
    weight_decay: Annotated[NonNegativeFloat, Option(word="wd{}", example="0,0.01")] = Field(
        default=0.0, description="Weight decay of the optimizer."
    )
    max_grad_norm: Annotated[PositiveFloat, Option(word="clip{}", example="0.3,1")] = Field(
        default=1.0, description="Gradient clipping norm, of each adapter alone."
    )
    anchor_weight: Annotated[NonNegativeFloat, Option(word="kl{}", example="0,0.5,1")] = Field(
        default=0.0,
        description="Weight of KL(base‖tuned) on anchor prompts, which the base answered itself; "
        "0: without anchors.",
    )
    anchor_kinds: Annotated[
        AnchorKinds, Option(word="{}", metavar="NAME", example="general,general+others")
    ] = Field(
        default=(),
        description="Kinds of anchor prompts, joined by +: general (on anything), others (the "
        "fact's question about other subjects), subject (other questions about its subject).",
    )
    anchors_per_step: Annotated[NonNegativeInt, Option(word="anchors{}", example="4,8")] = Field(
        default=0, description="Anchor prompts per optimizer step."
    )
    distill_weight: Annotated[
        Annotated[float, Field(ge=0, le=1)],
        Option(word="soft{}", example="0,0.5,1", commands=("run",)),
    ] = Field(
        default=0.0,
        description="Share of the loss on answers that is KL to a teacher's predictions; the rest "
        "is the usual loss on the answer's tokens.",
    )
    temperature: Annotated[PositiveFloat, Option(word="T{}", example="1,2", commands=("run",))] = (
        Field(
            default=1.0,
            description="Softens teacher and student alike; the KL is scaled by its square.",
        )
    )

    @property
    def anchored_on(self) -> tuple[AnchorKind, ...]:
        """The kinds of anchors that training has a use for; none where their weight is 0."""
        return self.anchor_kinds if self.anchor_weight and self.anchors_per_step else ()


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


def _override_fields() -> dict[str, Any]:
    """A field of a run's settings for each of the recipe's: any number of the same values."""
    found: dict[str, Any] = {}
    for name in OVERRIDES:
        field = Recipe.model_fields[name]
        one = Annotated[(without_none(field.annotation), *field.metadata)]  # type: ignore[valid-type]
        several = Annotated[OneOrMore[one], option_of(field)]  # type: ignore[valid-type]
        made = Field(
            default=(),
            validation_alias=field.validation_alias,
            description=field.description,
        )
        found[name] = (several, made)
    return found


if TYPE_CHECKING:  # its fields are made from the recipe's; `RunConfig.overrides` reads them

    class _Overrides(Record):
        pass
else:
    _Overrides = create_model("_Overrides", __base__=Record, **_override_fields())


# A recipe of the user's own is recorded with all its values, so that its run can be repeated.
RecipeGiven = Annotated[
    Annotated[str, Tag("name")] | Annotated[Recipe, Tag("values")],
    Discriminator(lambda given: "name" if isinstance(given, str) else "values"),
]


class RunConfig(_Overrides):
    """Everything that decides a run's numbers; `config.resolved.yaml`.

    A field of the recipe takes its place here: several values are one cell each, crossed with those
    of other fields; without any it is the recipe's own.
    """

    facts: Annotated[tuple[str, ...], ARGUMENT] = Field(
        default=(), description="Fact files, folders or shipped names; a run needs at least one."
    )
    model: Annotated[str, Option(metavar="MODEL", untrained=True)] = Field(
        default=EMBEDDED_MODEL,
        description="Embedded model name, local folder, .gguf file, or hub id.",
    )
    compute_dtype: Annotated[ComputeDtype, Option(untrained=True)] = Field(
        default="bf16", description="What quantised weights are unpacked to and computed in."
    )
    attention: Annotated[Attention, Option(untrained=True)] = Field(
        default="auto",
        description="Implementation of attention; auto: what is fastest here; the others in the "
        "library's own forward pass.",
    )
    device_map: Annotated[DeviceMap, Option(untrained=True)] = Field(
        default="one",
        description="one: the GPU if there is one; cpu; auto: spread over all devices.",
    )
    gradient_checkpointing: Annotated[bool, Option()] = Field(
        default=False,
        description="Compute activations again in the backward pass: less memory, more time.",
    )
    recipe: Annotated[RecipeGiven, Option(metavar="NAME|FILE")] = Field(
        default="default",
        description="Named recipe (`factlab list recipes`), or a file of your own (`factlab init "
        "recipe`).",
    )
    teacher: Annotated[str | None, Option(metavar="MODEL", commands=("run",))] = Field(
        default=None,
        description="Model whose predictions are distilled, with the same vocabulary; without it "
        "the base itself. It has the fact and two answered questions about it in its prompt.",
    )
    together: Annotated[bool, Option(commands=("run",))] = Field(
        default=False, description="Train all facts into one adapter instead of one each."
    )
    shuffle: Annotated[bool, Option(commands=("run",))] = Field(
        default=False,
        description="A control run: train each fact's questions with another fact's answer.",
    )
    controls: Annotated[tuple[str, ...], Option(metavar="FILE", repeated=True, untrained=True)] = (
        Field(
            default=(),
            description="Extra control suites: JSON lines with question, answer and wrong answers; "
            "may be given again.",
        )
    )
    mix: Annotated[
        tuple[str, ...], Option(metavar="FILE:SHARE", repeated=True, commands=("run",))
    ] = Field(
        default=(),
        description="Conversations mixed into training: everyday:0.3 makes 30 % of an adapter's "
        "training pairs come from that set; may be given again (docs/data.md).",
    )
    practice: Annotated[str | None, ARGUMENT] = Field(
        default=None,
        description="A set of conversations to practise on instead of facts (docs/data.md).",
    )
    practice_examples: Annotated[
        PositiveInt, Option(flags=("--examples",), commands=("practice",))
    ] = Field(default=200, description="Most conversations of a practice set; 10 % are held out.")
    max_example_tokens: Annotated[PositiveInt, Option()] = Field(
        default=1024,
        description="Longest conversation of a mix or practice set in tokens, answer included; "
        "longer ones are left out.",
    )
    seed: Annotated[OneOrMore[NonNegativeInt], Option(example="0,1,2", untrained=True)] = Field(
        default=(0,), description="Seeds of initialisation, order and dropout, one cell each."
    )
    data_seed: Annotated[NonNegativeInt, Option(untrained=True)] = Field(
        default=0, description="Seed of the expansion; the same for all cells."
    )
    train_pairs: Annotated[PositiveInt, Option(commands=("run",), untrained=True)] = Field(
        default=320, description="Training pairs per fact."
    )
    validation_pairs: Annotated[PositiveInt, Option(commands=("run",), untrained=True)] = Field(
        default=80, description="Validation pairs per fact."
    )
    train_sample: Annotated[PositiveInt, Option(commands=("run",), untrained=True)] = Field(
        default=40, description="Training questions that recall/train is measured on."
    )
    max_steps: Annotated[NonNegativeInt | None, Option()] = Field(
        default=None, description="Stop after this many optimizer steps; 0 trains nothing."
    )
    checkpoints: Annotated[NonNegativeInt, Option()] = Field(
        default=2,
        description="Times during training, evenly spaced, at which a fixed panel is measured.",
    )
    keep: Annotated[Keep, Option(commands=("run",))] = Field(
        default="last",
        description="Which adapter is measured: the last, or the best on the validation panel.",
    )
    early_stop: Annotated[PositiveInt | None, Option(commands=("run",))] = Field(
        default=None,
        description="Stop training when the validation loss has not become better for this many "
        "checkpoints; without it never. The learning rate follows the planned steps all the same.",
    )
    report_to: Annotated[tuple[str, ...], BeforeValidator(_trackers), Option()] = Field(
        default=(),
        description="Trackers that transformers knows, such as tensorboard, wandb or mlflow. They "
        "decide no number, so a run may be resumed with others.",
    )
    pack: Annotated[PositiveInt | None, Option()] = Field(
        default=None,
        description="Adapters trained side by side in one batch; without it what pays on this "
        "machine.",
    )
    max_new_tokens: Annotated[PositiveInt, Option(untrained=True)] = Field(
        default=64, description="Generation limit; an answer cut there is marked unfinished."
    )
    generation_batch: Annotated[PositiveInt, Option(untrained=True)] = Field(
        default=256,
        description="Most questions that a model answers at once. In bf16 an answer may depend "
        "on it on a GPU, and where the library's own forward pass computes the model.",
    )
    combine: Annotated[Combination | None, ARGUMENT] = Field(
        default=None,
        description="Adapters of other runs to combine instead of training; `factlab combine`.",
    )

    @property
    def overrides(self) -> dict[str, tuple[Any, ...]]:
        """What takes the place of the recipe's own values: field → values, each once."""
        given = {name: tuple(dict.fromkeys(getattr(self, name))) for name in OVERRIDES}
        return {name: values for name, values in given.items() if values}


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
    overrides: Annotated[dict[str, str], FORMERLY_DIALS] = Field(
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
    return config.overrides.get("precision") or (recipe.precision or "nf4",)
