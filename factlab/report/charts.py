"""The page's charts as inline SVG, drawn once; the style sheet recolours them for dark screens.

Marks are drawn in the colours of `INK`. Each of them is a hook: `report.css` maps the same hex
code to a variable that changes with the colour scheme.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from factlab.report.verdict import (
    FAR_RETENTION,
    HELD_OUT,
    LEARNED_AT,
    LIMITS,
    NEAR_INTRUSION,
    Word,
    damage_of,
)
from factlab.schema.results import CellResult, Metric, TrainStep

INK = {
    "text": "#1f2328",
    "muted": "#59636e",
    "grid": "#e4e7eb",
    "accent": "#2457a6",
    "clean": "#1a7043",
    "blurred": "#8f5a00",
    "destructive": "#b3261e",
    "not measured": "#59636f",
}
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
SHAPE_SIGNS = ("●", "■", "▲", "◆", "✚", "▼")
_WIDTH, _HEIGHT = 340, 300
_MOST_POINTS = 240


@dataclass(frozen=True, slots=True)
class Point:
    """One cell in a recall-against-cost panel; shares between 0 and 1."""

    rank: int
    seed: int
    word: Word
    x: float
    x_low: float
    x_high: float
    y: float
    y_low: float
    y_high: float


@dataclass(frozen=True, slots=True)
class Panel:
    """A drawn chart with the sentence that stands for it."""

    title: str
    svg: Markup
    alternative: str


def recall_panels(cells: tuple[CellResult, ...]) -> list[Panel]:
    """Recall against forgetting and against near intrusion, where both ends were measured."""
    seeds = sorted({cell.seed for cell in cells})
    found: list[Panel] = []
    for title, metric, flip in (
        ("Known unrelated answers lost (1 − far retention)", FAR_RETENTION, True),
        ("Related answers that contain the new value (near intrusion)", NEAR_INTRUSION, False),
    ):
        points = [
            _point(cell, cell.metrics[metric], flip)
            for cell in cells
            if metric in cell.metrics and HELD_OUT in cell.metrics
        ]
        if points:
            svg = _svg(_panel(points, metric, title, seeds), f"p{len(found)}")
            found.append(Panel(title, svg, _panel_in_words(points, title)))
    return found


def _point(cell: CellResult, cost: Metric, flip: bool) -> Point:
    low, high = _ends(cost)
    if flip:
        low, high = 1 - high, 1 - low
    recall = cell.metrics[HELD_OUT]
    y_low, y_high = _ends(recall)
    return Point(
        rank=cell.rank,
        seed=cell.seed,
        word=damage_of(cell.metrics).word,
        x=1 - cost.value if flip else cost.value,
        x_low=low,
        x_high=high,
        y=recall.value,
        y_low=y_low,
        y_high=y_high,
    )


def _ends(metric: Metric) -> tuple[float, float]:
    low = metric.value if metric.ci_low is None else metric.ci_low
    high = metric.value if metric.ci_high is None else metric.ci_high
    return low, high


def _panel(points: list[Point], metric: str, title: str, seeds: list[int]) -> Any:
    import altair as alt

    right = min(1.0, max(0.2, math.ceil(10 * max(p.x_high for p in points) + 0.3) / 10))
    colour = alt.Color("ink:N", scale=None, legend=None)
    shape = alt.Shape("shape:N", scale=None, legend=None)
    x = alt.X(
        "x:Q",
        title=_wrapped(title),
        scale=alt.Scale(domain=[0, right], nice=False),
        axis=alt.Axis(format=".0%", tickCount=5),
    )
    y = alt.Y(
        "y:Q",
        title="Held-out recall",
        scale=alt.Scale(domain=[0, 1.04], nice=False),
        axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1]),
    )
    base = alt.Chart(_data([_drawn(point, seeds) for point in points]))
    layers = [
        *_threshold_rules(metric, right),
        base.mark_rule(strokeWidth=1.5, opacity=0.55).encode(
            x=_bar("x_low"), x2="x_high:Q", y=y, color=colour
        ),
        base.mark_rule(strokeWidth=1.5, opacity=0.55).encode(
            x=x, y=_bar("y_low"), y2="y_high:Q", color=colour
        ),
        base.mark_point(filled=True, size=95, opacity=1).encode(
            x=x, y=y, color=colour, shape=shape
        ),
        _labels(points, right).encode(x=x, y=y, text="label:N", color=colour),
    ]
    return _dressed(alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT))


def _bar(field: str) -> Any:
    import altair as alt

    return alt.X(f"{field}:Q") if field.startswith("x") else alt.Y(f"{field}:Q")


def _drawn(point: Point, seeds: list[int]) -> dict[str, Any]:
    return {
        "x": point.x,
        "x_low": point.x_low,
        "x_high": point.x_high,
        "y": point.y,
        "y_low": point.y_low,
        "y_high": point.y_high,
        "ink": INK[point.word],
        "shape": shape_of(point.seed, seeds),
    }


def shape_of(seed: int, seeds: list[int]) -> str:
    """The mark that stands for a seed; after six seeds the shapes come round again."""
    return SHAPES[seeds.index(seed) % len(SHAPES)]


def _threshold_rules(metric: str, right: float) -> list[Any]:
    import altair as alt

    limit = next(limit for limit in LIMITS if limit.metric == metric)
    shares = [value for value in (limit.blurred, limit.destructive) if value is not None]
    costs = [1 - share if limit.low_is_bad else share for share in shares]
    across = alt.Chart(_data([{"y": LEARNED_AT}])).encode(y="y:Q")
    down = alt.Chart(_data([{"x": cost} for cost in costs if cost <= right])).encode(x="x:Q")
    return [
        chart.mark_rule(strokeDash=[3, 3], color=INK["muted"], opacity=0.7)
        for chart in (across, down)
    ]


def _data(values: list[dict[str, Any]]) -> Any:
    import altair as alt

    return alt.Data(values=values)  # type: ignore[no-untyped-call]


def _labels(points: list[Point], right: float) -> Any:
    """One label for each heap of points, so that cells with equal results stay readable."""
    import altair as alt

    heaps: list[list[Point]] = []
    for point in points:
        for heap in heaps:
            if abs(heap[0].x - point.x) < 0.05 * right and abs(heap[0].y - point.y) < 0.05:
                heap.append(point)
                break
        else:
            heaps.append([point])
    values = [
        {
            "x": heap[0].x,
            "y": heap[0].y,
            "ink": INK[heap[0].word],
            "label": ", ".join(f"r{rank}" for rank in sorted({point.rank for point in heap})),
        }
        for heap in heaps
    ]
    return alt.Chart(_data(values)).mark_text(
        align="left", dx=9, dy=13, fontSize=13, fontWeight=600
    )


def _panel_in_words(points: list[Point], title: str) -> str:
    told = "; ".join(
        f"rank {p.rank} seed {p.seed}: recall {p.y:.0%}, cost {p.x:.0%}, {p.word}" for p in points
    )
    return f"Scatter chart of held-out recall against: {title}. {told}."


def tops(logs: Iterable[tuple[TrainStep, ...]]) -> tuple[float, float]:
    """The highest loss and anchor KL of several cells, so that all share their scales."""
    steps = [step for log in logs for step in log]
    losses = [step.loss_nats for step in steps if math.isfinite(step.loss_nats)]
    kls = [step.anchor_kl_nats for step in steps if step.anchor_kl_nats is not None]
    return max(losses, default=1.0), max(filter(math.isfinite, kls), default=1.0)


def training_panels(log: tuple[TrainStep, ...], top: tuple[float, float]) -> list[Panel]:
    """The loss of one cell over its steps and, if it was anchored, the KL to the base model."""
    if len(log) < 2:
        return []
    kept = thinned(log)
    loss = [(step.step, step.loss_nats) for step in kept]
    panels = [_curve("Loss, nats per answer token", loss, top[0], "accent")]
    kl = [(s.step, s.anchor_kl_nats) for s in kept if s.anchor_kl_nats is not None]
    if kl:
        panels.append(_curve("KL to the base on anchors, nats per token", kl, top[1], "blurred"))
    return panels


def thinned(log: tuple[TrainStep, ...], most: int = _MOST_POINTS) -> list[TrainStep]:
    """At most about `most` steps, evenly spaced, always with the first and the last."""
    stride = max(1, math.ceil(len(log) / most))
    kept = list(log[::stride])
    return kept if not log or kept[-1] is log[-1] else [*kept, log[-1]]


def _curve(title: str, values: list[tuple[int, float]], top: float, ink: str) -> Panel:
    import altair as alt

    # A diverged step has no finite loss and JSON has no word for it: leave a gap.
    finite = [(step, value) for step, value in values if math.isfinite(value)]
    data = _data([{"step": step, "value": value} for step, value in finite])
    chart = (
        alt.Chart(data)
        .mark_line(strokeWidth=2, color=INK[ink], interpolate="linear")
        .encode(
            x=alt.X("step:Q", title="Step", axis=alt.Axis(tickCount=5, format="d")),
            y=alt.Y(
                "value:Q",
                title=None,
                scale=alt.Scale(domain=[0, top * 1.05 or 1], nice=False),
                axis=alt.Axis(tickCount=4, minExtent=34),
            ),
        )
        .properties(width=_WIDTH, height=150)
    )
    told = f"Line chart of {title} over {len(values)} steps."
    if finite:
        told += f" First {finite[0][1]:.3g}, last {finite[-1][1]:.3g}."
    return Panel(title, _svg(_dressed(chart), re.sub(r"\W", "", title)), told)


def _wrapped(title: str) -> list[str]:
    head, bracket, rest = title.partition(" (")
    return [head, f"({rest}"] if bracket else [head]


def _dressed(chart: Any) -> Any:
    """House style: no frame, faint grid, our colours, and no font that has to be fetched."""
    axis = {
        "labelColor": INK["muted"],
        "titleColor": INK["text"],
        "gridColor": INK["grid"],
        "domainColor": INK["muted"],
        "tickColor": INK["muted"],
        "labelFontSize": 12,
        "titleFontSize": 12.5,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    }
    return (
        chart.configure(aria=False, font="system-ui, sans-serif", background="transparent")
        .configure_axis(**axis)
        .configure_view(stroke=None)
    )


def _svg(chart: Any, prefix: str) -> Markup:
    """Inline SVG without namespaces (HTML knows them) and with ids that are its own."""
    import vl_convert

    text = vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[])
    text = re.sub(r' (?:xmlns(?::xlink)?|version|role|aria-[a-z]+|class)="[^"]*"', "", text)
    text = re.sub(r'id="clip', f'id="{prefix}clip', text)
    text = re.sub(r"url\(#clip", f"url(#{prefix}clip", text)
    return Markup(text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))
