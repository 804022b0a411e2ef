"""Random models of each shape that is written as GGUF, built in a temporary folder in a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tiny_model import TEMPLATE

from factlab.models import pretokenizers

MERGES = [("h", "e"), ("t", "he"), ("Ġ", "t"), ("Ġ", "a"), ("Ġ", "Ġ"), ("Ċ", "Ċ"), ("1", "2")]
SPECIALS = ["<|im_start|>", "<|im_end|>", "<|pad|>"]
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
LINEAR = {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}
# Name → class, rules that cut words, settings.
SHAPES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "tied": ("Llama", "smollm", {"tie_word_embeddings": True}),
    "untied": ("Llama", "gpt-2", {"tie_word_embeddings": False}),
    "biased": ("Llama", "gpt-2", {"attention_bias": True, "mlp_bias": True}),
    "wide heads": ("Llama", "gpt-2", {"head_dim": 32}),
    "llama3": ("Llama", "llama-bpe", {"rope_parameters": LLAMA3}),
    "linear": ("Llama", "gpt-2", {"rope_parameters": LINEAR}),
    "mistral": ("Mistral", "gpt-2", {"sliding_window": None}),
    "qwen2": ("Qwen2", "qwen2", {}),
}


def make_model(folder: Path, shape: str, **settings: Any) -> Path:
    """Write a model of a shape, with its tokenizer."""
    import torch
    import transformers

    family, cutting, own = SHAPES[shape]
    folder.mkdir(parents=True)
    size = _write_tokenizer(folder, cutting)
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(
        **{
            "vocab_size": size + 3,  # as in many models, there are more rows than tokens
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 1024,
            "bos_token_id": None,
            "eos_token_id": 1,
            "pad_token_id": 2,
            **own,
            **settings,
        }
    )
    model = getattr(transformers, f"{family}ForCausalLM")(config)
    for name, values in model.named_parameters():
        norm = "norm" in name
        torch.nn.init.normal_(values, mean=float(norm), std=0.3 if values.ndim == 1 else 0.15)
    model.save_pretrained(folder)
    return folder


def _write_tokenizer(folder: Path, cutting: str) -> int:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*SPECIALS, *alphabet, *("".join(pair) for pair in MERGES)]
    rules = pretokenizers.KNOWN[cutting]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: i for i, token in enumerate(tokens)},
            merges=MERGES,
            ignore_merges=rules.ignore_merges,
        )
    )
    tokenizer.pre_tokenizer = pretokenizers.rules_of(cutting)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIALS)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|pad|>",
        "chat_template": TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return len(tokens)
