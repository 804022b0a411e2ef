"""The whole job on one page: expand → base → train → measure → compare → report."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.comparison.evidence import RunEvidence
from factlab.errors import DivergedError, FactlabError, RunFolderError, TrainingError
from factlab.measuring import Examiner, own_prompts
from factlab.plan import RunPlan, plan_run
from factlab.progress import Progress, Silent
from factlab.recorded import base_result, measured_cell, with_comparisons
from factlab.runs.files import append_line, read_lines, write_json, write_text, writing
from factlab.runs.folder import (
    CellFolder,
    RunFolder,
    config_yaml,
    new_record,
    now,
    open_folder,
)
from factlab.schema.config import Cell, RunConfig
from factlab.schema.control import neutral_text
from factlab.schema.question import AnswerRecord, PanelAnswer, Question
from factlab.schema.results import (
    CellResult,
    CurvePoint,
    Metric,
    RunResult,
    Status,
    TrainingRecord,
    TrainStep,
)
from factlab.scoring.evidence import Evidence
from factlab.scoring.match import SCORER_VERSION
from factlab.scoring.metrics import Measurement
from factlab.scoring.panel import best_step, curve_point

if TYPE_CHECKING:
    from peft import PeftModel

    from factlab.models.load import LoadedModel
    from factlab.models.resolve import ModelFiles
    from factlab.training.batch import Text


def run_config(
    config: RunConfig,
    *,
    out: Path | None = None,
    resume: bool = False,
    argv: Sequence[str] = (),
    progress: Progress | None = None,
) -> tuple[RunResult, Path]:
    """Run an experiment and give its result and its folder.

    Args:
        config: All settings.
        out: The run folder; None for a new one under reports/.
        resume: Go on with an unfinished run of the same settings.
        argv: The command line, for the record.
        progress: Where to report; nothing is reported if it is None.

    Raises:
        FactlabError: for a user's error; what was finished is kept.
        KeyboardInterrupt: after the folder was left in order and can be resumed.
    """
    progress = progress or Silent()
    plan = plan_run(config)
    files = _find_model(config, progress)  # before anything is written
    folder, resumed = open_folder(out, plan.name, plan.sha256, resume=resume)
    with folder.locked():
        _begin(folder, plan, argv, resumed=resumed)
        progress.begin(str(folder.path))
        for note in plan.notes:
            progress.note(note)
        try:
            result = _measure_all(folder, plan, files, progress)
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


def _begin(folder: RunFolder, plan: RunPlan, argv: Sequence[str], *, resumed: bool) -> None:
    if resumed:
        folder.change(status="running", error=None, ended=None)
        return
    recipe = plan.recipe.model_dump(mode="json")
    write_text(folder.config_file, config_yaml(plan.config, recipe))
    record = new_record(folder, plan.config, argv, plan.sha256)
    write_json(folder.record_file, record)
    folder.change(data_sha256=folder.write_questions(plan.questions), notes=plan.notes)


def _leave(folder: RunFolder, status: Status, error: str) -> None:
    """Say in run.json how the run ended, and report what it has, as far as the disk allows."""
    try:
        folder.change(status=status, error=error, ended=now())
        from factlab.report import write_report

        write_report(folder.path)
    except (OSError, RunFolderError):
        return  # the error that stopped the run is the one to show


def _measure_all(
    folder: RunFolder, plan: RunPlan, files: ModelFiles, progress: Progress
) -> RunResult:
    loaded = _load(files, plan.config, progress)
    folder.change(model=loaded.record)
    examiner = Examiner(plan, loaded, progress)
    kept = folder.base_answers_file.is_file()  # by the run that is resumed; its time is not known
    started = time.perf_counter()
    examiner.ask_base(folder)
    seconds = None if kept else round(time.perf_counter() - started, 3)
    bench = Bench(examiner, RunEvidence.read(folder), Anchors(examiner, folder))
    base = base_result(bench.evidence, seconds)
    finished: list[CellResult] = []

    def so_far(status: Status) -> RunResult:
        return RunResult(
            run_id=folder.path.resolve().name,
            status=status,
            scorer_version=SCORER_VERSION,
            model=loaded.record,
            facts=plan.summaries(),
            base=base,
            cells=tuple(finished),
        )

    write_json(folder.results_file, so_far("running"))
    for cell in plan.cells:
        done = folder.cell(cell.id).result()
        finished.append(done or run_cell(cell, bench, folder.cell(cell.id)))
        write_json(folder.results_file, so_far("running"))
    status: Status = "diverged" if any(c.status == "diverged" for c in finished) else "complete"
    result = with_comparisons(bench.evidence, so_far(status))
    folder.change(status=status, ended=now())
    from factlab.report import write_report

    with progress.stage("report", 1) as advance:
        write_report(folder.path)
        advance(1)
    return result


def _find_model(config: RunConfig, progress: Progress) -> ModelFiles:
    from factlab.models.resolve import resolve_model

    with progress.stage(f"find {config.model}", 1) as advance:
        files = resolve_model(config.model)
        advance(1)
    return files


def _load(files: ModelFiles, config: RunConfig, progress: Progress) -> LoadedModel:
    from factlab.models.load import load_model

    with progress.stage(f"load at {config.precision}", 1) as advance:
        loaded = load_model(files, config.precision)
        advance(1)
    return loaded


# --- cells ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bench:
    """What every cell is measured with: who asks, what the base said, and the anchors."""

    examiner: Examiner
    evidence: RunEvidence
    anchors: Anchors


class Anchors:
    """The anchors of a set of facts with the base's answers and states; made once per set."""

    def __init__(self, examiner: Examiner, folder: RunFolder) -> None:
        self.examiner = examiner
        self.said = {r.question_id: r for r in read_lines(folder.base_answers_file, AnswerRecord)}
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
            self.made = {facts: prepare_anchors(self.examiner.loaded, answered)}
        return self.made[facts]


