"""Dates in text, at the precision they are written in: a year, a month, or a day.

How answers of type date are found, and how `quantities` knows that 2025 counts nothing.

Day and month in figures (10/11/2025) are read month first, as in American English, unless the
first number cannot be a month; with points (10.11.2025) the day comes first. A year of two figures
(10/10/25, Oct. 10, '25) is read where only one date can be meant. A bare year is four digits
from 1000 to 2999 that neither continue a number nor count anything.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from factlab.grading.number_words import KANJI_RUN, parse_kanji
from factlab.grading.text import flatten, overlaps


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date known to the year, the month or the day; years before 1 CE are negative."""

    year: int
    month: int | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        if self.month is None and self.day is not None:
            raise ValueError("a day needs its month")
        if self.month is not None and not 1 <= self.month <= 12:
            raise ValueError(f"no month {self.month}")
        if self.day is not None and not 1 <= self.day <= self._days():
            raise ValueError(f"no day {self.day} in month {self.month} of {self.year}")

    def _days(self) -> int:
        # The calendar module knows years from 1 on; leap years repeat every 400.
        return calendar.monthrange(self.year % 400 + 400, self.month or 1)[1]

    @property
    def precision(self) -> int:
        """1 for a year, 2 for a month, 3 for a day."""
        return 1 if self.month is None else 2 if self.day is None else 3

    def covers(self, other: PartialDate) -> bool:
        """Whether the other date says at least this much, and the same."""
        pairs = ((self.year, other.year), (self.month, other.month), (self.day, other.day))
        return all(mine is None or mine == theirs for mine, theirs in pairs)


@dataclass(frozen=True, slots=True)
class FoundDate:
    """A date in running text, from `start` up to but not including `end`."""

    start: int
    end: int
    value: PartialDate


_MONTH_NAMES = [name.lower() for name in calendar.month_name]
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES) if name}
_MONTHS |= {name[:3]: number for name, number in _MONTHS.items()} | {"sept": 9}
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
# A day without its year is no date to compare, but no amount either.
DAY_AND_MONTH = re.compile(
    rf"\b(?:{'|'.join(_MONTH_NAMES[1:])}) \d{{1,2}}(?:st|nd|rd|th)?\b(?![\d,.]\d)"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)? (?:of )?(?:{'|'.join(_MONTH_NAMES[1:])})\b",
    re.IGNORECASE,
)
_YEAR = r"(?P<year>\d{4})"
_NOTED_YEAR = rf"{_YEAR}(?:(?<=[12]\d{{3}})\d{{1,2}}(?!\d))?"  # with the number of a footnote
_SHORT_YEAR = r"(?P<short>\d{2})"
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "明治": 1867}
_JP_NUMBER = r"(?:\d+|[〇一二三四五六七八九十百千]+|元)"

# Fewer kanji than these before 年 are a number of years, not a year: 十年, 三百年.
_JP_YEAR = "[〇一二三四五六七八九]?千[〇一二三四五六七八九十百]*|[〇一二三四五六七八九]{3,4}"

_EDGE_BEFORE, _EDGE_AFTER = r"(?<![\w/.,-])(?<![$€£¥])", r"(?![^\W²³])(?![/-]?\d)(?![.,]\d)"
_NOT_COUNTING = (
    r"(?!,\d| ?[%°€]| ?(?:m|km|ft|mi|kg|cm|mm|s|h|lb)\b"
    r"| (?:meters?|metres?|feet|miles?|kilomet|people|years?|days?|dollars?|euros?|times|percent"
    r"|million|billion|thousand|[a-z]+s\b(?<!was)(?<!is)(?<!as)(?<!its)(?<!this)(?<!has)))"
)
_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), day_first)
    for pattern, day_first in (
        (rf"(?P<era>{'|'.join(_ERAS)}) ?(?P<year>{_JP_NUMBER})年"
         rf"(?: ?(?P<month>{_JP_NUMBER})月(?: ?(?P<day>{_JP_NUMBER})日)?)?", None),
        (rf"(?<!\d)(?P<year>\d{{3,4}}|{_JP_YEAR}) ?年(?!間)"
         rf"(?: ?(?P<month>{_JP_NUMBER}) ?月(?: ?(?P<day>{_JP_NUMBER}) ?日)?)?", None),
        (rf"{_EDGE_BEFORE}{_YEAR}(?P<sep>[-/.])(?P<month>\d{{1,2}})(?P=sep)(?P<day>\d{{1,2}})"
         r"(?![\d])(?![/-]\d)(?!\.\d)", None),
        (rf"{_EDGE_BEFORE}(?P<first>\d{{1,2}})(?P<sep>[-/])(?P<second>\d{{1,2}})(?P=sep){_YEAR}"
         rf"{_EDGE_AFTER}", False),
        (rf"{_EDGE_BEFORE}(?P<first>\d{{1,2}})\. ?(?P<second>\d{{1,2}})\. ?{_YEAR}{_EDGE_AFTER}",
         True),
        (rf"{_EDGE_BEFORE}(?P<first>\d{{1,2}})/(?P<second>\d{{1,2}})/{_SHORT_YEAR}{_EDGE_AFTER}",
         False),
        (rf"\b{_MONTH} ?(?:the )?{_DAY}(?: ?,? of| ?,? in| ?,)? ?{_NOTED_YEAR}{_EDGE_AFTER}", None),
        (rf"\b{_MONTH} ?(?:the )?{_DAY},? '{_SHORT_YEAR}{_EDGE_AFTER}", None),
        (rf"{_EDGE_BEFORE}(?:the )?{_DAY}(?: of| day of)?[ -]?{_MONTH}"
         rf"(?: ?,? of| ?,? in| ?,)?[ -]?{_NOTED_YEAR}{_EDGE_AFTER}", None),
        (rf"\b{_YEAR},? {_MONTH} {_DAY}{_EDGE_AFTER}", None),
        (rf"\b{_MONTH}(?: ?,? of| ?,? in| ?,)? ?{_YEAR}{_EDGE_AFTER}", None),
        (rf"{_EDGE_BEFORE}{_YEAR}-(?P<month>0[1-9]|1[0-2]){_EDGE_AFTER}", None),
        (r"(?<![\w.,-])(?P<year>\d{1,4}) (?P<bc>BCE?\b|B\.C\.(?:E\.)?)", None),
        (r"(?<![\w.,-])(?P<year>\d{1,4}) (?:AD|CE|A\.D\.|C\.E\.)(?!\w)", None),
        (r"\b(?:AD|A\.D\.) ?(?P<year>\d{1,4})(?![\w])(?![.,]\d)", None),
        (rf"\byear (?P<year>[12]\d{{3}}){_EDGE_AFTER}(?!,\d| ?[%°€])", None),
        (rf"{_EDGE_BEFORE}(?P<year>[12]\d{{3}})(?:年)?{_EDGE_AFTER}{_NOT_COUNTING}", None),
    )
)  # fmt: skip


