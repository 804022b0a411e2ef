"""What a run is trained on: facts, passages, or a set of conversations (a practice run)."""

from __future__ import annotations

from dataclasses import dataclass

from factlab.grading.languages import DEFAULT_LANGUAGE
from factlab.schema.conversation import ConversationSet
from factlab.schema.fact import Fact
from factlab.schema.passage import Passage


@dataclass(frozen=True, slots=True)
class PracticeSet:
    """The conversations of a practice run, with the attributes that a fact has.

    Attributes:
        id: Its name in questions and cells.
        read: The set.
    """

    id: str
    read: ConversationSet

    @property
    def names(self) -> tuple[str, ...]:
        """Names by which a question may be about it: none."""
        return ()

    @property
    def language(self) -> str:
        """The language of its controls; a set of conversations states none."""
        return DEFAULT_LANGUAGE

    @property
    def statement(self) -> str:
        """The statement for the in-context ceiling: none."""
        return ""

    @property
    def summary(self) -> str:
        """The name of the set, where a fact has its value."""
        return self.read.name


TrainingSource = Fact | Passage | PracticeSet
