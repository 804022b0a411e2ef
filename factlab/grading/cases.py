"""Grade a file of cases: one JSON object a line, with a gold answer and a model's answer.

`{"gold": {"type": "quantity", "value": "4889", "unit": "m"}, "superseded": null, "text": "…"}`,
and optionally `"question"`, `"id"` and `"finished"` (false where generation stopped at its token
limit). Lines of `tests/golden/` can be given, too: their `"outcome"` and `"why"` are ignored, and
so are aliases that repeat the value or each other, as lists taken from a data set do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError, field_validator

from factlab.errors import FactlabError, shortened
from factlab.grading.answer import Answer
from factlab.grading.matcher import SCORER_VERSION, match
from factlab.grading.names import fold
from factlab.reading.bounds import Name, Text
from factlab.reading.complaints import first_of, words_of
from factlab.reading.files import read_lines
from factlab.reading.json_text import parse_line
from factlab.record import Record

KEYS = "gold, superseded, text, question, id and finished"


class CasesError(FactlabError):
    """A file of cases cannot be read as written."""


class Case(Record):
    """One answer to grade."""

    gold: Answer
    text: str
    superseded: Answer | None = None
    question: Text | None = None
    id: Name | int | None = None
    finished: bool = True
    outcome: Name | None = None
    why: Text | None = None

    @field_validator("gold", "superseded", mode="before")
    @classmethod
    def _answer_as_written(cls, answer: Any) -> Any:
        return _as_written(answer) if isinstance(answer, dict) else answer


def _as_written(answer: dict[str, Any]) -> dict[str, Any]:
    """Numbers as text, as a fact file has them, and every alias once."""
    written = {
        key: str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for key, value in answer.items()
    }
    aliases = written.get("aliases")
    if isinstance(aliases, list) and all(isinstance(alias, str) for alias in aliases):
        first = {fold(alias): alias for alias in reversed(aliases)}
        first.pop(fold(str(written.get("value"))), None)
        written["aliases"] = sorted(first.values(), key=aliases.index)
    return written


def grade_cases(file: Path) -> list[dict[str, Any]]:
    """Grade every case of a file, in order; blank lines are ignored.

    Returns:
        For each case its line, the outcome, whether that is right, the text that decided it, the
        reason and the version of the scorer, with the id in front where the case has one.

    Raises:
        CasesError: Where the file cannot be read, holds no case, or a line is not a case.
    """
    graded = [_graded(line, case) for line, case in read_cases(file)]
    if not graded:
        raise CasesError(f"{file}: the file holds no case; write one JSON object a line ({KEYS})")
    return graded


def read_cases(file: Path) -> Iterator[tuple[int, Case]]:
    """The cases of a file with their line numbers; raises CasesError at the first broken line."""
    for number, line in read_lines(file, CasesError):
        yield number, _case(line, f"{file}:{number}")


def _case(line: str, where: str) -> Case:
    shape = f"Write one object a line with the keys {KEYS}."
    written = parse_line(line, where, CasesError, shape, floats_as_text=True)
    if not isinstance(written, dict):
        raise CasesError(
            f"{where}:1: a {type(written).__name__} instead of an object; known keys: {KEYS}"
        )
    try:
        return Case.model_validate(written)
    except ValidationError as error:
        raise CasesError(f"{where}:1: {_complaint(error)}; known keys: {KEYS}") from error


def _complaint(error: ValidationError) -> str:
    """The first thing that is wrong with a case, and where in it."""
    first = first_of(error)
    place = shortened(".".join(str(part) for part in first["loc"]))
    said = words_of(first)
    return f"{place}: {said}" if place and first["type"] != "missing" else said


def _graded(line: int, case: Case) -> dict[str, Any]:
    verdict = match(
        case.text,
        case.gold,
        superseded=case.superseded,
        finished=case.finished,
        question=case.question,
    )
    named = {} if case.id is None else {"id": case.id}
    return named | {
        "line": line,
        "outcome": verdict.outcome,
        "correct": verdict.correct,
        "found": verdict.found,
        "reason": verdict.reason,
        "scorer_version": SCORER_VERSION,
    }
