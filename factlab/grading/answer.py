"""The typed answer of a fact or a control question, and what counts as a mention of it.

Every scalar is kept as its author wrote it (the YAML loader types nothing) and parsed on demand.
The type decides what the same value can look like:

| type     | the same value is                                                               |
|----------|---------------------------------------------------------------------------------|
| number   | a number within `tolerance`, whatever it counts; a percentage is another number  |
| quantity | a number within `tolerance` in the same unit (or a word that can mean it:        |
|          | degrees for °C, dollars for CAD), or without any unit; or converted             |
|          | from another unit of the dimension, within 0.05 % or as a correct rounding to    |
|          | three or more significant digits (4.889 km, 16,040 ft and 3.04 miles are 4,889 m) |
| date     | a date that says at least what this one says: 2025 is met by October 10, 2025    |
| entity   | the name or an alias as whole words, without regard to case and accents          |
| text     | the words of the value or an alias in order, articles and commas left aside      |

An alias that can itself be read as the type (a second date, number or quantity) is compared as one.
Names and phrases that are given in part are met where neither value stands in full (`find_partly`).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal
from typing import Annotated, Literal, Self, Union

from pydantic import Field, field_validator, model_validator

from factlab.errors import quoted, shortened
from factlab.grading.dates import PartialDate, find_dates, parse_date
from factlab.grading.languages import DEFAULT_LANGUAGE, language_of
from factlab.grading.languages.language import Wanted
from factlab.grading.names import find_name, find_phrase, fold
from factlab.grading.numbers import is_fraction, parse_number
from factlab.grading.partial_names import find_partial
from factlab.grading.quantities import FoundQuantity, find_none, find_quantities
from factlab.grading.text import Span, overlaps
from factlab.grading.units import convert, known_unit, same_unit
from factlab.grading.written import checked_number
from factlab.reading.bounds import Name, Several, Text
from factlab.record import Record

CONVERSION_TOLERANCE = Decimal("0.0005")
YEAR = "year"  # what a number stands for where it is found in a date
_ONE_THING = re.compile(r"one \w", re.IGNORECASE)  # one president: an article, not a count


class _AnswerBase(Record):
    """What all answers share: a value as written, and other ways to write it."""

    value: Text
    aliases: Several[Text] = ()

    @field_validator("value")
    @classmethod
    def _value_says_something(cls, value: str) -> str:
        if not fold(value):
            raise ValueError("the answer's value is empty; write what a right answer would say")
        return value

    @model_validator(mode="after")
    def _aliases_say_something_else(self) -> Self:
        seen = {fold(self.value): "the value itself"}
        for alias in self.aliases:
            folded = fold(alias)
            if not any(char.isalnum() for char in folded):
                raise ValueError(
                    f"alias {quoted(alias)} is empty and would match every text; remove it"
                )
            if folded in seen:
                raise ValueError(
                    f"alias {quoted(alias)} repeats {seen[folded]}; remove one of the two"
                )
            seen[folded] = f"the alias {quoted(alias)}"
        return self

    def _alias_spans(self, text: str, spans: list[Span]) -> list[Span]:
        """Add mentions of an alias to mentions of the value, in order and without overlaps."""
        taken = [(span.start, span.end) for span in spans]
        for start, end in find_name(text, self.aliases):
            if not overlaps(start, end, taken):
                spans.append(Span(start, end, text[start:end]))
        return sorted(spans, key=lambda span: span.start)


class _Numeric(_AnswerBase):
    """A number with an absolute tolerance."""

    tolerance: Name = "0"

    @model_validator(mode="after")
    def _numbers_can_be_read(self) -> Self:
        checked_number(self.value, "value")
        if checked_number(self.tolerance, "tolerance") < 0:
            raise ValueError(
                f"tolerance {quoted(self.tolerance)} is negative; 0 means exactly equal"
            )
        return self

    @property
    def number(self) -> Decimal:
        """The value as a number."""
        return checked_number(self.value, "value")

    def _is_close(self, value: Decimal, to: Decimal | None = None) -> bool:
        number = self.number if to is None else to
        return abs(value - number) <= checked_number(self.tolerance, "tolerance")


def _span(text: str, found: FoundQuantity) -> Span:
    return Span(found.start, found.end, text[found.start : found.end], found.unit)


def _is_measure(unit: str | None) -> bool:
    """Whether the unit measures (meters, dollars) rather than names what is counted (moons)."""
    return unit is not None and known_unit(unit) is not None and unit != "people"


class NumberAnswer(_Numeric):
    """A plain number: a count, an index, a ratio."""

    type: Literal["number"] = "number"

    def find(self, text: str) -> list[Span]:
        """All places where this number is mentioned, whatever it counts there."""
        numbers = self._numbers()
        amounts = find_quantities(text) or find_quantities(text, labels=True)
        found = [_span(text, q) for q in amounts if self._is_number(q, numbers)]
        taken = [(span.start, span.end) for span in found]
        years = [
            Span(d.start, d.end, text[d.start : d.end], YEAR)
            for d in find_dates(text)
            if d.value.year in numbers and not overlaps(d.start, d.end, taken)
        ]
        none = [] if self.number else [Span(s, e, text[s:e]) for s, e in find_none(text)]
        return self._alias_spans(text, found + years + none)

    def _numbers(self) -> list[Decimal]:
        """The value, and the aliases that are numbers, too."""
        return [self.number, *(n for n in map(parse_number, self.aliases) if n is not None)]

    def _is_number(self, found: FoundQuantity, numbers: list[Decimal]) -> bool:
        return found.unit != "%" and any(self._is_close(found.value, n) for n in numbers)

    def primary(self, language: str = DEFAULT_LANGUAGE) -> str:
        """How a person writes it in a sentence."""
        return language_of(language).number(self.number)[0]

    def surfaces(self, language: str = DEFAULT_LANGUAGE) -> tuple[str, ...]:
        """True ways to write it, the primary one first."""
        return _distinct(*language_of(language).number(self.number), *self.aliases)

    def same_kind(self, text: str) -> NumberAnswer:
        """Read a distractor as a number, or raise ValueError."""
        return NumberAnswer(value=str(checked_number(text, "distractor")), tolerance=self.tolerance)

    def all_values(self, text: str) -> list[Span]:
        """All plain numbers in the text, and years if this may be one; no measures or money."""
        found = [
            _span(text, q)
            for q in find_quantities(text)
            if not _is_measure(q.unit) and not _ONE_THING.match(text, q.start)
        ]
        if 1000 <= self.number < 3000:
            found += [Span(d.start, d.end, text[d.start : d.end], YEAR) for d in find_dates(text)]
        return found


class QuantityAnswer(_Numeric):
    """A number with a unit."""

    type: Literal["quantity"] = "quantity"
    unit: Name

    @field_validator("unit")
    @classmethod
    def _unit_says_something(cls, unit: str) -> str:
        if not unit.strip():
            raise ValueError(
                "unit is empty; write one such as m, km, °C, % or people, or use type: number"
            )
        return unit

    def find(self, text: str) -> list[Span]:
        """All places where this quantity is mentioned, in its own or another unit, or in none."""
        numbers = [self.number, *self._other_numbers()]
        found = [
            _span(text, q)
            for q in self._quantities(text)
            if any(self._is_quantity(q, number) for number in numbers)
        ]
        return self._alias_spans(text, found)

    def _quantities(self, text: str) -> list[FoundQuantity]:
        """The quantities of a text; only a temperature has 300K for 300 kelvin."""
        unit = known_unit(self.unit)
        return find_quantities(text, kelvin=unit is not None and unit.dimension == "temperature")

    def _other_numbers(self) -> list[Decimal]:
        """The aliases that are quantities, too, in this answer's unit."""
        read = [(alias, find_quantities(alias)) for alias in self.aliases]
        whole = [q[0] for alias, q in read if len(q) == 1 and q[0].end - q[0].start == len(alias)]
        found = [q.value if q.unit is None else convert(q.value, q.unit, self.unit) for q in whole]
        return [number for number in found if number is not None]

    def _is_quantity(self, found: FoundQuantity, number: Decimal) -> bool:
        if found.unit is None or same_unit(found.unit, self.unit):
            return self._is_close(found.value, number)
        return self._is_conversion(found.value, found.unit, number)

    def _is_conversion(self, value: Decimal, unit: str, number: Decimal) -> bool:
        """Whether a value in another unit is this number, converted and perhaps rounded."""
        here, there = convert(value, unit, self.unit), convert(number, self.unit, unit)
        if here is None or there is None:
            return False
        if abs(here - number) <= abs(number) * CONVERSION_TOLERANCE or self._is_close(here, number):
            return True
        digits = value.normalize() if value == value.to_integral_value() else value
        exponent = int(digits.as_tuple().exponent)
        half_a_step = Decimal(5).scaleb(exponent - 1)
        return len(digits.as_tuple().digits) >= 3 and abs(there - value) <= half_a_step

    def primary(self, language: str = DEFAULT_LANGUAGE) -> str:
        """How a person writes it in a sentence: 4,889 meters."""
        return language_of(language).quantity(self.number, self.unit)[0]

    def surfaces(self, language: str = DEFAULT_LANGUAGE) -> tuple[str, ...]:
        """True ways to write it, the primary one first, then with the unit's symbol."""
        return _distinct(*language_of(language).quantity(self.number, self.unit), *self.aliases)

    def same_kind(self, text: str) -> QuantityAnswer:
        """Read a distractor such as "4095 m" as this unit, or raise ValueError."""
        found = find_quantities(text)
        if len(found) != 1 or text[: found[0].start].strip() or text[found[0].end :].strip(" ."):
            raise ValueError(
                f"{quoted(text)} is not one quantity; write it like {quoted(self.primary())}"
            )
        value = found[0].value
        converted = value if found[0].unit is None else convert(value, found[0].unit, self.unit)
        if converted is None:
            unit = shortened(self.unit)
            raise ValueError(f"{quoted(text)} is not in {unit}, nor in a unit that converts to it")
        return QuantityAnswer(value=f"{converted:f}", unit=self.unit, tolerance=self.tolerance)

    def all_values(self, text: str) -> list[Span]:
        """All quantities of this dimension, and numbers without a unit."""
        return [
            _span(text, q)
            for q in self._quantities(text)
            if q.unit is None or convert(q.value, q.unit, self.unit) is not None
        ]


