"""What a run folder says of its run: how it began, how far it has come, how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from factlab.comparison.responses import RunResponses
from factlab.errors import FactlabError, ModelError, RunFolderError
from factlab.experiment.experiment import Experiment
from factlab.experiment.prepare import TEACHER_NOTE, Prepared
from factlab.experiment.results import with_comparisons
from factlab.experiment.trial_saving import drop_training
from factlab.grading.matcher import SCORER_VERSION
from factlab.progress import Progress
from factlab.runs.config_file import config_yaml
from factlab.runs.files import write_json, write_text
from factlab.runs.folder import RunFolder, new_record, now
from factlab.runs.integrity import run_fingerprints
from factlab.runs.opening import tidy
from factlab.schema.config import Cell, Precision
from factlab.schema.results import BaseResult, CellResult, ModelRecord, RunResult, Status
from factlab.sharing.card import write_cards


def begin_run(folder: RunFolder, prepared: Prepared, argv: Sequence[str], *, resumed: bool) -> None:
    """Write settings, record and questions; or check that a resumed run began with the same.

    Raises:
        ModelError: if its model or teacher is another one now.
    """
    experiment = prepared.experiment
    tidy(folder)
    if resumed:
        begun = folder.record()
        if begun.model is not None:
            prepared.base.check_same(begun.model.sha256)
        teacher = [note for note in experiment.notes if note.startswith(TEACHER_NOTE)]
        if not set(teacher) <= set(begun.notes):
            raise ModelError(
                f"--teacher {experiment.config.teacher}: its weights are not those that this run "
                "began with. Restore them, or begin a new run."
            )
        _check_questions(folder, begun.data_sha256, experiment)
        folder.change(status="running", error=None, ended=None)
        return
    write_text(folder.config_file, config_yaml(experiment.config, experiment.recipes))
    data_sha256 = folder.write_questions(experiment.questions)
    record = new_record(folder, experiment.config, argv, experiment.sha256)
    # Written last: a folder with this file has all that a run begins with.
    write_json(
        folder.record_file,
        record.model_copy(
            update={
                "data_sha256": data_sha256,
                "notes": experiment.notes,
                "sets": experiment.sets,
            }
        ),
    )


def _check_questions(folder: RunFolder, recorded: str | None, experiment: Experiment) -> None:
    """Write the questions of a resumed run again; they are the same, or it is another run.

    Raises:
        RunFolderError: if they are not those that the record names.
    """
    written = folder.write_questions(experiment.questions)
    if recorded is not None and written != recorded:
        raise RunFolderError(
            f"{folder.path / 'data'}: the questions of this run are not those that it began with "
            f"(SHA-256 {recorded[:12]}…, now {written[:12]}…). Begin a new run with another --out."
        )
    if recorded is None:
        folder.change(data_sha256=written)


@contextmanager
def failures_recorded(folder: RunFolder) -> Iterator[None]:
    """Say in run.json why a run ended early, and report what it has; the error is raised again."""
    try:
        yield
    except KeyboardInterrupt:
        _end_early(folder, "interrupted", "stopped by the user")
        raise
    except FactlabError as error:
        _end_early(folder, "failed", str(error))
        raise
    except BaseException as error:
        _end_early(folder, "failed", f"{type(error).__name__}: {error}")
        raise


def _end_early(folder: RunFolder, status: Status, error: str) -> None:
    from factlab.report import write_report

    try:
        folder.change(status=status, error=error, ended=now())
        write_report(folder.path)
    except (OSError, RunFolderError):
        return  # the error that stopped the run is the one to show


@dataclass(slots=True)
class RunSoFar:
    """The results of a run while it is under way; `results.json` holds them after every step.

    Attributes:
        folder: The run folder.
        prepared: What the run began with.
        cells: The result of each cell; None until it is measured.
        models: The base as it was loaded, at each precision.
        bases: What the base scores, at each precision.
    """

    folder: RunFolder
    prepared: Prepared
    cells: dict[str, CellResult | None]
    models: dict[Precision, ModelRecord] = field(default_factory=dict)
    bases: dict[Precision, BaseResult] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: RunFolder, prepared: Prepared) -> RunSoFar:
        """Start from what is on disk: a resumed run has finished cells."""
        cells = {cell.id: folder.cell(cell.id).result() for cell in prepared.experiment.cells}
        for cell_id, result in cells.items():
            if result is not None:  # the process may have been killed before it tidied up
                drop_training(folder.cell(cell_id))
        return cls(folder, prepared, cells)

    def to_do(self, precision: Precision) -> list[Cell]:
        """The cells at a precision that are not measured yet."""
        cells = self.prepared.experiment.cells
        return [c for c in cells if c.precision == precision and self.cells[c.id] is None]

    def loaded(self, precision: Precision, record: ModelRecord) -> None:
        """Note how the base was loaded.

        Raises:
            ModelError: where a resumed run would compute it otherwise than before.
        """
        self.models[precision] = record
        if len(self.models) == 1:
            _check_arithmetic(self.folder.record().model, record)
            self.folder.change(model=record)

    def measured_base(self, precision: Precision, base: BaseResult) -> None:
        """Record what the base scores."""
        self.bases[precision] = base
        write_json(self.folder.results_file, self.result("running"))

    def measured_cells(self, results: dict[str, CellResult]) -> None:
        """Record what cells score."""
        self.cells.update(results)
        so_far = self.result("running")
        write_json(self.folder.results_file, so_far)
        write_cards(self.folder, so_far, results)

    def result(self, status: Status) -> RunResult:
        """The results as far as they are there, without comparisons."""
        (_, model), *other_models = self.models.items()
        (_, base), *other_bases = self.bases.items()
        return RunResult(
            run_id=self.folder.path.resolve().name,
            status=status,
            scorer_version=SCORER_VERSION,
            model=model,
            facts=self.prepared.experiment.summaries(),
            base=base,
            other_models=dict(other_models),
            other_bases=dict(other_bases),
            cells=tuple(result for result in self.cells.values() if result is not None),
        )

    def finish(self) -> RunResult:
        """Compare the configurations, and say that the run is over."""
        diverged = any(result and result.status == "diverged" for result in self.cells.values())
        status: Status = "diverged" if diverged else "complete"
        result = with_comparisons(RunResponses.read(self.folder), self.result(status))
        write_cards(self.folder, result)
        self.folder.change(status=status, ended=now(), files=run_fingerprints(self.folder))
        return result


def write_run_report(folder: RunFolder, progress: Progress) -> None:
    """Write `report.html` into a finished run."""
    from factlab.report import write_report

    with progress.stage("report", 1) as advance:
        write_report(folder.path)
        advance(1)


def _check_arithmetic(begun: ModelRecord | None, here: ModelRecord) -> None:
    """Refuse to resume a run where its model would be computed otherwise than where it began.

    Raises:
        ModelError: naming both.
    """
    before, now_ = (f"{one.precision_note}, on {one.device}" for one in (begun or here, here))
    if before != now_:
        raise ModelError(
            f"this run began with {before}; here it would be {now_}. Answers before and after "
            "could differ by that alone. Resume it where it began, or begin a new run."
        )
