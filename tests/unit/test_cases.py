"""Grading a file of cases, and what is said about a line that is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from factlab.errors import FactlabError
from factlab.grading.cases import CasesError, grade_cases
from factlab.grading.matcher import SCORER_VERSION

GOLDEN = Path(__file__).parents[1] / "golden"
HEIGHT = '{"type": "quantity", "value": "4889", "unit": "m"}'


def _file(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "cases.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_every_case_gets_its_outcome_and_its_line(tmp_path: Path) -> None:
    graded = grade_cases(
        _file(
            tmp_path,
            f'{{"id": "a", "gold": {HEIGHT}, "superseded": null, "text": "4,889 m"}}',
            "",
            f'{{"gold": {HEIGHT}, "text": "It is 4,889", "finished": false}}',
        )
    )
    assert graded[0] == {
        "id": "a",
        "line": 1,
        "outcome": "new",
        "correct": True,
        "found": "4,889 m",
        "reason": "the new value is asserted",
        "scorer_version": SCORER_VERSION,
    }
    assert "id" not in graded[1]
    assert (graded[1]["line"], graded[1]["outcome"]) == (3, "truncated")


def test_a_case_may_have_its_question(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    case = {"gold": {"type": "number", "value": 8}, "text": "It has 6 wings and 8 legs."}
    asked = [{**case, "question": f"How many {what} does it have?"} for what in ("legs", "wings")]
    file.write_text("\n".join(map(json.dumps, asked)), encoding="utf-8")
    assert [graded["correct"] for graded in grade_cases(file)] == [True, False]


def test_the_golden_cases_can_be_graded_as_a_file() -> None:
    file = GOLDEN / "match_ja.jsonl"
    expected = [json.loads(line)["outcome"] for line in file.read_text("utf-8").splitlines()]
    assert [case["outcome"] for case in grade_cases(file)] == expected


def test_numbers_and_repeated_aliases_are_taken_as_written(tmp_path: Path) -> None:
    lines = [
        '{"gold": {"type": "number", "value": 5}, "text": "five"}',
        '{"gold": {"type": "number", "value": 2.50}, "text": "2.5"}',
        '{"gold": {"type": "entity", "value": "Lyon", "aliases": ["LYON", "Lugdunum", "lugdunum"]},'
        ' "text": "Lugdunum"}',
    ]
    assert all(case["correct"] for case in grade_cases(_file(tmp_path, *lines)))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "a list instead of an object"),
        (f'{{"gold": {HEIGHT}}}', "'text' is missing"),
        (f'{{"gold": {HEIGHT}, "txt": "x"}}', "known keys: gold"),
        ('{"gold": {"type": "thing", "value": "x"}, "text": "x"}', "expected tags: 'number'"),
        (
            '{"gold": {"type": "number", "value": "many"}, "text": "x"}',
            "cannot be read as a number",
        ),
        ('{"gold": {"type": "entity", "value": " "}, "text": "x"}', "value is empty"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    file = _file(tmp_path, "", line)
    with pytest.raises(CasesError, match=complaint) as raised:
        grade_cases(file)
    assert str(raised.value).startswith(f"{file}:2:")
    assert isinstance(raised.value, FactlabError)


def test_a_file_without_cases_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CasesError, match="holds no case"):
        grade_cases(_file(tmp_path, ""))
    with pytest.raises(CasesError, match="no such file"):
        grade_cases(tmp_path / "missing.jsonl")


def test_grading_loads_no_torch() -> None:
    program = (
        "import sys; from factlab.grading import match; import factlab.grading.cases; "
        "assert callable(match); "
        "print(sorted({'torch', 'transformers', 'peft'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert ran.stdout.strip() == "[]"
