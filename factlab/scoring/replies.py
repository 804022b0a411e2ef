"""What the base replied before: kept in the cache, since every run asks it much the same.

A reply is used again only if everything that decides it is the same: the weights, their precision,
the prompts of the whole batch, the limits, this code, the libraries, the processor and the number
of threads. What would be computed is then, bit for bit, what was.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.models.cache import cache_folder
from factlab.scoring.exam import Limits, Prompt, Reply, examine

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from factlab.models.load import LoadedModel

MOST_BYTES = 256 * 2**20  # of kept replies; those longest unused go first
CODE = ("decoder", "scoring/exam.py", "scoring/plain.py", "models/load.py")


def replies_folder() -> Path:
    """Where replies are kept."""
    return cache_folder() / "replies"


@dataclass(slots=True)
class KeptReplies:
    """Asks the base, or reads what it said.

    Attributes:
        identity: What decides a reply, beside the prompts.
        asked: Prompts that were asked for.
        reused: Those of them whose replies were read.
    """

    identity: str
    asked: int = 0
    reused: int = 0

    def examine(
        self,
        model: PreTrainedModel,
        prompts: Sequence[Prompt],
        limits: Limits,
        advance: Callable[[int], None] = lambda _: None,
    ) -> list[Reply]:
        """As `exam.examine`."""
        bounds = [limits.max_new_tokens, list(limits.ends), limits.batch_size]
        content = [[list(p.ids), [list(option) for option in p.options]] for p in prompts]
        key = hashlib.sha256(json.dumps([self.identity, bounds, content]).encode()).hexdigest()
        file = replies_folder() / f"{key}.json"
        self.asked += len(prompts)
        kept = _read(file, len(prompts))
        if kept is not None:
            self.reused += len(prompts)
            advance(len(prompts))
            return kept
        replies = examine(model, prompts, limits, advance)
        _write(file, replies)
        return replies


def keep_replies(loaded: LoadedModel, precision: str) -> KeptReplies:
    """Replies of a base model on this machine."""
    import platform

    import bitsandbytes
    import torch
    import transformers

    parts: dict[str, Any] = {
        "weights": loaded.record.sha256,
        "precision": precision,
        "device": loaded.record.device,
        "processor": [_processor(), platform.machine(), torch.backends.cpu.get_cpu_capability()],
        "threads": torch.get_num_threads(),
        "libraries": [torch.__version__, transformers.__version__, bitsandbytes.__version__],
        "code": _code_sha256(),
    }
    return KeptReplies(json.dumps(parts, sort_keys=True))


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


def _read(file: Path, count: int) -> list[Reply] | None:
    """The replies in a file, or None if there is none that is whole."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        replies = [
            Reply([int(t) for t in tokens], [float(v) for v in nll]) for tokens, nll in stored
        ]
        os.utime(file)  # used last now
    except (OSError, ValueError, TypeError):
        return None
    return replies if len(replies) == count else None


def _write(file: Path, replies: Sequence[Reply]) -> None:
    """Keep replies; a cache that cannot be written costs time and nothing else."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=file.parent, suffix=".part", delete=False, encoding="utf-8"
        ) as draft:
            json.dump([[reply.tokens, reply.nll] for reply in replies], draft)
        Path(draft.name).replace(file)
        _prune(file.parent)
    except OSError:
        return


def _prune(folder: Path) -> None:
    files = sorted(folder.glob("*.json"), key=lambda f: f.stat().st_mtime, reverse=True)
    total = 0
    for file in files:
        total += file.stat().st_size
        if total > MOST_BYTES:
            file.unlink(missing_ok=True)
