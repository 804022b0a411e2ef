"""What was computed with a base before, kept in the cache: every run computes much the same.

A thing is used again only if everything that decides it is the same: the weights, their precision,
the input, this code, the libraries, the processor and the number of threads. What
would be computed is then, bit for bit, what was.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.models.cache import cache_folder

if TYPE_CHECKING:
    import torch

    from factlab.models.load import LoadedModel

ABANDONED_SECONDS = 3600
MOST_BYTES = 512 * 2**20  # of kept files; those longest unused go first
# Of the package, what computes or decides what is computed: other bytes, other numbers perhaps.
CODE = (
    "inference/decoder",
    "inference/backend.py",
    "inference/continuous.py",
    "inference/library.py",
    "inference/options.py",
    "inference/packed.py",
    "inference/prompts.py",
    "inference/virtual.py",
    "models/complete.py",
    "models/families",
    "models/forward.py",
    "models/heads.py",
    "models/load.py",
    "models/quantised.py",
    "models/thinking.py",
)


def base_cache_folder() -> Path:
    """Where the cache is."""
    return cache_folder() / "kept"


@dataclass(frozen=True, slots=True)
class BaseCache:
    """Reads what is kept of one model on this machine, and stores what is new.

    Attributes:
        identity: What decides it, beside the input.
        folder: Where it is kept; None: with all that is kept of bases.
    """

    identity: str
    folder: Path | None = None

    def read(self, key: object) -> Any:
        """What is stored for a key that JSON can hold, as JSON gives it back, or None."""
        file = self._file(key, "json")
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            os.utime(file)  # used last now
        except (OSError, ValueError):
            return None
        return found

    def write(self, key: object, found: object) -> None:
        """Keep a thing that JSON can hold."""
        _write(self._file(key, "json"), json.dumps(found).encode())

    def tensor(self, key: object, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """A tensor that was kept (it is then on the CPU), or is made now and kept."""
        from safetensors import SafetensorError
        from safetensors.torch import load, save

        file = self._file(key, "safetensors")
        try:
            found: torch.Tensor = load(file.read_bytes())["kept"]
            os.utime(file)
        except (OSError, SafetensorError, KeyError):
            found = make()
            _write(file, save({"kept": found.contiguous()}))
        return found

    def _file(self, key: object, suffix: str) -> Path:
        digest = hashlib.sha256(json.dumps([self.identity, key]).encode()).hexdigest()
        return (self.folder or base_cache_folder()) / f"{digest}.{suffix}"

    def of_adapter(self, sha256: str, folder: Path) -> BaseCache:
        """What is kept of this base with an adapter on it, in a folder of its own."""
        return BaseCache(json.dumps([self.identity, sha256]), folder)


def base_cache(loaded: LoadedModel, precision: str) -> BaseCache:
    """The cache of a base model on this machine."""
    import platform

    import bitsandbytes
    import torch
    import transformers

    parts: dict[str, Any] = {
        "weights": loaded.record.sha256,
        "precision": [precision, loaded.record.precision_note],
        "device": loaded.record.device,
        "processor": [_processor(), platform.machine(), torch.backends.cpu.get_cpu_capability()],
        "threads": torch.get_num_threads(),
        "libraries": [torch.__version__, transformers.__version__, bitsandbytes.__version__],
        "code": _code_sha256(),
    }
    return BaseCache(json.dumps(parts, sort_keys=True))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    wanted = ("vendor_id", "cpu family", "model", "model name", "stepping")
    return "; ".join(dict.fromkeys(x for x in lines if x.split(":")[0].strip() in wanted))


def _code_sha256() -> str:
    root = Path(__file__).parent.parent
    files = [f for name in CODE for f in sorted((root / name).glob("*.py")) or [root / name]]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _write(file: Path, content: bytes) -> None:
    """Keep a file; a cache that cannot be written costs time and nothing else."""
    draft: Path | None = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as begun:
            draft = Path(begun.name)
            begun.write(content)
        draft.replace(file)
        _prune(file.parent)
    except OSError:
        if draft is not None:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    for draft in folder.glob("*.part"):  # of a run that was killed; a young one is being written
        if time.time() - draft.stat().st_mtime > ABANDONED_SECONDS:
            draft.unlink(missing_ok=True)
    whole = [f for f in folder.iterdir() if f.suffix != ".part"]
    total = 0
    for file in sorted(whole, key=lambda f: f.stat().st_mtime, reverse=True):
        total += file.stat().st_size
        if total > MOST_BYTES:
            file.unlink(missing_ok=True)
