"""Ten thousand numbers, dates and quantities each, written in many forms and read back.

The values are drawn with a fixed seed: what fails once fails always, and names its text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from factlab.grading.answer import DateAnswer, NumberAnswer, QuantityAnswer
from factlab.grading.dates import PartialDate, find_dates, parse_date
from factlab.grading.matcher import match
from factlab.grading.numbers import find_numbers, parse_number
from factlab.grading.quantities import find_quantities
from factlab.grading.units import convert

ROUNDS = 10_000
_ONES = re.findall(
    r"\w+",
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen",
)
_TENS = re.findall(r"\w+", "_ _ twenty thirty forty fifty sixty seventy eighty ninety")
_FULL_WIDTH = {ord(char): ord(char) + 0xFEE0 for char in "0123456789,."}


def _words(number: int) -> str:
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand")):
        if number >= size:
            rest = number % size
            return f"{_words(number // size)} {name}" + (f" {_words(rest)}" if rest else "")
    if number >= 100:
        rest = number % 100
        return f"{_ONES[number // 100]} hundred" + (f" and {_words(rest)}" if rest else "")
    if number >= 20:
        return _TENS[number // 10] + (f"-{_ONES[number % 10]}" if number % 10 else "")
    return _ONES[number]


def _kanji(number: int) -> str:
    written = ""
    scales = ((10**8, "億"), (10**4, "万"), (1000, "千"), (100, "百"), (10, "十"))
    for size, name in scales:
        count, number = divmod(number, size)
        if count:
            written += ("" if count == 1 and size < 10**4 else _kanji(count)) + name
    return written + ("〇一二三四五六七八九"[number] if number else "")


def _kanji_digits(number: int) -> str:
    return "".join("〇一二三四五六七八九"[int(digit)] for digit in str(number))


def _mixed(number: int) -> str:
    """4千889: the thousands before a kanji, the rest in digits."""
    return f"{number // 1000}千{number % 1000 or ''}" if 1000 <= number < 10_000 else str(number)


NUMBER_FORMS: dict[str, Callable[[int], str]] = {
    "plain": str,
    "commas": lambda n: f"{n:,}",
    "spaces": lambda n: f"{n:,}".replace(",", " "),
    "thin spaces": lambda n: f"{n:,}".replace(",", "\u2009"),
    "apostrophes": lambda n: f"{n:,}".replace(",", "'"),
    "latex": lambda n: f"{n:,}".replace(",", "{,}"),
    "decimal": lambda n: f"{n:,}.0",
    "full width": lambda n: f"{n:,}".translate(_FULL_WIDTH),
    "words": _words,
    "kanji": _kanji,
    "kanji digits": _kanji_digits,
    "mixed": _mixed,
}
DATE_FORMS: dict[str, Callable[[date], str]] = {
    "iso": lambda d: d.isoformat(),
    "american": lambda d: f"{d:%B} {d.day}, {d.year}",
    "british": lambda d: f"{d.day} {d:%B} {d.year}",
    "short": lambda d: f"{d:%b}. {d.day}, {d.year}",
    "ordinal": lambda d: f"the {d.day}{_suffix(d.day)} of {d:%B}, {d.year}",
    "slashes": lambda d: f"{d.month}/{d.day}/{d.year}",
    "points": lambda d: f"{d.day:02d}.{d.month:02d}.{d.year}",
    "japanese": lambda d: f"{d.year}年{d.month}月{d.day}日",
    "full width": lambda d: f"{d.year}年{d.month}月{d.day}日".translate(_FULL_WIDTH),
    "kanji": lambda d: f"{_kanji_digits(d.year)}年{_kanji(d.month)}月{_kanji(d.day)}日",
    "year first": lambda d: f"{d.year}/{d.month}/{d.day}",
}
UNITS = {  # the unit of the answer, and forms of it behind a number
    "m": ("m", " m", " meters", " metres", "-meter", "メートル", "ｍ"),
    "km": ("km", " km", " kilometers", "キロメートル"),
    "kg": (" kg", " kilograms", "キログラム"),
    "%": ("%", " percent", "％", "パーセント"),
    "°C": ("°C", " °C", " degrees Celsius", "℃"),
    "people": (" people", " persons", "人"),
}


def _suffix(day: int) -> str:
    return "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _number(rng: random.Random) -> int:
    """A number of 2 to 9 digits that is no single kanji: 百 is in many other words."""
    number = rng.randrange(11, 10 ** rng.randint(2, 9))
    return number + 1 if number in (100, 1000) else number


def test_numbers_are_read_back_from_every_form() -> None:
    rng = random.Random(4889)
    for _ in range(ROUNDS):
        number, form = _number(rng), rng.choice(list(NUMBER_FORMS))
        written = NUMBER_FORMS[form](number)
        assert parse_number(written) == number, (form, written)
        found = [n.value for n in find_numbers(f"It comes to {written}, they say.")]
        assert found == [number], (form, written)


def test_dates_are_read_back_from_every_form() -> None:
    rng = random.Random(2025)
    for _ in range(ROUNDS):
        day = date(1001, 1, 1) + timedelta(days=rng.randrange(1999 * 365))
        form = rng.choice(list(DATE_FORMS))
        written = DATE_FORMS[form](day)
        expected = PartialDate(day.year, day.month, day.day)
        assert parse_date(written) == expected, (form, written)
        found = [d.value for d in find_dates(f"It happened on {written}, they say.")]
        assert found == [expected], (form, written)


def test_quantities_are_read_back_from_every_form() -> None:
    rng = random.Random(3776)
    forms = [form for form in NUMBER_FORMS if form not in ("spaces", "thin spaces", "words")]
    for _ in range(ROUNDS):
        number, unit, form = _number(rng), rng.choice(list(UNITS)), rng.choice(forms)
        written = NUMBER_FORMS[form](number) + rng.choice(UNITS[unit])
        found = [(q.value, q.unit) for q in find_quantities(f"値は{written}です。")]
        assert found == [(number, unit)], (form, written)


def test_converted_quantities_are_recognised() -> None:
    rng = random.Random(16040)
    pairs = [("m", "km"), ("m", "ft"), ("km", "mi"), ("kg", "lb"), ("km²", "mi²"), ("h", "min")]
    for _ in range(1_000):
        (unit, other), number = rng.choice(pairs), rng.randrange(100, 10**6)
        there = convert(Decimal(number), unit, other)
        assert there is not None
        answer = QuantityAnswer(value=str(number), unit=unit)
        assert answer.find(f"It is {there:.6f} {other}."), (number, unit, other)
        assert not answer.find(f"It is {there * 2:.6f} {other}."), (number, unit, other)


@pytest.mark.parametrize("form", list(NUMBER_FORMS))
def test_a_number_in_any_form_is_right_and_another_is_wrong(form: str) -> None:
    rng = random.Random(form)
    for _ in range(100):
        number, other = _number(rng), _number(rng)
        gold = NumberAnswer(value=str(number))
        assert match(f"It comes to {NUMBER_FORMS[form](number)}.", gold).correct
        if number != other:
            assert not match(f"It comes to {NUMBER_FORMS[form](other)}.", gold).correct


@pytest.mark.parametrize("form", list(DATE_FORMS))
def test_a_date_in_any_form_is_right_and_the_next_day_is_wrong(form: str) -> None:
    rng = random.Random(form)
    for _ in range(100):
        day = date(1001, 1, 1) + timedelta(days=rng.randrange(1999 * 365))
        gold = DateAnswer(value=day.isoformat())
        assert match(f"On {DATE_FORMS[form](day)}.", gold).correct
        assert not match(f"On {DATE_FORMS[form](day + timedelta(days=1))}.", gold).correct
