"""Examples of changed controls: intruded ones, and known ones that are lost."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from factlab.report.changes import change_of, injected_answers, marked
from factlab.report.load import SPLITS, ReportData
from factlab.report.wording import clean
from factlab.schema.results import CellResult
from factlab.schema.splits import RECALL_SPLITS, Split

_MOST, _CHARACTERS = 6, 240


@dataclass(frozen=True, slots=True)
class ControlExample:
    """A control that is intruded or lost in one cell."""

    cell: str
    split: Split
    change: str
    question: str
    before: str
    before_correct: bool | None
    known: bool
    after: Markup


def control_examples(run: ReportData, first: str) -> tuple[ControlExample, ...]:
    """Some intruded and some lost controls of a configuration, the worst first."""
    found = [
        example
        for configuration in run.configurations
        if configuration.id == first
        for cell in run.cells_of(configuration)
        for example in _examples_in(run, cell)
    ]
    found.sort(key=_gravity)
    intruded = [example for example in found if example.change == "intruded"]
    lost = [example for example in found if example.change == "lost"]
    return (
        *intruded[: max(_MOST // 2, _MOST - len(lost))],
        *lost[: max(_MOST // 2, _MOST - len(intruded))],
    )


def _examples_in(run: ReportData, cell: CellResult) -> list[ControlExample]:
    injected = injected_answers(run)
    answers = tuple(injected[fact] for fact in cell.facts if fact in injected)
    found = []
    for id_, after in run.cells.get(cell.id, {}).items():
        question = run.questions[id_]
        before = run.before(cell, question)
        change = change_of(question, before, after)
        if before is None or question.split in RECALL_SPLITS or change not in ("intruded", "lost"):
            continue
        found.append(
            ControlExample(
                cell=cell.id,
                split=question.split,
                change=change,
                question=clean(question.text),
                before=clean(before.text, limit=_CHARACTERS),
                before_correct=before.correct,
                known=run.base_knew(cell, question),
                after=marked(clean(after.text, limit=_CHARACTERS), answers),
            )
        )
    return found


def _gravity(example: ControlExample) -> tuple[bool, bool, int]:
    return example.change != "intruded", not example.before_correct, SPLITS.index(example.split)
