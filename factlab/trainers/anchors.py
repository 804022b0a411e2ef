"""Anchors as ordinary pairs: the prompts of a recipe with the base's own, whole answers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice

from factlab.experiment.baseline import load_evaluator
from factlab.experiment.evaluator import own_prompts
from factlab.experiment.prepare import Prepared
from factlab.progress import Progress
from factlab.schema.config import Cell
from factlab.schema.question import Question

MOST_TOKENS = 96  # of an answer; one that the base does not end within them is left out


def anchors_wanted(cell: Cell, pairs: int) -> int:
    """How many anchors a pass over the pairs draws."""
    recipe = cell.recipe
    if recipe.anchored_on is None:
        return 0
    return round(pairs * recipe.anchors_per_step / recipe.batch_size)


def anchor_pairs(
    prepared: Prepared, cell: Cell, wanted: int, progress: Progress, *, fresh: bool = False
) -> tuple[list[Question], int]:
    """Anchors with the base's answers, and how many were left out.

    The base is loaded at the cell's precision; what it answered before is read from its cache. An
    answer that it did not end is no pair: training on it would teach it to stop midway. Nor is one
    with a value that a fact supersedes.

    Args:
        prepared: The experiment and the model's files.
        cell: Whose anchors.
        wanted: At most so many.
        progress: Where to report.
        fresh: Compute the base's answers again.
    """
    experiment = prepared.experiment
    prompts = experiment.anchor_prompts(cell.facts, cell.anchored_on)[:wanted]
    if not prompts:
        return [], 0
    evaluator = load_evaluator(prepared, cell.precision, progress, fresh=fresh)
    said = evaluator.answers(
        evaluator.base, [own_prompts(prompts)], "answer anchors", max_new_tokens=MOST_TOKENS
    )
    old = experiment.superseded_values(cell.facts)
    kept = [
        question.model_copy(update={"target": record.text.strip()})
        for question, record in zip(prompts, said, strict=True)
        if record.finished and record.text.strip() and not any(v.find(record.text) for v in old)
    ]
    return kept, len(prompts) - len(kept)


def repeated(anchors: Sequence[Question], rows: int) -> list[Question]:
    """The anchors in turn, again and again, until there are so many rows."""
    return list(islice(cycle(anchors), rows)) if anchors else []
