"""The formats that a cell can be exported to, and how a user names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from factlab.errors import ConfigError
from factlab.schema.yaml import did_you_mean
from factlab.sharing.formats import PLACES

# The types that the gguf package writes as the reference implementation does.
GGUF_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
DTYPES = ("bf16", "fp16", "fp32")
KNOWN = ("merged", *(f"gguf:{type_}" for type_ in GGUF_TYPES))


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A kind of export and how it stores weights: a dtype of torch or a type of GGUF."""

    kind: Literal["merged", "gguf"]
    type: str

    @property
    def name(self) -> str:
        """As a user names it."""
        return "merged" if self.kind == "merged" else f"gguf:{self.type}"

    @property
    def slug(self) -> str:
        """As names of files and folders have it."""
        return f"{self.kind}-{self.type}"


def read_formats(text: str, dtype: str | None) -> tuple[ExportFormat, ...]:
    """Read `--to merged,gguf:q8_0` and `--dtype`.

    Raises:
        ConfigError: for a format or dtype that is not known, or one named twice.
    """
    if dtype is not None and dtype not in DTYPES:
        raise ConfigError(
            f"--dtype {dtype}: not known.{did_you_mean(dtype, DTYPES)} Known: {', '.join(DTYPES)}."
        )
    names = [part.strip() for part in text.split(",")]
    formats = tuple(_read(name, dtype or DTYPES[0]) for name in names)
    if len(set(formats)) < len(formats):
        raise ConfigError(f"--to {text}: a format is named twice. Name each once.")
    if dtype is not None and all(format_.kind != "merged" for format_ in formats):
        raise ConfigError(
            f"--dtype {dtype} is how a merged model stores its weights, and --to {text} has none. "
            "A GGUF file's type stands behind the colon. Remove --dtype."
        )
    return formats


def _read(name: str, dtype: str) -> ExportFormat:
    kind, colon, type_ = name.partition(":")
    if name == "merged":
        return ExportFormat("merged", dtype)
    if kind == "gguf" and type_ in GGUF_TYPES:
        return ExportFormat("gguf", type_)
    if kind == "gguf" and ("_k" in type_.lower() or type_.lower().startswith("iq")):
        raise ConfigError(
            f"--to {name}: this type needs llama.cpp's own quantiser. Export gguf:f16 and give it "
            f"to `llama-quantize`. factlab writes {', '.join(GGUF_TYPES)}."
        )
    hint = "" if colon else did_you_mean(name, ("merged", *PLACES))
    if kind == "gguf":
        hint = _like(type_) if type_ else " GGUF needs a type, as in gguf:q8_0."
    known = (*KNOWN, *PLACES)
    raise ConfigError(f"--to {name}: not a known format.{hint} Known: {', '.join(known)}.")


def _like(type_: str) -> str:
    begun = [f"'{known}'" for known in GGUF_TYPES if known.startswith(type_.lower())]
    return f" Did you mean {' or '.join(begun)}?" if begun else did_you_mean(type_, GGUF_TYPES)
