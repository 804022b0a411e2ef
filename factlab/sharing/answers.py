"""One row per question and model: what was asked, what was answered, and every score of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from factlab.comparison.responses import RunResponses
from factlab.errors import ConfigError, RunFolderError
from factlab.metrics.responses import Responses
from factlab.metrics.scores import QuestionSet, Scores, base_scores, tuned_scores
from factlab.runs.folder import RunFolder, load_run
from factlab.runs.integrity import refuse_damaged
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.results import CellResult, Metric, ModelRecord, RunRecord, RunResult
from factlab.schema.yaml import did_you_mean


@dataclass(frozen=True, slots=True)
class Answered:
    """A question and what one model made of it.

    Attributes:
        question: The question.
        answer: The model's answer.
        scores: Metric → value of this question; its mean over the questions is the figure.
        right_nats: Summed NLL of the right answer, if it was measured.
        wrong_nats: The least of the wrong options.
        injected_nats: The least of the injected values, of a control.
    """

    question: Question
    answer: AnswerRecord
    scores: Mapping[str, float]
    right_nats: float | None
    wrong_nats: float | None
    injected_nats: float | None


@dataclass(frozen=True, slots=True)
class AnsweringModel:
    """A model that answered: a base at a precision, or a cell.

    Attributes:
        name: `base`, `base-PRECISION`, or the cell's id.
        cell: The cell; None: the base.
        precision: At which it was evaluated.
        model: The base's weights.
        metrics: The recorded figures.
        asked: Its questions.
    """

    name: str
    cell: CellResult | None
    precision: str
    model: ModelRecord
    metrics: Mapping[str, Metric]
    asked: Sequence[Answered]


@dataclass(frozen=True, slots=True)
class SharedRun:
    """A finished run, checked.

    Attributes:
        folder: The run.
        record: `run.json`.
        result: `results.json`.
        cells: The cells that are taken.
    """

    folder: RunFolder
    record: RunRecord
    result: RunResult
    cells: tuple[CellResult, ...]

    @classmethod
    def read(cls, folder: RunFolder, cell: str | None) -> SharedRun:
        """Read a run.

        Raises:
            FactlabError: if it was changed since, has no results, or no such cell.
        """
        record = folder.record()
        refuse_damaged(folder)
        result = load_run(folder.path)
        finished = {one.id: one for one in result.cells if one.status == "complete"}
        if not finished:
            raise RunFolderError(
                f"{folder.path}: no cell is finished, so there is nothing to export. "
                "`factlab run … --resume` continues it."
            )
        if cell is not None and cell not in finished:
            raise ConfigError(
                f"--cell {cell}: no such finished cell.{did_you_mean(cell, finished)} "
                f"Finished: {', '.join(finished)}."
            )
        chosen = tuple(finished.values()) if cell is None else (finished[cell],)
        return cls(folder, record, result, chosen)

    def subjects(self) -> Iterator[AnsweringModel]:
        """The base at each precision of the cells, then the cells; one at a time in memory."""
        responses = RunResponses.read(self.folder)
        precisions = dict.fromkeys(cell.precision for cell in self.cells)
        for precision in precisions:
            yield self._base(responses, precision, alone=len(precisions) == 1)
        for cell in self.cells:
            yield self._cell(responses, cell)

    def _base(self, responses: RunResponses, precision: str, *, alone: bool) -> AnsweringModel:
        facts = tuple(fact for fact in responses.by_fact if fact is not None)
        base = responses.base_at(precision)
        questions = [q for same in responses.by_fact.values() for q in same if base.has(q)]
        asked = QuestionSet(facts, questions)
        return AnsweringModel(
            "base" if alone else f"base-{precision}",
            None,
            precision,
            self.result.model_at(precision),
            self.result.base_at(precision).metrics,
            _asked(asked, base, base_scores(asked, base)),
        )

    def _cell(self, responses: RunResponses, cell: CellResult) -> AnsweringModel:
        asked, tuned = responses.tuned(cell.id, cell.facts)
        base = responses.base_at(cell.precision)
        return AnsweringModel(
            cell.id,
            cell,
            cell.precision,
            self.result.model_at(cell.precision),
            cell.metrics,
            _asked(asked, tuned, tuned_scores(asked, base, tuned)),
        )


def _asked(question_set: QuestionSet, model: Responses, scores: Scores) -> list[Answered]:
    by_key: dict[str, dict[str, float]] = {}
    for name, items in scores.items():
        for item in items:
            by_key.setdefault(item.key, {})[name] = item.value
    return [
        Answered(
            question,
            model.main[question.id],
            by_key.get(question_set.score(question, 0).key, {}),
            *(_least(model, question, role) for role in ("right", "wrong", "injected")),
        )
        for question in question_set.questions
        if model.has(question)  # prompts that are only scored have no answer
    ]


def _least(model: Responses, question: Question, role: str) -> float | None:
    return min((option.nll_nats for option in model.options(question, role)), default=None)
