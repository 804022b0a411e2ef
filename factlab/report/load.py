"""Read everything that a report shows from the files of one run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from factlab.comparison.pool import alone
from factlab.errors import RunFolderError
from factlab.metrics.responses import Responses
from factlab.reading.paths import is_file, is_folder
from factlab.reading.records import read_bytes
from factlab.runs.files import read_json, read_lines
from factlab.runs.folder import BaseFolder, RunFolder
from factlab.runs.integrity import all_problems
from factlab.schema.export import ExportRecord
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.results import (
    BaseResult,
    CellResult,
    Configuration,
    FactSummary,
    ModelRecord,
    RunRecord,
    RunResult,
    TrainStep,
)
from factlab.schema.splits import Split
from factlab.schema.yaml import parse_yaml

# In the order a page lists them: what decides first, what was trained last. Anchor prompts are
# trained on and not measured, so they are no questions of a report.
SPLITS: tuple[Split, ...] = (
    "held_out",
    "practice",
    "near",
    "far",
    "unanswerable",
    "extra",
    "alias",
    "other_language",
    "reverse",
    "entailed",
    "challenged",
    "distinguish",
    "open",
    "downstream",
    "told_false",
    "probe",
    "validation",
    "train",
)
NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True)
class ReportData:
    """One run, whole or half-finished.

    Attributes:
        record: `run.json`.
        result: `results.json`, or what is known without it (see `has_results`).
        has_results: Whether `results.json` was there.
        questions: Every question of the run by its id.
        base: The base's responses at the run's first precision.
        other_bases: Precision → the base's responses, of the run's other precisions.
        cells: Answers of each cell by cell id, then by question id.
        train_logs: Logged steps by cell id.
        unfinished: Cell folders that hold no result.
        config: The text of `config.resolved.yaml`.
        settings: The same, read; empty where it is missing or no YAML.
        exports: What was exported.
        exported: Answers of each export by its id, then by question id.
        problems: What is not as the run wrote it, in sentences.
    """

    record: RunRecord
    result: RunResult
    has_results: bool
    questions: dict[str, Question]
    base: Responses
    other_bases: dict[str, Responses]
    cells: dict[str, dict[str, AnswerRecord]]
    train_logs: dict[str, tuple[TrainStep, ...]]
    unfinished: tuple[str, ...]
    config: str
    settings: dict[str, Any]
    exports: tuple[ExportRecord, ...] = ()
    exported: Mapping[str, Mapping[str, AnswerRecord]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def before(self, cell: CellResult, question: Question) -> AnswerRecord | None:
        """The base's answer to a question's own text, at the cell's precision."""
        return self._base(cell).main.get(question.id)

    def base_knew(self, cell: CellResult, question: Question) -> bool:
        """Whether the base answered every wording of the question right."""
        base = self._base(cell)
        return base.has(question) and base.knows(question)

    def _base(self, cell: CellResult) -> Responses:
        return self.other_bases.get(cell.precision, self.base)

    @property
    def is_practice(self) -> bool:
        """Whether the run trained on conversations and on no fact."""
        return any(question.split == "practice" for question in self.questions.values())

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """What the page compares; see `configurations_of`."""
        return configurations_of(self.result)

    @property
    def placebos(self) -> tuple[Configuration, ...]:
        """What was trained on something else than the fact, which the page shows beside it."""
        return tuple(c for c in self.result.configurations if c.placebo is not None)

    def cells_of(self, configuration: Configuration) -> list[CellResult]:
        """The cells of a configuration, in the order of the result."""
        return [cell for cell in self.result.cells if cell.id in configuration.cells]


def configurations_of(result: RunResult) -> tuple[Configuration, ...]:
    """The run's pooled configurations without placebos; a cell that none pools stands alone.

    That is so in a run that was stopped before its cells were pooled.
    """
    pooled = {id_ for configuration in result.configurations for id_ in configuration.cells}
    single = [
        alone(cell)
        for cell in result.cells
        if cell.id not in pooled and cell.status == "complete" and cell.metrics
    ]
    return tuple(c for c in (*result.configurations, *single) if c.placebo is None)


def labels(configurations: tuple[Configuration, ...]) -> dict[str, str]:
    """What charts call each configuration: its rank where ranks alone differ, else its id."""
    ranks = [configuration.rank for configuration in configurations]
    combined = any(c.combined or c.tuned for c in configurations)
    recipes = {configuration.recipe for configuration in configurations}
    if len(set(ranks)) == len(ranks) and 0 not in ranks and not combined and len(recipes) == 1:
        return {c.id: f"rank {c.rank}" for c in configurations}
    return {c.id: c.id for c in configurations}


