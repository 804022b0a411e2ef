"""English: how it writes values and sentences.

Its numerals, dates and units are read in `number_words`, `dates` and `unit_table`; its cues stand
beside the functions of `stance`, `abstain` and `mention` that use them.
"""

from __future__ import annotations

import calendar
from decimal import Decimal
from typing import TYPE_CHECKING

from factlab.grading.currency_table import sign_of_money
from factlab.grading.languages.language import (
    Language,
    Wanted,
    Ways,
    as_question,
    as_sentence,
    grouped,
    word_stems,
)
from factlab.grading.text import word_set
from factlab.grading.units import spell_unit

if TYPE_CHECKING:
    from factlab.grading.dates import PartialDate


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


def _number(value: Decimal) -> Ways:
    return grouped(value), f"{value:f}"


def _quantity(value: Decimal, unit: str) -> Ways:
    spelled = spell_unit(unit, value)
    short = f"{grouped(value)} {unit}"
    if unit in ("%", "°"):
        short = short.replace(" ", "")
    sign, per = sign_of_money(unit)
    if sign:  # ¥48,200
        short = f"{sign}{grouped(value)}{per}"
    return f"{grouped(value)} {spelled}".replace(" °", "°"), short, f"{value:f} {spelled}"


def _date(date: PartialDate) -> Ways:
    spelled = spell_date(date)
    if date.day is None or date.month is None:
        return (spelled,)
    ways = [spelled, f"{date.day} {calendar.month_name[date.month]} {date.year}"]
    ways += [f"{date.year}-{date.month:02d}-{date.day:02d}"] if date.year >= 1000 else []
    return tuple(ways)


def _question_word(wanted: Wanted) -> str:
    return "when" if wanted.type == "date" else "what"


LANGUAGE = Language(
    code="en",
    name="English",
    number=_number,
    quantity=_quantity,
    date=_date,
    question=as_question,
    sentence=as_sentence,
    question_word=_question_word,
    event_stems=word_stems,
    articles=("the ",),
    common=word_set(
        "the of and is are were its became has had which that with from by what who how this "
        "their when than then since now after before there been"
    ),
)