class DateAnswer(_AnswerBase):
    """A date, compared at the precision it is written in."""

    type: Literal["date"] = "date"

    @field_validator("value")
    @classmethod
    def _date_can_be_read(cls, value: str) -> str:
        if parse_date(value) is None:
            raise ValueError(
                f"value {quoted(value)} cannot be read as a date; write it like 2025-10-10, "
                "October 10, 2025, October 2025 or 2025"
            )
        return value

    @property
    def date(self) -> PartialDate:
        """The value as a date."""
        date = parse_date(self.value)
        assert date is not None  # the validator has read it
        return date

    def find(self, text: str) -> list[Span]:
        """All dates that say at least what this one says."""
        aliases = [date for date in map(parse_date, self.aliases) if date is not None]
        dates = (self.date, *aliases)
        found = [d for d in find_dates(text) if any(date.covers(d.value) for date in dates)]
        return self._alias_spans(text, [Span(d.start, d.end, text[d.start : d.end]) for d in found])

    def primary(self, language: str = DEFAULT_LANGUAGE) -> str:
        """How a person writes it in a sentence: October 10, 2025."""
        return language_of(language).date(self.date)[0]

    def surfaces(self, language: str = DEFAULT_LANGUAGE) -> tuple[str, ...]:
        """True ways to write it, the primary one first."""
        ways = language_of(language).date(self.date)
        return _distinct(*[way for way in ways if self.find(way)], *self.aliases)

    def same_kind(self, text: str) -> DateAnswer:
        """Read a distractor as a date, or raise ValueError."""
        return DateAnswer(value=text.strip())

    def all_values(self, text: str) -> list[Span]:
        """All dates in the text, at any precision."""
        return [Span(d.start, d.end, text[d.start : d.end]) for d in find_dates(text)]


