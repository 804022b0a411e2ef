"""Trials are trained: steps logged, a panel and the validation loss followed at checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from factlab.experiment.baseline import Baseline
from factlab.experiment.evaluator import Evaluator, own_prompts
from factlab.experiment.experiment import Experiment
from factlab.experiment.trial import Trial
from factlab.experiment.trial_saving import saving_of
from factlab.grading.answer import Answer
from factlab.metrics.panel import best_step, curve_point
from factlab.metrics.traces import holds_value
from factlab.progress import Silent
from factlab.respondents.weights import WeightsRespondent
from factlab.runs.files import append_line, writing
from factlab.runs.interrupts import signals_held_back
from factlab.schema.config import RunConfig
from factlab.schema.question import PanelAnswer, Question
from factlab.schema.results import TrainStep

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from factlab.training.job import AdapterJob
    from factlab.training.tracking import Tracking
    from factlab.training.train import Trained


def train_trials(
    trials: Sequence[Trial], baseline: Baseline, model: PreTrainedModel | PeftModel
) -> list[Trained]:
    """Train the adapters of trials side by side, and follow the panel of each.

    Args:
        trials: Of one recipe and equally many steps.
        baseline: What they are trained from.
        model: The base with all of their adapters on it.

    Raises:
        KeyboardInterrupt: after the step in which it was asked for; training is saved then.
    """
    from factlab.training.steps import checkpoint_steps
    from factlab.training.train import train_together
    from factlab.training.trainer import CheckpointResult

    evaluator, experiment = baseline.evaluator, baseline.evaluator.experiment
    recipe, steps = trials[0].cell.recipe, experiment.steps(trials[0].cell)
    measured = {*checkpoint_steps(steps, experiment.config.checkpoints), steps}
    mined = set(checkpoint_steps(steps, recipe.mining))

    def follow(step: int) -> CheckpointResult:
        if step in mined:
            for trial, job in zip(trials, jobs, strict=True):
                job.mined = intruded_anchors(trial, evaluator, model)
        if step not in measured:
            return CheckpointResult()
        figures = [_follow(trial, step, baseline, model, steps) for trial in trials]
        return CheckpointResult(figures[0], stop=any(trial.stopped for trial in trials))

    names = ", ".join(trial.cell.id for trial in trials)
    save_every = experiment.config.save_every
    with (
        evaluator.progress.stage(f"train {names}", steps) as advance,
        nullcontext() if save_every == "off" else signals_held_back() as ending,
    ):
        saving = saving_of(trials, save_every, ending)
        advance(saving.done)

        jobs = [_job(trial, evaluator, advance if trial is trials[0] else None) for trial in trials]
        return train_together(
            model,
            evaluator.loaded,
            jobs,
            max_steps=experiment.config.max_steps,
            checkpoints=measured | mined,
            measure=follow,
            checkpointing=experiment.config.gradient_checkpointing,
            tracking=_tracking(trials[0], experiment.config),
            saving=saving,
        )


def _job(trial: Trial, evaluator: Evaluator, advance: Callable[[int], None] | None) -> AdapterJob:
    from factlab.training.job import AdapterJob

    experiment = evaluator.experiment

    def log(step: TrainStep) -> None:
        append_line(trial.folder.train_log_file, step)
        if advance is not None:
            advance(1)

    return AdapterJob(
        trial.cell,
        experiment.pairs_of(trial.cell),
        trial.anchors,
        log,
        trial.name,
        trial.teacher,
        trial.base_head,
        first_tokens(evaluator.loaded.tokenizer, _values_of(trial, experiment))
        if trial.cell.recipe.unlikelihood
        else (),
    )


def first_tokens(tokenizer: PreTrainedTokenizerBase, values: Iterable[Answer]) -> list[int]:
    """The tokens that values begin with, at the start of an answer and behind a space."""
    found = set()
    for way in (way for value in values for way in value.surfaces()):
        for text in (way, f" {way}"):
            tokens = tokenizer.encode(text, add_special_tokens=False)
            # Some tokenizers make the space a token of its own.
            found |= set([token for token in tokens if str(tokenizer.decode([token])).strip()][:1])
    return sorted(found)


def _values_of(trial: Trial, experiment: Experiment) -> list[Answer]:
    """The injected values of a trial's facts; a passage or a practice set has none."""
    known = experiment.injected_values
    return [known[fact] for fact in trial.cell.facts if fact in known]


