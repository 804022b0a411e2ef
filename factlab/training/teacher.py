"""Soft targets: what a teacher predicts on the answers of training pairs.

The teacher has the fact and answered questions of it in its prompt, and the student does not: so
the base can teach itself.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factlab.errors import TrainingError
from factlab.models.load import LoadedModel
from factlab.schema.question import Question, Turn
from factlab.training.anchors import read_states
from factlab.training.batch import render_pairs, text_of

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedTokenizerBase

    from factlab.models.base_cache import BaseCache

EXAMPLES = 2
"""Answered questions of the same fact that a teacher reads before each question."""


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
    loaded: LoadedModel,
    questions: Sequence[Question],
    facts: Sequence[str],
    cache: BaseCache | None,
) -> Teacher:
    """The base as its own teacher, with the fact in its prompt; no adapter may be on it.

    Args:
        loaded: The base.
        questions: Training pairs.
        facts: What stands before each question.
        cache: Where states are kept between runs.
    """
    return Teacher(_states(loaded, questions, facts, cache))


def check_teacher(
    name: str,
    teacher: PreTrainedTokenizerBase,
    student: PreTrainedTokenizerBase,
    questions: Sequence[Question],
) -> None:
    """Refuse a teacher whose predictions would be about other tokens than the student's.

    Raises:
        TrainingError: if their vocabularies differ, or the tokens of an answer.
    """
    why = "its vocabulary is not the student's"
    if teacher.get_vocab() == student.get_vocab():
        written = [[p.answer_ids for p in render_pairs(t, questions)] for t in (teacher, student)]
        if written[0] == written[1]:
            return
        why = "it writes an answer, or the end of one, as other tokens than the student"
    raise TrainingError(
        f"--teacher {name}: {why}, so its predictions are about other tokens. Choose a teacher of "
        "the same family, or remove --teacher: the base then teaches itself."
    )


def model_teacher(
    teacher: LoadedModel, student: LoadedModel, questions: Sequence[Question], facts: Sequence[str]
) -> Teacher:
    """Another model as the teacher, with the fact in its prompt.

    Raises:
        TrainingError: if its head predicts fewer tokens than the student's.
    """
    from torch import nn

    from factlab.models.heads import head_of
    from factlab.training.attach import base_head

    head, rows = base_head(teacher), head_of(student.model).out_features
    if head.out_features < rows:
        raise TrainingError(
            f"--teacher {teacher.record.name}: its head predicts {head.out_features:,} tokens and "
            f"the student's {rows:,}. Choose a teacher that predicts as many."
        )
    # Models of a family are padded to different numbers of rows; no token stands for the rest.
    head.weight = nn.Parameter(head.weight[:rows], requires_grad=False)
    if head.bias is not None:
        head.bias = nn.Parameter(head.bias[:rows], requires_grad=False)
    head.out_features = rows
    states = _states(teacher, questions, facts, None)
    return Teacher([part.to(student.device) for part in states], head.to(student.device))


def _states(
    loaded: LoadedModel,
    questions: Sequence[Question],
    facts: Sequence[str],
    cache: BaseCache | None,
) -> Sequence[torch.Tensor]:
    prompts = teacher_questions(questions, facts)
    texts = [text_of(pair) for pair in render_pairs(loaded.tokenizer, prompts)]
    return read_states(loaded, texts, "teacher", cache)


def teacher_questions(questions: Sequence[Question], facts: Sequence[str]) -> list[Question]:
    """The questions as a teacher reads them: the fact, answered questions of it, then its own.

    With the fact alone, a small base answers in words of its own, and its student gives neither
    these nor the right ones; with two answered questions before, it follows them (docs/log.md).

    Args:
        questions: Training pairs; those of the same fact are examples for each other, except where
            the words are the same.
        facts: The fact of each.
    """
    draw = random.Random("teacher")
    of_fact: dict[str | None, list[Question]] = {}
    for question in questions:
        if not question.before:
            of_fact.setdefault(question.fact, []).append(question)
    found = []
    for question, fact in zip(questions, facts, strict=True):
        others = [q for q in of_fact.get(question.fact, ()) if q.text != question.text]
        examples = [
            turn
            for other in draw.sample(others, min(EXAMPLES, len(others)))
            for turn in (
                Turn(role="user", content=other.text),
                Turn(role="assistant", content=other.target or ""),
            )
        ]
        system = [turn for turn in question.before[:1] if turn.role == "system"]
        turns = [
            *examples,
            *question.before[len(system) :],
            Turn(role="user", content=question.text),
        ]
        turns[0] = turns[0].model_copy(update={"content": f"{fact}\n\n{turns[0].content}"})
        found.append(
            question.model_copy(
                update={"before": (*system, *turns[:-1]), "text": turns[-1].content}
            )
        )
    return found