def run_cell(cell: Cell, bench: Bench, folder: CellFolder) -> CellResult:
    """Train and measure one cell; its folder is complete when `cell.json` is there.

    The base model comes back as it was, whatever happens.
    """
    from factlab.training.train import attach_adapter

    loaded = bench.examiner.loaded
    folder.train_log_file.unlink(missing_ok=True)
    folder.panel_file.unlink(missing_ok=True)
    anchors = bench.anchors.of(cell.facts)  # while no adapter is on the base
    model = attach_adapter(loaded, cell)
    try:
        result = _train_and_measure(cell, bench, folder, anchors, model)
    except DivergedError as error:
        result = _cell_result(cell, "diverged", Measurement(), error=str(error))
    finally:
        loaded.model = model.unload()
        loaded.model.requires_grad_(False)
        loaded.model.eval()
        gc.collect()
    write_json(folder.result_file, result)
    return result


def _train_and_measure(
    cell: Cell, bench: Bench, folder: CellFolder, anchors: Sequence[Text], model: PeftModel
) -> CellResult:
    examiner = bench.examiner
    training, kept = _train(cell, bench, folder, anchors, model)
    _save_adapter(model, examiner.loaded, folder)
    started = time.perf_counter()
    examiner.ask_tuned(model, cell.facts, folder, cell.id)
    drift = _drift_metrics(model, examiner.loaded, trained=training.steps > 0)
    found, curve = measured_cell(bench.evidence, cell.id, cell.facts, training.steps)
    found.metrics |= drift
    seconds = time.perf_counter() - started
    return _cell_result(cell, "complete", found).model_copy(
        update={
            "training": training,
            "measuring_seconds": round(seconds, 3),
            "curve": curve,
            "kept_step": kept,
        }
    )


def _train(
    cell: Cell, bench: Bench, folder: CellFolder, anchors: Sequence[Text], model: PeftModel
) -> tuple[TrainingRecord, int]:
    """Train the adapter, follow the panel, and leave the adapter that is to be measured.

    Returns:
        What training took, and the step of the adapter.
    """
    from factlab.training.train import (
        adapter_weights,
        checkpoint_steps,
        restore_adapter,
        train,
        train_steps,
    )

    examiner, plan = bench.examiner, bench.examiner.plan
    pairs = plan.trained(cell.facts)
    steps = train_steps(len(pairs), cell, plan.config.max_steps)
    asked = plan.asked(cell.facts)
    panel = plan.panel(asked, _known_far(asked, bench.evidence.base))
    quiet = replace(examiner, progress=Silent())
    points: list[CurvePoint] = []
    weights: dict[int, Any] = {}

    def follow(step: int) -> None:
        said = quiet.answers(model, [own_prompts(panel)], "panel")
        for answer in said:
            append_line(folder.panel_file, PanelAnswer(step=step, answer=answer))
        points.append(curve_point(step, panel, {a.question_id: a for a in said}))
        if plan.config.keep == "best" and best_step(points) == step:
            weights.clear()
            weights[step] = adapter_weights(model)

    with examiner.progress.stage(f"train {cell.id}", steps) as advance:

        def note(step: TrainStep) -> None:
            append_line(folder.train_log_file, step)
            advance(1)

        training = train(
            model,
            examiner.loaded,
            cell,
            pairs,
            anchors=anchors,
            max_steps=plan.config.max_steps,
            record=note,
            checkpoints=checkpoint_steps(steps, plan.config.checkpoints),
            measure=follow,
        )
    if plan.config.keep == "last" or not steps:
        return training, steps
    follow(steps)
    (kept,) = weights
    restore_adapter(model, weights[kept])
    return training, kept


def _known_far(asked: Sequence[Question], base: Evidence) -> set[str]:
    return {q.id for q in asked if q.split == "far" and base.knows(q)}


def _save_adapter(model: PeftModel, loaded: LoadedModel, folder: CellFolder) -> None:
    # The adapter names its base by the name a person can resolve, not by this machine's path.
    model.peft_config["default"].base_model_name_or_path = loaded.record.name
    with writing(folder.adapter):
        model.save_pretrained(str(folder.adapter))
        (folder.adapter / "README.md").unlink(missing_ok=True)  # an empty model card


def _drift_metrics(model: PeftModel, loaded: LoadedModel, *, trained: bool) -> dict[str, Metric]:
    from factlab.scoring.drift import COVERS_TEXT, measure_drift
    from factlab.scoring.versions import DRIFT_SCORER

    ids = loaded.tokenizer(neutral_text(), add_special_tokens=False)["input_ids"]
    drift = measure_drift(model, ids)
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
        learning_rate=cell.recipe.learning_rate,
        together=len(cell.facts) > 1,
        status=status,
        error=error,
        metrics=found.metrics,
        not_measured=found.not_measured,
        outcomes=found.outcomes,
        by_fact=found.by_fact,
    )
