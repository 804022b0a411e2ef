"""A rendered question (a line of `data/*.jsonl`) and an answer to it (of `answers.jsonl`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import AliasChoices, Field

from factlab.grading.answer import Answer
from factlab.grading.languages import DEFAULT_LANGUAGE
from factlab.record import Record
from factlab.schema.splits import NEAR_GROUPS, SPLIT, Split


class Turn(Record):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Question(Record):
    """One question as it is put to the model, with what a right answer is."""

    id: str = Field(description="Unique in the run: <fact or suite>/<split>/<family>/<number>.")
    split: Split
    family: str = Field(description="Phrasing family, or the group of a control suite.")
    text: str = Field(description="The user's turn, before the chat template.")
    before: tuple[Turn, ...] = Field(
        default=(),
        description="The turns before it, in conversations; none in a question. Of a challenge the "
        "question that the model answers first.",
    )
    stem: str | None = Field(
        default=None,
        description="The beginning that the answer completes; an answer that repeats it is graded "
        "from there on.",
    )
    language: str | None = Field(
        default=None, description="That its values are written in; English where none is named."
    )
    fact: str | None = Field(default=None, description="Fact it belongs to; none for far controls.")
    gold: Answer | None = Field(default=None, description="Right answer; none if nothing is right.")
    superseded: Answer | None = Field(
        default=None, description="The value the fact replaces, where this question asks for it."
    )
    target: str | None = Field(
        default=None,
        description="The assistant's turn that is trained on (train, validation, mix), or that was "
        "held out (practice); of a cloze, what should follow it.",
    )
    gate: tuple[str, ...] = Field(
        default=(),
        description="Other prompts that the base must also answer before the item counts as known.",
    )
    gate_gold: Answer | None = Field(
        default=None, description="Right answer of the gate prompts, where it is not `gold`."
    )
    distractors: tuple[str, ...] = Field(default=(), description="Wrong answers of the same form.")
    case: str | None = Field(
        default=None, description="Entailed: those of one case are several wordings of one task."
    )
    needs: tuple[str, ...] = Field(
        default=(), description="Entailed: other facts that it follows from, besides its own."
    )
    alias: bool = Field(
        default=False,
        description="In runs of earlier versions, of a held-out question: whether it names the "
        "subject by an alias that no training pair has. Now such questions are a split.",
    )
    event_date: str | None = Field(
        default=None, description="Held-out: the date that the fact's statement names, if it does."
    )
    nearest: float | None = Field(
        default=None,
        description="Held-out: similarity to the nearest trained question; 1 is the same wording.",
    )

    @property
    def opening(self) -> str | None:
        """What is asked first, where the model's own answer to it stands before this question."""
        return self.before[-1].content if self.split == "challenged" and self.before else None

    @property
    def prompts(self) -> tuple[str, ...]:
        """All that a model is asked for its sake: its own text, gate prompts, the turn before."""
        return (self.text, *self.gate, *([self.opening] if self.opening else []))

    @property
    def metric_split(self) -> str:
        """What metrics call it by: its split, the name of its suite, or the depth of a probe."""
        return self.family if SPLIT[self.split].by_family else self.split

    @property
    def metric_splits(self) -> tuple[str, ...]:
        """All that metrics by group call it by: of a near control its group, too."""
        grouped = self.split == "near" and self.family in NEAR_GROUPS
        return (self.metric_split, self.family) if grouped else (self.metric_split,)

    def trained_text(self) -> str:
        """All that a training step reads of it, without the chat template."""
        return "".join((*(turn.content for turn in self.before), self.text, self.target or ""))

    def written(self, answer: Answer) -> str:
        """An answer as a sentence in the question's language has it."""
        return answer.primary(self.language or DEFAULT_LANGUAGE)

    def wrong_options(self) -> tuple[str, ...]:
        """The superseded value and the distractors, written in the form of the right answer."""
        if self.gold is None:
            return ()
        wrong = [self.written(self.superseded)] if self.superseded is not None else []
        wrong += [self.written(self.gold.same_kind(text)) for text in self.distractors]
        return tuple(dict.fromkeys(text for text in wrong if not self.gold.find(text)))


@dataclass(frozen=True, slots=True)
class Response:
    """One generated answer.

    Attributes:
        text: The answer without special tokens, stripped.
        tokens: Tokens generated, the end of turn included.
        finished: Whether the model ended its turn before the limit.
    """

    text: str
    tokens: int
    finished: bool


class AnswerRecord(Record):
    """One answer to one question, and the verdict on it."""

    question_id: str
    prompt: str = Field(description="The user's turn: the question or a gate prompt.")
    text: str = Field(description="The generated text, special tokens removed.")
    tokens: int = Field(description="Tokens generated, the end of turn included.")
    finished: bool = Field(description="Whether the model ended its turn before the token limit.")
    outcome: str | None = Field(
        default=None, description="Outcome of the typed matcher; none where no answer is right."
    )
    correct: bool | None = Field(
        default=None, description="Whether the outcome is the right answer."
    )
    # Older run folders have these two as `intruded` and `crossed`.
    intrusions: tuple[str, ...] = Field(
        default=(),
        validation_alias=AliasChoices("intrusions", "intruded"),
        description="Control answers: facts whose injected value the text contains.",
    )
    interference: tuple[str, ...] | None = Field(
        default=None,
        validation_alias=AliasChoices("interference", "crossed"),
        description="Held-out answers in a run of several facts: other facts whose injected value "
        "the text contains.",
    )
    reason: str = Field(default="", description="Why the matcher decided so.")


Role = Literal["right", "wrong", "injected"]


class OptionScore(Record):
    """One continuation of a prompt and its negative log-likelihood."""

    text: str
    role: Role = Field(description="The right answer, a wrong option, or a fact's injected value.")
    fact: str | None = Field(default=None, description="Whose value, where it is injected.")
    nll_nats: float = Field(description="Summed over the tokens, in nats, end of turn left out.")
    tokens: int = Field(description="Tokens of the text as a continuation.")
    top: int | None = Field(
        default=None,
        description="Those of them that the model finds most probable where they stand; counted "
        "for held-out answers of a practice set only.",
    )


class LikelihoodRecord(Record):
    """The options of one question, each scored as the assistant's whole answer."""

    question_id: str
    options: tuple[OptionScore, ...]


class PanelAnswer(Record):
    """An answer to a question of the fixed panel, given while training was under way."""

    step: int = Field(description="Optimizer steps done.")
    answer: AnswerRecord
