"""Pairs and anchors → the texts of a step, and which pairs each step takes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factlab.errors import TrainingError
from factlab.models.chat import RenderedPair, render_pair
from factlab.schema.question import Question

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Text:
    """A chat to train on.

    Attributes:
        tokens: What the model reads: the prompt and the answer but for its last token.
        first: Place of the token whose state predicts the first target.
        targets: The answer's tokens; the state at `first + i` predicts the i-th.
        reference: For an anchor, the base's states there, shape (targets, hidden); for a pair that
            is distilled, the teacher's.
        mixed: Whether it is mixed in, and no pair of a fact.
        prompt: Of an anchor, what is asked.
    """

    tokens: tuple[int, ...]
    first: int
    targets: tuple[int, ...]
    reference: torch.Tensor | None = None
    mixed: bool = False
    prompt: str = ""


def text_of(
    pair: RenderedPair, reference: torch.Tensor | None = None, *, mixed: bool = False
) -> Text:
    """A rendered pair as a text to train on."""
    return Text(
        tokens=(*pair.prompt_ids, *pair.answer_ids[:-1]),
        first=len(pair.prompt_ids) - 1,
        targets=pair.answer_ids,
        reference=reference,
        mixed=mixed,
    )


def render_pairs(
    tokenizer: PreTrainedTokenizerBase, questions: Sequence[Question]
) -> list[RenderedPair]:
    """Render training questions.

    Raises:
        TrainingError: if there are none, or one has no answer token to train on.
    """
    if not questions:
        raise TrainingError("there is no training pair: the expansion of the fact came out empty.")
    pairs = []
    for question in questions:
        pair = render_pair(tokenizer, question.text, question.target or "", question.before)
        if not question.target or not pair.answer_ids:
            raise TrainingError(f"the training pair {question.id} has no answer token.")
        pairs.append(pair)
    return pairs


def training_texts(
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[Question],
    teacher_states: Sequence[torch.Tensor] = (),
) -> list[Text]:
    """Training questions as texts; raises as `render_pairs`.

    Args:
        tokenizer: The model's own.
        questions: Pairs of facts, and what is mixed in.
        teacher_states: On the facts' pairs, if they are distilled; what is mixed in is learned from
            its own answers.
    """
    pairs = render_pairs(tokenizer, questions)
    mixed = [question.split == "mix" for question in questions]
    states = iter(teacher_states)
    return [
        text_of(pair, None if is_mixed else next(states, None), mixed=is_mixed)
        for pair, is_mixed in zip(pairs, mixed, strict=True)
    ]


def batch_order(pairs: int, batch_size: int, steps: int, seed: int) -> list[list[int]]:
    """Which pairs each step takes: every epoch goes through all of them in an order of its own.

    The last step of an epoch takes what is left of it.
    """
    order = random.Random(f"order/{seed}")
    found: list[list[int]] = []
    while len(found) < steps:
        epoch = list(range(pairs))
        order.shuffle(epoch)
        found += [epoch[start : start + batch_size] for start in range(0, pairs, batch_size)]
    return found[:steps]
