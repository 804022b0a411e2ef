"""What the catalogue says of a metric: `MetricSpec`, and `Use` for what its value decides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from factlab.schema.results import Ability
from factlab.schema.splits import NEAR_GROUPS, SPLIT, TRAINED_SPLITS

Better = Literal["high", "low", "neither"]
Unit = Literal["share", "points", "nats", "nats_total", "plain"]
IntervalKind = Literal["rate", "mean", "difference", "none"]
MeasuredFrom = Literal["answers", "likelihoods", "text", "metrics"]
Model = Literal["base", "tuned", "both"]

SUITE = "<suite>"
THIS = "this project"


@dataclass(frozen=True, slots=True)
class Use:
    """What a metric decides besides being shown.

    Attributes:
        expected: A tuned model's results give a reason where it is missing.
        base_expected: The base's results do.
        main: An export, and a combined adapter, is summed up by it.
        by_fact: It is also given fact by fact, of an adapter that holds several.
        panel: The fixed panel follows it while training goes on.
        margin: It is an endpoint of comparisons; a difference of this size is too small to matter.
        across_bases: It is an endpoint only where configurations stand on different bases.
        cost: It is a term of the cost by which configurations are chosen.
        blurred: Beyond this value the cost of an adapter is called blurred.
        destructive: Beyond this value it is called destructive.
        required: Without it the cost cannot be called clean.
    """

    expected: bool = False
    base_expected: bool = False
    main: bool = False
    by_fact: bool = False
    panel: bool = False
    margin: float | None = None
    across_bases: bool = False
    cost: bool = False
    blurred: float | None = None
    destructive: float | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric, as everything that handles metrics knows it.

    Attributes:
        name: As in results.json; `<suite>` and `<split>` stand for several names.
        title: What tables call it.
        group: The heading it stands under.
        mean_of: What each of the averaged values belongs to.
        formula: How it is computed.
        caveat: What it cannot tell.
        source: Where it comes from, or what it is known as elsewhere.
        better: Which end is good; the only place that states it.
        unit: Decides how values are printed.
        range: The values it can take.
        interval: Which intervals fit it (see `factlab.stats.intervals`).
        measured_from: What it is computed from; decides whose version stands on it.
        model: Which model it is a property of.
        about_fact: Whether it says something of the fact itself rather than of controls.
        chance: What guessing scores, where that is known.
        splits: The names that stand for `<split>`.
        empty: Why it is not measured where there is nothing to average.
        of_training: Whether it is made of a metric of trained questions.
        use: What it decides.
        phrase: What running text calls it, where split and kind do not say it.
        family: Rows that were written as one; see `over`.
    """

    name: str
    title: str
    group: str
    mean_of: str
    formula: str
    caveat: str
    source: str
    better: Better = "high"
    unit: Unit = "share"
    range: str = "0–1"
    interval: IntervalKind = "rate"
    measured_from: MeasuredFrom = "answers"
    model: Model = "both"
    about_fact: bool = False
    chance: str = ""
    splits: tuple[str, ...] = ()
    empty: str = ""
    of_training: bool = False
    use: Use = Use()
    phrase: str = ""
    family: str = ""

    @property
    def kind(self) -> str:
        """What stands before the slash."""
        return self.name.partition("/")[0]

    @property
    def split(self) -> str:
        """What stands behind the slash, or nothing."""
        return self.name.partition("/")[2]

    @property
    def bounds(self) -> tuple[float, float]:
        """The values it can take, as numbers; infinite where there is no bound."""
        known = {"0–1": (0.0, 1.0), "0–2": (0.0, 2.0), "≥ 0": (0.0, math.inf)}
        return known.get(self.range, (-math.inf, math.inf))

    @property
    def needs(self) -> Ability | None:
        """What a model must be able to be asked for, if it is more than its answers."""
        if self.kind.startswith("rounding"):
            return "rounding"
        if self.split in TRAINED_SPLITS or self.of_training:
            return "trained"
        by_source: dict[MeasuredFrom, Ability] = {"likelihoods": "likelihoods", "text": "drift"}
        return by_source.get(self.measured_from)

    @property
    def is_pattern(self) -> bool:
        """Whether its name stands for several."""
        return "<" in self.name

    @property
    def takes_suites(self) -> bool:
        """Whether its name may end in the name of a control suite of the user's own."""
        return "suite" in self.split

    @property
    def names(self) -> tuple[str, ...]:
        """The names it stands for, as far as they are known before a run."""
        if not self.is_pattern:
            return (self.name,)
        return tuple(f"{self.kind}/{split}" for split in self.splits)

    def named(self, name: str) -> MetricSpec:
        """The row of one of the names that a pattern stands for."""
        what = name.partition("/")[2]
        title = self.title.partition(", <")[0]
        return replace(self, name=name, title=f"{title}, {what.replace('_', ' ')}")

    def worse(self, difference: float) -> bool:
        """Whether a change of this size is to the worse."""
        return difference < 0 if self.better == "high" else difference > 0


def over(spec: MetricSpec, uses: Mapping[str, Use]) -> tuple[MetricSpec, ...]:
    """One row per split of a kind of metric: `retention` over near, far and suites.

    Args:
        spec: The kind, named without a split.
        uses: Split → what the metric on it decides, the most decisive first.
    """
    return tuple(
        replace(
            spec,
            name=f"{spec.name}/{split}",
            title=f"{spec.title}, {split.replace('_', ' ')}",
            phrase=spec.phrase.format(split=split.replace("_", " ")),
            use=use,
            family=spec.name,
        )
        for split, use in uses.items()
    )


def place_of_split(split: str) -> int:
    """Where a split stands in the table of splits, groups of near behind it; others come last."""
    order = [name for split in SPLIT for name in (split, *(NEAR_GROUPS if split == "near" else ()))]
    return order.index(split) if split in order else len(order)
