"""`factlab rescore`: the current matchers on stored answers; no model is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from factlab.comparison.responses import RunResponses
from factlab.errors import RunFolderError
from factlab.experiment.results import base_result, measured_cell, with_comparisons
from factlab.export.score import score_fields
from factlab.grading.answer import Answer
from factlab.grading.matcher import SCORER_VERSION
from factlab.metrics.verdicts import grade_text, injected_values
from factlab.report import write_report
from factlab.runs.files import read_json, read_lines, write_json, write_lines
from factlab.runs.folder import RunFolder
from factlab.runs.integrity import refuse_damaged, run_fingerprints, sealed
from factlab.schema.question import AnswerRecord, PanelAnswer, Question
from factlab.schema.results import CellResult, RunResult
from factlab.sharing.card import write_cards


def rescore(run: Path) -> tuple[RunResult, int]:
    """Grade the stored answers of a run again and compute every figure from the new verdicts.

    Likelihoods and drift are not graded, and stay as they were measured; their means and intervals
    are computed again from the recorded values.

    Args:
        run: A run folder with results; its verdicts, results and report are replaced.

    Returns:
        The new result, and how many verdicts changed.

    Raises:
        RunFolderError: for a folder without results, or one that another process writes to.
    """
    folder = RunFolder(run)
    folder.record()
    if not folder.results_file.is_file():
        raise RunFolderError(
            f"{run}: no results.json here, so nothing was measured yet. Continue the run with "
            "`factlab run … --resume`."
        )
    with folder.locked():
        before = read_json(folder.results_file, RunResult)
        refuse_damaged(folder, computed=False)
        changed = _grade_again(folder)
        responses = RunResponses.read(folder)
        base = base_result(responses, before.base.measuring_seconds, lacks=before.base.lacks)
        others = {
            precision: base_result(responses, at.measuring_seconds, precision, at.lacks)
            for precision, at in before.other_bases.items()
        }
        cells = tuple(_measure_again(responses, cell) for cell in folder.finished_cells())
        for cell in cells:
            write_json(folder.cell(cell.id).result_file, cell)
        _measure_exports(responses, cells)
        result = before.model_copy(
            update={
                "scorer_version": SCORER_VERSION,
                "base": base,
                "other_bases": others,
                "cells": _in_order(before, cells),
            }
        )
        whole = with_comparisons(responses, result)
        write_cards(folder, whole)
        if folder.record().files:
            folder.change(files=run_fingerprints(folder))
        write_report(folder.path)
    return whole, changed


def _in_order(before: RunResult, cells: tuple[CellResult, ...]) -> tuple[CellResult, ...]:
    place = {cell.id: i for i, cell in enumerate(before.cells)}
    return tuple(sorted(cells, key=lambda cell: place.get(cell.id, len(place))))


def _measure_again(responses: RunResponses, cell: CellResult) -> CellResult:
    if cell.status != "complete":
        return cell
    steps = cell.training.steps if cell.training else 0
    found, curve = measured_cell(responses, cell.id, cell.facts, steps, cell.precision, cell.lacks)
    drift = {name: value for name, value in cell.metrics.items() if name.startswith("drift/")}
    return cell.model_copy(
        update={
            "metrics": drift | found.metrics,
            "not_measured": found.not_measured,
            "outcomes": found.outcomes,
            "by_fact": found.by_fact,
            "curve": curve,
            "files": _sealed_again(responses.folder, cell),
        }
    )


def _sealed_again(folder: RunFolder, cell: CellResult) -> dict[str, str]:
    """The fingerprints of a cell's files, with those of texts that were edited; none if none."""
    return sealed(folder.cell(cell.id), cell).files if cell.files else {}


def _measure_exports(responses: RunResponses, cells: tuple[CellResult, ...]) -> None:
    by_id = {cell.id: cell for cell in cells}
    for folder in responses.folder.exports():
        record = folder.record()
        if record is None or record.score is None or record.cell not in by_id:
            continue
        found = score_fields(responses, by_id[record.cell], folder.answers())
        score = record.score.model_copy(update=found)
        write_json(folder.record_file, record.model_copy(update={"score": score}))


def _grade_again(folder: RunFolder) -> int:
    """Replace the verdicts in every file of answers; the number of those that changed."""
    questions = {question.id: question for question in folder.questions()}
    injected = injected_values(questions.values())
    bases = [folder.base(), *map(folder.base, folder.other_precisions())]
    files = [f for b in bases for f in (b.answers_file, b.in_context_file, b.rounding_file)]
    files += [folder.cell(cell.id).answers_file for cell in folder.finished_cells()]
    files += [export.answers_file for export in folder.exports()]
    changed = 0
    for file in files:
        old = list(read_lines(file, AnswerRecord, whole=True))
        new = [_graded(record, questions, injected) for record in old]
        changed += sum(a.outcome != b.outcome for a, b in zip(old, new, strict=True))
        if new:
            write_lines(file, new)
    for cell in folder.finished_cells():
        panel = folder.cell(cell.id).panel_file
        lines = [
            line.model_copy(update={"answer": _graded(line.answer, questions, injected)})
            for line in read_lines(panel, PanelAnswer)
        ]
        if lines:
            write_lines(panel, lines)
    return changed


def _graded(
    record: AnswerRecord, questions: Mapping[str, Question], injected: Mapping[str, Answer]
) -> AnswerRecord:
    question = questions.get(record.question_id)
    if question is None:
        raise RunFolderError(
            f"an answer belongs to the question '{record.question_id}', which is not in data/. "
            "Restore the data folder of this run."
        )
    # A text that ends at the token limit is not finished. But no generated text has fewer bytes
    # than tokens: one that has was edited by hand, and is whole.
    whole = record.finished or len(record.text.encode()) < record.tokens
    return grade_text(question, record.model_copy(update={"finished": whole}), injected)
