"""Control suites from elsewhere: JSON lines with a question, its answer and wrong answers.

The shape that TOFU's world facts and real authors come in. Answers are untyped there, so a date is
read as a date, a number as a number, and all else as a name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from factlab.errors import ControlsError, shortened
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
from factlab.grading.written import MOST_DIGITS
from factlab.reading.complaints import said_of
from factlab.reading.files import read_lines
from factlab.reading.json_text import parse_line
from factlab.schema.control import ControlGroup, ControlQuestion

WRONG_KEYS = ("wrong_answers", "wrong", "perturbed_answer", "distractors")
# Known is what the base answers on two prompts, and such a file has one wording of each question.
ASKED_AGAIN = "Answer in one sentence: "
LONGEST_NAME = 6  # words; a longer answer is a phrase
MOST_QUESTIONS = 50_000
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


def load_extra(file: Path) -> tuple[ControlGroup, list[str]]:
    """Read a suite; a question that already holds its answer is left out, with a note.

    Raises:
        ControlsError: with file and line, for a line that is no such question.
    """
    questions: list[ControlQuestion] = []
    notes: list[str] = []
    for number, line in read_lines(file, ControlsError):
        if len(questions) == MOST_QUESTIONS:
            raise ControlsError(
                f"{file}:{number}:1: at most {MOST_QUESTIONS:,} questions are read."
            )
        control = _control(line, f"{file}:{number}")
        answer = control.answer
        if answer is not None and gives_away(control.question, answer):
            notes.append(
                f"{file}:{number}: left out, since the question already holds its answer "
                f"({shortened(answer.primary())})."
            )
        else:
            questions.append(control)
    if not questions:
        raise ControlsError(f"{file}: holds no question. {_SHAPE}")
    return ControlGroup(name=file.stem, questions=tuple(questions)), notes


_SHAPE = 'Each line is an object such as {"question": "…?", "answer": "…", "wrong_answers": ["…"]}.'


def _control(line: str, where: str) -> ControlQuestion:
    found = parse_line(line, where, ControlsError, _SHAPE)
    where = f"{where}:1"
    if not isinstance(found, dict) or not isinstance(found.get("question"), str):
        raise ControlsError(f"{where}: there is no question in this line. {_SHAPE}")
    wrong: Any = next((found[key] for key in WRONG_KEYS if key in found), [])
    wrong = [wrong] if isinstance(wrong, str) else wrong
    answered = isinstance(found.get("answer"), str | int | float | dict)
    if not answered or not isinstance(wrong, list):
        raise ControlsError(f"{where}: the answer or the list of wrong ones is missing. {_SHAPE}")
    try:
        answer = typed_answer(found["answer"])
        question = found["question"]
        read = ControlQuestion(
            question=question,
            answer=answer,
            also=(f"{ASKED_AGAIN}{question}",),
            distractors=tuple(map(str, wrong)),
        )
    except ValidationError as error:
        raise ControlsError(f"{where}: {said_of(error)} {_SHAPE}") from None
    # A wrong option that is also right would make the choice meaningless.
    kept = tuple(text for text in read.distractors if not answer.find(text))
    return read.model_copy(update={"distractors": kept})


def typed_answer(written: Any) -> Answer:
    """An answer as a fact file types it, or read off its text."""
    if isinstance(written, dict):
        return _ANSWER.validate_python({**written, "value": str(written.get("value", ""))})
    text = str(written).strip().rstrip(".")
    short = len(text) <= MOST_DIGITS
    if short and parse_number(text) is not None:
        return NumberAnswer(value=text)
    if short and parse_date(text) is not None:
        return DateAnswer(value=text)
    if len(text.split()) > LONGEST_NAME:
        return TextAnswer(value=text)
    return EntityAnswer(value=text)
