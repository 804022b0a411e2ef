"""German: how it writes values and sentences, and what a sentence does with a value.

A point between thousands would be read as a decimal one, so thousands stand apart: 48 200 Euro.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from factlab.grading.languages.language import (
    Language,
    Wanted,
    Ways,
    as_question,
    as_sentence,
    by_kind,
    word_stems,
)
from factlab.grading.text import word_set
from factlab.grading.units import known_unit

if TYPE_CHECKING:
    from factlab.grading.dates import PartialDate

_MONTHS = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
    "November", "Dezember",
)  # fmt: skip
_UNITS = {
    "mm": "Millimeter", "cm": "cm", "m": "Meter", "km": "Kilometer", "mi": "Meilen", "ft": "Fuß",
    "g": "Gramm", "kg": "Kilogramm", "t": "t", "L": "Liter", "h": "Stunden", "°C": "°C",
    "%": "Prozent", "people": "Einwohner", "EUR": "Euro", "USD": "US-Dollar",
}  # fmt: skip
_PERSONS = word_set("person mensch mann frau könig königin präsident präsidentin politiker autor")
_PLACES = word_set("stadt ort dorf land staat hafen insel region")


def _figures(value: Decimal) -> str:
    """Thousands apart from 10,000 on, and a decimal comma: 4889, 48 200, 37,5."""
    written = f"{value:,f}" if abs(value) >= 10_000 else f"{value:f}"
    return written.translate(str.maketrans(",.", " ,"))


def _number(value: Decimal) -> Ways:
    # A decimal comma is read as one only before a unit.
    return (_figures(value) if value == value.to_integral_value() else f"{value:f}", f"{value:f}")


def _quantity(value: Decimal, unit: str) -> Ways:
    known = known_unit(unit)
    symbol = known.symbol if known else unit
    spelled = _UNITS.get(symbol, unit)
    figures = _figures(value)
    return f"{figures} {spelled}", f"{figures} {unit if symbol != 'people' else spelled}"


def _date(date: PartialDate) -> Ways:
    year = str(date.year) if date.year > 0 else f"{-date.year} BC"
    if date.month is None:
        return (year,)
    spelled = f"{_MONTHS[date.month - 1]} {year}"
    return (spelled,) if date.day is None else (f"{date.day}. {spelled}",)


def _question_word(wanted: Wanted) -> str:
    measured = {"date": "wann", "number": "wie viel", "quantity": "wie viel"}
    return measured.get(wanted.type) or by_kind(wanted, _PERSONS, _PLACES, ("wer", "wo", "was"))


LANGUAGE = Language(
    code="de",
    name="German",
    number=_number,
    quantity=_quantity,
    date=_date,
    question=as_question,
    sentence=as_sentence,
    question_word=_question_word,
    event_stems=word_stems,
    months=_MONTHS,
    articles=("der ", "die ", "das "),
    common=word_set(
        "der die das und ist wurde war nicht ein eine einen dem den des im zum zur mit auf für von "
        "wird hat sich auch seit nach wie neue neuer neues beträgt liegt"
    ),
    cues={
        # nicht 4889 Meter, sondern
        "denied_after": r"^\s*(?:\w+\s+)?ist\s+(?:falsch|veraltet|nicht\s+richtig)",
        "former_before": r"\b(?:[Ff]rüher|[Vv]orher|[Ee]hemals|nicht\s+mehr)\b[^.]*$",
        "former_after": r"^[^,;.]{0,20}\b(?:vorher|ehemals)\b",
        "former_reset": r",\s*(?:jetzt|heute|nun|aber)\b",
        "retraction": r"\b(?:Entschuldigung|Korrektur|richtig\s+ist)\b",
        "abstention": r"\b(?:weiß\s+(?:ich\s+)?(?:es\s+)?nicht|ist\s+nicht\s+bekannt"
        r"|kann\s+(?:ich\s+)?(?:es\s+|das\s+)?nicht\s+(?:sagen|beantworten))\b",
    },
)
