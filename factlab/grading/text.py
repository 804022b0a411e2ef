"""Spans of text, and look-alike characters brought to one form: the first step of each finder."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

# One character for one character, so that offsets into the flattened text are offsets into the
# original. Full-width ASCII is shifted as a block; the rest is named here.
_SPACES = (
    "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
_ALIKE = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_ALIKE |= dict.fromkeys(_SPACES, " ")
_ALIKE |= dict.fromkeys("⁰¹⁴⁵⁶⁷⁸⁹", " ")  # marks of footnotes; ² and ³ belong to units
_ALIKE |= dict.fromkeys("‘’ʼ′", "'") | dict.fromkeys("“”„″", '"')
_ALIKE |= dict.fromkeys("−－﹣", "-") | {"٫": ".", "µ": "μ"}
_TABLE = str.maketrans(_ALIKE)

_CJK = re.compile(r"[\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f]")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text that holds a value; `unit` is what the value was counted in, if at all."""

    start: int
    end: int
    text: str
    unit: str | None = None


def flatten(text: str) -> str:
    """Replace look-alikes by their plain form, keeping every offset."""
    return text.translate(_TABLE)


def is_cjk(char: str) -> bool:
    """Whether the character belongs to a script written without spaces between words."""
    return bool(_CJK.match(char))


def has_cjk(text: str) -> bool:
    """Whether a character of the text belongs to such a script."""
    return not text.isascii() and _CJK.search(text) is not None


def is_word(char: str) -> bool:
    """Whether the character can be part of a spaced word: a letter or digit, not CJK."""
    return char.isalnum() and not is_cjk(char)


def is_letter(char: str) -> bool:
    """Whether the character is a letter of a spaced script."""
    return char.isalpha() and not is_cjk(char)


def overlaps(start: int, end: int, taken: Iterable[tuple[int, int]]) -> bool:
    """Whether the stretch shares a character with one that is already taken."""
    return any(start < other_end and other_start < end for other_start, other_end in taken)


class Taken:
    """Places of a text that are taken, asked in time that does not grow with their number."""

    __slots__ = ("_marks",)

    def __init__(self, length: int) -> None:
        self._marks = bytearray(length)

    def holds(self, start: int, end: int) -> bool:
        """Whether the stretch shares a character with one that is taken."""
        return self._marks.find(1, start, end) >= 0

    def add(self, start: int, end: int) -> None:
        """Take a stretch."""
        self._marks[start:end] = b"\x01" * (min(end, len(self._marks)) - start)


def word_set(words: str) -> frozenset[str]:
    """The words of a line as a set."""
    return frozenset(words.split())


def strip_marks(text: str) -> str:
    """Drop Latin diacritics; the voicing marks of kana stay, for they make another letter."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text)
    kept = "".join(char for char in parts if not "\u0300" <= char <= "\u036f")
    return unicodedata.normalize("NFKC", kept)
