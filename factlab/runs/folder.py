"""One run's folder: where each file is, who may write it, and what is already done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from factlab.errors import RunFolderError
from factlab.reading.paths import below, check_place, is_file, is_folder, refuse_links, shown
from factlab.record import Record
from factlab.runs.environment import git_state, machine, versions
from factlab.runs.files import (
    is_draft,
    read_json,
    read_lines,
    sha256_text,
    write_json,
    write_lines,
    write_text,
    writing,
)
from factlab.runs.integrity import refuse_changed_results
from factlab.schema.benchmark import BenchmarkScore
from factlab.schema.config import RunConfig
from factlab.schema.conversation import SetRecord
from factlab.schema.export import ExportRecord
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.recipe import Recipe
from factlab.schema.results import CellResult, RunRecord, RunResult
from factlab.schema.yaml import read_yaml

# Fields that runs of before have not, and go on without: see `config_sha256`.
NEWER_FIELDS = frozenset(
    [
        "thinking",
        "quick",
        "anchor_divergence",
        "anchor_schedule",
        "unlikelihood",
        "learned_below",
        "language",
        "skipped",
        "case",
        "needs",
        "benchmarks",
        "benchmark_data",
        "benchmark_limit",
    ]
)


class RunFolder:
    """Paths of a run folder, and the only way to write to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def record_file(self) -> Path:
        """The settings of the run, and its status."""
        return self.path / "run.json"

    @property
    def config_file(self) -> Path:
        """Everything that decides the run's numbers."""
        return self.path / "config.resolved.yaml"

    @property
    def results_file(self) -> Path:
        """Metrics of base and cells."""
        return self.path / "results.json"

    @property
    def report_file(self) -> Path:
        """The report."""
        return self.path / "report.html"

    def base(self, precision: str | None = None) -> BaseFolder:
        """The base's answers at a precision; None for the run's first."""
        folder = self.path / "base"
        return BaseFolder(below(folder, precision) if precision else folder)

    def other_precisions(self) -> list[str]:
        """Precisions of the base beside the run's first."""
        return sorted(path.name for path in (self.path / "base").glob("*") if is_folder(path))

    def data_file(self, split: str) -> Path:
        """The questions of a split."""
        return self.path / "data" / f"{split}.jsonl"

    def cell(self, cell_id: str) -> CellFolder:
        """The folder of one cell."""
        return CellFolder(below(self.path / "cells", cell_id))

    def export(self, name: str) -> ExportFolder:
        """The folder of one export."""
        return ExportFolder(below(self.path / "exports", name))

    def exports(self) -> list[ExportFolder]:
        """The exports that were written, in the order of their names."""
        files = sorted((self.path / "exports").glob("*/export.json"))
        return [ExportFolder(file.parent) for file in files]

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return is_file(self.record_file)

    def record(self) -> RunRecord:
        """Read run.json, or say that this is no run folder."""
        if not self.exists:
            raise RunFolderError(
                f"{self.path}: no run.json here, so this is not a run folder. `factlab list runs` "
                "shows the runs there are."
            )
        return read_json(self.record_file, RunRecord)

    def questions(self) -> list[Question]:
        """Every question of the run."""
        return [
            question
            for file in sorted((self.path / "data").glob("*.jsonl"))
            for question in read_lines(file, Question, whole=True)
        ]

    def finished_cells(self) -> list[CellResult]:
        """Results of the cells that were finished, in the order of their names.

        Those of several recipes are in the order in which the recipes were given.
        """
        files = sorted((self.path / "cells").glob("*/cell.json"))
        results = (self.cell(file.parent.name).result() for file in files)
        cells = [result for result in results if result is not None]
        if len({cell.recipe for cell in cells}) < 2 or not is_file(self.config_file):
            return cells
        given = read_config(self).recipes
        place = {r if isinstance(r, str) else r.name: n for n, r in enumerate(given)}
        return sorted(cells, key=lambda cell: place.get(cell.recipe, 0))

    def write_questions(self, questions: Sequence[Question]) -> str:
        """Write data/ with its checksums, and give one hash over all of it."""
        by_split: dict[str, list[Question]] = {}
        for question in questions:
            by_split.setdefault(question.split, []).append(question)
        sums = []
        for split, items in sorted(by_split.items()):
            file = self.data_file(split)
            write_lines(file, items)
            sums.append(f"{sha256_text(file.read_text(encoding='utf-8'))}  {file.name}\n")
        write_text(self.path / "data" / "SHA256SUMS", "".join(sums))
        return sha256_text("".join(sums))

    def change(self, **fields: object) -> RunRecord:
        """Update run.json."""
        record = self.record().model_copy(update=fields)
        write_json(self.record_file, record)
        return record

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process.

        Raises:
            RunFolderError: if another process holds it, it cannot be written, or it holds links.
        """
        check_place(self.path)
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            refuse_links(self.path)
            lock = FileLock(self.path / ".lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise RunFolderError(
                    f"{self.path}: another factlab process is writing to this run folder. Wait for "
                    "it, or choose another folder with --out."
                ) from None
        try:
            yield
        finally:
            lock.release()


class AnswersFolder:
    """The answers of one model: the base, a cell's, or an exported one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def answers_file(self) -> Path:
        """Its answers; the base's have gate prompts and anchors among them."""
        return self.path / "answers.jsonl"

    @property
    def likelihoods_file(self) -> Path:
        """How probable it finds the options of each question; exports are not measured on that."""
        return self.path / "likelihoods.jsonl"

    def answers(self) -> list[AnswerRecord]:
        """Its answers."""
        return list(read_lines(self.answers_file, AnswerRecord, whole=True))

    def benchmark_file(self, task: str) -> Path:
        """Scores of a general benchmark, document by document."""
        return below(self.path / "benchmarks", f"{task}.jsonl")

    def benchmarks(self) -> list[BenchmarkScore]:
        """The scores of all benchmarks that are there."""
        files = sorted((self.path / "benchmarks").glob("*.jsonl"))
        return [
            one
            for file in files
            if not is_draft(file)
            for one in read_lines(file, BenchmarkScore, whole=True)
        ]


