"""How often the matcher errs: its verdicts against those of people who read the answers.

The answers are the default model's own, untrained: to far controls that it prefers the right answer
of, and to held-out questions with the fact in its prompt. They stand with the people's verdicts in
tests/golden/audit_en.jsonl, and tests/unit/test_audit.py counts again.
"""

from __future__ import annotations

from dataclasses import dataclass

SHORT = 120  # characters


@dataclass(frozen=True, slots=True)
class Audit:
    """Answers that were read by hand, and on which the matcher decided otherwise.

    Attributes:
        answers: Answers with a verdict; those that people may differ on are left out.
        called_right: Those that the matcher calls right.
        wrongly_right: Of these, those that people call wrong.
        longer: Of those called right, answers of more than SHORT characters, and how many of these
            people call wrong.
        wrongly_wrong: Answers that people call right and the matcher does not.
        by_type: Type of the right answer → (answers, errors).
    """

    answers: int
    called_right: int
    wrongly_right: int
    longer: tuple[int, int]
    wrongly_wrong: int
    by_type: dict[str, tuple[int, int]]

    @property
    def errors(self) -> int:
        """Verdicts that people do not share."""
        return self.wrongly_right + self.wrongly_wrong


AUDIT = Audit(
    answers=291,
    called_right=94,
    wrongly_right=14,
    longer=(75, 14),
    wrongly_wrong=0,
    by_type={
        "number": (13, 0),
        "text": (109, 8),
        "entity": (123, 5),
        "date": (4, 0),
        "quantity": (42, 1),
    },
)
