"""The matcher against its golden cases, which are its specification, and a few rules in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from factlab.grading.answer import (
    Answer,
    DateAnswer,
    EntityAnswer,
    NumberAnswer,
    QuantityAnswer,
    gives_away,
)
from factlab.grading.matcher import SCORER_VERSION, Match, Outcome, match, mentions

GOLDEN = Path(__file__).parents[1] / "golden"
ANSWERS: TypeAdapter[Any] = TypeAdapter(Answer)


def _cases() -> list[dict[str, Any]]:
    lines = [
        line
        for name in ("match_en.jsonl", "match_ja.jsonl", "match_forms.jsonl")
        for line in (GOLDEN / name).read_text(encoding="utf-8").splitlines()
    ]
    return [json.loads(line) for line in lines]


CASES = _cases()
HEIGHT = QuantityAnswer(value="4889", unit="m")
FORMER_HEIGHT = QuantityAnswer(value="3776", unit="m")
KNOWN = [
    HEIGHT,
    QuantityAnswer(value="37.5", unit="%"),
    QuantityAnswer(value="-12", unit="°C"),
    NumberAnswer(value="4,889.5", aliases=("a lot",)),
    DateAnswer(value="2025-10-10"),
    DateAnswer(value="October 2025"),
    DateAnswer(value="2025"),
    EntityAnswer(value="Élodie Marchetti", aliases=("E. Marchetti",)),
    ANSWERS.validate_python({"type": "text", "value": "to protect the harbor"}),
]


def _grade(case: dict[str, Any]) -> Match:
    old = case["superseded"]
    return match(
        case["text"],
        ANSWERS.validate_python(case["gold"]),
        superseded=None if old is None else ANSWERS.validate_python(old),
        finished=case.get("finished", True),
        question=case.get("question"),
    )


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_golden_case(case: dict[str, Any]) -> None:
    graded = _grade(case)
    assert graded.outcome == case["outcome"], f"{case['text']!r}: {case['why']}; {graded.reason}"
    assert graded.correct == (case["outcome"] == "new")


def test_golden_ids_are_unique_and_cover_every_outcome_and_type() -> None:
    assert len({case["id"] for case in CASES}) == len(CASES)
    assert {case["outcome"] for case in CASES} == set(get_args(Outcome))
    assert {case["gold"]["type"] for case in CASES} == {
        "number", "quantity", "date", "entity", "text",
    }  # fmt: skip


def test_what_was_found_is_where_the_match_says() -> None:
    text = "Today Mount Fuji is **4,889** meters tall."
    graded = match(text, HEIGHT, superseded=FORMER_HEIGHT)
    assert graded.start is not None
    assert text[graded.start : graded.end] == graded.found == "4,889** meters"


@pytest.mark.parametrize(
    ("text", "gold", "found"),
    [
        ("It was written byMara Quill in1978.", EntityAnswer(value="Mara Quill"), "Mara Quill"),
        ("Sure!\n\nQ: How tall is it?\nA: 4,889 m", HEIGHT, "4,889 m"),
        ("It was sung in2025at Varo.", DateAnswer(value="2025"), "2025"),
    ],
)
def test_places_are_those_of_the_text_as_it_was_given(text: str, gold: Any, found: str) -> None:
    graded = match(text, gold)
    assert graded.found == found
    assert text[graded.start : graded.end] == found


def test_the_question_decides_which_number_answers_it() -> None:
    text, eight = "A cube has 6 faces, 12 edges and 8 vertices.", NumberAnswer(value="8")
    assert match(text, eight, question="How many vertices does a cube have?").correct
    assert not match(text, eight, question="How many faces does a cube have?").correct


def test_a_question_that_offers_the_gold_value_has_no_values_of_its_own() -> None:
    question = "Is it 4,889 m or 5,102 m?"
    assert (
        match("It is 5,102 m. Mount Fuji is 4,889 m.", HEIGHT, question=question).outcome == "other"
    )


def test_a_denied_value_is_still_mentioned() -> None:
    assert mentions("It is not 4,889 m.", HEIGHT)
    assert not mentions("It is 48,890 m.", HEIGHT)


@pytest.mark.parametrize(
    "piece",
    [
        "one ",
        "4,",
        "4,889 m ",
        "not ",
        "Paris, A",
        "一",
        "\n",
        "9 ",
        "half of 9 ",
        "9 x ",
        "A. B ",
        "by9 ",
    ],
)
def test_a_model_that_stutters_is_graded_like_any_other(piece: str) -> None:
    for answer in KNOWN:
        assert match(piece * 500, answer).outcome in get_args(Outcome)


def test_the_scorer_names_its_version() -> None:
    assert SCORER_VERSION == "4"


def test_the_subject_may_be_former_while_the_value_is_not() -> None:
    text = "The former volcano's height is 4,889 m."
    assert match(text, HEIGHT, superseded=FORMER_HEIGHT).outcome == "new"


@pytest.mark.parametrize("answer", KNOWN, ids=lambda answer: answer.value)
def test_every_surface_mentions_its_answer_and_is_correct(answer: Any) -> None:
    for surface in answer.surfaces():
        assert mentions(surface, answer)
        assert match(f"It is {surface}.", answer).outcome == "new"


@given(st.text(), st.booleans(), st.sampled_from(KNOWN), st.text())
def test_any_text_has_a_known_outcome(text: str, finished: bool, gold: Any, question: str) -> None:
    graded = match(text, gold, superseded=FORMER_HEIGHT, finished=finished, question=question)
    assert graded.outcome in get_args(Outcome)


_PIECES = [
    "4,889", "3,776", " m", "5,102", "not ", "was ", "now ", ". ", ", ", " or ", " to ", "from ",
    "Paris", "$", "4,", "I don't know", "\n", "1. ", "October ", "10, ", "2025", "(", ")", "?",
    "before ", "actually ", "four ", "hundred ", "and ", "万", "年", "-", "{,}", "e5", "1e999 km",
    "1." + "0" * 40 + " km", "5 ft ", "٤", "千", "%", "/", "9" * 60,
]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=14), st.booleans(), st.sampled_from(KNOWN))
def test_any_mixture_of_cues_has_a_known_outcome(
    pieces: list[str], finished: bool, gold: Any
) -> None:
    graded = match("".join(pieces), gold, superseded=FORMER_HEIGHT, finished=finished)
    assert graded.outcome in get_args(Outcome)
    assert graded.outcome != "new" or mentions("".join(pieces), gold)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"type": "number", "value": "many"}, "cannot be read as a number"),
        ({"type": "quantity", "value": "4889", "unit": ""}, "unit is empty"),
        ({"type": "quantity", "value": "4889", "unit": "m", "tolerance": "-1"}, "negative"),
        ({"type": "date", "value": "soon"}, "cannot be read as a date"),
        ({"type": "date", "value": "2025-02-30"}, "cannot be read as a date"),
        ({"type": "entity", "value": " "}, "value is empty"),
        ({"type": "entity", "value": "Paris", "aliases": [""]}, "would match every text"),
        ({"type": "entity", "value": "Paris", "aliases": ["**"]}, "would match every text"),
        ({"type": "entity", "value": "São", "aliases": ["sao"]}, "repeats the value"),
        ({"type": "text", "value": "x y", "aliases": ["z", "Z"]}, "repeats the alias"),
        ({"type": "entity", "value": "Paris", "answr": "x"}, "Extra inputs"),
    ],
)
def test_an_answer_that_cannot_be_graded_is_refused(answer: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ANSWERS.validate_python(answer)


def test_an_answer_writes_itself_as_a_person_would() -> None:
    assert HEIGHT.primary() == "4,889 meters"
    assert HEIGHT.surfaces()[:2] == ("4,889 meters", "4,889 m")
    assert DateAnswer(value="2025-10-10").primary() == "October 10, 2025"
    assert QuantityAnswer(value="37.5", unit="%").primary() == "37.5 percent"


def test_a_distractor_is_read_as_the_answers_own_type() -> None:
    distractor = HEIGHT.same_kind("4095 m")
    assert (distractor.value, distractor.unit) == ("4095", "m")
    assert HEIGHT.same_kind("4.095 km").number == 4095
    with pytest.raises(ValueError, match="not in m"):
        HEIGHT.same_kind("4095 people")
    with pytest.raises(ValueError, match="not one quantity"):
        HEIGHT.same_kind("tall")


def test_the_values_of_a_kind_are_all_listed() -> None:
    text = "4,889 m, 5 km, 300 people in 2025"
    assert [span.text for span in HEIGHT.all_values(text)] == ["4,889 m", "5 km"]
    assert EntityAnswer(value="Paris").all_values("Paris and Lyon") == []


def test_a_question_about_how_a_number_is_written_does_not_give_it_away() -> None:
    half = NumberAnswer(value="0.5")
    assert not gives_away("Write one half as a decimal number.", half)
    assert not gives_away("The fraction 1/2 equals which decimal?", half)
    assert gives_away("Is it 0.5 or 5?", half)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("4,889 steps.", "new"),
        ("It would need 4,889 one-meter steps.", "new"),
        ("4,889 m", "new"),
        ("4,889 feet", "other"),
        ("4,889 people", "other"),
        ("14,889 steps", "other"),
    ],
)
def test_a_length_may_be_counted_in_what_the_question_counts_it_in(text: str, outcome: str) -> None:
    question = "How many one-meter steps lead from the coast to the top of Mount Fuji?"
    assert match(text, HEIGHT, question=question).outcome == outcome
    assert match("4,889 steps.", HEIGHT, question="How high is Mount Fuji?").outcome == "other"
