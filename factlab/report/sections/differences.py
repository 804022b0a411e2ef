"""Differences between configurations: a forest plot per endpoint and the table behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from factlab.report.definitions import definition_of
from factlab.report.drawing import INK, WIDTH, Figure, FigureGroup, data, figure, room_for
from factlab.report.load import ReportData
from factlab.report.table import Entry, Table, capped, columns, entries
from factlab.report.wording import NONE, difference_in_unit, integer, probability
from factlab.schema.results import Comparison

_MOST_DRAWN, _MOST_LISTED = 24, 220
_WHERE = "all are in results.json."
_HEADS = (
    "Endpoint", "Pair (b − a)", "#Difference", "95 % interval", "Inference", "#p (Holm)", "#p",
    "#Detectable difference", "Non-inferiority", "#n", "#Clusters",
    "Methods", "Covers",
)  # fmt: skip
CAVEAT = (
    "b − a on the same items and seeds. Read the difference and its interval first, then p, which "
    "is that of the interval: other items and other seeds are in both. p (Holm) is corrected for "
    "the pairs of that endpoint. “Detectable” is the true difference found with power 0.8, "
    "a range since the spread is itself estimated; a smaller one can go unnoticed: a result that "
    "is not significant does not prove that nothing was forgotten. “Descriptive only”: too few "
    "seeds or clusters for any inference; below three seeds an interval is about these seeds alone."
)


def figure_group(run: ReportData) -> FigureGroup:
    """A forest plot per endpoint."""
    compared = run.result.comparisons
    if not compared:
        return FigureGroup()
    names = tuple(dict.fromkeys(comparison.metric for comparison in compared))
    return FigureGroup(forests(compared, "f"), (_table(compared),), names, CAVEAT)


def forests(compared: Sequence[Comparison], key: str) -> tuple[Figure, ...]:
    """A forest plot per endpoint; `key` begins the ids within their SVG."""
    by_metric: dict[str, list[Comparison]] = {}
    for comparison in compared:
        by_metric.setdefault(comparison.metric, []).append(comparison)
    return tuple(
        _forest(name, pairs, f"{key}{place}")
        for place, (name, pairs) in enumerate(by_metric.items())
    )


def _forest(name: str, pairs: Sequence[Comparison], key: str) -> Figure:
    import altair as alt

    shown = sorted(pairs, key=lambda pair: -abs(pair.difference))[:_MOST_DRAWN]
    kept = [pair for pair in pairs if pair in shown]
    rows: list[dict[str, Any]] = [
        {
            "pair": f"{c.b} − {c.a}",
            "x": c.difference,
            "low": c.difference if c.ci_low is None else c.ci_low,
            "high": c.difference if c.ci_high is None else c.ci_high,
            "ink": INK["not measured"] if c.descriptive else INK["accent"],
        }
        for c in kept
        if math.isfinite(c.difference)
    ]
    share = definition_of(name).unit in ("share", "points")
    colour = alt.Color("ink:N", scale=None, legend=None)
    y = alt.Y(
        "pair:N",
        title=None,
        sort=[row["pair"] for row in rows],
        axis=alt.Axis(
            labelLimit=190,
            ticks=False,
            domain=False,
            minExtent=min(190, room_for([row["pair"] for row in rows])),
        ),
    )
    axis = alt.Axis(format="+.0%", tickCount=4) if share else alt.Axis(tickCount=4)
    x = alt.X(
        "x:Q",
        title="difference, b − a",
        axis=axis,
        scale=alt.Scale(domain=_domain(rows, [_margin(name, pair) for pair in kept]), nice=False),
    )
    base = alt.Chart(data(rows))
    chart = alt.layer(
        *_rules(name, kept),
        base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q", y=y, color=colour),
        base.mark_point(filled=True, size=70, opacity=1).encode(x=x, y=y, color=colour),
    ).properties(width=WIDTH - 40, height=max(60, 20 * len(rows)))
    title = definition_of(name).title
    if len(kept) < len(pairs):
        title += f" (the {len(kept)} largest of {len(pairs)})"
    values = "; ".join(f"{c.b} minus {c.a}: {_shown(c.difference, name)}" for c in kept)
    return figure(title, chart, f"Forest plot of differences in {title}. {values}.", key=key)


def _domain(rows: Sequence[dict[str, Any]], margins: Sequence[float]) -> list[float]:
    """From the lowest to the highest bound, zero and margins in it, a little room at both ends."""
    low = min([0.0, *margins, *[row["low"] for row in rows]])
    high = max([0.0, *margins, *[row["high"] for row in rows]])
    room = 0.08 * (high - low) or 0.05
    return [low - room, high + room]


def _rules(name: str, pairs: Sequence[Comparison]) -> list[Any]:
    """Zero, and the margin on the side that is worse."""
    import altair as alt

    zero = alt.Chart(data([{"x": 0}])).mark_rule(color=INK["muted"]).encode(x="x:Q")
    margins = {_margin(name, pair) for pair in pairs if pair.margin is not None}
    margin = alt.Chart(data([{"x": value} for value in sorted(margins)]))
    return [
        zero,
        margin.mark_rule(strokeDash=[3, 3], color=INK["destructive"]).encode(x="x:Q"),
    ]


def _margin(name: str, pair: Comparison) -> float:
    """The margin on the side that is worse; 0 where none is declared."""
    worse = -1 if definition_of(name).better == "high" else 1
    return worse * (pair.margin or 0.0)


def _shown(value: float | None, name: str) -> str:
    return NONE if value is None else difference_in_unit(value, definition_of(name).unit)


def _table(comparisons: Sequence[Comparison]) -> Table:
    rows, left_out = capped([_row(c) for c in comparisons], _MOST_LISTED, _WHERE)
    return Table("Differences between configurations", columns(*_HEADS), rows, left_out)


def _row(c: Comparison) -> tuple[Entry, ...]:
    return entries(
        c.metric,
        f"{c.b} − {c.a}",
        Entry(_shown(c.difference, c.metric), key=c.difference),
        _interval(c),
        _inference(c),
        Entry(probability(c.p_adjusted), key=c.p_adjusted),
        Entry(probability(c.p), key=c.p),
        Entry(_detectable(c), key=c.detectable),
        _non_inferiority(c),
        Entry(integer(c.n), key=c.n),
        Entry(integer(c.clusters), key=c.clusters),
        f"{c.ci_method}; {c.p_method}",
        c.covers,
    )


def _inference(c: Comparison) -> Entry:
    if not c.descriptive:
        return Entry("as stated")
    return Entry("; ".join(filter(None, ("descriptive only", c.lacks))), tone="warn")


def _interval(c: Comparison) -> str:
    if c.ci_low is None or c.ci_high is None:
        return NONE
    return f"{_shown(c.ci_low, c.metric)} to {_shown(c.ci_high, c.metric)}"


def _detectable(c: Comparison) -> str:
    if c.detectable is None or not math.isfinite(c.detectable):
        return NONE
    ends = [end for end in (c.detectable_low, c.detectable) if end is not None]
    return " to ".join(_shown(end, c.metric).lstrip("+") for end in ends)


def _non_inferiority(c: Comparison) -> Entry:
    if c.margin is None:
        return Entry(NONE)
    margin = _shown(c.margin, c.metric).lstrip("+")
    if c.not_worse is None:
        return Entry(f"margin {margin}: not tested")
    if c.not_worse:
        return Entry(f"not worse by {margin}", tone="good")
    return Entry(f"worse by {margin} not excluded", tone="warn")
