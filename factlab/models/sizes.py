"""A model's config is held against its weights before anything of that size is built."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from factlab.errors import ModelError, shortened
from factlab.models.stored import StoredWeights

# Numbers that layers, matrices or tables are built by, as configs of all families call them.
_LAYERS = re.compile(r"(num|n)_(hidden_|encoder_|decoder_)?layers?|(encoder|decoder)_layers")
_WIDTHS = re.compile(
    r"(vocab|hidden|embedding|ffn_hidden|\w*intermediate)_size|d_model|d_ff|n_embd|n_inner|ffn_dim"
    r"|\w*head_dim|\w*lora_rank|word_embed_proj_dim"
)
_COUNTS = re.compile(r"(num|n)_\w+|\w+_attention_heads")
_WIDTH_OF_ALL = ("hidden_size", "d_model", "n_embd")
_NEVER_NONE = (*_WIDTH_OF_ALL, "num_hidden_layers", "n_layer", "n_layers", "vocab_size")
_MOST_COUNT = 100_000  # of labels, experts and the like
_MOST_POSITIONS = 1 << 30
_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")
_BITS = 8  # a weight takes at least one


def check_sizes(config: Mapping[str, Any], weights: StoredWeights, where: Path) -> None:
    """Refuse a config whose sizes are no numbers, or more than its weights can hold.

    Args:
        config: Of the model.
        weights: What is stored of it.
        where: The file of the config.

    Raises:
        ModelError: naming the size.
    """
    check_tokens(config, where)
    values = weights.bytes * _BITS
    for part in _parts(config):
        width = next((part[key] for key in _WIDTH_OF_ALL if _is_size(part.get(key))), 1)
        for key, value in part.items():
            if value is None or isinstance(value, dict | bool):
                continue
            most = _most(key, width, len(weights.shapes), values)
            if most is None:
                continue
            for size in value if isinstance(value, list) else [value]:
                _check(key, size, most, where)
            if value == 0 and key in _NEVER_NONE:
                raise ModelError(f"{where}: '{key}' is 0, so this is no config of a model.")


def check_tokens(settings: Mapping[str, Any], where: Path) -> None:
    """Refuse ids of tokens that are no whole numbers, as a config or generation settings name them.

    Raises:
        ModelError: naming the setting.
    """
    for key in _TOKENS:
        value = settings.get(key)
        ids = value if isinstance(value, list) else [value]
        if value is not None and not (ids and all(_is_size(i) or i == -1 for i in ids)):
            raise ModelError(
                f"{where}: '{key}' is {shortened(repr(value))}; a token's number is wanted."
            )


def _parts(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A config and those in it, such as that of the text part of a model that also sees."""
    waiting = [config]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += [value for value in part.values() if isinstance(value, dict)]


def _most(key: str, width: int, tensors: int, values: int) -> int | None:
    """The largest number that can stand at a key, or None if nothing is built by it."""
    if _LAYERS.fullmatch(key):
        return tensors
    if key in _WIDTH_OF_ALL:
        return values
    if _WIDTHS.fullmatch(key):
        return values // max(1, width)
    if key in ("max_position_embeddings", "n_positions", "n_ctx"):
        return _MOST_POSITIONS
    return _MOST_COUNT if _COUNTS.fullmatch(key) else None


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _check(key: str, size: object, most: int, where: Path) -> None:
    if size is None:
        return
    if not isinstance(size, int) or not _is_size(size):
        raise ModelError(f"{where}: '{key}' is {shortened(repr(size))}; a whole number is wanted.")
    if size > most:
        raise ModelError(
            f"{where}: '{key}' is {size:,}, and the weights beside it cannot be of a model with "
            f"more than {most:,}. The config is of another model, or damaged."
        )
