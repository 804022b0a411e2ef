"""Numbers together with what they count: 4,889 m, $3.5 million, 5 ft 11 in, 889 people.

How answers of type number and quantity are found in a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from factlab.grading.dates import DAY_AND_MONTH, find_dates
from factlab.grading.number_words import AND_PART, PARTS, SCALES
from factlab.grading.numbers import FoundNumber, find_numbers, may_hold_number
from factlab.grading.text import Taken, flatten
from factlab.grading.units import (
    FoundUnit,
    convert,
    is_money,
    known_unit,
    unit_after,
    unit_at,
    unit_before,
)

# Zero, said of what there is none of.
_NONE = re.compile(
    r"\b(?:(?:(?:does|do|did|is|are)(?: not|n't) )(?:have |has |possess )?any|(?:has|have|had"
    r"|possess(?:es)?|are|is|with|of) no|without any)(?= [a-z])"
    r"(?! (?:longer|more|other|one|doubt|idea|known))",
    re.IGNORECASE,
)


def find_none(text: str) -> list[tuple[int, int]]:
    """Where a text says that there is none of something: it has no moons, doesn't have any."""
    return [hit.span() for hit in _NONE.finditer(flatten(text))]


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


def find_quantities(
    text: str, *, labels: bool = False, kelvin: bool = False
) -> list[FoundQuantity]:
    """Find all numbers with their units, in order; numbers that are part of a date are left out.

    Args:
        text: Any text.
        labels: Include numbers behind a word like Step or No.
        kelvin: Read a capital K right behind digits as the unit, not as thousands.
    """
    return list(_found(text, labels, kelvin))


@lru_cache(maxsize=32)  # gold, superseded value and rivals are looked for in one text
def _found(text: str, labels: bool, kelvin: bool) -> tuple[FoundQuantity, ...]:
    plain = flatten(text)
    return _read(text, plain, labels, kelvin) if may_hold_number(plain) else ()


def _read(text: str, plain: str, labels: bool, kelvin: bool) -> tuple[FoundQuantity, ...]:
    taken = Taken(len(plain))
    found = list(_in_two_units(plain))
    for start, end in (*_date_places(plain), *((q.start, q.end) for q in found)):
        taken.add(start, end)
    numbers = find_numbers(text, labels=True, kelvin=kelvin)
    amounts: list[FoundQuantity] = []
    for number in sorted([*_articles(plain, numbers), *numbers], key=lambda n: n.start):
        if taken.holds(number.start, number.end):
            continue
        quantity = _with_unit(plain, number)
        if number.label and not labels and not _is_measured(quantity):
            continue
        joined = _joined(plain, amounts[-1], quantity) if amounts else None
        if joined:
            amounts[-1] = joined
        else:
            amounts.append(quantity)
        taken.add(amounts[-1].start, amounts[-1].end)
    return tuple(sorted([*found, *amounts], key=lambda quantity: quantity.start))


# Feet and inches, hours and minutes, in figures that stand close: 5'11", 1h30, 1:30 hours.
_TWO_UNITS = re.compile(
    r"""(?<![\w'.,/])(?P<feet>\d)(?:'\ ?|-(?:foot|feet|ft)-)(?P<inches>1[01]|\d)(?:"|''|(?![\w'.,]))
    |(?<![\w.,:/])(?P<hours>\d{1,3})(?:\ ?h|:(?=\d\d\ (?:hours?|hrs?|h)\b))
      (?P<minutes>[0-5]\d)(?:\ ?(?:min|m|hours?|hrs?|h)\b|(?!\w))""",
    re.VERBOSE,
)


def _in_two_units(plain: str) -> Iterator[FoundQuantity]:
    for hit in _TWO_UNITS.finditer(plain):
        if hit["feet"]:
            value, unit = Decimal(12 * int(hit["feet"]) + int(hit["inches"])), "in"
        else:
            value, unit = Decimal(60 * int(hit["hours"]) + int(hit["minutes"])), "min"
        yield FoundQuantity(hit.start(), hit.end(), value, unit, hit.end())


