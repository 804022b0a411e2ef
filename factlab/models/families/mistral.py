"""Mistral: Llama's blocks, with a sliding window unless the config says null."""

from collections.abc import Mapping
from typing import Any

from factlab.models.families.family import DecoderNames, Family, Gguf


def _windowed(config: Mapping[str, Any]) -> bool:
    return config.get("sliding_window", "by default") is not None


FAMILY = Family(
    name="mistral",
    decoder=DecoderNames(),
    windowed=_windowed,
    asks_bias=False,
    gguf=Gguf("llama", "MistralForCausalLM", pairs=True, scaled=True),
)
