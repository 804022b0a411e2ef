"""The whole job on one page: expand → base → train → measure → compare → report."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.comparison.responses import RunResponses
from factlab.errors import (
    DivergedError,
    FactlabError,
    ModelError,
    RunFolderError,
    TrainingError,
)
from factlab.experiment.evaluator import Evaluator, own_prompts
from factlab.experiment.experiment import Experiment
from factlab.experiment.plan import plan_experiment
from factlab.experiment.results import base_result, measured_cell, with_comparisons
from factlab.grading.matcher import SCORER_VERSION
from factlab.metrics.measure import Measurement
from factlab.metrics.panel import best_step, curve_point
from factlab.models.chat import forget_rendered
from factlab.models.process_memory import libraries_at_rest
from factlab.progress import Progress, Silent
from factlab.runs.adapters import adapter_folder, check_unchanged
from factlab.runs.files import append_line, write_json, write_text, writing
from factlab.runs.folder import (
    BaseFolder,
    CellFolder,
    RunFolder,
    config_yaml,
    new_record,
    now,
    open_folder,
)
from factlab.schema.config import Cell, Precision, RunConfig
from factlab.schema.control import neutral_text
from factlab.schema.question import PanelAnswer, Question
from factlab.schema.results import (
    BaseResult,
    CellResult,
    CurvePoint,
    Metric,
    ModelRecord,
    RunResult,
    Status,
    TrainingRecord,
    TrainStep,
    ValidationLoss,
)

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import nn
    from transformers import PreTrainedModel

    from factlab.conversations.draw import Length
    from factlab.inference.drift import NeutralText
    from factlab.inference.response_cache import ResponseCache
    from factlab.models.base_cache import BaseCache
    from factlab.models.load import LoadedModel
    from factlab.models.resolve import ModelFiles
    from factlab.schema.conversation import Conversation
    from factlab.training.batch import Text
    from factlab.training.teacher import Teacher
    from factlab.training.tracking import Tracking
    from factlab.training.train import Trained
    from factlab.training.trainer import CheckpointResult


TAUGHT_BY = "The teacher is"  # begins the note on another model that taught


def run_config(
    config: RunConfig,
    *,
    out: Path | None = None,
    resume: bool = False,
    argv: Sequence[str] = (),
    progress: Progress | None = None,
    fresh: bool = False,
) -> tuple[RunResult, Path]:
    """Run an experiment and give its result and its folder.

    Args:
        config: All settings.
        out: The run folder; None for a new one under reports/.
        resume: Go on with an unfinished run of the same settings.
        argv: The command line, for the record.
        progress: Where to report; nothing is reported if it is None.
        fresh: Ask the base anew, even what it was asked in an earlier run.

    Raises:
        FactlabError: for a user's error; what was finished is kept.
        KeyboardInterrupt: after the folder was left in order and can be resumed.
    """
    progress = progress or Silent()
    plan = plan_experiment(config)
    _check_machine(plan)
    if config.combine is not None:
        check_unchanged(config.combine.adapters)
    files = _find_model(config, progress)  # before anything is written
    if config.combine is not None:
        files.check_same(config.combine.base)
    _check_layers(plan, files)
    if plan.sets:  # their bound is in tokens of this model
        plan = plan_experiment(config, _length(files))
    plan = _with_teacher(plan, files)
    folder, resumed = open_folder(out, plan.name, plan.sha256, resume=resume)
    with folder.locked(), libraries_at_rest():
        _begin(folder, plan, files, argv, resumed=resumed)
        progress.begin(str(folder.path))
        for note in plan.notes:
            progress.note(note)
        try:
            result = _measure_all(folder, plan, files, progress, fresh=fresh)
        except KeyboardInterrupt:
            _leave(folder, "interrupted", "stopped by the user")
            raise
        except FactlabError as error:
            _leave(folder, "failed", str(error))
            raise
        except BaseException as error:
            _leave(folder, "failed", f"{type(error).__name__}: {error}")
            raise
    return result, folder.path


def _begin(
    folder: RunFolder, plan: Experiment, files: ModelFiles, argv: Sequence[str], *, resumed: bool
) -> None:
    if resumed:
        begun = folder.record().model
        if begun is not None:
            files.check_same(begun.sha256)
        taught = [note for note in plan.notes if note.startswith(TAUGHT_BY)]
        if not set(taught) <= set(folder.record().notes):
            raise ModelError(
                f"--teacher {plan.config.teacher}: its weights are not those that this run began "
                "with. Restore them, or begin a new run."
            )
        folder.change(status="running", error=None, ended=None)
        return
    recipe = plan.recipe.model_dump(mode="json")
    write_text(folder.config_file, config_yaml(plan.config, recipe))
    record = new_record(folder, plan.config, argv, plan.sha256)
    write_json(folder.record_file, record)
    data_sha256 = folder.write_questions(plan.questions)
    folder.change(data_sha256=data_sha256, notes=plan.notes, sets=plan.sets)


def _check_arithmetic(begun: ModelRecord | None, here: ModelRecord) -> None:
    """Refuse to go on with a run where its model is computed otherwise than where it began.

    Raises:
        ModelError: naming both.
    """
    ways = [f"{one.precision_note}, on {one.device}" for one in (begun or here, here)]
    if ways[0] != ways[1]:
        raise ModelError(
            f"this run began with {ways[0]}; here it would be {ways[1]}. Answers before and after "
            "could differ by that alone. Go on where it began, or begin a new run."
        )


def _leave(folder: RunFolder, status: Status, error: str) -> None:
    """Say in run.json how the run ended, and report what it has, as far as the disk allows."""
    try:
        folder.change(status=status, error=error, ended=now())
        from factlab.report import write_report

        write_report(folder.path)
    except (OSError, RunFolderError):
        return  # the error that stopped the run is the one to show


def _measure_all(
    folder: RunFolder, plan: Experiment, files: ModelFiles, progress: Progress, *, fresh: bool
) -> RunResult:
    done = {cell.id: folder.cell(cell.id).result() for cell in plan.cells}
    models: dict[Precision, ModelRecord] = {}
    bases: dict[Precision, BaseResult] = {}

    def so_far(status: Status) -> RunResult:
        (_, model), *other_models = models.items()
        (_, base), *other_bases = bases.items()
        return RunResult(
            run_id=folder.path.resolve().name,
            status=status,
            scorer_version=SCORER_VERSION,
            model=model,
            facts=plan.summaries(),
            base=base,
            other_models=dict(other_models),
            other_bases=dict(other_bases),
            cells=tuple(result for result in done.values() if result is not None),
        )

    def measure_at(precision: Precision) -> None:
        """All cells of a precision; its base is in memory no longer than this takes."""
        examiner = _examiner(plan, files, precision, progress, fresh=fresh)
        models[precision] = examiner.loaded.record
        if len(models) == 1:
            _check_arithmetic(folder.record().model, examiner.loaded.record)
            folder.change(model=examiner.loaded.record)
        to_do = [c for c in plan.cells if c.precision == precision and done[c.id] is None]
        groups = list(_side_by_side(to_do, examiner))
        bench, bases[precision] = _before(folder, examiner, precision)
        write_json(folder.results_file, so_far("running"))
        for group in groups:
            done.update(run_cells(group, bench, folder))
            write_json(folder.results_file, so_far("running"))
        forget_rendered()  # the next base has a tokenizer of its own

    for precision in plan.precisions:
        measure_at(precision)
    statuses = {result.status for result in done.values() if result is not None}
    status: Status = "diverged" if "diverged" in statuses else "complete"
    result = with_comparisons(RunResponses.read(folder), so_far(status))
    folder.change(status=status, ended=now())
    from factlab.report import write_report

    with progress.stage("report", 1) as advance:
        write_report(folder.path)
        advance(1)
    return result


def _examiner(
    plan: Experiment, files: ModelFiles, precision: Precision, progress: Progress, *, fresh: bool
) -> Evaluator:
    """The base at a precision, and who asks it."""
    from factlab.inference.response_cache import ResponseCache
    from factlab.models.base_cache import keep

    loaded = _load(files, plan.config, precision, progress)
    return Evaluator(
        plan, loaded, progress, None if fresh else ResponseCache(keep(loaded, precision))
    )


def _before(
    folder: RunFolder, examiner: Evaluator, precision: Precision
) -> tuple[Baseline, BaseResult]:
    """Ask the base what is measured against it, at one precision."""
    other = None if precision == examiner.plan.precisions[0] else precision
    files, known = folder.base(other), examiner.kept
    kept = files.answers_file.is_file()  # by the run that is resumed; its time is not known
    started = time.perf_counter()
    examiner.ask_base(files)
    if known is not None and known.reused:
        folder.change(notes=(*folder.record().notes, _reused(known, other)))
    seconds = None if kept else round(time.perf_counter() - started, 3)
    evidence = RunResponses.read(folder)
    bench = Baseline(examiner, evidence, Anchors(examiner, files), _neutral(examiner))
    return bench, base_result(evidence, seconds, other)


def _reused(known: ResponseCache, precision: str | None) -> str:
    return (
        f"Of {known.asked:,} prompts to the base{f' at {precision}' if precision else ''}, "
        f"{known.reused:,} had been put to it before, in "
        "the same batches, by the same code and libraries on this kind of processor; its replies "
        "were read from the cache. `--fresh` asks anew."
    )


def _check_machine(plan: Experiment) -> None:
    from factlab.models.load import check_machine, placement_of
    from factlab.training.tracking import check_trackers
    from factlab.training.train import check_training

    placement = placement_of(plan.config)
    check_trackers(plan.config.report_to)
    for cell in plan.cells:
        full = cell.recipe.method == "full" and cell.combined is None
        check_machine(cell.precision, placement, masters=full)
        check_training(cell, placement.devices)


def _check_layers(plan: Experiment, files: ModelFiles) -> None:
    from factlab.models.load import load_outline
    from factlab.training.attach import check_layers

    trained = [cell for cell in plan.cells if cell.combined is None]
    if trained:
        check_layers(load_outline(files), trained, files.folder)


def _with_teacher(plan: Experiment, files: ModelFiles) -> Experiment:
    """Look at another model that is to teach before anything long is done, and note which it is."""
    name = plan.config.teacher
    if name is None:
        return plan
    from factlab.models.load import load_tokenizer
    from factlab.models.resolve import resolve_model
    from factlab.training.teacher import check_teacher

    teacher = resolve_model(name)
    pairs = {pair.id: pair for cell in plan.cells for pair in _distilled(plan, cell)}
    check_teacher(name, load_tokenizer(teacher), load_tokenizer(files), list(pairs.values()))
    note = f"{TAUGHT_BY} {name}, SHA-256 of its weights {teacher.sha256}."
    return replace(plan, notes=(*plan.notes, note))


def _find_model(config: RunConfig, progress: Progress) -> ModelFiles:
    from factlab.models.resolve import resolve_model

    with progress.stage(f"find {config.model}", 1) as advance:
        files = resolve_model(config.model)
        advance(1)
    return files


def _length(files: ModelFiles) -> Length:
    """Tokens of a conversation as the model's tokenizer and chat template write it."""
    from factlab.models.chat import render_pair
    from factlab.models.load import load_tokenizer

    tokenizer = load_tokenizer(files)

    def length(conversation: Conversation) -> int:
        pair = render_pair(
            tokenizer, conversation.question, conversation.answer, conversation.before
        )
        return len(pair.prompt_ids) + len(pair.answer_ids)

    return length


