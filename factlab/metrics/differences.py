"""In which answers two models differ: a cell, and what was exported of it."""

from __future__ import annotations

from collections.abc import Sequence

from factlab.metrics.responses import Responses
from factlab.schema.export import Difference
from factlab.schema.question import Question


def differences(
    questions: Sequence[Question], measured: Responses, exported: Responses
) -> list[Difference]:
    """Answers whose text is another, those of another verdict first; else in the order given."""
    found = [
        Difference(
            question_id=question.id,
            split=question.split,
            question=question.text,
            measured=before.text,
            exported=after.text,
            measured_correct=before.correct,
            exported_correct=after.correct,
        )
        for question in questions
        if (before := measured.main.get(question.id)) is not None
        and (after := exported.main.get(question.id)) is not None
        and before.text != after.text
    ]
    return sorted(found, key=lambda difference: not difference.verdict_changed)
