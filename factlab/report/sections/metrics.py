"""Every metric of every configuration, before and after, with what its interval covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from factlab.comparison.damage import (
    FAR_INTRUSION,
    FAR_RETENTION,
    HELD_OUT,
    LEARNED_AT,
    LIMITS,
    NEAR_INTRUSION,
)
from factlab.metrics.spec import MetricSpec
from factlab.report.definitions import anchor_of, definition_of, in_page_order
from factlab.report.drawing import ends_of
from factlab.report.load import ReportData
from factlab.report.table import valued
from factlab.report.verdict import Tone, learned_word, tone
from factlab.report.wording import NONE, count_of, integer, interval_in_unit, percent
from factlab.schema.results import BaseResult, Configuration, Metric

_SHOWN = (HELD_OUT, FAR_RETENTION, NEAR_INTRUSION, FAR_INTRUSION)


@dataclass(frozen=True, slots=True)
class Strip:
    """A share, its interval and the limit of the verdict, in hundredths, as a bar is drawn.

    Attributes:
        value: The share.
        low: Lower end of the interval.
        width: Its width.
        limit: Where the verdict changes; None: it asks nothing of this figure.
    """

    value: float
    low: float
    width: float
    limit: float | None


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One big number with what it counts and what it was before training.

    Attributes:
        title: What it is called.
        value: The number, of a share with its percent sign.
        detail: What it counts.
        before: Its interval, and the base's figure.
        tone: How alarming it is.
        strip: A share as a bar.
        unit: What it is in, if it is no share.
    """

    title: str
    value: str
    detail: str
    before: str
    tone: Tone
    strip: Strip | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """A column of the table of all metrics: a base, or a configuration."""

    id: str
    about: str
    metrics: dict[str, Metric]


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A measured value with its interval, and the letter of what that covers."""

    text: str
    interval: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric in every column that has it."""

    title: str
    name: str
    anchor: str
    values: tuple[MetricValue | None, ...]


@dataclass(frozen=True, slots=True)
class MetricTable:
    """All metrics of a run.

    Attributes:
        heads: The bases and the configurations.
        groups: Heading and rows.
        notes: What the intervals cover, by the footnote's letter.
        methods: How the intervals were made.
        scorers: What made the verdicts, with its version.
        missing: Why metrics were not measured, and which.
        left_out: Configurations that have no column.
    """

    heads: tuple[Head, ...]
    groups: tuple[tuple[str, tuple[MetricRow, ...]], ...]
    notes: tuple[tuple[str, str], ...]
    methods: tuple[str, ...]
    scorers: tuple[str, ...]
    missing: tuple[tuple[str, tuple[str, ...]], ...]
    left_out: int


_COUNTED = {
    HELD_OUT: ("Held-out recall", "phrasings that were not trained"),
    "recall/gen": ("Probes in other words", "sentences of the passage in other words"),
    "recall/mem": ("Probes as written", "sentences of the passage as it words them"),
    "recall/hard_gen": ("Probes that follow", "sentences that follow from the passage"),
    FAR_RETENTION: ("Far retention", "unrelated answers that the base knew are still right"),
    NEAR_INTRUSION: ("Near intrusion", "related answers name the value"),
    FAR_INTRUSION: ("Far intrusion", "unrelated answers name the value"),
}


def key_figures(configuration: Configuration, base: BaseResult) -> list[KeyFigure]:
    """The numbers that decide: recall, of passages by its probes, then what it cost.

    One that a fact's verdict needs and that was not measured stands there with its reason.
    """
    needed = _SHOWN if HELD_OUT in configuration.metrics else ()
    return [
        _key_figure(name, configuration, base)
        for name in _COUNTED
        if name in configuration.metrics or name in needed
    ]


def _key_figure(name: str, configuration: Configuration, base: BaseResult) -> KeyFigure:
    title, counted = _COUNTED[name]
    metric, before = configuration.metrics.get(name), base.metrics.get(name)
    if metric is None:
        reason = configuration.not_measured.get(name, "no reason recorded")
        return KeyFigure(title, NONE, f"not measured: {reason}", "", "warn")
    was = "" if name == FAR_RETENTION or not before else f"before training {_short(before)}"
    interval = interval_in_unit(metric, "share")
    told = "no interval" if interval == NONE else f"interval {interval}"
    return KeyFigure(
        title=title,
        value=percent(metric.value),
        detail=f"{count_of(metric) or f'of {integer(metric.n)}'} {counted}",
        before=", ".join(filter(None, (told, was))),
        tone=_tone_of(name, metric, configuration),
        strip=strip_of(name, metric),
    )


def strip_of(name: str, metric: Metric) -> Strip:
    """A share as a bar."""
    low, high = ends_of(metric)
    limit = next((limit.blurred for limit in LIMITS if limit.metric == name), None)
    limit = LEARNED_AT if name == HELD_OUT else limit
    shown = None if limit is None else round(100 * limit, 2)
    return Strip(
        round(100 * metric.value, 2), round(100 * low, 2), round(100 * (high - low), 2), shown
    )


def _short(metric: Metric) -> str:
    return count_of(metric) or percent(metric.value)


def _tone_of(name: str, metric: Metric, configuration: Configuration) -> Tone:
    limit = next((limit for limit in LIMITS if limit.metric == name), None)
    return tone(limit.word(metric.value) if limit else learned_word(configuration.metrics))


def metric_table(run: ReportData, shown: Sequence[Configuration]) -> MetricTable:
    """Every metric of the bases and of some configurations; and why others were not measured."""
    heads = (*_bases(run), *(Head(c.id, c.adapter, c.metrics) for c in shown))
    names = in_page_order({name for head in heads for name in head.metrics})
    letters: dict[str, str] = {}
    rows: dict[str, list[MetricRow]] = {}
    for name in names:
        known = definition_of(name)
        values = tuple(_value(known, head.metrics.get(name), letters) for head in heads)
        row = MetricRow(known.title, name, anchor_of(name), values)
        rows.setdefault(known.group, []).append(row)
    missing: dict[str, dict[str, None]] = {}
    for c in shown:
        for name, why in c.not_measured.items():
            missing.setdefault(why, {})[name] = None
    measured = [metric for head in heads for metric in head.metrics.values()]
    return MetricTable(
        heads=heads,
        groups=tuple((group, tuple(members)) for group, members in rows.items()),
        notes=tuple((letter, text) for text, letter in letters.items()),
        methods=tuple(sorted({metric.ci_method for metric in measured if metric.ci_method})),
        scorers=tuple(sorted({metric.scorer for metric in measured})),
        missing=tuple((why, tuple(names_)) for why, names_ in missing.items()),
        left_out=len(run.configurations) - len(shown),
    )


def _bases(run: ReportData) -> list[Head]:
    others = run.result.other_bases
    found = [Head("Base", "before training", run.result.base.metrics)]
    found += [Head(f"Base, {at}", "before training", base.metrics) for at, base in others.items()]
    return [head for head in found if head.metrics]


def _value(known: MetricSpec, metric: Metric | None, letters: dict[str, str]) -> MetricValue | None:
    if metric is None:
        return None
    shown = valued(metric, known.unit)
    if count_of(metric) is None or known.unit != "share":
        shown += f", n {integer(metric.n)}"
    interval = interval_in_unit(metric, known.unit)
    # a, b, … z, then aa: a run has a handful, but nothing should break beyond that.
    place = len(letters)
    letter = chr(97 + place % 26) * (1 + place // 26)
    note = letters.setdefault(metric.covers, letter) if metric.covers else ""
    return MetricValue(shown, "" if interval == NONE else interval, note)
