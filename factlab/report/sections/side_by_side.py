"""Configurations side by side: what each recalls, and what it did to everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from factlab.comparison.damage import FAR_INTRUSION, FAR_RETENTION, HELD_OUT, LEARNED_AT, LIMITS
from factlab.metrics.catalogue import PROBE_METRICS
from factlab.report.definitions import definition_of
from factlab.report.drawing import (
    INK,
    Figure,
    FigureGroup,
    data,
    ends_of,
    figure,
    room_for,
    series_of,
)
from factlab.report.load import ReportData, labels
from factlab.report.sections.neighbours import KINDS
from factlab.report.table import Table, columns, entries, metric_entry, valued
from factlab.report.wording import percent
from factlab.schema.results import Configuration
from factlab.schema.splits import NEAR_GROUPS

_NAMED = "Injected value named"
_ROWS = {
    HELD_OUT: "Fact recalled in phrasings that were not trained",
    **{name: f"Passage recalled: {definition_of(name).title}" for name in PROBE_METRICS},
    FAR_RETENTION: "Unrelated answers kept",
    **{f"intrusion/{group}": f"{_NAMED}: {KINDS[group]}" for group in NEAR_GROUPS},
    FAR_INTRUSION: f"{_NAMED}: unrelated questions",
}
_RECALL = (HELD_OUT, *PROBE_METRICS)
_MOST = 8  # configurations, a colour each
_LINE, _DOT = 18, 8  # pixels: height of a line, room for half a dot
_WIDTH = 600
_TEXT_AT, _RIGHT = 1.05, 1.42  # where values are written, and where the scale ends


def figure_group(run: ReportData) -> FigureGroup | None:
    """A dot plot; None where there is one configuration, or recall or its price is not measured."""
    measured = {name for c in run.configurations for name in c.metrics}
    names = [name for name in _ROWS if name in measured]
    recall = [name for name in names if name in _RECALL]
    if len(run.configurations) < 2 or not recall or recall == names:
        return None
    return FigureGroup(
        figures=(_dot_plot(run, names),),
        tables=(_table(run, names),),
        names=(*recall, FAR_RETENTION, "intrusion/near"),
    )


def dot_plot(configurations: Sequence[Configuration], key: str) -> Figure | None:
    """The same plot for any configurations, also for one; None where nothing of it is measured.

    Args:
        configurations: What is shown, at most as many as there are colours.
        key: Makes the ids within its SVG its own.
    """
    shown = configurations[:_MOST]
    names = [name for name in _ROWS if any(name in c.metrics for c in shown)]
    if not names:
        return None
    title = "Recall and damage"
    rows = list(_lines(names, shown, labels(tuple(configurations))))
    return figure(title, _chart(rows), _alternative(rows, title), key=key, wide=True)


def _dot_plot(run: ReportData, names: Sequence[str]) -> Figure:
    shown = shown_of(run)
    some = f", {len(shown)} of {len(run.configurations)} configurations"
    title = f"Recall and damage{some if len(shown) < len(run.configurations) else ''}"
    rows = list(_lines(names, shown, labels(run.configurations)))
    return figure(title, _chart(rows), _alternative(rows, title), key="d0", wide=True)


def shown_of(run: ReportData, best: str = "") -> list[Configuration]:
    """As many as there are colours; of more those that the verdict and the choice speak of."""
    choice = run.result.choice
    first = (best, *((choice.chosen, *choice.pareto) if choice else ()))
    kept = sorted(run.configurations, key=lambda c: c.id not in first)[:_MOST]
    return [c for c in run.configurations if c in kept]


def _lines(
    names: Sequence[str], shown: Sequence[Configuration], named: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """From top to bottom: a metric's title, then a line for each configuration."""
    for name in names:
        spec = definition_of(name)
        yield {"key": f"{name}|", "head": _ROWS[name], "text": f"{spec.better} is good"}
        for place, c in enumerate(shown):
            metric = c.metrics.get(name)
            line: dict[str, Any] = {
                "key": f"{name}|{named[c.id]}",
                "label": named[c.id],
                "ink": series_of(place)[0],
                "text": valued(metric, "share") if metric else "not measured",
                "limit": _limit(name),
            }
            if metric:
                low, high = ends_of(metric)
                line |= {"x": metric.value, "low": low, "high": high}
            yield line


def _limit(name: str) -> float | None:
    """What the verdict asks of a metric: from here on learned, or no longer clean."""
    if name == HELD_OUT:
        return LEARNED_AT
    return next((limit.blurred for limit in LIMITS if limit.metric == name), None)


def _chart(rows: Sequence[dict[str, Any]]) -> Any:
    import altair as alt

    heads = [row for row in rows if "head" in row]
    lines = [row for row in rows if "label" in row]
    y = alt.Y(
        "key:N",
        title=None,
        scale=alt.Scale(domain=[row["key"] for row in rows]),
        axis=alt.Axis(
            labelExpr="split(datum.label, '|')[1]",
            labelLimit=260,
            labelPadding=_DOT,
            ticks=False,
            domain=False,
            minExtent=_DOT + room_for([row["label"] for row in lines]),
        ),
    )
    x = alt.X(
        "x:Q",
        title=None,
        scale=alt.Scale(domain=[0, _RIGHT], nice=False),
        axis=alt.Axis(
            format=".0%",
            values=[0, 0.25, 0.5, 0.75, 1],
            domain=False,
            ticks=False,
            labelFlush=False,
        ),
    )
    colour = alt.Color("ink:N", scale=None, legend=None)
    drawn = alt.Chart(data([row for row in lines if "x" in row]))
    title, text = alt.Chart(data(heads)), alt.Chart(data(rows))
    limits = alt.Chart(data([row for row in lines if row["limit"] is not None]))
    return alt.layer(
        limits.mark_tick(size=_LINE, thickness=1.3, color=INK["muted"]).encode(x="limit:Q", y=y),
        drawn.mark_rule(strokeWidth=2.5, opacity=0.55).encode(
            x=alt.X("low:Q"), x2="high:Q", y=y, color=colour
        ),
        drawn.mark_point(filled=True, size=85, opacity=1).encode(x=x, y=y, color=colour),
        title.mark_text(align="left", fontSize=12.5, fontWeight=600, color=INK["text"], x=0).encode(
            y=y, text="head:N"
        ),
        text.mark_text(align="left", fontSize=12, color=INK["muted"]).encode(
            x=alt.datum(_TEXT_AT), y=y, text="text:N"
        ),
    ).properties(width=_WIDTH, height=_LINE * len(rows))


def _alternative(rows: Sequence[dict[str, Any]], title: str) -> str:
    said: list[str] = []
    for row in rows:
        if "head" in row:
            said.append(f"{row['head']}:")
        else:
            value = percent(row["x"]) if "x" in row else row["text"]
            said.append(f"{row['label']} {value};")
    return f"Dot plot. {title}. {' '.join(said).removesuffix(';')}."


def _table(run: ReportData, names: Sequence[str]) -> Table:
    named = labels(run.configurations)
    rows = tuple(
        entries(_ROWS[name], *[metric_entry(name, c.metrics.get(name)) for c in run.configurations])
        for name in names
    )
    heads = columns("Share of answers", *[f"#{named[c.id]}" for c in run.configurations])
    return Table("Configurations side by side: answers, share, [interval]", heads, rows)
