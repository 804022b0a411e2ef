"""A file of JSON lines, a JSON array or CSV → its rows, each with its first line's number."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from factlab.errors import DataError
from factlab.reading.files import MOST_LINE, read_beginning, read_lines, read_text
from factlab.reading.json_text import NotJsonError, decode, parse_line, place_in

Rows = Iterator[tuple[int, object]]
_SPACE = re.compile(r"[ \t\n\r]*+")
_SHAPE = "Write one object a line, or one array for the whole file."


def rows_of(file: Path) -> Rows:
    """The rows of a file in order, each with its line.

    Raises:
        DataError: with file and line, where a row cannot be parsed.
    """
    return READERS[file.suffix.lower()](file)


def _json_rows(file: Path) -> Rows:
    return _array(file) if _begins_as_array(file) else _lines(file)


def _begins_as_array(file: Path) -> bool:
    beginning = read_beginning(file, DataError).removeprefix(codecs.BOM_UTF8)
    return beginning.lstrip().startswith(b"[")


def _lines(file: Path) -> Rows:
    for number, line in read_lines(file, DataError):
        yield number, parse_line(line, f"{file}:{number}", DataError, _SHAPE)


def _array(file: Path) -> Rows:
    """The items of an array, decoded one by one, so that each has its line."""
    text = read_text(file, DataError)
    place = _after(text, text.index("[") + 1)
    line, counted = 1, 0
    while place < len(text) and text[place] != "]":
        line, counted = line + text.count("\n", counted, place), place
        try:
            found, end = decode(text, place)
        except NotJsonError as problem:
            raise DataError(
                f"{file}:{place_in(text, problem.place)}: this is not JSON ({problem.said}), in "
                "the array that the file holds. Fix it there."
            ) from None
        yield line, found
        place = _after(text, end)
        if text[place : place + 1] == ",":
            place = _after(text, place + 1)
        elif text[place : place + 1] != "]":
            break
    if text[place : place + 1] != "]" or text[place + 1 :].strip():
        raise DataError(
            f"{file}:{place_in(text, place)}: the array is malformed here. Separate items by "
            "commas and end the file with ]."
        )


def _after(text: str, place: int) -> int:
    """The next place that is no white space."""
    return _SPACE.match(text, place).end()  # type: ignore[union-attr]  # it matches nothing, too


def _csv_rows(file: Path) -> Rows:
    text = read_text(file, DataError)
    csv.field_size_limit(max(csv.field_size_limit(), MOST_LINE))  # of the whole process
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    line = 2
    try:
        for row in reader:
            if None in row or None in row.values():
                raise DataError(f"{file}:{line}:1: the number of fields differs from the header's.")
            yield line, dict(row)
            line = reader.line_num + 1
    except csv.Error as problem:
        raise DataError(f"{file}:{line}:1: this is not CSV ({problem}).") from None


READERS: dict[str, Callable[[Path], Rows]] = {
    ".jsonl": _json_rows,
    ".json": _json_rows,
    ".csv": _csv_rows,
}
