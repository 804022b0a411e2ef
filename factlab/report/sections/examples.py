"""Controls that broke: those that took in the value, and those that were known and are lost."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from factlab.report.changes import change_of, injected_answers, marked
from factlab.report.load import RECALL_SPLITS, SPLITS, ReportData
from factlab.report.wording import clean
from factlab.schema.question import Split
from factlab.schema.results import CellResult, Configuration

OPEN = 6
_MOST_IN_ALL, _MOST, _CHARACTERS = 320, 40, 400


@dataclass(frozen=True, slots=True)
class Broken:
    """A control that a cell no longer answers as it should."""

    cell: str
    split: Split
    change: str
    question: str
    before: str
    before_correct: bool | None
    known: bool
    after: Markup


@dataclass(frozen=True, slots=True)
class Quotes:
    """What broke in one configuration: the gravest quoted, the others counted."""

    configuration: Configuration
    items: tuple[Broken, ...]
    intruded: int
    lost: int

    @property
    def left_out(self) -> int:
        """How many are not quoted."""
        return self.intruded + self.lost - len(self.items)


def quotes(run: ReportData, first: str) -> list[Quotes]:
    """What broke in each configuration, the one of the verdict first."""
    order = sorted(run.configurations, key=lambda c: c.id != first)
    most = min(_MOST, max(OPEN, _MOST_IN_ALL // max(1, len(order))))
    return [_quotes(run, configuration, most) for configuration in order]


def _quotes(run: ReportData, configuration: Configuration, most: int) -> Quotes:
    found = [broken for cell in run.cells_of(configuration) for broken in _broken(run, cell)]
    found.sort(key=_gravity)
    intruded = sum(broken.change == "intruded" for broken in found)
    return Quotes(configuration, tuple(found[:most]), intruded, len(found) - intruded)


def _broken(run: ReportData, cell: CellResult) -> list[Broken]:
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
            Broken(
                cell=cell.id,
                split=question.split,
                change=change,
                question=clean(question.text),
                before=clean(before.text, limit=_CHARACTERS),
                before_correct=before.correct,
                known=run.knew(cell, question),
                after=marked(clean(after.text, limit=_CHARACTERS), answers),
            )
        )
    return found


def _gravity(broken: Broken) -> tuple[bool, bool, int]:
    return broken.change != "intruded", not broken.before_correct, SPLITS.index(broken.split)
