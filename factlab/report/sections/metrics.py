"""Every metric of every configuration, before and after, with what its interval covers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from factlab.comparison.damage import (
    FAR_INTRUSION,
    FAR_RETENTION,
    HELD_OUT,
    LIMITS,
    NEAR_INTRUSION,
)
from factlab.report.definitions import Better, definition_of, in_page_order
from factlab.report.table import valued
from factlab.report.verdict import Tone, learned_word, tone
from factlab.report.wording import NONE, count_of, integer, interval_in_unit, percent
from factlab.schema.results import BaseResult, Configuration, Metric


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One big number with what it was before training."""

    title: str
    value: str
    detail: str
    before: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of one configuration, beside the base."""

    group: str
    title: str
    name: str
    better: Better
    before: str
    after: str
    n: str
    clusters: str
    interval: str
    method: str
    chance: str
    scorer: str
    note: str
    missing: bool


@dataclass(frozen=True, slots=True)
class MetricTable:
    """All metrics of a configuration, and what its intervals cover, by the footnote's letter."""

    configuration: Configuration
    groups: tuple[tuple[str, tuple[MetricRow, ...]], ...]
    notes: tuple[tuple[str, str], ...]


def key_figures(configuration: Configuration, base: BaseResult) -> list[KeyFigure]:
    """The four numbers that decide: held-out recall, far retention, near and far intrusion."""
    return [
        _key_figure("Held-out recall", HELD_OUT, configuration, base),
        _key_figure("Far retention", FAR_RETENTION, configuration, base),
        _key_figure("Near intrusion", NEAR_INTRUSION, configuration, base),
        _key_figure("Far intrusion", FAR_INTRUSION, configuration, base),
    ]


def _key_figure(title: str, name: str, configuration: Configuration, base: BaseResult) -> KeyFigure:
    metric, before = configuration.metrics.get(name), base.metrics.get(name)
    if name == FAR_RETENTION:
        was = f"of {integer(metric.n)} known to the base" if metric else ""
    else:
        was = f"base {_short(before)}" if before else "base not recorded"
    if metric is None:
        reason = configuration.not_measured.get(name, "no reason recorded")
        return KeyFigure(title, NONE, f"not measured: {reason}", was, "warn")
    count = count_of(metric)
    interval = interval_in_unit(metric, "share")
    detail = (f"{count}, " if count else f"n {integer(metric.n)}, ") + (
        "no interval" if interval == NONE else f"interval {interval}"
    )
    return KeyFigure(
        title, percent(metric.value), detail, was, _tone_of(name, metric, configuration)
    )


def _short(metric: Metric) -> str:
    count = count_of(metric)
    return f"{percent(metric.value)} ({count})" if count else percent(metric.value)


def _tone_of(name: str, metric: Metric, configuration: Configuration) -> Tone:
    if name == HELD_OUT:
        return tone(learned_word(configuration.metrics))
    limit = next(limit for limit in LIMITS if limit.metric == name)
    return tone(limit.word(metric.value))


def metric_table(configuration: Configuration, base: BaseResult) -> MetricTable:
    """Every metric of a configuration or of the base; and those not measured, with the reason."""
    names = set(configuration.metrics) | set(configuration.not_measured) | set(base.metrics)
    letters: dict[str, str] = {}
    rows = [_row(name, configuration, base, letters) for name in in_page_order(names)]
    headings = list(dict.fromkeys(row.group for row in rows))
    rows.sort(key=lambda row: headings.index(row.group))
    groups = groupby(rows, key=lambda row: row.group)
    return MetricTable(
        configuration=configuration,
        groups=tuple((group, tuple(members)) for group, members in groups),
        notes=tuple((letter, text) for text, letter in letters.items()),
    )


def _row(
    name: str, configuration: Configuration, base: BaseResult, letters: dict[str, str]
) -> MetricRow:
    known = definition_of(name)
    before, after = base.metrics.get(name), configuration.metrics.get(name)
    missing = f"not measured: {configuration.not_measured.get(name, 'no reason recorded')}"
    if before and name not in configuration.not_measured:
        missing = "a property of the base"
    shown = after or before
    note = ""
    if shown and shown.covers:
        # a, b, … z, then aa: a run has a handful, but nothing should break beyond that.
        place = len(letters)
        note = letters.setdefault(shown.covers, chr(97 + place % 26) * (1 + place // 26))
    return MetricRow(
        group=known.group,
        title=known.title,
        name=name,
        better=known.better,
        before=valued(before, known.unit) if before else NONE,
        after=valued(after, known.unit) if after else missing,
        n=integer(shown.n) if shown else NONE,
        clusters=integer(shown.clusters) if shown else NONE,
        interval=interval_in_unit(shown, known.unit) if shown else NONE,
        method=_method(shown) if shown else NONE,
        chance=percent(shown.chance) if shown and shown.chance is not None else "",
        scorer=shown.scorer if shown else NONE,
        note=note,
        missing=after is None,
    )


def _method(metric: Metric) -> str:
    """How the interval was made, and the bootstrap's beside it where there is one."""
    method = metric.ci_method or "none"
    if metric.bootstrap is None:
        return method
    low, high = metric.bootstrap
    return f"{method}; cluster bootstrap, for comparison: {low:.3f}–{high:.3f}"
