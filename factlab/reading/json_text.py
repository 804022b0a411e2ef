"""JSON of a stranger → plain values: nesting and digits are bounded before it is parsed."""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import Any, NoReturn

from factlab.errors import FactlabError, shortened
from factlab.reading.files import MOST_LINE

MOST_DEPTH = 40
MOST_DIGITS = 400
# What opens and closes, with strings as one piece: so a bracket within one counts for nothing.
_PIECES = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_HALF = re.compile(r"\\[uU][dD][89a-fA-F]")
_TOO_DEEP = f"nested too deeply; at most {MOST_DEPTH} levels are read"


class NotJsonError(ValueError):
    """What is wrong, in words without a full stop, and the offset where it is."""

    def __init__(self, said: str, place: int = 0) -> None:
        super().__init__(said)
        self.said = said
        self.place = place


def decode(
    text: str, start: int = 0, *, floats_as_text: bool = False, nan_as_none: bool = False
) -> tuple[Any, int]:
    """The value that begins at `start`, and where it ends.

    Args:
        text: JSON, perhaps with more behind it.
        start: Where the value begins.
        floats_as_text: Keep a number with a point as it is written.
        nan_as_none: Read NaN, which some programs write for a value that is missing, as null.

    Raises:
        NotJsonError: for anything that is not JSON, or beyond the bounds.
    """
    try:
        decoder = _WITH_NAN if nan_as_none else _AS_TEXT if floats_as_text else _DECODER
        found, end = decoder.raw_decode(text, start)
    except json.JSONDecodeError as problem:
        raise NotJsonError(problem.msg, problem.pos) from None
    except NotJsonError as problem:  # of a number somewhere in it
        raise NotJsonError(problem.said, start) from None
    except RecursionError:
        check_depth(text, start, len(text))  # which knows where
        raise NotJsonError(_TOO_DEEP, start) from None
    if _is_deep(found):
        check_depth(text, start, end)
    if _HALF.search(text, start, end):
        _refuse_half(found, start)
    return found, end


def parse(text: str, *, floats_as_text: bool = False, nan_as_none: bool = False) -> Any:
    """The one value that a text is.

    Raises:
        NotJsonError: as `decode`.
    """
    if len(text) > MOST_LINE:
        raise NotJsonError(f"{len(text):,} characters; at most {MOST_LINE:,} are read")
    start = len(text) - len(text.lstrip(" \t\n\r"))
    found, end = decode(text, start, floats_as_text=floats_as_text, nan_as_none=nan_as_none)
    if text[end:].strip(" \t\n\r"):
        raise NotJsonError("something stands behind the value", end)
    return found


def _is_deep(found: Any) -> bool:
    """Whether a value nests deeper than is read; a level at a time, since it may be wide."""
    level = [found] if isinstance(found, list | dict) else []
    for _ in range(MOST_DEPTH):
        inner = chain.from_iterable(one.values() if isinstance(one, dict) else one for one in level)
        level = [one for one in inner if isinstance(one, list | dict)]
        if not level:
            return False
    return True


def check_depth(text: str, start: int, end: int) -> None:
    """Refuse deep nesting, which would exhaust what works on the value.

    Raises:
        NotJsonError: where it becomes too deep.
    """
    if text.count("[", start, end) + text.count("{", start, end) <= MOST_DEPTH:
        return
    depth = 0
    for piece in _PIECES.finditer(text, start, end):
        sign = piece[0]
        depth += sign in "[{"
        depth -= sign in "]}"
        if depth > MOST_DEPTH:
            raise NotJsonError(_TOO_DEEP, piece.start())


def parse_line(
    line: str, where: str, error: type[FactlabError], shape: str, *, floats_as_text: bool = False
) -> Any:
    """The value of one line of a file of JSON lines.

    Args:
        line: The line.
        where: File and line number.
        error: The class of what is raised.
        shape: What a line looks like, as sentences.
        floats_as_text: Keep a number with a point as it is written.

    Raises:
        FactlabError: of class `error`, with file, line and column.
    """
    try:
        return parse(line, floats_as_text=floats_as_text)
    except NotJsonError as problem:
        raise error(
            f"{where}:{problem.place + 1}: this line is not JSON ({problem.said}). {shape}"
        ) from None


def place_in(text: str, offset: int) -> str:
    """Line and column of an offset, as messages write them."""
    line = text.count("\n", 0, offset) + 1
    return f"{line}:{offset - text.rfind(chr(10), 0, offset)}"


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise NotJsonError(f"a number of {len(digits):,} digits; at most {MOST_DIGITS} are read")
    return int(digits)


def _real(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise NotJsonError(f"the number {shortened(digits)} is too large")
    return number


def _no_constant(word: str) -> NoReturn:
    raise NotJsonError(f"{word} is no number of JSON")


def _refuse_half(found: Any, place: int) -> None:
    """Refuse a text with half a character (a lone surrogate), which cannot be written out."""
    stack = [found]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            stack += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            stack += one
        elif isinstance(one, str) and any("\ud800" <= char <= "\udfff" for char in one):
            raise NotJsonError("it holds half a character (a lone surrogate)", place)


def _missing(word: str) -> None:
    if word != "NaN":
        _no_constant(word)


_DECODER = json.JSONDecoder(parse_int=_whole, parse_float=_real, parse_constant=_no_constant)
_AS_TEXT = json.JSONDecoder(parse_int=_whole, parse_float=str, parse_constant=_no_constant)
_WITH_NAN = json.JSONDecoder(parse_int=_whole, parse_float=_real, parse_constant=_missing)
