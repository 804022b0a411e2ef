r"""Characters that act on a terminal or cannot be seen → what they are, such as `\x1b` or `\u202e`.

Shown so are control characters (C0, DEL, C1), bidi controls, zero-width and other invisible
characters, separators of lines and paragraphs, surrogates (bytes of a file name that are not UTF-8
among them), private-use and unassigned characters. All else is ordinary text of some language and
stays, so that names and answers can be read. So do invisible characters where writing needs them:

- joiners (U+200C, U+200D) between letters of scripts whose letters join, and after a virama;
- the joiner between two emoji, and a variation selector after the symbol that it selects;
- variation selectors after ideographs (Japanese names), and Mongolian ones after their letters.

Of a run of these all but the first are shown, since only that stands after a letter. Tags (U+E0000
to U+E007F) are always shown: three flags are written with them, and so is hidden text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

# What `str.isprintable` lets pass, though nothing is to be seen: combining and filling characters.
_UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
_MONGOLIAN_SELECTORS = "\u180b\u180c\u180d\u180e\u180f"
_HOLDS_UNSEEN = re.compile(f"[{_UNSEEN}{_MONGOLIAN_SELECTORS}\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_NOT_PLAIN = re.compile(r"[^ -~]")
_NOT_ASCII = re.compile(r"[^\x00-\x7e]")
# Signs of category Cf that are drawn: they stand before or around Arabic, Syriac and Kaithi digits.
_DRAWN = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
_JOINERS = "\u200c\u200d"
_SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
_VIRAMA = 9  # the combining class of the sign that takes a consonant's vowel away
_JOINING_SCRIPTS = (
    (0x0600, 0x109F),  # Arabic, Syriac, the scripts of India and Sri Lanka, Tibetan, Myanmar
    (0x1780, 0x18AF),  # Khmer, Mongolian
    (0x1900, 0x1C4F),  # Limbu, Tai Tham, Balinese, Sundanese, Lepcha and others
    (0xA800, 0xABFF),  # Syloti Nagri, Phags-pa, Javanese, Meetei Mayek and others
    (0xFB50, 0xFDFF),  # Arabic as older files have it
    (0xFE70, 0xFEFC),
    (0x10A00, 0x10AFF),  # Kharoshthi, Manichaean and others
    (0x11000, 0x11FFF),  # Brahmi and what came of it
    (0x1E900, 0x1E95F),  # Adlam
)
_IDEOGRAPHS = ((0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFD))
_PICTOGRAPHS = ((0x1F000, 0x1FAFF), (0x1FC00, 0x1FFFD))
_SYMBOLS = (  # those of mathematics and all emoji among them; Python has no table of emoji
    *((ord(char), ord(char)) for char in "©®‼⁉"),
    (0x2100, 0x2BFF),
    (0x3030, 0x303D),
    (0x3297, 0x3299),
    *_PICTOGRAPHS,
)
_MONGOLIAN = ((0x1820, 0x18AA),)
# Whose meaning newer versions of Unicode fill in: an emoji of next year is an emoji.
_RESERVED = (*_PICTOGRAPHS, (0x20000, 0x3FFFD))
_NAMED = {"\n": r"\n", "\t": r"\t", "\r": r"\r"}


def visible(text: str) -> str:
    r"""Text on one line: also ends of lines and tabs are shown, as `\n` and `\t`."""
    if _is_plain(text):
        return text
    return _shown(text, _escape)


def visible_lines(text: str) -> str:
    """Text of several lines: ends of lines and tabs stay."""
    if _is_plain(text):
        return text
    return "\n".join(
        line if _is_plain(line) else "\t".join(_shown(part, _escape) for part in line.split("\t"))
        for line in text.split("\n")
    )


def visible_json(text: str, *, ascii_only: bool = False) -> str:
    """A JSON document that says the same and holds no such character, by JSON's own escapes.

    Args:
        text: The document. Outside of strings JSON has nothing that is changed.
        ascii_only: Escape all that is not ASCII.
    """
    if ascii_only:
        text = _NOT_ASCII.sub(lambda found: _escape_json(found[0]), text)
    return "\n".join(
        line if _is_plain(line) else _shown(line, _escape_json) for line in text.split("\n")
    )


def _is_plain(line: str) -> bool:
    return line.isprintable() and not _HOLDS_UNSEEN.search(line)


def _shown(line: str, escape: Callable[[str], str]) -> str:
    return _NOT_PLAIN.sub(
        lambda found: found[0] if _stays(line, found.start()) else escape(found[0]), line
    )


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return _NAMED.get(char, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escape_json(char: str) -> str:
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _stays(line: str, place: int) -> bool:
    """Whether the character at a place is ordinary text there."""
    char = line[place]
    before, after = line[place - 1] if place else "", line[place + 1 : place + 2]
    if char in _JOINERS:
        return _joins(before, after, is_zwj=char == "\u200d")
    if char in _UNSEEN:
        return False
    if _HOLDS_UNSEEN.match(char) or char in _MONGOLIAN_SELECTORS:
        return _selects(char, before, after)
    match unicodedata.category(char):
        case "Cc" | "Cs" | "Co" | "Zl" | "Zp":
            return False
        case "Cf":
            return char in _DRAWN
        case "Cn":
            return _is_in(char, _RESERVED) and ord(char) & 0xFFFE != 0xFFFE
    return True


def _joins(before: str, after: str, *, is_zwj: bool) -> bool:
    """Whether a joiner stands where writing needs one."""
    if is_zwj and (_is_symbol(before) or before in ("\ufe0f", *_SKIN_TONES)):
        return _is_symbol(after)
    if not _is_of_joining_script(before):
        return False
    return unicodedata.combining(before) == _VIRAMA or _is_of_joining_script(after)


def _selects(char: str, before: str, after: str) -> bool:
    """Whether a variation selector stands after a character that has variations."""
    if char in _MONGOLIAN_SELECTORS:
        return _is_in(before, _MONGOLIAN)
    if char in "\ufe0e\ufe0f":
        if before and before in "0123456789#*":
            return after == "\u20e3"  # a keycap
        return _is_symbol(before)
    if char in "\ufe00\ufe01\ufe02":
        return _is_in(before, _IDEOGRAPHS) or _is_symbol(before)
    return char > "\uffff" and _is_in(before, _IDEOGRAPHS)


def _is_symbol(char: str) -> bool:
    return _is_in(char, _SYMBOLS) and char not in _SKIN_TONES


def _is_of_joining_script(char: str) -> bool:
    return _is_in(char, _JOINING_SCRIPTS) and unicodedata.category(char)[0] in "LM"


def _is_in(char: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return bool(char) and any(first <= ord(char) <= last for first, last in ranges)
