"""Recall against cost, and both by configuration: what each rank gains and costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from factlab.comparison.damage import (
    FAR_INTRUSION,
    FAR_RETENTION,
    HELD_OUT,
    LEARNED_AT,
    LIMITS,
    NEAR_INTRUSION,
    Word,
    damage_of,
)
from factlab.report.definitions import definition_of
from factlab.report.drawing import (
    HEIGHT,
    INK,
    WIDTH,
    Figure,
    FigureGroup,
    data,
    ends_of,
    figure,
    wrapped,
)
from factlab.report.load import ReportData, labels
from factlab.report.table import Entry, Table, capped, columns, entries, metric_entry
from factlab.report.verdict import tone
from factlab.report.wording import NONE, percent
from factlab.schema.results import CellResult, Choice, Configuration, Metric

_MOST_CELLS = 90
_TOP = 1.04  # of the scale of recall, so that a mark at 1 is whole
_LETTER, LINE = 7.5, 15  # width and height of a label's text, in pixels
_SHOWN = (HELD_OUT, FAR_RETENTION, NEAR_INTRUSION, FAR_INTRUSION)
_SIDE_BY_SIDE = (*_SHOWN, "margin_change/far", "forced_choice_retention/far")
_COSTS = (
    ("Known unrelated answers lost (1 − far retention)", FAR_RETENTION, True),
    ("Related answers that contain the injected value (near intrusion)", NEAR_INTRUSION, False),
)
_BY_RANK = (HELD_OUT, FAR_RETENTION, NEAR_INTRUSION, "forgetting/far")


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """One configuration, or one of its seeds, in a recall-against-cost chart."""

    label: str
    word: Word
    x: float
    y: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float


def figure_group(run: ReportData) -> FigureGroup:
    """Recall against each cost, with the tables of configurations and of cells.

    Nothing for one adapter: its figures are those of the verdict.
    """
    if len(run.result.cells) < 2:
        return FigureGroup()
    figures = tuple(
        drawn
        for place, (title, metric, flip) in enumerate(_COSTS)
        if (drawn := _scatter(run, title, metric, flip=flip, key=f"p{place}"))
    )
    tables = [configuration_table(run)] if run.configurations else []
    if len(run.result.cells) > len(run.configurations):
        tables.append(cell_table(run))
    return FigureGroup(figures, tuple(tables), (HELD_OUT, FAR_RETENTION, NEAR_INTRUSION))


def by_rank(run: ReportData) -> FigureGroup | None:
    """Each main figure by configuration with its interval, seeds as dots; none with one only."""
    if len(run.configurations) < 2:
        return None
    figures = [_column_chart(run, name, f"q{place}") for place, name in enumerate(_BY_RANK)]
    return FigureGroup(tuple(drawn for drawn in figures if drawn), names=_BY_RANK)


# --- scatter -----------------------------------------------------------------------------------


def _scatter(run: ReportData, title: str, cost: str, *, flip: bool, key: str) -> Figure | None:
    named = labels(run.configurations)
    pairs = [
        (c, _point(named[c.id], c.metrics[cost], c.metrics[HELD_OUT], c.metrics, flip))
        for c in run.configurations
        if cost in c.metrics and HELD_OUT in c.metrics
    ]
    if not pairs:
        return None
    dots = [
        {"x": 1 - x if flip else x, "y": y, "ink": INK[point.word]}
        for configuration, point in pairs
        for x, y in _seed_pairs(run, configuration, cost)
    ]
    points = [point for _, point in pairs]
    return figure(
        title, _scatter_chart(points, dots, title, cost), _alternative(points, title), key=key
    )


def _point(
    label: str, cost: Metric, recall: Metric, metrics: dict[str, Metric], flip: bool
) -> ChartPoint:
    low, high = ends_of(cost)
    x = cost.value
    if flip:
        x, low, high = 1 - x, 1 - high, 1 - low
    return ChartPoint(label, damage_of(metrics).word, x, recall.value, low, high, *ends_of(recall))


def _seed_pairs(
    run: ReportData, configuration: Configuration, cost: str
) -> list[tuple[float, float]]:
    costs, recalls = _by_seed(run, configuration, cost), _by_seed(run, configuration, HELD_OUT)
    if len(recalls) < 2:
        return []
    return [(costs[seed], recalls[seed]) for seed in recalls if seed in costs]


def _by_seed(run: ReportData, configuration: Configuration, name: str) -> dict[int, float]:
    """The mean over the cells of each seed: one cell, or one per fact."""
    found: dict[int, list[float]] = {}
    for cell in run.cells_of(configuration):
        if name in cell.metrics:
            found.setdefault(cell.seed, []).append(cell.metrics[name].value)
    return {seed: sum(values) / len(values) for seed, values in found.items()}


def _scatter_chart(
    points: Sequence[ChartPoint], dots: list[dict[str, Any]], title: str, metric: str
) -> Any:
    import altair as alt

    farthest = max([p.x_high for p in points] + [dot["x"] for dot in dots])
    right = min(1.0, max(0.2, math.ceil(10 * farthest + 0.3) / 10))
    colour = alt.Color("ink:N", scale=None, legend=None)
    x = alt.X(
        "x:Q",
        title=wrapped(title),
        scale=alt.Scale(domain=[0, right], nice=False),
        axis=alt.Axis(format=".0%", tickCount=5),
    )
    y = alt.Y(
        "y:Q",
        title="Held-out recall",
        scale=alt.Scale(domain=[0, _TOP], nice=False),
        axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1]),
    )
    base = alt.Chart(data([_drawn(point) for point in points]))
    rule: dict[str, Any] = {"strokeWidth": 1.5, "opacity": 0.55}
    layers = [
        *_threshold_rules(metric, right),
        base.mark_rule(**rule).encode(x="x_low:Q", x2="x_high:Q", y=y, color=colour),
        base.mark_rule(**rule).encode(x=x, y="y_low:Q", y2="y_high:Q", color=colour),
        alt.Chart(data(dots))
        .mark_point(filled=False, size=28, opacity=0.85, strokeWidth=1.2)
        .encode(x=x, y=y, color=colour),
        base.mark_point(filled=True, size=95, opacity=1).encode(x=x, y=y, color=colour),
        *[
            words.encode(
                x=alt.X("x:Q", scale=None), y=alt.Y("y:Q", scale=None), text="label:N", color=colour
            )
            for words in _labels(points, right)
        ],
    ]
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def _drawn(point: ChartPoint) -> dict[str, Any]:
    return {
        "x": point.x,
        "x_low": point.x_low,
        "x_high": point.x_high,
        "y": point.y,
        "y_low": point.y_low,
        "y_high": point.y_high,
        "ink": INK[point.word],
    }


def _threshold_rules(metric: str, right: float) -> list[Any]:
    import altair as alt

    limit = next(limit for limit in LIMITS if limit.metric == metric)
    shares = [value for value in (limit.blurred, limit.destructive) if value is not None]
    costs = [1 - share if limit.low_is_bad else share for share in shares]
    across = alt.Chart(data([{"y": LEARNED_AT}])).encode(y="y:Q")
    down = alt.Chart(data([{"x": cost} for cost in costs if cost <= right])).encode(x="x:Q")
    return [
        chart.mark_rule(strokeDash=[3, 3], color=INK["muted"], opacity=0.7)
        for chart in (across, down)
    ]


def _labels(points: Sequence[ChartPoint], right: float) -> list[Any]:
    """One label for each heap of points, so that those with equal results stay readable."""
    import altair as alt

    heaps: list[list[ChartPoint]] = []
    for point in points:
        for heap in heaps:
            close = abs(heap[0].x - point.x) < 0.06 * right and abs(heap[0].y - point.y) < 0.06
            if close and heap[0].word == point.word:
                heap.append(point)
                break
        else:
            heaps.append([point])
    values = [
        _label(
            _heap_label([point.label for point in heap]),
            INK[heap[0].word],
            [WIDTH * point.x / right for point in heap],
            max(HEIGHT * (1 - point.y / _TOP) for point in heap),
        )
        for heap in heaps
    ]
    separate_labels(values)
    style: dict[str, Any] = {"fontSize": 12.5, "fontWeight": 600}
    return [
        alt.Chart(data([value for value in values if value["align"] == align])).mark_text(
            align=align, **style
        )
        for align in ("left", "right")
    ]


def _label(text: str, ink: str, across: Sequence[float], down: float) -> dict[str, Any]:
    """A heap's label in pixels: below its lowest mark, on the right if there is room."""
    begin, long = max(across) + 9, _LETTER * len(text)
    fits = begin + long <= WIDTH
    return {
        "label": text,
        "ink": ink,
        "align": "left" if fits else "right",
        "begin": begin if fits else min(across) - 9 - long,
        "end": begin + long if fits else min(across) - 9,
        "y": down + 13,
    }


