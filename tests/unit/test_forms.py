"""Properties of what is read in a text: numbers, units, dates, and that reading never fails."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from factlab.grading.answer import Answer, DateAnswer, EntityAnswer, NumberAnswer, QuantityAnswer
from factlab.grading.dates import PartialDate, find_dates
from factlab.grading.matcher import match, mentions
from factlab.grading.numbers import find_numbers
from factlab.grading.quantities import find_quantities

_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
MANTISSAS = st.decimals(min_value="1", max_value="9.99", places=2)


@given(MANTISSAS, st.integers(-12, 15), st.sampled_from(range(6)))
def test_a_power_of_ten_is_read_as_itself(mantissa: Decimal, power: int, way: int) -> None:
    written = (
        f"{mantissa} × 10^{power}",
        f"{mantissa} x 10**{power}",
        f"{mantissa} \\times 10^{{{power}}}",
        f"{mantissa}·10{str(power).translate(_SUPERSCRIPT)}",
        f"{mantissa}e{power}",
        f"{mantissa}*10^{{{power}}}",
    )[way]
    found = find_numbers(f"It comes to {written}, they say.")
    assert [number.value for number in found] == [mantissa.scaleb(power)], written


@given(st.integers(1, 999), st.sampled_from([("K", 3), ("k", 3), ("M", 6), ("B", 9), (" bn", 9)]))
def test_a_letter_behind_a_number_is_its_scale(number: int, scale: tuple[str, int]) -> None:
    letter, zeros = scale
    (found,) = find_numbers(f"It has {number}{letter} readers.")
    assert found.value == number * 10**zeros


@given(
    st.integers(0, 99), st.sampled_from([("½", 2, 1), (" 1/2", 2, 1), (" 3/4", 4, 3), ("¼", 4, 1)])
)
def test_a_mixed_fraction_is_read_as_itself(whole: int, part: tuple[str, int, int]) -> None:
    written, bottom, top = part
    (found,) = find_numbers(f"It takes {whole}{written} of them.")
    assert found.value == whole + Decimal(top) / bottom


@given(st.integers(2, 9999), st.integers(1, 999))
def test_a_scale_word_goes_on_in_figures(thousands: int, rest: int) -> None:
    assume(thousands < 1000)
    (found,) = find_numbers(f"It is {thousands} thousand {rest} feet.")
    assert found.value == 1000 * thousands + rest


@given(
    st.integers(1, 10**6), st.sampled_from(["-{}", "−{}", "–{}", "minus {}", "‑{}", "negative {}"])
)
def test_a_sign_makes_another_number(number: int, way: str) -> None:
    written = way.format(number)
    below, above = NumberAnswer(value=str(-number)), NumberAnswer(value=str(number))
    for text in (written, f"It fell to {written}.", f"値は{written}です。"):
        assert mentions(text, below), text
        assert not mentions(text, above), text


UNITS = {
    "m": (" m", " meters", "メートル"),
    "ft": (" ft", " feet"),
    "kg": (" kg", "キログラム"),
    "%": ("%", " percent"),
    "°C": (" °C", " degrees Celsius"),
    "USD": (" US dollars", " USD"),
    "CAD": (" Canadian dollars", " CAD"),
    "EUR": (" euros", " €"),
    "INR": (" Indian rupees", " INR"),
    "people": (" people", " residents"),
}


@given(st.integers(1000, 10**7), st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)))
def test_the_unit_decides(number: int, asked: str, given_unit: str) -> None:
    gold = QuantityAnswer(value=str(number), unit=asked)
    for written in UNITS[given_unit]:
        assert match(f"It is {number:,}{written}.", gold).correct == (asked == given_unit), written


BOUNDS = [
    "less than {}", "more than {}", "at least {}", "at most {}", "up to {}", "> {}", "≥ {}",
    "no more than {}", "just under {}", "well over {}", "It is < {} long.",
]  # fmt: skip
NO_BOUNDS = [
    "<answer>{}</answer>", "> {}", "3 → {}", "3 m --> {}", "They add up to {}.",
    "It went up to {}.",    "about {}", "<b>{}</b>", "Answer -> {}",
]  # fmt: skip


@given(st.integers(10, 10**6), st.sampled_from(BOUNDS))
def test_a_bound_is_no_value(number: int, bound: str) -> None:
    text = f"It is {bound}".format(f"{number:,} m")
    assert not match(text, QuantityAnswer(value=str(number), unit="m")).correct, text


@given(st.integers(10, 10**6), st.sampled_from(NO_BOUNDS))
def test_what_only_looks_like_a_bound_is_none(number: int, way: str) -> None:
    text = way.format(f"{number:,} m")
    assert match(text, QuantityAnswer(value=str(number), unit="m")).correct, text


_DAYS = re.findall(
    r"[\w-]+",
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first "
    "twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth twenty-seventh "
    "twenty-eighth twenty-ninth thirtieth thirty-first",
)


def _date_ways(day: date) -> list[str]:
    month = f"{day:%B}"
    return [
        f"the {_DAYS[day.day - 1]} of {month}, {day.year}",
        f"{month} the {_DAYS[day.day - 1]}, {day.year}",
        f"{day.year}, on {month} {day.day}",
        f"{month} {day.day}. The year was {day.year}",
        f"Year: {day.year}\nMonth: {month}\nDay: {day.day}",
        f"{day.day} {day:%b}-{day.year}",
        f"{month} {day.day} of the year {day.year}",
        f"西暦{day.year}年{day.month}月{day.day}日",
    ]


@given(st.dates(date(1001, 1, 1), date(2999, 12, 31)))
def test_a_day_in_any_form_is_read_as_itself(day: date) -> None:
    expected = [PartialDate(day.year, day.month, day.day)]
    for written in _date_ways(day):
        assert [found.value for found in find_dates(written)] == expected, written


@given(st.dates(date(1940, 1, 1), date(2039, 12, 31)))
def test_a_short_year_lies_in_the_hundred_years_from_1940(day: date) -> None:
    expected = [PartialDate(day.year, day.month, day.day)]
    for written in (f"{day:%B} {day.day}, '{day:%y}", f"{day.day} {day:%b} '{day:%y}"):
        assert [found.value for found in find_dates(written)] == expected, written


@given(st.integers(1000, 2999))
def test_a_year_in_any_form_is_read_as_itself(year: int) -> None:
    ways = (
        "In {} Ottomans came.",
        "mid-{}",
        "from {} onwards",
        "{} marks the start.",
        "{}年です。",
    )
    for way in ways:
        assert [d.value for d in find_dates(way.format(year))] == [PartialDate(year)], way
    assert find_dates(f"{year}年代") == []
    assert find_dates(f"{year} ships lay there.") == []


@given(st.integers(1, 9999))
def test_a_year_before_christ_is_another_one(year: int) -> None:
    for written in (f"{year}BC", f"{year} BCE", f"{year} B.C.", f"紀元前{year}年"):
        assert [d.value for d in find_dates(written)] == [PartialDate(-year)], written


GOLDS = [
    QuantityAnswer(value="231", unit="m"),
    QuantityAnswer(value="-18", unit="°C"),
    QuantityAnswer(value="640", unit="USD"),
    NumberAnswer(value="0"),
    NumberAnswer(value="46"),
    DateAnswer(value="2031-03-14"),
    EntityAnswer(value="Mara Quill"),
]
HOSTILE = [
    "9", "9,", "9 ", "9.", "1/2 ", "٤", "千", "9千", "2025年" + "9" * 5000 + "月", "1e", "10^", "²",
    "twenty ", "one and ", "$1", "-", "–9", "6'2\"", "October 10, ", "(", "<", "\\frac{1}{2}", "か",
    "3 × 10^" + "9" * 5000, "9" * 5000 + " BC", "'99 ", "half a ", "1h", "you said ", "not ",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE, ids=lambda piece: piece[:12])
def test_a_long_text_of_one_piece_is_graded(piece: str) -> None:
    text = piece * (600 // len(piece) + 1)
    for gold in GOLDS:
        assert match(text, gold).outcome != "empty"
    assert all(q.end <= len(text) for q in find_quantities(text))


_WORDS = st.sampled_from(
    ["231", "-18", "$", "C$", "640", "46", " m", "½", "^", "×", "10", "⁶", "年", "BC", "'", '"',
     "h", "March 14", ", ", "2031", "in ", "the year ", "mid-", "up to ", "> ", "</a>", "not ",
     "doubt ", "Mara Quill", "thousand ", "half a ", "mile ", "and a half", "−", "–",
     "は", "度", "\n", "oops "]
)  # fmt: skip


@given(st.lists(_WORDS | st.text(max_size=3), max_size=16), st.sampled_from(GOLDS))
def test_any_mixture_of_forms_is_graded(pieces: list[str], gold: Answer) -> None:
    graded = match("".join(pieces), gold)
    assert graded.correct == (graded.outcome == "new")
