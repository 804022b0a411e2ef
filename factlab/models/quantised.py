"""Weights that bitsandbytes quantised: their bytes, and their values in plain layers.

bitsandbytes on CPU repacks NF4 weights at the first forward pass in eval mode and never unpacks
them; a model that was measured first then trains with almost no gradient. Measuring before training
is what factlab does, so on CPU the quantised weights are dequantised once, into bf16 linear layers:
the same numbers that the quantised training path computes with, and faster. INT8 is treated alike,
since its CPU kernel rounds activations in evaluation but not in training. The dequantised weights
are kept in the model cache for the next run.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import ModelError
from factlab.models.cache import CachedModel, building, cache_folder
from factlab.models.quiet import no_progress_bars
from factlab.models.resolve import ModelFiles
from factlab.schema.config import QUANTISED, ComputeDtype, Precision

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel

KEPT_PARAMETERS = 1_000_000_000  # larger models are dequantised anew: two bytes each on disk
LAYOUT = 2  # counts what was changed about a kept folder; one of another is not used
FACTS = "quantised.json"  # in a kept folder: what the dequantised weights no longer tell


def torch_dtype(name: str) -> torch.dtype:
    """The dtype of a name in the settings."""
    import torch

    return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[name]


def quantization_config(precision: Precision, compute: ComputeDtype) -> Any:
    """How transformers is to quantise while it loads; None: not."""
    from transformers import BitsAndBytesConfig

    if precision in ("nf4", "nf4-single", "fp4"):
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="fp4" if precision == "fp4" else "nf4",
            bnb_4bit_use_double_quant=precision != "nf4-single",
            bnb_4bit_compute_dtype=torch_dtype(compute),
        )
    if precision == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return None


def weight_bytes(model: PreTrainedModel) -> int:
    """Bytes of the weights as they are held, scales of quantised ones included."""
    import torch

    total = 0
    for parameter in model.parameters():
        total += parameter.nbytes
        scales = [getattr(parameter, "SCB", None)]
        state: Any = getattr(parameter, "quant_state", None)
        while state is not None:
            scales += [state.absmax, state.code, state.offset]
            state = state.state2
        total += sum(s.nbytes for s in scales if isinstance(s, torch.Tensor))
    return total


def values_in(parameter: torch.Tensor) -> int:
    """Weights that a parameter stands for; bitsandbytes packs two 4-bit values into a byte."""
    state: Any = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else int(state.shape.numel())


def dequantised_folder(
    files: ModelFiles, precision: Precision, compute: ComputeDtype
) -> CachedModel | None:
    """Where the dequantised weights are kept, there or not yet; None if they need no dequantising.

    Raises:
        ModelError: if they are there and damaged.
    """
    if precision not in QUANTISED:
        return None
    import bitsandbytes
    import transformers

    versions = f"bnb{bitsandbytes.__version__}-tf{transformers.__version__}"
    name = f"{files.sha256[:16]}-{precision}-{compute}-{versions}-{LAYOUT}"
    folder = CachedModel(cache_folder() / "dequantised" / name)
    if folder.exists:
        folder.verify()
    return folder


def keep_dequantised(
    model: PreTrainedModel, folder: CachedModel | None, quantised_bytes: int
) -> None:
    """Write dequantised weights for the next run, with the bytes that they took when quantised."""
    if folder is None or sum(p.numel() for p in model.parameters()) > KEPT_PARAMETERS:
        return
    # What cannot be written costs the next run a few seconds, and nothing else.
    with contextlib.suppress(ModelError, OSError), building(folder.folder) as draft:
        if draft is not None:
            with no_progress_bars():
                model.save_pretrained(draft)
            facts = json.dumps({"quantised_bytes": quantised_bytes})
            (draft / FACTS).write_text(facts, encoding="utf-8")


def bytes_when_quantised(folder: Path) -> int:
    """What the weights of a kept folder took, as `keep_dequantised` noted it."""
    return int(json.loads((folder / FACTS).read_text(encoding="utf-8"))["quantised_bytes"])


def dequantise(model: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """Replace every bitsandbytes layer by a plain linear layer of the same values."""
    import bitsandbytes as bnb

    for name, module in list(model.named_modules()):
        if isinstance(module, bnb.nn.Linear4bit | bnb.nn.Linear8bitLt):
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], _plain_linear(module, dtype))
    # What is left is an ordinary model; the flags would have libraries treat it as quantised.
    for owner, flag in (
        (model.config.__dict__, "quantization_config"),
        (model.__dict__, "hf_quantizer"),
        (model.__dict__, "quantization_method"),
        (model.__dict__, "is_quantized"),
        (model.__dict__, "is_loaded_in_4bit"),
        (model.__dict__, "is_loaded_in_8bit"),
    ):
        with contextlib.suppress(KeyError):
            del owner[flag]
    return model


def _plain_linear(module: nn.Linear, dtype: torch.dtype) -> nn.Linear:
    import bitsandbytes.functional as F  # noqa: N812  (its customary name)
    import torch
    from torch import nn

    weight: Any = module.weight
    with torch.no_grad():
        if getattr(weight, "quant_state", None) is not None:
            values = F.dequantize_4bit(weight.data, weight.quant_state)
        else:
            values = F.int8_vectorwise_dequant(weight.CB, weight.SCB)
    # Weight and bias are handed over as they are; building the layer on "meta" allocates nothing.
    linear = nn.Linear(
        module.in_features, module.out_features, bias=module.bias is not None, device="meta"
    )
    linear.weight = nn.Parameter(values.to(dtype).contiguous(), requires_grad=False)
    if module.bias is not None:
        linear.bias = nn.Parameter(module.bias.data.to(dtype), requires_grad=False)
    return linear
