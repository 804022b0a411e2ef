"""A base whose weights are plain fp32 numbers: for merging into, not for measuring."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from factlab.models.complete import load_whole
from factlab.models.load import LoadOptions, load_model
from factlab.models.quantised import dequantise, torch_dtype
from factlab.models.resolve import ModelFiles
from factlab.schema.config import QUANTISED, ComputeDtype, Precision

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class HeldBase:
    """How a run held its base: at a precision, unpacked to a dtype if that is quantised."""

    precision: Precision
    compute: ComputeDtype = "bf16"


def load_in_fp32(files: ModelFiles, held: HeldBase | None) -> PreTrainedModel:
    """A fresh base on the CPU, with its own generation settings.

    Args:
        files: The base.
        held: Round the weights as a run that held them so; None: as they are in the base's files.

    Raises:
        ModelError: if the weights cannot be read.
    """
    model = _own_weights(files) if held is None else _measured_weights(files, held)
    model.requires_grad_(False)
    model.eval()
    return model


def _own_weights(files: ModelFiles) -> PreTrainedModel:
    import torch

    return load_whole(
        files.folder,
        f"{files.name}: the weights in {files.folder} cannot be loaded as a causal language model",
        dtype=torch.float32,
        use_safetensors=True,
    )


def _measured_weights(files: ModelFiles, held: HeldBase) -> PreTrainedModel:
    model: Any = load_model(files, held.precision, LoadOptions(held.compute)).model
    if held.precision in QUANTISED:
        model = dequantise(model, torch_dtype(held.compute))
    model = model.float().cpu()
    own_generation_settings(model, files)
    return model  # type: ignore[no-any-return]


def own_generation_settings(model: PreTrainedModel, files: ModelFiles) -> None:
    """Give a model the settings that its base came with, which measuring sets aside."""
    from transformers import GenerationConfig

    with contextlib.suppress(OSError):  # a model need not come with such settings
        model.generation_config = GenerationConfig.from_pretrained(files.folder)
