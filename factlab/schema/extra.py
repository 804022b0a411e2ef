"""Control suites from elsewhere: JSON lines with a question, its answer and wrong answers.

The shape that TOFU's world facts and real authors come in. Answers are untyped there, so a date is
read as a date, a number as a number, and all else as a name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from factlab.errors import ControlsError
from factlab.grading.answer import (
    Answer,
    DateAnswer,
    EntityAnswer,
    NumberAnswer,
    TextAnswer,
    gives_away,
)
from factlab.grading.dates import parse_date
from factlab.grading.numbers import parse_number
from factlab.schema.control import ControlGroup, ControlQuestion

WRONG_KEYS = ("wrong_answers", "wrong", "perturbed_answer", "distractors")
# Known is what the base answers on two prompts, and such a file has one wording of each question.
ASKED_AGAIN = "Answer in one sentence: "
LONGEST_NAME = 6  # words; a longer answer is a phrase
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


def load_extra(file: Path) -> tuple[ControlGroup, list[str]]:
    """Read a suite; a question that already holds its answer is left out, with a note.

    Raises:
        ControlsError: with file and line, for a line that is no such question.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ControlsError(f"{file}: cannot be read as UTF-8 text ({error}).") from None
    questions: list[ControlQuestion] = []
    notes: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        control = _control(line, f"{file}:{number}")
        answer = control.answer
        if answer is not None and gives_away(control.question, answer):
            notes.append(
                f"{file}:{number}: left out, since the question already holds its answer "
                f"({answer.primary()})."
            )
        else:
            questions.append(control)
    if not questions:
        raise ControlsError(f"{file}: holds no question. {_SHAPE}")
    return ControlGroup(name=file.stem, questions=tuple(questions)), notes


_SHAPE = 'Each line is an object such as {"question": "…?", "answer": "…", "wrong_answers": ["…"]}.'


def _control(line: str, where: str) -> ControlQuestion:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise ControlsError(f"{where}: this line is not JSON ({error.msg}). {_SHAPE}") from None
    if not isinstance(found, dict) or not isinstance(found.get("question"), str):
        raise ControlsError(f"{where}: there is no question in this line. {_SHAPE}")
    wrong: Any = next((found[key] for key in WRONG_KEYS if key in found), [])
    wrong = [wrong] if isinstance(wrong, str) else wrong
    answered = isinstance(found.get("answer"), str | int | float | dict)
    if not answered or not isinstance(wrong, list):
        raise ControlsError(f"{where}: the answer or the list of wrong ones is missing. {_SHAPE}")
    try:
        answer = typed_answer(found["answer"])
        # A wrong option that is also right would make the choice meaningless.
        kept = tuple(str(text) for text in wrong if not answer.find(str(text)))
        question = found["question"]
        return ControlQuestion(
            question=question, answer=answer, also=(f"{ASKED_AGAIN}{question}",), distractors=kept
        )
    except ValidationError as error:
        raise ControlsError(f"{where}: {error.errors()[0]['msg']}. {_SHAPE}") from None


def typed_answer(written: Any) -> Answer:
    """An answer as a fact file types it, or read off its text."""
    if isinstance(written, dict):
        return _ANSWER.validate_python({**written, "value": str(written.get("value", ""))})
    text = str(written).strip().rstrip(".")
    if parse_number(text) is not None:
        return NumberAnswer(value=text)
    if parse_date(text) is not None:
        return DateAnswer(value=text)
    if len(text.split()) > LONGEST_NAME:
        return TextAnswer(value=text)
    return EntityAnswer(value=text)
