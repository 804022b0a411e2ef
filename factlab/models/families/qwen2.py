"""Qwen2 and Qwen2.5: Llama's blocks, with biases on queries, keys and values."""

from factlab.models.families.family import (
    DecoderNames,
    Family,
    Gguf,
    Pretokenizer,
    split_pattern,
)

FAMILY = Family(
    name="qwen2",
    decoder=DecoderNames(),
    bias=("q_proj", "k_proj", "v_proj"),
    asks_bias=False,
    gguf=Gguf("qwen2", "Qwen2ForCausalLM"),
    pretokenizers={"qwen2": Pretokenizer(pattern=split_pattern(r"\p{N}"))},
)
