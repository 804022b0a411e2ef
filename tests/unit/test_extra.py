"""Control suites from elsewhere: how answers are typed, what is left out, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from helpers import write

from factlab.errors import ControlsError
from factlab.grading.answer import (
    DateAnswer,
    EntityAnswer,
    NumberAnswer,
    QuantityAnswer,
    TextAnswer,
)
from factlab.schema.extra import load_extra, typed_answer

RIGHT = '{"question": "Who wrote it?", "answer": "Ada Moe"}'


@pytest.mark.parametrize(
    ("written", "kind", "says"),
    [
        ("Paris", EntityAnswer, "Paris"),
        ("Ada Moe.", EntityAnswer, "It was Ada Moe."),
        ("the house at the end of the lane", TextAnswer, "The house at the end of the lane."),
        ("1,889", NumberAnswer, "There are 1889 of them."),
        (42, NumberAnswer, "42"),
        (2.5, NumberAnswer, "2.5"),
        ("March 4, 1902", DateAnswer, "on 4 March 1902"),
        ({"type": "quantity", "value": 300, "unit": "m"}, QuantityAnswer, "0.3 km"),
        ({"type": "entity", "value": "Lyon", "aliases": ["Lugdunum"]}, EntityAnswer, "Lugdunum"),
    ],
)
def test_an_answer_is_typed_as_it_is_written(written: Any, kind: type, says: str) -> None:
    answer = typed_answer(written)
    assert isinstance(answer, kind)
    assert answer.find(says)


def test_a_suite_is_named_by_its_file_and_keeps_its_order(tmp_path: Path) -> None:
    lines = [RIGHT, "", '{"question": "When?", "answer": "1902-03-04", "extra": "passed over"}']
    suite, notes = load_extra(write(tmp_path, "\n".join(lines), "real_authors.jsonl"))
    assert suite.name == "real_authors"
    assert [control.question for control in suite.questions] == ["Who wrote it?", "When?"]
    assert notes == []


def test_a_byte_order_mark_and_a_line_separator_inside_a_text_are_no_lines(tmp_path: Path) -> None:
    text = "\ufeff" + RIGHT.replace("wrote it", "wrote\u2028it") + "\r\n"
    suite, _ = load_extra(write(tmp_path, text, "s.jsonl"))
    assert [control.question for control in suite.questions] == ["Who wrote\u2028it?"]


@pytest.mark.parametrize("key", ["wrong_answers", "wrong", "perturbed_answer", "distractors"])
def test_wrong_answers_are_read_by_any_of_their_names_and_never_right(
    key: str, tmp_path: Path
) -> None:
    line = {"question": "Who?", "answer": "Ada Moe", key: ["Bo Lund", "It was Ada Moe", 7]}
    suite, _ = load_extra(write(tmp_path, json.dumps(line), "s.jsonl"))
    assert suite.questions[0].distractors == ("Bo Lund", "7")


def test_one_wrong_answer_need_not_be_a_list(tmp_path: Path) -> None:
    line = '{"question": "Who?", "answer": "Ada Moe", "perturbed_answer": "Bo Lund"}'
    suite, _ = load_extra(write(tmp_path, line, "s.jsonl"))
    assert suite.questions[0].distractors == ("Bo Lund",)


def test_a_question_that_holds_its_answer_is_left_out_with_a_note(tmp_path: Path) -> None:
    lines = [RIGHT, '{"question": "Was it Ada Moe?", "answer": "Ada Moe"}']
    file = write(tmp_path, "\n".join(lines), "s.jsonl")
    suite, notes = load_extra(file)
    assert [control.question for control in suite.questions] == ["Who wrote it?"]
    assert notes == [f"{file}:2: left out, since the question already holds its answer (Ada Moe)."]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "this line is not JSON ("),
        ("[1]", "there is no question in this line"),
        ('{"answer": "Ada Moe"}', "there is no question in this line"),
        ('{"question": 3, "answer": "Ada Moe"}', "there is no question in this line"),
        ('{"question": "Who?"}', "the answer or the list of wrong ones is missing"),
        ('{"question": "Who?", "answer": null}', "the answer or the list of wrong ones is missing"),
        ('{"question": "Who?", "answer": ["Ada"]}', "the answer or the list of wrong ones is miss"),
        ('{"question": "Who?", "answer": "A", "wrong": {"a": 1}}', "the answer or the list"),
        ('{"question": "Who?", "answer": {"type": "entiti", "value": "A"}}', "'entiti'"),
        ('{"question": "Who?", "answer": ""}', "is empty"),
        ('{"question": "Who?", "answer": {"type": "quantity", "value": 3}}', "'unit' is missing"),
    ],
)
def test_a_line_that_is_no_question_is_refused_with_its_number(
    line: str, says: str, tmp_path: Path
) -> None:
    file = write(tmp_path, f"{RIGHT}\n\n{line}\n", "s.jsonl")
    with pytest.raises(ControlsError) as refused:
        load_extra(file)
    message = str(refused.value)
    assert re.match(rf"{re.escape(str(file))}:3:\d+: ", message)
    assert says in message
    assert '{"question": "…?"' in message


def test_a_file_without_questions_or_not_of_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ControlsError, match=r"none\.jsonl: no such file"):
        load_extra(tmp_path / "none.jsonl")
    with pytest.raises(ControlsError, match=r"raw\.jsonl:1:1: not UTF-8 text"):
        load_extra(write(tmp_path, b"\xff\xfe", "raw.jsonl"))
    with pytest.raises(ControlsError, match="holds no question"):
        load_extra(write(tmp_path, "\n \n", "blank.jsonl"))
    leaks = '{"question": "Paris?", "answer": "Paris"}'
    with pytest.raises(ControlsError, match="holds no question"):
        load_extra(write(tmp_path, leaks, "leaks.jsonl"))
