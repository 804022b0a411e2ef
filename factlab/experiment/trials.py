"""Trials of one group: trained side by side on one base, and measured one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING

from factlab.combination.adapters import combined_on
from factlab.errors import DivergedError
from factlab.experiment.baseline import Baseline
from factlab.experiment.evaluator import Evaluator
from factlab.experiment.trial import Trial, new_trial
from factlab.experiment.trial_results import diverged, measure_trial
from factlab.experiment.trial_saving import (
    begin_trial,
    drop_training,
    save_trained,
    stage_of,
    take_trained,
)
from factlab.experiment.trial_training import train_trials
from factlab.experiment.tuned_trials import evaluate_elsewhere
from factlab.runs.adapters import adapter_folder
from factlab.runs.files import write_json
from factlab.runs.folder import RunFolder
from factlab.runs.integrity import sealed
from factlab.schema.config import Cell
from factlab.schema.results import CellResult

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from factlab.training.train import Trained


def side_by_side(
    cells: Sequence[Cell], evaluator: Evaluator, folder: RunFolder
) -> Iterator[list[Cell]]:
    """Cells in groups that are trained at once: of equal steps and recipe, but for the rate.

    Those whose training was stopped go on with those that had come as far. A combination, which is
    not trained, is alone.
    """
    from factlab.training.together import adapters_per_step

    experiment = evaluator.experiment
    config = experiment.config
    if config.combine is not None or config.tuned:
        yield from ([cell] for cell in cells)
        return
    followed = bool(config.report_to) or config.early_stop is not None
    alone = followed or config.gradient_checkpointing

    def alike(cell: Cell) -> tuple[object, ...]:
        recipe = cell.recipe.model_copy(update={"learning_rate": 1.0})
        pairs = len(experiment.pairs_of(cell))
        anchored = bool(experiment.anchor_prompts(cell.facts, cell.anchored_on))
        stage = stage_of(cell, folder.cell(cell.id))
        return recipe, cell.placebo, pairs, experiment.steps(cell), anchored, stage

    for _, group in groupby(cells, key=alike):
        members = list(group)
        widest = max(members, key=lambda cell: cell.rank)  # the others are padded to its rank
        batch = evaluator.step_batch(widest)
        requested = 1 if alone else config.pack
        size = adapters_per_step(evaluator.loaded, widest, batch, requested)
        yield from (members[i : i + size] for i in range(0, len(members), size))


def run_trials(
    cells: Sequence[Cell], baseline: Baseline, folder: RunFolder
) -> dict[str, CellResult]:
    """Train cells side by side and measure each; a cell is finished when its `cell.json` is there.

    The base model comes back as it was, whatever happens.

    Args:
        cells: Of one group of `side_by_side`.
        baseline: What they are trained from and measured against.
        folder: The run folder.

    Returns:
        The result of each cell, by its id; a cell that diverged has one too.
    """
    if cells[0].tuned is not None:
        return {cell.id: _evaluated(cell, baseline, folder) for cell in cells}
    names = ["default"] if len(cells) == 1 else [f"cell{i}" for i in range(len(cells))]
    trials = [
        new_trial(cell, name, baseline, folder) for cell, name in zip(cells, names, strict=True)
    ]
    for trial in trials:
        begin_trial(trial)
    results: dict[str, CellResult] = {}

    def finish(result: CellResult) -> None:
        files = folder.cell(result.id)
        results[result.id] = result = sealed(files, result)
        write_json(files.result_file, result)
        drop_training(files)

    with _attached(baseline.evaluator, trials) as model:
        try:
            for result in _train_and_measure(trials, baseline, model):
                finish(result)
        except DivergedError as error:
            for trial in trials:
                finish(diverged(trial.cell, str(error)))
    return results


def _evaluated(cell: Cell, baseline: Baseline, folder: RunFolder) -> CellResult:
    """One that was tuned elsewhere: asked and measured, never trained."""
    files = folder.cell(cell.id)
    try:
        result = evaluate_elsewhere(cell, baseline, folder)
    except DivergedError as error:
        result = diverged(cell, str(error))
    result = sealed(files, result)
    write_json(files.result_file, result)
    drop_training(files)
    return result


@contextmanager
def _attached(
    evaluator: Evaluator, trials: Sequence[Trial]
) -> Iterator[PreTrainedModel | PeftModel]:
    """The base with fresh adapters on it, to be trained; or with one combined of others."""
    first, combine = trials[0], evaluator.experiment.config.combine
    if first.cell.combined is None or combine is None:
        from factlab.training.attach import attached

        cells, names = [trial.cell for trial in trials], [trial.name for trial in trials]
        with attached(evaluator.loaded, cells, names) as (model, initial):
            for trial in trials:
                trial.initial = initial
            yield model
        return
    made = first.cell.combined
    folders = [adapter_folder(combine.labelled[label]) for label in made.adapters]
    with combined_on(evaluator.loaded, folders, made, seed=first.cell.seed, name=first.name) as (
        adapted,
        measured,
    ):
        first.cell = first.cell.model_copy(update={"combined": measured})
        yield adapted


def _train_and_measure(
    trials: Sequence[Trial], baseline: Baseline, model: PreTrainedModel | PeftModel
) -> Iterator[CellResult]:
    from factlab.training.attach import activate

    if trials[0].cell.combined is not None:  # one that was combined is not trained
        yield from (measure_trial(trial, baseline, model) for trial in trials)
        return
    for trial, trained in zip(trials, _trained(trials, baseline, model), strict=True):
        if trained.failed:
            yield diverged(trial.cell, trained.failed)
            continue
        activate(model, trial.name)
        model.eval()
        yield measure_trial(trial, baseline, model, trained.record)


def _trained(
    trials: Sequence[Trial], baseline: Baseline, model: PreTrainedModel | PeftModel
) -> list[Trained]:
    """Train to the end, unless an earlier process did; kept before anything is measured."""
    from factlab.training.train import Trained

    # Those of a group have come equally far.
    if trials[0].kept is not None and trials[0].kept.record.finished is not None:
        return [Trained(take_trained(trial, model)) for trial in trials]
    made = train_trials(trials, baseline, model)
    for trial, trained in zip(trials, made, strict=True):
        if not trained.failed:
            save_trained(trial, model, trained)
    return made
