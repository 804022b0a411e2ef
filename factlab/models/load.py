"""Loads a model at a precision, and holds it the way that trains right.

bitsandbytes on CPU repacks NF4 weights at the first forward pass in eval mode and never unpacks
them; a model that was scored first then trains with almost no gradient. Score-then-train is what
factlab does, so on CPU the quantised weights are dequantised once, into bf16 linear layers: the
same numbers that the quantised training path computes with, and faster. INT8 is treated alike,
since its CPU kernel rounds activations in evaluation but not in training. On CUDA the quantised
layers stay as they are. The dequantised weights are kept in the model cache for the next run.

On a processor without products in bf16 the same bf16 numbers are held and computed with in fp32,
which is many times faster there and rounds less.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from factlab.errors import ModelError
from factlab.models.cache import CachedModel, being_made, cache_folder
from factlab.models.process_memory import give_back_weights, keep_freed_memory
from factlab.models.processor import multiplies_bf16
from factlab.models.resolve import ModelFiles
from factlab.schema.config import (
    QUANTISED,
    Attention,
    ComputeDtype,
    Precision,
    RunConfig,
    computed_in,
)
from factlab.schema.results import ModelRecord

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how weights are computed with.

    Attributes:
        compute: What quantised weights are unpacked to.
        devices: `one` (the GPU if there is one), `cpu`, or `auto`: spread over all.
        attention: `auto` leaves it to factlab; any other is the library's own of that name, in the
            library's own forward pass.
    """

    compute: ComputeDtype = "bf16"
    devices: str = "one"
    attention: Attention = "auto"


def placement_of(config: RunConfig) -> Placement:
    """What a run's settings say of it."""
    return Placement(config.compute_dtype, config.device_map, config.attention)


@dataclass(slots=True)
class LoadedModel:
    """A base model in memory, its tokenizer, and what results say about it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    record: ModelRecord
    original: Path | None = None
    """Where its weights are as they came, whatever they are held as here."""
    rounded: torch.dtype | None = None
    """What its weights are rounded to, if that is narrower than what they are held in."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device


def load_tokenizer(files: ModelFiles) -> PreTrainedTokenizerBase:
    """A model's tokenizer alone, which takes a second where the weights take many.

    Raises:
        ModelError: if it cannot be read.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(files.folder, trust_remote_code=False)
    except UNREADABLE as problem:
        raise ModelError(
            f"{files.name}: the tokenizer in {files.folder} cannot be loaded "
            f"({str(problem).splitlines()[0][:200]})."
        ) from None
    return tokenizer


def load_outline(files: ModelFiles) -> PreTrainedModel:
    """A model's layers without their weights, which takes a moment where the weights take minutes.

    Raises:
        ModelError: if its config cannot be read, or is of no causal language model.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(files.folder, trust_remote_code=False)
        with torch.device("meta"):
            outline: Any = AutoModelForCausalLM.from_config(config)
    except UNREADABLE as problem:
        raise ModelError(
            f"{files.name}: the config in {files.folder} is not of a causal language model that "
            f"can be built ({str(problem).splitlines()[0][:200]})."
        ) from None
    return outline  # type: ignore[no-any-return]


def load_model(
    files: ModelFiles, precision: Precision, placement: Placement | None = None
) -> LoadedModel:
    """Load a model's safetensors at a precision, in evaluation mode, with no gradients.

    Raises:
        ModelError: if the weights cannot be read or do not fit the precision.
    """
    import torch
    from transformers import AutoModelForCausalLM

    placement = placement or Placement()
    check_machine(precision, placement)
    gpu = torch.cuda.is_available() and placement.devices != "cpu"
    device = "cuda" if gpu else "cpu"
    compute = placement.compute
    computed = computed_in(precision, compute)
    place = _dequantised_before(files, precision, compute) if device == "cpu" else None
    kept = place if place is not None and place.exists else None
    if device == "cpu":
        give_back_weights()
    tokenizer = load_tokenizer(files)
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            kept.folder if kept else files.folder,
            dtype=_dtype(computed),
            quantization_config=None if kept else _quantization(precision, compute),
            device_map="auto" if gpu and placement.devices == "auto" else {"": device},
            attn_implementation=_ATTENTION[placement.attention],
            trust_remote_code=False,
            use_safetensors=True,
        )
    except UNREADABLE as problem:
        raise ModelError(
            f"{files.name}: the weights in {files.folder} cannot be loaded as a causal language "
            f"model at {precision} ({str(problem).splitlines()[0][:200]})."
        ) from None
    note = _PRECISION_NOTES[precision]
    quantised_bytes = None
    widened = device == "cpu" and computed == "bf16" and not multiplies_bf16()
    if precision in QUANTISED:
        note += f", {'unpacked to' if widened else 'computed in'} {compute}"
        if not kept:
            model.config.quantised_bytes = _bytes(model)
        quantised_bytes = model.config.quantised_bytes
        if device == "cpu":
            if not kept:
                model = dequantise(model, _dtype(compute))
                _keep_dequantised(model, place)
            held = "fp32" if widened else compute
            note += f"; on CPU dequantised once to {compute}, so memory is that of {held}"
        if files.source == "embedded":
            note += "; the embedded file was Q4_1 before, so it is quantised twice"
    model.config.library_forward = placement.attention != "auto"
    if model.config.library_forward:
        note += f"; {placement.attention} attention in the library's own forward pass"
    if widened:
        note += "; computed in fp32, as this processor has no products in bf16"
        quantised_bytes = quantised_bytes or _bytes(model)
        _widen(model)
    if device == "cpu":
        _leave_the_file(model)
        keep_freed_memory()
    model.requires_grad_(False)
    model.eval()
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    _plain_greedy(model)
    record = ModelRecord(
        name=files.name,
        source=files.source,
        sha256=files.sha256,
        parameters=sum(_values_in(p) for p in model.parameters()),
        precision_note=note,
        weights_bytes=_bytes(model),
        quantised_bytes=quantised_bytes,
        device=torch.cuda.get_device_name(0) if device == "cuda" else "cpu",
    )
    return LoadedModel(model, tokenizer, record, files.folder, torch.bfloat16 if widened else None)


