"""A file of JSON lines, a JSON array or CSV → its rows, each with its first line's number."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from factlab.errors import DataError

Rows = Iterator[tuple[int, object]]
_DECODER = json.JSONDecoder()
_SPACE = " \t\n\r"


def rows_of(file: Path) -> Rows:
    """The rows of a file in order, each with its line.

    Raises:
        DataError: with file and line, where a row cannot be parsed.
    """
    return READERS[file.suffix.lower()](file, _text_of(file))


def _text_of(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")  # line breaks within fields as they are
    except UnicodeDecodeError:
        raise DataError(f"{file}: not UTF-8 text. Save the file as UTF-8.") from None
    except OSError as problem:
        raise DataError(f"{file}: cannot be read ({problem.strerror or problem}).") from None


def _json_rows(file: Path, text: str) -> Rows:
    return _array(file, text) if text.lstrip().startswith("[") else _lines(file, text)


def _lines(file: Path, text: str) -> Rows:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as problem:
                raise DataError(
                    f"{file}:{number}: this line is not JSON ({_said(problem)}). Write one "
                    "object a line, or one array for the whole file."
                ) from None


def _array(file: Path, text: str) -> Rows:
    """The items of an array, decoded one by one, so that each has its line."""
    place = _after(text, text.index("[") + 1)
    line, counted = 1, 0
    while place < len(text) and text[place] != "]":
        line, counted = line + text.count("\n", counted, place), place
        try:
            found, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError) as problem:
            at = f":{problem.lineno}" if isinstance(problem, json.JSONDecodeError) else f":{line}"
            raise DataError(
                f"{file}{at}: this is not JSON ({_said(problem)}), in the array that the file "
                "holds. Fix it there."
            ) from None
        yield line, found
        place = _after(text, end)
        if text[place : place + 1] == ",":
            place = _after(text, place + 1)
        elif text[place : place + 1] != "]":
            break
    if text[place : place + 1] != "]" or text[place + 1 :].strip():
        line += text.count("\n", counted, place)
        raise DataError(
            f"{file}:{line}: the array is malformed here. Separate items by commas and end the "
            "file with ]."
        )


def _after(text: str, place: int) -> int:
    """The next place that is no white space."""
    while place < len(text) and text[place] in _SPACE:
        place += 1
    return place


def _said(problem: Exception) -> str:
    return problem.msg if isinstance(problem, json.JSONDecodeError) else str(problem)


def _csv_rows(file: Path, text: str) -> Rows:
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # of the whole process
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    line = 2
    try:
        for row in reader:
            if None in row or None in row.values():
                raise DataError(f"{file}:{line}: the number of fields differs from the header's.")
            yield line, dict(row)
            line = reader.line_num + 1
    except csv.Error as problem:
        raise DataError(f"{file}:{line}: this is not CSV ({problem}).") from None


READERS: dict[str, Callable[[Path, str], Rows]] = {
    ".jsonl": _json_rows,
    ".json": _json_rows,
    ".csv": _csv_rows,
}
