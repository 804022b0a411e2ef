"""Reads a model's decoder stack, and computes it over flat tokens.

Layers that read the same states are computed as one product, and adapters as one batch of low-rank
products beside it. Attention is handed in, since training, prefill and decoding lay keys out
differently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from factlab.errors import ModelError
from factlab.inference.decoder.operations import rms_norm, rotate, swiglu
from factlab.inference.decoder.packing import Packed, attend
from factlab.inference.decoder.projection import LowRank, Projection
from factlab.models.families import FAMILIES
from factlab.models.families.family import DecoderNames

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

Attend = Callable[[int, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Layer:
    """One block."""

    attention_norm: torch.Tensor
    query_key_value: Projection
    output: Projection
    mlp_norm: torch.Tensor
    gate_up: Projection
    down: Projection


@dataclass(frozen=True, slots=True)
class Decoder:
    """A decoder stack, its adapters included.

    Attributes:
        layers: The blocks.
        heads: Query heads.
        key_heads: Key and value heads; query heads share them in equal groups.
        head_width: Width of a head.
        adapters: Number of adapters that are computed side by side; 1 if there is none.
    """

    embedding: torch.Tensor
    layers: Sequence[Layer]
    norm: torch.Tensor
    epsilon: float
    rotary: nn.Module
    heads: int
    key_heads: int
    head_width: int
    adapters: int

    def states(self, tokens: torch.Tensor, positions: torch.Tensor, attend: Attend) -> torch.Tensor:
        """Final hidden states, shape (adapters, tokens, hidden).

        Args:
            tokens: Shape (adapters, tokens).
            positions: Their places in their texts, same shape.
            attend: Called with the layer's index and its queries, keys and values side by side,
                shape (adapters · tokens, heads + 2 key heads, head width); gives the mixed values,
                shape (adapters · tokens, heads · head width) or alike.
        """
        groups, count = tokens.shape
        x = self.embedding[tokens]
        cos, sin = (part[0, :, None] for part in self.rotary(x, positions.reshape(1, -1)))
        wide = (groups * count, -1, self.head_width)
        for index, layer in enumerate(self.layers):
            h = rms_norm(x, layer.attention_norm, self.epsilon)
            laid = layer.query_key_value(h).view(wide)
            mixed = attend(index, rotate(laid, cos, sin, self.heads + self.key_heads))
            x = x + layer.output(mixed.reshape(groups, count, -1))
            h = rms_norm(x, layer.mlp_norm, self.epsilon)
            x = x + layer.down(swiglu(layer.gate_up(h)))
        return rms_norm(x, self.norm, self.epsilon)

    def read_packed(self, packed: Packed) -> torch.Tensor:
        """Final states of packed texts, shape (adapters · tokens, hidden)."""

        def own(_: int, laid: torch.Tensor) -> torch.Tensor:
            return attend(packed, laid, self.heads, self.key_heads)

        return self.states(packed.tokens, packed.positions, own).flatten(0, 1)

    def read_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Final states of one text, shape (tokens, hidden); tokens have shape (tokens,)."""

        def whole(_: int, laid: torch.Tensor) -> torch.Tensor:
            query, key, value = laid.transpose(0, 1)[None].split(
                [self.heads, self.key_heads, self.key_heads], dim=1
            )
            return nn.functional.scaled_dot_product_attention(
                query, key, value, is_causal=True, enable_gqa=True
            )[0].transpose(0, 1)

        positions = torch.arange(len(tokens), device=tokens.device)
        return self.states(tokens[None], positions[None], whole)[0]


def base_of(model: PreTrainedModel | PeftModel) -> PreTrainedModel:
    """The model under the adapters."""
    from peft import PeftModel

    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    return base  # type: ignore[no-any-return]


def read_decoder(
    model: PreTrainedModel | PeftModel, adapters: Sequence[str | None] | None = None
) -> Decoder | None:
    """The decoder of a model, or None if it is not built the way that this package computes.

    `backend.choose_backend` calls it. Nothing is copied: the weights are the model's own. Where
    gradients are off, the adapters' factors are brought to the base's dtype once.

    Args:
        model: A causal language model, with adapters on it or not.
        adapters: As `choose_backend` takes them.

    Raises:
        ModelError: for a name that no adapter of the model has.
    """
    _check_names(model, adapters)
    base: Any = base_of(model)
    family = FAMILIES.get(base.config.model_type)
    names = family.decoder if family else None
    if names is None or not _plain(base.config) or _recomputes(base) or _spread(base):
        return None
    trunk = base.get_decoder()
    embedding = attrgetter(names.embedding)(trunk)
    reader = _LayerReader(adapters, embedding.weight.dtype)
    layers = [reader.layer(block, names) for block in attrgetter(names.blocks)(trunk)]
    if reader.refused or type(embedding) is not nn.Embedding:
        return None
    config = base.config
    heads = config.num_attention_heads
    return Decoder(
        embedding=embedding.weight,
        layers=layers,
        norm=attrgetter(names.norm)(trunk).weight,
        epsilon=config.rms_norm_eps,
        rotary=attrgetter(names.rotary)(trunk),
        heads=heads,
        key_heads=config.num_key_value_heads,
        head_width=getattr(config, "head_dim", None) or config.hidden_size // heads,
        adapters=len(adapters) if adapters else 1,
    )


