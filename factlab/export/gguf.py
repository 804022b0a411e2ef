"""A plain model → one GGUF file, written tensor by tensor by the gguf package; nothing is compiled.

The layout is that of llama.cpp's own converter: names of its tensor map, rows of q and k reordered
for architecture `llama` (it rotates neighbouring pairs, transformers the two halves), norms and
biases in f32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType, LlamaFileType
from numpy.typing import NDArray

from factlab.errors import ModelError
from factlab.export.merge import Merged
from factlab.export.vocabulary import read_vocabulary
from factlab.models.families import FAMILIES
from factlab.models.families.family import Gguf
from factlab.models.files import reading
from factlab.models.load import load_tokenizer
from factlab.models.resolve import ModelFiles

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

Values = NDArray[np.float32]
EMBEDDINGS, OUTPUT = "token_embd.weight", "output.weight"
BLOCK = 32  # values that share a scale, in each of the quantised types written here
K_BLOCK = 256  # the same in Q6_K, which llama.cpp's quantiser prefers for the output layer
UNQUANTISED = ("f32", "f16", "bf16")
# Shares of an update that are left in rounded weights; outside these a note warns.
MOSTLY_GONE, EXAGGERATED = 0.5, 1.3


_SCALINGS = ("default", "linear", "llama3")


def check_convertible(files: ModelFiles) -> None:
    """Refuse a model that cannot be written as GGUF, from its settings and tokenizer alone.

    Raises:
        ModelError: saying what is known.
    """
    from transformers import AutoConfig

    with reading(f"{files.name}: its settings cannot be read"):
        config = AutoConfig.from_pretrained(files.folder, trust_remote_code=False)
    tokenizer = load_tokenizer(files)
    architecture_of(config)
    read_vocabulary(tokenizer, config.vocab_size)


def architecture_of(config: PretrainedConfig) -> Gguf:
    """How GGUF holds a model of these settings.

    Raises:
        ModelError: if it is not written, or has a part that is not.
    """
    written = {
        family.gguf.model_class: family.gguf
        for family in FAMILIES.values()
        if family.gguf and family.gguf.model_class
    }
    known = ", ".join(name.removesuffix("ForCausalLM") for name in written)
    named = (config.architectures or ["an unnamed architecture"])[0]
    found = written.get(named)
    if found is None:
        raise ModelError(
            f"GGUF: {named} is not supported here; supported: {known}. `--to merged` writes any "
            "model, and llama.cpp's own converter reads that folder."
        )
    rotary = _rotary(config)["rope_type"]
    refused = {
        "a sliding window": getattr(config, "use_sliding_window", True)
        and getattr(config, "sliding_window", None),
        f"rotary scaling '{rotary}'": rotary not in (_SCALINGS if found.scaled else ("default",)),
        f"activation '{config.hidden_act}'": config.hidden_act != "silu",
    }
    for part, there in refused.items():
        if there:
            raise ModelError(
                f"GGUF: this {named} has {part}, which is not supported here. `--to merged` writes "
                "any model, and llama.cpp's own converter reads that folder."
            )
    return found


def write_gguf(merged: Merged, file: Path, type_: str, name: str) -> tuple[str, ...]:
    """Write a model as GGUF.

    Args:
        merged: In fp32.
        file: Where to.
        type_: One of `formats.GGUF_TYPES`.
        name: What the file calls the model.

    Returns:
        Notes in sentences: on weights that are stored in another type, and on how much of the
        adapter's update is left where weights are rounded.
    """
    config: Any = merged.model.config
    layout = architecture_of(config)
    vocabulary = read_vocabulary(merged.tokenizer, config.vocab_size)
    wanted = GGMLQuantizationType[type_.upper()]
    tensors = _tensors(merged, layout)
    types = {t.name: _type_of(t, wanted, tied=config.tie_word_embeddings) for t in tensors}
    rounding = _UpdateRounding()
    writer = gguf.GGUFWriter(file, layout.architecture)
    try:
        _describe(writer, config, wanted, name)
        vocabulary.write(writer)
        for tensor in tensors:
            size = math.prod(tensor.shape)
            per_block, bytes_per_block = gguf.GGML_QUANT_SIZES[types[tensor.name]]
            writer.add_tensor_info(
                tensor.name,
                tensor.shape,
                np.dtype(np.float32),
                size // per_block * bytes_per_block,
                types[tensor.name],
            )
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in tensors:
            values = tensor.values()
            packed = stored(values, types[tensor.name], tensor.name)
            writer.write_tensor_data(packed)
            if tensor.update and type_ not in UNQUANTISED and types[tensor.name] == wanted:
                rounding.add(tensor, gguf.quants.dequantize(packed, wanted) - values)
    finally:
        writer.close()
    return (*_notes(types, wanted, config), *rounding.notes(type_))


def stored(values: Values, type_: GGMLQuantizationType, name: str) -> NDArray[Any]:
    """Values as they are written.

    Raises:
        ModelError: for values that the type cannot hold.
    """
    if not np.isfinite(values).all():
        raise ModelError(f"GGUF: {name} holds values that are no finite numbers.")
    if type_ == GGMLQuantizationType.F16 and np.abs(values).max() > np.finfo(np.float16).max:
        raise ModelError(f"GGUF: {name} holds values too large for f16; bf16 has the range.")
    packed: NDArray[Any] = gguf.quants.quantize(values, type_)
    return packed


# --- tensors ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tensor:
    """One weight as GGUF wants it; its values are made when they are written.

    Attributes:
        name: As GGUF calls it.
        shape: As transformers has it.
        source: The weight.
        heads: Heads whose rows are reordered; 0: none.
        update: The factors of what an adapter added to it, if one did.
    """

    name: str
    shape: tuple[int, ...]
    source: Any
    heads: int = 0
    update: tuple[Any, Any] | None = None

    def values(self) -> Values:
        """The values in fp32."""
        return self._written(self.source)

    def added(self) -> Values:
        """What an adapter added to them, in fp32."""
        assert self.update is not None
        up, down = self.update
        return self._written(up.float() @ down.float())

    def _written(self, values: Any) -> Values:
        found = np.ascontiguousarray(values.detach().float().cpu().numpy())
        return paired(found, self.heads) if self.heads else found


@dataclass(slots=True)
class _UpdateRounding:
    """How much of an adapter's update is left in rounded weights.

    With update u and rounding error e over all weights: 1 + (e·u) / (u·u) is the share of u that
    the rounded weights hold, and |e| / |u| is the size of the error beside it. A grid that the
    base's own weights lie on already rounds a small update away (e = -u). On another grid errors
    go either way, so e·u is about 0 and the update is left on average.
    """

    along: float = 0.0  # e·u
    update: float = 0.0  # u·u
    error: float = 0.0  # e·e

    def add(self, tensor: Tensor, error: Values) -> None:
        """Count a tensor and what rounding changed in it."""
        added = tensor.added()
        self.along += float(np.vdot(error, added))
        self.update += float(np.vdot(added, added))
        self.error += float(np.vdot(error, error))

    def notes(self, type_: str) -> Iterator[str]:
        """What is left, in sentences; nothing where nothing was added or rounded."""
        if not self.update:
            return
        left = 1 + self.along / self.update
        noise = math.sqrt(self.error / self.update)
        yield (
            f"Rounded to {type_}, the weights hold {100 * left:.0f} % of the adapter's update; "
            f"rounding changed them by {noise:.1f} times as much."
        )
        if left > EXAGGERATED:
            yield "This grid enlarges the update, and its side effects with it."
        if left < MOSTLY_GONE:
            yield (
                "Most of what was learned is rounded away, as it is where the base's weights lie "
                "on this grid already. Take another type."
            )


def paired(values: Values, heads: int) -> Values:
    """The rows of each head with its two halves interleaved: 0, d/2, 1, d/2 + 1 and so on."""
    halves = values.reshape(heads, 2, len(values) // heads // 2, *values.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(values.shape))


def _tensors(merged: Merged, layout: Gguf) -> list[Tensor]:
    model = merged.model
    config: Any = model.config
    kind = next(k for k, name in gguf.MODEL_ARCH_NAMES.items() if name == layout.architecture)
    names = gguf.get_tensor_name_map(kind, config.num_hidden_layers)
    found = list(_frequencies(model, layout))
    for own, source in model.named_parameters():  # a tied output layer is listed once, as embedding
        name = names.get_name(own, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise ModelError(
                f"GGUF: there is no place for the weight {own} in {layout.architecture}."
            )
        heads = 0
        if layout.pairs and ".attn_q." in name:
            heads = config.num_attention_heads
        elif layout.pairs and ".attn_k." in name:
            heads = config.num_key_value_heads
        update = merged.updates.get(own.removesuffix(".weight"))
        found.append(Tensor(name, tuple(source.shape), source, heads, update))
    return found


def _frequencies(model: PreTrainedModel, layout: Gguf) -> Iterator[Tensor]:
    """What each rotary frequency is divided by, where the model scales them."""
    import torch

    rotary = _rotary(model.config)
    if rotary["rope_type"] == "default" or not layout.scaled:
        return
    size = _head_size(model.config)
    plain = rotary["rope_theta"] ** -(torch.arange(0, size, 2, dtype=torch.float64) / size)
    scaled: Any = model.get_decoder().rotary_emb.inv_freq
    factors = (plain / scaled.double().cpu()).float()
    yield Tensor("rope_freqs.weight", tuple(factors.shape), factors)


def _type_of(tensor: Tensor, wanted: GGMLQuantizationType, *, tied: bool) -> GGMLQuantizationType:
    """As llama.cpp's quantiser chooses, but for Q6_K."""
    if len(tensor.shape) == 1:
        return GGMLQuantizationType.F32
    if wanted.name.lower() in UNQUANTISED:
        return wanted
    if tensor.shape[-1] % BLOCK:
        return GGMLQuantizationType.F16
    if tensor.name == OUTPUT or (tied and tensor.name == EMBEDDINGS):
        return GGMLQuantizationType.Q8_0
    return wanted


