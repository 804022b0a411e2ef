"""What factlab wrote → its data: a regular file of bounded size, JSON that says one thing."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

MOST_BYTES = 512_000_000
MOST_PIECES = 3_000_000  # commas and brackets of one document: each may be a value in memory
MOST_LINES = 3_000_000
MOST_DIGITS = 40  # of a whole number: enough for any hash, and small enough to compute with
_HALF = "\\u"  # how every half of a character begins, in JSON that is UTF-8


def open_file(file: Path, most: int | None = MOST_BYTES) -> BufferedReader:
    """Open a regular file to read; a pipe or a device, which could wait for ever, is not opened.

    Args:
        file: Links to files are followed.
        most: Its largest size in bytes; None: any.

    Raises:
        OSError: with the reason in words, for anything that cannot be read, and for a larger file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(file, flags)
    except ValueError:  # a zero character, or half a character
        raise OSError(errno.EINVAL, "no file can have this name", str(file)) from None
    try:
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, "this is a folder", str(file))
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "a pipe or a device, not a file", str(file))
        if most is not None and found.st_size > most:
            raise _too_large(file, found.st_size, most)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_bytes(file: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: see `open_file`.
    """
    with open_file(file, most) as stream:
        found = stream.read(most + 1)
    if len(found) > most:
        raise _too_large(file, len(found), most)
    return found


def read_text(file: Path, most: int = MOST_BYTES) -> str:
    """The text of a regular file in UTF-8, with or without a byte order mark.

    Raises:
        OSError: see `open_file`.
        UnicodeDecodeError: for other text.
    """
    return read_bytes(file, most).decode("utf-8-sig")


def lines_in(raw: bytes) -> Iterator[bytes]:
    """The lines of a file, without their ends; behind the last end there may be an empty one.

    Raises:
        ValueError: for more than `MOST_LINES`.
    """
    if (number := raw.count(b"\n")) > MOST_LINES:
        raise ValueError(f"{number:,} lines; at most {MOST_LINES:,} are read")
    start = 0
    while (end := raw.find(b"\n", start)) >= 0:
        yield raw[start:end]
        start = end + 1
    yield raw[start:]


def sha256_of(file: Path, most: int | None = None) -> str:
    """SHA-256 of a regular file, as hexadecimal digits.

    Args:
        file: Any path.
        most: Its largest size in bytes; None: any.

    Raises:
        OSError: see `open_file`; for a large file that is mostly holes, which nobody wrote.
    """
    with open_file(file, most) as stream:
        found = os.fstat(stream.fileno())
        blocks = getattr(found, "st_blocks", found.st_size)  # of 512 bytes; Windows counts none
        if found.st_size > MOST_BYTES and blocks * 512 < found.st_size // 2:
            raise OSError(errno.EINVAL, f"{found.st_size:,} bytes, most of them holes", str(file))
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _too_large(file: Path, size: int, most: int) -> OSError:
    said = f"{size:,} bytes; at most {most:,} are read"
    return OSError(errno.EFBIG, said, str(file))


def strict_json(text: str | bytes, *, constants: bool = False) -> Any:
    """JSON as data, if it says one thing: finite numbers, and each key once.

    Args:
        text: In UTF-8.
        constants: Whether Infinity and NaN are taken: libraries write them into models' settings.

    Raises:
        ValueError: for anything else, with the reason in words.
    """
    try:
        text = text if isinstance(text, str) else text.decode()
        if (pieces := sum(text.count(sign) for sign in ",[{")) > MOST_PIECES:
            raise ValueError(f"{pieces:,} commas and brackets; at most {MOST_PIECES:,} are read")
        found = json.loads(
            text,
            parse_constant=float if constants else _no_number,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_each_once,
        )
        if _HALF in text:
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half a character (a lone surrogate)") from None
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:MOST_DIGITS]} is too large a number")
    return number


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a whole number of {len(digits):,} digits; at most {MOST_DIGITS}")
    return int(digits)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:80]!r} is given twice")
    return found
