"""A file of JSON, read value by value: an array, objects one after the other, an object of rows.

Only a window of the file is in memory, so that an array may be larger than what is read at once.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from factlab.errors import DataError
from factlab.reading.encodings import not_utf8
from factlab.reading.files import MOST_LINE
from factlab.reading.json_text import NotJsonError, decode

CHUNK = 1 << 16
_SPACE = re.compile(r"[ \t\n\r]*+")


class JsonScanner:
    """Values of a stream, one after the other, each with its line."""

    def __init__(self, stream: io.BufferedReader, file: Path) -> None:
        self._stream, self._file = stream, file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._place, self._over = "", 0, False
        self._line, self._counted = 1, 0  # the line at a place of the window
        self._before = 0  # characters of the window's first line that were dropped
        self.pieces = 0  # lists, objects and commas of the values so far: what takes up memory

    @property
    def line(self) -> int:
        """The line of the next character."""
        self._line += self._text.count("\n", self._counted, self._place)
        self._counted = self._place
        return self._line

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            self._place = _SPACE.match(self._text, self._place).end()  # type: ignore[union-attr]
            if self._place < len(self._text):
                return self._text[self._place]
            self._drop()
            if not self._more():
                return ""

    def take(self, char: str) -> bool:
        """Go past the next character, if it is this one."""
        found = self.peek() == char
        self._place += found
        return found

    def value(self) -> Any:
        """The next value.

        Raises:
            DataError: with its place, if it is no JSON, or longer than a line may be.
        """
        self.peek()
        if self._place > CHUNK:
            self._drop()
        wanted = CHUNK
        while True:
            while len(self._text) < self._place + wanted and self._more():
                pass
            try:
                found, end = decode(self._text, self._place, nan_as_none=True)
            except NotJsonError as problem:
                if not self._over and wanted <= MOST_LINE:
                    wanted *= 4
                    continue
                if not self._over:
                    raise self.refused(f"a value is longer than {MOST_LINE:,} characters") from None
                raise self.refused(f"this is not JSON ({problem.said})", problem.place) from None
            if end == len(self._text) and self._more():
                continue  # a number may go on
            self.pieces += sum(self._text.count(sign, self._place, end) for sign in "[{,")
            self._place = end
            return found

    def refused(self, said: str, place: int | None = None) -> DataError:
        """An error at a place of the window, by default the next character."""
        place = self._place if place is None else place
        line = self._line + self._text.count("\n", self._counted, place)
        start = self._text.rfind("\n", 0, place) + 1
        column = place - start + 1 + (0 if start else self._before)
        return DataError(f"{self._file}:{line}:{column}: {said}.")

    def _drop(self) -> None:
        """Forget what was read."""
        passed = self._text[: self._place]
        self._line, self._counted = self.line, 0
        last = passed.rfind("\n")
        self._before = len(passed) - last - 1 if last >= 0 else self._before + len(passed)
        self._text, self._place = self._text[self._place :], 0

    def _more(self) -> bool:
        """Read on; False at the end of the file."""
        while not self._over:
            raw = self._stream.read(CHUNK)
            self._over = not raw
            try:
                text = self._decoder.decode(raw, final=not raw)
            except UnicodeDecodeError as problem:
                self._text += problem.object[: problem.start].decode()
                self._place = len(self._text)
                raise self.refused(not_utf8(raw)) from None
            if text:
                self._text += text
                return True
        return False


def items_of(scan: JsonScanner) -> Iterator[tuple[int, Any]]:
    """The items of the array that begins here, each with its line.

    Raises:
        DataError: where it is malformed.
    """
    scan.take("[")
    while scan.peek() not in ("]", ""):
        line = scan.line
        yield line, scan.value()
        if not scan.take(",") and scan.peek() != "]":
            break
    if not scan.take("]"):
        raise scan.refused(
            "the array is malformed here. Separate items by commas and end the file with ]"
        )


def members_of(scan: JsonScanner) -> Iterator[tuple[str, str | None, int, Any]]:
    """What an object holds: of lists and objects in it each item.

    Yields:
        The key; the item's key, empty in a list, None for what is neither list nor object; the
        line; the value.

    Raises:
        DataError: where it is malformed.
    """
    scan.take("{")
    while scan.peek() == '"':
        key = _key(scan)
        if scan.peek() == "[":
            for line, item in items_of(scan):
                yield key, "", line, item
        elif scan.take("{"):
            while scan.peek() == '"':
                inner, line = _key(scan), scan.line
                yield key, inner, line, scan.value()
                if not scan.take(","):
                    break
            _closed(scan)
        else:
            yield key, None, scan.line, scan.value()
        if not scan.take(","):
            break
    _closed(scan)


def _key(scan: JsonScanner) -> str:
    key = str(scan.value())
    if not scan.take(":"):
        raise scan.refused("this is not JSON (a colon is expected behind a key)")
    return key


def _closed(scan: JsonScanner) -> None:
    if not scan.take("}"):
        raise scan.refused(
            "the object is malformed here. Separate keys by commas and end it with }"
        )