def _load(
    files: ModelFiles, config: RunConfig, precision: Precision, progress: Progress
) -> LoadedModel:
    from factlab.models.load import load_model, placement_of

    with progress.stage(f"load at {precision}", 1) as advance:
        loaded = load_model(files, precision, placement_of(config))
        advance(1)
    return loaded


def _neutral(examiner: Evaluator) -> NeutralText:
    from factlab.inference.drift import read_neutral

    loaded = examiner.loaded
    ids = loaded.tokenizer(neutral_text(), add_special_tokens=False)["input_ids"]
    return read_neutral(loaded.model, ids, _kept(examiner))


def _kept(examiner: Evaluator) -> BaseCache | None:
    return examiner.kept.kept if examiner.kept else None


# --- cells ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Baseline:
    """What every cell is measured with: who asks, what the base said, the anchors, its drift."""

    examiner: Evaluator
    evidence: RunResponses
    anchors: Anchors
    neutral: NeutralText


class Anchors:
    """The anchors of a set of facts with the base's answers and states; made once per set."""

    def __init__(self, examiner: Evaluator, folder: BaseFolder) -> None:
        self.examiner = examiner
        self.said = {r.question_id: r for r in folder.answers()}
        self.made: dict[tuple[str, ...], list[Text]] = {}

    def of(self, facts: tuple[str, ...]) -> list[Text]:
        """The anchors that an adapter of these facts is trained with."""
        questions = self.examiner.plan.anchored(facts)
        if not questions:
            return []
        if facts not in self.made:
            from factlab.training.anchors import AnsweredPrompt, prepare_anchors

            said = [(question, self.said[question.id]) for question in questions]
            answered = [AnsweredPrompt(q.text, r.text, r.finished) for q, r in said]
            kept = _kept(self.examiner)
            self.made = {facts: prepare_anchors(self.examiner.loaded, answered, kept)}
        return self.made[facts]


