"""Prompts with the base model's own answers, and the states that it answered them from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from factlab.models.chat import RenderedPair, render_pair
from factlab.models.load import LoadedModel
from factlab.training.batch import Text, text_of

if TYPE_CHECKING:
    import torch

    from factlab.models.base_cache import BaseCache

BATCH = 16


@dataclass(frozen=True, slots=True)
class AnsweredPrompt:
    """A prompt, the base's own answer, and whether the base ended its turn there."""

    prompt: str
    answer: str
    finished: bool


def prepare_anchors(
    loaded: LoadedModel,
    answered: Sequence[AnsweredPrompt],
    cache: BaseCache | None = None,
    *,
    tokens: int | None = None,
) -> list[Text]:
    """Render anchors with the base's states on them; the adapter must be off or absent.

    The states are the reference of the KL term, computed once for all cells, or in an earlier run.

    Args:
        loaded: The base.
        answered: Prompts and its answers.
        cache: Where states are kept between runs.
        tokens: How many of each answer's first tokens are held; without it all.
    """
    pairs = [(item.prompt, _pair(loaded, item, tokens)) for item in answered]
    texts = [replace(text_of(pair), prompt=prompt) for prompt, pair in pairs if pair.answer_ids]
    parts = read_states(loaded, texts, "anchors", cache)
    return [replace(text, reference=part) for text, part in zip(texts, parts, strict=True)]


def read_states(
    loaded: LoadedModel, texts: Sequence[Text], name: str, cache: BaseCache | None = None
) -> Sequence[torch.Tensor]:
    """The base's states that predict each text's targets, computed or as they were kept.

    Args:
        loaded: The base, no adapter on it.
        texts: What it reads.
        name: What they are kept as.
        cache: Where states are kept between runs.

    Returns:
        For each text, shape (targets, hidden), on the CPU.
    """
    if not texts:
        return []
    key = [name, BATCH, [[text.tokens, text.targets] for text in texts]]
    states = cache.tensor(key, lambda: _states(loaded, texts)) if cache else _states(loaded, texts)
    parts: Sequence[torch.Tensor] = states.split([len(text.targets) for text in texts])
    return parts


def _states(loaded: LoadedModel, texts: Sequence[Text]) -> torch.Tensor:
    import torch

    from factlab.inference.backend import states_in_batches

    batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    # To the CPU batch by batch: a teacher's states of all pairs may be more than a GPU holds.
    return torch.cat([states.cpu() for states in states_in_batches(loaded.model, batches)])


def _pair(loaded: LoadedModel, item: AnsweredPrompt, tokens: int | None) -> RenderedPair:
    pair = render_pair(loaded.tokenizer, item.prompt, item.answer)
    # Where the base had not ended its turn, an end of turn is not its own answer.
    said = pair.answer_ids if item.finished else pair.answer_ids[:-1]
    return RenderedPair(pair.prompt_ids, said[:tokens])
