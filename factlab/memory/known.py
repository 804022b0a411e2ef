"""Well-known models by name and by size, so that one can be planned for before it is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that can be counted without its files.

    Attributes:
        page: Its name on the hub; the numbers are those of the config there.
        config: What the shapes are counted from.
    """

    page: str
    config: dict[str, Any]

    @property
    def source(self) -> str:
        """Where that page is."""
        return f"https://huggingface.co/{self.page}"


_COLUMNS = (
    "model_type",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "vocab_size",
    "tie_word_embeddings",
    "head_dim",
)
# Name, page on the hub, and the columns above as the config on that page has them.
# fmt: off
_TABLE: tuple[tuple[Any, ...], ...] = (
    ("smollm2-135m", "HuggingFaceTB/SmolLM2-135M",
     "llama", 576, 1536, 30, 9, 3, 49152, True, None),
    ("gemma-3-270m", "google/gemma-3-270m",
     "gemma3_text", 640, 2048, 18, 4, 1, 262144, True, 256),
    ("smollm2-360m", "HuggingFaceTB/SmolLM2-360M",
     "llama", 960, 2560, 32, 15, 5, 49152, True, None),
    ("qwen2-0.5b", "Qwen/Qwen2-0.5B",
     "qwen2", 896, 4864, 24, 14, 2, 151936, True, None),
    ("tinyllama-1.1b", "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
     "llama", 2048, 5632, 22, 32, 4, 32000, False, None),
    ("llama-3.2-1b", "meta-llama/Llama-3.2-1B",
     "llama", 2048, 8192, 16, 32, 8, 128256, True, None),
    ("smollm2-1.7b", "HuggingFaceTB/SmolLM2-1.7B",
     "llama", 2048, 8192, 24, 32, 32, 49152, True, None),
    ("llama-3.2-3b", "meta-llama/Llama-3.2-3B",
     "llama", 3072, 8192, 28, 24, 8, 128256, True, None),
    ("phi-3-mini", "microsoft/Phi-3-mini-4k-instruct",
     "phi3", 3072, 8192, 32, 32, 32, 32064, False, None),
    ("llama-2-7b", "meta-llama/Llama-2-7b-hf",
     "llama", 4096, 11008, 32, 32, 32, 32000, False, None),
    ("mistral-7b", "mistralai/Mistral-7B-Instruct-v0.2",
     "mistral", 4096, 14336, 32, 32, 8, 32000, False, None),
    ("qwen2-7b", "Qwen/Qwen2-7B",
     "qwen2", 3584, 18944, 28, 28, 4, 152064, False, None),
    ("llama-3-8b", "meta-llama/Meta-Llama-3-8B",
     "llama", 4096, 14336, 32, 32, 8, 128256, False, None),
    ("qwen3-8b", "Qwen/Qwen3-8B",
     "qwen3", 4096, 12288, 36, 32, 8, 151936, False, 128),
    ("gemma-2-9b", "google/gemma-2-9b",
     "gemma2", 3584, 14336, 42, 16, 8, 256000, True, 256),
    ("llama-2-13b", "meta-llama/Llama-2-13b-hf",
     "llama", 5120, 13824, 40, 40, 40, 32000, False, None),
    ("llama-2-70b", "meta-llama/Llama-2-70b-hf",
     "llama", 8192, 28672, 80, 64, 8, 32000, False, None),
    ("llama-3-70b", "meta-llama/Meta-Llama-3-70B",
     "llama", 8192, 28672, 80, 64, 8, 128256, False, None),
)
# fmt: on

KNOWN: dict[str, KnownModel] = {
    name: KnownModel(
        page,
        {**dict(zip(_COLUMNS, numbers, strict=True)), "sliding_window": None},
    )
    for name, page, *numbers in _TABLE
}

# What people say for short.
SHORT = {
    "135m": "smollm2-135m",
    "360m": "smollm2-360m",
    "0.5b": "qwen2-0.5b",
    "1b": "llama-3.2-1b",
    "1.1b": "tinyllama-1.1b",
    "1.7b": "smollm2-1.7b",
    "3b": "llama-3.2-3b",
    "7b": "llama-2-7b",
    "8b": "llama-3-8b",
    "13b": "llama-2-13b",
    "70b": "llama-3-70b",
    "llama-1b": "llama-3.2-1b",
    "llama-3b": "llama-3.2-3b",
    "llama-7b": "llama-2-7b",
    "llama-8b": "llama-3-8b",
    "llama-13b": "llama-2-13b",
    "llama-70b": "llama-3-70b",
}


def known_name(name: str) -> str | None:
    """The full name of a well-known model, from that or a short one; None if it is neither."""
    lower = name.lower()
    full = SHORT.get(lower, lower)
    return full if full in KNOWN else None
