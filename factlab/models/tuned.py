"""The model that a full fine-tuning saved, ready to answer as the run did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.models.checked import check_weights
from factlab.models.complete import load_whole

if TYPE_CHECKING:
    from factlab.models.load import LoadedModel


def load_tuned_model(folder: Path, base: LoadedModel) -> Any:
    """Load a saved model in the dtype and on the device of the base that it was trained from.

    Args:
        folder: As transformers writes it.
        base: Whose generation settings it gets, since those that were saved were not measured with.

    Raises:
        ModelError: if its files cannot be read, or are not whole.
    """
    check_weights(folder, str(folder))
    model: Any = load_whole(
        folder,
        f"{folder}: the weights cannot be loaded as a causal language model",
        dtype=base.model.dtype,
        use_safetensors=True,
    )
    model.generation_config = base.model.generation_config
    return model.to(base.device).eval()
