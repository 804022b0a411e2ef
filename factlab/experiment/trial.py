"""A trial: one cell while it is trained and measured, and what it is trained with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.experiment.baseline import Baseline
from factlab.experiment.evaluator import Evaluator
from factlab.experiment.prepare import distilled_pairs
from factlab.runs.folder import CellFolder, RunFolder
from factlab.schema.config import Cell
from factlab.schema.question import Question
from factlab.schema.results import CurvePoint, ValidationLoss

if TYPE_CHECKING:
    from torch import nn

    from factlab.experiment.trial_saving import KeptTraining
    from factlab.training.batch import Text
    from factlab.training.teacher import Teacher


@dataclass(slots=True)
class Trial:
    """A cell in the making.

    Attributes:
        cell: What is trained.
        name: Its adapter's name on the model.
        folder: Where its files are.
        panel: The questions that it answers while it is trained.
        anchors: What it is held to.
        teacher: What it is distilled from, if it is.
        base_head: The base's output head, where training changes it.
        validation: The pairs that its validation loss is computed on.
        initial: Where its adapter is as it began, if its beginning changed the base.
        points: Its panel so far, with the losses then.
        losses: Its validation loss so far.
        stopped: Why its training ended early, if it did.
        best: The best step on the panel and the adapter's weights then, if the best is kept.
        kept: Its training as it is saved on disk, if it is.
    """

    cell: Cell
    name: str
    folder: CellFolder
    panel: Sequence[Question]
    anchors: Sequence[Text]
    teacher: Teacher | None
    base_head: nn.Linear | None
    validation: Sequence[Text] = ()
    initial: Path | None = None
    points: list[CurvePoint] = field(default_factory=list)
    losses: list[ValidationLoss] = field(default_factory=list)
    stopped: str | None = None
    best: tuple[int, Any] | None = None
    kept: KeptTraining | None = None


def new_trial(cell: Cell, name: str, baseline: Baseline, folder: RunFolder) -> Trial:
    """A trial of a cell, with what the base gives it: anchors, a teacher, its own head."""
    from factlab.training.attach import base_head

    evaluator = baseline.evaluator
    experiment = evaluator.experiment
    questions = experiment.evaluated(cell.facts)
    base = baseline.responses.base_at(cell.precision)
    known = {q.id for q in questions if q.split == "far" and base.knows(q)}
    full = cell.recipe.method == "full"
    # The base is read here, before anything is put on it.
    return Trial(
        cell=cell,
        name=name,
        folder=folder.cell(cell.id),
        panel=experiment.panel(questions, known),
        anchors=baseline.anchors.of(cell),
        teacher=_teacher(cell, evaluator) if cell.recipe.distill_weight else None,
        base_head=base_head(evaluator.loaded) if full else None,
        validation=_validation_texts(cell, evaluator),
    )


def _validation_texts(cell: Cell, evaluator: Evaluator) -> list[Text]:
    """The validation pairs; a fact that fills few phrasings has none, nor has a practice set."""
    from factlab.training.batch import training_texts

    pairs = evaluator.experiment.validation_pairs(cell)
    return training_texts(evaluator.loaded.tokenizer, pairs) if pairs else []


def _teacher(cell: Cell, evaluator: Evaluator) -> Teacher:
    """The base with the fact in its prompt, or the model that the settings name."""
    from factlab.training.teacher import model_teacher, prompt_teacher

    experiment = evaluator.experiment
    pairs = distilled_pairs(experiment, cell.facts)
    statements = {fact.id: fact.statement for fact in experiment.facts}
    contexts = [statements[pair.fact or ""] for pair in pairs]
    if experiment.config.teacher is None:
        return prompt_teacher(evaluator.loaded, pairs, contexts, evaluator.base_cache)
    from factlab.models.load import load_model, load_options
    from factlab.models.resolve import resolve_model

    options = load_options(experiment.config)
    teacher = load_model(resolve_model(experiment.config.teacher), "bf16", options)
    return model_teacher(teacher, evaluator.loaded, pairs, contexts)
