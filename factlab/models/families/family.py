"""What is known of a family of models, in one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Parts of the patterns that byte-level BPE tokenizers split text by.
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def split_pattern(digits: str) -> str:
    """The pattern that tokenizers since GPT-4 share, but for how many digits stand together."""
    return "|".join([_CONTRACTIONS, _LETTERS, digits, _REST])


@dataclass(frozen=True, slots=True)
class Pretokenizer:
    """How a byte-level BPE tokenizer splits text before it merges.

    Attributes:
        digits: Whether each digit stands alone.
        pattern: What is one piece; None: GPT-2's own pattern, which byte-level splitting knows.
        ignore_merges: Whether a piece that is a token is one, whatever the merges say.
    """

    digits: bool = False
    pattern: str | None = None
    ignore_merges: bool = False


# What the packed decoder computes, by the names that configs have for it. "dynamic" positions are
# not in it: they depend on the longest text that was read before.
ACTIVATIONS = ("silu", "gelu", "gelu_pytorch_tanh")
LAYER_TYPES = {"full_attention", "sliding_attention"}
ROPE_TYPES = {"default", "linear", "llama3", "yarn", "longrope"}
# Settings that ask for something else: dropout in the blocks, and attention to later tokens.
_OTHERWISE = ("attention_dropout", "resid_pdrop", "use_bidirectional_attention")


@dataclass(frozen=True, slots=True)
class DecoderNames:
    """Where the parts of a decoder are, as attribute paths; the defaults are Llama's.

    The packed decoder computes blocks of this kind: RMS norm, attention with rotary positions, RMS
    norm, a gated MLP. Layers that read the same states are named together. Windows of attention,
    rotary scaling and the gate's activation it reads from the config.

    Attributes:
        embedding: In the trunk, as are `blocks`, `norm` and `rotary`.
        blocks: The list of blocks; the names below are in each of them.
        norm: After the last block.
        rotary: Gives cosine and sine of positions.
        attention_norm: Before attention.
        query_key_value: In this order; one name if they are one layer.
        output: After attention.
        mlp_norm: Before the MLP.
        gate_up: In this order; one name if they are one layer.
        down: The MLP's last layer.
        head_norms: Of each head's queries and keys, before positions; None if there are none.
        attention_end_norm: Of what attention adds to the states; None if there is none.
        mlp_end_norm: Of what the MLP adds, likewise.
        one_plus: Whether norms multiply by 1 + their weight, and round to the states' type after
            that instead of before.
        activation: What a config calls the activation of the gate.
        query_scale: What a config calls the number whose root scores are divided by; None: it is
            the width of a head.
        score_cap: What a config calls the bound that scores are pressed under by a tanh; None if
            the family has none.
        rotary_by_type: Whether `rotary` is asked for each type of layer: with a window or without.
        rotated: What a config calls its list of layers that have rotary positions (1) or none (0);
            None: all have them.
    """

    embedding: str = "embed_tokens"
    blocks: str = "layers"
    norm: str = "norm"
    rotary: str = "rotary_emb"
    attention_norm: str = "input_layernorm"
    query_key_value: tuple[str, ...] = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
    output: str = "self_attn.o_proj"
    mlp_norm: str = "post_attention_layernorm"
    gate_up: tuple[str, ...] = ("mlp.gate_proj", "mlp.up_proj")
    down: str = "mlp.down_proj"
    head_norms: tuple[str, str] | None = None
    attention_end_norm: str | None = None
    mlp_end_norm: str | None = None
    one_plus: bool = False
    activation: str = "hidden_act"
    query_scale: str | None = None
    score_cap: str | None = None
    rotary_by_type: bool = False
    rotated: str | None = None

    def computes(self, config: Mapping[str, Any]) -> bool:
        """Whether a config asks for nothing beyond what the packed decoder computes."""
        rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
        if not isinstance(rope, Mapping):
            return False
        nested = [part for part in rope.values() if isinstance(part, Mapping)]
        ropes = [part.get("rope_type", part.get("type", "default")) for part in nested or [rope]]
        return (
            (config.get(self.activation) or "silu") in ACTIVATIONS
            and set(config.get("layer_types") or ()) <= LAYER_TYPES
            and set(ropes) <= ROPE_TYPES
            and not any(config.get(key) for key in _OTHERWISE)
        )


@dataclass(frozen=True, slots=True)
class Gguf:
    """How GGUF files hold the family.

    Attributes:
        architecture: As GGUF calls it. Names of tensors follow from it in the gguf package.
        model_class: The class of transformers that is written so; None: such files are read, and
            none are written here.
        pairs: Whether llama.cpp rotates neighbouring values of a head, so that rows are reordered.
        scaled: Whether it reads a factor for each rotary frequency.
    """

    architecture: str
    model_class: str | None = None
    pairs: bool = False
    scaled: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models.

    What configs leave unsaid about sizes comes from the modeling and configuration files of
    transformers 5.23; tests/slow/test_sizing_measured.py compares them layer by layer.

    Attributes:
        name: `model_type` of its configs.
        decoder: Where the packed decoder finds its parts; None: the library's own forward pass
            computes the family.
        tied: Whether the head is the embedding, where the config does not say.
        fused: Whether queries, keys and values are one layer, and gate and up.
        norms: Norms of the hidden width in a block.
        head_norms: Norms of a head's width in a block.
        bias: Layers with a bias, whatever the config says.
        asks_bias: Whether the config decides for others.
        head_width: Of a head, where the config does not say; 0: hidden / heads.
        own_keys: Whether a config that does not name key heads means one for each query head.
        gguf: How GGUF files hold it; None: they are not known here.
        pretokenizers: Its tokenizers' rules, by the names that GGUF files use
            (`tokenizer.ggml.pre`).
    """

    name: str
    decoder: DecoderNames | None = None
    tied: bool = False
    fused: bool = False
    norms: int = 2
    head_norms: int = 0
    bias: tuple[str, ...] = ()
    asks_bias: bool = True
    head_width: int = 0
    own_keys: bool = False
    gguf: Gguf | None = None
    pretokenizers: Mapping[str, Pretokenizer] = field(default_factory=dict)
