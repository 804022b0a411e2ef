"""A table of the page as plain data; one macro of the template draws them all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from factlab.metrics.spec import MetricSpec
from factlab.report.definitions import definition_of
from factlab.report.wording import NONE, count_of, in_unit, integer, interval_in_unit
from factlab.schema.results import Metric


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a table.

    Attributes:
        text: What it says.
        key: What it is sorted by, where that is not its text.
        quiet: A second, subdued part, such as an interval.
        tone: 'good', 'warn', 'bad' or nothing.
    """

    text: str
    key: float | None = None
    quiet: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A head of a table; numbers stand to the right."""

    title: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A caption, heads and rows; the first field of a row is its header.

    Attributes:
        caption: What it shows; also its name to a screen reader.
        columns: Heads.
        rows: Fields, one per column.
        left_out: What is not listed and where it is, in words.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]
    left_out: str = ""
    notes: tuple[tuple[str, str], ...] = field(default=())


def columns(*titles: str) -> tuple[Column, ...]:
    """Heads; a title that begins with # is a column of numbers."""
    return tuple(Column(title.removeprefix("#"), title.startswith("#")) for title in titles)


def entries(*fields: Entry | str | int | float) -> tuple[Entry, ...]:
    """A row; bare strings and numbers become fields."""
    return tuple(_entry(value) for value in fields)


def _entry(value: Entry | str | int | float) -> Entry:
    if isinstance(value, Entry):
        return value
    if isinstance(value, str):
        return Entry(value)
    return Entry(integer(value) if isinstance(value, int) else f"{value:g}", key=value)


def metric_entry(name: str, metric: Metric | None, missing: str = "not measured") -> Entry:
    """A metric with its count and, subdued, its interval."""
    if metric is None:
        return Entry(missing, key=-math.inf)
    unit = definition_of(name).unit
    interval = interval_in_unit(metric, unit)
    return Entry(
        valued(metric, unit), key=metric.value, quiet="" if interval == NONE else f"[{interval}]"
    )


def valued(metric: Metric, unit: str) -> str:
    """`46/48, 95.8 %` for shares of whole items, else the value in its unit."""
    count = count_of(metric) if unit == "share" else None
    shown = in_unit(metric.value, unit)
    return f"{count.replace(' of ', '/')}, {shown}" if count else shown


def capped(
    rows: Sequence[tuple[Entry, ...]], most: int, where: str
) -> tuple[tuple[tuple[Entry, ...], ...], str]:
    """The first rows, and a sentence on those that are left out."""
    if len(rows) <= most:
        return tuple(rows), ""
    left = len(rows) - most
    return tuple(rows[:most]), f"{integer(left)} of {integer(len(rows))} rows are left out; {where}"


def definitions_of(names: Sequence[str]) -> list[MetricSpec]:
    """What stands behind a figure: the definitions of its metrics, each formula once."""
    found: dict[str, MetricSpec] = {}
    for name in names:
        known = definition_of(name)
        found.setdefault(known.formula, known)
    return list(found.values())


# What a field says that has nothing to say.
_NOTHING = frozenset({NONE, "not measured", "not compared", "not known", ""})
# Columns of settings: where all rows have the same, it is said once below the table.
_SETTINGS = frozenset(
    {"Trained", "Base", "Learning rate", "Recipe", "Facts", "Seeds", "Status", "Inference"}
    | {"Methods", "Covers", "Non-inferiority"}
)
_ENOUGH = 3  # rows from which on a column is shorter as a sentence


def telling(table: Table) -> Table:
    """A table without the columns that say nothing, or the same in every row.

    Left out are empty columns and the only configuration's name. A setting that all rows share is
    said below the table. The first column stays, which names the rows.
    """
    kept, said = [0], []
    for place, column in enumerate(table.columns[1:], start=1):
        fields = [row[place] for row in table.rows]
        same = len({(field.text, field.quiet) for field in fields}) == 1
        if not fields or not same:
            kept.append(place)
        elif fields[0].text in _NOTHING and not fields[0].quiet:
            continue
        elif column.title in _SETTINGS and len(fields) >= _ENOUGH:
            said.append(f"{column.title.lower()} {fields[0].text}")
        elif column.title != "Configuration":
            kept.append(place)
    note = f"In all rows: {'; '.join(said)}." if said else ""
    return replace(
        table,
        columns=tuple(table.columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in table.rows),
        left_out=" ".join(filter(None, (note, table.left_out))),
    )
