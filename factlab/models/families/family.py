"""What is known of a family of models, in one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


@dataclass(frozen=True, slots=True)
class DecoderNames:
    """Where the parts of a decoder are, as attribute paths; the defaults are Llama's.

    The packed decoder computes blocks of this kind: RMS norm, attention with rotary positions, RMS
    norm, SwiGLU. Layers that read the same states are named together.

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


def never_windowed(config: Mapping[str, Any]) -> bool:
    """Attention of the family sees the whole text, whatever its config says."""
    del config
    return False


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models.

    What configs leave unsaid about sizes comes from the modeling and configuration files of
    transformers 5.23; tests/slow/test_sizing_measured.py compares them layer by layer.

    Attributes:
        name: `model_type` of its configs.
        decoder: Where the packed decoder finds its parts; None: the library's own forward pass
            computes the family.
        windowed: Whether a config asks for attention over a sliding window, which the packed
            decoder leaves to the library.
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
    windowed: Callable[[Mapping[str, Any]], bool] = never_windowed
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