class EntityAnswer(_AnswerBase):
    """A person, place or thing by name."""

    type: Literal["entity"] = "entity"
    kind: Name | None = None

    def find(self, text: str) -> list[Span]:
        """All places where the name or an alias stands as words of their own."""
        names = (self.value, *self.aliases)
        return [Span(start, end, text[start:end]) for start, end in find_name(text, names)]

    def find_partly(
        self, text: str, other: Answer | None = None, asked: Collection[str] = ()
    ) -> list[Span]:
        """Places where enough of the name stands, and not as much of the other answer's."""
        return _partly(text, self, other, asked)

    def primary(self, language: str = DEFAULT_LANGUAGE) -> str:  # noqa: ARG002
        """The name as its author wrote it."""
        return self.value.strip()

    def surfaces(self, language: str = DEFAULT_LANGUAGE) -> tuple[str, ...]:  # noqa: ARG002
        """The name, then its aliases."""
        return _distinct(self.primary(), *self.aliases)

    def same_kind(self, text: str) -> EntityAnswer:
        """Take a distractor as a name of the same kind, or raise ValueError if it is empty."""
        return EntityAnswer(value=text.strip(), kind=self.kind)

    def all_values(self, text: str) -> list[Span]:  # noqa: ARG002
        """None: which other words name an entity cannot be seen from the outside."""
        return []


