"""A model's name → its config alone: nothing else is fetched, no weight is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from factlab.errors import ModelError
from factlab.models.embedded import embedded_model
from factlab.models.families import model_type_of_gguf
from factlab.models.resolve import check_model_name, not_from_hub
from factlab.schema.config import EMBEDDED_MODEL

_GGUF_SIZES = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
}


def model_config(name: str) -> dict[str, Any]:
    """The config of a model by its name, folder, `config.json`, `.gguf` file or hub id.

    Raises:
        ModelError: for a name that is none of these, or a config that cannot be read.
    """
    path = Path(name).expanduser()
    if name == EMBEDDED_MODEL:
        path = embedded_model().folder
    if path.is_dir():
        path = _in_folder(path, name)
    if path.is_file():
        return _gguf(path) if path.suffix == ".gguf" else _json(path)
    check_model_name(name)
    return _json(_from_hub(name))


def _in_folder(folder: Path, name: str) -> Path:
    config, ggufs = folder / "config.json", sorted(folder.glob("*.gguf"))
    if config.is_file():
        return config
    if len(ggufs) == 1:
        return ggufs[0]
    raise ModelError(f"{name}: a folder with config.json, or with one .gguf file, is wanted.")


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ModelError(f"{file}: cannot be read as JSON ({problem}).") from None
    if not isinstance(found, dict):
        raise ModelError(f"{file}: a model's config is wanted, with its sizes by name.")
    return found


def _gguf(file: Path) -> dict[str, Any]:
    """The config that a GGUF file's header amounts to; its weights are not read."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(file)
        kind = reader.fields["general.architecture"].contents()
    except (OSError, ValueError, KeyError, IndexError) as problem:
        said = str(problem).splitlines() or [type(problem).__name__]
        raise ModelError(
            f"{file} cannot be read as a GGUF model ({said[0][:200]}). Is it whole?"
        ) from None
    sizes = {key: reader.fields.get(f"{kind}.{size}") for key, size in _GGUF_SIZES.items()}
    shapes = {tensor.name: [int(side) for side in tensor.shape] for tensor in reader.tensors}
    return {
        "model_type": model_type_of_gguf(kind),
        **{key: field.contents() for key, field in sizes.items() if field is not None},
        "vocab_size": shapes.get("token_embd.weight", [0])[-1],
        "tie_word_embeddings": "output.weight" not in shapes,
        "attention_bias": "blk.0.attn_output.bias" in shapes,
        "mlp_bias": "blk.0.ffn_down.bias" in shapes,
        "sliding_window": None,
    }


def _from_hub(name: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(name, "config.json"))
    except Exception as problem:  # the hub client's errors have no common base worth naming
        raise not_from_hub(name, problem) from None
