"""Gemma 3, its text model: as Gemma 2 without caps, and a norm on each head's queries and keys.

Most layers have a window, and positions of their own. The library reads a cap on the scores of
attention from the config and does not use it, so neither does the decoder.
"""

from factlab.models.families.family import DecoderNames, Family, Gguf

FAMILY = Family(
    name="gemma3_text",
    decoder=DecoderNames(
        head_norms=("self_attn.q_norm", "self_attn.k_norm"),
        attention_end_norm="post_attention_layernorm",
        mlp_norm="pre_feedforward_layernorm",
        mlp_end_norm="post_feedforward_layernorm",
        one_plus=True,
        activation="hidden_activation",
        query_scale="query_pre_attn_scalar",
        rotary_by_type=True,
    ),
    tied=True,
    norms=4,
    head_norms=2,
    head_width=256,
    gguf=Gguf("gemma3"),
)