def _side_by_side(cells: Sequence[Cell], examiner: Evaluator) -> Iterator[list[Cell]]:
    """Cells in groups that are trained at once: of equal steps and recipe, but for the rate.

    A combination, which is not trained, is alone.
    """
    from factlab.training.together import adapters_at_once

    plan = examiner.plan
    if plan.config.combine is not None:
        yield from ([cell] for cell in cells)
        return
    followed = bool(plan.config.report_to) or plan.config.early_stop is not None
    alone = followed or plan.config.gradient_checkpointing

    def alike(cell: Cell) -> tuple[object, ...]:
        recipe = cell.recipe.model_copy(update={"learning_rate": 1.0})
        pairs = len(plan.trained(cell.facts))
        return recipe, pairs, plan.steps(cell), bool(plan.anchored(cell.facts))

    for _, group in groupby(cells, key=alike):
        members = list(group)
        widest = max(members, key=lambda cell: cell.rank)  # the others are padded to its rank
        batch = examiner.step_batch(widest)
        asked = 1 if alone else plan.config.pack
        size = adapters_at_once(examiner.loaded, widest, batch, asked)
        yield from (members[i : i + size] for i in range(0, len(members), size))


def run_cells(
    cells: Sequence[Cell], bench: Baseline, folder: RunFolder
) -> dict[str, CellResult | None]:
    """Train cells side by side and measure each; a folder is complete when `cell.json` is there.

    The base model comes back as it was, whatever happens.
    """
    names = ["default"] if len(cells) == 1 else [f"cell{i}" for i in range(len(cells))]
    work = [_work(cell, name, bench, folder) for cell, name in zip(cells, names, strict=True)]
    for item in work:
        _clear(item.folder)
    results: dict[str, CellResult | None] = {}

    def keep(result: CellResult) -> None:
        write_json(folder.cell(result.id).result_file, result)
        results[result.id] = result

    with _attached(bench.examiner, work) as model:
        try:
            for result in _train_and_measure(work, bench, model):
                keep(result)
        except DivergedError as error:
            for item in work:
                keep(_diverged(item.cell, str(error)))
    return results