def _check_names(model: PreTrainedModel | PeftModel, adapters: Sequence[str | None] | None) -> None:
    from peft import PeftModel

    unknown = {*(adapters or ()), None} - {*getattr(model, "peft_config", {}), None}
    if unknown and isinstance(model, PeftModel):
        raise ModelError(f"there is no adapter {', '.join(map(repr, unknown))} on this model.")


def _recomputes(base: Any) -> bool:
    """Whether activations are computed again in the backward pass, which the library does."""
    return torch.is_grad_enabled() and base.training and bool(base.is_gradient_checkpointing)


def _spread(base: Any) -> bool:
    """Whether it is spread over devices: the library moves states from one to the next."""
    return len(set(getattr(base, "hf_device_map", {"": 0}).values())) > 1


def _plain(config: Any) -> bool:
    """Whether nothing in a config asks for more than the plain blocks."""
    layer_types = set(getattr(config, "layer_types", None) or ["full_attention"])
    rope = getattr(config, "rope_parameters", None) or {}
    return (
        config.hidden_act == "silu"
        and layer_types == {"full_attention"}
        and (getattr(config, "sliding_window", None) is None or "layer_types" in config.__dict__)
        and rope.get("rope_type", "default") in ("default", "linear", "llama3")
        and not getattr(config, "attention_dropout", 0)
    )


class _LayerReader:
    """Reads layers, and notes whether one is of a kind that is not computed here."""

    def __init__(self, adapters: Sequence[str | None] | None, dtype: torch.dtype) -> None:
        self.adapters = adapters
        self.dtype = dtype
        self.refused = False

    def layer(self, block: nn.Module, names: DecoderNames) -> Layer:
        """One block of the library's model as this package computes it."""

        def parts(*paths: str) -> list[Any]:
            return [attrgetter(path)(block) for path in paths]

        attention_norm, mlp_norm = parts(names.attention_norm, names.mlp_norm)
        return Layer(
            attention_norm=attention_norm.weight,
            query_key_value=self.projection(*parts(*names.query_key_value)),
            output=self.projection(*parts(names.output)),
            mlp_norm=mlp_norm.weight,
            gate_up=self.projection(*parts(*names.gate_up)),
            down=self.projection(*parts(names.down)),
        )

    def projection(self, *modules: Any) -> Projection:
        """Layers that read the same states, with what stands on them."""
        read = [self._part(module) for module in modules]
        found = Projection([part for part, _ in read], [updates for _, updates in read])
        if self.refused or torch.is_grad_enabled() or not any(found.updates):
            return found
        ready = found.factors(self.dtype)
        return Projection(found.parts, found.updates, ready, found.all_gains(self.dtype))

    def _part(self, module: Any) -> tuple[nn.Module, list[LowRank]]:
        from peft.tuners.lora import LoraLayer

        if not isinstance(module, LoraLayer):
            self.refused |= not _readable(module) or _learns(module)
            return module, []
        layer: Any = module
        base: nn.Module = layer.get_base_layer()
        names = list(self.adapters or layer.active_adapters)
        known = [name for name in names if name in layer.lora_A]
        self.refused |= not _readable(base) or bool(layer.merged) or _learns(base)
        if layer.disable_adapters or not known:
            return base, []
        self.refused |= (
            (self.adapters is None and len(names) > 1)
            or any(not _computed(layer.lora_variant.get(name)) for name in known)
            or any(layer.lora_bias.get(name, False) for name in known)
            or any(layer.training and _drops(layer.lora_dropout[name]) for name in known)
        )
        if self.refused:
            return base, []
        updates = {
            name: LowRank(
                layer.lora_A[name].weight,
                layer.lora_B[name].weight,
                layer.scaling[name],
                _gain(layer, name) if name in layer.lora_variant else None,
            )
            for name in known
        }
        nothing = updates[known[0]].empty()  # of the base, and of an adapter of other layers
        return base, [updates.get(name, nothing) for name in names]


def _computed(variant: Any) -> bool:
    """Whether an update is plain, or DoRA's where no gradient is wanted."""
    from peft.tuners.lora.variants import DoraLinearVariant

    return variant is None or (
        isinstance(variant, DoraLinearVariant) and not torch.is_grad_enabled()
    )


def _gain(layer: Any, name: str) -> torch.Tensor:
    """DoRA's magnitude over the norm of the updated weight, rounded as PEFT rounds it."""
    from peft.utils.integrations import dequantize_module_weight

    magnitude = layer.lora_magnitude_vector[name]
    weight = dequantize_module_weight(layer.get_base_layer())
    update = (layer.lora_B[name].weight @ layer.lora_A[name].weight).to(weight.dtype)
    norm = magnitude.get_weight_norm(weight, update, layer.scaling[name])
    gain: torch.Tensor = magnitude.weight / norm
    return gain


def _learns(module: nn.Module) -> bool:
    """Whether gradients are wanted for a layer that is taken for frozen here."""
    return torch.is_grad_enabled() and any(p.requires_grad for p in module.parameters())


def _drops(dropout: nn.Module) -> bool:
    return not isinstance(dropout, nn.Identity)


def _readable(module: Any) -> bool:
    """Whether a linear layer's weight is plain or 4-bit; others compute in ways of their own."""
    if type(module) is nn.Linear:
        return True
    return getattr(getattr(module, "weight", None), "quant_state", None) is not None
