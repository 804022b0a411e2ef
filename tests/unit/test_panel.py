"""The fixed panel: its shares at a step, and which step is kept."""

from __future__ import annotations

import pytest
from hand_made import ask, said

from factlab.metrics.panel import VALIDATION, best_step, curve_point
from factlab.schema.results import CurvePoint


def point(step: int, validation: float | None, **others: float) -> CurvePoint:
    metrics = {name.replace("_in_", "/"): value for name, value in others.items()}
    if validation is not None:
        metrics[VALIDATION] = validation
    return CurvePoint(step=step, metrics=metrics, sizes=dict.fromkeys(metrics, 4))


def test_the_best_step_is_that_of_the_best_validation() -> None:
    points = [point(10, 0.5), point(20, 0.75), point(30, 0.25)]
    assert best_step(points) == 20
    assert best_step(reversed(points)) == 20


def test_held_out_questions_and_controls_have_no_say() -> None:
    spoiled = {"intrusion_in_near": 1.0, "retention_in_far": 0.0}
    points = [
        point(10, 0.5, recall_in_held_out=1.0, retention_in_far=1.0, intrusion_in_near=0.0),
        point(20, 0.75, recall_in_held_out=0.0, **spoiled),
    ]
    assert best_step(points) == 20


@pytest.mark.parametrize("order", [(10, 20, 30), (30, 20, 10), (20, 30, 10)])
def test_of_equals_the_earliest_is_kept(order: tuple[int, ...]) -> None:
    values = {10: 0.5, 20: 1.0, 30: 1.0}
    assert best_step(point(step, values[step]) for step in order) == 20


def test_of_equal_recall_the_lowest_validation_loss_is_kept() -> None:
    losses = {10: 0.4, 20: 0.1, 30: 0.2}
    points = [
        point(step, 1.0).model_copy(update={"losses": {"validation": loss}})
        for step, loss in losses.items()
    ]
    assert best_step(points) == 20
    assert best_step([*points, point(40, 1.0)]) == 20
    assert best_step([*points, point(40, 1.1)]) == 40


def test_a_step_without_validation_counts_as_nothing_right() -> None:
    assert best_step([point(10, None, recall_in_held_out=1.0), point(20, 0.1)]) == 20
    assert best_step([point(20, None), point(10, None)]) == 10


def test_a_point_holds_the_shares_of_what_was_asked_at_that_step() -> None:
    validation = [ask(f"v{i}", "validation", fact="x") for i in range(4)]
    near = [ask(f"n{i}", "near", fact="x") for i in range(2)]
    far = [ask("f", "far"), ask("unasked", "far")]
    panel = [*validation, *near, *far]
    answers = {q.id: said(q, i < 3) for i, q in enumerate(validation)}
    answers["n0"] = said(near[0], True, intrusions=("x",))
    answers["n1"] = said(near[1], False)
    answers["f"] = said(far[0], True)
    answers["elsewhere"] = said(ask("elsewhere", "far"), False)
    found = curve_point(7, panel, answers)
    assert found == CurvePoint(
        step=7,
        metrics={"recall/validation": 0.75, "intrusion/near": 0.5, "retention/far": 1.0},
        sizes={"recall/validation": 4, "intrusion/near": 2, "retention/far": 1},
    )
    assert curve_point(7, panel, {}).metrics == {}
