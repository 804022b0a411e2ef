"""One adapter to train, and how far its training has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from factlab.schema.config import Cell
from factlab.schema.question import Question
from factlab.schema.results import TrainStep
from factlab.training.batch import Text, batch_order, training_texts
from factlab.training.steps import train_steps

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedTokenizerBase

    from factlab.training.teacher import Teacher


@dataclass(slots=True)
class AdapterJob:
    """One adapter in training; `train_together` prepares and trains it.

    Attributes:
        cell: Rank, seed and recipe.
        questions: Training pairs.
        anchors: Prompts with the base model's own answers, if the recipe is anchored; taken in
            turn.
        record: Called after every optimizer step.
        name: The adapter's name on the model.
        teacher: What a teacher predicts on each pair, if the recipe distils.
        base_head: The base's output head, where training changes it.
        unwanted: The tokens that the facts' values begin with, where anchors are to be without.
        pairs: The questions as texts.
        order: Which pairs each step takes.
        mined: Which anchors half of each further step's anchors are, if there are any; in turn.
        steps: What was recorded.
        failed: Why it diverged, if it did.
    """

    cell: Cell
    questions: Sequence[Question]
    anchors: Sequence[Text] = ()
    record: Callable[[TrainStep], None] = lambda _: None
    name: str = "default"
    teacher: Teacher | None = None
    base_head: nn.Linear | None = None
    unwanted: Sequence[int] = ()
    pairs: list[Text] = field(init=False, default_factory=list)
    order: list[list[int]] = field(init=False, default_factory=list)
    mined: Sequence[int] = field(init=False, default=())
    steps: list[TrainStep] = field(init=False, default_factory=list)
    failed: str | None = field(init=False, default=None)

    @property
    def reference_head(self) -> nn.Linear | None:
        """What turns a teacher's states into logits; None: the head of the model in training."""
        return (self.teacher.head if self.teacher else None) or self.base_head

    def prepare(self, tokenizer: PreTrainedTokenizerBase, max_steps: int | None) -> int:
        """Render the pairs and draw their order; gives the number of steps.

        Raises:
            TrainingError: if there is nothing to train on.
        """
        soft = self.teacher.states if self.teacher else ()
        self.pairs = training_texts(tokenizer, self.questions, soft)
        planned = train_steps(len(self.pairs), self.cell, max_steps)
        size = self.cell.recipe.batch_size
        self.order = batch_order(len(self.pairs), size, planned, self.cell.seed)
        self.steps, self.failed, self.mined = [], None, ()
        return planned

    def texts(self, step: int) -> tuple[list[Text], list[Text]]:
        """The pairs and the anchors of a step, counted from 0."""
        each = self.cell.recipe.anchors_per_step if self.anchors else 0
        again = min(each // 2, len(self.mined))
        places = [self.mined[i % len(self.mined)] for i in range(step * again, (step + 1) * again)]
        places += range(step * each, (step + 1) * each - again)
        return (
            [self.pairs[i] for i in self.order[step]],
            [self.anchors[i % len(self.anchors)] for i in places],
        )

    def anchor_weight(self, step: int) -> float:
        """The weight of the anchors in a step, counted from 0; its mean is the recipe's."""
        recipe = self.cell.recipe
        done = (step + 0.5) / len(self.order)
        shares = {"constant": 1.0, "rising": 2 * done, "falling": 2 * (1 - done)}
        return recipe.anchor_weight * shares[recipe.anchor_schedule]

    def epoch(self, step: int) -> float:
        """Passes over the pairs that are done after a step, counted from 1."""
        return sum(len(batch) for batch in self.order[:step]) / len(self.pairs)
