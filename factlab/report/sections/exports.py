"""The exports of each cell beside the measured model: their metrics, and answers that differ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from factlab.grading.answer import Answer
from factlab.metrics.catalogue import MAIN_METRICS
from factlab.metrics.differences import differences
from factlab.metrics.responses import Responses
from factlab.report.changes import differing_words, injected_answers, marked
from factlab.report.load import ReportData
from factlab.report.table import Entry, Table, columns, entries, metric_entry
from factlab.report.wording import NONE, clean, count_of, integer, split_label
from factlab.schema.export import Difference, ExportRecord
from factlab.schema.results import CellResult, Metric

_MOST_ANSWERS, _CHARACTERS = 40, 300
_VERDICTS = {True: "✓ ", False: "✕ ", None: ""}


@dataclass(frozen=True, slots=True)
class ExportDetails:
    """One export: a summary, where it is, and answers that differ, as far as they fit."""

    record: ExportRecord
    summary: str
    place: str
    table: Table | None


@dataclass(frozen=True, slots=True)
class CellExports:
    """The exports of one cell.

    Attributes:
        figures: The measured model, and below it the exports evaluated on the same questions.
        names: The metrics of that table.
        exports: One by one.
        rounding: How often the base gave other words when computed another way, as `3 of 90`;
            empty if not measured.
    """

    figures: Table
    names: tuple[str, ...]
    exports: tuple[ExportDetails, ...]
    rounding: str


def cell_exports(run: ReportData) -> list[CellExports]:
    """The exports of each cell that has any."""
    found = []
    for cell in run.result.cells:
        records = [record for record in run.exports if record.cell == cell.id]
        if records:
            found.append(_exports(run, cell, records))
    return found


def _exports(run: ReportData, cell: CellResult, records: list[ExportRecord]) -> CellExports:
    names = tuple(name for name in MAIN_METRICS if name in cell.metrics)
    heads = columns("Model", "Answered by", "#MB", *names, "#Answers that differ")
    by_questions: dict[tuple[int, int | None] | None, list[ExportRecord]] = {}
    for record in records:
        by_questions.setdefault(_questions(record), []).append(record)
    rows = []
    for same in by_questions.values():
        rows += [_measured_row(cell, same[0], names)]
        rows += [_export_row(record, names) for record in same]
    repeated = run.result.base_at(cell.precision).metrics.get("rounding/text")
    answers = tuple(answer for fact, answer in injected_answers(run).items() if fact in cell.facts)
    return CellExports(
        figures=Table(f"Exports of {cell.id} beside what was measured", heads, tuple(rows)),
        names=names,
        exports=tuple(_export(run, record, answers) for record in records),
        rounding=(count_of(repeated) or "") if repeated else "",
    )


def _questions(record: ExportRecord) -> tuple[int, int | None] | None:
    """Which of the cell's questions an export was evaluated on: their number and the draw."""
    return (record.score.answers, record.score.draw_seed) if record.score else None


def _measured_row(
    cell: CellResult, record: ExportRecord, names: tuple[str, ...]
) -> tuple[Entry, ...]:
    """The measured model on the questions of an export."""
    trained = f"adapter on {cell.precision}" if record.modules else f"tuned at {cell.precision}"
    score = record.score
    if score is None:
        return _row(trained, "the run", None, cell.metrics, names, None)
    asked = "all" if score.draw_seed is None else f"{integer(score.answers)} drawn"
    title = f"{trained}, {asked} of {integer(score.of)} questions"
    return _row(title, "the run", None, score.measured, names, None)


def _export_row(record: ExportRecord, names: tuple[str, ...]) -> tuple[Entry, ...]:
    score = record.score
    return _row(
        _title(record),
        score.program if score else "not evaluated",
        record.size_bytes / 1e6,
        score.metrics if score else {},
        names,
        f"{integer(score.differing)} of {integer(score.answers)}" if score else NONE,
    )


def _row(
    title: str,
    program: str,
    megabytes: float | None,
    metrics: dict[str, Metric],
    names: tuple[str, ...],
    differing: str | None,
) -> tuple[Entry, ...]:
    size = Entry(NONE) if megabytes is None else Entry(integer(megabytes), key=megabytes)
    figures = [metric_entry(name, metrics.get(name)) for name in names]
    return entries(title, program, size, *figures, differing or NONE)


def _title(record: ExportRecord) -> str:
    stored = f", {record.weights}" if record.format == "merged" else ""
    merged = ", merged into what was measured" if record.base == "measured" else ""
    return f"{record.format}{stored}{merged}"


def _export(run: ReportData, record: ExportRecord, answers: tuple[Answer, ...]) -> ExportDetails:
    said = run.exported.get(record.id, {})
    asked = [question for question in run.questions.values() if question.id in said]
    found = differences(
        asked,
        Responses.of(asked, run.cells.get(record.cell, {}).values()),
        Responses.of(asked, said.values()),
    )
    shown = found[:_MOST_ANSWERS]
    left = len(found) - len(shown)
    table = Table(
        f"Answers of {record.id} that differ",
        columns("Question", "Split", "Adapter on base", "Exported model"),
        tuple(_difference_row(difference, answers) for difference in shown),
        f"{integer(left)} more are in exports/{record.id}/answers.jsonl." if left else "",
    )
    score = record.score
    summary = "not evaluated"
    if score is not None:
        summary = (
            f"{integer(score.differing)} of {integer(score.answers)} answers differ; "
            f"{integer(score.lost)} right answers became wrong, {integer(score.gained)} wrong "
            "answers became right"
        )
        if score.draw_seed is not None:
            summary += (
                f". A sample of {integer(score.of)} questions, drawn by kind with seed "
                f"{score.draw_seed}, without trained questions"
            )
    place = "outside the run folder" if Path(record.place).is_absolute() else record.place
    return ExportDetails(record, summary, place, table if found else None)


def _difference_row(difference: Difference, answers: tuple[Answer, ...]) -> tuple[Entry, ...]:
    before = clean(difference.measured, limit=_CHARACTERS)
    after = clean(difference.exported, limit=_CHARACTERS)
    left, right = differing_words(before, after)
    changed = difference.verdict_changed
    tone = ("good" if difference.exported_correct else "bad") if changed else ""
    return entries(
        clean(difference.question),
        split_label(difference.split),
        Entry(_VERDICTS[difference.measured_correct] + marked(before, answers, left)),
        Entry(_VERDICTS[difference.exported_correct] + marked(after, answers, right), tone=tone),
    )
