"""When the validation loss is reason to stop, and what is said then."""

from __future__ import annotations

import pytest

from factlab.schema.results import ValidationLoss
from factlab.training.validation import reason_to_stop


def points(*losses: float) -> list[ValidationLoss]:
    return [
        ValidationLoss(step=10 * place, loss_nats=loss, pairs=4, answer_tokens=40)
        for place, loss in enumerate(losses, start=1)
    ]


@pytest.mark.parametrize(
    "losses", [(), (1.0,), (1.0, 2.0), (3.0, 2.0, 1.0, 0.5), (1.0, 2.0, 0.9), (1.0, 2.0, 0.9, 1.5)]
)
def test_training_goes_on_while_the_loss_was_better_not_long_ago(losses: tuple[float, ...]) -> None:
    assert reason_to_stop(points(*losses), 2, planned=100) is None


def test_it_stops_after_as_many_checkpoints_without_a_better_one() -> None:
    assert reason_to_stop(points(1.0, 0.5, 0.6, 0.7), 2, planned=100) == (
        "stopped at step 40 of 100: the validation loss was lowest at step 20 (0.5000 nats per "
        "answer token) and not lower at the 2 checkpoints since (now 0.7000)"
    )
    assert "not lower at the next checkpoint (now" in (
        reason_to_stop(points(0.5, 0.6), 1, planned=100) or ""
    )


def test_an_equal_loss_is_not_a_better_one() -> None:
    assert reason_to_stop(points(0.5, 0.5, 0.5), 2, planned=100) is not None


def test_the_end_is_no_early_stop_and_without_patience_there_is_none() -> None:
    assert reason_to_stop(points(0.5, 0.6, 0.7), 2, planned=30) is None
    assert reason_to_stop(points(0.5, 0.6, 0.7, 0.8), None, planned=100) is None
