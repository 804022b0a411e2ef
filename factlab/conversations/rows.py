"""A file of JSON lines, of JSON, CSV or TSV, compressed or not → its rows, each with its line."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

from factlab.conversations.delimited import delimited_rows
from factlab.conversations.holders import holds_rows, object_rows
from factlab.conversations.json_values import JsonScanner, items_of
from factlab.errors import DataError
from factlab.reading.compressed import inner_name, open_expanded, raw_lines
from factlab.reading.encodings import not_utf8
from factlab.reading.files import MOST_LINE
from factlab.reading.json_text import NotJsonError, parse
from factlab.schema.conversation import RowError

Rows = Iterator[tuple[int, object]]
_SHAPE = "Write one object a line, or one array for the whole file"


def rows_of(file: Path, part: str | None = None) -> Rows:
    """The rows of a file in order, each with its line; a row that cannot be parsed as a `RowError`.

    Args:
        file: With an ending of `READERS`, perhaps compressed.
        part: Which rows, where an object holds several lists of them.

    Raises:
        DataError: with file and line, where the file itself is broken.
    """
    return READERS[suffix_of(file)](file, part)


def suffix_of(file: Path) -> str:
    """The ending that says what a file holds, without that of its compression.

    Raises:
        DataError: for a .zip file that cannot be read.
    """
    return PurePath(inner_name(file, DataError)).suffix.lower()


def _json_rows(file: Path, part: str | None) -> Rows:
    lines = _beginnings(file)
    first, second = next(lines, b""), next(lines, b"")
    by_line = first.endswith(b"}") or (suffix_of(file) != ".json" and second.startswith(b"{"))
    if first.startswith(b"{") and not (second and by_line):
        return object_rows(file, part, line_file=suffix_of(file) != ".json" and not second)
    if part is not None:
        raise no_parts(file)
    return _array(file) if first.startswith(b"[") else _lines(file)


def is_about_data(file: Path) -> bool:
    """Whether a JSON file beside data is about them, or about a training, and holds no rows."""
    if suffix_of(file) != ".json":
        return False
    first = next(_beginnings(file), b"")
    return not first or (first.startswith(b"{") and not holds_rows(file))


def no_parts(file: Path) -> DataError:
    """The error for a part of a file that has none."""
    return DataError(f"{file}: it has no parts to name; only an object of lists has.")


def _beginnings(file: Path) -> Iterator[bytes]:
    """Of each line that holds something the beginning; of a short one all."""
    with open_expanded(file, DataError) as stream:
        for number, raw in raw_lines(stream, file):
            if line := (raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw).strip():
                yield line


def _lines(file: Path) -> Rows:
    with open_expanded(file, DataError) as stream:
        for number, raw in raw_lines(stream, file):
            if len(raw) > MOST_LINE:
                yield (
                    number,
                    RowError(
                        f"are longer than {MOST_LINE:,} bytes",
                        f"this line is longer than {MOST_LINE:,} bytes. {_SHAPE}",
                    ),
                )
            elif (found := _parsed(raw, number)) is not None:
                yield number, found


def _parsed(raw: bytes, number: int) -> object:
    """The value of a line; None for one that holds nothing."""
    if number == 1:
        raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        line = raw.rstrip(b"\n").decode()
    except UnicodeDecodeError as problem:
        return RowError(
            "are not UTF-8 text",
            not_utf8(raw),
            column=problem.start + 1,
        )
    if not line or line.isspace():
        return None
    try:
        found = parse(line, nan_as_none=True)
    except NotJsonError as problem:
        return RowError(
            "are not JSON",
            f"this line is not JSON ({problem.said}). {_SHAPE}",
            column=problem.place + 1,
        )
    return (
        RowError("are no objects with keys", "expected an object with keys")
        if found is None
        else found
    )


def _array(file: Path) -> Rows:
    with open_expanded(file, DataError) as stream:
        scan = JsonScanner(stream, file)
        yield from items_of(scan)
        if scan.peek():
            raise scan.refused(
                "the array is malformed here. Separate items by commas and end the file with ]"
            )


def _table(file: Path, part: str | None) -> Rows:
    if part is not None:
        raise no_parts(file)
    return delimited_rows(file)


READERS: dict[str, Callable[[Path, str | None], Rows]] = {
    ".jsonl": _json_rows,
    ".json": _json_rows,
    ".ndjson": _json_rows,
    ".csv": _table,
    ".tsv": _table,
}
