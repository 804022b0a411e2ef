"""Numbers together with what they count: 4,889 m, $3.5 million, 5 ft 11 in, 889 people.

How answers of type number and quantity are found in a text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from factlab.grading.dates import DAY_AND_MONTH, find_dates
from factlab.grading.numbers import FoundNumber, find_numbers
from factlab.grading.text import flatten, overlaps
from factlab.grading.units import FoundUnit, convert, known_unit, unit_after, unit_before


@dataclass(frozen=True, slots=True)
class FoundQuantity:
    """A number and its unit, None where it stands alone; `number_end` is where the digits end."""

    start: int
    end: int
    value: Decimal
    unit: str | None
    number_end: int


_YEAR_BEFORE = re.compile(
    r"\b(?:in|since|during|until|circa|year|years|early|late|mid|spring|summer|autumn|fall|winter"
    r"|as of)"
    r" (?:of )?$",
    re.IGNORECASE,
)
_NOUN_AFTER = re.compile(r" [a-z]{3,}")  # the 2025 eruption
# A unit named ahead: "the height in meters is 4889", "In feet: 16,040", "Height (m): 4889".
_UNIT_AHEAD = re.compile(
    r"(?:\bin |\()([^\W\d_]+)\)?[*_]*,? ?(?:is|are|:|=|\|)[ *_$]*$", re.IGNORECASE
)


def find_quantities(text: str) -> list[FoundQuantity]:
    """Find all numbers with their units, in order; numbers that are part of a date are left out."""
    plain = flatten(text)
    dates = _date_places(plain)
    found: list[FoundQuantity] = []
    for number in find_numbers(text):
        if overlaps(number.start, number.end, dates):
            continue
        quantity = _with_unit(plain, number)
        joined = _joined(plain, found[-1], quantity) if found else None
        if joined:
            found[-1] = joined
        else:
            found.append(quantity)
    return found


def _date_places(plain: str) -> list[tuple[int, int]]:
    """Where dates stand; a bare year only where the words beside it say that it is one."""
    dates = find_dates(plain)
    places: list[tuple[int, int]] = []
    for place, date in enumerate(dates):
        bare = plain[date.start : date.end].isdigit()
        ahead = plain[max(0, date.start - 12) : date.start]
        named = ahead.lower().endswith("the ") and _NOUN_AFTER.match(plain, date.end)
        follows = places and _YEARS_JOINED.fullmatch(plain[places[-1][1] : date.start])
        opens = _SPAN_BEFORE.search(ahead) and any(
            _YEARS_JOINED.fullmatch(plain[date.end : after.start])
            for after in dates[place + 1 : place + 2]
        )
        if not bare or named or follows or opens or _YEAR_BEFORE.search(ahead):
            places.append((date.start, date.end))
    return places + [hit.span() for hit in DAY_AND_MONTH.finditer(plain)]


_YEARS_JOINED = re.compile(r",? (?:and|or|to|until)(?: in)? | ?[-–/] ?")
_SPAN_BEFORE = re.compile(r"\b(?:between|from) $", re.IGNORECASE)


def _with_unit(plain: str, number: FoundNumber) -> FoundQuantity:
    before = unit_before(plain, number.start)
    after = unit_after(plain, number.end)
    if before and (after is None or not _is_money(after)):
        return FoundQuantity(before.start, number.end, number.value, before.name, number.end)
    start = before.start if before else number.start
    if after and plain[after.end : after.end + 1] == "半":  # 一時間半
        half = number.value + Decimal("0.5")
        return FoundQuantity(start, after.end + 1, half, after.name, number.end)
    if after:
        return FoundQuantity(start, after.end, number.value, after.name, number.end)
    ahead = _UNIT_AHEAD.search(plain[max(0, start - 30) : start])
    unit = known_unit(ahead[1]) if ahead else None
    name = unit.symbol if unit else None
    return FoundQuantity(start, number.end, number.value, name, number.end)


def _is_money(unit: FoundUnit) -> bool:
    known = known_unit(unit.name)
    return known is not None and known.dimension in ("US dollars", "euros", "yen")


def _joined(plain: str, first: FoundQuantity, second: FoundQuantity) -> FoundQuantity | None:
    """Join 5 ft 11 in, or 1 hour and 30 minutes: the same dimension in a smaller unit, close by."""
    if first.unit is None or second.unit is None or first.unit == second.unit:
        return None
    if not re.fullmatch(r"(?:,? (?:and )?)?", plain[first.end : second.start]):
        return None
    addend = convert(second.value, second.unit, first.unit)
    one = convert(Decimal(1), second.unit, first.unit)
    if (
        addend is None
        or one is None
        or one >= 1
        or not 0 <= addend < 1
        or first.value != first.value.to_integral_value()
    ):
        return None
    total = first.value + addend
    return FoundQuantity(first.start, second.end, total, first.unit, second.number_end)
