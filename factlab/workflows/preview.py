"""What a fact is expanded into, for Python and notebooks; what `factlab preview` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from factlab.experiment.plan import plan_experiment
from factlab.report.notebook import preview_html
from factlab.schema.config import RunConfig
from factlab.schema.question import Question


@dataclass(frozen=True, slots=True)
class FactPreview:
    """The questions of one fact.

    Attributes:
        id: The fact's id.
        statement: What it says.
        splits: Split → its questions; those of `train` and `validation` have a trained answer.
    """

    id: str
    statement: str
    splits: Mapping[str, tuple[Question, ...]]


@dataclass(frozen=True, slots=True)
class Preview:
    """What facts are expanded into; a notebook shows it with examples of each split."""

    facts: tuple[FactPreview, ...]

    def _repr_html_(self) -> str:
        return preview_html([(fact.statement, fact.splits) for fact in self.facts])


def preview(config: RunConfig) -> Preview:
    """Expand the facts of a run.

    Raises:
        FactlabError: for whatever is wrong with the facts or the settings.
    """
    plan = plan_experiment(config)
    found = []
    for fact in plan.facts:
        splits: dict[str, list[Question]] = {}
        for question in [*plan.expansions[fact.id].all(), *plan.near[fact.id]]:
            splits.setdefault(question.split, []).append(question)
        kept = {split: tuple(questions) for split, questions in splits.items()}
        found.append(FactPreview(fact.id, fact.statement, kept))
    return Preview(tuple(found))
