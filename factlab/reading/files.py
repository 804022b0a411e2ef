"""A file of a stranger → its text: a plain file, of a bounded size, in UTF-8."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO

from factlab.errors import FactlabError, shortened
from factlab.reading.encodings import not_utf8
from factlab.reading.paths import MOST_PATH_BYTES
from factlab.reading.records import open_file

MOST_BYTES = 32_000_000  # of a file that is read whole
MOST_BYTES_OF_LINES = 256_000_000  # of a file that is read line by line
MOST_LINE = 1_000_000  # bytes of one of its lines


def read_text(file: Path, error: type[FactlabError], most: int = MOST_BYTES) -> str:
    """The text of a file, without a byte order mark; line breaks as they are.

    Args:
        file: Any path.
        error: The class of what is raised.
        most: Bytes.

    Raises:
        FactlabError: of class `error`, for what is no plain file, too large, or no text.
    """
    raw = _read_bytes(file, error, most)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        column = problem.start - (raw.rfind(b"\n", 0, problem.start) + 1) + 1
        raise error(f"{file}:{line}:{column}: {not_utf8(raw)}.") from None


def read_beginning(file: Path, error: type[FactlabError], most: int = 4_096) -> bytes:
    """The first bytes of a file.

    Raises:
        FactlabError: of class `error`, for what is no plain file, or cannot be read.
    """
    with opened(file, error) as stream:
        return stream.read(most)


def _read_bytes(file: Path, error: type[FactlabError], most: int) -> bytes:
    with opened(file, error) as stream:
        raw = stream.read(most + 1)
        size = os.fstat(stream.fileno()).st_size
    if len(raw) > most:
        raise error(f"{file}: {max(size, len(raw)):,} bytes; at most {most:,} are read.")
    return raw


@contextmanager
def opened(file: Path, error: type[FactlabError]) -> Iterator[BinaryIO]:
    """A plain file, to read its bytes.

    Raises:
        FactlabError: of class `error`, for what is no plain file, or cannot be read.
    """
    try:
        with open_file(file, None) as stream:
            yield stream
    except FileNotFoundError:
        raise error(f"{shown_path(file)}: no such file.") from None
    except IsADirectoryError:
        raise error(f"{shown_path(file)} is a folder; expected a file.") from None
    except OSError as problem:
        raise error(f"{shown_path(file)}: cannot be read ({problem.strerror}).") from None


def shown_path(file: Path) -> str:
    """A path as a message names it: as it is, or its beginning if it is longer than one can be."""
    text = str(file)
    return text if len(text) <= MOST_PATH_BYTES // 4 else shortened(text)


def refuse_special(file: Path, error: type[FactlabError]) -> None:
    """Refuse what is not there, and what is no plain file: reading a device might never end.

    Raises:
        FactlabError: of class `error`.
    """
    with opened(file, error):
        pass


def read_lines(
    file: Path, error: type[FactlabError], most: int = MOST_BYTES_OF_LINES
) -> Iterator[tuple[int, str]]:
    """The lines of a file that hold something, with their numbers; only a line feed ends a line.

    Args:
        file: Any path.
        error: The class of what is raised.
        most: Bytes of all lines.

    Raises:
        FactlabError: of class `error`, as `read_text`, and for a line that is too long.
    """
    read = 0
    with opened(file, error) as stream:
        for number in count(1):
            raw = stream.readline(MOST_LINE + 1)
            read += len(raw)
            if not raw:
                return
            if len(raw) > MOST_LINE:
                raise error(
                    f"{file}:{number}:1: this line is longer than {MOST_LINE:,} bytes, which is "
                    "the most that is read of one. Write one object a line."
                )
            if read > most:
                raise error(f"{file}:{number}:1: at most {most:,} bytes of a file are read.")
            if raw := _without_mark(raw, number).rstrip(b"\n"):
                line = _decoded(raw, f"{file}:{number}", error)
                if not line.isspace():
                    yield number, line


def _without_mark(raw: bytes, number: int) -> bytes:
    return raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw


def _decoded(raw: bytes, where: str, error: type[FactlabError]) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as problem:
        raise error(f"{where}:{problem.start + 1}: {not_utf8(raw)}.") from None
