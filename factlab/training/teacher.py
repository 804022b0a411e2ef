"""What a teacher predicts on the answers of training pairs: soft targets.

The teacher is told the fact in its prompt, and the student is not: so the base can teach itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factlab.errors import TrainingError
from factlab.models.load import LoadedModel
from factlab.schema.question import Question
from factlab.training.anchors import read_states
from factlab.training.batch import render_pairs, text_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from factlab.models.kept import Kept


@dataclass(frozen=True, slots=True)
class Teacher:
    """A teacher's predictions.

    Attributes:
        states: Of each pair, the states that predict its answer's tokens, (targets, hidden).
        head: What turns them into logits; None for the base's own head.
    """

    states: Sequence[torch.Tensor]
    head: nn.Linear | None = None


def prompt_teacher(
    loaded: LoadedModel, questions: Sequence[Question], told: Sequence[str], kept: Kept | None
) -> Teacher:
    """The base as its own teacher, with the fact in its prompt; no adapter may be on it.

    Args:
        loaded: The base.
        questions: Training pairs.
        told: What stands before each question: the fact.
        kept: Where states are kept between runs.
    """
    return Teacher(_states(loaded, questions, told, kept))


def model_teacher(
    teacher: LoadedModel, student: LoadedModel, questions: Sequence[Question], told: Sequence[str]
) -> Teacher:
    """Another model as the teacher, with the fact in its prompt.

    Raises:
        TrainingError: if its vocabulary is not the student's.
    """
    from factlab.training.attach import base_head

    if teacher.tokenizer.get_vocab() != student.tokenizer.get_vocab():
        raise TrainingError(
            f"--teacher {teacher.record.name}: its vocabulary is not that of "
            f"{student.record.name}, so its predictions are about other tokens. Choose a teacher "
            "of the same family, or leave --teacher away: the base then teaches itself."
        )
    states = _states(teacher, questions, told, None)
    return Teacher([part.to(student.device) for part in states], base_head(teacher))


def _states(
    loaded: LoadedModel, questions: Sequence[Question], told: Sequence[str], kept: Kept | None
) -> Sequence[torch.Tensor]:
    asked = [
        question.model_copy(update={"text": f"{fact}\n\n{question.text}"})
        for question, fact in zip(questions, told, strict=True)
    ]
    texts = [text_of(pair) for pair in render_pairs(loaded.tokenizer, asked)]
    return read_states(loaded, texts, "teacher", kept)
