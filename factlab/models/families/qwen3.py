"""Qwen3: Llama's blocks, with a norm on each head's queries and keys."""

from factlab.models.families.family import DecoderNames, Family

FAMILY = Family(
    name="qwen3",
    decoder=DecoderNames(head_norms=("self_attn.q_norm", "self_attn.k_norm")),
    head_norms=2,
    head_width=128,
)
