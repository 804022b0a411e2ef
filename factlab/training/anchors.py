"""Prompts with the base model's own answers, and the states that it answered them from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factlab.models.chat import RenderedPair, render_pair
from factlab.models.load import LoadedModel
from factlab.training.batch import IGNORED, pad_rows

if TYPE_CHECKING:
    import torch

BATCH = 16


@dataclass(frozen=True, slots=True)
class AnsweredPrompt:
    """A prompt, what the base said to it, and whether it had come to the end of its turn."""

    prompt: str
    answer: str
    finished: bool


@dataclass(frozen=True, slots=True)
class Anchor:
    """An anchor, ready for training.

    Attributes:
        pair: Prompt and base answer as tokens.
        states: Final hidden states of the base from which it predicts each answer token, shape
            (answer tokens, hidden): the reference of the KL term, computed once for all cells.
    """

    pair: RenderedPair
    states: torch.Tensor


def prepare_anchors(loaded: LoadedModel, answered: Sequence[AnsweredPrompt]) -> list[Anchor]:
    """Render anchors and compute the base's states on them; the adapter must be off or absent."""
    import torch

    from factlab.training.loss import hidden_states, predicting

    pairs = [_pair(loaded, item) for item in answered]
    pairs = [pair for pair in pairs if pair.answer_ids]
    anchors: list[Anchor] = []
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        ids, mask, labels = pad_rows(batch, loaded.tokenizer.pad_token_id)
        tensors = [torch.tensor(rows, device=loaded.device) for rows in (ids, mask, labels)]
        with torch.no_grad():
            hidden = hidden_states(loaded.model, tensors[0], tensors[1])
        states, _ = predicting(hidden, tensors[2])
        lengths = [sum(label != IGNORED for label in row) for row in labels]
        anchors += [
            Anchor(pair, rows.cpu())
            for pair, rows in zip(batch, states.split(lengths), strict=True)
        ]
    return anchors


def _pair(loaded: LoadedModel, item: AnsweredPrompt) -> RenderedPair:
    pair = render_pair(loaded.tokenizer, item.prompt, item.answer)
    if item.finished:
        return pair
    # The base had not ended its turn there, so an end of turn is not its own answer.
    return RenderedPair(pair.prompt_ids, pair.answer_ids[:-1])