def _is_measured(quantity: FoundQuantity) -> bool:
    """Whether a unit makes an amount of what would be a label: "No. 4,889 m"."""
    return quantity.unit is not None and known_unit(quantity.unit) is not None


# An article or a half that a unit makes a number: a mile and a half, half an hour, hundred dollars.
_ARTICLE = re.compile(
    r"(?<![\w-])(?:(?P<one>an?) "
    r"(?=[^\W\d][\w.]*(?: \w+)? and (?:a (?:half|quarter)|three quarters)\b)"
    r"|(?P<half>half|quarter)[ -](?:of )?(?:(?:an?|one) )?(?=[a-zA-Z])"
    rf"|(?P<scale>{'|'.join(SCALES)}) (?=[a-zA-Z]))",
    re.IGNORECASE,
)
_NO_SCALE = re.compile(
    r"(?:[\d%]|\b(?:few|several|some|many|couple|couple of|per|every|each|most|next|last|first"
    r"|the|of|this|that|[a-z]+ty|[a-z]+teen))[ -]$",
    re.IGNORECASE,
)


def _articles(plain: str, numbers: list[FoundNumber]) -> Iterator[FoundNumber]:
    """Numbers that only the unit behind them shows to be some."""
    taken = Taken(len(plain))
    for number in numbers:
        taken.add(number.start, number.end)
    for hit in _ARTICLE.finditer(plain):
        if taken.holds(hit.start(), hit.end()) or unit_at(plain, hit.end()) is None:
            continue
        if hit["scale"]:
            if not _NO_SCALE.search(plain[max(0, hit.start() - 12) : hit.start()]):
                value = Decimal(SCALES[hit["scale"].lower()])
                yield FoundNumber(hit.start(), hit.end() - 1, value)
        elif hit["one"]:
            yield FoundNumber(hit.start(), hit.end() - 1, Decimal(1))
        else:
            yield FoundNumber(hit.start(), hit.end() - 1, PARTS[hit["half"].lower()])


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
    places = [(start, _season_end(plain, end)) for start, end in places]
    return places + [hit.span() for hit in DAY_AND_MONTH.finditer(plain)]


_SEASON = re.compile(r"[-–/]\d{2}(?!\d)")


def _season_end(plain: str, end: int) -> int:
    """The end of 2012–13, whose second half counts nothing."""
    season = _SEASON.match(plain, end)
    return season.end() if season else end


_YEARS_JOINED = re.compile(r",? (?:and|or|to|until)(?: in)? | ?[-–/] ?")
_SPAN_BEFORE = re.compile(r"\b(?:between|from) $", re.IGNORECASE)


def _with_unit(plain: str, number: FoundNumber) -> FoundQuantity:
    before = unit_before(plain, number.start)
    after = unit_after(plain, number.end) or _unit_of_part(plain, number)
    if before and (after is None or not is_money(after.name)):
        end = after.end if after and after.name == "°" else number.end  # 華氏10度
        start, sign = _signed_money(plain, before.start)
        return FoundQuantity(start, end, sign * number.value, before.name, number.end)
    start = before.start if before else number.start
    if (speed := _speed(plain, start, number.end, after)) is not None:
        return FoundQuantity(speed.start, speed.end, number.value, speed.name, number.end)
    if after:
        end, value = _with_half(plain, after, number.value)
        end, value = _below_zero(plain, end, value, after.name)
        return FoundQuantity(start, end, value, after.name, number.end)
    ahead = _UNIT_AHEAD.search(plain[max(0, start - 30) : start])
    unit = known_unit(ahead[1]) if ahead else None
    name = unit.symbol if unit else None
    return FoundQuantity(start, number.end, number.value, name, number.end)


_SPEED_AHEAD = re.compile(r"(時速|秒速)(?:約|およそ)?$")
_SPEED_OF = {"時速": "h", "秒速": "s"}


