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
from factlab.inference.decoder.adapters import adds_updates_alone
from factlab.inference.decoder.operations import Norm, gated, norm_heads, rotate
from factlab.inference.decoder.packing import Packed, Scoring, Tree, attend, pack
from factlab.inference.decoder.projection import LowRank, Projection
from factlab.models.families import FAMILIES
from factlab.models.families.family import DecoderNames

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

Attend = Callable[[int, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Layer:
    """One block.

    Attributes:
        head_norm: Of queries and keys, before positions; None if there is none.
        attention_end_norm: Of what attention adds to the states; None if there is none.
        mlp_end_norm: Of what the MLP adds, likewise.
        scoring: Of its attention.
        rotary: Which positions turn queries and keys: "", or the type of the layer where types have
            their own. None: they are not turned.
    """

    attention_norm: Norm
    query_key_value: Projection
    output: Projection
    mlp_norm: Norm
    gate_up: Projection
    down: Projection
    scoring: Scoring
    head_norm: Norm | None = None
    attention_end_norm: Norm | None = None
    mlp_end_norm: Norm | None = None
    rotary: str | None = ""


@dataclass(frozen=True, slots=True)
class Decoder:
    """A decoder stack, its adapters included.

    Attributes:
        embedding_scale: What embeddings are multiplied by; None if by nothing.
        layers: The blocks.
        activation: Of the gate, as configs name it.
        heads: Query heads.
        key_heads: Key and value heads; query heads share them in equal groups.
        head_width: Width of a head.
        adapters: Number of adapters that are computed side by side; 1 if there is none.
    """

    embedding: torch.Tensor
    embedding_scale: torch.Tensor | None
    layers: Sequence[Layer]
    norm: Norm
    activation: str
    rotary: nn.Module
    heads: int
    key_heads: int
    head_width: int
    adapters: int

    @property
    def windows(self) -> set[int]:
        """How many last tokens layers see that do not see all."""
        windows = (layer.scoring.window for layer in self.layers)
        return {window for window in windows if window is not None}

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
        if self.embedding_scale is not None:
            x = x * self.embedding_scale
        turns = self._turns(x, positions)
        wide = (groups * count, -1, self.head_width)
        for index, layer in enumerate(self.layers):
            laid = layer.query_key_value(layer.attention_norm(x)).view(wide)
            if layer.head_norm is not None:
                laid = norm_heads(laid, layer.head_norm)
            if layer.rotary is not None:
                laid = rotate(laid, *turns[layer.rotary], self.heads + self.key_heads)
            mixed = attend(index, laid)
            added = layer.output(mixed.reshape(groups, count, -1))
            x = x + (layer.attention_end_norm or _as_it_is)(added)
            added = layer.down(gated(layer.gate_up(layer.mlp_norm(x)), self.activation))
            x = x + (layer.mlp_end_norm or _as_it_is)(added)
        return self.norm(x)

    def _turns(
        self, x: torch.Tensor, positions: torch.Tensor
    ) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Cosine and sine of positions, shape (adapters · tokens, 1, width), as layers ask."""
        found = {}
        kinds = (layer.rotary for layer in self.layers)
        for kind in {kind for kind in kinds if kind is not None}:
            named = (kind,) if kind else ()
            cos, sin = self.rotary(x, positions.reshape(1, -1), *named)
            found[kind] = cos[0, :, None], sin[0, :, None]
        return found

    def read_packed(self, packed: Packed) -> torch.Tensor:
        """Final states of packed texts, shape (adapters · tokens, hidden)."""

        def own(layer: int, laid: torch.Tensor) -> torch.Tensor:
            scoring = self.layers[layer].scoring
            return attend(packed, laid, self.heads, self.key_heads, scoring)

        return self.states(packed.tokens, packed.positions, own).flatten(0, 1)

    def read_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Final states of one text, shape (tokens, hidden); tokens have shape (tokens,)."""
        if any(layer.scoring.cap for layer in self.layers):  # fused attention knows no caps
            text = [[Tree(tuple(tokens.tolist()))]]
            packed = pack(text, 0, self.embedding.dtype, windows=self.windows)
            return self.read_packed(packed.to(tokens.device))
        positions = torch.arange(len(tokens), device=tokens.device)
        back = positions[:, None] - positions
        masks = {w: (back >= 0) & (back < w) for w in self.windows if w < len(tokens)}

        def whole(layer: int, laid: torch.Tensor) -> torch.Tensor:
            query, key, value = laid.transpose(0, 1)[None].split(
                [self.heads, self.key_heads, self.key_heads], dim=1
            )
            scoring = self.layers[layer].scoring
            mask = None if scoring.window is None else masks.get(scoring.window)
            return nn.functional.scaled_dot_product_attention(
                query,
                key,
                value,
                attn_mask=mask,
                is_causal=mask is None,
                scale=scoring.scale,
                enable_gqa=True,
            )[0].transpose(0, 1)

        return self.states(tokens[None], positions[None], whole)[0]


def _as_it_is(x: torch.Tensor) -> torch.Tensor:
    return x


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
    family = FAMILIES.get(base.config.model_type) if adds_updates_alone(model, base) else None
    names = family.decoder if family else None
    if names is None or not names.computes(vars(base.config)) or _recomputes(base) or _spread(base):
        return None
    trunk = base.get_decoder()
    embedding = attrgetter(names.embedding)(trunk)
    reader = _LayerReader(names, base.config, adapters, embedding.weight.dtype)
    layers = [reader.layer(*block) for block in enumerate(attrgetter(names.blocks)(trunk))]
    if reader.refused or not isinstance(embedding, nn.Embedding):
        return None
    scale: torch.Tensor | None = getattr(embedding, "embed_scale", None)
    return Decoder(
        embedding=embedding.weight,
        embedding_scale=None if scale is None else scale.to(embedding.weight.dtype),
        layers=layers,
        norm=reader.norm(trunk, names.norm),
        activation=getattr(base.config, names.activation),
        rotary=attrgetter(names.rotary)(trunk),
        heads=reader.heads,
        key_heads=reader.key_heads,
        head_width=reader.width,
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


class _LayerReader:
    """Reads layers, and notes whether one is of a kind that is not computed here."""

    def __init__(
        self,
        names: DecoderNames,
        config: Any,
        adapters: Sequence[str | None] | None,
        dtype: torch.dtype,
    ) -> None:
        self.names = names
        self.config = config
        self.adapters = adapters
        self.dtype = dtype
        self.refused = False
        self.heads: int = config.num_attention_heads
        self.key_heads: int = config.num_key_value_heads
        self.width: int = getattr(config, "head_dim", None) or config.hidden_size // self.heads

    def layer(self, index: int, block: nn.Module) -> Layer:
        """One block of the library's model as this package computes it."""
        names = self.names

        def projection(*paths: str) -> Projection:
            return self.projection(*(attrgetter(path)(block) for path in paths))

        def norm(path: str | None) -> Norm | None:
            return None if path is None else self.norm(block, path)

        return Layer(
            attention_norm=self.norm(block, names.attention_norm),
            query_key_value=projection(*names.query_key_value),
            output=projection(names.output),
            mlp_norm=self.norm(block, names.mlp_norm),
            gate_up=projection(*names.gate_up),
            down=projection(names.down),
            scoring=self._scoring(index),
            head_norm=self._head_norm(block),
            attention_end_norm=norm(names.attention_end_norm),
            mlp_end_norm=norm(names.mlp_end_norm),
            rotary=self._rotary(index),
        )

    def norm(self, holder: nn.Module, path: str) -> Norm:
        """A norm as this package computes it."""
        weight: torch.Tensor = attrgetter(path)(holder).weight
        if self.names.one_plus:
            return Norm(1 + weight.detach().float(), self.config.rms_norm_eps, wide=True)
        return Norm(weight, self.config.rms_norm_eps)

    def _head_norm(self, block: nn.Module) -> Norm | None:
        """The norms of queries and keys as one, with a row of weights for each head."""
        if self.names.head_norms is None:
            return None
        query, key = (self.norm(block, path) for path in self.names.head_norms)
        rows = query.weight.expand(self.heads, -1), key.weight.expand(self.key_heads, -1)
        return Norm(torch.cat(rows).detach(), query.epsilon, query.wide)

    def _scoring(self, index: int) -> Scoring:
        names, config = self.names, self.config
        wide = self.width if names.query_scale is None else getattr(config, names.query_scale)
        return Scoring(
            scale=wide**-0.5,
            cap=None if names.score_cap is None else getattr(config, names.score_cap),
            window=config.sliding_window if self._type(index) != "full_attention" else None,
        )

    def _rotary(self, index: int) -> str | None:
        names = self.names
        if names.rotated is not None and not getattr(self.config, names.rotated)[index]:
            return None
        return self._type(index) if names.rotary_by_type else ""

    def _type(self, index: int) -> str:
        """Of a layer: a config without a list of types has its window in every layer."""
        types = getattr(self.config, "layer_types", None)
        if types:
            return str(types[index])
        windowed = getattr(self.config, "sliding_window", None) is not None
        return "sliding_attention" if windowed else "full_attention"

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
