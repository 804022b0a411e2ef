"""A trained or combined adapter is evaluated, saved, and its result written down."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

from factlab.errors import DivergedError, TrainingError
from factlab.experiment.baseline import Baseline
from factlab.experiment.benchmarks import measure_benchmarks
from factlab.experiment.experiment import Experiment
from factlab.experiment.results import measured_cell
from factlab.experiment.trial import Trial
from factlab.metrics.measure import Measurement
from factlab.respondents.weights import WeightsRespondent
from factlab.runs.files import write_lines, write_text, writing
from factlab.schema.combine import ADAPTER_CONFIG
from factlab.schema.config import Cell
from factlab.schema.results import CellResult, Status, TrainingRecord

_SETS = ("target_modules", "exclude_modules", "modules_to_save")  # of an adapter's settings

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from factlab.inference.drift import Drift
    from factlab.inference.response_cache import ResponseCache
    from factlab.models.load import LoadedModel


def measure_trial(
    trial: Trial,
    baseline: Baseline,
    model: PreTrainedModel | PeftModel,
    training: TrainingRecord | None = None,
) -> CellResult:
    """Measure an adapter and save it.

    Args:
        trial: The adapter, which is active on the model.
        baseline: What it is measured against.
        model: The base with it on.
        training: How it was trained; None for one that was combined of others.

    Raises:
        DivergedError: if a combination predicts no finite numbers.
        TrainingError: if a trained adapter changes no prediction.
    """
    evaluator, cell = baseline.evaluator, trial.cell
    steps = training.steps if training else 0
    kept_step = steps if training else None
    if trial.best is not None:
        from factlab.training.attach import restore

        kept_step = trial.best[0]
        restore(model, trial.best[1], trial.name, evaluator.loaded.rounded)
    started = time.perf_counter()
    trained = _is_trained(evaluator.experiment, training)
    drift = _drift(trial, model, baseline, trained=trained)
    if training is None and not (math.isfinite(drift.ce) and math.isfinite(drift.kl)):
        raise DivergedError(
            "the predictions of this combination are no finite numbers, so it cannot be evaluated. "
            "Use smaller weights, or a higher density."
        )
    _save(model, evaluator.loaded, trial)
    write_lines(trial.folder.drift_file, drift.windows)
    tuned = WeightsRespondent(evaluator.loaded, model, _kept_answers(trial, evaluator.loaded))
    evaluator.evaluate_tuned(tuned, cell.facts, trial.folder, cell.id)
    config = evaluator.experiment.config
    measure_benchmarks(tuned, config, trial.folder, evaluator.progress, cell.id)
    measured, curve = measured_cell(baseline.responses, cell.id, cell.facts, steps, cell.precision)
    seconds = time.perf_counter() - started
    return cell_result(cell, "complete", measured).model_copy(
        update={
            "training": training and training.model_copy(update={"stopped_early": trial.stopped}),
            "measuring_seconds": round(seconds, 3),
            "curve": curve,
            "kept_step": kept_step,
        }
    )


def _kept_answers(trial: Trial, loaded: LoadedModel) -> ResponseCache | None:
    """What this very adapter answered before its run was stopped; None for one of a combination."""
    from factlab.inference.response_cache import ResponseCache
    from factlab.models.base_cache import base_cache

    if trial.kept is None:
        return None
    base = base_cache(loaded, trial.cell.precision)
    return ResponseCache(base.of_adapter(trial.kept.record.sha256, trial.folder.measuring))


def diverged(cell: Cell, error: str) -> CellResult:
    """The result of a cell whose training or combination ended in no finite numbers."""
    return cell_result(cell, "diverged", Measurement(), error=error)


def _is_trained(experiment: Experiment, training: TrainingRecord | None) -> bool:
    """Whether an adapter has come from at least one step of training, and so must change things."""
    if training is not None:
        return training.steps > 0
    sources = experiment.config.combine.adapters if experiment.config.combine else ()
    return all(source.steps != 0 for source in sources)


def _drift(
    trial: Trial, model: PreTrainedModel | PeftModel, baseline: Baseline, *, trained: bool
) -> Drift:
    from factlab.inference.drift import measure_drift

    assert baseline.neutral is not None  # what is trained has its base in memory
    drift = measure_drift(model, baseline.neutral, trial.base_head)
    if trained and drift.kl == 0:
        raise TrainingError(
            "the trained adapter changes no prediction at all: it was not attached, or nothing was "
            "learned. No figure of this cell would mean anything."
        )
    return drift


def _save(model: PreTrainedModel | PeftModel, loaded: LoadedModel, trial: Trial) -> None:
    from peft import PeftModel

    from factlab.models.quiet import no_progress_bars
    from factlab.models.thinking import save_tokenizer

    if isinstance(model, PeftModel):
        _save_adapter(model, loaded, trial)
        return
    with writing(trial.folder.model), no_progress_bars():
        model.save_pretrained(str(trial.folder.model))
        save_tokenizer(loaded.tokenizer, trial.folder.model)


def _save_adapter(model: PeftModel, loaded: LoadedModel, trial: Trial) -> None:
    # The adapter names its base by the name a person can resolve, not by this machine's path.
    model.peft_config[trial.name].base_model_name_or_path = loaded.record.name
    with writing(trial.folder.adapter):
        model.save_pretrained(
            str(trial.folder.adapter),
            selected_adapters=[trial.name],
            # What began by changing the base is turned into an adapter for the base as it is.
            path_initial_model_for_weight_conversion=str(trial.initial) if trial.initial else None,
        )
        (trial.folder.adapter / "README.md").unlink(missing_ok=True)  # an empty model card
        own = trial.folder.adapter / trial.name  # where PEFT puts all names but "default"
        if own.is_dir():
            for file in own.iterdir():
                file.rename(trial.folder.adapter / file.name)
            own.rmdir()
        put_in_order(trial.folder.adapter / ADAPTER_CONFIG)


def put_in_order(file: Path) -> None:
    """Sort what PEFT keeps as a set and lists in the order of this process's hashes."""
    config = json.loads(file.read_text(encoding="utf-8"))
    lists = {k: sorted(v) for k, v in config.items() if k in _SETS and isinstance(v, list)}
    write_text(file, json.dumps(config | lists, indent=2, sort_keys=True) + "\n")


def cell_result(
    cell: Cell, status: Status, measured: Measurement, error: str | None = None
) -> CellResult:
    """The record of a cell with what was measured on it."""
    return CellResult(
        id=cell.id,
        configuration=cell.configuration,
        facts=cell.facts,
        rank=cell.rank,
        alpha=cell.alpha,
        seed=cell.seed,
        precision=cell.precision,
        recipe=cell.recipe.name,
        learning_rate=_learning_rate(cell),
        combined=cell.combined,
        tuned=cell.tuned,
        placebo=cell.placebo,
        together=len(cell.facts) > 1,
        method=cell.tuned.method if cell.tuned else cell.recipe.method,
        overrides=cell.overrides,
        mix=cell.mix,
        status=status,
        error=error,
        metrics=measured.metrics,
        not_measured=measured.not_measured,
        outcomes=measured.outcomes,
        by_fact=measured.by_fact,
    )


def _learning_rate(cell: Cell) -> float | None:
    """That a cell was trained with, as far as it is known."""
    if cell.combined is not None:
        return cell.combined.learning_rate
    return None if cell.tuned is not None else cell.recipe.learning_rate