def _notes(
    types: dict[str, GGMLQuantizationType], wanted: GGMLQuantizationType, config: Any
) -> Iterator[str]:
    if wanted.name.lower() in UNQUANTISED:
        return
    output = OUTPUT if OUTPUT in types else EMBEDDINGS
    if types[output] != wanted:
        same = config.hidden_size % K_BLOCK != 0
        does = "as llama.cpp's quantiser stores rows of this length"
        larger = "where llama.cpp's quantiser would take Q6_K, which is smaller and less exact"
        layer = "The output layer" if output == OUTPUT else "The embeddings, also the output layer,"
        yield f"{layer} are stored as {types[output].name}, {does if same else larger}.".replace(
            "layer are", "layer is"
        )
    if GGMLQuantizationType.F16 in types.values():
        odd = sum(type_ == GGMLQuantizationType.F16 for type_ in types.values())
        yield f"{odd} weights are stored as F16, since their rows do not divide into blocks of 32."


# --- fields -----------------------------------------------------------------------------------


def _describe(
    writer: gguf.GGUFWriter, config: Any, wanted: GGMLQuantizationType, name: str
) -> None:
    head = _head_size(config)
    writer.add_type("model")
    writer.add_name(name)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(_rotary(config)["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_rope_dimension_count(head)
    if head * config.num_attention_heads != config.hidden_size:
        writer.add_key_length(head)
        writer.add_value_length(head)
    everything = wanted == GGMLQuantizationType.F32
    writer.add_file_type(LlamaFileType[f"{'ALL' if everything else 'MOSTLY'}_{wanted.name}"])
    if wanted.name.lower() not in UNQUANTISED:
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _rotary(config: Any) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": 10_000.0, **(config.rope_parameters or {})}


def _head_size(config: Any) -> int:
    own = getattr(config, "head_dim", None)
    return int(own or config.hidden_size // config.num_attention_heads)
