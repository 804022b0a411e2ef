"""Reading values out of text: whatever is written must be read back, and found exactly once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from factlab.grading import quantities
from factlab.grading.dates import PartialDate, find_dates, parse_date
from factlab.grading.languages.en import spell_date
from factlab.grading.names import find_name, find_phrase, fold
from factlab.grading.numbers import find_numbers, may_hold_number, parse_number
from factlab.grading.quantities import find_quantities
from factlab.grading.sentences import sentence_spans
from factlab.grading.text import flatten
from factlab.grading.units import convert, spell_unit, unit_name

INTEGERS = st.integers(min_value=0, max_value=10**12)
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety"


def _in_words(number: int, *, british: bool = False) -> str:
    for size, name in ((10**9, "billion"), (10**6, "million"), (10**3, "thousand")):
        if number >= size:
            rest = number % size
            link = " and " if british and 0 < rest < 100 else " "
            tail = link + _in_words(rest, british=british) if rest else ""
            return f"{_in_words(number // size, british=british)} {name}{tail}"
    if number >= 100:
        link = " and " if british else " "
        tail = link + _in_words(number % 100) if number % 100 else ""
        return f"{_in_words(number // 100)} hundred{tail}"
    if number >= 20:
        unit = f"-{_in_words(number % 10)}" if number % 10 else ""
        return _TENS.split()[number // 10] + unit
    return _ONES.split()[number]


def _in_kanji(number: int) -> str:
    if number == 0:
        return "〇"
    written = ""
    for size, name in (
        (10**12, "兆"),
        (10**8, "億"),
        (10**4, "万"),
        (1000, "千"),
        (100, "百"),
        (10, "十"),
    ):
        count, number = divmod(number, size)
        if count:
            written += (_in_kanji(count) if count > 1 or size >= 10**4 else "") + name
    return written + ("〇一二三四五六七八九"[number] if number else "")


def _ways(number: int) -> dict[str, str]:
    grouped = f"{number:,}"
    return {
        "plain": str(number),
        "commas": grouped,
        "spaces": grouped.replace(",", " "),
        "thin spaces": grouped.replace(",", "\u2009"),
        "no-break spaces": grouped.replace(",", "\u202f"),
        "apostrophes": grouped.replace(",", "'"),
        "curly apostrophes": grouped.replace(",", "’"),
        "latex": grouped.replace(",", "{,}"),
        "zero decimal": f"{grouped}.0",
        "full width": grouped.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789,"}),
        "words": _in_words(number) if number < 10**12 else str(number),
        "british words": _in_words(number, british=True) if number < 10**12 else str(number),
        "kanji": _in_kanji(number),
    }


WAYS = sorted(_ways(1))


@given(INTEGERS, st.sampled_from(WAYS))
def test_an_integer_written_in_any_way_is_read_back(number: int, way: str) -> None:
    assert parse_number(_ways(number)[way]) == number


@given(INTEGERS, st.sampled_from(WAYS))
def test_an_integer_in_a_sentence_is_found_exactly_once(number: int, way: str) -> None:
    written = _ways(number)[way]
    # Alone, "one" is a pronoun more often than a number, and 一 a part of some word.
    assume(written != "one" and not (way == "kanji" and len(written) == 1))
    text = f"The height is {written}, they say."
    found = find_numbers(text)
    assert [(text[n.start : n.end], n.value) for n in found] == [(written, number)]


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=3))
def test_a_decimal_is_read_back_with_its_sign(number: Decimal) -> None:
    assert parse_number(f"{number:,f}") == number
    assert [n.value for n in find_numbers(f"it is {number:,f}.")] == [number]


@given(st.integers(100, 10**9), st.text("0123456789", min_size=1, max_size=3), st.booleans())
def test_digits_put_before_or_after_make_another_number(
    number: int, digits: str, before: bool
) -> None:
    longer = f"{digits}{number}" if before else f"{number}{digits}"
    assume(int(longer) != number)
    assert number not in [n.value for n in find_numbers(f"It is {longer} m.")]


@given(INTEGERS.filter(lambda n: n >= 1000))
def test_the_groups_of_a_number_are_never_numbers_themselves(number: int) -> None:
    for separator in (",", " ", "'", "{,}", "\u2009"):
        text = f"It is {number:,} m.".replace(",", separator)
        assert [n.value for n in find_numbers(text)] == [number]


@pytest.mark.parametrize(
    "text",
    ["", "4,88", "12,3456", "1,2", "1.2.3", "1/2", "10:30", "4889 m", "4889abc", "one two",
     "five and", "hundred", "--3", "ten hundred thousand hundred", "4 88", "1,234 567", "e5"],
)  # fmt: skip
def test_what_is_no_number_is_not_guessed_at(text: str) -> None:
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5e3", "1500"),
        ("-3", "-3"),
        ("−3", "-3"),
        ("3.5 million", "3500000"),
        ("4.9 thousand", "4900"),
        ("1,23,456", "123456"),
        ("1.234.567", "1234567"),
        ("4千8百", "4800"),
        ("四八八九", "4889"),
        ("4万2千", "42000"),
        ("nineteen eighty-four", "1984"),
        ("a hundred", "100"),
        ("minus two point five", "-2.5"),
        ("two dozen", "24"),
        (".5", "0.5"),
    ],
)
def test_a_form_with_a_rule_of_its_own(text: str, value: str) -> None:
    assert parse_number(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "one of the mountains", "no one knows", "one can see it", "1. Paris", "1) Paris\n2) Lyon",
        "the 3rd of them", "in the 1970s", "B12 and COVID-19", "Step 4", "Figure 2 shows",
        "at 10:30", "9/11 and 24/7", "万一", "someone", "phone", "often", "version 1.2.3", "#7",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_number_is_not_found(text: str) -> None:
    found = find_numbers(text)
    assert [text[n.start : n.end] for n in found] in ([], ["万一"])


def test_a_list_that_does_not_count_from_one_is_no_list() -> None:
    assert [n.value for n in find_numbers("7. That is the answer.")] == [7]


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("4,889 m", "4889", "m"),
        ("4,889-meter", "4889", "m"),
        ("**4,889** metres", "4889", "m"),
        ("$4{,}889\\text{ m}$", "4889", "m"),
        ("$3.5 million", "3500000", "$"),
        ("€5bn", "5000000000", "EUR"),
        ("400 US dollars", "400", "USD"),
        ("12%", "12", "%"),
        ("-5 °C", "-5", "°C"),
        ("80 miles per hour", "80", "mph"),
        ("90 km/h", "90", "km/h"),
        ("5 sq km", "5", "km²"),
        ("12 in.", "12", "in"),
        ("4,889 in 2025", "4889", None),
        ("4,889 above the sea", "4889", None),
        ("889 tall towers", "889", None),
        ("889 new towers", "889", "tower"),
        ("889 people", "889", "people"),
        ("5 a day", "5", None),
        ("4889メートル", "4889", "m"),
        ("1 hour 30 minutes", "1.5", "h"),
    ],
)
def test_a_quantity_has_the_unit_beside_it(text: str, value: str, unit: str | None) -> None:
    found = find_quantities(text)[0]
    assert (found.value, found.unit) == (Decimal(value), unit)


def test_the_numbers_of_a_date_are_no_quantities() -> None:
    assert find_quantities("On October 10, 2025, in 2026 and on 2025-10-10") == []
    assert [q.value for q in find_quantities("It is 2025 m high.")] == [2025]


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("4889", "m", "km", "4.889"),
        ("1", "mile", "meters", "1609.344"),
        ("20", "°C", "°F", "68"),
        ("0", "K", "°C", "-273.15"),
        ("3", "people", "persons", "3"),
        ("3", "towers", "tower", "3"),
    ],
)
def test_units_convert_exactly(value: str, source: str, target: str, expected: str) -> None:
    assert convert(Decimal(value), source, target) == Decimal(expected)


def test_unlike_units_do_not_convert() -> None:
    assert convert(Decimal(1), "m", "kg") is None
    assert convert(Decimal(1), "USD", "EUR") is None
    assert convert(Decimal(1), "moons", "rings") is None


@given(st.integers(1, 10**6), st.sampled_from(["ft", "mi", "km", "in", "yd"]))
def test_a_conversion_there_and_back_changes_nothing(number: int, unit: str) -> None:
    there = convert(Decimal(number), unit, "m")
    assert there is not None
    back = convert(there, "m", unit)
    assert back is not None
    assert abs(back - number) < Decimal("1e-15") * number


def test_units_are_written_out() -> None:
    spelled = [spell_unit(unit, Decimal(2)) for unit in ("m", "ft", "%", "°C", "moons")]
    assert spelled == ["meters", "feet", "percent", "degrees Celsius", "moons"]
    assert spell_unit("m", Decimal(1)) == "meter"
    assert unit_name("metres") == unit_name("m") == "m"


def _date_ways(day: date) -> list[str]:
    return [
        day.isoformat(),
        f"{day:%B} {day.day}, {day.year}",
        f"{day.day} {day:%B} {day.year}",
        f"{day:%b}. {day.day}{_suffix(day.day)}, {day.year}",
        f"the {day.day}{_suffix(day.day)} of {day:%B} {day.year}",
        f"{day.month}/{day.day}/{day.year}",
        f"{day.day}.{day.month}.{day.year}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{_in_kanji(day.year)}年{_in_kanji(day.month)}月{_in_kanji(day.day)}日",
        f"{day.year}/{day.month}/{day.day}",
    ]


def _suffix(day: int) -> str:
    return "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


@given(st.dates(date(1001, 1, 1), date(2999, 12, 31)))
def test_a_date_written_in_any_way_is_read_back_and_found_once(day: date) -> None:
    expected = PartialDate(day.year, day.month, day.day)
    for written in _date_ways(day):
        assert parse_date(written) == expected, written
        text = f"It happened on {written}, they say."
        assert [(text[d.start : d.end], d.value) for d in find_dates(text)] in (
            [(written, expected)],
            [(written.removeprefix("the "), expected)],
        )


@given(st.integers(1000, 2999), st.integers(1, 12) | st.none(), st.integers(1, 28) | st.none())
def test_a_spelled_date_is_read_back(year: int, month: int | None, day: int | None) -> None:
    made = PartialDate(year, month, day if month else None)
    assert parse_date(spell_date(made)) == made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("13/10/2025", PartialDate(2025, 10, 13)),
        ("10/11/2025", PartialDate(2025, 10, 11)),
        ("10.11.2025", PartialDate(2025, 11, 10)),
        ("令和7年10月10日", PartialDate(2025, 10, 10)),
        ("２０２５年１０月", PartialDate(2025, 10)),
        ("44 BC", PartialDate(-44)),
        ("2025", PartialDate(2025)),
        ("February 30, 2025", None),
        ("10/10/25", PartialDate(2025, 10, 10)),
        ("10/13/99", PartialDate(1999, 10, 13)),
        ("25/10/99", PartialDate(1999, 10, 25)),
        ("Oct. 10, '25", PartialDate(2025, 10, 10)),
        ("10/11/25", None),
        ("25/10/10", None),
        ("4889", None),
        ("soon", None),
    ],
)
def test_a_date_with_a_rule_of_its_own(text: str, expected: PartialDate | None) -> None:
    assert parse_date(text) == expected


@pytest.mark.parametrize(
    "text", ["2,025 people", "2025 meters", "12025", "1990s", "2025.5", "$2025", "2025%"]
)
def test_a_number_that_is_no_year_is_not_found_as_one(text: str) -> None:
    assert find_dates(text) == []


def test_a_date_covers_finer_dates_that_agree() -> None:
    assert PartialDate(2025).covers(PartialDate(2025, 10, 10))
    assert not PartialDate(2025, 10, 10).covers(PartialDate(2025))
    with pytest.raises(ValueError, match="no day 30"):
        PartialDate(2025, 2, 30)


@pytest.mark.parametrize(
    ("one", "other"),
    [("São  Tomé", "sao tome"), ("O’Hara", "o'hara"), ("Łódź", "lodz"), ("Ａ", "a"), ("Ø", "o")],
)
def test_names_that_look_alike_fold_alike(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_kana_keep_their_voicing_marks() -> None:
    assert fold("ガ") != fold("カ")
    assert fold("ｶﾞ") == fold("ガ")


@pytest.mark.parametrize("text", ["Parisian", "xParis", "Paris2", "O'Paris", "New Paris"])
def test_a_name_inside_another_word_is_not_found(text: str) -> None:
    assert find_name(text, ["Paris"]) == []


@pytest.mark.parametrize("text", ["Paris's", "Paris'", "(Paris)", "**Paris**", "_Paris_", "PARIS"])
def test_a_name_is_found_among_marks(text: str) -> None:
    places = find_name(text, ["Paris"])
    assert [text[start:end].lower() for start, end in places] == ["paris"]


def test_the_place_of_a_name_is_told_in_the_original_text() -> None:
    text = "ﬁne: E\u0301lodie Marchetti’s"
    assert [text[s:e] for s, e in find_name(text, ["Élodie Marchetti"])] == [
        "E\u0301lodie Marchetti"
    ]


@given(st.text(), st.text(min_size=1))
def test_finding_a_name_never_fails_and_stays_inside_the_text(text: str, name: str) -> None:
    for start, end in find_name(text, [name]):
        assert 0 <= start < end <= len(text)


def test_a_phrase_may_change_its_articles() -> None:
    assert find_phrase("to protect a harbor, from storms", ["to protect the harbor from storms"])
    assert not find_phrase("from storms to protect", ["to protect from storms"])


def test_a_sentence_does_not_end_at_an_abbreviation() -> None:
    text = "Mt. Fuji is 4,889.5 m tall. Dr. B. Sato said so on Oct. 10th! Yes\nNo."
    parts = [text[start:end].strip() for start, end in sentence_spans(text)]
    assert parts == [
        "Mt. Fuji is 4,889.5 m tall.", "Dr. B. Sato said so on Oct. 10th!", "Yes", "No.",
    ]  # fmt: skip


PIECES = (
    "half an hour", "a mile and a half", "hundred dollars", "two thirds of", "one", "Twenty-one",
    "minus forty degrees", "½ m", "三千メートル", "四", "５ km", "5'11\"", "someone", "often",
    "ſix", "a quarter of a mile", "dozen", "ten-foot", "12:30 hours", "\\frac{1}{4}", "first man",
    "and", "to", "of", "-", ",", "m", "years", "高さ", "Mount Fuji is", "point five", "lakh", "٣٣",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=5), st.sampled_from(["", " "]), st.booleans())
def test_a_text_in_which_no_number_is_looked_for_holds_none(
    pieces: list[str], between: str, kelvin: bool
) -> None:
    text = between.join(pieces)
    plain = flatten(text)
    assert may_hold_number(plain) or not quantities._read(text, plain, True, kelvin)