def load_report_data(run_dir: Path) -> ReportData:
    """Read a run folder.

    Raises:
        RunFolderError: `run.json` is missing, or a file is damaged or from a newer factlab.
    """
    record = RunFolder(run_dir).record()
    questions = _questions(run_dir / "data")
    asked = list(questions.values())
    folder = RunFolder(run_dir)
    exports = folder.exports()

    def said(base: BaseFolder) -> Responses:
        return Responses.of(asked, read_lines(base.answers_file, AnswerRecord))

    folders = sorted(path for path in (run_dir / "cells").glob("*") if is_folder(path))
    has_results = is_file(run_dir / "results.json")
    if has_results:
        result = read_json(run_dir / "results.json", RunResult)
    else:
        result = _result_so_far(record, folders, questions)
    result = result.model_copy(update={"cells": _with_late_cells(result, folders)})
    done = {cell.id for cell in result.cells}
    config_file = run_dir / "config.resolved.yaml"
    config = read_bytes(config_file).decode(errors="replace") if is_file(config_file) else ""
    return ReportData(
        record=record,
        result=result,
        has_results=has_results,
        questions=questions,
        base=said(folder.base()),
        other_bases={name: said(folder.base(name)) for name in folder.other_precisions()},
        cells={
            folder.name: dict(
                Responses.of(asked, read_lines(folder / "answers.jsonl", AnswerRecord)).main
            )
            for folder in folders
        },
        train_logs={
            folder.name: tuple(read_lines(folder / "train_log.jsonl", TrainStep))
            for folder in folders
        },
        unfinished=tuple(folder.name for folder in folders if folder.name not in done),
        config=config,
        settings=_settings(config),
        exports=tuple(one for folder in exports if (one := folder.record()) is not None),
        exported={
            folder.path.name: {
                a.question_id: a for a in read_lines(folder.answers_file, AnswerRecord)
            }
            for folder in exports
        },
        problems=all_problems(folder),
    )


def _settings(config: str) -> dict[str, Any]:
    try:
        parse_yaml(config, "config.resolved.yaml", RunFolderError)  # within its bounds
        read = yaml.safe_load(config)
    except (RunFolderError, yaml.YAMLError):
        return {}
    return read if isinstance(read, dict) else {}


def _questions(data_dir: Path) -> dict[str, Question]:
    return {
        question.id: question
        for split in SPLITS
        for question in read_lines(data_dir / f"{split}.jsonl", Question)
    }


def _with_late_cells(result: RunResult, folders: list[Path]) -> tuple[CellResult, ...]:
    """The result's cells, and those finished after it was last written."""
    listed = {cell.id for cell in result.cells}
    late = [
        read_json(folder / "cell.json", CellResult)
        for folder in folders
        if folder.name not in listed and is_file(folder / "cell.json")
    ]
    return (*result.cells, *late)


def _result_so_far(
    record: RunRecord, folders: list[Path], questions: dict[str, Question]
) -> RunResult:
    """What a run without `results.json` can say: its cells, and no numbers about the base."""
    model = record.model or ModelRecord(
        name=NOT_RECORDED,
        source=NOT_RECORDED,
        sha256=NOT_RECORDED,
        parameters=0,
        precision_note=NOT_RECORDED,
        device=NOT_RECORDED,
    )
    blank = RunResult(
        run_id=record.run_id,
        status=record.status,
        scorer_version=NOT_RECORDED,
        model=model,
        facts=(),
        base=BaseResult(),
        cells=(),
    )
    cells = _with_late_cells(blank, folders)
    return blank.model_copy(update={"cells": cells, "facts": _facts_so_far(cells, questions)})


def _facts_so_far(
    cells: tuple[CellResult, ...], questions: dict[str, Question]
) -> tuple[FactSummary, ...]:
    found: dict[str, FactSummary] = {}
    for question in questions.values():
        if question.split == "held_out" and question.fact and question.gold:
            superseded = question.written(question.superseded) if question.superseded else None
            found.setdefault(
                question.fact,
                FactSummary(
                    id=question.fact,
                    statement="",
                    subject=question.fact.replace("_", " "),
                    answer=question.written(question.gold),
                    superseded=superseded,
                ),
            )
    for fact in dict.fromkeys(fact for cell in cells for fact in cell.facts):
        found.setdefault(
            fact,
            FactSummary(
                id=fact,
                statement="",
                subject=fact.replace("_", " "),
                answer="the injected value",
                superseded=None,
            ),
        )
    return tuple(found.values())
