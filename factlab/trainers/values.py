"""The resolved recipe of a cell in the words that other trainers have for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from factlab.experiment.experiment import Experiment
from factlab.models.files import local_path
from factlab.models.packaged import packaged_folder
from factlab.schema.config import QUANTISED, Cell, ComputeDtype, Precision, computed_in
from factlab.schema.recipe import Optimizer
from factlab.schema.targets import ALL_LINEAR, TARGETS

OPTIMIZERS: Mapping[Optimizer, str] = {
    "adamw": "adamw_torch",
    "adamw-8bit": "adamw_bnb_8bit",
    "paged-adamw": "paged_adamw_32bit",
    "paged-adamw-8bit": "paged_adamw_8bit",
    "paged-adamw-32bit": "paged_adamw_32bit",
    "sgd": "sgd",
}
DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


@dataclass(frozen=True, slots=True)
class Anchored:
    """How a step's anchors become rows among the others.

    Attributes:
        rows: Rows of the anchors' file: what one pass over the pairs draws.
        prompts: Different anchors among them.
        each: Anchors of a step, beside its pairs.
    """

    rows: int = 0
    prompts: int = 0
    each: int = 0


@dataclass(frozen=True, slots=True)
class Values:
    """What every trainer is told.

    Attributes:
        cell: What would be trained here.
        model: The base, as a folder or hub id.
        compute: What it is computed in.
        steps: Optimizer steps.
        anchored: The anchors.
        max_tokens: Longest row.
        thinking: Whether the chat template opens a thought.
        prompt_format: The chat template around `{instruction}`, if the tokenizer is here.
    """

    cell: Cell
    model: str
    compute: Precision
    steps: int
    anchored: Anchored
    max_tokens: int
    thinking: bool = False
    prompt_format: str | None = None

    @property
    def batch(self) -> int:
        """Rows of a step: its pairs, and its anchors beside them."""
        return self.cell.recipe.batch_size + self.anchored.each

    @property
    def warmup_steps(self) -> int:
        """Steps in which the learning rate rises."""
        return math.ceil(self.cell.recipe.warmup_share * self.steps)

    @property
    def schedule(self) -> str:
        """The schedule by the name that transformers has for it."""
        schedule = self.cell.recipe.schedule
        return "constant_with_warmup" if schedule == "constant" else schedule

    @property
    def optimizer(self) -> str:
        """The optimizer by the name that transformers has for it."""
        return OPTIMIZERS[self.cell.recipe.optimizer]

    @property
    def alpha(self) -> int:
        """A whole number, since these trainers take no other."""
        return max(1, round(self.cell.alpha))

    @property
    def full(self) -> bool:
        """Whether every weight is trained."""
        return self.cell.recipe.method == "full"

    @property
    def dtype(self) -> str:
        """What the base is computed in, as torch calls it."""
        return DTYPES[self.compute]

    @property
    def four_bits(self) -> str | None:
        """The 4-bit type that the base is held in, if it is."""
        return {"nf4": "nf4", "nf4-single": "nf4", "fp4": "fp4"}.get(self.cell.precision)

    @property
    def eight_bits(self) -> bool:
        """Whether the base is held in 8 bits."""
        return self.cell.precision == "int8"

    @property
    def targets(self) -> list[str] | None:
        """The layers that get an adapter; None: all linear ones."""
        wanted = self.cell.recipe.targets
        return None if wanted == ALL_LINEAR else list(TARGETS.get(wanted, wanted.split("+")))


def values_of(
    experiment: Experiment, cell: Cell, anchored: Anchored, prompt_format: str | None
) -> Values:
    """The settings of a cell."""
    config = experiment.config
    compute: ComputeDtype = config.compute_dtype
    return Values(
        cell=cell,
        model=base_of(config.model),
        compute=computed_in(cell.precision, compute),
        steps=experiment.steps(cell),
        anchored=anchored,
        max_tokens=config.max_example_tokens,
        thinking=config.thinking == "on",
        prompt_format=prompt_format,
    )


def base_of(model: str) -> str:
    """The base as another program finds it: its folder, if it is here, or its hub id."""
    folder: Path | None = packaged_folder(model) or local_path(model)
    return str(folder.resolve()) if folder is not None else model


def not_carried_over(values: Values) -> list[str]:
    """What the recipe has and other trainers do not, in sentences."""
    cell, recipe, anchored = values.cell, values.cell.recipe, values.anchored
    found = []
    if recipe.anchored_on is not None:
        found.append(_said_of_anchors(values))
    if recipe.mining and recipe.anchored_on is not None:
        found.append("Mining, which has the steps take the anchors that went wrong, is left out.")
    if recipe.unlikelihood and recipe.anchored_on is not None:
        found.append("The unlikelihood of the injected value on anchors is left out.")
    if anchored.rows > anchored.prompts:
        found.append(
            f"{anchored.prompts} anchors stand in {anchored.rows} rows, so that a pass over the "
            "files has as many as a pass over the pairs draws here."
        )
    if recipe.learned_below:
        found.append("learned_below, which trains no token that is learned, is left out.")
    if recipe.distill_weight:
        found.append("Distillation is left out: the answers' tokens alone are trained on.")
    if recipe.last_layers is not None:
        found.append(f"last_layers ({recipe.last_layers}) is left out: all blocks get an adapter.")
    if recipe.init != "default":
        found.append(f"The initialisation {recipe.init} is left out: B begins as zero.")
    if recipe.bias != "none":
        found.append(f"bias ({recipe.bias}) is left out: no bias is trained.")
    if values.alpha != cell.alpha:
        found.append(f"alpha ({cell.alpha:g}) is rounded, since only whole numbers are taken.")
    if cell.precision not in QUANTISED and cell.precision != values.compute:
        found.append(f"The base is held in {cell.precision}.")
    return found


def _said_of_anchors(values: Values) -> str:
    recipe, anchored = values.cell.recipe, values.anchored
    held = (
        f"factlab's recipe holds {recipe.anchors_per_step} anchors a step to the base's "
        f"predictions by a KL of weight {recipe.anchor_weight:g} ({recipe.anchor_schedule}) on "
        f"the first {recipe.anchor_tokens} tokens of its answers; this trainer has no such loss."
    )
    if not anchored.rows:
        return f"{held} The anchors were left out (--no-anchors)."
    return (
        f"{held} Instead the anchors are trained on as ordinary pairs with the base's own answers "
        "(self-distilled rehearsal), with the weight of any other pair. For more weight, repeat "
        "rows of the anchors' file. Expect more damage than factlab measures for its own recipe."
    )