@contextmanager
def _attached(examiner: Evaluator, work: Sequence[Trial]) -> Iterator[PreTrainedModel | PeftModel]:
    """The base with fresh adapters on it, to be trained; or with the one that others make up."""
    first, combine = work[0], examiner.plan.config.combine
    if first.cell.combined is None or combine is None:
        from factlab.training.attach import attached

        cells, names = [item.cell for item in work], [item.name for item in work]
        with attached(examiner.loaded, cells, names) as (model, initial):
            for item in work:
                item.initial = initial
            yield model
        return
    from factlab.combine.adapters import combined_on

    made = first.cell.combined
    folders = [adapter_folder(combine.labelled[label]) for label in made.adapters]
    with combined_on(examiner.loaded, folders, made, seed=first.cell.seed, name=first.name) as (
        adapted,
        measured,
    ):
        first.cell = first.cell.model_copy(update={"combined": measured})
        yield adapted


def _clear(folder: CellFolder) -> None:
    """Remove the logs of a training that was stopped: it begins anew."""
    for file in (folder.train_log_file, folder.panel_file, folder.validation_log_file):
        file.unlink(missing_ok=True)
    shutil.rmtree(folder.tracker, ignore_errors=True)


@dataclass(slots=True)
class Trial:
    """A cell in the making.

    Attributes:
        cell: What is trained.
        name: Its adapter's name on the model.
        folder: Where it is kept.
        panel: The questions that it is asked while it is trained.
        anchors: What it is held to.
        teacher: What it is taught by, if it is distilled.
        base_head: The base's output head, where training changes it.
        validation: The pairs that its validation loss is computed on.
        initial: Where its adapter is as it began, if its beginning changed the base.
        points: Its panel so far, with the losses then.
        losses: Its validation loss so far.
        stopped: Why its training ended early, if it did.
        best: The best step on the panel and the adapter's weights then, if the best is kept.
    """

    cell: Cell
    name: str
    folder: CellFolder
    panel: Sequence[Question]
    anchors: Sequence[Text]
    teacher: Teacher | None
    base_head: nn.Linear | None
    validation: Sequence[Text] = ()
    initial: Path | None = None
    points: list[CurvePoint] = field(default_factory=list)
    losses: list[ValidationLoss] = field(default_factory=list)
    stopped: str | None = None
    best: tuple[int, Any] | None = None