def separate_labels(labels_: Sequence[dict[str, Any]]) -> None:
    """Move labels that would stand on another one further down, line by line."""
    placed: list[dict[str, Any]] = []
    for label in sorted(labels_, key=lambda label: label["y"]):
        while any(
            abs(label["y"] - other["y"]) < LINE
            and label["begin"] < other["end"]
            and other["begin"] < label["end"]
            for other in placed
        ):
            label["y"] += LINE / 4
        label["x"] = label["begin"] if label["align"] == "left" else label["end"]
        placed.append(label)


def _heap_label(names: Sequence[str]) -> str:
    short = [name.replace("rank ", "r") for name in names]
    whole = ", ".join(short)
    return whole if len(whole) < 18 else f"{short[0]} +{len(short) - 1}".removesuffix(" +0")


def _alternative(points: Sequence[ChartPoint], title: str) -> str:
    values = "; ".join(f"{p.label}: recall {p.y:.0%}, cost {p.x:.0%}, {p.word}" for p in points)
    return f"Scatter chart of held-out recall against: {title}. {values}."


# --- by configuration --------------------------------------------------------------------------


def _column_chart(run: ReportData, name: str, key: str) -> Figure | None:
    import altair as alt

    named, known = labels(run.configurations), definition_of(name)
    having = [c for c in run.configurations if name in c.metrics]
    if not having:
        return None
    rows: list[dict[str, Any]] = []
    for c in having:
        low, high = ends_of(c.metrics[name])
        rows.append({"c": named[c.id], "y": c.metrics[name].value, "low": low, "high": high})
    dots: list[dict[str, Any]] = [
        {"c": named[c.id], "y": value}
        for c in having
        for seeds in [_by_seed(run, c, name)]
        if len(seeds) > 1
        for value in seeds.values()
    ]
    lowest = min([row["low"] for row in rows] + [dot["y"] for dot in dots])
    domain = [0, 1] if lowest >= 0 else [min(-0.1, lowest), 1]
    if name.startswith("forgetting"):
        highest = max([row["high"] for row in rows] + [dot["y"] for dot in dots])
        domain = [min(-0.05, lowest), max(0.1, highest)]
    order = [named[c.id] for c in having]
    long = max(map(len, order)) > 8 or len(order) > 6
    x = alt.X("c:N", title=None, sort=order, axis=alt.Axis(labelAngle=-45 if long else 0))
    y = alt.Y(
        "y:Q", title=None, scale=alt.Scale(domain=domain, nice=False), axis=alt.Axis(format=".0%")
    )
    chart = alt.layer(
        *_base_rule(run, name),
        alt.Chart(data(rows))
        .mark_rule(strokeWidth=2, color=INK["accent"])
        .encode(x=x, y=alt.Y("low:Q", scale=alt.Scale(domain=domain, nice=False)), y2="high:Q"),
        alt.Chart(data(dots))
        .mark_point(filled=False, size=26, color=INK["accent"], opacity=0.9, xOffset=9)
        .encode(x=x, y=y),
        alt.Chart(data(rows))
        .mark_point(filled=True, size=80, opacity=1, color=INK["accent"])
        .encode(x=x, y=y),
    ).properties(width=WIDTH, height=190)
    values = "; ".join(f"{row['c']} {row['y']:.0%}" for row in rows)
    return figure(known.title, chart, f"{known.title} by configuration. {values}.", key=key)


