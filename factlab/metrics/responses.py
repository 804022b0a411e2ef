"""The responses of one model: its answers, its answers to gate prompts, and its likelihoods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from factlab.grading.abstain import abstention
from factlab.grading.names import fold
from factlab.schema.question import AnswerRecord, LikelihoodRecord, OptionScore, Question
from factlab.schema.splits import SPLIT


@dataclass(frozen=True, slots=True)
class Responses:
    """The responses of one model, by question.

    Attributes:
        main: The answer to each question's own text.
        gates: Answers to the gate prompts of a question.
        in_context: Answers with the fact in the prompt; of the base only.
        likelihoods: Scored options.
        openings: Its own answers before the turns that challenge them.
    """

    main: Mapping[str, AnswerRecord]
    gates: Mapping[str, Sequence[AnswerRecord]]
    in_context: Mapping[str, AnswerRecord]
    likelihoods: Mapping[str, LikelihoodRecord]
    openings: Mapping[str, AnswerRecord] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        questions: Sequence[Question],
        answers: Iterable[AnswerRecord],
        likelihoods: Iterable[LikelihoodRecord] = (),
        in_context: Iterable[AnswerRecord] = (),
    ) -> Responses:
        """Tell answers to questions from answers to their gate prompts and openings."""
        text = {question.id: question.text for question in questions}
        first = {q.id: q.opening for q in questions if q.opening is not None}
        main: dict[str, AnswerRecord] = {}
        gates: dict[str, list[AnswerRecord]] = {}
        openings: dict[str, AnswerRecord] = {}
        for record in answers:
            if text.get(record.question_id) == record.prompt:
                main[record.question_id] = record
            elif first.get(record.question_id) == record.prompt:
                openings[record.question_id] = record
            else:
                gates.setdefault(record.question_id, []).append(record)
        return cls(
            main,
            gates,
            {
                record.question_id: record
                for record in in_context
                # Of a challenge the statement stands in the turn before, with the opening.
                if record.question_id not in first or record.prompt == text[record.question_id]
            },
            merged(likelihoods),
            openings,
        )

    def has(self, question: Question) -> bool:
        """Whether the question was answered."""
        return question.id in self.main

    def asked(self, question: Question) -> bool:
        """Whether the question was put: answered, or its options scored where that is all."""
        return self.has(question) or (SPLIT[question.split].raw and question.id in self.likelihoods)

    def correct(self, question: Question) -> bool:
        """Whether the question itself was answered right."""
        return bool(self.main[question.id].correct)

    def passes_gate(self, question: Question) -> bool:
        """Whether every gate prompt was answered right."""
        answered = self.gates.get(question.id, ())
        return len(answered) == len(question.gate) and all(a.correct for a in answered)

    def knows(self, question: Question) -> bool:
        """Whether the question and all its gate prompts were answered right."""
        return self.correct(question) and self.passes_gate(question)

    def options(self, question: Question, role: str) -> list[OptionScore]:
        """The scored options of a question in one role."""
        record = self.likelihoods.get(question.id)
        return [option for option in record.options if option.role == role] if record else []

    def declined(self, question: Question) -> bool:
        """Whether the answer declines to answer."""
        return abstention(self.main[question.id].text) is not None

    def normalized(self, question: Question) -> str:
        """The answer without regard to case, accents, punctuation and spaces."""
        return " ".join(re.findall(r"\w+", fold(self.main[question.id].text)))


def merged(records: Iterable[LikelihoodRecord]) -> dict[str, LikelihoodRecord]:
    """One record per question: a control's injected values are scored fact by fact."""
    found: dict[str, LikelihoodRecord] = {}
    for record in records:
        before = found.get(record.question_id)
        options = (*before.options, *record.options) if before else record.options
        found[record.question_id] = LikelihoodRecord(
            question_id=record.question_id, options=options
        )
    return found
