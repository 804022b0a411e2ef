"""What a run is trained on: facts, passages, or a set of conversations to practise on."""

from __future__ import annotations

from dataclasses import dataclass

from factlab.schema.conversation import ConversationSet
from factlab.schema.fact import Fact
from factlab.schema.fields import DEFAULT_LANGUAGE
from factlab.schema.passage import Passage


@dataclass(frozen=True, slots=True)
class Practice:
    """What stands where a run has its fact.

    Attributes:
        id: What questions and cells call it.
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
        """What the base could be told: nothing."""
        return ""

    @property
    def summary(self) -> str:
        """What stands where a fact has its value."""
        return self.read.name


TrainingSource = Fact | Passage | Practice
