"""Llama, and what is built like it: SmolLM, SmolLM2, TinyLlama."""

from factlab.models.families.family import (
    DecoderNames,
    Family,
    Gguf,
    Pretokenizer,
    split_pattern,
)

FAMILY = Family(
    name="llama",
    decoder=DecoderNames(),
    own_keys=True,
    gguf=Gguf("llama", "LlamaForCausalLM", pairs=True, scaled=True),
    pretokenizers={
        "smollm": Pretokenizer(digits=True),
        "llama-bpe": Pretokenizer(pattern=split_pattern(r"\p{N}{1,3}"), ignore_merges=True),
    },
)
