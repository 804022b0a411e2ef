"""The table of answers before and after, as far as the size of the page allows."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from factlab.grading.answer import Answer
from factlab.report.changes import (
    CHANGES,
    change_of,
    differing_words,
    injected_answers,
    marked,
)
from factlab.report.load import SPLITS, ReportData
from factlab.report.wording import clean
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.results import CellResult
from factlab.schema.splits import RECALL_SPLITS, Split

# What the table of answers takes of the page.
BYTES = 240_000
_ROW_BYTES = 260
_OTHERS = 0.35
LIMIT = 160
# Answers that training left as they were, to be read in the run folder: they are counted here.
_SAME = frozenset({"kept", "unchanged", "different", "recalled"})
_ORDER = list(CHANGES)


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One question before and after one adapter was trained."""

    cell: str
    configuration: str
    fact: str
    split: Split
    question: str
    before: Markup | None
    before_correct: bool | None
    after: Markup
    same: bool
    change: str


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """The rows that tell something and fit, and what they are of.

    Attributes:
        rows: The adapters of the verdict's configuration first; within one, by split and change.
        size: About how many bytes they take.
        total: Answers that there are.
        telling: Of them, those that changed or that recall was expected of.
        cut: Answers shown that are longer than `LIMIT` characters.
        splits: Splits listed.
        changes: Changes listed, in words.
        configurations: Configurations listed.
        counts: Configuration → split → change → number, of all answers.
    """

    rows: tuple[QuestionRow, ...]
    size: int
    total: int
    telling: int
    cut: int
    splits: tuple[Split, ...]
    changes: dict[str, str]
    configurations: tuple[str, ...]
    counts: dict[str, dict[str, dict[str, int]]]

    @property
    def all_changes(self) -> set[str]:
        """The changes of all answers, listed or not."""
        return {
            change for one in self.counts.values() for split in one.values() for change in split
        }


def answer_table(run: ReportData, first: str, most_bytes: int = BYTES) -> AnswerTable:
    """The answers that tell something and fit, the worst changes of every configuration first."""
    everything = [
        (cell, run.questions[id_], answer)
        for cell in sorted(run.result.cells, key=lambda cell: cell.configuration != first)
        for id_, answer in run.cells.get(cell.id, {}).items()
    ]
    counts: dict[str, dict[str, dict[str, int]]] = {}
    ranked = []
    for place, (cell, question, answer) in enumerate(everything):
        change = change_of(question, run.before(cell, question), answer)
        split = counts.setdefault(cell.configuration, {}).setdefault(question.split, {})
        split[change] = split.get(change, 0) + 1
        if _tells(question, change):
            ranked.append((_priority(cell, first, change, split[change]), place))
    sizes = [_size(run, *answered) for answered in everything]
    kept = _fitting(sorted(ranked), sizes, most_bytes)
    injected = injected_answers(run)
    chosen = [answered for place, answered in enumerate(everything) if place in kept]
    rows = [_row(run, *answered, injected=injected) for answered in chosen]
    rows.sort(key=lambda row: _order(row, first))
    listed = {row.change for row in rows}
    return AnswerTable(
        rows=tuple(rows),
        size=max(kept.values(), default=0),
        total=len(everything),
        telling=len(ranked),
        cut=sum(_is_cut(run, *answered) for answered in chosen),
        splits=tuple(split for split in SPLITS if any(row.split == split for row in rows)),
        changes={change: words for change, words in CHANGES.items() if change in listed},
        configurations=tuple(dict.fromkeys(row.configuration for row in rows)),
        counts=counts,
    )


def _tells(question: Question, change: str) -> bool:
    """Whether an answer changed, or is to a question about the fact and wrong."""
    return change not in _SAME and (change != "still_wrong" or question.split in RECALL_SPLITS)


def _priority(cell: CellResult, first: str, change: str, turn: int) -> tuple[int, int, int]:
    """Lost and intruded controls of other configurations, then the verdict's own, then the rest.

    Of the verdict's configuration every split and change has its turn, so that a part of it shows
    all kinds.
    """
    gravity = _ORDER.index(change)
    if cell.configuration == first:
        return 1, turn, gravity
    return (0 if change in ("intruded", "lost") else 2), gravity, turn


CellAnswer = tuple[CellResult, Question, AnswerRecord]


def _size(run: ReportData, cell: CellResult, question: Question, answer: AnswerRecord) -> int:
    """About how many bytes of the page a row takes."""
    before = run.before(cell, question)
    texts = [question.text, answer.text[:LIMIT], before.text[:LIMIT] if before else ""]
    return _ROW_BYTES + sum(len(text.encode("utf-8", "replace")) for text in texts)


def _fitting(
    ranked: list[tuple[tuple[int, int, int], int]], sizes: list[int], most_bytes: int
) -> dict[int, int]:
    """The places that fit, each with the bytes taken so far.

    Lost and intruded controls of other configurations get a fixed share, so that the rows of the
    verdict's configuration fit too.
    """
    kept: dict[int, int] = {}
    taken = 0
    for (part, _, _), place in ranked:
        limit = most_bytes * _OTHERS if part == 0 else most_bytes
        if taken + sizes[place] <= limit:
            taken += sizes[place]
            kept[place] = taken
    return kept


def _order(row: QuestionRow, first: str) -> tuple[bool, str, int, int]:
    split, change = SPLITS.index(row.split), _ORDER.index(row.change)
    return row.configuration != first, row.cell, split, change


def _is_cut(run: ReportData, cell: CellResult, question: Question, answer: AnswerRecord) -> bool:
    before = run.before(cell, question)
    return len(answer.text) > LIMIT or (before is not None and len(before.text) > LIMIT)


def _row(
    run: ReportData,
    cell: CellResult,
    question: Question,
    answer: AnswerRecord,
    *,
    injected: dict[str, Answer],
) -> QuestionRow:
    record = run.before(cell, question)
    before = clean(record.text, limit=LIMIT) if record else None
    after = clean(answer.text, limit=LIMIT)
    left, right = differing_words(before, after) if before is not None else ((), ())
    intruded = tuple(injected[fact] for fact in answer.intrusions if fact in injected)
    return QuestionRow(
        cell=cell.id,
        configuration=cell.configuration,
        fact=question.fact or "",
        split=question.split,
        question=clean(question.text),
        before=marked(before, (), left) if before is not None else None,
        before_correct=record.correct if record else None,
        after=marked(after, intruded, right),
        same=before is not None and before == after,
        change=change_of(question, record, answer),
    )
