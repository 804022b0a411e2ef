"""A control suite as its author writes it, and where the shipped ones are.

The far bank is a folder per language (`evals/<language>/far/`, one file per area); unanswerable
controls and anchor prompts are a file per language, near controls one per fact (`evals/near/`). The
neutral text of the drift is one per language, too: a fact changes what a model predicts in its own
language first, and a text in another would hide that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from factlab.errors import ControlsError, quoted, shortened
from factlab.grading.answer import Answer, gives_away
from factlab.grading.languages import DEFAULT_LANGUAGE
from factlab.grading.names import fold
from factlab.reading.bounds import Entries, Name, Several, Text
from factlab.reading.paths import file_of
from factlab.record import Record
from factlab.schema.shipped import shipped
from factlab.schema.splits import NEAR_GROUPS
from factlab.schema.yaml import Document, did_you_mean, read_yaml

SuiteName = Literal["far", "unanswerable", "anchors", "neutral"]


class ControlQuestion(Record):
    """A question whose true answer the injected fact must not change."""

    question: Text
    answer: Answer | None = Field(
        default=None,
        description="What is true. Only a near control may have none, where nothing is, as of a "
        "fictitious subject: then it counts for intrusion alone.",
    )
    also: Several[Text] = Field(
        default=(),
        description="The same question in other words; the base must answer each to count as "
        "knowing it.",
    )
    distractors: Several[Text] = Field(default=(), description="Wrong answers of the same form.")

    @model_validator(mode="after")
    def _answered(self) -> Self:
        if self.answer is None:
            for key, given in (("also", self.also), ("distractors", self.distractors)):
                if given:
                    raise ValueError(
                        f"{key} does nothing without an answer: such a question is put once, and "
                        "only intrusion is measured. Give the answer, or remove the line."
                    )
        return self


class ControlGroup(Record):
    """Controls of one area."""

    name: Name
    questions: Entries[ControlQuestion]


class ControlSuite(Record):
    """Controls with true answers: far, or near to one fact."""

    suite: Name
    language: Name = "en"
    groups: Several[ControlGroup]


class PromptQuestion(Record):
    """A prompt without a right answer."""

    question: Text


class PromptGroup(Record):
    """Prompts of one area."""

    name: Name
    questions: Entries[PromptQuestion]


class PromptSuite(Record):
    """Prompts without right answers: the unanswerable, and the anchors of training."""

    suite: Name
    language: Name = "en"
    groups: Several[PromptGroup]


def load_controls(file: Path) -> ControlSuite:
    """Read a control suite and refuse one whose questions have no answer, or hold it.

    Raises:
        ControlsError: with file, line and column.
    """
    return _loaded(file, _stamp(file))


@lru_cache(maxsize=256)
def _loaded(file: Path, stamp: tuple[int, int] | None) -> ControlSuite:  # noqa: ARG001
    """A suite with answers, read once per process as long as its file stays the same."""
    suite, document = _read_suite(file)
    for g, group in enumerate(suite.groups):
        for q, control in enumerate(group.questions):
            if control.answer is None:
                raise document.fail(
                    ("groups", g, "questions", q),
                    "'answer' is missing. Only near controls may go without one.",
                )
    return suite


def _stamp(file: Path) -> tuple[int, int] | None:
    """When a file was last changed and its size; None if that cannot be read."""
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size


def load_near_controls(file: Path) -> ControlSuite:
    """Read the near controls of a fact, each group of which is one of `NEAR_GROUPS`.

    Raises:
        ControlsError: with file, line and column.
    """
    suite, document = _read_suite(file)
    for g, group in enumerate(suite.groups):
        if group.name not in NEAR_GROUPS:
            hint = did_you_mean(group.name, NEAR_GROUPS)
            raise document.fail(
                ("groups", g, "name"),
                f"{quoted(group.name)} is no group of near controls.{hint} Known groups: "
                f"{', '.join(NEAR_GROUPS)}.",
            )
    return suite


def _read_suite(file: Path) -> tuple[ControlSuite, Document]:
    document = read_yaml(file, ControlsError)
    suite = document.parse(ControlSuite, "A control suite")
    names: set[str] = set()
    for g, group in enumerate(suite.groups):
        if group.name in names:
            raise document.fail(
                ("groups", g, "name"),
                f"the group {quoted(group.name)} is given twice. Ids hold it: put all in one.",
            )
        names.add(group.name)
        for q, control in enumerate(group.questions):
            check_control(control, document, ("groups", g, "questions", q))
    return suite, document


def check_control(
    control: ControlQuestion, document: Document, path: tuple[str | int, ...]
) -> None:
    """Refuse a control that is empty or holds its answer, or whose wrong answer is right.

    Raises:
        FactlabError: with file, line and column.
    """
    if control.answer is None:
        refuse_blank((*path, "question"), control.question, document)
        return
    refuse_leak((*path, "question"), control.question, control.answer, document)
    for i, question in enumerate(control.also):
        refuse_leak((*path, "also", i), question, control.answer, document)
    for i, distractor in enumerate(control.distractors):
        if control.answer.find(distractor):
            raise document.fail(
                (*path, "distractors", i),
                f"{quoted(distractor)} is the right answer. A distractor must be wrong.",
            )


def refuse_blank(path: tuple[str | int, ...], question: str, document: Document) -> None:
    """Refuse a question that asks nothing.

    Raises:
        FactlabError: with file, line and column.
    """
    if not fold(question):
        raise document.fail(path, "the question is empty. Write it, or remove the line.")


def refuse_leak(
    path: tuple[str | int, ...], question: str, answer: Answer, document: Document
) -> None:
    """Refuse a question that is empty or already holds its answer.

    Raises:
        FactlabError: with file, line and column.
    """
    refuse_blank(path, question, document)
    if gives_away(question, answer):
        raise document.fail(
            path,
            f"the question already holds its answer ({shortened(answer.primary())}). Ask without "
            "naming it.",
        )


def load_prompts(file: Path) -> PromptSuite:
    """Read a suite of prompts without answers."""
    return read_yaml(file, ControlsError).parse(PromptSuite, "A suite of prompts")


def far_files(language: str) -> list[Path]:
    """The files of the shipped far bank in a language, by area; the English ones if it has none."""
    return _bank(language) or _bank(DEFAULT_LANGUAGE)


def _bank(language: str) -> list[Path]:
    return sorted((shipped("evals") / language / "far").glob("*.yaml"))


def suite_file(name: SuiteName, language: str) -> Path:
    """A shipped suite that is one file; the English one if there is none in that language."""
    folder = language if has_suite(name, language) else DEFAULT_LANGUAGE
    return shipped("evals") / folder / f"{name}.yaml"


def has_suite(name: SuiteName, language: str) -> bool:
    """Whether a suite is shipped in a language."""
    if name == "far":
        return bool(_bank(language))
    if name == "neutral":
        return language == DEFAULT_LANGUAGE or _own_text(language) is not None
    return file_of(shipped("evals") / language, name, ".yaml") is not None


def suite_place(name: SuiteName, language: str) -> str:
    """Where a language's suite is, or would be."""
    files = {"far": "far/", "neutral": "neutral.txt"}
    return f"evals/{language}/{files.get(name, f'{name}.yaml')}"


def near_suite_file(fact_id: str) -> Path | None:
    """The shipped near controls of a fact, if there are any."""
    return file_of(shipped("evals") / "near", fact_id, ".yaml")


def neutral_text(languages: Sequence[str] = (DEFAULT_LANGUAGE,)) -> str:
    """The fixed texts that drift is measured on, one per language; English where it has none."""
    files = dict.fromkeys(_own_text(language) or _english_text() for language in languages)
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def _own_text(language: str) -> Path | None:
    return file_of(shipped("evals") / language, "neutral", ".txt")


def _english_text() -> Path:
    return shipped("evals") / "neutral.txt"