def _base_rule(run: ReportData, name: str) -> list[Any]:
    import altair as alt

    before = run.result.base.metrics.get(name)
    if before is None or run.result.other_bases:  # several bases, each with a rate of its own
        return []
    rule = alt.Chart(data([{"y": before.value}])).encode(y="y:Q")
    return [rule.mark_rule(strokeDash=[3, 3], color=INK["muted"])]


# --- tables ------------------------------------------------------------------------------------


def configuration_table(run: ReportData) -> Table:
    """Configurations side by side; the data of the charts."""
    choice = run.result.choice
    heads = columns(
        "Configuration", "Held-out recall", "Far retention", "Near intrusion", "Far intrusion",
        "Far margin, change", "Far forced choice, kept", "Cost", "Choice", "Trained", "Base",
        "#Learning rate", "Recipe", "#Facts", "#Seeds",
    )  # fmt: skip
    rows = [
        entries(
            c.id,
            *[metric_entry(name, c.metrics.get(name)) for name in _SIDE_BY_SIDE],
            _cost_entry(c.metrics),
            _choice_words(c.id, choice) if choice else "–",
            c.adapter,
            c.precision,
            NONE if c.learning_rate is None else c.learning_rate,
            c.recipe,
            len(c.facts),
            len(c.seeds),
        )
        for c in run.configurations
    ]
    caption = "Configurations side by side, as in the charts. Right/questions, share, [interval]."
    return Table(caption, heads, tuple(rows))


def _cost_entry(metrics: dict[str, Metric]) -> Entry:
    word = damage_of(metrics).word
    return Entry(word, tone=tone(word))


def _choice_words(id_: str, choice: Choice) -> str:
    words = ["chosen"] * (choice.chosen == id_) + ["on the front"] * (id_ in choice.pareto)
    words += ["recall not worse"] * (id_ in choice.matched)
    if id_ in choice.excluded:
        words.append(choice.excluded[id_].partition(":")[0].lower())
    return ", ".join(words) or NONE


def cell_table(run: ReportData) -> Table:
    """Every adapter, one row each."""
    heads = columns(
        "Cell", "Configuration", "#Seed", "Facts", "Status",
        "#Held-out recall", "#Far retention", "#Near intrusion", "#Far intrusion",
    )  # fmt: skip
    rows, left_out = capped(
        [_cell_row(cell) for cell in run.result.cells],
        _MOST_CELLS,
        "each cell's figures are in cells/<id>/cell.json and in results.json.",
    )
    return Table("Every adapter by itself: one seed", heads, rows, left_out)


def _cell_row(cell: CellResult) -> tuple[Entry, ...]:
    facts = cell.facts[0] if len(cell.facts) == 1 else f"{len(cell.facts)} together"
    shares = [
        Entry(percent(m.value), key=m.value) if (m := cell.metrics.get(name)) else Entry("–")
        for name in _SHOWN
    ]
    return entries(cell.id, cell.configuration, cell.seed, facts, cell.status, *shares)
