"""Examples of changed controls: intruded ones, and known ones that are lost."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from factlab.report.changes import change_of, injected_answers, marked
from factlab.report.load import SPLITS, ReportData
from factlab.report.wording import clean
from factlab.schema.results import CellResult, Configuration
from factlab.schema.splits import RECALL_SPLITS, Split

SHOWN_OPEN = 6
_MOST_IN_ALL, _MOST, _CHARACTERS = 320, 40, 400


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


@dataclass(frozen=True, slots=True)
class ControlExamples:
    """Intruded and lost controls of one configuration: the worst listed, the others counted."""

    configuration: Configuration
    items: tuple[ControlExample, ...]
    intruded: int
    lost: int

    @property
    def left_out(self) -> int:
        """How many are not listed."""
        return self.intruded + self.lost - len(self.items)


def control_examples(run: ReportData, first: str) -> list[ControlExamples]:
    """Intruded and lost controls of each configuration, the one of the verdict first."""
    order = sorted(run.configurations, key=lambda c: c.id != first)
    most = min(_MOST, max(SHOWN_OPEN, _MOST_IN_ALL // max(1, len(order))))
    return [_examples_of(run, configuration, most) for configuration in order]


def _examples_of(run: ReportData, configuration: Configuration, most: int) -> ControlExamples:
    found = [example for cell in run.cells_of(configuration) for example in _examples_in(run, cell)]
    found.sort(key=_gravity)
    intruded = sum(example.change == "intruded" for example in found)
    return ControlExamples(configuration, tuple(found[:most]), intruded, len(found) - intruded)


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
