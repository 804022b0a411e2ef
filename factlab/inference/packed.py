"""The packed decoder as a backend: nothing padded, shared tokens once, adapters side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from factlab.inference.continuous import ContinuousBatcher, read_prompts
from factlab.inference.decoder.packing import Tree, pack, shared_length
from factlab.inference.decoder.stack import Decoder
from factlab.inference.prompts import (
    Completion,
    Groups,
    Limits,
    Prompt,
    TargetText,
    Tokens,
    batches,
)

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class PackedBackend:
    """Computes a model by the packed decoder; see `backend.Backend`.

    Attributes:
        model: The model that the decoder was read from.
        decoder: Reads the model's own weights, and those of the adapters that it was read for.
    """

    model: PreTrainedModel | PeftModel
    decoder: Decoder
    packed: bool = True

    def predicting_states(self, groups: Groups) -> torch.Tensor:
        """Over flat tokens, shared first tokens computed once."""
        shared = min(shared_first(texts) for texts in groups)
        trees = [[Tree(text.tokens) for text in texts] for texts in groups]
        dtype, windows = self.decoder.embedding.dtype, self.decoder.windows
        packed = pack(trees, shared, dtype, windows=windows)
        wanted = [
            row[text.first - shared : text.first - shared + len(text.targets)]
            for texts, rows in zip(groups, packed.own_rows(), strict=True)
            for text, row in zip(texts, rows, strict=True)
        ]
        device = self.decoder.embedding.device
        states = self.decoder.read_packed(packed.to(device))
        return states.index_select(0, torch.cat(wanted).to(device))

    def text_states(self, tokens: Tokens) -> torch.Tensor:
        """By fused attention, which one text alone needs no packing for."""
        return self.decoder.read_text(torch.tensor(tokens, device=self.decoder.embedding.device))

    def complete(
        self, prompts: Sequence[Prompt], limits: Limits, advance: Callable[[int], None]
    ) -> list[list[Completion]]:
        """By continuous batching if there is something to answer, else batch by batch."""
        completions = [[Completion([], []) for _ in prompts] for _ in range(self.decoder.adapters)]
        if limits.max_new_tokens:
            ContinuousBatcher(self.model, self.decoder, prompts, limits, completions).run(advance)
            return completions
        for batch in batches(prompts, limits, self.decoder.adapters):
            read_prompts(self.model, self.decoder, prompts, batch, completions, answer=False)
            advance(len(batch))
        return completions


def shared_first(texts: Sequence[TargetText]) -> int:
    """First tokens that all texts share and that predict no target."""
    return shared_length([text.tokens for text in texts], min(text.first for text in texts))
