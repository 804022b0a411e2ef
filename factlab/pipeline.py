"""The whole job on one page: expand → base → train → measure → record → report."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from factlab.errors import DivergedError, FactlabError, RunFolderError, TrainingError
from factlab.plan import RunPlan, plan_run
from factlab.progress import Progress, Silent
from factlab.runs.files import append_line, read_lines, write_json, write_lines, write_text, writing
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
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.results import (
    BaseResult,
    CellResult,
    Metric,
    ModelRecord,
    RunResult,
    Status,
)
from factlab.scoring.judge import judge
from factlab.scoring.match import SCORER_VERSION
from factlab.scoring.metrics import Answers, Measurement, measure_base, measure_cell

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from factlab.models.load import LoadedModel
    from factlab.models.resolve import ModelFiles
    from factlab.training.anchors import Anchor

ANCHOR_TOKENS = 24  # of each anchor answer; the first words decide where an answer goes


@dataclass(frozen=True, slots=True)
class Bench:
    """What every cell is measured with: the run's plan, the loaded base, and what it answered."""

    plan: RunPlan
    loaded: LoadedModel
    base: tuple[AnswerRecord, ...]
    progress: Progress


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
    folder.change(data_sha256=folder.write_questions(plan.questions))


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
    kept = folder.base_answers_file.is_file()  # by the run that is resumed; its time is not known
    started = time.perf_counter()
    base = _base_answers(folder, plan, loaded, progress)
    base_result = _base_result(plan, base, None if kept else time.perf_counter() - started)
    bench = Bench(plan, loaded, base, progress)
    anchors: dict[str, list[Anchor]] = {}
    finished: list[CellResult] = []
    _record(folder, plan, loaded.record, base_result, finished, "running")
    for cell in plan.cells:
        done = folder.cell(cell.id).result()
        if done is None:
            if cell.fact not in anchors:
                anchors[cell.fact] = _anchors(bench, cell.fact)
            done = run_cell(cell, bench, folder.cell(cell.id), anchors[cell.fact])
        finished.append(done)
        _record(folder, plan, loaded.record, base_result, finished, "running")
    status: Status = "diverged" if any(c.status == "diverged" for c in finished) else "complete"
    result = _record(folder, plan, loaded.record, base_result, finished, status)
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


def _record(
    folder: RunFolder,
    plan: RunPlan,
    model: ModelRecord,
    base: BaseResult,
    cells: Sequence[CellResult],
    status: Status,
) -> RunResult:
    result = RunResult(
        run_id=folder.path.resolve().name,
        status=status,
        scorer_version=SCORER_VERSION,
        model=model,
        facts=plan.summaries(),
        base=base,
        cells=tuple(cells),
    )
    write_json(folder.results_file, result)
    return result


# --- base -------------------------------------------------------------------------------------


def _base_answers(
    folder: RunFolder, plan: RunPlan, loaded: LoadedModel, progress: Progress
) -> tuple[AnswerRecord, ...]:
    """What the base says to every question, to the gate prompts that matter, and to anchors."""
    if folder.base_answers_file.is_file():
        return tuple(read_lines(folder.base_answers_file, AnswerRecord))
    asked = _unique(question for fact in plan.facts for question in plan.asked(fact.id))
    main = _answer(loaded.model, loaded, plan, [(q, q.text) for q in asked], progress, "ask base")
    right = {record.question_id for record in main if record.correct}
    gates = [
        (question, prompt)
        for question in asked
        if question.id in right or question.gate_gold is not None
        for prompt in question.gate
    ]
    gated = _answer(loaded.model, loaded, plan, gates, progress, "gate controls")
    anchors = [
        (question, question.text) for fact in plan.facts for question in plan.anchors[fact.id]
    ]
    held = _answer(
        loaded.model, loaded, plan, anchors, progress, "ask anchors", max_new_tokens=ANCHOR_TOKENS
    )
    records = (*main, *gated, *held)
    write_lines(folder.base_answers_file, records)
    return records


def _base_result(plan: RunPlan, base: Sequence[AnswerRecord], seconds: float | None) -> BaseResult:
    asked = _unique(question for fact in plan.facts for question in plan.asked(fact.id))
    found = measure_base(asked, Answers.of(asked, base))
    return BaseResult(
        metrics=found.metrics,
        not_measured=found.not_measured,
        outcomes=found.outcomes,
        measuring_seconds=None if seconds is None else round(seconds, 3),
    )


def _anchors(bench: Bench, fact_id: str) -> list[Anchor]:
    """The fact's anchors with the answers that the base gave to them."""
    if not bench.plan.anchors[fact_id]:
        return []
    from factlab.training.anchors import AnsweredPrompt, prepare_anchors

    said = {record.question_id: record for record in bench.base}
    return prepare_anchors(
        bench.loaded,
        [
            AnsweredPrompt(question.text, said[question.id].text, said[question.id].finished)
            for question in bench.plan.anchors[fact_id]
        ],
    )


# --- cells ------------------------------------------------------------------------------------


