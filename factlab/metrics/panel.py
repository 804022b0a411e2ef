"""The fixed panel: a few questions of each kind, evaluated again and again in training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from factlab.metrics.catalogue import names_of, spec_of
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.results import CurvePoint

VALIDATION = "recall/validation"
# Split → metric, on the panel: of probes one metric for each depth. The far panel holds only what
# the base knew, so that what is right there was retained.
PANEL_METRICS: Mapping[str, str] = {
    spec_of(name).split: name for name in names_of(lambda use: use.panel)
}


def curve_point(
    step: int, panel: Sequence[Question], answers: Mapping[str, AnswerRecord]
) -> CurvePoint:
    """The panel's shares at one step, over the questions that were answered then."""
    answered = [question for question in panel if question.id in answers]
    passages = {question.fact for question in answered if question.split == "probe"}
    counted: dict[str, list[bool]] = {}
    for question in answered:
        metric = PANEL_METRICS.get(question.metric_split)
        # A passage has no value that could intrude.
        if metric is not None and not (question.split == "near" and question.fact in passages):
            counted.setdefault(metric, []).append(_counts(metric, answers[question.id]))
    return CurvePoint(
        step=step,
        metrics={name: sum(values) / len(values) for name, values in counted.items()},
        sizes={name: len(values) for name, values in counted.items()},
    )


def _counts(metric: str, answer: AnswerRecord) -> bool:
    return bool(answer.intrusions if spec_of(metric).kind == "intrusion" else answer.correct)


def best_step(points: Iterable[CurvePoint]) -> int:
    """The step to keep: the best on the validation panel.

    Of equals it is the one with the lowest validation loss, and then the earliest. Held-out
    questions and controls have no say, or they would no longer be held out.
    """

    def worth(point: CurvePoint) -> tuple[float, float, int]:
        loss = point.losses.get("validation", math.inf)
        return point.metrics.get(VALIDATION, 0.0), -loss, -point.step

    return max(points, key=worth).step
