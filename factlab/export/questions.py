"""The questions that an export answers: the run's own, or a sample of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from factlab.comparison.responses import RunResponses
from factlab.export.plan import ExportPlan
from factlab.metrics.responses import Responses
from factlab.schema.question import Question
from factlab.schema.splits import EXPORTED_SPLITS, TRAINED_SPLITS

LLAMACPP_SAMPLE = 40  # questions of each kind, unless the user says otherwise


@dataclass(frozen=True, slots=True)
class ExportQuestions:
    """The cell's questions and its answers.

    Attributes:
        run: All responses of the run.
        groups: Questions that the run batched on their own. Batching decides which products are
            rounded together, so an export of an unquantised run repeats the run's answers.
        measured: The cell's responses.
        sample_seed: Of the questions sampled from all of the cell's; None: these are
            all.
    """

    run: RunResponses
    groups: tuple[Sequence[Question], ...]
    measured: Responses
    sample_seed: int | None

    @classmethod
    def read(cls, plan: ExportPlan, sample: int | None) -> ExportQuestions:
        """Read them from the run folder.

        Args:
            plan: The export.
            sample: Most questions of each kind, see `sampled`, with the run's data seed; 0: all;
                None: all if transformers alone answers, else `LLAMACPP_SAMPLE`, since llama.cpp
                takes long on a CPU.
        """
        if sample is None:
            sample = LLAMACPP_SAMPLE if plan.has_gguf else 0
        responses = RunResponses.read(plan.folder, plan.cell.facts)
        asked, measured = responses.tuned(plan.cell.id, plan.cell.facts)
        seed = plan.config.data_seed
        base = responses.base_at(plan.cell.precision)
        chosen = sampled(asked.questions, base, sample, seed) if sample else list(asked.questions)
        whole = len(chosen) == len(asked.questions)
        return cls(responses, _groups(chosen, plan.cell.facts), measured, None if whole else seed)

    @property
    def all(self) -> list[Question]:
        """All of them, in the order in which they are answered."""
        return [question for group in self.groups for question in group]


def sampled(questions: Sequence[Question], base: Responses, most: int, seed: int) -> list[Question]:
    """At most so many questions of each kind, in the order given; none that were trained on.

    A kind is a split; controls that the base knew are one of their own, since retention counts
    them alone. A question's place in the sample follows from its id and the seed only, so that a
    smaller sample is part of a larger one.
    """
    by_kind: dict[tuple[str, bool], list[Question]] = {}
    for question in sorted(questions, key=lambda q: _place(q.id, seed)):
        if question.split in EXPORTED_SPLITS:
            known = base.has(question) and base.knows(question)
            by_kind.setdefault((question.split, known), []).append(question)
    chosen = {question.id for same in by_kind.values() for question in same[:most]}
    return [question for question in questions if question.id in chosen]


def _place(id_: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {id_}".encode()).hexdigest()


def _groups(questions: Sequence[Question], facts: Sequence[str]) -> tuple[list[Question], ...]:
    """The questions of each fact, then those of none, apart from those that were trained on."""
    groups: list[list[Question]] = []
    for fact in (*facts, None):
        own = [question for question in questions if question.fact == fact]
        groups.append([q for q in own if q.split not in TRAINED_SPLITS])
        groups.append([q for q in own if q.split in TRAINED_SPLITS])
    return tuple(group for group in groups if group)
