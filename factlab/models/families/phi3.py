"""Phi-3 and Phi-4: queries, keys and values in one layer, gate and up in another.

Positions may turn a part of each head only.
"""

from factlab.models.families.family import DecoderNames, Family

FAMILY = Family(
    name="phi3",
    decoder=DecoderNames(query_key_value=("self_attn.qkv_proj",), gate_up=("mlp.gate_up_proj",)),
    fused=True,
    own_keys=True,
)
