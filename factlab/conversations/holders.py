"""A JSON object that holds the rows: under a key, in columns, or by their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from factlab.conversations.formats import is_row, recognised
from factlab.conversations.json_values import JsonScanner, members_of
from factlab.conversations.turns import turn_list
from factlab.errors import DataError, listed, shortened
from factlab.reading.compressed import open_expanded

Rows = Iterator[tuple[int, object]]
# Where files put their rows; the first that is there is read.
HOLDERS = (
    *("train", "training", "data", "rows", "examples", "instances", "items", "samples", "records"),
    *("conversations", "dialogues", "entries", "dataset", "results", "questions"),
)

MOST_TRIED = 20  # items of a list, to see whether they are rows
MOST_ITEMS = 2_000_000  # of all its lists and objects together, held in memory
MOST_PIECES = 3_000_000  # what these hold in turn
MOST_KEYS = 200_000  # of the object itself, and rows of a list: no more rows are read of a set


@dataclass(slots=True)
class _Part:
    """What stands under a key of the object.

    Attributes:
        lines: Of its items.
        items: By their keys, or in order; none of a value that is neither list nor object.
        in_list: It is a list.
    """

    lines: list[int] = field(default_factory=list)
    items: list[tuple[str, Any]] = field(default_factory=list)
    in_list: bool = False

    @property
    def values(self) -> list[Any]:
        return [value for _, value in self.items]

    @property
    def holds_rows(self) -> bool:
        """Whether its items are rows; it may have some that are broken."""
        return any(isinstance(value, dict | list) for value in self.values)

    @property
    def is_known(self) -> bool:
        """Whether one of its first items is a row of a known format."""
        return any(
            turn_list(row) is not None or (isinstance(row, dict) and recognised(row))
            for row in map(_unwrapped, self.values[:MOST_TRIED])
        )


def object_rows(file: Path, part: str | None, *, line_file: bool = False) -> Rows:
    """The rows of a file that begins with an object.

    Several objects one after the other are a row each, and so is one alone that is of a known
    format. Any other holds the rows.

    Args:
        file: The file.
        part: The key that they stand under; None for one that is usual, or the only one.
        line_file: The file is one of lines, in which a row is more usual.

    Raises:
        DataError: with the place where it is malformed; with the keys, if no rows are found.
    """
    with open_expanded(file, DataError) as stream:
        scan = JsonScanner(stream, file)
        line = _line(scan)
        try:
            found = scan.value()
        except DataError:
            found = None  # longer than a row may be, or malformed: read in pieces, it is said where
        alone = found is not None and not scan.peek()
        if found is not None and part is None and (not alone or _is_row(found, line_file)):
            yield line, found
            scan.take(",")
            while scan.peek():
                line = scan.line
                yield line, scan.value()
                scan.take(",")
            return
    yield from _held(file, part)


def _is_row(found: object, line_file: bool) -> bool:
    return not isinstance(found, dict) or is_row(found, line=line_file)


def _line(scan: JsonScanner) -> int:
    scan.peek()
    return scan.line


def _held(file: Path, part: str | None) -> Rows:
    parts = _parts(file)
    by_row = {key: one for key, one in parts.items() if one.in_list and one.holds_rows}
    if "columns" in parts and "data" in by_row and part is None:  # as pandas splits a table
        names = [str(name) for name in parts["columns"].values]
        for line, row in zip(by_row["data"].lines, by_row["data"].values, strict=True):
            yield line, dict(zip(names, row, strict=False)) if isinstance(row, list) else row
    elif by_row:
        chosen = by_row[_chosen(file, part, by_row)]
        for line, row in zip(chosen.lines, chosen.values, strict=True):
            yield line, _unwrapped(row)
    elif part is not None:
        raise _no_part(file, part, list(parts))
    else:
        yield from _table(file, parts)


def _parts(file: Path) -> dict[str, _Part]:
    parts: dict[str, _Part] = {}
    items = 0
    with open_expanded(file, DataError) as stream:
        scan = JsonScanner(stream, file)
        for key, inner, line, value in members_of(scan):
            items += 1
            if items > MOST_ITEMS or scan.pieces > MOST_PIECES:
                raise scan.refused(f"the object holds more than {MOST_ITEMS:,} values. Split it")
            one = parts.setdefault(key, _Part())
            if len(parts) > MOST_KEYS or (
                len(one.items) > MOST_KEYS and isinstance(value, dict | list)
            ):
                raise scan.refused(f"the object holds more than {MOST_KEYS:,} rows. Split it")
            if inner is not None:
                one.in_list = inner == ""
                one.lines.append(line)
                one.items.append((inner, value))
        if scan.peek():
            raise scan.refused("something stands behind the object. Write one object a line")
    return parts


def _chosen(file: Path, part: str | None, by_row: Mapping[str, _Part]) -> str:
    """The key of the rows that are read."""
    by_name = {key.lower(): key for key in by_row}
    if part is not None:
        if part.lower() not in by_name:
            raise _no_part(file, part, list(by_row))
        return by_name[part.lower()]
    sure = {key.lower(): key for key, one in by_row.items() if one.is_known}
    by_name = sure or by_name
    known = next((by_name[name] for name in HOLDERS if name in by_name), None)
    if known is None and len(by_name) > 1:
        raise DataError(
            f"{file}: it holds the lists {listed(by_row)}. Name one, such as "
            f"{file.name}:{shortened(next(iter(by_row)))}."
        )
    return known or next(iter(by_name.values()))


def _no_part(file: Path, part: str, known: list[str]) -> DataError:
    return DataError(f"{file}: it has no part {shortened(part)}; it has {listed(known) or 'none'}.")


def _unwrapped(row: object) -> object:
    """The row itself, where a viewer's file has its number beside it."""
    if isinstance(row, dict) and isinstance(row.get("row"), dict) and "row_idx" in row:
        return row["row"]
    return row


def _table(file: Path, parts: Mapping[str, _Part]) -> Rows:
    """Rows by their numbers or names, or columns."""
    by_name = [
        (one.lines[0], dict(one.items)) for one in parts.values() if one.items and not one.in_list
    ]
    if by_name and recognised(by_name[0][1]):
        yield from by_name
        return
    columns = {key: dict(_numbered(one)) for key, one in parts.items() if one.items}
    if not recognised(dict.fromkeys(columns, "x")):
        raise DataError(
            f"{file}:1:1: the object holds no rows; its keys: {listed(parts) or 'none'}. Put the "
            "rows into a list under the key data, or write one object a line."
        )
    if len(columns) * len(next(iter(columns.values()))) > MOST_ITEMS:
        raise DataError(f"{file}:1:1: the columns hold more than {MOST_ITEMS:,} values. Split it.")
    for number in next(iter(columns.values())):
        yield 1, {key: column.get(number) for key, column in columns.items()}


def _numbered(part: _Part) -> Iterator[tuple[str, Any]]:
    for number, (key, value) in enumerate(part.items):
        yield (str(number) if part.in_list else key), value


def holds_rows(file: Path) -> bool:
    """Whether a file that begins with an object is a row, or holds rows, of a known format."""
    try:
        return any(
            turn_list(row) is not None or (isinstance(row, dict) and recognised(row) is not None)
            for _, row in islice(object_rows(file, None), MOST_TRIED)
        )
    except DataError:
        return False
