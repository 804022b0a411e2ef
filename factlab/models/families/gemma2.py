"""Gemma 2: as Gemma, norms after attention and MLP too, caps, a window in every other layer."""

from factlab.models.families.family import DecoderNames, Family

FAMILY = Family(
    name="gemma2",
    decoder=DecoderNames(
        attention_end_norm="post_attention_layernorm",
        mlp_norm="pre_feedforward_layernorm",
        mlp_end_norm="post_feedforward_layernorm",
        one_plus=True,
        activation="hidden_activation",
        query_scale="query_pre_attn_scalar",
        score_cap="attn_logit_softcapping",
    ),
    tied=True,
    norms=4,
    head_width=256,
)
