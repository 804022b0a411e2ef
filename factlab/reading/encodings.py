"""Text that is not UTF-8 → the name of what it seems to be, for the message that refuses it."""

from __future__ import annotations

import codecs
import re

_MOST = 65_536  # bytes that are looked at, from the line of the first that is not ASCII
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, which begins in the same way
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
# Two kana, or two of the frequent kanji, as each encoding writes them. Text of Western Europe has
# hardly two such pairs side by side.
_JAPANESE = {
    "EUC-JP": ("euc_jp", re.compile(rb"(?:[\xa4\xa5][\xa1-\xf6]|[\xb0-\xcf][\xa1-\xfe]){2}")),
    "CP932 (Shift_JIS)": (
        "cp932",
        re.compile(rb"(?:\x82[\x9f-\xf1]|\x83[\x40-\x96]|[\x88-\x9f][\x40-\x7e\x80-\xfc]){2}"),
    ),
}
_MOST_ACCENTS = 0.4  # of all characters, in text of Western Europe


def guessed(raw: bytes) -> str:
    """What some bytes are probably text of; empty where nothing is probable.

    Args:
        raw: From the beginning of a line, or of the file.
    """
    for mark, name in _MARKS.items():
        if raw.startswith(mark):
            return name
    first = _NOT_ASCII.search(raw)
    begin = raw.rfind(b"\n", 0, first.start()) + 1 if first else 0
    raw = raw[begin : begin + _MOST]
    for name, (codec, pairs) in _JAPANESE.items():
        if pairs.search(raw) and _is(raw, codec):
            return name
    if not raw.decode(errors="ignore").isascii():
        return ""  # UTF-8 for the most part, and damaged
    accents = sum(byte >= 0x80 for byte in raw)
    letters = sum(chr(byte).isalpha() or byte == 0x20 for byte in raw)
    if accents <= _MOST_ACCENTS * len(raw) and 2 * letters > len(raw) and _is(raw, "cp1252"):
        return "CP1252 (Latin-1)"
    return ""


def not_utf8(raw: bytes) -> str:
    """What is wrong with bytes that are not UTF-8, and what to do, without a full stop.

    Args:
        raw: From the beginning of a line, or of the file.
    """
    name = guessed(raw)
    if not name:
        return "not UTF-8 text. Save the file as UTF-8"
    codec = name.split()[0]
    return (
        f"not UTF-8 text; it looks like {name}. Save the file as UTF-8, as "
        f"`iconv -f {codec} -t UTF-8 OLD > NEW` does"
    )


def _is(raw: bytes, codec: str) -> bool:
    """Whether bytes are text of a codec; the last character may have been cut."""
    try:
        codecs.getincrementaldecoder(codec)().decode(raw)
    except UnicodeError:
        return False
    return True
