"""A conversation whose last answer is trained on: what every format is read into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from factlab.grading.names import fold
from factlab.schema.question import Question, Turn
from factlab.schema.splits import Split


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
    """

    before: tuple[Turn, ...]
    question: str
    answer: str
    kind: str = field(default="", compare=False)
    where: str = field(default="", compare=False)
    number: int = field(default=0, compare=False)

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

    Raises:
        ValueError: for turns that are empty, in an order that no chat has, or without an answer.
    """
    answered = [i for i, turn in enumerate(turns) if turn.role == "assistant"]
    if not answered:
        raise ValueError("there is no answer by the assistant")
    kept = [
        turn.model_copy(update={"content": turn.content.strip()})
        for turn in turns[: answered[-1] + 1]
    ]
    _check_contents(kept)
    _check_order(kept)
    *before, question, answer = kept
    return Conversation(tuple(before), question.content, answer.content)


def _check_contents(turns: Sequence[Turn]) -> None:
    for number, turn in enumerate(turns, start=1):
        if not turn.content:
            what = "the answer" if turn.role == "assistant" else f"the {turn.role}'s text"
            raise ValueError(f"{what} (turn {number}) is empty")
        if any("\ud800" <= char <= "\udfff" for char in turn.content):
            raise ValueError(f"turn {number} holds half a character (a lone surrogate)")


def _check_order(turns: Sequence[Turn]) -> None:
    """A system turn if there is one, then user and assistant in turn."""
    first = 1 if turns[0].role == "system" else 0
    for i, turn in enumerate(turns[first:]):
        wanted = ("user", "assistant")[i % 2]
        if turn.role != wanted:
            raise ValueError(
                f"turn {first + i + 1} is the {turn.role}'s, but the {wanted}'s is expected: after "
                "an optional system turn, user and assistant take turns"
            )


@dataclass(frozen=True, slots=True)
class ConversationSet:
    """A set as it was read.

    Attributes:
        name: What results call it: the file's name, or the hub id.
        sha256: Of the file, or, where there is no one file, of the rows.
        conversations: Each once, in order.
        rows: Rows read; those that repeat an earlier one are no conversations of their own.
        kinds: Rows by format.
    """

    name: str
    sha256: str
    conversations: tuple[Conversation, ...]
    rows: int
    kinds: Mapping[str, int]
