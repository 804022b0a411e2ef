"""The model that a full fine-tuning saved, ready to answer as the run did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from factlab.models.load import LoadedModel


def load_tuned_model(folder: Path, base: LoadedModel) -> Any:
    """Load a saved model in the dtype and on the device of the base that it was trained from.

    Args:
        folder: As transformers writes it.
        base: Whose generation settings it gets, since those that were saved were not measured with.
    """
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=base.model.dtype)
    model.generation_config = base.model.generation_config
    return model.to(base.device).eval()
