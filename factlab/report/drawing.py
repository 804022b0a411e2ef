"""House style of the charts: Altair to inline SVG, recoloured for dark screens by the style sheet.

Marks are drawn in the colours of `INK`, `SERIES` and `HEAT`. Each of them is a hook: `report.css`
maps the same hex code to a variable that changes with the colour scheme.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from factlab.display.characters import visible
from factlab.grading.text import is_cjk
from factlab.report.table import Table
from factlab.schema.results import Metric

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
SERIES = (
    "#2457a7", "#b0500f", "#0b7a75", "#7b3fa0", "#a32e5c", "#4d6b1f", "#5b5f97", "#6b4f3a",
)  # fmt: skip
DASHES = ([1, 0], [6, 3], [2, 2])
HEAT = ("#f3f5f8", "#d6e2f3", "#b2caeb", "#8bb0e2", "#6796d8")
WIDTH, HEIGHT = 340, 300


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawn chart with its text alternative."""

    title: str
    svg: Markup
    alternative: str
    wide: bool = False


@dataclass(frozen=True, slots=True)
class FigureGroup:
    """Charts that show one thing, with what stands behind them.

    Attributes:
        figures: Charts side by side.
        tables: The numbers drawn, and those beside them.
        names: Metrics whose formula and caveat are printed.
        caveat: What else to keep in mind.
    """

    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    names: tuple[str, ...] = ()
    caveat: str = ""


def figure(title: str, chart: Any, alternative: str, *, key: str, wide: bool = False) -> Figure:
    """Draw a chart; `key` makes the ids within its SVG its own."""
    return Figure(title, _svg(_dressed(chart), key), alternative, wide)


def series_of(place: int) -> tuple[str, list[int]]:
    """Colour and dash of the line at a place; after all colours the next dash begins."""
    dash = DASHES[(place // len(SERIES)) % len(DASHES)]
    return SERIES[place % len(SERIES)], list(dash)


def data(values: Sequence[dict[str, Any]]) -> Any:
    """Rows for a chart, kept inside it."""
    import altair as alt

    return alt.Data(values=list(values))  # type: ignore[no-untyped-call]


def wrapped(title: str) -> list[str]:
    """A title with what stands in brackets on a second line."""
    head, bracket, rest = title.partition(" (")
    return [head, f"({rest}"] if bracket else [head]


def ends_of(metric: Metric) -> tuple[float, float]:
    """The ends of a metric's interval; its value twice where it has none."""
    low = metric.value if metric.ci_low is None else metric.ci_low
    high = metric.value if metric.ci_high is None else metric.ci_high
    return low, high


def room_for(words: Sequence[str]) -> float:
    """Pixels beside an axis for its labels; the reader's font may be wider than the drawer's."""
    widths = [sum(2 if is_cjk(char) else 1 for char in word) for word in words]
    return min(265.0, 10 + 7.2 * max(widths, default=0))


def heat_map(
    rows: Sequence[str], heads: Sequence[str], shares: dict[tuple[str, str], float]
) -> Any:
    """Shares by row and column, in five shades with the figure in percent written in each."""
    import altair as alt

    values = [
        {"row": row, "head": head, "shade": HEAT[min(4, int(5 * share))], "text": f"{share:.0%}"}
        for (row, head), share in shares.items()
    ]
    angle = 0 if len(heads) < 7 and max(map(len, heads), default=0) < 9 else -45
    base = alt.Chart(data(values)).encode(
        x=alt.X(
            "head:N",
            title=None,
            sort=list(heads),
            axis=alt.Axis(orient="top", labelAngle=angle, domain=False, ticks=False),
        ),
        y=alt.Y(
            "row:N",
            title=None,
            sort=list(rows),
            axis=alt.Axis(
                labelLimit=260, domain=False, ticks=False, minExtent=room_for(list(rows))
            ),
        ),
    )
    boxes = base.mark_rect(stroke=INK["grid"], strokeWidth=1).encode(
        color=alt.Color("shade:N", scale=None, legend=None)
    )
    words = base.mark_text(fontSize=11, color=INK["text"]).encode(text="text:N")
    width = max(90, min(56 * len(heads), 640))
    return alt.layer(boxes, words).properties(width=width, height=22 * len(rows))


def _dressed(chart: Any) -> Any:
    """No frame, faint grid, our colours, and no font that has to be fetched."""
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


def _readable(part: Any) -> Any:
    """A part of a chart, with all text in it as it can be shown."""
    if isinstance(part, dict):
        return {visible(key): _readable(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_readable(value) for value in part]
    return visible(part) if isinstance(part, str) else part


def _shortened(tag: re.Match[str]) -> str:
    """Coordinates to two decimals; what stands between tags is somebody's name and is kept."""
    return re.sub(r"(?<!\d)(\d++\.\d{2})\d+", r"\1", tag.group())


def _svg(chart: Any, prefix: str) -> Markup:
    """Inline SVG without namespaces (HTML knows them) and with ids that are its own."""
    import vl_convert

    # The drawer ends the process for a character that XML does not allow.
    text = vl_convert.vegalite_to_svg(_readable(chart.to_dict()), allowed_base_urls=[])
    text = re.sub(r' (?:xmlns(?::xlink)?|version|role|aria-[a-z]+|class)="[^"]*"', "", text)
    text = re.sub(r'id="clip', f'id="{prefix}clip', text)
    text = re.sub(r"url\(#clip", f"url(#{prefix}clip", text)
    text = re.sub(r"<[^>]+>", _shortened, text)
    return Markup(text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))
