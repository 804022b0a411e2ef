"""Mistral: Llama's blocks, with a sliding window unless the config says null."""

from factlab.models.families.family import DecoderNames, Family, Gguf

FAMILY = Family(
    name="mistral",
    decoder=DecoderNames(),
    asks_bias=False,
    gguf=Gguf("llama", "MistralForCausalLM", pairs=True, scaled=True),
)
