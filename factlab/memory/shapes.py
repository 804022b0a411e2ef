"""A model's config → the shapes of its layers, by what `models.families` knows of its family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from factlab.errors import ConfigError, ModelError, shortened
from factlab.models.families import FAMILIES
from factlab.models.families.family import Family
from factlab.schema.targets import ALL_LINEAR, TARGETS
from factlab.schema.yaml import did_you_mean

MOST_SIZE = 1_000_000_000  # of layers, widths and the like


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear layer of a block."""

    name: str
    inputs: int
    outputs: int
    bias: bool = False

    @property
    def weights(self) -> int:
        """Values of its matrix."""
        return self.inputs * self.outputs

    @property
    def parameters(self) -> int:
        """Its matrix, and its bias if it has one."""
        return self.weights + (self.outputs if self.bias else 0)

    def low_rank(self, rank: int) -> int:
        """Parameters of an adapter's two factors beside it."""
        return rank * (self.inputs + self.outputs)


@dataclass(frozen=True, slots=True)
class ModelShape:
    """A decoder: an embedding, equal blocks, a norm, an output head.

    Attributes:
        family: `model_type` of its config.
        packed: Whether factlab's own decoder computes it (`Family.decoder`).
        vocabulary: Tokens that the embedding and the head know.
        hidden: Width of the states between blocks.
        intermediate: Width inside a block's MLP.
        layers: Blocks.
        heads: Query heads.
        key_heads: Key and value heads.
        head_width: Width of a head.
        tied: Whether the head is the embedding.
        linears: The linear layers of one block.
        norms: Norms of the hidden width in a block.
        head_norms: Norms of a head's width in a block.
    """

    family: str
    packed: bool
    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    key_heads: int
    head_width: int
    tied: bool
    linears: tuple[Linear, ...]
    norms: int = 2
    head_norms: int = 0

    @property
    def queries(self) -> int:
        """Width of all queries of a token."""
        return self.heads * self.head_width

    @property
    def keys(self) -> int:
        """Width of all keys of a token, and of all values."""
        return self.key_heads * self.head_width

    @property
    def trunk_weights(self) -> int:
        """Values of the matrices of all blocks: what is quantised, and what a token costs."""
        return self.layers * sum(linear.weights for linear in self.linears)

    @property
    def norm_values(self) -> int:
        """Values of the norms of one block."""
        return self.norms * self.hidden + self.head_norms * self.head_width

    @property
    def embedding(self) -> int:
        """Values of the embedding."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """All values of the model, as its makers count them; a tied head counts once."""
        block = sum(linear.parameters for linear in self.linears) + self.norm_values
        tables = self.embedding if self.tied else 2 * self.embedding
        return tables + self.layers * block + self.hidden

    def adapted(self, targets: str) -> tuple[Linear, ...]:
        """The linear layers of a block that get an adapter.

        Args:
            targets: `all-linear`, `attention`, `mlp`, `qv`, or names joined by `+`.

        Raises:
            ConfigError: for a name that no layer of this model has.
        """
        if targets == ALL_LINEAR:
            return self.linears
        known = [linear.name for linear in self.linears]
        named = TARGETS.get(targets, tuple(name.strip() for name in targets.split("+")))
        missing = [] if targets in TARGETS else [name for name in named if name not in known]
        if missing or not set(named) & set(known):
            first = (missing or named)[0]
            raise ConfigError(
                f"--targets {targets}: a {self.family} model has no linear layer '{first}'."
                f"{did_you_mean(first, known)} Its layers: {', '.join(known)}; or use "
                f"{ALL_LINEAR}, {', '.join(TARGETS)}."
            )
        return tuple(linear for linear in self.linears if linear.name in named)


ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj")


def shape_of(config: Mapping[str, Any], where: str) -> ModelShape:
    """The shape of a model.

    Args:
        config: What its `config.json` holds.
        where: Whose config it is, for messages.

    Raises:
        ModelError: for a family that is not counted here, or a size that is missing or impossible.
    """
    name = config.get("model_type")
    if not isinstance(name, str) or name not in FAMILIES:
        said = f"model_type {shortened(repr(name))}" if name else "no model_type"
        raise ModelError(
            f"{where}: its config has {said}, and the layers of that kind of model are not known "
            f"here, so its memory cannot be counted. Known: {', '.join(FAMILIES)}."
        )
    family, read = FAMILIES[name], _Sizes(config, where)
    hidden, heads = read.size("hidden_size"), read.size("num_attention_heads")
    key_heads = read.size("num_key_value_heads", heads if family.own_keys else None)
    if heads % key_heads:
        raise ModelError(
            f"{where}: num_attention_heads {heads} is no multiple of num_key_value_heads "
            f"{key_heads}, so this is no config of a model."
        )
    width = read.size("head_dim", family.head_width or max(1, hidden // heads))
    intermediate = read.size("intermediate_size")
    return ModelShape(
        family=name,
        packed=family.decoder is not None and family.decoder.computes(config),
        vocabulary=read.size("vocab_size"),
        hidden=hidden,
        intermediate=intermediate,
        layers=read.size("num_hidden_layers"),
        heads=heads,
        key_heads=key_heads,
        head_width=width,
        tied=read.flag("tie_word_embeddings", family.tied),
        linears=_linears(
            family, read, hidden, intermediate, queries=heads * width, keys=key_heads * width
        ),
        norms=family.norms,
        head_norms=family.head_norms,
    )


def _linears(
    family: Family, read: _Sizes, hidden: int, intermediate: int, *, queries: int, keys: int
) -> tuple[Linear, ...]:
    if family.fused:
        return (
            Linear("qkv_proj", hidden, queries + 2 * keys),
            Linear("o_proj", queries, hidden),
            Linear("gate_up_proj", hidden, 2 * intermediate),
            Linear("down_proj", intermediate, hidden),
        )
    biased = set(family.bias)
    if family.asks_bias and read.flag("attention_bias", False):
        biased.update(ATTENTION)
    if family.asks_bias and read.flag("mlp_bias", False):
        biased.update(MLP)
    sizes = {
        "q_proj": (hidden, queries),
        "k_proj": (hidden, keys),
        "v_proj": (hidden, keys),
        "o_proj": (queries, hidden),
        "gate_proj": (hidden, intermediate),
        "up_proj": (hidden, intermediate),
        "down_proj": (intermediate, hidden),
    }
    return tuple(Linear(name, *size, bias=name in biased) for name, size in sizes.items())


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Reads a config."""

    config: Mapping[str, Any]
    where: str

    def size(self, key: str, default: int | None = None) -> int:
        """A whole number above 0."""
        value = self.config.get(key)
        if value is None:
            value = default
        if value is None:
            raise ModelError(
                f"{self.where}: its config has no '{key}', without which the model cannot be "
                "counted."
            )
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not isinstance(value, int) or not whole or not 0 < value <= MOST_SIZE:
            raise ModelError(
                f"{shortened(self.where)}: '{key}' in its config is {shortened(repr(value))}; a "
                f"whole number above 0 is wanted, of at most {MOST_SIZE:,}."
            )
        return value

    def flag(self, key: str, default: bool) -> bool:
        """A yes or no."""
        value = self.config.get(key)
        return default if value is None else bool(value)
