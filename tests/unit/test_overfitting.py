"""What a report says about over-fitting: with figures where it is seen, and only where it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import GOOD, WEAK, write_fake_run

from factlab.report import render_report
from factlab.report.load import ReportData, load_report_data
from factlab.report.overfitting import sentences
from factlab.report.sections.training import early_stops
from factlab.schema.results import CurvePoint, Metric

TOLD = (
    "Over-fitting: in r08-s0 the validation loss is 0.300 nats per answer token at the end, 0.200 "
    "above its lowest (0.100 at step 20), while the training loss fell from 0.090 to 0.010."
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReportData, ReportData]:
    """A run of one cell, and one of two."""
    folder = tmp_path_factory.mktemp("made")
    one, two = write_fake_run(folder / "1", GOOD), write_fake_run(folder / "2", WEAK, GOOD)
    return load_report_data(one), load_report_data(two)


def with_losses(run: ReportData, *curves: tuple[tuple[float, float], ...]) -> ReportData:
    """The run with these (training, validation) losses at steps 10, 20, …, a curve per cell."""
    cells = tuple(
        cell.model_copy(
            update={
                "curve": tuple(
                    CurvePoint(
                        step=10 * place,
                        metrics={},
                        sizes={},
                        losses={"train": train, "validation": validation},
                    )
                    for place, (train, validation) in enumerate(curve, start=1)
                )
            }
        )
        for cell, curve in zip(run.result.cells, curves, strict=True)
    )
    return replace(run, result=run.result.model_copy(update={"cells": cells}))


def with_recall(
    run: ReportData, train: tuple[float, float], held: tuple[float, float]
) -> ReportData:
    """The run with these intervals of recall in every configuration."""
    metrics = {
        name: Metric(
            value=sum(ends) / 2,
            n=40,
            clusters=1,
            covers="",
            scorer="match 2",
            ci_low=ends[0],
            ci_high=ends[1],
        )
        for name, ends in (("recall/train", train), ("recall/held_out", held))
    }
    own = tuple(c.model_copy(update={"metrics": metrics}) for c in run.result.configurations)
    return replace(run, result=run.result.model_copy(update={"configurations": own}))


ROSE = ((0.5, 0.4), (0.09, 0.1), (0.01, 0.3))
FELL = ((0.5, 0.4), (0.09, 0.1), (0.01, 0.09))
NEAR = {"train": (0.8, 1.0), "held": (0.7, 0.9)}


def test_a_validation_loss_that_rises_while_training_goes_on_is_told(
    made: tuple[ReportData, ReportData],
) -> None:
    one, two = (with_recall(run, **NEAR) for run in made)
    assert sentences(with_losses(one, ROSE)) == [TOLD]
    (told,) = sentences(with_losses(two, FELL, ROSE))
    assert told.startswith("Over-fitting: in 1 of 2 cells, most in r08-s0: the validation loss")


def test_a_wobble_is_no_rise(made: tuple[ReportData, ReportData]) -> None:
    one = with_recall(made[0], **NEAR)
    (told,) = sentences(with_losses(one, (*ROSE[:2], (0.01, 0.119))))  # within 0.02 nats
    assert told.startswith(
        "No over-fitting is shown: in r08-s0 the validation loss ends 0.019 nats per answer token "
        "above its lowest (0.100 at step 20), and recall in"
    )
    # Of a large loss, within 5 %.
    (told,) = sentences(with_losses(one, ((3.0, 2.0), (2.0, 2.09))))
    assert told.startswith("No over-fitting")


def test_of_both_losses_rising_nothing_is_said(made: tuple[ReportData, ReportData]) -> None:
    one = with_recall(made[0], **NEAR)
    assert sentences(with_losses(one, ((0.1, 0.1), (0.9, 0.9)))) == []


def test_wordings_learned_better_than_the_fact_are_told(
    made: tuple[ReportData, ReportData],
) -> None:
    apart = with_recall(made[0], train=(0.9, 1.0), held=(0.3, 0.5))
    (told,) = sentences(with_losses(apart, FELL))
    assert told == (
        "Over-fitting: in r08 more is recalled in trained phrasings (95 %, interval 90–100 %) than "
        "in held-out ones (40 %, interval 30–50 %): the wordings were learned better than the fact."
    )
    assert len(sentences(with_losses(apart, ROSE))) == 2


def test_that_none_is_seen_is_said_of_what_was_looked_at(
    made: tuple[ReportData, ReportData],
) -> None:
    one, two = (with_recall(run, **NEAR) for run in made)
    assert sentences(with_losses(one, FELL)) == [
        "No over-fitting is shown: in r08-s0 the validation loss is lowest at the end, and recall "
        "in trained phrasings is not above that in held-out ones beyond their intervals (a gap of "
        "less than 20 points would not be)."
    ]
    (told,) = sentences(with_losses(two, FELL, FELL))
    assert "in each of 2 cells the validation loss is lowest at the end" in told
    (told,) = sentences(with_losses(two, FELL, (*FELL, (0.01, 0.1))))
    assert (
        "in each of 2 cells the validation loss ends at most 0.010 nats per answer token above its "
        "lowest (0.090 at step 30 of r08-s0)"
    ) in told
    assert sentences(with_losses(one, ())) == []  # no validation pair
    shuffled = replace(one, settings={"shuffle": True})
    assert sentences(with_losses(shuffled, ROSE)) == []


def test_cells_that_were_stopped_are_told_and_the_page_draws_the_losses(
    made: tuple[ReportData, ReportData], tmp_path: Path
) -> None:
    (cell,) = made[0].result.cells
    assert cell.training is not None
    early = cell.training.model_copy(update={"stopped_early": "stopped at step 30 of 40: why"})
    cells = (cell.model_copy(update={"training": early}),)
    run = replace(made[0], result=made[0].result.model_copy(update={"cells": cells}))
    assert early_stops(run) == ["r08-s0 stopped at step 30 of 40: why."]
    assert early_stops(made[0]) == []
    page = render_report(write_fake_run(tmp_path, GOOD))
    assert "Validation and training loss at checkpoints, nats per answer token" in page
    assert "No over-fitting is shown: in r08-s0" in page
