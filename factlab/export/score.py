"""What an export is asked, and what it scores beside the cell that it was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from factlab.comparison.responses import RunResponses
from factlab.grading.matcher import SCORER_VERSION
from factlab.metrics.differences import differences
from factlab.metrics.measure import is_likelihood, measure_tuned
from factlab.metrics.responses import Responses
from factlab.metrics.scores import QuestionSet
from factlab.schema.question import TRAINED_SPLITS, AnswerRecord, Question
from factlab.schema.results import CellResult

# What is not drawn: questions that were trained on, and those that no main metric counts.
_NOT_DRAWN = (*TRAINED_SPLITS, "unanswerable")


def drawn(questions: Sequence[Question], base: Responses, most: int, seed: int) -> list[Question]:
    """At most so many questions of each kind, in the order given; none that were trained on.

    A kind is a split; controls that the base knew are one of their own, since retention counts
    them alone. A question's place in the draw hangs on its id and the seed only, so that a smaller
    draw is part of a larger one.
    """
    by_kind: dict[tuple[str, bool], list[Question]] = {}
    for question in sorted(questions, key=lambda q: _place(q.id, seed)):
        if question.split not in _NOT_DRAWN:
            known = base.has(question) and base.knows(question)
            by_kind.setdefault((question.split, known), []).append(question)
    kept = {question.id for same in by_kind.values() for question in same[:most]}
    return [question for question in questions if question.id in kept]


def _place(id_: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {id_}".encode()).hexdigest()


def measured_export(
    evidence: RunResponses, cell: CellResult, said: Sequence[AnswerRecord]
) -> dict[str, object]:
    """The fields of an export's score that follow from its answers.

    They are held to the same base and the same controls as the cell's own figures, of which those
    on the same questions stand beside them.
    """
    asked, measured = evidence.tuned(cell.id, cell.facts)
    exported = Responses.of(asked.questions, said)
    answered = QuestionSet(asked.facts, [q for q in asked.questions if exported.has(q)])
    base = evidence.base_at(cell.precision)
    found = measure_tuned(answered, base, exported)
    beside = measure_tuned(answered, base, measured).metrics
    differing = differences(answered.questions, measured, exported)
    return {
        "scorer_version": SCORER_VERSION,
        "answers": len(answered.questions),
        "of": len(asked.questions),
        "differing": len(differing),
        "lost": sum(d.verdict_changed and bool(d.measured_correct) for d in differing),
        "gained": sum(d.verdict_changed and bool(d.exported_correct) for d in differing),
        "metrics": found.metrics,
        "measured": {name: beside[name] for name in found.metrics if name in beside},
        "not_measured": {
            name: "an export is asked for answers only" if is_likelihood(name) else why
            for name, why in found.not_measured.items()
        },
        "outcomes": found.outcomes,
    }
