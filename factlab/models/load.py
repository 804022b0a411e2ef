"""Loads a model at a precision, and holds it the way that trains right.

On a CPU quantised weights are dequantised once (see `quantised.py`); on CUDA they stay as they are.

On a processor without products in bf16 the same bf16 numbers are held and computed with in fp32,
which is many times faster there and rounds less.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import ModelError, shortened
from factlab.models.cache import CachedModel
from factlab.models.complete import check_computes, load_whole
from factlab.models.files import reading
from factlab.models.forward import use_library_pass
from factlab.models.packaged import PACKAGED
from factlab.models.process_memory import retain_freed_memory, return_large_blocks
from factlab.models.processor import multiplies_bf16
from factlab.models.quantised import (
    bytes_when_quantised,
    dequantise,
    dequantised_folder,
    keep_dequantised,
    quantization_config,
    torch_dtype,
    values_in,
    weight_bytes,
)
from factlab.models.resolve import ModelFiles
from factlab.models.thinking import set_thinking
from factlab.schema.config import (
    QUANTISED,
    Attention,
    ComputeDtype,
    Precision,
    RunConfig,
    Thinking,
    computed_in,
)
from factlab.schema.results import ModelRecord

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Where and how weights are computed with.

    Attributes:
        compute: What quantised weights are unpacked to.
        devices: `one` (the GPU if there is one), `cpu`, or `auto`: spread over all.
        attention: `auto` leaves it to factlab; any other is the library's own of that name, in the
            library's own forward pass.
        thinking: Whether a model that can thinks before it answers.
    """

    compute: ComputeDtype = "bf16"
    devices: str = "one"
    attention: Attention = "auto"
    thinking: Thinking = "off"


def load_options(config: RunConfig) -> LoadOptions:
    """Those of a run's settings."""
    return LoadOptions(config.compute_dtype, config.device_map, config.attention, config.thinking)


@dataclass(slots=True)
class LoadedModel:
    """A base model in memory, its tokenizer, and what results say about it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    record: ModelRecord
    original: Path | None = None
    """Folder of its weights as they came, before any quantising."""
    rounded: torch.dtype | None = None
    """What its weights are rounded to, if that is narrower than what they are held in."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device


def load_tokenizer(files: ModelFiles, thinking: Thinking | None = None) -> PreTrainedTokenizerBase:
    """A model's tokenizer alone, which takes a second where the weights take many.

    Args:
        files: The model.
        thinking: Written into its chat template; None leaves that as it came.

    Raises:
        ModelError: if it cannot be read.
    """
    from transformers import AutoTokenizer

    with reading(f"{shortened(files.name)}: the tokenizer in {files.folder} cannot be loaded"):
        tokenizer = AutoTokenizer.from_pretrained(files.folder, trust_remote_code=False)
    if thinking is not None:
        set_thinking(tokenizer, thinking)
    return tokenizer


