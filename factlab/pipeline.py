"""The whole job on one page: prepare → baseline → trials → compare → report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factlab.experiment.baseline import load_evaluator, measure_baseline
from factlab.experiment.failures import failures_explained
from factlab.experiment.prepare import prepare
from factlab.experiment.run_record import (
    RunSoFar,
    begin_run,
    failures_recorded,
    write_run_report,
)
from factlab.experiment.trials import run_trials, side_by_side
from factlab.models.chat import forget_rendered
from factlab.models.process_memory import imports_frozen
from factlab.progress import Progress, Silent
from factlab.runs.opening import check_out, open_folder
from factlab.schema.config import Precision, RunConfig
from factlab.schema.results import RunResult


def run_experiment(
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
        resume: Continue an unfinished run of the same settings.
        argv: The command line, for the record.
        progress: Where to report; nothing is reported if it is None.
        fresh: Compute the base's answers again, instead of reading those of an earlier run.

    Raises:
        FactlabError: for a user's error; what was finished stays on disk.
        KeyboardInterrupt: after the folder was left in order and can be resumed.
    """
    progress = progress or Silent()

    # Everything that can be refused is refused before anything is written.
    check_out(out)
    prepared = prepare(config, progress)
    experiment = prepared.experiment
    folder, resumed = open_folder(out, experiment.name, experiment.sha256, resume=resume)

    with folder.locked(), imports_frozen():
        with failures_explained(folder.path):
            begin_run(folder, prepared, argv, resumed=resumed)
        progress.begin(str(folder.path))
        for note in experiment.notes:
            progress.note(note)
        with failures_recorded(folder), failures_explained(folder.path):
            so_far = RunSoFar.read(folder, prepared)
            for precision in experiment.precisions:
                measure_at(precision, so_far, progress, fresh=fresh)
            result = so_far.finish()
        # The run is complete: where drawing it fails, `factlab report` does it again.
        with failures_explained(folder.path):
            write_run_report(folder, progress)
    return result, folder.path


def measure_at(precision: Precision, so_far: RunSoFar, progress: Progress, *, fresh: bool) -> None:
    """The baseline and all trials at one precision.

    The base is in memory no longer than this takes: the next precision loads its own.
    """
    folder = so_far.folder
    evaluator = load_evaluator(so_far.prepared, precision, progress, fresh=fresh)
    so_far.loaded(precision, evaluator.base.record)

    # Grouped before the baseline: it counts memory, and refuses what cannot be trained here.
    groups = list(side_by_side(so_far.to_do(precision), evaluator, folder))

    baseline = measure_baseline(folder, evaluator, precision)
    so_far.measured_base(precision, baseline.result)

    for cells in groups:
        so_far.measured_cells(run_trials(cells, baseline, folder))

    forget_rendered()  # rendered texts belong to this base's tokenizer
