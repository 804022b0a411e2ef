r"""Numbers in text: digits with any usual grouping, English number words, kanji numerals.

Used by `quantities`, which adds the units, and to read what an author wrote in a fact.

Rules for forms that people read differently:

| written            | read as                                                          |
|--------------------|------------------------------------------------------------------|
| 4,889 4 889 4'889  | 4889; also thin spaces, `{,}` and `\,` of LaTeX, 4_889           |
| 4.889              | 4.889: a point is decimal. 1.234.567 has two, so they group      |
| 1,23,456           | 123456 (Indian grouping)                                         |
| 4,88  12,3456      | no number: the comma neither groups nor is it decimal in English |
| 10:30  1/2  1.2.3  | no number: a time, a fraction, a version                         |
| one and a half 1½ | 1.5; a million and a half is 1,500,000                           |
| 1st  1970s  B12    | no number: an ordinal, a decade, a label                         |
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from factlab.grading.number_words import (
    AND_PART,
    KANJI_RUN,
    PARTS,
    SCALES,
    WORD_RUN,
    add_part,
    parse_kanji,
    parse_words,
)
from factlab.grading.text import flatten, is_letter, overlaps


@dataclass(frozen=True, slots=True)
class FoundNumber:
    """A number in running text, from `start` up to but not including `end`."""

    start: int
    end: int
    value: Decimal


# Every run of digits and what may sit between digits is taken as one token first, and read (or
# refused) as a whole afterwards: so 889 can never be found inside 4,889.
_SEPARATOR = r"(?:\{,\}|\\,|[,.'_/:])"
_TOKEN = re.compile(rf"(?:\.(?=\d))?\d+(?:{_SEPARATOR}\d+)*(?:[eE][+-]?\d+(?![a-zA-Z]))?")
_SPACED = re.compile(r"\d{1,3}(?: \d{3})+(?:\.\d+)?(?![\d])(?!{?,\d)")
_SHAPES = (
    re.compile(r"(?P<whole>\d+)(?P<rest>(?:\.\d+)?)"),
    re.compile(
        r"(?P<whole>\d{1,3}(?P<sep>,|'|_| |\{,\}|\\,)\d{3}(?:(?P=sep)\d{3})*)(?P<rest>(?:\.\d+)?)"
    ),
    re.compile(r"(?P<whole>\d{1,2}(?:,\d{2})+,\d{3})(?P<rest>(?:\.\d+)?)"),
    re.compile(r"(?P<whole>\d{1,3}(?:\.\d{3}){2,})(?P<rest>)"),
    re.compile(r"(?P<whole>)(?P<rest>\.\d+)"),
)
_EXPONENT = re.compile(r"[eE]([+-]?\d{1,3})$")
_SCALE_AFTER = re.compile(rf" ?-?({'|'.join(SCALES)})s?\b", re.IGNORECASE)
_MONEY_SCALE = re.compile(r" ?(k|m|mn|mio|b|bn|tn)(?![a-z])", re.IGNORECASE)
_MONEY_FACTORS = {"k": 3, "m": 6, "mn": 6, "mio": 6, "b": 9, "bn": 9, "tn": 12}
_ORDINAL = re.compile(r"(?:st|nd|rd|th|s)\b", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:#|\b(?:step|chapter|fig\.?|figure|table|question|section|page|item|option|example"
    r"|part|note|rank|No\.|Nr\.|Q|version|season|episode|series|volume|phase) ?)$",
    re.IGNORECASE,
)
# "One" is an article, a pronoun or half an idiom more often than it is an amount.
_ONE_IDIOM_AFTER = re.compile(
    r"-? ?(?:of|another|can|could|must|should|may|might|would|will|has|is|was|who|that|day|thing"
    r"|side|hand|way|in|to|at|time|by|such|or more|you|we|i|they|he|she)\b",
    re.IGNORECASE,
)
_ONE_IDIOM_BEFORE = re.compile(
    r"\bformula $"
    r"|\b(?:the|this|that|no|any|every|each|which|another|some|a|an|first|last|only) (?:\w+ )?$",
    re.IGNORECASE,
)


def parse_number(text: str) -> Decimal | None:
    """Read a text that is one number and nothing else, or return None."""
    plain = flatten(text).strip()
    found = (
        _read_digits(plain.lstrip("+-").strip()) if plain[:2] not in ("--", "++", "+-") else None
    )
    if found is not None and plain.count("-", 0, 1) + plain.count("+", 0, 1) <= 1:
        return -found if plain.startswith("-") else found
    for read in (_read_scaled, parse_kanji):
        value = read(plain)
        if value is not None:
            return value
    return parse_words(plain) if WORD_RUN.fullmatch(plain) else None


def find_numbers(text: str) -> list[FoundNumber]:
    """Find all numbers in running text, in order; what only looks like one is left out."""
    plain = flatten(text)
    taken: list[tuple[int, int]] = []
    found: list[FoundNumber] = []
    for reader in (_kanji_numbers, _digit_numbers, _word_numbers):
        read = [hit for hit in reader(plain) if not overlaps(hit[0], hit[1], taken)]
        taken += [hit[:2] for hit in read]
        found += [FoundNumber(start, end, value) for start, end, value in read if value is not None]
    return sorted(_without_list_marks(plain, found), key=lambda number: number.start)


def _read_digits(token: str) -> Decimal | None:
    """Value of one unsigned digit token, or None if its separators make no sense."""
    exponent = _EXPONENT.search(token)
    body = token[: exponent.start()] if exponent else token
    for shape in _SHAPES:
        hit = shape.fullmatch(body)
        if hit:
            digits = re.sub(r"\D", "", hit["whole"]) or "0"
            return Decimal(f"{digits}{hit['rest']}").scaleb(int(exponent[1]) if exponent else 0)
    return None


def _read_scaled(plain: str) -> Decimal | None:
    """3.5 million: a digit number, a scale word, and nothing else."""
    found = list(_digit_numbers(plain))
    whole = len(found) == 1 and found[0][:2] == (0, len(plain))
    return found[0][2] if whole else None


def _digit_numbers(plain: str) -> Iterator[tuple[int, int, Decimal | None]]:
    """All digit tokens with their value, None for a token that must not be read as a number."""
    position = 0
    while token := _TOKEN.search(plain, position):
        spaced = _SPACED.match(plain, token.start())
        end = spaced.end() if spaced and spaced.end() > token.end() else token.end()
        position = end
        start, sign = _signed_start(plain, token.start())
        value = _read_digits(plain[token.start() : end])
        if value is None or not _may_stand_here(plain, token.start(), end):
            yield start, end, None
            continue
        end, value = _with_part(plain, end, *_scaled(plain, start, end, value))
        position = end
        yield start, end, sign * value


_MINUS_JA = ("マイナス", "氷点下", "零下")


def _signed_start(plain: str, start: int) -> tuple[int, int]:
    """Take in a sign before the digits; after a digit or letter a hyphen is a dash, not a sign."""
    word = next((word for word in _MINUS_JA if plain.endswith(word, 0, start)), None)
    if word:
        return start - len(word), -1
    before = plain[start - 1 : start]
    if before not in ("-", "+") or before == "":
        return start, 1
    earlier = plain[start - 2 : start - 1] if start >= 2 else ""
    if earlier and (earlier.isalnum() or earlier in "-+%°)]"):
        return start, 1
    return start - 1, -1 if before == "-" else 1


def _may_stand_here(plain: str, start: int, end: int) -> bool:
    """Whether the surroundings allow a number: not B12, COVID-19, 3rd, 1970s, ±5, Step 4."""
    before, earlier = plain[start - 1 : start], plain[max(0, start - 2) : max(0, start - 1)]
    if before and (is_letter(before) or (before == "_" and earlier.isalnum())):
        return False
    if before == "-" and earlier and is_letter(earlier):
        return False
    if before == "±" or plain[max(0, start - 2) : start] == "± ":
        return False
    if _ORDINAL.match(plain, end) and not (plain[end] == "s" and end - start != 4):
        return False
    if _LABEL.search(plain[max(0, start - 12) : start]):
        return False
    return not _glued_word(plain, end)


def _glued_word(plain: str, end: int) -> bool:
    """Whether letters that are no unit follow without a space: 3D, 4889abc."""
    from factlab.grading.units import unit_at

    after = plain[end : end + 1]
    if not after or not is_letter(after):
        return False
    if after == "k" and not is_letter(plain[end + 1 : end + 2] or " "):
        return False
    if _SCALE_AFTER.match(plain, end) or _MONEY_SCALE.match(plain, end):
        return False
    return unit_at(plain, end) is None


def _scaled(plain: str, start: int, end: int, value: Decimal) -> tuple[int, Decimal]:
    """Multiply by a scale word behind the digits: 3.5 million, 4.9k, and $3M after a currency."""
    while word := _SCALE_AFTER.match(plain, end):
        end, value = word.end(), value * SCALES[word[1].lower()]
    if plain[end : end + 1] == "k" and not is_letter(plain[end + 1 : end + 2] or " "):
        return end + 1, value * 1000
    money = _MONEY_SCALE.match(plain, end)
    if money and plain[:start].rstrip()[-1:] in tuple("$€£¥"):
        return money.end(), value.scaleb(_MONEY_FACTORS[money[1].lower()])
    return end, value


_SIGNS = {"½": "half", "¼": "quarter", "¾": "three quarters"}


def _with_part(plain: str, digits_end: int, end: int, value: Decimal) -> tuple[int, Decimal]:
    """Add what is written behind digits: 1½, 1 and a half, 2 and a half million."""
    sign = _SIGNS.get(plain[digits_end : digits_end + 1])
    if sign:
        return digits_end + 1, value + PARTS[sign]
    part = AND_PART.match(plain, end)
    added = add_part(value, plain[:end], part) if part else None
    return (part.end(), added) if part and added is not None else (end, value)


_WORD_PART = re.compile(r"\b(?!and\b)[a-z](?:(?!,|\band\b).)*", re.IGNORECASE)


def _word_numbers(plain: str) -> Iterator[tuple[int, int, Decimal | None]]:
    """Runs of English number words; a run that does not combine is tried in its parts."""
    for run in WORD_RUN.finditer(plain):
        value = parse_words(run[0])
        if value is None:
            for part in _WORD_PART.finditer(run[0]):
                words = part[0].rstrip()
                start = run.start() + part.start()
                yield start, start + len(words), parse_words(words)
        elif run[0].lower() != "one" or not _is_idiom(plain, run.start(), run.end()):
            yield run.start(), run.end(), value


def _is_idiom(plain: str, start: int, end: int) -> bool:
    """Whether a lone "one" here counts nothing: one of the, no one, one can see."""
    if _ONE_IDIOM_BEFORE.search(plain[max(0, start - 20) : start]):
        return True
    return bool(_ONE_IDIOM_AFTER.match(plain, end))


def _kanji_numbers(plain: str) -> Iterator[tuple[int, int, Decimal | None]]:
    """Runs of kanji numerals; a lone character counts only before a unit (一 is in many words)."""
    from factlab.grading.units import unit_at

    for run in KANJI_RUN.finditer(plain):
        if plain[run.start() - 1 : run.start()] in tuple("0123456789.,"):
            continue
        alone = len(run[0]) == 1 and run[0] != plain.strip()
        behind = run.end() + (plain[run.end() : run.end() + 1] == " ")
        if not alone or unit_at(plain, behind) or _COUNTER_JA.match(plain, run.start()):
            start, sign = _signed_start(plain, run.start())
            value = parse_kanji(run[0])
            yield start, run.end(), None if value is None else sign * value


_COUNTER_JA = re.compile(r"[二三四五六七八九]つ|.[個本枚冊匹頭台回軒棟名歳階戸件基隻羽]")


_LIST_MARK = re.compile(r"^[ \t>*-]*\(?(\d{1,2})[.)](?=[ \t]+\S)", re.MULTILINE)


def _without_list_marks(plain: str, found: list[FoundNumber]) -> list[FoundNumber]:
    """Drop list numbering: marks at the start of a line that count 1, 2, 3 from the first on."""
    marks, expected = set(), 1
    for mark in _LIST_MARK.finditer(plain):
        if int(mark[1]) == expected:
            marks.add(mark.start(1))
            expected += 1
    return [number for number in found if number.start not in marks]