def load_outline(files: ModelFiles) -> PreTrainedModel:
    """A model's layers without their weights, which takes a moment where the weights take minutes.

    Raises:
        ModelError: if its config cannot be read, or is of no causal language model.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with (
        reading(
            f"{shortened(files.name)}: the config in {files.folder} is not of a causal language "
            "model that can be built"
        ),
        torch.device("meta"),
    ):
        config = AutoConfig.from_pretrained(files.folder, trust_remote_code=False)
        outline: Any = AutoModelForCausalLM.from_config(config)
    return outline  # type: ignore[no-any-return]


def load_model(
    files: ModelFiles, precision: Precision, options: LoadOptions | None = None
) -> LoadedModel:
    """Load a model's safetensors at a precision, in evaluation mode, with no gradients.

    Raises:
        ModelError: if the weights cannot be read or do not fit the precision.
    """
    import torch

    options = options or LoadOptions()
    check_machine(precision, options)
    on_cpu = not torch.cuda.is_available() or options.devices == "cpu"
    computed = computed_in(precision, options.compute)
    widened = on_cpu and computed == "bf16" and not multiplies_bf16()
    folder = dequantised_folder(files, precision, options.compute) if on_cpu else None
    if on_cpu:
        return_large_blocks()
    tokenizer = load_tokenizer(files, options.thinking)
    model, quantised_bytes = _read_weights(files, precision, options, folder, on_cpu=on_cpu)
    use_library_pass(model, options.attention != "auto")
    if widened:
        quantised_bytes = quantised_bytes or weight_bytes(model)
        _widen(model)
    if on_cpu:
        _leave_the_file(model)
        retain_freed_memory()
    model.requires_grad_(False)
    model.eval()
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    _plain_greedy(model)
    check_computes(model, tokenizer, files.folder)
    record = ModelRecord(
        name=files.name,
        source=files.source,
        sha256=files.sha256,
        parameters=sum(values_in(p) for p in model.parameters()),
        precision_note=_precision_note(files, precision, options, widened=widened, on_cpu=on_cpu),
        weights_bytes=weight_bytes(model),
        quantised_bytes=quantised_bytes,
        device="cpu" if on_cpu else torch.cuda.get_device_name(0),
    )
    return LoadedModel(model, tokenizer, record, files.folder, torch.bfloat16 if widened else None)


def _read_weights(
    files: ModelFiles,
    precision: Precision,
    options: LoadOptions,
    folder: CachedModel | None,
    *,
    on_cpu: bool,
) -> tuple[PreTrainedModel, int | None]:
    """A model as it is held, and the bytes of its weights when quantised, if they are.

    On a CPU quantised weights are dequantised, or read from the folder of an earlier run.
    """
    cached = folder if folder is not None and folder.exists else None
    model = load_whole(
        cached.folder if cached else files.folder,
        f"{shortened(files.name)}: the weights in {files.folder} cannot be loaded as a causal "
        f"language model at {precision}",
        dtype=torch_dtype(computed_in(precision, options.compute)),
        quantization_config=None if cached else quantization_config(precision, options.compute),
        device_map="auto"
        if not on_cpu and options.devices == "auto"
        else {"": "cpu" if on_cpu else "cuda"},
        attn_implementation=_ATTENTION[options.attention],
        use_safetensors=True,
    )
    if cached:
        return model, bytes_when_quantised(cached.folder)
    if precision not in QUANTISED:
        return model, None
    quantised_bytes = weight_bytes(model)
    if on_cpu:
        model = dequantise(model, torch_dtype(options.compute))
        keep_dequantised(model, folder, quantised_bytes)
    return model, quantised_bytes


def _precision_note(
    files: ModelFiles, precision: Precision, options: LoadOptions, *, widened: bool, on_cpu: bool
) -> str:
    """How weights are held and computed with, as results say it."""
    note, compute = _PRECISION_NOTES[precision], options.compute
    if precision in QUANTISED:
        note += f", {'unpacked to' if widened else 'computed in'} {compute}"
        if on_cpu:
            held = "fp32" if widened else compute
            note += f"; on CPU dequantised once to {compute}, so memory is that of {held}"
        if files.name in PACKAGED:
            before = PACKAGED[files.name].quantised
            note += f"; the {files.source} file was {before} before, so it is quantised twice"
    if options.attention != "auto":
        note += f"; {options.attention} attention in the library's own forward pass"
    if widened:
        note += "; computed in fp32, as this processor has no products in bf16"
    return note


def check_machine(precision: Precision, options: LoadOptions, *, masters: bool = False) -> None:
    """Refuse what this machine cannot compute, before anything is read.

    Args:
        precision: How the weights are held.
        options: Where, and how they are computed with.
        masters: Whether all of them are trained, in fp32.

    Raises:
        ModelError: with what to use instead.
    """
    import importlib.util

    import torch

    if torch.cuda.is_available() and options.devices != "cpu":
        computed = computed_in(precision, options.compute)
        if options.attention == "flash" and (masters or computed == "fp32"):
            raise ModelError(
                "--attention flash: its kernels compute in 16 bits, and this is fp32 "
                f"({'--method full trains in it' if masters else '--compute-dtype'}). Use "
                "--attention sdpa."
            )
        if options.attention == "flash" and importlib.util.find_spec("flash_attn") is None:
            raise ModelError(
                "--attention flash: the package flash-attn is not installed. Install it, or use "
                "--attention sdpa."
            )
        return
    if precision == "fp16" or options.compute == "fp16":
        option = "--precision" if precision == "fp16" else "--compute-dtype"
        raise ModelError(f"{option} fp16 needs a CUDA device; on a CPU say bf16 or fp32.")
    if options.attention == "flash":
        raise ModelError("--attention flash needs a CUDA device; on a CPU say sdpa or eager.")


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


_PRECISION_NOTES: dict[Precision, str] = {
    "nf4": "NF4 with double quantisation",
    "nf4-single": "NF4 without double quantisation",
    "fp4": "FP4 with double quantisation",
    "int8": "LLM.int8",
    "bf16": "bf16",
    "fp16": "fp16",
    "fp32": "fp32",
}
_ATTENTION: dict[Attention, str | None] = {
    "auto": None,
    "eager": "eager",
    "sdpa": "sdpa",
    "flash": "flash_attention_2",
}


def _plain_greedy(model: PreTrainedModel) -> None:
    """Set the model's own generation settings (sampling, repetition penalty) aside.

    `generate` would fill them in, and they would make two models' answers incomparable.
    """
    from transformers import GenerationConfig

    own = model.generation_config
    model.generation_config = GenerationConfig(
        bos_token_id=own.bos_token_id, eos_token_id=own.eos_token_id, pad_token_id=own.pad_token_id
    )
