"""Model families: one file each, with all that factlab knows of one. Data only, without torch.

A file here defines `FAMILY`, and nothing else lists families: the decoder, the memory planner, GGUF
reading and writing and the pretokenizers look their part up in `FAMILIES`.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules

from factlab.models.families.family import Family

_FORMAT = "family"  # the module that says what a family is


def read_families(folders: Iterable[str]) -> dict[str, Family]:
    """The families of the files in some folders of this package, by name."""
    names = sorted(found.name for found in iter_modules(list(folders)) if found.name != _FORMAT)
    families: list[Family] = [import_module(f"{__name__}.{name}").FAMILY for name in names]
    return {family.name: family for family in families}


FAMILIES: dict[str, Family] = read_families(__path__)


def model_type_of_gguf(architecture: str) -> str:
    """The `model_type` of what a GGUF file calls its architecture.

    Several families may be written as one architecture (Mistral as `llama`); the one of that name
    is meant. An architecture that no family names is taken for a `model_type`.
    """
    if architecture in FAMILIES:
        return architecture
    named = (f.name for f in FAMILIES.values() if f.gguf and f.gguf.architecture == architecture)
    return next(named, architecture)
