"""The fixed panel: a few questions of each kind, asked again and again while training goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from factlab.schema.question import AnswerRecord, Question, Split
from factlab.schema.results import CurvePoint

VALIDATION = "recall/validation"
Counts = Callable[[AnswerRecord], bool]


def _right(answer: AnswerRecord) -> bool:
    return bool(answer.correct)


def _intruded(answer: AnswerRecord) -> bool:
    return bool(answer.intruded)


# Metric → split, and what counts of an answer. The far panel holds only what the base knew.
PANEL_METRICS: tuple[tuple[str, Split, Counts], ...] = (
    (VALIDATION, "validation", _right),
    ("recall/held_out", "held_out", _right),
    ("intrusion/near", "near", _intruded),
    ("retention/far", "far", _right),
)


def curve_point(
    step: int, panel: Sequence[Question], answers: Mapping[str, AnswerRecord]
) -> CurvePoint:
    """The panel's shares at one step, over the questions that were asked then."""
    asked = [question for question in panel if question.id in answers]
    passages = {question.fact for question in asked if question.split == "probe"}
    counted: dict[str, list[bool]] = {}
    for name, split, counts in PANEL_METRICS:
        for question in asked:
            # A passage has no value that could intrude.
            if question.split == split and not (split == "near" and question.fact in passages):
                counted.setdefault(name, []).append(counts(answers[question.id]))
    for question in asked:
        if question.split == "probe":
            right = _right(answers[question.id])
            counted.setdefault(f"recall/{question.family}", []).append(right)
    return CurvePoint(
        step=step,
        metrics={name: sum(values) / len(values) for name, values in counted.items()},
        sizes={name: len(values) for name, values in counted.items()},
    )


def best_step(points: Iterable[CurvePoint]) -> int:
    """The step to keep: the best on the validation panel.

    Of equals it is the one with the lowest validation loss, and then the earliest. Held-out
    questions and controls have no say, or they would no longer be held out.
    """

    def worth(point: CurvePoint) -> tuple[float, float, int]:
        loss = point.losses.get("validation", math.inf)
        return point.metrics.get(VALIDATION, 0.0), -loss, -point.step

    return max(points, key=worth).step
