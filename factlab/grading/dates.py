"""Dates in text, at the precision they are written in: a year, a month, or a day.

How answers of type date are found, and how `quantities` knows that 2025 counts nothing.

Day and month in figures (10/11/2025) are read month first, as in American English, unless the
first number cannot be a month; with points (10.11.2025) the day comes first. A year of two figures
(10/10/25, Oct. 10, '25) is read where only one date can be meant. A bare year is four digits
from 1000 to 2999 that neither continue a number nor count anything; behind "in" and the like it is
one before a noun, too ("In 1066 Normans …"), and so is any number behind "in the year". Days may be
ordinals in words (the tenth of October) and years spoken (twenty nineteen). A day and its year may
stand apart: "in 2025, on October 10", "October 10. The year was 2025", fields on lines.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from factlab.grading.languages import LANGUAGES
from factlab.grading.number_words import parse_kanji, parse_words
from factlab.grading.text import Taken, flatten


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
_ORDINALS = {
    word: day
    for day, word in enumerate(
        re.findall(
            r"[\w-]+",
            "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
            "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth "
            "twenty-first twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth "
            "twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first",
        ),
        start=1,
    )
}
_DAY_WORDS = "|".join(sorted(_ORDINALS, key=len, reverse=True)).replace("-", "[- ]")
_DAY = rf"(?:(?P<day>\d{{1,2}}|(?:{_DAY_WORDS})\b)(?:st|nd|rd|th)?)"
# A day without its year is no date to compare, but no amount either.
DAY_AND_MONTH = re.compile(
    rf"\b(?:{'|'.join(_MONTH_NAMES[1:])}) \d{{1,2}}(?:st|nd|rd|th)?\b(?![\d,.]\d)"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)? (?:of )?(?:{'|'.join(_MONTH_NAMES[1:])})\b",
    re.IGNORECASE,
)
_ONES = "one|two|three|four|five|six|seven|eight|nine"
_TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_BELOW_100 = rf"(?:{_TEENS}|(?:{_TENS})(?:[- ](?:{_ONES}))?)"
# Nineteen eighty-four, twenty nineteen, nineteen oh five; two thousand and one only behind "in".
_SPOKEN = rf"(?:{_TEENS}|twenty)[- ](?:{_BELOW_100}|oh[- ](?:{_ONES}))\b"
_SPOKEN_LONG = (
    rf"(?:two thousand(?: (?:and )?(?:{_BELOW_100}|{_ONES}))?"
    rf"|(?:{_TEENS}) hundred(?: and (?:{_BELOW_100}|{_ONES}))?)\b"
)
_YEAR = rf"(?P<year>\d{{4}}|{_SPOKEN}|{_SPOKEN_LONG})"
_NOTED_YEAR = rf"{_YEAR}(?:(?<=[12]\d{{3}})\d{{1,2}}(?!\d))?"  # with the number of a footnote
_SHORT_YEAR = r"(?P<short>\d{2})"
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "明治": 1867}
_JP_NUMBER = r"(?:\d{1,4}|[〇一二三四五六七八九十百千]{1,9}|元)"

# Fewer kanji than these before 年 are a number of years, not a year: 十年, 三百年.
_JP_YEAR = "[〇一二三四五六七八九]?千[〇一二三四五六七八九十百]{0,6}|[〇一二三四五六七八九]{3,4}"
_JP_COPULA = "(?:です|でした|だ(?!け)|である|でございます)"  # 答えは1945です
_NOT_BELOW_ZERO = r"(?<!(?<!\d)[−–‑])(?<!minus )(?<!negative )(?<!マイナス)"
_JP_DAY = rf"(?: ?(?P<month>{_JP_NUMBER}) ?月(?: ?(?P<day>{_JP_NUMBER}) ?日)?)?"

_EDGE_BEFORE, _EDGE_AFTER = (
    r"(?<![\w/.,-])(?<![$€£¥±])(?<!± )(?<![^\d][–‐‑])(?<!^[–‐‑])(?<!minus )(?<!negative )",
    r"(?![^\W²³])(?![/-]?\d)(?![.,]\d)",
)
_MEASURE = (
    r" ?[%°€]| ?(?:m|km|ft|mi|kg|cm|mm|s|h|lb)\b"
    r"| (?:meters?|metres?|feet|miles?|kilomet\w+|dollars?|euros?|times|percent|million|billion"
    r"|thousand|years?|months?|weeks?|days?|hours?|minutes?|seconds?|steps)\b"
)
# Words in -s behind a year that are no plural: 1945 marks, 2025 onwards.
_NO_PLURAL = (
    r"(?:was|is|as|its|this|has|across|sees|marks|comes|follows|begins|starts|ends|brings|remains"
    r"|stands|seems|appears|does|goes|gets|makes|takes|gives|falls|lies|means|refers|belongs"
    r"|represents|precedes|succeeds|equals|sounds|works|onwards|towards|afterwards|always|perhaps"
    r"|unless|thus|plus|versus|besides|less|looks|feels|saw)\b"
)
# A word in -s that goes on to an object is a verb: 1984 introduces the Macintosh.
_OBJECT = r"(?: (?:the|an?|its|his|her|their)\b| (?-i:[A-Z]))"
_NOT_COUNTING = rf"(?!,\d|{_MEASURE}| people\b| (?!{_NO_PLURAL})(?-i:[a-z]+s)\b(?!{_OBJECT}))"
_IN = (
    r"\b(?:in|since|during|until|till|circa|ca?\.|spring|summer|autumn|fall|winter|mid|early|late|the)"
    r"(?: of| the year)?(?:[ -]|(?<=\.))"
)
_NOT_PLACES = r"(?! (?:cases|places|cities|countries|languages|parts|pieces|ways|stores|schools)\b)"
_YEAR_IS = r"[^\d\n]{0,40}?\byear(?:,| was| is|:)? (?:of )?"
_ON = r"(?:,? (?:on )?(?:the )?| \()"
_FIELD_YEAR = r"\byear\W{1,6}(?P<year>\d{4})"
_FIELD_MONTH = rf"\bmonth\W{{1,6}}(?P<month>{'|'.join(_MONTHS)}|\d{{1,2}})\b"
_FIELD_DAY = r"\b(?:day|date)\W{1,6}(?P<day>\d{1,2})"
_NEXT_FIELD = r"\W{1,8}"
_OTHER_MONTHS = {
    name.lower(): number
    for language in LANGUAGES.values()
    for number, name in enumerate(language.months, start=1)
}
_OTHER_MONTH = rf"(?P<month>{'|'.join(sorted(_OTHER_MONTHS, key=len, reverse=True))})"
# Where only part of a pattern is the date, that part is the group `date`. The first cell names the
# trigger without which a text holds no such date.
_PATTERNS = tuple(
    (trigger, re.compile(pattern, re.IGNORECASE), day_first)
    for trigger, pattern, day_first in (
        ("jp", rf"(?P<era>{'|'.join(_ERAS)}) ?(?P<year>{_JP_NUMBER})年"
         rf"(?: ?(?P<month>{_JP_NUMBER})月(?: ?(?P<day>{_JP_NUMBER})日)?)?", None),
        ("jp", rf"(?P<bc>紀元前|西暦前|(?<!\w)前) ?(?P<year>{_JP_NUMBER}) ?年(?![間代前後])"
         rf"{_JP_DAY}", None),
        ("jp", rf"西暦 ?(?P<year>{_JP_NUMBER}) ?年(?![間代]){_JP_DAY}", None),
        ("jp", rf"(?<!\d)(?P<year>\d{{3,4}}|{_JP_YEAR}) ?年(?![間代]){_JP_DAY}", None),
        ("figures", rf"{_EDGE_BEFORE}(?P<year>\d{{4}})(?P<sep>[-/.])(?P<month>\d{{1,2}})(?P=sep)"
         r"(?P<day>\d{1,2})(?![\d])(?![/-]\d)(?!\.\d)", None),
        ("figures", rf"{_EDGE_BEFORE}(?P<first>\d{{1,2}})(?P<sep>[-/])(?P<second>\d{{1,2}})(?P=sep)"
         rf"(?P<year>\d{{4}}){_EDGE_AFTER}", False),
        ("figures",
         rf"{_EDGE_BEFORE}(?P<first>\d{{1,2}})\. ?(?P<second>\d{{1,2}})\. ?(?P<year>\d{{4}})"
         rf"{_EDGE_AFTER}", True),
        ("figures",
         rf"{_EDGE_BEFORE}(?P<first>\d{{1,2}})/(?P<second>\d{{1,2}})/{_SHORT_YEAR}{_EDGE_AFTER}",
         False),
        ("other month",
         rf"(?<![\w.,])(?P<day>\d{{1,2}})\. ?{_OTHER_MONTH} ?(?P<year>\d{{4}}){_EDGE_AFTER}", None),
        ("month",
         rf"\b{_MONTH} ?(?:the )?{_DAY}(?: ?,? of| ?,? in| ?,)? ?{_NOTED_YEAR}{_EDGE_AFTER}", None),
        ("month", rf"\b{_MONTH} ?(?:the )?{_DAY},? '{_SHORT_YEAR}{_EDGE_AFTER}", None),
        ("month", rf"{_EDGE_BEFORE}(?:the )?{_DAY}(?: of| day of)?[ -]?{_MONTH}"
         rf"(?: ?,? of| ?,? in| ?,)?[ -]?{_NOTED_YEAR}{_EDGE_AFTER}", None),
        ("month",
         rf"{_EDGE_BEFORE}(?:the )?{_DAY}(?: of)?[ -]?{_MONTH}(?:,? '|-){_SHORT_YEAR}{_EDGE_AFTER}",
         None),
        ("month", rf"\b{_MONTH} (?:the )?{_DAY}{_YEAR_IS}{_YEAR}{_EDGE_AFTER}", None),
        ("month", rf"{_EDGE_BEFORE}{_DAY}(?: of)? {_MONTH}{_YEAR_IS}{_YEAR}{_EDGE_AFTER}", None),
        ("month", rf"\b(?P<year>\d{{4}}){_ON}{_MONTH} (?:the )?{_DAY}{_EDGE_AFTER}", None),
        ("month", rf"\b(?P<year>\d{{4}}){_ON}{_DAY}(?: of)? {_MONTH}(?!\w)", None),
        ("field", _FIELD_YEAR + _NEXT_FIELD + _FIELD_MONTH + _NEXT_FIELD + _FIELD_DAY, None),
        ("field", _FIELD_DAY + _NEXT_FIELD + _FIELD_MONTH + _NEXT_FIELD + _FIELD_YEAR, None),
        ("field", _FIELD_MONTH + _NEXT_FIELD + _FIELD_DAY + _NEXT_FIELD + _FIELD_YEAR, None),
        ("month", rf"\b{_MONTH}(?: ?,? of| ?,? in| ?,|-|/)? ?{_YEAR}{_EDGE_AFTER}", None),
        ("other month", rf"(?<!\w){_OTHER_MONTH} (?P<year>\d{{4}}){_EDGE_AFTER}", None),
        ("figures",
         rf"{_EDGE_BEFORE}(?P<year>\d{{4}})-(?P<month>0[1-9]|1[0-2]){_EDGE_AFTER}", None),
        ("figures",
         rf"{_EDGE_BEFORE}(?:(?P<month>0?[1-9]|1[0-2])/(?P<year>[12]\d{{3}})){_EDGE_AFTER}", None),
        ("figures",
         rf"{_EDGE_BEFORE}(?P<month>0[1-9]|1[0-2])-(?P<year>[12]\d{{3}}){_EDGE_AFTER}", None),
        ("era", r"(?<![\w.,-])(?P<year>\d{1,2},\d{3}|\d{1,4}) ?(?P<bc>BCE?\b|B\. ?C\.(?: ?E\.)?"
         r"|before (?:Christ|the Common Era)\b)", None),
        ("era", r"(?<![\w.,-])(?P<year>\d{1,4}) ?(?:AD|CE|A\. ?D\.|C\. ?E\.)(?!\w)", None),
        ("era", r"\b(?:AD|A\.D\.) ?(?P<year>\d{1,4})(?![\w])(?![.,]\d)", None),
        ("year", rf"\byear (?P<year>[12]\d{{3}}){_EDGE_AFTER}(?!,\d| ?[%°€])", None),
        ("year", rf"\bin the year (?P<date>(?P<year>\d{{1,4}})){_EDGE_AFTER}(?!,\d| ?[%°€])", None),
        ("short", rf"\b(?:in|of|since|until|from|by|year|summer|autumn|winter|spring) "
         rf"(?P<date>'{_SHORT_YEAR})(?![\w'])", None),
        ("short", rf"^\W*(?P<date>'{_SHORT_YEAR})(?=\W*$)", None),
        ("spoken", rf"{_IN}(?P<date>(?P<year>{_SPOKEN}|{_SPOKEN_LONG}))(?![\w-])", None),
        ("spoken", rf"(?<![\w-])(?P<year>{_SPOKEN})(?![\w-]){_NOT_COUNTING}", None),
        ("bare", rf"{_IN}(?P<date>(?P<year>[12]\d{{3}})){_EDGE_AFTER}(?!,\d|{_MEASURE})"
         rf"{_NOT_PLACES}", None),
        ("bare", rf"{_EDGE_BEFORE}(?P<year>[12]\d{{3}})(?:年)?{_EDGE_AFTER}{_NOT_COUNTING}", None),
        ("bare", rf"(?<![a-z\d_/.,$€£¥±-]){_NOT_BELOW_ZERO}(?P<year>[12]\d{{3}})(?={_JP_COPULA})",
         None),
    )
)  # fmt: skip


_TRIGGERS = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "jp": "年",
        "month": rf"(?:{'|'.join(name[:3] for name in _MONTH_NAMES[1:])})",
        "other month": "|".join(_OTHER_MONTHS),
        "field": r"\bmonth\W",
        "spoken": rf"(?:{_TEENS}|twenty|two)[- ](?:{_TEENS}|{_TENS}|oh|hundred|thousand)",
        "short": r"'\d\d",
        "era": r"\d ?(?:B\.? ?C|A\.? ?D|CE|C\. ?E|before)|A\.?D\.? ?\d",
        "figures": r"\d[-/.] ?\d",
        "year": r"year \d",
        "bare": r"[12]\d{3}",
    }.items()
}


@lru_cache(maxsize=256)
def parse_date(text: str) -> PartialDate | None:
    """Read a text that is one date and nothing else, or return None."""
    plain = " ".join(flatten(text).split())
    for found in _read(plain):
        if found[0] == 0 and found[1] == len(plain):
            return found[2]
    return None


def find_dates(text: str) -> list[FoundDate]:
    """Find all dates in running text, in order, each at the precision it is written in."""
    return list(_found(text))


@lru_cache(maxsize=32)  # gold, superseded value, rivals and amounts are looked for in one text
def _found(text: str) -> tuple[FoundDate, ...]:
    found = [FoundDate(start, end, value) for start, end, value in _read(flatten(text)) if value]
    return tuple(sorted(found, key=lambda date: date.start))


def _read(plain: str) -> Iterator[tuple[int, int, PartialDate | None]]:
    """Dates by pattern, most specific pattern first; an impossible one blocks its place."""
    taken = Taken(len(plain))
    present = {name for name, trigger in _TRIGGERS.items() if trigger.search(plain)}
    for trigger, pattern, day_first in _PATTERNS:
        if trigger not in present:
            continue
        place = "date" if "date" in pattern.groupindex else 0
        for hit in pattern.finditer(plain):
            start, end = hit.span(place)
            if not taken.holds(start, end):
                taken.add(start, end)
                yield start, end, _build(hit.groupdict(), day_first)


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
    """The year of two figures, in the hundred years from 1940 on: '25 is 2025, '69 is 1969."""
    return short + (1900 if short >= 40 else 2000)


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
    low = written.lower().replace(" ", "-")
    return _MONTHS.get(low) or _OTHER_MONTHS.get(low) or _ORDINALS.get(low) or _count(written)


def _count(written: str) -> int:
    """Digits, kanji or a spoken year as an integer; 元 is the first year of an era."""
    if written == "元":
        return 1
    if written[0].isdecimal():
        return int(written.replace(",", ""))
    if written[0].isascii():
        return int(parse_words(re.sub(r"\boh[- ]", "hundred ", written, flags=re.IGNORECASE)) or 0)
    return int(parse_kanji(written) or 0)
