"""What a base said to the far bank: the file that `factlab screen` writes, and the shipped ones.

A screening is a file of JSON lines: what was screened, then a line per question. A question is
found by its prompts and options, so that a bank which grew or moved is screened again only where it
is new. Answers are stored and verdicts are not: answers are graded whenever controls are chosen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from factlab.errors import ControlsError
from factlab.reading.files import read_lines
from factlab.record import Record
from factlab.schema.question import Question
from factlab.schema.recipe import Precision
from factlab.schema.shipped import shipped

RecordT = TypeVar("RecordT", bound=Record)


class ScreenedBase(Record):
    """Which base a screening is of, and how it was computed."""

    model: str = Field(description="Its name, for readers.")
    weights: str = Field(description="SHA-256 of its weights.")
    template: str = Field(description="Hash of its chat template.")
    tokens: int = Field(description="Most tokens of an answer.")
    precision: Precision = Field(description="How it was held; the choice serves every precision.")

    def same(self, other: ScreenedBase) -> bool:
        """Whether another screening's answers can stand for this one's."""
        return self.model_copy(update={"model": other.model, "precision": other.precision}) == other


class ScreenedAnswer(Record):
    """What the base said to one wording."""

    text: str
    finished: bool = True


class ScreenedQuestion(Record):
    """What the base made of one question of the bank."""

    id: str = Field(description="Where it stood in the bank, for readers.")
    key: str = Field(description="Hash of its prompts and options.")
    margin: float | None = Field(
        default=None,
        description="Log-probability of the right answer minus that of the best wrong option, in "
        "nats; none where it has no wrong option.",
    )
    answers: tuple[ScreenedAnswer, ...] = Field(
        default=(), description="To each wording, in order; none where the margin is not positive."
    )


Screened = Mapping[str, ScreenedQuestion]


def screening_key(question: Question) -> str:
    """What a question's screening depends on: its wordings and its options."""
    right = question.written(question.gold) if question.gold else ""
    content = [question.text, *question.gate, "", right, *question.distractors]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


def shipped_screening(base: ScreenedBase) -> dict[str, ScreenedQuestion]:
    """What is shipped of a base; nothing for most."""
    found: dict[str, ScreenedQuestion] = {}
    for file in sorted((shipped("evals") / "screened").glob("*.jsonl")):
        of, questions = read_screening(file)
        if of.same(base):
            found |= {question.key: question for question in questions}
    return found


def read_screening(file: Path) -> tuple[ScreenedBase, list[ScreenedQuestion]]:
    """Read a screening.

    Raises:
        ControlsError: with file and line, for one that cannot be read.
    """
    lines = read_lines(file, ControlsError)
    number, head = next(lines, (1, ""))
    base = _read(ScreenedBase, head, f"{file}:{number}:1")
    return base, [_read(ScreenedQuestion, line, f"{file}:{number}:1") for number, line in lines]


def _read(kind: type[RecordT], line: str, where: str) -> RecordT:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        raise ControlsError(
            f"{where}: {error.errors()[0]['msg']}. `factlab screen` writes such a file."
        ) from None


def screening_lines(base: ScreenedBase, questions: Iterable[ScreenedQuestion]) -> Iterator[str]:
    """The lines of a screening's file, in the order of the bank."""
    yield base.model_dump_json()
    for question in questions:
        yield question.model_dump_json(exclude_defaults=True)