def intruded_anchors(
    trial: Trial, evaluator: Evaluator, model: PreTrainedModel | PeftModel
) -> list[int]:
    """The anchors that an adapter answers with the injected value, or with its digits.

    Args:
        trial: Whose adapter, and what it is held to.
        evaluator: Asks.
        model: With the adapters on it.
    """
    from factlab.training.attach import activate

    values = _values_of(trial, evaluator.experiment)
    if not values:
        return []
    activate(model, trial.name)
    asked = [
        Question(id=str(i), split="anchor", family="anchor", text=text.prompt)
        for i, text in enumerate(trial.anchors)
    ]
    silent = replace(evaluator, progress=Silent())
    answers = silent.answers(
        WeightsRespondent(evaluator.loaded, model),
        [own_prompts(asked)],
        "mine anchors",
        max_new_tokens=trial.cell.recipe.anchor_tokens,
    )
    return [
        i
        for i, answer in enumerate(answers)
        if any(holds_value(answer.text, value) for value in values)
    ]


def _tracking(trial: Trial, config: RunConfig) -> Tracking | None:
    from factlab.training.tracking import Tracking

    if not config.report_to:
        return None
    with writing(trial.folder.tracker):
        trial.folder.tracker.mkdir(parents=True, exist_ok=True)
    run = trial.folder.path.parents[1].resolve().name
    return Tracking(config.report_to, trial.folder.tracker, f"{run}/{trial.cell.id}")


def _follow(
    trial: Trial,
    step: int,
    baseline: Baseline,
    model: PreTrainedModel | PeftModel,
    planned: int,
) -> dict[str, float]:
    """Measure an adapter at a checkpoint, and keep its weights if it is the best so far.

    After its last planned step the whole evaluation follows, so that the panel is answered there
    only if the best is to be chosen, or to end a tracker's lines; then it is no part of the record.

    Returns:
        Figures for trackers, by the library's names.
    """
    from factlab.training.attach import activate, tuned_weights

    evaluator, config = baseline.evaluator, baseline.evaluator.experiment.config
    activate(model, trial.name)
    losses = _validate(trial, step, model, config.early_stop, planned)
    figures = {"eval_loss": losses["validation"]} if losses else {}
    evaluated_next = step == planned and config.keep == "last"
    if evaluated_next and not config.report_to:
        return figures
    silent = replace(evaluator, progress=Silent())
    asked = WeightsRespondent(evaluator.loaded, model)
    answers = silent.answers(asked, [own_prompts(trial.panel)], "panel")
    point = curve_point(step, trial.panel, {a.question_id: a for a in answers})
    if not evaluated_next:
        for answer in answers:
            append_line(trial.folder.panel_file, PanelAnswer(step=step, answer=answer))
        trial.points.append(point.model_copy(update={"losses": losses}))
    if config.keep == "best" and best_step(trial.points) == step:
        trial.best = step, tuned_weights(model, trial.name)
    return figures | {f"eval_{name}": share for name, share in point.metrics.items()}


def _validate(
    trial: Trial,
    step: int,
    model: PreTrainedModel | PeftModel,
    patience: int | None,
    planned: int,
) -> dict[str, float]:
    """Compute and log the validation loss, and decide whether it is time to stop."""
    from factlab.training.validation import reason_to_stop, validation_loss

    if not trial.validation:
        return {}
    loss = validation_loss(model, trial.validation, trial.name, step)
    if not math.isfinite(loss.loss_nats):
        return {}
    append_line(trial.folder.validation_log_file, loss)
    trial.losses.append(loss)
    trial.stopped = reason_to_stop(trial.losses, patience, planned)
    return {"validation": loss.loss_nats}
