"""A table of text (CSV, TSV) → its rows. What separates the fields is read off the heading."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from factlab.conversations.formats import recognised
from factlab.conversations.keys import MISSING
from factlab.errors import DataError, shortened
from factlab.reading.compressed import open_expanded, raw_lines
from factlab.reading.encodings import not_utf8
from factlab.reading.files import MOST_LINE
from factlab.schema.conversation import RowError

DELIMITERS = (",", ";", "\t", "|")
Rows = Iterator[tuple[int, object]]


def delimited_rows(file: Path) -> Rows:
    """The rows of a table under its heading, each with its first line.

    A row with another number of fields is given as a `RowError`.

    Raises:
        DataError: with file and line, if it is no such table.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MOST_LINE))  # of the whole process
    with _lines(file) as (first, _):
        named = first.removeprefix("sep=").strip("\r\n") if first.startswith("sep=") else ""
    delimiter = named if len(named) == 1 else _delimiter(first)
    quoting = _quoting(file, delimiter) if delimiter == "\t" else csv.QUOTE_MINIMAL
    with _lines(file) as (first, others):
        skipped = 1 if named else 0
        lines = _OfARow(others if named else _with_first(first, others))
        reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
        line = 1 + skipped
        try:
            heading: list[str] | None = None
            for row in reader:
                if heading is None:
                    heading = row or None
                    _check_heading(row, f"{file}:{line}:1")
                elif row:
                    yield line, _named(heading, row)
                line = reader.line_num + 1 + skipped
                lines.length = 0
        except csv.Error as problem:
            raise DataError(f"{file}:{line}:1: this is not CSV ({problem}).") from None


class _OfARow:
    """Lines, of which a row may span several; together they are no longer than one may be."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.length = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.length += len(line)
            if self.length > MOST_LINE:
                raise csv.Error(f"a row is longer than {MOST_LINE:,} characters")
            yield line


def _check_heading(names: list[str], where: str) -> None:
    """Refuse two columns of one name, of which only one could be read."""
    seen: set[str] = set()
    for name in filter(None, (name.strip().lower() for name in names)):
        if name in seen:
            raise DataError(
                f"{where}: the heading has two columns named {shortened(name)}. Rename one."
            )
        seen.add(name)


def _named(heading: list[str], row: list[str]) -> object:
    if len(row) != len(heading):
        return RowError(
            "have another number of fields than the heading",
            f"the number of fields differs from the header's ({len(row)}, not {len(heading)})",
        )
    return {name: cell for name, cell in zip(heading, row, strict=True) if cell not in MISSING}


def _delimiter(first: str) -> str:
    """What separates the names of the heading: what makes a known format, or most fields, of it."""
    found = {}
    for delimiter in DELIMITERS:
        try:
            found[delimiter] = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            found[delimiter] = []
    for delimiter, names in found.items():
        if recognised(dict.fromkeys(names, "x")):
            return delimiter
    return max(found, key=lambda delimiter: len(found[delimiter]))


def _quoting(file: Path, delimiter: str) -> Literal[0, 3]:
    """Whether quotes in a table with tabs mean anything: not all programs write them so."""
    with _lines(file) as (first, lines):
        try:
            for _ in csv.reader(_with_first(first, lines), delimiter=delimiter, strict=True):
                pass
        except csv.Error:
            return csv.QUOTE_NONE
    return csv.QUOTE_MINIMAL


def _with_first(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


@contextmanager
def _lines(file: Path) -> Iterator[tuple[str, Iterator[str]]]:
    """The first line, and the others."""
    with open_expanded(file, DataError) as stream:
        lines = _decoded(stream, file)
        yield next(lines, ""), lines


def _decoded(stream: io.BufferedReader, file: Path) -> Iterator[str]:
    for number, raw in raw_lines(stream, file):
        if len(raw) > MOST_LINE:
            raise DataError(f"{file}:{number}:1: this line is longer than {MOST_LINE:,} bytes.")
        try:
            yield (raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw).decode()
        except UnicodeDecodeError as problem:
            raise DataError(f"{file}:{number}:{problem.start + 1}: {not_utf8(raw)}.") from None
