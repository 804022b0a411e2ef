"""A conversation whose last answer is trained on: what every format is read into."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from factlab.grading.names import fold
from factlab.record import Record
from factlab.schema.question import Question, Turn
from factlab.schema.splits import Split

_HALF = re.compile("[\ud800-\udfff]")
# White space, controls, signs without width, fillers and blanks.
_UNSEEN = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    r"\U000e0000-\U000e0fff]+"
)


class RowError(ValueError):
    """What is wrong with a row.

    Attributes:
        reason: The same for all rows with this problem; completes "rows that …".
        said: What is wrong in this row, without a full stop.
        column: Where in its line.
    """

    def __init__(self, reason: str, said: str, *, column: int = 1) -> None:
        super().__init__(said)
        self.reason, self.said, self.column = reason, said, column


class UnusableRowError(RowError):
    """A row that is sound, but nothing that factlab trains on: it is left out, never an error."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A prompt of one turn or several, and the answer to it.

    Attributes:
        before: The turns before the last question, a system turn among them.
        question: The last user turn.
        answer: The assistant's turn that follows it.
        kind: The name of the format it was written in.
        where: File and line, or set and row, for messages.
        number: Which row it is, from 1 on.
        notes: What was taken off its texts, each completing "N rows: …".
    """

    before: tuple[Turn, ...]
    question: str
    answer: str
    kind: str = field(default="", compare=False)
    where: str = field(default="", compare=False)
    number: int = field(default=0, compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text in it, in order."""
        return (*(turn.content for turn in self.before), self.question, self.answer)

    @property
    def user_turns(self) -> tuple[str, ...]:
        """The user's turns."""
        return (*(turn.content for turn in self.before if turn.role == "user"), self.question)

    @property
    def prompt(self) -> tuple[str, ...]:
        """What is the same in two conversations with the same prompt."""
        return tuple(fold(text) for text in self.texts[:-1])

    def as_question(self, split: Split, owner: str, fact: str | None = None) -> Question:
        """The training pair, or the held-out one.

        Args:
            split: mix, train or practice.
            owner: What its id begins with: the set, or the fact it stands for.
            fact: Whose it is, if it is not shared.
        """
        return Question(
            id=f"{owner}/{split}/{self.kind}/{self.number}",
            split=split,
            family=self.kind,
            text=self.question,
            before=self.before,
            fact=fact,
            target=self.answer,
        )


def conversation_of(turns: Sequence[Turn]) -> Conversation:
    """The conversation up to its last answer; later turns are dropped.

    System turns at the beginning are one; an empty one is none. What the assistant says before the
    first question answers nothing, and is dropped.

    Raises:
        RowError: for turns that are empty, in an order that no chat has, or without an answer.
    """
    answered = [i for i, turn in enumerate(turns) if turn.role == "assistant"]
    if not answered:
        raise RowError("have no answer", "there is no answer by the assistant")
    kept = [
        turn.model_copy(update={"content": turn.content.strip()})
        for turn in turns[: answered[-1] + 1]
    ]
    first = next((i for i, turn in enumerate(kept) if turn.role != "system"), len(kept))
    system = "\n\n".join(turn.content for turn in kept[:first] if turn.content)
    opening = [Turn(role="system", content=system)] if system else []
    asked = next((i for i, turn in enumerate(kept) if turn.role == "user"), first)
    greeted = all(turn.role == "assistant" for turn in kept[first:asked])
    kept = [*opening, *kept[asked if greeted else first :]]
    _check_contents(kept)
    _check_order(kept)
    *before, question, answer = kept
    return Conversation(tuple(before), question.content, answer.content)


def _check_contents(turns: Sequence[Turn]) -> None:
    for number, turn in enumerate(turns, start=1):
        if not says_something(turn.content):
            answers = turn.role == "assistant"
            what = "the answer" if answers else f"the {turn.role}'s text"
            reason = "have an empty answer" if answers else "have an empty question"
            raise RowError(reason, f"{what} (turn {number}) is empty")
        if _HALF.search(turn.content):
            raise RowError(
                "hold half a character", f"turn {number} holds half a character (a lone surrogate)"
            )


def says_something(text: str) -> bool:
    """Whether there is anything to see or to read."""
    return any(char.isalnum() for char in text) or bool(_UNSEEN.sub("", text))


def _check_order(turns: Sequence[Turn]) -> None:
    """A system turn if there is one, then user and assistant in turn."""
    first = 1 if turns[0].role == "system" else 0
    for i, turn in enumerate(turns[first:]):
        wanted = ("user", "assistant")[i % 2]
        if turn.role != wanted:
            raise RowError(
                "have turns out of order",
                f"turn {first + i + 1} is the {turn.role}'s, but the {wanted}'s is expected: after "
                "an optional system turn, user and assistant take turns",
            )


class SkippedRows(Record):
    """Rows of a set that were left out for one reason."""

    reason: str = Field(description='Completes "rows that …".')
    rows: int
    first: str = Field(description="File and line of the first of them, or set and row.")


class SetRecord(Record):
    """A set of conversations that a run trained on, and what was left out of it."""

    name: str
    share: float | None = Field(
        default=None, description="Of an adapter's training pairs; none in a practice run."
    )
    sha256: str = Field(description="Of the file, or of the rows of a folder or a set of the hub.")
    formats: dict[str, int] = Field(description="Format → rows.")
    rows: int
    repeated: int = Field(description="Rows that say what an earlier one says; left out.")
    used: int = Field(description="Conversations drawn, the held-out ones included.")
    held_out: int | None = Field(default=None, description="Of them, in a practice run.")
    left_out: dict[str, int] = Field(
        default_factory=dict, description="Reason → conversations, of those that were read."
    )
    skipped: tuple[SkippedRows, ...] = Field(
        default=(), description="Rows that could not be read, or hold nothing to train on."
    )
    taken_off: dict[str, int] = Field(
        default_factory=dict, description="What is no part of a text, and was removed → rows."
    )
    passed_over: tuple[str, ...] = Field(
        default=(), description="Files beside the data that hold no rows."
    )

    @property
    def identity(self) -> str:
        """What tells it from other sets and shares, in a line."""
        share = "" if self.share is None else f" {100 * self.share:g} %"
        return f"{self.name}{share} ({self.sha256[:8]})"


@dataclass(frozen=True, slots=True)
class ConversationSet:
    """A set as it was read.

    Attributes:
        name: What results call it: the file's name, or the hub id.
        sha256: Of the file, or, where there is no one file, of the rows.
        conversations: Each once, in order.
        rows: Rows read; those that repeat an earlier one are no conversations of their own.
        kinds: Rows by format.
        skipped: Rows that were left out, since they could not be read or hold nothing to train on.
        taken_off: What is no part of a text, and was removed, with the number of rows.
        passed_over: Files of a folder that hold no rows.
    """

    name: str
    sha256: str
    conversations: tuple[Conversation, ...]
    rows: int
    kinds: Mapping[str, int]
    skipped: tuple[SkippedRows, ...] = ()
    taken_off: Mapping[str, int] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()

    @property
    def repeated(self) -> int:
        """Rows that say what an earlier one says."""
        return self.rows - len(self.conversations) - sum(one.rows for one in self.skipped)
