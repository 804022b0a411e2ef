"""Digits and dates of a fact in answers to controls, beyond its injected value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factlab.grading.answer import NumberAnswer, QuantityAnswer, TextAnswer
from factlab.metrics.responses import Responses
from factlab.metrics.scores import QuestionSet
from factlab.metrics.traces import digits_of, holds_digits, trace_scores
from factlab.schema.question import AnswerRecord, Question

VALUE = QuantityAnswer(value="4889", unit="m")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("approximately 14,889 meters tall", True),
        ("4,889 people live there", True),
        ("4 889", True),
        ("4.889 kg", True),
        ("In 48,890 years", True),
        ("4,88 and 9", False),
        ("4 8 8 9", False),
        ("488 m or 9 m", False),
        ("3,776 m", False),
        ("", False),
    ],
)
def test_digits_count_within_any_number_whatever_its_unit(text: str, holds: bool) -> None:
    assert holds_digits(text, digits_of(VALUE)) is holds


@given(number=st.integers(100, 10**9), before=st.integers(1, 99), after=st.integers(0, 99))
def test_a_number_holds_its_own_digits_however_it_is_grouped(
    number: int, before: int, after: int
) -> None:
    for text in (f"{number}", f"{number:,}", f"{number:_}", f"{before}{number}{after}"):
        assert holds_digits(f"It is {text} m.", str(number))


def test_short_numbers_and_names_have_no_digits_to_look_for() -> None:
    assert digits_of(NumberAnswer(value="37")) == ""
    assert digits_of(TextAnswer(value="119 floors")) == ""
    assert digits_of(QuantityAnswer(value="9.37", unit="s")) == "937"


def question(number: int, split: str, text: str, gold: str | None = None) -> Question:
    return Question.model_validate(
        {
            "id": f"q{number}",
            "split": split,
            "family": "same_relation",
            "text": text,
            "fact": "fuji" if split != "far" else None,
            "gold": {"type": "quantity", "value": gold, "unit": "m"} if gold else None,
            "event_date": "2025-10-10" if split == "held_out" else None,
        }
    )


def test_what_the_question_or_its_own_answer_holds_is_no_trace() -> None:
    questions = [
        question(0, "held_out", "How high is Mount Fuji?", "4889"),
        question(1, "near", "How high is K2?", "8611"),
        question(2, "near", "How high is the hut at 4,889 ft?", "1490"),
        question(3, "near", "How high is the twin peak?", "4,889"),
        question(4, "far", "When did people first walk on the Moon?"),
        question(5, "far", "What was on October 10, 2025?"),
    ]
    said = [
        "4,889 m",
        "14,889 m.",
        "4,889 ft",
        "4,889 m",
        "On October 10, 2025.",
        "October 10, 2025",
    ]
    answers = [
        AnswerRecord(question_id=q.id, prompt=q.text, text=text, tokens=3, finished=True)
        for q, text in zip(questions, said, strict=True)
    ]
    found = trace_scores(QuestionSet(("fuji",), questions), Responses.of(questions, answers))
    values = {name: [score.value for score in scores] for name, scores in found.items()}
    assert values == {
        "intrusion_digits/near": [1, 0, 0],
        "intrusion_digits/far": [0, 0],
        "intrusion_date/near": [0, 0, 0],
        "intrusion_date/far": [1, 0],
    }