def parse_date(text: str) -> PartialDate | None:
    """Read a text that is one date and nothing else, or return None."""
    plain = " ".join(flatten(text).split())
    for found in _read(plain):
        if found[0] == 0 and found[1] == len(plain):
            return found[2]
    return None


def find_dates(text: str) -> list[FoundDate]:
    """Find all dates in running text, in order, each at the precision it is written in."""
    found = [FoundDate(start, end, value) for start, end, value in _read(flatten(text)) if value]
    return sorted(found, key=lambda date: date.start)


def _read(plain: str) -> Iterator[tuple[int, int, PartialDate | None]]:
    """Dates by pattern, most specific pattern first; an impossible one blocks its place."""
    taken: list[tuple[int, int]] = []
    for pattern, day_first in _PATTERNS:
        for hit in pattern.finditer(plain):
            if not overlaps(hit.start(), hit.end(), taken):
                taken.append(hit.span())
                yield hit.start(), hit.end(), _build(hit.groupdict(), day_first)


def _build(parts: dict[str, str | None], day_first: bool | None) -> PartialDate | None:
    """Make a date of the named groups of a pattern, or None if the calendar has no such day."""
    short = parts.get("short")
    if short and "first" in parts and not _is_clear(parts):
        return None
    year = _full_year(int(short)) if short else _count(parts["year"] or "")
    year += _ERAS.get(parts.get("era") or "", 0)
    year = -year if parts.get("bc") else year
    if day_first is None:
        month, day = _part(parts, "month"), _part(parts, "day")
    else:
        month, day = _order(_count(parts["first"] or ""), _count(parts["second"] or ""), day_first)
    try:
        return PartialDate(year, month, day)
    except ValueError:
        return None


def _full_year(short: int) -> int:
    """The year of two figures, in the hundred years from 1970 on: '25 is 2025, '99 is 1999."""
    return short + (1900 if short >= 70 else 2000)


def _is_clear(parts: dict[str, str | None]) -> bool:
    """Whether three numbers of two figures can be only one date: 10/10/25, not 10/11/25."""
    first, second, short = (int(parts[name] or 0) for name in ("first", "second", "short"))
    return first == second or first <= 12 < second or (second <= 12 < first and short > 31)


def _order(first: int, second: int, day_first: bool) -> tuple[int, int]:
    """Month and day of two figures: the rule of the pattern, unless only the other order works."""
    month, day = (second, first) if day_first else (first, second)
    return (day, month) if month > 12 >= day else (month, day)


def _part(parts: dict[str, str | None], name: str) -> int | None:
    written = parts.get(name)
    if written is None:
        return None
    return _MONTHS.get(written.lower()) or _count(written)


def _count(written: str) -> int:
    """Digits or kanji as an integer; 元 is the first year of an era."""
    if written == "元":
        return 1
    read: Callable[[str], object] = parse_kanji if KANJI_RUN.fullmatch(written) else int
    return int(str(read(written)))


def spell_date(date: PartialDate) -> str:
    """Write a date as a person would: October 10, 2025; October 2025; 2025; 44 BC."""
    year = (
        str(date.year)
        if date.year >= 1000
        else f"{abs(date.year)} {'BC' if date.year < 0 else 'AD'}"
    )
    if date.month is None:
        return year
    month = calendar.month_name[date.month]
    return f"{month} {year}" if date.day is None else f"{month} {date.day}, {year}"
