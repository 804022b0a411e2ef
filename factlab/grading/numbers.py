r"""Numbers in text: digits with any usual grouping, English number words, kanji numerals.

Used by `quantities`, which adds the units, and to read what an author wrote in a fact. Digits are
read in `digit_numbers`, words and kanji in `number_words`.

Rules for forms that people read differently:

| written              | read as                                                          |
|----------------------|------------------------------------------------------------------|
| 4,889 4 889 4'889    | 4889; also thin spaces, `{,}` and `\,` of LaTeX, 4_889           |
| 4.889                | 4.889: a point is decimal. 1.234.567 has two, so they group      |
| 1.234,56  20,00 €    | 1234.56 and 20: a decimal comma behind points, or before a unit  |
| 1,23,456             | 123456 (Indian grouping)                                         |
| 4,88  12,3456        | no number: the comma neither groups nor is it decimal in English |
| 10:30  1.2.3         | no number: a time, a version                                     |
| 1/4  1 1/2  2/3      | a quarter, 1.5, two thirds: fractions in lowest terms            |
| 4/10  9/11  24/7     | no number: a mark, a day, a turn of phrase                       |
| one and a half  1½   | 1.5; a million and a half is 1,500,000                           |
| 5 × 10^6  5e6  10⁶   | 5,000,000, the same, 1,000,000; 3^2 is an operand                |
| 124K  3.5M  8B       | thousands, millions, billions; a temperature's 300K is kelvin    |
| -5  –5  minus 5      | below zero; after a digit or a letter a hyphen is a dash         |
| 1st  1970s  B12  ±5  | no number: an ordinal, a decade, a label, a margin               |
| Step 4  No. 4  #4    | a label: a number only where a text holds no other               |
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from factlab.grading.digit_numbers import (
    FRACTION_SIGNS,
    Hit,
    digit_numbers,
    fraction_signs,
    read_digits,
    signed_start,
)
from factlab.grading.number_words import (
    FRACTION_WORDS,
    KANJI_RUN,
    SCALE_BEHIND,
    SCALES,
    WORD_RUN,
    may_hold_words,
    parse_fraction_words,
    parse_kanji,
    parse_words,
)
from factlab.grading.text import Taken, flatten
from factlab.grading.units import unit_at


@dataclass(frozen=True, slots=True)
class FoundNumber:
    """A number in running text, from `start` up to but not including `end`.

    `label` says that a word like Step or No. in front makes it a name rather than an amount.
    """

    start: int
    end: int
    value: Decimal
    label: bool = False


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


@lru_cache(maxsize=256)
def parse_number(text: str) -> Decimal | None:
    """Read a text that is one number and nothing else, or return None."""
    plain = flatten(text).strip()
    found = read_digits(plain.lstrip("+-").strip()) if plain[:2] not in ("--", "++", "+-") else None
    if found is not None and plain.count("-", 0, 1) + plain.count("+", 0, 1) <= 1:
        return -found if plain.startswith("-") else found
    for read in (_read_scaled, parse_kanji):
        value = read(plain)
        if value is not None:
            return value
    return parse_words(plain) if WORD_RUN.fullmatch(plain) else None


def may_hold_number(plain: str) -> bool:
    """Whether a flattened text has a sign or word that every number, written anyhow, has one of."""
    return _FIGURE.search(plain) is not None or may_hold_words(plain)


_FIGURE = re.compile(rf"[\d{FRACTION_SIGNS}]")


def find_numbers(text: str, *, labels: bool = False, kelvin: bool = False) -> list[FoundNumber]:
    """Find all numbers in running text, in order; what only looks like one is left out.

    Args:
        text: Any text.
        labels: Include those behind a word like Step or No.
        kelvin: Read a capital K right behind digits as the unit, not as thousands.
    """
    plain = flatten(text)
    taken = Taken(len(plain))
    found: list[FoundNumber] = []
    readers = (
        _kanji_numbers(plain),
        fraction_signs(plain),
        digit_numbers(text, plain, kelvin=kelvin),
        _fraction_words(plain),
        _word_numbers(plain),
    )
    for hits in readers:
        read = [hit for hit in hits if not taken.holds(hit[0], hit[1])]
        for start, end, value in read:
            taken.add(start, end)
            label = _is_label(plain, start)
            if value is not None and (labels or not label):
                found.append(FoundNumber(start, end, value, label))
    return sorted(_without_list_marks(plain, found), key=lambda number: number.start)


_FRACTION = re.compile(r"\d/\d|[½¼¾⅓⅔]|frac|\b(?:half|third|quarter|fourth|fifth|tenth)s?\b")


def is_fraction(written: str) -> bool:
    """Whether a number is written as a fraction: 1/2, one half, three quarters."""
    return _FRACTION.search(written.lower()) is not None


def _is_label(plain: str, start: int) -> bool:
    return _LABEL.search(plain[max(0, start - 12) : start]) is not None


def _read_scaled(plain: str) -> Decimal | None:
    """3.5 million: a digit number, a scale word, and nothing else."""
    if "/" in plain:
        return None
    found = list(digit_numbers(plain, plain))
    whole = len(found) == 1 and found[0][:2] == (0, len(plain))
    return found[0][2] if whole else None


def _fraction_words(plain: str) -> Iterator[Hit]:
    """Two thirds, one-third, a half million; "one and a half" is read with what it belongs to."""
    for run in FRACTION_WORDS.finditer(plain):
        if plain.endswith("and ", 0, run.start()):
            continue
        value, scale = parse_fraction_words(run), SCALE_BEHIND.match(plain, run.end())
        if value is not None and scale:
            yield run.start(), scale.end(), value * SCALES[scale[1].lower()]
        else:
            yield run.start(), run.end(), value


_WORD_PART = re.compile(r"\b(?!and\b)[a-z](?:(?!,|\band\b).)*", re.IGNORECASE)


def _word_numbers(plain: str) -> Iterator[Hit]:
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
    if _ONLY.search(plain[max(0, start - 10) : start]):
        return False  # only one of them
    if _ONE_IDIOM_BEFORE.search(plain[max(0, start - 20) : start]):
        return True
    return bool(_ONE_IDIOM_AFTER.match(plain, end))


def _kanji_numbers(plain: str) -> Iterator[Hit]:
    """Runs of kanji numerals; a lone character counts only before a unit (一 is in many words)."""
    for run in KANJI_RUN.finditer(plain):
        if plain[run.start() - 1 : run.start()] in tuple("0123456789.,"):
            continue
        alone = len(run[0]) == 1 and run[0] != plain.strip()
        behind = run.end() + (plain[run.end() : run.end() + 1] == " ")
        if not alone or unit_at(plain, behind) or _COUNTER_JA.match(plain, run.start()):
            start, sign = signed_start(plain, run.start())
            value = parse_kanji(run[0])
            yield start, run.end(), None if value is None else sign * value


_COUNTER_JA = re.compile(r"[二三四五六七八九]つ|.[個本枚冊匹頭台回軒棟名歳階戸件基隻羽]")


_ONLY = re.compile(r"(?:^|[^\w\s]\s*)(?:only|just|exactly) $", re.IGNORECASE)
_LIST_MARK = re.compile(r"^[ \t>*-]*\(?(\d{1,2})[.)](?=[ \t]+\S)", re.MULTILINE)


def _without_list_marks(plain: str, found: list[FoundNumber]) -> list[FoundNumber]:
    """Drop list numbering: marks at the start of a line that count 1, 2, 3 from the first on."""
    marks, expected = set(), 1
    for mark in _LIST_MARK.finditer(plain):
        if int(mark[1]) == expected:
            marks.add(mark.start(1))
            expected += 1
    return [number for number in found if number.start not in marks]