class BaseFolder(AnswersFolder):
    """The base model's answers before training, at one precision."""

    @property
    def in_context_file(self) -> Path:
        """Its answers with the fact in its prompt: the ceiling of recall."""
        return self.path / "in_context.jsonl"

    @property
    def rounding_file(self) -> Path:
        """Its answers again, by the library's own forward pass."""
        return self.path / "rounding.jsonl"


class CellFolder(AnswersFolder):
    """Files of one cell."""

    @property
    def adapter(self) -> Path:
        """The trained adapter, as PEFT writes it."""
        return self.path / "adapter"

    @property
    def model(self) -> Path:
        """The model itself, of a full fine-tuning."""
        return self.path / "model"

    @property
    def weights(self) -> Path | None:
        """What was trained: the adapter's folder or the model's; None if there is neither."""
        return next((place for place in (self.adapter, self.model) if is_folder(place)), None)

    @property
    def panel_file(self) -> Path:
        """Answers to the fixed panel while training was under way."""
        return self.path / "panel.jsonl"

    @property
    def drift_file(self) -> Path:
        """One line per window of the neutral text: drift, token by token."""
        return self.path / "drift.jsonl"

    @property
    def train_log_file(self) -> Path:
        """One line per optimizer step."""
        return self.path / "train_log.jsonl"

    @property
    def validation_log_file(self) -> Path:
        """One line per checkpoint: the loss on pairs that are not trained on."""
        return self.path / "validation_log.jsonl"

    @property
    def training(self) -> Path:
        """What training that is under way can go on from; gone when the cell is finished."""
        return self.path / "training"

    @property
    def measuring(self) -> Path:
        """What was answered so far; gone when the cell is finished."""
        return self.path / "measuring"

    @property
    def tracker(self) -> Path:
        """What a tracker writes."""
        return self.path / "tracker"

    @property
    def result_file(self) -> Path:
        """Written last: a cell with this file is finished."""
        return self.path / "cell.json"

    def result(self) -> CellResult | None:
        """The result, if the cell was finished; that of another cell is refused."""
        if not is_file(self.result_file):
            return None
        result = read_json(self.result_file, CellResult)
        if result.id != self.path.name:
            raise RunFolderError(
                f"{self.result_file}: this is the result of the cell {shown(result.id)}. Restore "
                "the file, or make the run again."
            )
        return result


class ExportFolder(AnswersFolder):
    """Files of one export: the model, unless it is elsewhere, and its answers."""

    @property
    def model(self) -> Path:
        """Where the model is, unless --out named another place."""
        return self.path / "model"

    @property
    def record_file(self) -> Path:
        """What was exported and what it scored."""
        return self.path / "export.json"

    def record(self) -> ExportRecord | None:
        """What was exported, if it was."""
        return read_json(self.record_file, ExportRecord) if is_file(self.record_file) else None


def config_sha256(
    config: RunConfig,
    recipes: Sequence[Recipe],
    questions: Sequence[Question],
    sets: Sequence[SetRecord] = (),
) -> str:
    """Hash of all that decides a run's numbers: settings, recipes, questions, the sets it reads.

    A recipe counts by its name and values, wherever its file is. What says nothing is left out, so
    that a field which is new to factlab changes no hash of a run without it.
    """
    # The number of seeds is in their list, that of questions about belief in the questions.
    left_out = {"accept_license", "report_to", "save_every", "recipe", "seeds", "belief_questions"}
    left_out |= {"asking"} | _unsaid(config)
    settings = config.model_dump(mode="json", exclude=left_out, exclude_none=True)
    given = {name: value for name, value in sorted(settings.items()) if value != []}
    texts = {"about", "source"}
    lines = [
        json.dumps(given),
        *(recipe.model_dump_json(exclude=texts | _unsaid(recipe)) for recipe in recipes),
        *(question.model_dump_json(exclude=_unsaid(question)) for question in questions),
        *(one.model_dump_json(exclude=_unsaid(one)) for one in sets),
    ]
    return sha256_text("\n".join(lines))


def _unsaid(record: Record) -> set[str]:
    """The newer fields of a record that hold what a record without them means."""
    fields = type(record).model_fields
    return {
        name
        for name in NEWER_FIELDS & fields.keys()
        if getattr(record, name) == fields[name].get_default(call_default_factory=True)
    }


def new_record(folder: RunFolder, config: RunConfig, argv: Sequence[str], hash_: str) -> RunRecord:
    """The run.json of a run that begins now."""
    return RunRecord(
        run_id=folder.path.resolve().name,
        status="running",
        argv=tuple(argv),
        started=now(),
        config_sha256=hash_,
        seeds=config.seed,
        versions=versions(),
        git=git_state(),
        machine=machine(),
    )


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_config(folder: RunFolder) -> RunConfig:
    """The settings that a run was made with."""
    document = read_yaml(folder.config_file, RunFolderError)
    return document.parse(RunConfig, "A run configuration")


def load_run(path: str | Path) -> RunResult:
    """The result of a run, read from its folder.

    Raises:
        RunFolderError: for a folder that holds no results, or others than the run wrote.
    """
    folder = RunFolder(Path(path))
    folder.record()
    result = read_json(folder.results_file, RunResult)
    refuse_changed_results(folder)
    return result
