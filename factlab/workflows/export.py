"""`factlab export`: a finished cell as a model for other programs, and what that model answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factlab.export.formats import ExportFormat
from factlab.export.plan import ExportPlan, plan_export
from factlab.export.questions import ExportQuestions
from factlab.export.score import export_document, score_target
from factlab.export.write import merge_cell, write_target
from factlab.progress import Progress, Silent
from factlab.report import write_report
from factlab.runs.folder import RunFolder
from factlab.schema.export import BaseWeights, ExportDocument


def export(
    run: Path,
    formats: Sequence[ExportFormat],
    *,
    cell: str | None = None,
    base: BaseWeights = "original",
    out: Path | None = None,
    score: bool = True,
    sample: int | None = None,
    progress: Progress | None = None,
) -> ExportDocument:
    """Export one cell, and have what was written answer the run's questions.

    An export that is there and was not scored yet is scored, and not written again.

    Args:
        run: A run folder.
        formats: What to export to.
        cell: Which cell; None: the only one that is finished.
        base: Merge into the base's own weights, or into those that the run measured with.
        out: Folder of the model; None: a folder under the run's exports/.
        score: Whether to load what was written again and have it answer the run's questions.
        sample: Most questions of each kind; 0: all; None: see `ExportQuestions.read`.
        progress: Where to report.

    Raises:
        FactlabError: for whatever a user can fix, before anything long is done.
    """
    progress = progress or Silent()
    plan = plan_export(RunFolder(run), formats, cell, base, out, score=score)
    with plan.folder.locked():
        questions = ExportQuestions.read(plan, sample)
        _merge_and_write(plan, questions, progress)
        for target in plan.targets if score else ():
            score_target(plan, target, questions, progress)
        with progress.stage("report", 1) as advance:
            write_report(plan.folder.path)
            advance(1)
    return export_document(plan, questions)


def _merge_and_write(plan: ExportPlan, questions: ExportQuestions, progress: Progress) -> None:
    """Merge once and write each export that is not there; the merged model is released after."""
    if not plan.missing:
        return
    with progress.stage(f"merge {plan.cell.id}", 1) as advance:
        merged = merge_cell(plan)
        advance(1)
    for target in plan.missing:
        with progress.stage(f"write {target.format.name}", 1) as advance:
            write_target(plan, target, merged, questions.all)
            advance(1)