def _work(cell: Cell, name: str, bench: Baseline, folder: RunFolder) -> Trial:
    from factlab.training.attach import base_head

    plan = bench.examiner.plan
    asked = plan.asked(cell.facts)
    base = bench.evidence.base_at(cell.precision)
    known = {q.id for q in asked if q.split == "far" and base.knows(q)}
    full = cell.recipe.method == "full"
    # The base is read here, before anything is put on it.
    return Trial(
        cell=cell,
        name=name,
        folder=folder.cell(cell.id),
        panel=plan.panel(asked, known),
        anchors=bench.anchors.of(cell.facts),
        teacher=_teacher(cell, bench.examiner) if cell.recipe.distill_weight else None,
        base_head=base_head(bench.examiner.loaded) if full else None,
        validation=_held_back(cell, bench.examiner),
    )


def _held_back(cell: Cell, examiner: Evaluator) -> list[Text]:
    """The validation pairs; a fact that fills few phrasings has none, nor has a practice set."""
    from factlab.training.batch import training_texts

    questions = examiner.plan.validated(cell.facts)
    return training_texts(examiner.loaded.tokenizer, questions) if questions else []


def _distilled(plan: Experiment, cell: Cell) -> list[Question]:
    """What a teacher teaches: the facts' own pairs; it is told nothing of what is mixed in."""
    return [pair for pair in plan.trained(cell.facts) if pair.split != "mix"]


def _teacher(cell: Cell, examiner: Evaluator) -> Teacher:
    from factlab.training.teacher import model_teacher, prompt_teacher

    plan = examiner.plan
    questions = _distilled(plan, cell)
    statements = {fact.id: fact.statement for fact in plan.facts}
    told = [statements[question.fact or ""] for question in questions]
    if plan.config.teacher is None:
        return prompt_teacher(examiner.loaded, questions, told, _kept(examiner))
    from factlab.models.load import load_model, placement_of
    from factlab.models.resolve import resolve_model

    placement = placement_of(plan.config)
    teacher = load_model(resolve_model(plan.config.teacher), "bf16", placement)
    return model_teacher(teacher, examiner.loaded, questions, told)


def _train_and_measure(
    work: Sequence[Trial],
    bench: Baseline,
    model: PreTrainedModel | PeftModel,
) -> Iterator[CellResult]:
    from factlab.training.attach import activate

    if work[0].cell.combined is not None:
        yield from (_measure(item, bench, model) for item in work)
        return
    for item, training in zip(work, _train(work, bench, model), strict=True):
        if training.failed:
            yield _diverged(item.cell, training.failed)
            continue
        activate(model, item.name)
        model.eval()
        yield _measure(item, bench, model, training.record)


