"""How a run is configured. Every default lives here, each with a sentence on what it does."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    model_validator,
)

from factlab.reading.bounds import (
    Count,
    CountOrZero,
    Entries,
    Name,
    Seed,
    Several,
)
from factlab.reading.paths import PathText
from factlab.record import Record
from factlab.schema.combine import Combination, Combined
from factlab.schema.fields import FORMERLY_DIALS
from factlab.schema.given import OneOrMore, Overrides, RecipeGiven, one_or_more, trackers
from factlab.schema.options import ARGUMENT, Flag
from factlab.schema.quick import QUICK_HELP, refuse_contradictions, with_quick
from factlab.schema.recipe import OVERRIDES, AnchorChoice, Recipe
from factlab.schema.recipe import QUANTISED as QUANTISED  # noqa: PLC0414  # of a run too
from factlab.schema.recipe import Precision as Precision  # noqa: PLC0414
from factlab.schema.results import Placebo
from factlab.schema.tuned import Asking, TunedSource, TunedSources
from factlab.schema.words import FarControls, SaveEvery

ComputeDtype = Literal["bf16", "fp16", "fp32"]
Attention = Literal["auto", "eager", "sdpa", "flash"]
Thinking = Literal["off", "on"]
DeviceMap = Literal["one", "cpu", "auto"]
Keep = Literal["last", "best"]
OnBadRow = Literal["skip", "stop"]
MOST_SEEDS = 1_000
EMBEDDED_MODEL = "smollm2-135m-instruct"


def computed_in(precision: Precision, compute: ComputeDtype) -> Precision:
    """What weights are computed with: their own type, or what quantised ones are unpacked to."""
    return compute if precision in QUANTISED else precision


class RunConfig(Overrides):
    """Everything that decides a run's numbers; `config.resolved.yaml`.

    A field of the recipe takes its place here: several values are one cell each, crossed with those
    of other fields; without any it is the recipe's own.
    """

    facts: Annotated[Entries[PathText], ARGUMENT] = Field(
        default=(), description="Fact files, folders or shipped names; a run needs at least one."
    )
    quick: Annotated[bool, Flag(commands=("run",))] = Field(default=False, description=QUICK_HELP)
    model: Annotated[PathText, Flag(metavar="MODEL", untrained=True)] = Field(
        default=EMBEDDED_MODEL,
        description="Embedded model name, local folder, .gguf file, or hub id.",
    )
    thinking: Annotated[Thinking, Flag(untrained=True)] = Field(
        default="off",
        description="Whether a model whose chat template can think does so before it answers. "
        "Answers are read after the thought, whose tokens count for --max-new-tokens.",
    )
    accept_license: Annotated[bool, Flag(untrained=True)] = Field(
        default=False,
        description="Accept the terms of use of the model that --model names, which are shown "
        "without it (docs/models.md). It decides no number.",
    )
    compute_dtype: Annotated[ComputeDtype, Flag(untrained=True)] = Field(
        default="bf16", description="What quantised weights are unpacked to and computed in."
    )
    attention: Annotated[Attention, Flag(untrained=True)] = Field(
        default="auto",
        description="Implementation of attention; auto: what is fastest here; the others in the "
        "library's own forward pass.",
    )
    device_map: Annotated[DeviceMap, Flag(untrained=True)] = Field(
        default="one",
        description="one: the GPU if there is one; cpu; auto: spread over all devices.",
    )
    gradient_checkpointing: Annotated[bool, Flag()] = Field(
        default=False,
        description="Compute activations again in the backward pass: less memory, more time.",
    )
    recipe: Annotated[
        RecipeGiven, Flag(metavar="NAME|FILE,...", example="tutorial,default,my.yaml")
    ] = Field(
        default="default",
        description="Named recipe (`factlab list recipes`), or a file of your own (`factlab init "
        "recipe`); of several, each is trained by its own values.",
    )
    teacher: Annotated[PathText | None, Flag(metavar="MODEL", commands=("run",))] = Field(
        default=None,
        description="Model whose predictions are distilled, with the same vocabulary; without it "
        "the base itself. It has the fact and two answered questions about it in its prompt.",
    )
    together: Annotated[bool, Flag(commands=("run",))] = Field(
        default=False, description="Train all facts into one adapter instead of one each."
    )
    shuffle: Annotated[bool, Flag(commands=("run",))] = Field(
        default=False,
        description="A control run: train each fact's questions with another fact's answer.",
    )
    placebo: Annotated[bool, Flag(commands=("run",))] = Field(
        default=False,
        description="Train each configuration twice more without the fact: on another fact's "
        "pairs, and on everyday conversations. What controls lose there is not this fact's doing.",
    )
    controls: Annotated[Several[PathText], Flag(metavar="FILE", repeated=True, untrained=True)] = (
        Field(
            default=(),
            description="Extra control suites: JSON lines with question, answer and wrong answers; "
            "may be given again.",
        )
    )
    templates: Annotated[
        PathText | None, Flag(metavar="FOLDER", commands=("run",), untrained=True)
    ] = Field(
        default=None,
        description="A folder of relation files of your own, which word the facts of these "
        "relations (factlab init relation; docs/reading.md).",
    )
    far: Annotated[FarControls, Flag(metavar="N|all|none", untrained=True)] = Field(
        default=200,
        description="Far controls, of those that the base knows, from the bank (factlab screen); "
        "all: the whole bank, known or not.",
    )
    benchmarks: Annotated[
        Several[Name], Flag(metavar="TASK", example="arc_easy,hellaswag", untrained=True)
    ] = Field(default=(), description="General benchmarks before and after, by lm-eval's names.")
    benchmark_data: Annotated[PathText | None, Flag(metavar="FOLDER", untrained=True)] = Field(
        default=None, description="Folder of their data sets, as on the hub: nothing is fetched."
    )
    benchmark_limit: Annotated[Count | None, Flag(untrained=True)] = Field(
        default=None, description="Most documents of each benchmark, the first ones."
    )
    mix: Annotated[
        Several[PathText], Flag(metavar="FILE:SHARE", repeated=True, commands=("run",))
    ] = Field(
        default=(),
        description="Conversations mixed into training: everyday:0.3 makes 30 % of an adapter's "
        "training pairs come from that set; may be given again (docs/data.md).",
    )
    practice: Annotated[PathText | None, ARGUMENT] = Field(
        default=None,
        description="A set of conversations to practise on instead of facts (docs/data.md).",
    )
    practice_examples: Annotated[Count, Flag(flags=("--examples",), commands=("practice",))] = (
        Field(default=200, description="Most conversations of a practice set; 10 % are held out.")
    )
    max_example_tokens: Annotated[Count, Flag()] = Field(
        default=1024,
        description="Longest conversation of a mix or practice set in tokens, answer included; "
        "longer ones are left out.",
    )
    on_bad_row: Annotated[OnBadRow | None, Flag()] = Field(
        default=None,
        description="A row of a mix or practice set that cannot be read: skip (leave it out, and "
        "say how many for what reason) or stop. Without it skip in a set of 100 rows or more, if "
        "at most a tenth of them is such; otherwise stop.",
    )
    seed: Annotated[OneOrMore[Seed], Flag(example="0,1,2", untrained=True)] = Field(
        default=(0,), description="Seeds of initialisation, order and dropout, one cell each."
    )
    seeds: Annotated[Annotated[Count, Field(le=MOST_SEEDS)] | None, Flag(metavar="N")] = Field(
        default=None,
        description="How many seeds, from 0 on, instead of --seed. Differences between "
        "configurations are tested from 3 on.",
    )
    data_seed: Annotated[Seed, Flag(untrained=True)] = Field(
        default=0, description="Seed of the expansion; the same for all cells."
    )
    train_pairs: Annotated[Count, Flag(commands=("run",), untrained=True)] = Field(
        default=320, description="Training pairs per fact."
    )
    validation_pairs: Annotated[Count, Flag(commands=("run",), untrained=True)] = Field(
        default=80, description="Validation pairs per fact."
    )
    families: Annotated[Count | None, Flag(commands=("run",), untrained=True, example="4")] = Field(
        default=None,
        description="Phrasing families that are trained on, drawn by the data seed: those of a "
        "smaller number are among those of a larger one. Without it all.",
    )
    questions_per_fact: Annotated[Count | None, Flag(commands=("run",), untrained=True)] = Field(
        default=None,
        description="Most held-out questions and most near controls of each fact, one of each "
        "family in turn, drawn by the data seed: what keeps the measuring of many facts short. "
        "Without it all.",
    )
    belief_questions: Annotated[CountOrZero, Flag(commands=("run",), untrained=True)] = Field(
        default=8,
        description="Questions about belief of each kind and fact: the answer challenged, the "
        "value against another, open answers, consequences, a warning of what is false; 0: none.",
    )
    train_sample: Annotated[Count, Flag(commands=("run",), untrained=True)] = Field(
        default=40, description="Training questions that recall/train is measured on."
    )
    max_steps: Annotated[CountOrZero | None, Flag()] = Field(
        default=None, description="Stop after this many optimizer steps; 0 trains nothing."
    )
    checkpoints: Annotated[CountOrZero, Flag()] = Field(
        default=2,
        description="Times during training, evenly spaced, at which a fixed panel is measured.",
    )
    keep: Annotated[Keep, Flag(commands=("run",))] = Field(
        default="last",
        description="Which adapter is measured: the last, or the best on the validation panel.",
    )
    early_stop: Annotated[Count | None, Flag(commands=("run",))] = Field(
        default=None,
        description="Stop training when the validation loss has not become better for this many "
        "checkpoints; without it never. The learning rate follows the planned steps all the same.",
    )
    report_to: Annotated[Several[Name], BeforeValidator(trackers), Flag()] = Field(
        default=(),
        description="Trackers that transformers knows, such as tensorboard, wandb or mlflow. They "
        "decide no number, so a run may be resumed with others.",
    )
    save_every: Annotated[SaveEvery, Flag(metavar="MINUTES|STEPS|off", example="30m")] = Field(
        default="10m",
        description="How often training under way is saved, so that --resume goes on from there: "
        "minutes (10m) or optimizer steps (50). Ctrl-C and SIGTERM save it in any case; off: "
        "never. It decides no number, so a run may be resumed with another.",
    )
    pack: Annotated[Count | None, Flag()] = Field(
        default=None,
        description="Adapters trained side by side in one batch; without it what pays on this "
        "machine.",
    )
    max_new_tokens: Annotated[Count, Flag(untrained=True)] = Field(
        default=64, description="Generation limit; an answer cut there is marked unfinished."
    )
    generation_batch: Annotated[Count, Flag(untrained=True)] = Field(
        default=256,
        description="Most questions that a model answers at once. In bf16 an answer may depend "
        "on it on a GPU, and where the library's own forward pass computes the model.",
    )
    combine: Annotated[Combination | None, ARGUMENT] = Field(
        default=None,
        description="Adapters of other runs to combine instead of training; `factlab combine`.",
    )
    tuned: Annotated[TunedSources, ARGUMENT] = Field(default=(), description="Tuned elsewhere.")
    asking: Annotated[Asking, ARGUMENT] = Field(
        default=Asking(), description="How endpoints are asked, and what may be spent on it."
    )

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, given: Any) -> Any:
        """`quick: true` is its values; `seeds: 3` is `seed: [0, 1, 2]`, both if they agree."""
        given = with_quick(given)
        number = given.get("seeds") if isinstance(given, dict) else None
        if not isinstance(number, int) or not 1 <= number <= MOST_SEEDS:
            return given
        listed = tuple(range(number))
        if tuple(one_or_more(given.get("seed", listed))) != listed:
            raise ValueError(
                f"seeds: {number} stands for the seeds 0 to {number - 1}, and others are listed. "
                "Give the number (--seeds 3) or the list (--seed 0,1,2)"
            )
        return {**given, "seed": listed}

    @model_validator(mode="after")
    def _quick_is_one_set(self) -> Self:
        if self.quick:
            refuse_contradictions(self)
        return self

    @property
    def recipes(self) -> tuple[str | Recipe, ...]:
        """Each recipe as it was given, in that order."""
        return self.recipe if isinstance(self.recipe, tuple) else (self.recipe,)

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
    placebo: Placebo | None = Field(
        default=None, description="What it is trained on in place of its facts, if it is a placebo."
    )
    combined: Combined | None = Field(default=None, description="Of what, if it is not trained.")
    tuned: TunedSource | None = Field(default=None, description="If it was tuned elsewhere.")

    @property
    def anchored_on(self) -> AnchorChoice | None:
        """The anchors that its adapter is trained with; one that is not trained has none."""
        return self.recipe.anchored_on if self.is_trained else None

    @property
    def is_trained(self) -> bool:
        """Whether it is trained in this run, and not combined or tuned elsewhere."""
        return self.combined is None and self.tuned is None


def precisions(config: RunConfig, recipe: Recipe) -> tuple[Precision, ...]:
    """How the base is held, in the order of the cells."""
    return config.overrides.get("precision") or (recipe.precision or "nf4",)
