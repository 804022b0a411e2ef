"""Prompts with the base model's own answers, and the states that it answered them from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from factlab.models.chat import RenderedPair, render_pair
from factlab.models.load import LoadedModel
from factlab.training.batch import Text, text_of

BATCH = 16


@dataclass(frozen=True, slots=True)
class AnsweredPrompt:
    """A prompt, what the base said to it, and whether it had come to the end of its turn."""

    prompt: str
    answer: str
    finished: bool


def prepare_anchors(loaded: LoadedModel, answered: Sequence[AnsweredPrompt]) -> list[Text]:
    """Render anchors with the base's states on them; the adapter must be off or absent.

    The states are the reference of the KL term, computed once for all cells.
    """
    import torch

    from factlab.training.states import predicting_states

    pairs = [_pair(loaded, item) for item in answered]
    texts = [text_of(pair) for pair in pairs if pair.answer_ids]
    anchors: list[Text] = []
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        with torch.no_grad():
            states = predicting_states(loaded.model, [batch])
        parts = states.split([len(text.targets) for text in batch])
        anchors += [
            replace(text, reference=part.cpu()) for text, part in zip(batch, parts, strict=True)
        ]
    return anchors


def _pair(loaded: LoadedModel, item: AnsweredPrompt) -> RenderedPair:
    pair = render_pair(loaded.tokenizer, item.prompt, item.answer)
    if item.finished:
        return pair
    # The base had not ended its turn there, so an end of turn is not its own answer.
    return RenderedPair(pair.prompt_ids, pair.answer_ids[:-1])