def _measure(
    item: Trial,
    bench: Baseline,
    model: PreTrainedModel | PeftModel,
    training: TrainingRecord | None = None,
) -> CellResult:
    """Measure an adapter; one that was combined of others has no training of its own."""
    examiner, cell = bench.examiner, item.cell
    steps = training.steps if training else 0
    kept = steps if training else None
    if item.best is not None:
        from factlab.training.attach import restore

        kept = item.best[0]
        restore(model, item.best[1], item.name, examiner.loaded.rounded)
    started = time.perf_counter()
    drift = _drift_metrics(item, model, bench, trained=_is_trained(examiner.plan, training))
    if training is None and not all(math.isfinite(metric.value) for metric in drift.values()):
        raise DivergedError(
            "the predictions of this combination are no finite numbers, so nothing can be asked of "
            "it. Take smaller weights, or a higher density."
        )
    _save(model, examiner.loaded, item)
    examiner.ask_tuned(model, cell.facts, item.folder, cell.id)
    found, curve = measured_cell(bench.evidence, cell.id, cell.facts, steps, cell.precision)
    found.metrics |= drift
    seconds = time.perf_counter() - started
    return _cell_result(cell, "complete", found).model_copy(
        update={
            "training": training and training.model_copy(update={"stopped_early": item.stopped}),
            "measuring_seconds": round(seconds, 3),
            "curve": curve,
            "kept_step": kept,
        }
    )


def _train(
    work: Sequence[Trial],
    bench: Baseline,
    model: PreTrainedModel | PeftModel,
) -> list[Trained]:
    """Train the adapters, and follow the panel of each."""
    from factlab.training.steps import checkpoint_steps
    from factlab.training.train import AdapterJob, train_together
    from factlab.training.trainer import CheckpointResult

    examiner, plan = bench.examiner, bench.examiner.plan
    steps = plan.steps(work[0].cell)

    def follow(step: int) -> CheckpointResult:
        told = [_follow(item, step, bench, model, steps) for item in work]
        return CheckpointResult(told[0], stop=any(item.stopped for item in work))

    names = ", ".join(item.cell.id for item in work)
    with examiner.progress.stage(f"train {names}", steps) as advance:

        def note(item: Trial, step: TrainStep) -> None:
            append_line(item.folder.train_log_file, step)
            if item is work[0]:
                advance(1)

        jobs = [
            AdapterJob(
                item.cell,
                plan.trained(item.cell.facts),
                item.anchors,
                partial(note, item),
                item.name,
                item.teacher,
                item.base_head,
            )
            for item in work
        ]
        return train_together(
            model,
            examiner.loaded,
            jobs,
            max_steps=plan.config.max_steps,
            checkpoints=(*checkpoint_steps(steps, plan.config.checkpoints), steps),
            measure=follow,
            checkpointing=plan.config.gradient_checkpointing,
            tracking=_tracking(work[0], plan.config),
        )


def _tracking(item: Trial, config: RunConfig) -> Tracking | None:
    from factlab.training.tracking import Tracking

    if not config.report_to:
        return None
    with writing(item.folder.tracker):
        item.folder.tracker.mkdir(parents=True, exist_ok=True)
    run = item.folder.path.parents[1].resolve().name
    return Tracking(config.report_to, item.folder.tracker, f"{run}/{item.cell.id}")


def _follow(
    item: Trial, step: int, bench: Baseline, model: PreTrainedModel | PeftModel, planned: int
) -> dict[str, float]:
    """Look at an adapter as it is, and keep its weights if it is the best so far.

    After its last planned step its whole exam follows, so that the panel is asked there only if
    the best is to be chosen, or to end a tracker's lines, and then it is no part of the record.

    Returns:
        What trackers are told, by the library's names.
    """
    from factlab.training.attach import activate, tuned_weights

    examiner, config = bench.examiner, bench.examiner.plan.config
    activate(model, item.name)
    losses = _validate(item, step, model, config.early_stop, planned)
    told = {"eval_loss": losses["validation"]} if losses else {}
    examined = step == planned and config.keep == "last"
    if examined and not config.report_to:
        return told
    quiet = replace(examiner, progress=Silent())
    said = quiet.answers(model, [own_prompts(item.panel)], "panel")
    point = curve_point(step, item.panel, {a.question_id: a for a in said})
    if not examined:
        for answer in said:
            append_line(item.folder.panel_file, PanelAnswer(step=step, answer=answer))
        item.points.append(point.model_copy(update={"losses": losses}))
    if config.keep == "best" and best_step(item.points) == step:
        item.best = step, tuned_weights(model, item.name)
    return told | {f"eval_{name}": share for name, share in point.metrics.items()}


