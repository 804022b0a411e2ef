"""The metrics of a run from its files alone: what a run records, and a rescoring computes again."""

from __future__ import annotations

from collections.abc import Mapping

from factlab.comparison import compare_run
from factlab.comparison.responses import RunResponses
from factlab.metrics.benchmarks import benchmark_scores
from factlab.metrics.catalogue import give_reasons
from factlab.metrics.measure import (
    Measurement,
    measure_base,
    measure_tuned,
    rounding_changes,
)
from factlab.metrics.panel import curve_point
from factlab.metrics.responses import Responses
from factlab.metrics.scores import QuestionSet
from factlab.respondents.protocol import NOTHING
from factlab.runs.files import read_lines, write_json
from factlab.runs.folder import CellFolder
from factlab.schema.question import AnswerRecord, PanelAnswer
from factlab.schema.results import (
    Ability,
    BaseResult,
    CurvePoint,
    DriftWindow,
    RunResult,
    TrainStep,
    ValidationLoss,
)
from factlab.training.steps import LAST_STEPS


def base_result(
    responses: RunResponses,
    seconds: float | None,
    precision: str | None = None,
    lacks: Mapping[Ability, str] = NOTHING,
) -> BaseResult:
    """What the base scores before anything is trained, and how often rounding changes it.

    Args:
        responses: The questions of the run, and the responses of its base.
        seconds: What asking it took.
        precision: As in `RunFolder.base`.
        lacks: What it could not be asked for, and why.
    """
    base = responses.others[precision] if precision else responses.base
    files = responses.folder.base(precision)
    facts = tuple(fact for fact in responses.by_fact if fact is not None)
    asked = [q for same in responses.by_fact.values() for q in same if base.asked(q)]
    found = measure_base(QuestionSet(facts, asked), base, benchmark_scores(files.benchmarks()))
    again = list(read_lines(files.rounding_file, AnswerRecord, whole=True))
    found.metrics |= (rounding := rounding_changes(asked, base, again))
    if not rounding:
        reason = "the base was not computed again by another forward pass."
        found.not_measured |= {"rounding/text": reason, "rounding/verdict": reason}
    give_reasons(found.not_measured, lacks, of_tuned=False)
    return BaseResult(
        metrics=found.metrics,
        not_measured=found.not_measured,
        outcomes=found.outcomes,
        measuring_seconds=seconds,
        lacks=dict(lacks),
    )


def measured_cell(
    responses: RunResponses,
    cell_id: str,
    facts: tuple[str, ...],
    steps: int,
    precision: str,
    lacks: Mapping[Ability, str] = NOTHING,
) -> tuple[Measurement, tuple[CurvePoint, ...]]:
    """A cell's metrics and its curve over the steps of training."""
    asked, tuned = responses.tuned(cell_id, facts)
    files = responses.folder.cell(cell_id)
    base = responses.base_at(precision)
    scored = benchmark_scores(files.benchmarks(), responses.base_benchmarks(precision))
    windows = list(read_lines(files.drift_file, DriftWindow, whole=True))
    found = measure_tuned(asked, base, tuned, windows, scored)
    give_reasons(found.not_measured, lacks, of_tuned=True)
    lines = list(read_lines(files.panel_file, PanelAnswer))
    return found, _with_losses(_curve(base, tuned, asked, lines, steps), files)


def _curve(
    base: Responses, tuned: Responses, asked: QuestionSet, lines: list[PanelAnswer], steps: int
) -> tuple[CurvePoint, ...]:
    """The panel before training, at its checkpoints, and at the end."""
    on_panel = {line.answer.question_id for line in lines}
    if not on_panel:
        return ()
    panel = [question for question in asked.questions if question.id in on_panel]
    by_step: dict[int, dict[str, AnswerRecord]] = {0: dict(base.main)}
    for line in lines:
        by_step.setdefault(line.step, {})[line.answer.question_id] = line.answer
    by_step.setdefault(steps, dict(tuned.main))
    return tuple(curve_point(step, panel, said) for step, said in sorted(by_step.items()))


def _with_losses(curve: tuple[CurvePoint, ...], files: CellFolder) -> tuple[CurvePoint, ...]:
    """The points with their losses; where no panel was evaluated, a point has nothing else."""
    logged = list(read_lines(files.train_log_file, TrainStep))
    points = {point.step: point for point in curve}
    for line in read_lines(files.validation_log_file, ValidationLoss):
        losses = {"validation": line.loss_nats}
        done = [_on_facts(step) for step in logged if step.step <= line.step]
        last = [loss for loss in done if loss is not None][-LAST_STEPS:]
        if last:
            losses["train"] = sum(last) / len(last)
        point = points.get(line.step, CurvePoint(step=line.step, metrics={}, sizes={}))
        points[line.step] = point.model_copy(update={"losses": losses})
    return tuple(points[step] for step in sorted(points))


def _on_facts(step: TrainStep) -> float | None:
    """A step's loss on the facts' own pairs; with a mix it may have none of them."""
    return step.loss_nats if step.mix_loss_nats is None else step.fact_loss_nats


def with_comparisons(responses: RunResponses, result: RunResult) -> RunResult:
    """Add what only all cells together show, and write `results.json`."""
    configurations, comparisons, choice = compare_run(responses, result.cells)
    whole = result.model_copy(
        update={"configurations": configurations, "comparisons": comparisons, "choice": choice}
    )
    write_json(responses.folder.results_file, whole)
    return whole
