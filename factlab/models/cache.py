"""The model cache: converted models, each with a manifest of its files' hashes."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from factlab.errors import ModelError
from factlab.reading.records import sha256_of

MANIFEST = "manifest.json"


def cache_folder() -> Path:
    """Where models are kept: $FACTLAB_CACHE, else the user's cache folder."""
    chosen = os.environ.get("FACTLAB_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "factlab"


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A converted model in the cache."""

    folder: Path

    @property
    def exists(self) -> bool:
        """Whether it has been converted; its manifest is written last."""
        return (self.folder / MANIFEST).is_file()

    def damaged(self) -> str | None:
        """What is wrong with it, in words, or None if every byte is as it was written."""
        try:
            expected = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))["files"]
            named = dict(expected)
        except (OSError, ValueError, KeyError, TypeError):
            return f"{self.folder / MANIFEST} is missing or cannot be read"
        for name, digest in named.items():
            file = self.folder / name
            if not file.is_file():
                return f"{file} is missing"
            if sha256_of(file) != digest:
                return f"{file} has changed since it was written (its SHA-256 differs)"
        return None

    def verify(self) -> None:
        """Refuse a damaged model.

        Raises:
            ModelError: naming the file, and how to have it made again.
        """
        problem = self.damaged()
        if problem:
            raise ModelError(
                f"the cached model is damaged: {problem}. Remove the folder {self.folder}; it is "
                "made again at the next run."
            )


@contextmanager
def building(target: Path) -> Iterator[Path | None]:
    """A temporary folder that becomes `target` when the block ends without an error.

    Two processes that want the same model wait for each other; the second gets None, since the
    first has made it.

    Raises:
        ModelError: if the cache cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock"):
            if CachedModel(target).exists:
                yield None
                return
            draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
            try:
                yield draft
                files = sorted(file.name for file in draft.iterdir())
                manifest = {"files": {name: sha256_of(draft / name) for name in files}}
                (draft / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
                shutil.rmtree(target, ignore_errors=True)
                draft.rename(target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    except OSError as problem:
        raise ModelError(
            f"the model cache {target.parent} cannot be written ({problem.strerror or problem}). "
            "Free space there, or name another folder in FACTLAB_CACHE."
        ) from None