def run_cell(
    cell: Cell, bench: Bench, folder: CellFolder, anchors: Sequence[Anchor] = ()
) -> CellResult:
    """Train and measure one cell; its folder is complete when `cell.json` is there.

    The base model comes back as it was, whatever happens.
    """
    from factlab.training.train import attach_adapter

    folder.train_log_file.unlink(missing_ok=True)
    model = attach_adapter(bench.loaded, cell)
    try:
        result = _train_and_measure(cell, bench, folder, anchors, model)
    except DivergedError as error:
        result = _cell_result(cell, "diverged", Measurement(), error=str(error))
    finally:
        bench.loaded.model = model.unload()
        bench.loaded.model.requires_grad_(False)
        bench.loaded.model.eval()
        gc.collect()
    write_json(folder.result_file, result)
    return result


def _train_and_measure(
    cell: Cell, bench: Bench, folder: CellFolder, anchors: Sequence[Anchor], model: PeftModel
) -> CellResult:
    from factlab.training.train import train, train_steps

    plan, pairs = bench.plan, bench.plan.expansions[cell.fact].train
    steps = train_steps(len(pairs), cell, plan.config.max_steps)
    with bench.progress.stage(f"train {cell.id}", steps) as advance:

        def note(step: object) -> None:
            append_line(folder.train_log_file, step)  # type: ignore[arg-type]
            advance(1)

        training = train(
            model,
            bench.loaded,
            cell,
            pairs,
            anchors=anchors,
            max_steps=plan.config.max_steps,
            record=note,
        )
    _save_adapter(model, bench.loaded, folder)
    started = time.perf_counter()
    asked = plan.asked(cell.fact)
    records = _answer(
        model, bench.loaded, plan, [(q, q.text) for q in asked], bench.progress, f"ask {cell.id}"
    )
    write_lines(folder.answers_file, records)
    found = measure_cell(asked, Answers.of(asked, bench.base), Answers.of(asked, records))
    _add_drift(found, model, bench.loaded, trained=training.steps > 0)
    seconds = time.perf_counter() - started
    return _cell_result(cell, "complete", found).model_copy(
        update={"training": training, "measuring_seconds": round(seconds, 3)}
    )


def _save_adapter(model: PeftModel, loaded: LoadedModel, folder: CellFolder) -> None:
    # The adapter names its base by the name a person can resolve, not by this machine's path.
    model.peft_config["default"].base_model_name_or_path = loaded.record.name
    with writing(folder.adapter):
        model.save_pretrained(str(folder.adapter))
        (folder.adapter / "README.md").unlink(missing_ok=True)  # an empty model card


def _add_drift(found: Measurement, model: PeftModel, loaded: LoadedModel, *, trained: bool) -> None:
    from factlab.scoring.drift import COVERS_TEXT, measure_drift

    ids = loaded.tokenizer(neutral_text(), add_special_tokens=False)["input_ids"]
    drift = measure_drift(model, ids)
    if trained and drift.kl == 0:
        raise TrainingError(
            "the trained adapter changes no prediction at all: it was not attached, or nothing was "
            "learned. No figure of this cell would mean anything."
        )
    for name, value in (("drift/ce", drift.ce), ("drift/kl", drift.kl)):
        found.metrics[name] = Metric(value=value, n=drift.tokens, clusters=0, covers=COVERS_TEXT)


def _cell_result(
    cell: Cell, status: Status, found: Measurement, error: str | None = None
) -> CellResult:
    return CellResult(
        id=cell.id,
        fact=cell.fact,
        rank=cell.rank,
        alpha=cell.alpha,
        seed=cell.seed,
        precision=cell.precision,
        recipe=cell.recipe.name,
        learning_rate=cell.recipe.learning_rate,
        status=status,
        error=error,
        metrics=found.metrics,
        not_measured=found.not_measured,
        outcomes=found.outcomes,
    )


# --- asking -----------------------------------------------------------------------------------


def _answer(
    model: PreTrainedModel | PeftModel,
    loaded: LoadedModel,
    plan: RunPlan,
    prompts: Sequence[tuple[Question, str]],
    progress: Progress,
    stage: str,
    *,
    max_new_tokens: int | None = None,
) -> tuple[AnswerRecord, ...]:
    """Generate and grade answers to prompts, each with the question that it belongs to."""
    from factlab.scoring.generate import generate

    if not prompts:
        return ()
    with progress.stage(stage, len(prompts)) as advance:
        said = generate(
            model,
            loaded.tokenizer,
            [prompt for _, prompt in prompts],
            max_new_tokens=max_new_tokens or plan.config.max_new_tokens,
            batch_size=plan.config.generation_batch,
            advance=advance,
        )
    return tuple(
        judge(question, prompt, generated, plan.injected)
        for (question, prompt), generated in zip(prompts, said, strict=True)
    )


def _unique(questions: Iterable[Question]) -> list[Question]:
    """Each question once; far controls are shared by all facts."""
    return list({question.id: question for question in questions}.values())
