"""A model's name, or just a size such as `7b` → its shape, from its config alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from factlab.errors import ModelError
from factlab.memory.known import KNOWN, SHORT, known_name
from factlab.memory.shapes import ModelShape, shape_of
from factlab.models.configs import model_config
from factlab.models.packaged import PACKAGED
from factlab.schema.config import EMBEDDED_MODEL
from factlab.schema.yaml import did_you_mean

PACKAGED_SHAPES = {EMBEDDED_MODEL: "smollm2-135m"}  # called otherwise in `memory/known.py`


@dataclass(frozen=True, slots=True)
class NamedShape:
    """A model's shape, what it is called, and whose numbers these are."""

    name: str
    shape: ModelShape
    source: str


def named_shape(name: str) -> NamedShape:
    """The shape of a model by name, folder, `config.json`, `.gguf` file, hub id or size.

    Raises:
        ModelError: for a name that is none of these, or a kind of model that is not counted.
    """
    known = known_name(name)
    if name in PACKAGED:
        known = None if PACKAGED[name].cached.exists else PACKAGED_SHAPES.get(name, known)
    if known is not None:
        found = KNOWN[known]
        return NamedShape(known, shape_of(found.config, known), found.source)
    if name not in PACKAGED and "/" not in name and not Path(name).expanduser().exists():
        raise ModelError(
            f"{name}: no such model.{did_you_mean(name, (*KNOWN, *SHORT))} Known by name or size: "
            f"{', '.join((*KNOWN, *SHORT))}. Or name '{EMBEDDED_MODEL}', a folder with "
            "config.json, a config.json, a .gguf file, a hub id."
        )
    return NamedShape(name, shape_of(model_config(name), name), "its own config")
