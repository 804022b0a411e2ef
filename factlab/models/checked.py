"""A model's folder is checked whole before anything of it is loaded.

Everything that the libraries would read is a plain file of a bounded size, the sizes in the config
fit the weights, and tokenizer and chat template were tried out once in a process of bounded memory
and time (`trial.py`).
"""

from __future__ import annotations

from pathlib import Path

from factlab.errors import ModelError, shortened
from factlab.models.files import check_plain, read_object
from factlab.models.sizes import check_sizes, check_tokens
from factlab.models.stored import INDEX, MOST_INDEX, stored_weights, weight_files
from factlab.models.trial import try_out

CONFIG, GENERATION = "config.json", "generation_config.json"
MOST_CONFIG = 4_000_000
MOST_TOKENIZER_CONFIG = 16_000_000
_MB = 1_000_000
MOST_TEMPLATE = _MB
# Bytes of what is read: by name, else by suffix. Other files are none that a model is loaded from.
_MOST = {
    CONFIG: MOST_CONFIG,
    GENERATION: _MB,
    "tokenizer_config.json": MOST_TOKENIZER_CONFIG,
    "special_tokens_map.json": _MB,
    "added_tokens.json": MOST_TOKENIZER_CONFIG,
    INDEX: MOST_INDEX,
}
_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
_MOST_BY_SUFFIX: dict[str, int | None] = {
    ".safetensors": None,
    ".json": 128 * _MB,
    ".model": 128 * _MB,
    ".txt": 128 * _MB,
    ".jinja": MOST_TEMPLATE,
}
_MORE_TEMPLATES = "additional_chat_templates"


def check_model(folder: Path, name: str) -> None:
    """Check a folder that a model is to be loaded from.

    Args:
        folder: With config, weights and tokenizer.
        name: What a person calls it.

    Raises:
        ModelError: naming the file, and what is wrong with it.
    """
    check_weights(folder, name)
    try_out(folder, name, small_files(folder))


def check_weights(folder: Path, name: str) -> None:
    """The same of a folder whose tokenizer is not read.

    Raises:
        ModelError: naming the file, and what is wrong with it.
    """
    check_files(folder)
    if (folder / "adapter_config.json").exists():
        raise ModelError(
            f"{shortened(name)} holds adapter_config.json beside a model, and which of the two is "
            "meant is unclear. Remove it, or name a folder with the model alone."
        )
    config = read_object(folder / CONFIG, MOST_CONFIG)
    if not isinstance(config.get("model_type"), str):
        raise ModelError(f"{folder / CONFIG}: says no model_type, so it is no config of a model.")
    loaded = weight_files(folder)
    # Those that are not loaded are hashed with the others, so that they have to end where they say.
    stored_weights(sorted({*folder.glob("*.safetensors")} - {*loaded}))
    check_sizes(config, stored_weights(loaded), folder / CONFIG)
    if (folder / GENERATION).exists():
        check_tokens(read_object(folder / GENERATION, _MB), folder / GENERATION)


def check_files(folder: Path) -> None:
    """Refuse a folder in which something that is read is no plain file, or far too long.

    A link to a plain file is one: so the hub's cache keeps models, and so do people.

    Raises:
        ModelError: naming the file.
    """
    try:
        found = sorted(folder.iterdir())
        more = folder / _MORE_TEMPLATES
        found += sorted(more.iterdir()) if more.is_dir() else []
    except OSError as problem:
        raise ModelError(f"{folder}: cannot be read ({problem.strerror}).") from None
    for file in found:
        if file.suffix in _MOST_BY_SUFFIX:
            most = _MOST.get(file.name, _MOST_BY_SUFFIX[file.suffix])
            check_plain(file, most)
            if file.name in _SETTINGS:
                read_object(file, most or 0)


def small_files(folder: Path) -> list[Path]:
    """All that is read besides weights."""
    kept = [suffix for suffix, most in _MOST_BY_SUFFIX.items() if most is not None]
    places = (folder, folder / _MORE_TEMPLATES)
    return sorted(f for place in places for suffix in kept for f in place.glob(f"*{suffix}"))
