"""In which answers an exported model differs from the model that was measured."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from factlab.schema.export import Difference
from factlab.schema.passage import DEPTHS
from factlab.schema.question import TRAINED_SPLITS, Question
from factlab.scoring.evidence import Evidence

# What tells whether a fact survived, and at what cost; a run has those that it could measure.
MAIN_METRICS = (
    "recall/held_out",
    *(f"recall/{depth}" for depth in DEPTHS),
    "retention/far",
    "retention/near",
    "intrusion/near",
    "intrusion/far",
)


# What is not drawn: questions that were trained on, and those that no main metric counts.
_NOT_DRAWN = (*TRAINED_SPLITS, "unanswerable")


def drawn(questions: Sequence[Question], base: Evidence, most: int, seed: int) -> list[Question]:
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


def differences(
    questions: Sequence[Question], measured: Evidence, exported: Evidence
) -> list[Difference]:
    """Answers whose text is another, those of another verdict first; else in the order given."""
    found = [
        Difference(
            question_id=question.id,
            split=question.split,
            question=question.text,
            measured=before.text,
            exported=after.text,
            measured_correct=before.correct,
            exported_correct=after.correct,
        )
        for question in questions
        if (before := measured.main.get(question.id)) is not None
        and (after := exported.main.get(question.id)) is not None
        and before.text != after.text
    ]
    return sorted(found, key=lambda difference: not difference.verdict_changed)