class TextAnswer(_AnswerBase):
    """A phrase."""

    type: Literal["text"] = "text"

    def find(self, text: str) -> list[Span]:
        """All places where the words of the value or an alias stand in order."""
        phrases = (self.value, *self.aliases)
        return [Span(start, end, text[start:end]) for start, end in find_phrase(text, phrases)]

    def find_partly(
        self, text: str, other: Answer | None = None, asked: Collection[str] = ()
    ) -> list[Span]:
        """Places where enough of the phrase stands, and not as much of the other answer's."""
        return _partly(text, self, other, asked)

    def primary(self, language: str = DEFAULT_LANGUAGE) -> str:
        """The phrase as its author wrote it, in the language's quotes where it needs some."""
        return language_of(language).phrase(self.value.strip())

    def surfaces(self, language: str = DEFAULT_LANGUAGE) -> tuple[str, ...]:
        """The phrase, then its aliases."""
        return _distinct(self.primary(language), *self.aliases)

    def same_kind(self, text: str) -> TextAnswer:
        """Take a distractor as a phrase, or raise ValueError if it is empty."""
        return TextAnswer(value=text.strip())

    def all_values(self, text: str) -> list[Span]:  # noqa: ARG002
        """None: any words could be another answer."""
        return []


def _partly(
    text: str, answer: _AnswerBase, other: _AnswerBase | None, asked: Collection[str]
) -> list[Span]:
    others = (other.value, *other.aliases) if other else ()
    places = find_partial(text, (answer.value, *answer.aliases), others=others, asked=asked)
    return [Span(start, end, text[start:end]) for start, end in places]


def gives_away(question: str, answer: Answer) -> bool:
    """Whether a question holds its answer; "write one half as a decimal" does not say 0.5."""
    return any(not is_fraction(span.text) for span in answer.find(question))


def wanted_of(answer: Answer, relation: str) -> Wanted:
    """What a question for this answer asks for, as far as its question word depends on it."""
    return Wanted(
        type=answer.type,
        kind=(answer.kind or "") if isinstance(answer, EntityAnswer) else "",
        unit=answer.unit if isinstance(answer, QuantityAnswer) else "",
        precision=answer.date.precision if isinstance(answer, DateAnswer) else 3,
        relation=relation,
    )


def _distinct(*ways: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ways))


Answer = Annotated[
    Union[NumberAnswer, QuantityAnswer, DateAnswer, EntityAnswer, TextAnswer],  # noqa: UP007
    Field(discriminator="type"),
]
