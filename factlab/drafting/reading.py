"""What rules read in a statement: its subject, the property, the value, and what else it says."""

from __future__ import annotations

from dataclasses import dataclass

from factlab.grading.dates import PartialDate


@dataclass(frozen=True, slots=True)
class Reading:
    """A statement taken apart; what it does not say is empty.

    Attributes:
        subject: What it is about.
        relation: The property in words, such as `head office`.
        value: The new value as written.
        old: What it was before, as written.
        event: What happened to the subject, in the past tense.
        date: When, as a fact file has it: 2025-10-10, 2025-10 or 2025.
        unsure: Which of these are guesses, by name.
        kind: What the subject is, where the words say it.
        unread: What else the statement says, as it stands there.
    """

    subject: str = ""
    relation: str = ""
    value: str = ""
    old: str = ""
    event: str = ""
    date: str = ""
    unsure: tuple[str, ...] = ()
    kind: str = ""
    unread: str = ""

    @property
    def whole(self) -> bool:
        """Whether it has all that a fact needs."""
        return bool(self.subject and self.relation and self.value)


def iso(date: PartialDate) -> str:
    """A date as a fact file has it, as precise as it is known: 2025-10-10, 2025-10 or 2025."""
    parts = [f"{date.year:04d}", *(f"{n:02d}" for n in (date.month, date.day) if n is not None)]
    return "-".join(parts)
