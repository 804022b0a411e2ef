"""Recall by phrasing family, and by similarity to the nearest trained question."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any

from factlab.report.drawing import INK, WIDTH, FigureGroup, data, figure, heat_map, series_of
from factlab.report.load import ReportData, labels
from factlab.report.table import Entry, Table, capped, columns, entries
from factlab.report.wording import NONE, integer, percent
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.results import Configuration
from factlab.schema.splits import Split

_MOST_ROWS, _MOST_LISTED, _MOST_COLUMNS, _MOST_LINES = 30, 120, 16, 8
_BIN = 0.1

Tally = dict[Hashable, list[bool]]


def tally(
    run: ReportData,
    configuration: Configuration,
    *splits: Split,
    by: Callable[[Question], Hashable],
    hit: Callable[[AnswerRecord, tuple[str, ...]], bool],
) -> Tally:
    """Hits of all answers of a configuration's cells, by what `by` says of their questions.

    `hit` is given the answer and the facts of the cell it came from.
    """
    found: Tally = defaultdict(list)
    for cell in run.cells_of(configuration):
        for id_, answer in run.cells.get(cell.id, {}).items():
            question = run.questions[id_]
            if question.split in splits and (group := by(question)) is not None:
                found[group].append(hit(answer, cell.facts))
    return found


def is_correct(answer: AnswerRecord, _: tuple[str, ...]) -> bool:
    """Whether an answer was graded right."""
    return bool(answer.correct)


def rate_entry(hits: list[bool] | None) -> Entry:
    """Hits over answers, with their share."""
    if not hits:
        return Entry(NONE, key=-1)
    share = sum(hits) / len(hits)
    return Entry(f"{sum(hits)}/{len(hits)}, {percent(share)}", key=share)


def figure_group(run: ReportData) -> FigureGroup:
    """Heat map of held-out recall by phrasing family and configuration."""
    tallies = {
        c.id: tally(run, c, "held_out", "probe", by=_family, hit=is_correct)
        for c in run.configurations
    }
    families = sorted({str(family) for found in tallies.values() for family in found})
    if not families:
        return FigureGroup()
    families.sort(key=lambda family: _mean(tallies, family))
    named = labels(run.configurations)
    shown, heads = families[:_MOST_ROWS], list(named.values())[:_MOST_COLUMNS]
    shares = {
        (family, named[id_]): sum(hits) / len(hits)
        for id_, found in tallies.items()
        for family in shown
        if (hits := found.get(family)) and named[id_] in heads
    }
    alternative = f"Heat map of held-out recall, {len(shown)} phrasing families by configuration."
    title = "Held-out recall by phrasing family, hardest first"
    if len(families) > len(shown):
        title += f" ({len(shown)} of {len(families)} families)"
    drawn = [figure(title, heat_map(shown, heads, shares), alternative, key="h0", wide=True)]
    rows, left_out = capped(
        [
            entries(family, *[rate_entry(tallies[id_].get(family)) for id_ in named])
            for family in families
        ],
        _MOST_LISTED,
        "they follow from data/held_out.jsonl and cells/*/answers.jsonl.",
    )
    heads_ = columns("Family", *[f"#{name}" for name in named.values()])
    table = Table("Held-out recall by phrasing family", heads_, rows, left_out)
    caveat = (
        "Answers of all facts and seeds of a configuration together; a family has few questions, "
        "so single fields are rough and have no interval."
    )
    return FigureGroup(
        tuple(drawn) if len(heads) > 1 else (), (table,), ("recall/held_out",), caveat
    )


def _family(question: Question) -> str:
    return f"probe: {question.family}" if question.split == "probe" else question.family


def _mean(tallies: dict[str, Tally], family: str) -> tuple[float, str]:
    hits = [hit for found in tallies.values() for hit in found.get(family, [])]
    return sum(hits) / len(hits) if hits else 1.0, family


# --- distance from training --------------------------------------------------------------------


def distance(run: ReportData) -> FigureGroup:
    """Held-out recall by similarity to the nearest trained question."""
    if not any(q.nearest is not None for q in run.questions.values()):
        return FigureGroup()
    tallies = {
        c.id: tally(run, c, "held_out", by=_bin_of, hit=is_correct) for c in run.configurations
    }
    bins = sorted({int(str(place)) for found in tallies.values() for place in found})
    if not bins:
        return FigureGroup()
    named = labels(run.configurations)
    drawn = figure(
        "Held-out recall by similarity to the nearest trained question",
        _lines(tallies, named),
        "Line chart of held-out recall by similarity to training; the numbers are in its table.",
        key="d0",
        wide=True,
    )
    counts: dict[int, int] = defaultdict(int)
    for question in run.questions.values():
        if question.split == "held_out" and (place := _bin_of(question)) is not None:
            counts[place] += 1
    rows = tuple(
        entries(
            Entry(_bin_name(place), key=place),
            Entry(integer(counts[place]), key=counts[place]),
            *[rate_entry(tallies[id_].get(place)) for id_ in named],
        )
        for place in bins
    )
    heads = columns("Similarity", "#Questions", *[f"#{name}" for name in named.values()])
    caveat = (
        "Similarity is the cosine of character n-grams, 1 for the same wording; it compares "
        "letters, not meaning. Bins hold different questions, so a slope may be about their form. "
        "A flat line speaks against recall that only copies wordings, as far as so few questions "
        "in a bin can."
    )
    if len(named) > _MOST_LINES:
        caveat += f" The chart shows the first {_MOST_LINES} configurations; the table has all."
    return FigureGroup(
        (drawn,), (Table("Recall by similarity", heads, rows),), ("recall/held_out",), caveat
    )


def _bin_of(question: Question) -> int | None:
    if question.nearest is None:
        return None
    return min(9, max(0, math.floor(question.nearest / _BIN + 1e-9)))


def _bin_name(place: int) -> str:
    return f"{place * _BIN:.1f}–{(place + 1) * _BIN:.1f}"


def _lines(tallies: dict[str, Tally], named: dict[str, str]) -> Any:
    import altair as alt

    rows: list[dict[str, Any]] = []
    for place, (id_, name) in enumerate(list(named.items())[:_MOST_LINES]):
        ink, _ = series_of(place)
        for group, hits in sorted(tallies[id_].items(), key=lambda item: str(item[0])):
            middle = (int(str(group)) + 0.5) * _BIN
            share = sum(hits) / len(hits)
            rows.append({"x": middle, "y": share, "name": name, "ink": ink, "n": f"n {len(hits)}"})
    colour = alt.Color("ink:N", scale=None, legend=None)
    low = min((row["x"] for row in rows), default=0.0)
    high = max((row["x"] for row in rows), default=1.0)
    x = alt.X(
        "x:Q",
        title="similarity to the nearest trained question",
        scale=alt.Scale(domain=[low - 0.05, high + 0.12], nice=False),
        axis=alt.Axis(format=".2f", tickCount=6),
    )
    y = alt.Y(
        "y:Q",
        title=None,
        scale=alt.Scale(domain=[0, 1.04], nice=False),
        axis=alt.Axis(format=".0%", tickCount=5),
    )
    base = alt.Chart(data(rows))
    last = [
        row for row in rows if row["x"] == max(r["x"] for r in rows if r["name"] == row["name"])
    ]
    layers = [
        base.mark_line(strokeWidth=1.5, opacity=0.75).encode(
            x=x, y=y, color=colour, detail="name:N"
        ),
        base.mark_point(filled=True, size=55, opacity=1).encode(x=x, y=y, color=colour),
        alt.Chart(data(spread(last)))
        .mark_text(align="left", dx=8, fontSize=12, fontWeight=600)
        .encode(x=x, y=alt.Y("at:Q"), text="name:N", color=colour),
    ]
    if len(named) == 1:
        layers.append(
            base.mark_text(dy=-12, fontSize=11, color=INK["muted"]).encode(x=x, y=y, text="n:N")
        )
    return alt.layer(*layers).properties(width=WIDTH + 120, height=200)


def spread(ends: list[dict[str, Any]], gap: float = 0.085) -> list[dict[str, Any]]:
    """Line-end labels moved apart, at `at`, so that none covers another or the axis."""
    rows = sorted(ends, key=lambda row: -float(row["y"]))
    places: list[float] = []
    for row in rows:
        places.append(min(float(row["y"]), places[-1] - gap if places else math.inf))
    least = gap / 2  # a label has its place in the middle: none is to lie on the axis
    for place in reversed(range(len(places))):
        places[place] = max(places[place], least)
        least = places[place] + gap
    return [{**row, "at": at} for row, at in zip(rows, places, strict=True)]
