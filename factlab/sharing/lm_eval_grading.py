"""What the tasks that `factlab export --to lm-eval` writes call to have an answer graded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from factlab.grading.answer import Answer
from factlab.metrics.verdicts import grade_text
from factlab.reading.records import read_bytes
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.splits import CONTROL_SPLITS, INTRUSION_SPLITS

INJECTED = "injected.json"
METRICS = ("recall", "accuracy", "retention", "intrusion")
_VALUES: TypeAdapter[dict[str, Answer]] = TypeAdapter(dict[str, Answer])


def read_injected(folder: Path) -> dict[str, Answer]:
    """Fact → injected value, from the task's folder."""
    return _VALUES.validate_json(read_bytes(folder / INJECTED))


def graded(doc: Mapping[str, Any], text: str, values: Mapping[str, Answer]) -> dict[str, float]:
    """The figures that an answer counts in, by metric.

    Args:
        doc: A line of a task's data.
        text: What the model generated. lm_eval does not tell whether it was cut off at the token
            limit, so each answer counts as ended.
        values: See `read_injected`.
    """
    question = Question.model_validate_json(doc["record"])
    said = AnswerRecord(
        question_id=question.id, prompt=question.text, text=text.strip(), tokens=0, finished=True
    )
    verdict = grade_text(question, said, values)
    found: dict[str, float] = {}
    if question.gold is not None:
        right, control = float(bool(verdict.correct)), question.split in CONTROL_SPLITS
        found["accuracy" if control else "recall"] = right
        if control and doc["base_knew"]:
            found["retention"] = right
    if question.split in INTRUSION_SPLITS:
        found["intrusion"] = float(bool(verdict.intrusions))
    return found
