"""Recall and damage against the number of facts in one adapter, as one page: `capacity.html`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from markupsafe import Markup

from factlab.comparison.damage import LIMITS
from factlab.report.definitions import definition_of
from factlab.report.drawing import WIDTH, Figure, data, figure, series_of
from factlab.report.page import asset, page_environment, policy
from factlab.report.sections.families import spread
from factlab.report.sections.metrics import KeyFigure
from factlab.report.table import Entry, Table, columns, entries, metric_entry
from factlab.report.verdict import learned_at, tone
from factlab.report.wording import integer, percent, plural
from factlab.schema.capacity import CapacityResult, CapacityRow
from factlab.schema.results import Metric

HELD_OUT = "recall/held_out"
DAMAGE = {
    "intrusion/near": "Related answers that contain an injected value (near intrusion)",
    "intrusion/far": "Unrelated answers that contain an injected value (far intrusion)",
    "retention/far": "Known unrelated answers kept (far retention)",
    "interference/held_out": "Answers about one fact that contain another's value (interference)",
}
WIDE, HEIGHT, SMALL = 620, 300, 190
_APART = 0.025  # of a number of facts, between lines, so that intervals do not cover each other


def render_capacity(result: CapacityResult) -> str:
    """The measurement as one HTML document that loads nothing and has no scripts."""
    style = asset("report.css")
    shown = [name for name in DAMAGE if any(name in row.metrics for row in result.rows)]
    context = {
        "result": result,
        "most": _most(result.rows, shown),
        "figures": _figures(result.rows, shown),
        "rows": _table(result.rows),
        "names": (HELD_OUT, *shown),
        "style": Markup(style),
        "policy": Markup(policy(style, "")),
    }
    return page_environment().get_template("capacity.html.jinja").render(context)


def _most(rows: Sequence[CapacityRow], shown: Sequence[str]) -> list[KeyFigure]:
    """The adapter that holds most facts, and beside it its recall and what it cost."""
    if not rows:
        return []
    row = max(rows, key=lambda row: row.recalled)
    recall = percent(row.recall.value)
    found = [
        KeyFigure(
            title="Most facts recalled",
            value=f"{row.recalled:.1f}",
            detail=f"of {plural(row.facts, 'fact')} in one adapter, {row.configuration}",
            before=f"held-out recall {recall}",
            tone=tone(learned_at(row.recall.value)),
        )
    ]
    for name in shown:
        if (metric := row.metrics.get(name)) is not None:
            limit = next((limit for limit in LIMITS if limit.metric == name), None)
            base = f", base {percent(row.base[name])}" if name in row.base else ""
            found.append(
                KeyFigure(
                    title=definition_of(name).title,
                    value=percent(metric.value),
                    detail=f"of {plural(metric.n, 'answer')}{base}",
                    before="",
                    tone=tone(limit.word(metric.value)) if limit else "warn",
                )
            )
    return found


def _figures(rows: Sequence[CapacityRow], shown: Sequence[str]) -> list[Figure]:
    if not rows:
        return []
    drawn = [_lines("Held-out recall", rows, lambda row: row.recall, "cap0", HEIGHT)]
    for place, name in enumerate(shown, start=1):
        title, key = DAMAGE[name], f"cap{place}"
        drawn.append(_lines(title, rows, partial(_metric, name), key, SMALL))
    return drawn


def _metric(name: str, row: CapacityRow) -> Metric | None:
    return row.metrics.get(name)


def _lines(
    title: str,
    rows: Sequence[CapacityRow],
    value: Callable[[CapacityRow], Metric | None],
    key: str,
    height: int,
) -> Figure:
    """A line per configuration over the numbers of facts, with 95 % intervals."""
    points = _points(rows, value)
    ends = {point["line"]: point for point in points}
    wide = height == HEIGHT
    top = 1.0 if wide or title.startswith("Known") else _top(points)
    chart = _chart(points, list(ends.values()), top * 1.04, height)
    said = "; ".join(
        f"{p['line']} at {p['facts']:,}: {p['y']:.0%} ({p['low']:.0%} to {p['high']:.0%})"
        for p in points
    )
    return figure(
        title, chart, f"{title} by number of facts in the adapter. {said}", key=key, wide=wide
    )


def _top(points: Sequence[dict[str, Any]]) -> float:
    """A round top for rates that may all be small."""
    most = max((point["high"] for point in points), default=0.0)
    return next(top for top in (0.1, 0.25, 0.5, 1.0) if most <= top or top == 1.0)


def _points(
    rows: Sequence[CapacityRow], value: Callable[[CapacityRow], Metric | None]
) -> list[dict[str, Any]]:
    lines = list(dict.fromkeys(row.configuration for row in rows))
    found = []
    for row in sorted(rows, key=lambda row: (lines.index(row.configuration), row.facts)):
        metric = value(row)
        if metric is None:
            continue
        place = lines.index(row.configuration)
        ink, dash = series_of(place)
        low = metric.value if metric.ci_low is None else metric.ci_low
        high = metric.value if metric.ci_high is None else metric.ci_high
        found.append(
            {
                "x": row.facts * (1 + _APART * (2 * place - len(lines) + 1)),
                "facts": row.facts,
                "y": metric.value,
                "low": low,
                "high": high,
                "line": row.configuration,
                "name": row.configuration,
                "ink": ink,
                "dash": dash,
            }
        )
    return found


def _chart(
    points: list[dict[str, Any]], ends: list[dict[str, Any]], top: float, height: int
) -> Any:
    import altair as alt

    numbers = sorted({point["facts"] for point in points})
    room = max(len(end["name"]) for end in ends) * (0.012 if height == HEIGHT else 0.024)
    span = max(2.0, numbers[-1] / numbers[0])
    scale = alt.Scale(
        type="log",
        domain=[numbers[0] / span**0.06, numbers[-1] * span ** (0.06 + room)],
        nice=False,
    )
    x = alt.X(
        "x:Q",
        title="Facts in one adapter",
        scale=scale,
        axis=alt.Axis(values=numbers, format=",d", grid=False),
    )
    y = alt.Y(
        "y:Q",
        title=None,
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(format=".0%", tickCount=4),
    )
    colour = alt.Color("ink:N", scale=None, legend=None)
    base = alt.Chart(data(points))
    layers: list[Any] = [
        base.mark_line(strokeWidth=1.8).encode(
            x=x, y=y, color=colour, detail="line:N", strokeDash=alt.StrokeDash("dash:N", scale=None)
        ),
        base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(
            x=x, y="low:Q", y2="high:Q", color=colour
        ),
        base.mark_point(filled=True, size=45, opacity=1).encode(x=x, y=y, color=colour),
        alt.Chart(data(spread(ends, top * 14 / height)))
        .mark_text(align="left", dx=10, fontSize=11)
        .encode(x=x, y=alt.Y("at:Q"), text="name:N", color=colour),
    ]
    return alt.layer(*layers).properties(width=WIDE if height == HEIGHT else WIDTH, height=height)


def _table(rows: Sequence[CapacityRow]) -> Table:
    names = [name for name in DAMAGE if any(name in row.metrics for row in rows)]
    drawn = tuple(
        entries(
            row.configuration,
            row.facts,
            metric_entry(HELD_OUT, row.recall),
            Entry(f"{row.recalled:.1f}", key=row.recalled),
            Entry(integer(row.trainable_parameters), key=row.trainable_parameters),
            Entry(f"{row.per_million:.1f}", key=row.per_million),
            Entry(f"{row.seconds:.0f} s", key=row.seconds),
            *(_beside_base(name, row) for name in names),
        )
        for row in rows
    )
    heads = columns(
        "Configuration",
        "#Facts",
        "#Held-out recall",
        "#Facts recalled",
        "#Trained parameters",
        "#Recalled per million",
        "#Training",
        *(f"#{DAMAGE[name].rpartition('(')[2].rstrip(')').capitalize()}" for name in names),
    )
    return Table("Each number of facts and configuration", heads, drawn)


def _beside_base(name: str, row: CapacityRow) -> Entry:
    entry = metric_entry(name, row.metrics.get(name))
    if name in row.base:
        return Entry(entry.text, entry.key, f"{entry.quiet} base {row.base[name]:.1%}".strip())
    return entry
