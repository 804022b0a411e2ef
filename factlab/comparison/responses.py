"""A run folder → the scores of each of its cells, read from the recorded answers alone."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from factlab.errors import RunFolderError
from factlab.metrics.benchmarks import benchmark_scores
from factlab.metrics.drift import drift_scores
from factlab.metrics.responses import Responses
from factlab.metrics.scores import QuestionSet, Scores, chances, floor_scores, tuned_scores
from factlab.runs.files import read_lines
from factlab.runs.folder import BaseFolder, RunFolder
from factlab.schema.benchmark import BenchmarkScore
from factlab.schema.question import AnswerRecord, LikelihoodRecord, Question
from factlab.schema.results import CellResult, DriftWindow
from factlab.schema.splits import EVALUATED_SPLITS, INTRUSION_SPLITS

AnyRecord = TypeVar("AnyRecord", AnswerRecord, LikelihoodRecord)


@dataclass(frozen=True, slots=True)
class CellScores:
    """One cell's values by metric.

    Attributes:
        cell: Whose values.
        scores: The tuned model's, question by question.
        base_scores: The base's on the same questions, with and without the fact in its prompt.
        chances: What guessing scores, by metric.
    """

    cell: CellResult
    scores: Scores
    base_scores: Scores
    chances: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RunResponses:
    """The questions of a run, and the responses of its base.

    Attributes:
        folder: The run.
        by_fact: Questions by the fact that they belong to; None: those of no fact. No anchors and
            nothing that was mixed in.
        base: The base's responses, at the run's first precision.
        others: Precision → the base's responses, at the run's other precisions.
    """

    folder: RunFolder
    by_fact: Mapping[str | None, Sequence[Question]]
    base: Responses
    others: Mapping[str, Responses]

    @classmethod
    def read(cls, folder: RunFolder, facts: Container[str] | None = None) -> RunResponses:
        """Read questions and the base's answers.

        Args:
            folder: The run.
            facts: Leave out the questions of all other facts.
        """
        by_fact: dict[str | None, list[Question]] = {}
        for question in folder.questions():
            wanted = question.fact is None or facts is None or question.fact in facts
            if question.split in EVALUATED_SPLITS and wanted:
                by_fact.setdefault(question.fact, []).append(question)
        questions = [question for same in by_fact.values() for question in same]
        ids = {question.id for question in questions}

        def responses_of(base: BaseFolder) -> Responses:
            return Responses.of(
                questions,
                _about(ids, base.answers()),
                _about(ids, read_lines(base.likelihoods_file, LikelihoodRecord, whole=True)),
                _about(ids, read_lines(base.in_context_file, AnswerRecord, whole=True)),
            )

        others = {name: responses_of(folder.base(name)) for name in folder.other_precisions()}
        return cls(folder, by_fact, responses_of(folder.base()), others)

    def base_at(self, precision: str) -> Responses:
        """The responses of the base that a cell of this precision stands on."""
        return self.others.get(precision, self.base)

    def tuned(self, cell_id: str, facts: tuple[str, ...]) -> tuple[QuestionSet, Responses]:
        """The questions that an adapter of these facts answered, and its responses."""
        files = self.folder.cell(cell_id)
        candidates = [q for fact in (*facts, None) for q in self.by_fact.get(fact, ())]
        responses = Responses.of(
            candidates,
            files.answers(),
            read_lines(files.likelihoods_file, LikelihoodRecord, whole=True),
        )
        return QuestionSet(
            facts, [question for question in candidates if responses.asked(question)]
        ), responses

    def score(self, cell: CellResult) -> CellScores:
        """The scores of one cell; its answers are read here and not stored.

        Raises:
            RunFolderError: if the cell's or the base's answers are not there.
        """
        question_set, tuned = self.tuned(cell.id, cell.facts)
        base = self.base_at(cell.precision)
        self._check(cell, question_set, base)
        return CellScores(
            cell=cell,
            scores=tuned_scores(question_set, base, tuned)
            | self._drift(cell)
            | benchmark_scores(
                self.folder.cell(cell.id).benchmarks(), self.base_benchmarks(cell.precision)
            ),
            base_scores=floor_scores(question_set, base),
            chances=chances(question_set, tuned),
        )

    def base_benchmarks(self, precision: str) -> list[BenchmarkScore]:
        """The base's scores of general benchmarks at a precision."""
        other = precision if precision in self.others else None
        return self.folder.base(other).benchmarks()

    def _drift(self, cell: CellResult) -> Scores:
        file = self.folder.cell(cell.id).drift_file
        return drift_scores(cell.facts, list(read_lines(file, DriftWindow, whole=True)))

    def _check(self, cell: CellResult, question_set: QuestionSet, base: Responses) -> None:
        if not question_set.questions:
            raise RunFolderError(
                f"{self.folder.cell(cell.id).answers_file}: no answers to the questions in data/, "
                f"though cell.json says that {cell.id} is {cell.status}. Make the run again, or "
                "restore the file."
            )
        missing = [q.id for q in question_set.of(*INTRUSION_SPLITS) if not base.has(q)]
        if missing:
            raise RunFolderError(
                f"{self.folder.base().answers_file}: the base's answers to {len(missing)} controls "
                f"are missing, such as {missing[0]}, and without them there is no before. Make "
                "the run again, or restore the file."
            )


def _about(ids: Container[str], records: Iterable[AnyRecord]) -> Iterator[AnyRecord]:
    return (record for record in records if record.question_id in ids)