def _speed(plain: str, start: int, end: int, after: FoundUnit | None) -> FoundUnit | None:
    """時速300キロ: the time that a length is covered in stands in front of the number."""
    ahead = _SPEED_AHEAD.search(plain[max(0, start - 5) : start])
    short = after is None and plain.startswith("キロ", end)
    length = "km" if short else after.name if after else ""
    unit = known_unit(f"{length}/{_SPEED_OF[ahead[1]]}") if ahead else None
    if ahead is None or unit is None:
        return None
    behind = after.end if after else end + len("キロ")
    return FoundUnit(start - len(ahead[0]), behind, unit.symbol)


def _unit_of_part(plain: str, number: FoundNumber) -> FoundUnit | None:
    """The unit of which a part is taken: three quarters of an hour, 3/4 of a mile."""
    article = _OF_A.match(plain, number.end) if abs(number.value) < 1 else None
    return unit_at(plain, article.end()) if article else None


_OF_A = re.compile(r" (?:of )?(?:an?|one) ")


_MINUS_MONEY = re.compile(r"\b(?:minus|negative) $", re.IGNORECASE)


def _signed_money(plain: str, start: int) -> tuple[int, int]:
    """-$200 is negative; what stands behind a letter or digit is a dash."""
    if _MINUS_MONEY.search(plain[max(0, start - 9) : start]):
        return start, -1
    if plain[max(0, start - 1) : start] not in ("-", "–") or not start:
        return start, 1
    dash = plain[max(0, start - 2) : start - 1].isalnum()
    return (start, 1) if dash else (start - 1, -1)


_HALF_AFTER = re.compile(rf"半|{AND_PART.pattern}", re.IGNORECASE)


def _with_half(plain: str, unit: FoundUnit, value: Decimal) -> tuple[int, Decimal]:
    """一時間半; two miles and a half."""
    hit = _HALF_AFTER.match(plain, unit.end)
    if not hit or known_unit(unit.name) is None:
        return unit.end, value
    part = PARTS["half"] if hit[0] == "半" else PARTS[(hit[1] or "three quarters").lower()]
    return hit.end(), value + part


_BELOW_ZERO = re.compile(r" (?:below|under) (?:zero|freezing|0\b)", re.IGNORECASE)


def _below_zero(plain: str, end: int, value: Decimal, unit: str) -> tuple[int, Decimal]:
    """12 degrees below zero is -12; below freezing is the same only in Celsius."""
    hit = _BELOW_ZERO.match(plain, end)
    if not hit or unit not in ("°", "°C", "°F") or (unit == "°F" and "z" not in hit[0].lower()):
        return end, value
    return hit.end(), -abs(value)


# Five foot eleven, 5'11", 1h30: the smaller unit is left out, or written as another one.
_IMPLIED = {"ft": "in", "h": "min", "min": "s", "lb": "oz"}


def _joined(plain: str, first: FoundQuantity, second: FoundQuantity) -> FoundQuantity | None:
    """Join 5 ft 11 in, or 1 hour and 30 minutes: the same dimension in a smaller unit, close by."""
    if first.unit is None or first.value != first.value.to_integral_value():
        return None
    between = plain[first.end : second.start]
    if not re.fullmatch(r"(?:,? (?:and )?)?", between):
        return None
    unit = _smaller_unit(plain, first, second, between)
    if unit is None:
        return None
    addend, one = convert(second.value, unit, first.unit), convert(Decimal(1), unit, first.unit)
    if addend is None or one is None or one >= 1 or not 0 <= addend < 1:
        return None
    total = first.value + addend
    return FoundQuantity(first.start, second.end, total, first.unit, second.number_end)


def _smaller_unit(
    plain: str, first: FoundQuantity, second: FoundQuantity, between: str
) -> str | None:
    """The unit of the second amount, also where it is implied: 6 foot 4, 1h 30m, 1h30."""
    implied = _IMPLIED.get(first.unit or "")
    if first.unit == "h" and second.unit == "m" and plain[first.end - 1] in "hr":
        return implied
    if second.unit is not None:
        return second.unit if second.unit != first.unit else None
    glued = between == "" and first.unit == "h" and second.number_end - second.start == 2
    spoken = between == " " and first.unit == "ft" and second.value < 12
    return implied if glued or spoken else None