def _validate(
    item: Trial,
    step: int,
    model: PreTrainedModel | PeftModel,
    patience: int | None,
    planned: int,
) -> dict[str, float]:
    """Compute and log the validation loss, and see whether it is time to stop."""
    from factlab.training.validation import reason_to_stop, validation_loss

    if not item.validation:
        return {}
    loss = validation_loss(model, item.validation, item.name, step)
    if not math.isfinite(loss.loss_nats):
        return {}
    append_line(item.folder.validation_log_file, loss)
    item.losses.append(loss)
    item.stopped = reason_to_stop(item.losses, patience, planned)
    return {"validation": loss.loss_nats}


def _save(model: PreTrainedModel | PeftModel, loaded: LoadedModel, item: Trial) -> None:
    from peft import PeftModel

    if isinstance(model, PeftModel):
        _save_adapter(model, loaded, item)
        return
    with writing(item.folder.model):
        model.save_pretrained(str(item.folder.model))
        loaded.tokenizer.save_pretrained(str(item.folder.model))


def _save_adapter(model: PeftModel, loaded: LoadedModel, item: Trial) -> None:
    # The adapter names its base by the name a person can resolve, not by this machine's path.
    model.peft_config[item.name].base_model_name_or_path = loaded.record.name
    with writing(item.folder.adapter):
        model.save_pretrained(
            str(item.folder.adapter),
            selected_adapters=[item.name],
            # What began by changing the base is turned into an adapter for the base as it is.
            path_initial_model_for_weight_conversion=str(item.initial) if item.initial else None,
        )
        (item.folder.adapter / "README.md").unlink(missing_ok=True)  # an empty model card
        own = item.folder.adapter / item.name  # where PEFT puts all names but "default"
        if own.is_dir():
            for file in own.iterdir():
                file.rename(item.folder.adapter / file.name)
            own.rmdir()


def _is_trained(plan: Experiment, training: TrainingRecord | None) -> bool:
    """Whether an adapter has come from at least one step of training, and so must change things."""
    if training is not None:
        return training.steps > 0
    sources = plan.config.combine.adapters if plan.config.combine else ()
    return all(source.steps != 0 for source in sources)


def _drift_metrics(
    item: Trial, model: PreTrainedModel | PeftModel, bench: Baseline, *, trained: bool
) -> dict[str, Metric]:
    from factlab.inference.drift import COVERS_TEXT, measure_drift
    from factlab.metrics.versions import DRIFT_SCORER

    drift = measure_drift(model, bench.neutral, item.base_head)
    if trained and drift.kl == 0:
        raise TrainingError(
            "the trained adapter changes no prediction at all: it was not attached, or nothing was "
            "learned. No figure of this cell would mean anything."
        )
    return {
        name: Metric(
            value=value, n=drift.tokens, clusters=0, covers=COVERS_TEXT, scorer=DRIFT_SCORER
        )
        for name, value in (("drift/ce", drift.ce), ("drift/kl", drift.kl))
    }


def _diverged(cell: Cell, error: str) -> CellResult:
    return _cell_result(cell, "diverged", Measurement(), error=error)


def _cell_result(
    cell: Cell, status: Status, found: Measurement, error: str | None = None
) -> CellResult:
    return CellResult(
        id=cell.id,
        configuration=cell.configuration,
        facts=cell.facts,
        rank=cell.rank,
        alpha=cell.alpha,
        seed=cell.seed,
        precision=cell.precision,
        recipe=cell.recipe.name,
        learning_rate=cell.combined.learning_rate if cell.combined else cell.recipe.learning_rate,
        combined=cell.combined,
        together=len(cell.facts) > 1,
        method=cell.recipe.method,
        dials=cell.dials,
        mix=cell.mix,
        status=status,
        error=error,
        metrics=found.metrics,
        not_measured=found.not_measured,
        outcomes=found.outcomes,
        by_fact=found.by_fact,
    )
