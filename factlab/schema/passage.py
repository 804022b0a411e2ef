"""A passage as its author writes it, or as `factlab import` does: running text and its probes.

A fact has one value that is asked for in many phrasings; a passage has none, and is asked to be
continued at three depths instead, as in Chang et al. (2024), arXiv 2406.11813.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from factlab.grading.answer import Answer
from factlab.grading.languages import DEFAULT_LANGUAGE
from factlab.grading.names import fold
from factlab.grading.sentences import sentence_spans
from factlab.reading.bounds import RunningText, Several, Text
from factlab.record import Record
from factlab.schema.control import ControlQuestion, check_control
from factlab.schema.fact_language import check_language, with_language
from factlab.schema.fields import Language, ShortName, not_blank
from factlab.schema.yaml import Document

Depth = Literal["mem", "gen", "hard_gen"]
DEPTHS: tuple[Depth, ...] = get_args(Depth)


class Probe(Record):
    """The beginning of a sentence, and how it ends by what the passage says."""

    depth: Depth = Field(
        description="mem: worded as the passage; gen: in other words; hard_gen: needs inference."
    )
    prompt: Text = Field(description="The beginning of a sentence, which the answer completes.")
    answer: Answer = Field(description="What completes it, typed; mostly of type text.")

    @field_validator("prompt")
    @classmethod
    def _filled(cls, value: str) -> str:
        return not_blank(value)

    @property
    def holds_answer(self) -> bool:
        """Whether the prompt already says the answer."""
        return bool(self.answer.find(self.prompt))


class Passage(Record):
    """Running text that a user wants in the model, and what to ask about it."""

    id: ShortName = Field(description="Short name in lower case: letters, digits, _ and -.")
    passages: Several[RunningText] = Field(
        description="The text, then paraphrases of it; all are trained on."
    )
    probes: Several[Probe] = Field(description="Sentences to complete; none is trained on.")
    neighbours: Several[ControlQuestion] = Field(
        default=(), description="Near controls, with true answers."
    )
    language: Language = Field(
        default=DEFAULT_LANGUAGE,
        description="Language of the text, a folder of templates/; else what the text shows.",
    )
    source: Text | None = Field(
        default=None, description="Where it is from, and under which licence; 'fictitious'."
    )

    @model_validator(mode="before")
    @classmethod
    def _in_some_language(cls, data: Any) -> Any:
        return with_language(data)

    @property
    def statement(self) -> str:
        """The text that is put before a question for the in-context ceiling."""
        return self.passages[0]

    @property
    def opening(self) -> str:
        """The first sentence of the text."""
        text = self.statement.strip()
        return text[: sentence_spans(text)[0][1]].strip()

    @property
    def names(self) -> tuple[str, ...]:
        """Names by which a question may be about it: none, since a passage has no one subject."""
        return ()

    @property
    def summary(self) -> str:
        """How many probes it has, where a fact has its value."""
        return f"a passage with {len(self.probes)} probes"


def passage_of(document: Document) -> Passage:
    """Check a document as a passage.

    A probe that already holds its answer is no error here, since published sets have some; it is
    left out where questions are made, with a note.

    Raises:
        FactError: with file, line, column, what is known and what to do.
    """
    check_language(document)
    passage = document.parse(Passage, "A passage")
    _check_texts(passage, document)
    _check_probes(passage, document)
    for i, control in enumerate(passage.neighbours):
        check_control(control, document, ("neighbours", i))
    return passage


def _check_texts(passage: Passage, document: Document) -> None:
    if not passage.passages:
        raise document.fail(("passages",), "'passages' is empty. Give the text to be learned.")
    seen: dict[str, int] = {}
    for i, text in enumerate(passage.passages):
        folded = fold(text)
        if not any(char.isalnum() for char in folded):
            raise document.fail(("passages", i), "this passage is empty. Write it, or remove it.")
        if folded in seen:
            raise document.fail(
                ("passages", i),
                f"this passage repeats number {seen[folded] + 1}. Remove one of the two.",
            )
        seen[folded] = i


def _check_probes(passage: Passage, document: Document) -> None:
    seen: set[tuple[Depth, str]] = set()
    for i, probe in enumerate(passage.probes):
        if (key := (probe.depth, fold(probe.prompt))) in seen:
            raise document.fail(
                ("probes", i, "prompt"),
                f"this {probe.depth} probe is there twice. Remove one of the two.",
            )
        seen.add(key)
    if all(probe.holds_answer for probe in passage.probes):
        raise document.fail(
            ("probes",),
            "the prompt of every probe already holds its answer, so nothing can be measured. "
            "Add a probe whose prompt does not hold its answer.",
        )
