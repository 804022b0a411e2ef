"""Pairs → padded batches whose labels cover the answer tokens and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from factlab.errors import TrainingError
from factlab.models.chat import RenderedPair, render_pair
from factlab.schema.question import Question

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from factlab.training.anchors import Anchor

IGNORED = -100  # the label that cross-entropy skips
Rows = list[list[int]]


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
        pair = render_pair(tokenizer, question.text, question.target or "")
        if not question.target or not pair.answer_ids:
            raise TrainingError(f"the training pair {question.id} has no answer token.")
        pairs.append(pair)
    return pairs


def pad_rows(pairs: Sequence[RenderedPair], pad_token_id: int) -> tuple[Rows, Rows, Rows]:
    """Pad to the right: tokens, attention mask, and labels on the answer tokens only."""
    width = max(len(pair.prompt_ids) + len(pair.answer_ids) for pair in pairs)
    ids, mask, labels = [], [], []
    for pair in pairs:
        tokens = [*pair.prompt_ids, *pair.answer_ids]
        padding = width - len(tokens)
        ids.append(tokens + [pad_token_id] * padding)
        mask.append([1] * len(tokens) + [0] * padding)
        labels.append(
            [IGNORED] * len(pair.prompt_ids) + list(pair.answer_ids) + [IGNORED] * padding
        )
    return ids, mask, labels


@dataclass(slots=True)
class PairCollator:
    """Makes a step's batch: its pairs, then its anchors, if the recipe has any.

    `input_ids`, `attention_mask` and `labels` have shape (pairs + anchors, width). `labels` cover
    the answers of the pairs, `anchor_labels` those of the anchors; `anchor_states` are the base's
    states on the latter, shape (anchor tokens, hidden).
    """

    pad_token_id: int
    anchors: Sequence[Anchor] = ()
    anchors_per_step: int = 0
    position: int = 0

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Collate dataset rows of `prompt_ids` and `answer_ids`."""
        import torch

        pairs = [RenderedPair(tuple(r["prompt_ids"]), tuple(r["answer_ids"])) for r in rows]
        anchors = self._next_anchors()
        ids, mask, labels = pad_rows(
            [*pairs, *(anchor.pair for anchor in anchors)], self.pad_token_id
        )
        blank = [[IGNORED] * len(ids[0])]
        batch = {
            "input_ids": torch.tensor(ids),
            "attention_mask": torch.tensor(mask),
            "labels": torch.tensor(labels[: len(pairs)] + blank * len(anchors)),
        }
        if anchors:
            batch["anchor_labels"] = torch.tensor(blank * len(pairs) + labels[len(pairs) :])
            batch["anchor_states"] = torch.cat([anchor.states for anchor in anchors])
        return batch

    def _next_anchors(self) -> list[Anchor]:
        if not self.anchors:
            return []
        first, self.position = self.position, self.position + self.anchors_per_step
        return [self.anchors[i % len(self.anchors)] for i in range(first, self.position)]
