"""The base before training: its answers and scores, which every trial is measured against."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factlab.comparison.responses import RunResponses
from factlab.expand.controls import languages_of
from factlab.experiment.benchmarks import measure_benchmarks
from factlab.experiment.evaluator import Evaluator
from factlab.experiment.prepare import Prepared
from factlab.experiment.results import base_result
from factlab.progress import Progress
from factlab.runs.folder import BaseFolder, RunFolder
from factlab.schema.config import Cell, Precision
from factlab.schema.control import neutral_text
from factlab.schema.recipe import AnchorChoice
from factlab.schema.results import BaseResult

if TYPE_CHECKING:
    from factlab.inference.drift import NeutralText
    from factlab.training.batch import Text


@dataclass(frozen=True, slots=True)
class Baseline:
    """The base at one precision, and what trials are measured against.

    Attributes:
        evaluator: Puts the experiment's questions to a model.
        responses: What the base answered.
        anchors: Prompts with the base's own answers, which training holds an adapter to.
        neutral: Neutral text with the base's predictions, for drift; None where it cannot be had.
        result: What the base scores.
    """

    evaluator: Evaluator
    responses: RunResponses
    anchors: Anchors
    neutral: NeutralText | None
    result: BaseResult


def load_evaluator(
    prepared: Prepared, precision: Precision, progress: Progress, *, fresh: bool
) -> Evaluator:
    """Load the base at a precision, or connect to it.

    Args:
        prepared: The experiment and its base.
        precision: How the weights are held.
        progress: Where to report.
        fresh: Compute the base's answers again, instead of reading those of an earlier run.
    """
    with progress.stage(f"load at {precision}", 1) as advance:
        base = prepared.base.open(precision, fresh=fresh)
        advance(1)
    return Evaluator(prepared.experiment, base, progress)


def measure_baseline(folder: RunFolder, evaluator: Evaluator, precision: Precision) -> Baseline:
    """Evaluate the base before anything is trained; answers that are on disk are read."""
    # The run's first precision has the folder base/ itself, others one below it.
    other = None if precision == evaluator.experiment.precisions[0] else precision
    files, base = folder.base(other), evaluator.base
    resumed = files.answers_file.is_file()  # by the run that is resumed; its time is not known
    started = time.perf_counter()
    evaluator.evaluate_base(files)
    if note := base.reuse_note(f"the base{f' at {other}' if other else ''}"):
        folder.change(notes=(*folder.record().notes, note))
    measure_benchmarks(base, evaluator.experiment.config, files, evaluator.progress, "base")
    seconds = None if resumed else round(time.perf_counter() - started, 3)
    responses = RunResponses.read(folder)
    return Baseline(
        evaluator,
        responses,
        Anchors(evaluator, files),
        _neutral(evaluator) if "drift" not in base.lacks else None,
        base_result(responses, seconds, other, base.lacks),
    )


class Anchors:
    """The anchors of a set of facts with the base's answers and states, made once per set."""

    def __init__(self, evaluator: Evaluator, folder: BaseFolder) -> None:
        self.evaluator = evaluator
        self.answers = {record.question_id: record for record in folder.answers()}
        self.made: dict[tuple[tuple[str, ...], AnchorChoice | None, int], list[Text]] = {}

    def of(self, cell: Cell) -> list[Text]:
        """The anchors that a cell's adapter is trained with.

        One that the base answers with a value that a fact supersedes would hold that value.
        """
        wanted = cell.facts, cell.anchored_on, cell.recipe.anchor_tokens
        questions = self.evaluator.experiment.anchor_prompts(cell.facts, cell.anchored_on)
        if not questions:
            return []
        if wanted not in self.made:
            from factlab.training.anchors import AnsweredPrompt, prepare_anchors

            answers = [(question, self.answers[question.id]) for question in questions]
            old = self.evaluator.experiment.superseded_values(cell.facts)
            answered = [
                AnsweredPrompt(q.text, r.text, r.finished)
                for q, r in answers
                if not any(value.find(r.text) for value in old)
            ]
            loaded, cache = self.evaluator.loaded, self.evaluator.base_cache
            # Only the last set is held: its states take memory, and cells of one set follow.
            self.made = {wanted: prepare_anchors(loaded, answered, cache, tokens=wanted[2])}
        return self.made[wanted]


def _neutral(evaluator: Evaluator) -> NeutralText:
    from factlab.inference.drift import read_neutral_text

    loaded = evaluator.loaded
    text = neutral_text(languages_of(evaluator.experiment.facts))
    ids = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
    return read_neutral_text(loaded.model, ids, evaluator.base_cache)
