"""A model's name → a local folder of safetensors. Remote code and pickles are never loaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from factlab.errors import ModelError, shortened
from factlab.models.cache import CachedModel, building, cache_folder
from factlab.models.checked import check_model, small_files
from factlab.models.files import local_path, reading, said
from factlab.models.gguf import CONVERSION, convert_gguf, convert_tokenizer
from factlab.models.gguf_header import read_header
from factlab.models.packaged import PACKAGED, ensure_packaged
from factlab.models.trial import try_out
from factlab.reading.records import sha256_of
from factlab.schema.config import EMBEDDED_MODEL

_HUB_FILES = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt")
_MOST_STEM = 80  # characters of a GGUF file's name that the cache's folder has


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on this machine, ready to be loaded."""

    name: str
    source: str
    folder: Path

    @property
    def sha256(self) -> str:
        """One hash over all weight files, in the order of their names."""
        digest = hashlib.sha256()
        for file in sorted(self.folder.glob("*.safetensors")):
            digest.update(sha256_of(file).encode())
        return digest.hexdigest()

    def check_same(self, sha256: str) -> None:
        """Refuse weights that are not those which adapters were trained on.

        Raises:
            ModelError: for other weights.
        """
        if sha256 != self.sha256:
            raise ModelError(
                f"{self.name}: these are not the weights that the adapters were trained on (their "
                f"SHA-256 is {self.sha256[:12]}…, the run's {sha256[:12]}…). Answers would mean "
                "nothing."
            )


def resolve_model(name: str, *, accepted: bool = False) -> ModelFiles:
    """Find a packaged model, a local folder or GGUF file, or a model of the hub.

    A folder or file is checked before anything of it is loaded (`checked.py`).

    Args:
        name: As `--model` takes it.
        accepted: Whether the user accepts the terms of a packaged model, if it has any.

    Raises:
        ModelError: for a name that is none of these, weights of a kind that is not loaded, or files
            that are damaged or not to be trusted.
    """
    if name in PACKAGED:
        source = "embedded" if name == EMBEDDED_MODEL else "package"
        return ModelFiles(name, source, ensure_packaged(name, accepted=accepted))
    path = local_path(name)
    if path is None:
        check_model_name(name)
        source, folder = "hub", _usable(_from_hub(name), name)
    else:
        source, folder = "folder", _usable(path, name) if path.is_dir() else _converted(path)
    check_model(folder, name)
    return ModelFiles(name, source, folder)


def check_model_name(name: str) -> None:
    """Refuse a name that cannot be a model, without fetching or loading anything.

    Raises:
        ModelError: if it is neither a packaged model, a path that exists, nor a hub id.
    """
    if name in PACKAGED or local_path(name) is not None:
        return
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ModelError(
            f"{shortened(name)}: no such model. Known: '{EMBEDDED_MODEL}' (embedded, the default), "
            f"{', '.join(repr(name) for name in PACKAGED if name != EMBEDDED_MODEL)}, "
            "a local folder with config.json and *.safetensors, a .gguf file, or a hub id such as "
            "owner/name."
        )


def _usable(folder: Path, name: str) -> Path:
    with reading(f"{folder}: cannot be read"):
        found = sorted(file.name for file in folder.iterdir())
    if "config.json" in found and any(file.endswith(".safetensors") for file in found):
        return folder
    ggufs = [file for file in found if file.endswith(".gguf")]
    if len(ggufs) == 1:
        return _converted(folder / ggufs[0])
    name = shortened(name)
    if ggufs:
        raise ModelError(f"{name} holds {len(ggufs)} GGUF files. Pass the path of the one to use.")
    pickles = [file for file in found if file.endswith((".bin", ".pt", ".pth"))]
    if pickles:
        raise ModelError(
            f"{name} holds only pickled weights ({pickles[0]}), which can run code when loaded. "
            "Only safetensors and GGUF are loaded; convert it first."
        )
    raise ModelError(
        f"{name} is not a model folder: config.json and *.safetensors, or one .gguf file, are "
        "wanted there."
    )


def _converted(file: Path) -> Path:
    if file.suffix != ".gguf":
        raise ModelError(f"{file}: a folder, or a file that ends in .gguf, is wanted.")
    cached = CachedModel(cache_folder() / "models" / _name_of(file))
    if not cached.exists:
        with building(cached.folder) as draft:
            if draft is not None:
                convert_gguf(file, draft)
    cached.verify()
    return cached.folder


def _name_of(file: Path) -> str:
    """What the cache calls what is made of a GGUF file.

    Raises:
        ModelError: if the file is damaged, or far longer than what is in it, before it is hashed.
    """
    read_header(file)
    with reading(f"{file}: cannot be read"):
        digest = sha256_of(file)
    return f"{file.stem[:_MOST_STEM]}-{digest[:16]}-{CONVERSION}"


def gguf_tokenizer(file: Path) -> Path:
    """A folder with the tokenizer and chat template of a GGUF file, and without its weights.

    Raises:
        ModelError: if the file is damaged, or its tokenizer cannot be read or used.
    """
    cached = CachedModel(cache_folder() / "tokenizers" / _name_of(file))
    if not cached.exists:
        with building(cached.folder) as draft:
            if draft is not None:
                convert_tokenizer(file, draft)
    cached.verify()
    try_out(cached.folder, str(file), small_files(cached.folder))
    return cached.folder


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(_HUB_FILES)))
    except Exception as problem:  # the hub client's errors have no common base worth naming
        raise not_from_hub(name, problem) from None


def not_from_hub(name: str, problem: Exception) -> ModelError:
    """The refusal of a model that the hub did not give."""
    return ModelError(
        f"{shortened(name)}: not found: no local folder of that name, and the hub did not give it "
        f"({type(problem).__name__}: {said(problem)}). Check the spelling and the network; "
        f"'{EMBEDDED_MODEL}' needs no hub."
    )
