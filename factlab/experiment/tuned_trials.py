"""Models that were tuned elsewhere are evaluated: opened, asked, measured, nothing trained."""

from __future__ import annotations

import math
import shutil
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from factlab.errors import DivergedError
from factlab.experiment.baseline import Baseline
from factlab.experiment.benchmarks import measure_benchmarks
from factlab.experiment.results import measured_cell
from factlab.experiment.trial_results import cell_result
from factlab.respondents.elsewhere import LOG, is_elsewhere, opened_elsewhere
from factlab.respondents.tuned import OpenedTuned, lacking, opened_here
from factlab.respondents.weights import WeightsRespondent
from factlab.runs.files import write_lines, writing
from factlab.runs.folder import CellFolder, RunFolder
from factlab.schema.combine import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from factlab.schema.config import Cell
from factlab.schema.results import CellResult

if TYPE_CHECKING:
    from factlab.inference.response_cache import ResponseCache


def evaluate_elsewhere(cell: Cell, baseline: Baseline, folder: RunFolder) -> CellResult:
    """Evaluate one tuned model, and write what it answered into the cell's folder.

    An adapter is copied there, so that `factlab ask` finds it with its answers.

    Raises:
        ModelError: for a model that cannot be opened or asked.
        DivergedError: if it predicts no finite numbers.
    """
    source, evaluator, files = cell.tuned, baseline.evaluator, folder.cell(cell.id)
    assert source is not None
    started = time.perf_counter()
    with _opened(cell, baseline, files) as tuned:
        notes = list(tuned.notes)
        if tuned.drift is not None and baseline.neutral is not None:
            drift = tuned.drift(baseline.neutral)
            if not (math.isfinite(drift.ce) and math.isfinite(drift.kl)):
                raise DivergedError("the predictions of this model are no finite numbers.")
            if drift.kl == 0:
                notes.append(f"{source.label} predicts on neutral text exactly what the base does.")
            write_lines(files.drift_file, drift.windows)
        evaluator.evaluate_tuned(
            tuned.respondent, cell.facts, files, cell.id, trained=source.trained_here
        )
        lacks = lacking(source, evaluator.base.lacks, tuned.respondent.lacks)
        config = evaluator.experiment.config
        measure_benchmarks(tuned.respondent, config, files, evaluator.progress, cell.id)
    if source.kind == "adapter":
        _copy_adapter(Path(source.place), files.adapter)
    _note(folder, notes)
    measured, _ = measured_cell(baseline.responses, cell.id, cell.facts, 0, cell.precision, lacks)
    seconds = round(time.perf_counter() - started, 3)
    return cell_result(cell, "complete", measured).model_copy(
        update={"measuring_seconds": seconds, "lacks": lacks}
    )


def _opened(
    cell: Cell, baseline: Baseline, files: CellFolder
) -> AbstractContextManager[OpenedTuned]:
    """By the kind of the source; a module per kind in `factlab.respondents`."""
    source, evaluator = cell.tuned, baseline.evaluator
    assert source is not None
    if is_elsewhere(source):
        config, log = evaluator.experiment.config, files.measuring / LOG
        return opened_elsewhere(source, evaluator.base.record, config, log)
    assert isinstance(evaluator.base, WeightsRespondent)  # `base_elsewhere` refuses any other
    config = evaluator.experiment.config
    kept = _kept(cell, evaluator.base, files)
    return opened_here(source, evaluator.base, config, cell.precision, kept)


def _kept(cell: Cell, base: WeightsRespondent, files: CellFolder) -> ResponseCache:
    """What it answered before its run was stopped."""
    from factlab.inference.response_cache import ResponseCache
    from factlab.models.base_cache import base_cache

    assert cell.tuned is not None
    own = base_cache(base.loaded, cell.precision)
    return ResponseCache(own.of_adapter(cell.tuned.sha256, files.measuring))


def _copy_adapter(place: Path, own: Path) -> None:
    with writing(own):
        own.mkdir(parents=True, exist_ok=True)
        for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS):
            shutil.copyfile(place / name, own / name)


def _note(folder: RunFolder, notes: list[str]) -> None:
    known = folder.record().notes
    new = [note for note in notes if note not in known]
    if new:
        folder.change(notes=(*known, *new))
