"""A control suite as its author writes it, and where the shipped ones are.

Far and unanswerable controls and anchor prompts are written once per language
(`evals/<language>/`), near controls once per fact (`evals/near/`). The neutral text of the drift is
one for all languages, so that drift can be compared between runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from factlab.errors import ControlsError
from factlab.grading.answer import Answer
from factlab.grading.names import fold
from factlab.record import Record
from factlab.schema.fields import DEFAULT_LANGUAGE
from factlab.schema.shipped import shipped
from factlab.schema.yaml import Document, read_yaml

SuiteName = Literal["far", "unanswerable", "anchors"]


class ControlQuestion(Record):
    """A question whose true answer the injected fact must not change."""

    question: str
    answer: Answer
    also: tuple[str, ...] = Field(
        default=(),
        description="The same question in other words; the base must answer each to count as "
        "knowing it.",
    )
    distractors: tuple[str, ...] = Field(default=(), description="Wrong answers of the same form.")


class ControlGroup(Record):
    """Controls of one area."""

    name: str
    questions: tuple[ControlQuestion, ...]


class ControlSuite(Record):
    """Controls with true answers: far, or near to one fact."""

    suite: str
    language: str = "en"
    groups: tuple[ControlGroup, ...]


class PromptQuestion(Record):
    """A prompt without a right answer."""

    question: str


class PromptGroup(Record):
    """Prompts of one area."""

    name: str
    questions: tuple[PromptQuestion, ...]


class PromptSuite(Record):
    """Prompts without right answers: the unanswerable, and the anchors of training."""

    suite: str
    language: str = "en"
    groups: tuple[PromptGroup, ...]


def load_controls(file: Path) -> ControlSuite:
    """Read a control suite and refuse one whose questions hold their answers.

    Raises:
        ControlsError: with file, line and column.
    """
    document = read_yaml(file, ControlsError)
    suite = document.parse(ControlSuite, "A control suite")
    for g, group in enumerate(suite.groups):
        for q, control in enumerate(group.questions):
            check_control(control, document, ("groups", g, "questions", q))
    return suite


def check_control(
    control: ControlQuestion, document: Document, path: tuple[str | int, ...]
) -> None:
    """Refuse a control that holds its answer, or whose wrong answer is right.

    Raises:
        FactlabError: with file, line and column.
    """
    refuse_leak((*path, "question"), control.question, control.answer, document)
    for i, question in enumerate(control.also):
        refuse_leak((*path, "also", i), question, control.answer, document)
    for i, distractor in enumerate(control.distractors):
        if control.answer.find(distractor):
            raise document.fail(
                (*path, "distractors", i),
                f"{distractor!r} is the right answer. A distractor must be wrong.",
            )


def refuse_leak(
    path: tuple[str | int, ...], question: str, answer: Answer, document: Document
) -> None:
    """Refuse a question that is empty or already holds its answer.

    Raises:
        FactlabError: with file, line and column.
    """
    if not fold(question):
        raise document.fail(path, "the question is empty. Write it, or remove the line.")
    if answer.find(question):
        raise document.fail(
            path,
            f"the question already holds its answer ({answer.primary()}). Ask without naming it.",
        )


def load_prompts(file: Path) -> PromptSuite:
    """Read a suite of prompts without answers."""
    return read_yaml(file, ControlsError).parse(PromptSuite, "A suite of prompts")


def suite_file(name: SuiteName, language: str) -> Path:
    """A shipped suite in a language; the English one if there is none in that language."""
    folder = language if has_suite(name, language) else DEFAULT_LANGUAGE
    return shipped("evals") / folder / f"{name}.yaml"


def has_suite(name: SuiteName, language: str) -> bool:
    """Whether a suite is shipped in a language."""
    return (shipped("evals") / language / f"{name}.yaml").is_file()


def near_suite_file(fact_id: str) -> Path | None:
    """The shipped near controls of a fact, if there are any."""
    file = shipped("evals") / "near" / f"{fact_id}.yaml"
    return file if file.is_file() else None


def neutral_text() -> str:
    """The fixed text that drift is measured on."""
    return (shipped("evals") / "neutral.txt").read_text(encoding="utf-8")