KEPT_PARAMETERS = 1_000_000_000  # larger models are dequantised anew: two bytes each on disk


def check_machine(precision: Precision, placement: Placement, *, masters: bool = False) -> None:
    """Refuse what this machine cannot compute, before anything is read.

    Args:
        precision: How the weights are held.
        placement: Where, and how they are computed with.
        masters: Whether all of them are trained, in fp32.

    Raises:
        ModelError: with what to say instead.
    """
    import importlib.util

    import torch

    if torch.cuda.is_available() and placement.devices != "cpu":
        computed = computed_in(precision, placement.compute)
        if placement.attention == "flash" and (masters or computed == "fp32"):
            raise ModelError(
                "--attention flash: its kernels compute in 16 bits, and this is fp32 "
                f"({'--method full trains in it' if masters else 'as was asked for'}). Say "
                "--attention sdpa."
            )
        if placement.attention == "flash" and importlib.util.find_spec("flash_attn") is None:
            raise ModelError(
                "--attention flash: the package flash-attn is not installed. Install it, or say "
                "--attention sdpa."
            )
        return
    if precision == "fp16" or placement.compute == "fp16":
        option = "--precision" if precision == "fp16" else "--compute-dtype"
        raise ModelError(f"{option} fp16 needs a CUDA device; on a CPU say bf16 or fp32.")
    if placement.attention == "flash":
        raise ModelError("--attention flash needs a CUDA device; on a CPU say sdpa or eager.")


def _dequantised_before(
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
    name = f"{files.sha256[:16]}-{precision}-{compute}-{versions}"
    kept = CachedModel(cache_folder() / "dequantised" / name)
    if kept.exists:
        kept.verify()
    return kept


def _leave_the_file(model: PreTrainedModel) -> None:
    """Copy weights that are views of the mapped file, which is the case where types agree.

    One such view keeps the whole file in memory, beside the weights that the decoder joins from it.
    """
    for parameter in model.parameters():
        if not parameter.untyped_storage().resizable():
            parameter.data = parameter.data.clone()


def _widen(model: PreTrainedModel) -> None:
    """The same numbers in fp32; layer by layer, so that no more than one is held twice."""
    for parameter in model.parameters():
        parameter.data = parameter.data.float()


def _keep_dequantised(model: PreTrainedModel, kept: CachedModel | None) -> None:
    if kept is None or sum(p.numel() for p in model.parameters()) > KEPT_PARAMETERS:
        return
    # What cannot be written costs the next run a few seconds, and nothing else.
    with contextlib.suppress(ModelError, OSError), being_made(kept.folder) as draft:
        if draft is not None:
            model.save_pretrained(draft)


_PRECISION_NOTES: dict[Precision, str] = {
    "nf4": "NF4 with double quantisation",
    "nf4-single": "NF4 without double quantisation",
    "fp4": "FP4 with double quantisation",
    "int8": "LLM.int8",
    "bf16": "bf16",
    "fp16": "fp16",
    "fp32": "fp32",
}
# What reading weights or a tokenizer that are cut short, of another kind or too new ends in.
UNREADABLE = (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError)
_ATTENTION: dict[Attention, str | None] = {
    "auto": None,
    "eager": "eager",
    "sdpa": "sdpa",
    "flash": "flash_attention_2",
}


def _dtype(name: str) -> torch.dtype:
    import torch

    return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[name]


def _bytes(model: PreTrainedModel) -> int:
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


def _values_in(parameter: torch.Tensor) -> int:
    """Weights that a parameter stands for; bitsandbytes packs two 4-bit values into a byte."""
    state: Any = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else int(state.shape.numel())


def _plain_greedy(model: PreTrainedModel) -> None:
    """Set the model's own generation settings (sampling, repetition penalty) aside.

    `generate` would fill them in, and they would make two models' answers incomparable.
    """
    from transformers import GenerationConfig

    own = model.generation_config
    model.generation_config = GenerationConfig(
        bos_token_id=own.bos_token_id, eos_token_id=own.eos_token_id, pad_token_id=own.pad_token_id
    )


def _quantization(precision: Precision, compute: ComputeDtype) -> Any:
    from transformers import BitsAndBytesConfig

    if precision in ("nf4", "nf4-single", "fp4"):
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="fp4" if precision == "fp4" else "nf4",
            bnb_4bit_use_double_quant=precision != "nf4-single",
            bnb_4bit_compute_dtype=_dtype(compute),
        )
    if precision == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return None


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
