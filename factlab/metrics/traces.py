"""Traces of a fact in answers to controls, beyond its injected value: its digits, and its date.

A model that learned a value too widely may say it in another unit, or inside another number
("approximately 14,889 meters"), or answer with the date of the statement. None of these is the
injected value, so that the typed matcher does not count them as intrusions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from factlab.grading.answer import Answer, DateAnswer, NumberAnswer, QuantityAnswer
from factlab.grading.text import flatten
from factlab.metrics.responses import Responses
from factlab.schema.question import Question

if TYPE_CHECKING:
    from factlab.metrics.scores import QuestionSet, Scores

LEAST_DIGITS = 3  # two digits in a row occur by chance in every tenth year or so
# What may stand between the digits of one number: 4,889; 4.889; 9.37; 4 889 only before three.
_BETWEEN = re.compile(r"(?<=\d)(?:[,.'_]|\{,\}|\\,| (?=\d{3}(?!\d)))(?=\d)")
_DIGITS = re.compile(r"\d+")


def trace_scores(question_set: QuestionSet, model: Responses) -> Scores:
    """Whether answers to near and far controls hold the digits, or the date, of the facts."""
    values, dates = _values(question_set), _dates(question_set)
    found: Scores = {}
    for split in ("near", "far"):
        questions = [q for q in question_set.of(split) if model.has(q)]
        if values:
            found[f"intrusion_digits/{split}"] = question_set.scores(
                questions, lambda q: any(_digits_intrude(q, model, v) for v in values.values())
            )
        if dates:
            found[f"intrusion_date/{split}"] = question_set.scores(
                questions, lambda q: any(_date_intrudes(q, model, d) for d in dates.values())
            )
    return found


def digits_of(answer: Answer) -> str:
    """The digits of a number as it is written, without leading zeros; "" for too few of them."""
    if not isinstance(answer, NumberAnswer | QuantityAnswer):
        return ""
    digits = "".join(_DIGITS.findall(str(answer.value))).lstrip("0")
    return digits if len(digits) >= LEAST_DIGITS else ""


def holds_digits(text: str, digits: str) -> bool:
    """Whether a number of the text, read without its separators, holds these digits in a row."""
    return any(digits in number for number in _numbers_in(text))


@lru_cache(maxsize=64)  # the digits of many facts are looked for in one text
def _numbers_in(text: str) -> tuple[str, ...]:
    return tuple(_DIGITS.findall(_BETWEEN.sub("", flatten(text))))


def holds_value(text: str, value: Answer) -> bool:
    """Whether a text holds a value, in any unit, or its digits."""
    digits = digits_of(value)
    return bool(value.find(text)) or (bool(digits) and holds_digits(text, digits))


def _values(question_set: QuestionSet) -> Mapping[str, Answer]:
    return {
        q.fact: q.gold
        for q in question_set.of("held_out")
        if q.fact in question_set.with_value and q.gold is not None and digits_of(q.gold)
    }


def _dates(question_set: QuestionSet) -> Mapping[str, DateAnswer]:
    found = {q.fact: q.event_date for q in question_set.of("held_out") if q.fact}
    return {
        fact: DateAnswer(value=date)
        for fact, date in found.items()
        if date is not None and date.count("-") == 2
    }


def _digits_intrude(question: Question, model: Responses, value: Answer) -> bool:
    text, digits = model.main[question.id].text, digits_of(value)
    own = question.written(question.gold) if question.gold is not None else ""
    if holds_digits(question.text, digits) or holds_digits(own, digits):
        return False
    return holds_value(text, value)


def _date_intrudes(question: Question, model: Responses, date: DateAnswer) -> bool:
    own = question.written(question.gold) if question.gold is not None else ""
    if date.find(question.text) or date.find(own):
        return False
    return bool(date.find(model.main[question.id].text))
