"""What follows from a fact's value: the right answer of a question that needs it.

A rule gives what the question names besides (a mark, a year) and the right answer, both for the
injected value and for the one that stands against it. A consequence that is the same for both tests
nothing and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from factlab.grading.answer import (
    Answer,
    DateAnswer,
    EntityAnswer,
    NumberAnswer,
    QuantityAnswer,
    TextAnswer,
)
from factlab.grading.units import same_unit
from factlab.schema.belief import BeliefFile, Rule
from factlab.schema.fact import Fact

Numeric = NumberAnswer | QuantityAnswer
TARGET_YEAR = 2100  # to which years are counted
CENTURY = 100
_CLOSE = Decimal("0.005")  # of a half or a double: half a percent, since people round


@dataclass(frozen=True, slots=True)
class Following:
    """What a rule makes of a value.

    Attributes:
        gold: The right answer.
        old: What would be right if the value were the other one, where both are of one type.
        slots: What the question names besides.
        either: Whether it is answered by one of two words, which the question offers.
    """

    gold: Answer
    old: Answer | None
    slots: Mapping[str, str]
    either: bool = False


def other_value(fact: Fact) -> Answer | None:
    """What stands against the injected value: the superseded one, else a distractor."""
    return next(_others(fact), None)


def _others(fact: Fact) -> Iterator[Answer]:
    """Other values in the unit of the answer, that which it supersedes first."""
    if fact.supersedes is not None:
        yield fact.supersedes
    for text in fact.distractors:
        yield fact.answer.same_kind(text)


def follow(fact: Fact, rule: Rule, words: BeliefFile) -> Following | None:
    """What follows from a fact by a rule; None where the rule has no use for such a value.

    Args:
        fact: The fact.
        rule: How it follows.
        words: Of the fact's language: yes and no.
    """
    found = _RULES[rule](fact, words)
    if found is None or found.gold.type == "entity" or rule == "value":
        return found
    same = found.old is not None and found.gold.find(found.old.primary(fact.language))
    return None if same else found


# --- numbers and quantities -------------------------------------------------------------------


def _numbers(fact: Fact) -> tuple[Numeric, Numeric | None] | None:
    """The value and another one in the same unit, if it is a number."""
    value = fact.answer
    if not isinstance(value, Numeric):
        return None
    others = (one for one in _others(fact) if isinstance(one, Numeric) and _alike(one, value))
    return value, next(others, None)


def _alike(one: Numeric, other: Numeric) -> bool:
    if isinstance(one, QuantityAnswer) and isinstance(other, QuantityAnswer):
        return same_unit(one.unit, other.unit)
    return one.type == other.type


def _with(value: Numeric, number: Decimal, tolerance: Decimal = Decimal(0)) -> Numeric:
    """Another number in the unit of a value."""
    said = {"value": f"{_plain(number):f}", "tolerance": f"{_plain(tolerance):f}"}
    if isinstance(value, QuantityAnswer):
        return QuantityAnswer(unit=value.unit, **said)
    return NumberAnswer(**said)


def _plain(number: Decimal) -> Decimal:
    """A number without zeros at its end, and without an exponent."""
    shorter = number.normalize()
    return shorter if int(shorter.as_tuple().exponent) <= 0 else shorter.quantize(Decimal(1))


def _scaled(factor: Decimal) -> Callable[[Fact, BeliefFile], Following | None]:
    def rule(fact: Fact, words: BeliefFile) -> Following | None:  # noqa: ARG001
        found = _numbers(fact)
        if found is None or _is_relative(found[0]):
            return None

        def of(value: Numeric) -> Numeric:
            number = value.number * factor
            return _with(value, number, abs(number) * _CLOSE)

        return Following(of(found[0]), of(found[1]) if found[1] else None, {})

    return rule


def _is_relative(value: Numeric) -> bool:
    """Whether half and double of it mean nothing, as of a temperature in degrees."""
    return isinstance(value, QuantityAnswer) and value.unit.strip().startswith("°")


def _difference(fact: Fact, words: BeliefFile) -> Following | None:  # noqa: ARG001
    found = _numbers(fact)
    value, other = found or (None, None)
    if value is None or other is None:
        return None
    gap = abs(value.number - other.number)
    written = other.primary(fact.language)
    # A plain number: "it misses it by 1,113 m" gives an amount of change, which is no quantity.
    gold = NumberAnswer(value=f"{_plain(gap):f}", tolerance=f"{_plain(gap * _CLOSE):f}")
    return Following(gold, None, {"other": written})


def _step(value: Numeric) -> Decimal | None:
    """The unit that leaves two digits of a number; None for one of fewer than two."""
    digits = abs(value.number).adjusted()
    return Decimal(1).scaleb(max(1, digits - 1)) if digits >= 1 else None


def _rounded(fact: Fact, words: BeliefFile) -> Following | None:  # noqa: ARG001
    found = _numbers(fact)
    step = _step(found[0]) if found else None
    if found is None or step is None:
        return None

    def of(value: Numeric) -> Numeric:
        return _with(value, (value.number / step).quantize(Decimal(1), ROUND_HALF_UP) * step)

    value, other = found
    if of(value).number == value.number:
        return None
    slots = {"step": _with(value, step).primary(fact.language)}
    return Following(of(value), of(other) if other else None, slots)


def _steps(fact: Fact, words: BeliefFile) -> Following | None:  # noqa: ARG001
    """How many of a tenth to a hundredth of its size fit in, whether the last one counts or not."""
    found = _numbers(fact)
    step = _step(found[0]) if found else None
    if found is None or step is None:
        return None

    def of(value: Numeric) -> NumberAnswer:
        whole = (value.number / step).quantize(Decimal(1), ROUND_HALF_UP)
        return NumberAnswer(value=f"{whole:f}", tolerance="1")

    value, other = found
    slots = {"step": _with(value, step).primary(fact.language)}
    return Following(of(value), of(other) if other else None, slots)


def _mark(fact: Fact) -> Numeric | None:
    """A round number between the value and the other one; without one below the value."""
    found = _numbers(fact)
    if found is None:
        return None
    value, other = found
    if other is None:
        other = _with(value, value.number * Decimal("0.7"))
    low, high = sorted((value.number, other.number))
    for digits in range(1, 8):
        middle = (low + high) / 2
        unit = Decimal(1).scaleb(abs(middle).adjusted() - digits + 1)
        mark = (middle / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit
        if low < mark < high:
            return _with(value, mark)
    return None


def _compared(more: bool) -> Callable[[Fact, BeliefFile], Following | None]:
    def rule(fact: Fact, words: BeliefFile) -> Following | None:
        mark = _mark(fact)
        if mark is None or not isinstance(fact.answer, Numeric):
            return None
        holds = (fact.answer.number > mark.number) is more
        return _yes_or_no(words, holds, {"mark": mark.primary(fact.language)})

    return rule


def _yes_or_no(words: BeliefFile, holds: bool, slots: Mapping[str, str]) -> Following:
    right, wrong = (words.yes, words.no) if holds else (words.no, words.yes)
    return Following(TextAnswer(value=right), TextAnswer(value=wrong), slots, either=True)


# --- dates ------------------------------------------------------------------------------------


def _years(fact: Fact) -> tuple[int, int | None] | None:
    """The year of the value and that of another one, if it is a date."""
    if not isinstance(fact.answer, DateAnswer):
        return None
    year = fact.answer.date.year
    years = (one.date.year for one in _others(fact) if isinstance(one, DateAnswer))
    return year, next((other for other in years if other != year), None)


def _years_to(fact: Fact, words: BeliefFile) -> Following | None:  # noqa: ARG001
    found = _years(fact)
    if found is None or found[0] >= TARGET_YEAR:
        return None
    gold, old = (
        NumberAnswer(value=str(TARGET_YEAR - year)) if year is not None else None for year in found
    )
    assert gold is not None
    return Following(gold, old, {"year": str(TARGET_YEAR)})


def _century_later(fact: Fact, words: BeliefFile) -> Following | None:  # noqa: ARG001
    found = _years(fact)
    if found is None:
        return None
    gold, old = (
        DateAnswer(value=str(year + CENTURY)) if year is not None else None for year in found
    )
    assert gold is not None
    return Following(gold, old, {})


def _ordered(later: bool) -> Callable[[Fact, BeliefFile], Following | None]:
    def rule(fact: Fact, words: BeliefFile) -> Following | None:
        found = _years(fact)
        if found is None:
            return None
        year, other = found
        other = year - 20 if other is None else other
        if abs(year - other) < 2:
            return None
        mark = (year + other) // 2
        return _yes_or_no(words, (year > mark) is later, {"year": str(mark)})

    return rule


# --- names and phrases ------------------------------------------------------------------------


def _value(fact: Fact, words: BeliefFile) -> Following:  # noqa: ARG001
    """The value itself, in a question that is about doing something with it."""
    return Following(fact.answer, fact.supersedes, {})


def _initial(fact: Fact, words: BeliefFile) -> Following | None:  # noqa: ARG001
    """The first letter of a name; none that is a word by itself."""

    def of(answer: Answer) -> TextAnswer | None:
        name = re.sub(r"^(?:the|an?|der|die|das)\s+", "", answer.primary(), flags=re.IGNORECASE)
        letter = name.lstrip("\"'“„«")[:1].upper()
        return TextAnswer(value=letter) if re.fullmatch(r"[B-HJ-Z]", letter) else None

    if not isinstance(fact.answer, EntityAnswer):
        return None
    gold, other = of(fact.answer), other_value(fact)
    old = of(other) if other is not None else None
    return Following(gold, old, {}) if gold is not None else None


_RULES: Mapping[Rule, Callable[[Fact, BeliefFile], Following | None]] = {
    "value": _value,
    "half": _scaled(Decimal("0.5")),
    "double": _scaled(Decimal(2)),
    "difference": _difference,
    "rounded": _rounded,
    "steps": _steps,
    "more": _compared(more=True),
    "less": _compared(more=False),
    "initial": _initial,
    "years_to": _years_to,
    "century_later": _century_later,
    "earlier": _ordered(later=False),
    "later": _ordered(later=True),
}
