"""The folder of a stored adapter is checked before PEFT reads it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from factlab.errors import ModelError, shortened
from factlab.models.files import read_object
from factlab.models.stored import stored_weights
from factlab.schema.combine import ADAPTER_CONFIG, ADAPTER_WEIGHTS

MOST_SETTINGS = 1_000_000  # bytes
MOST_NAMES = 4_096  # layers that a setting names
# Of a pattern of names: its characters, and the repetitions in it.
MOST_PATTERN, MOST_REPEATS = 1_000, 4
# Kinds that ask for more than a text: the number of a task, or other adapters beside this one.
_ASK_MORE = ("MULTITASK_PROMPT_TUNING", "POLY", "XLORA", "CPT")
MOST_SIDE = 1_000_000  # of a size in the settings
# Settings that have PEFT import a module by name, or build layers that no adapter of factlab has.
_REFUSED = ("megatron_config", "layer_replication")
_SEEDS = ("projection_prng_key", "random_loc_seed", "init_seed", "random_seed")
_NAMING = ("target_modules", "exclude_modules", "layers_pattern", "modules_to_save")
_BY_LAYER = ("rank_pattern", "alpha_pattern")


def check_adapter(folder: Path) -> None:
    """Refuse an adapter whose files are not what PEFT writes of a LoRA.

    Raises:
        ModelError: naming the file, and what is wrong with it.
    """
    settings = adapter_settings(folder)
    shapes = stored_weights([folder / ADAPTER_WEIGHTS]).shapes
    ranks = [shape[0] for name, shape in shapes.items() if "lora_A" in name and shape]
    most = max(ranks or [side for shape in shapes.values() for side in shape] or [0])
    if (rank := max(_ranks(settings))) > most:
        raise ModelError(
            f"{folder / ADAPTER_CONFIG}: a rank is {rank:,}, and the weights beside it have no "
            f"more than {most:,}."
        )


def check_any_adapter(folder: Path) -> dict[str, Any]:
    """Refuse an adapter, by whatever method it was trained, whose files are not what PEFT writes.

    Returns:
        Its settings.

    Raises:
        ModelError: naming the file, and what is wrong with it.
    """
    file = folder / ADAPTER_CONFIG
    settings = read_object(file, MOST_SETTINGS)
    if not (folder / ADAPTER_WEIGHTS).exists():
        pickled = " Pickled weights (.bin) can run code when loaded; save it as safetensors."
        raise ModelError(
            f"{folder}: an adapter's weights are wanted in {ADAPTER_WEIGHTS}."
            f"{pickled if (folder / 'adapter_model.bin').exists() else ''}"
        )
    kind = settings.get("peft_type")
    if kind == "LORA":
        check_adapter(folder)
        return settings
    if not isinstance(kind, str) or kind in _ASK_MORE:
        raise ModelError(
            f"{file}: its peft_type is {shortened(repr(kind))}. Adapters are evaluated that need "
            "nothing but a text, such as lora, ia3, oft or prompt tuning."
        )
    stored_weights([folder / ADAPTER_WEIGHTS])
    for key, pattern in _patterns(settings, file):
        _check_pattern(key, pattern, file)
    for key, value in settings.items():
        if isinstance(value, int) and key not in _SEEDS and abs(value) > MOST_SIDE:
            raise ModelError(f"{file}: '{key}' is {value:,}, over {MOST_SIDE:,}.")
    return settings


def method_of(settings: Mapping[str, Any]) -> str:
    """What an adapter's method is called, by its settings: lora, dora, ia3, prompt tuning."""
    method = str(settings.get("peft_type", "")).lower().replace("_", " ")
    if method == "lora" and settings.get("use_dora"):
        method = "dora"
    elif method == "lora" and settings.get("use_rslora"):
        method = "rslora"
    saved = settings.get("modules_to_save")
    return (
        f"{method} with {', '.join(saved)} whole" if isinstance(saved, list) and saved else method
    )


def adapter_settings(folder: Path) -> dict[str, Any]:
    """What PEFT wrote about a LoRA, whose weights are not looked at.

    Raises:
        ModelError: for settings of another kind, or that no LoRA has.
    """
    file = folder / ADAPTER_CONFIG
    settings = read_object(file, MOST_SETTINGS)
    if settings.get("peft_type") != "LORA":
        kind = shortened(repr(settings.get("peft_type")))
        raise ModelError(f"{file}: its peft_type is {kind}, and only LoRA adapters are loaded.")
    for key in _REFUSED:
        if settings.get(key):
            raise ModelError(f"{file}: sets '{key}', which no adapter of factlab does.")
    for key, pattern in _patterns(settings, file):
        _check_pattern(key, pattern, file)
    for rank in _ranks(settings):
        if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
            given = shortened(repr(rank))
            raise ModelError(f"{file}: a rank is {given}; a whole number is wanted.")
    alpha: Any = settings.get("lora_alpha")
    number = isinstance(alpha, int | float) and not isinstance(alpha, bool)
    if not number or not math.isfinite(alpha):
        raise ModelError(
            f"{file}: 'lora_alpha' is {shortened(repr(alpha))}; a finite number is wanted."
        )
    return settings


def _ranks(settings: Mapping[str, Any]) -> list[Any]:
    """The rank of most layers, and those of some by name."""
    return [settings.get("r"), *(settings.get("rank_pattern") or {}).values()]


def _patterns(settings: Mapping[str, Any], file: Path) -> Iterator[tuple[str, str]]:
    """Everything that PEFT takes for a regular expression of layers' names, by its setting."""
    for key in (*_NAMING, *_BY_LAYER):
        value = settings.get(key)
        if value is None:
            continue
        names = list(value) if isinstance(value, list | dict) else [value]
        wanted = dict if key in _BY_LAYER else (str, list)
        if not isinstance(value, wanted) or not all(isinstance(name, str) for name in names):
            raise ModelError(
                f"{file}: '{key}' is {shortened(repr(value))}; names of layers are wanted."
            )
        if len(names) > MOST_NAMES:
            raise ModelError(f"{file}: '{key}' names {len(names):,} layers, over {MOST_NAMES:,}.")
        yield from ((key, name) for name in names)


def _check_pattern(key: str, pattern: str, file: Path) -> None:
    """Refuse what could go back on its steps for ever: a repeated group, or many repetitions."""
    repeats = len(re.findall(r"[*+{]|(?<![(*+}?])\?", pattern))  # `.*?` is one, `(?:` none
    if len(pattern) > MOST_PATTERN or repeats > MOST_REPEATS or re.search(r"\)[*+{]", pattern):
        raise ModelError(
            f"{file}: '{key}' has the pattern {shortened(repr(pattern))}, which could take too "
            "long to match. Name the layers instead."
        )
