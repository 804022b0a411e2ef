"""States by either backend, in one call."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from factlab.inference.backend import choose_backend
from factlab.inference.prompts import Groups, TargetText


def predicting_states(
    model: PreTrainedModel | PeftModel, groups: Groups, adapters: Sequence[str] | None = None
) -> torch.Tensor:
    """By the backend that is chosen for the model."""
    return choose_backend(model, adapters).predicting_states(groups)


def library_states(model: PreTrainedModel | PeftModel, texts: Sequence[TargetText]) -> torch.Tensor:
    """By the library's own forward pass."""
    return choose_backend(model, library=True).predicting_states([texts])


def packs(model: PreTrainedModel | PeftModel, adapters: Sequence[str] | None = None) -> bool:
    """Whether the packed decoder is chosen."""
    return choose_backend(model, adapters).packed
