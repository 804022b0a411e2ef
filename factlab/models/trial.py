"""Tokenizer and chat template are tried out once, in a process of bounded memory and time.

Both are programs of whoever made the model. What has passed is remembered in the model cache by a
hash of the files, so that a model costs the second that a process takes only once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from factlab.errors import ModelError, shortened
from factlab.models.cache import cache_folder

TRIAL = 1  # counts what was changed about the trial; what passed another is tried again
LOAD_SECONDS, LOAD_BYTES = 60, 4 << 30  # a large vocabulary takes a few seconds, and 1 GB
USE_SECONDS, USE_BYTES = 3, 300 << 20
_WAIT = 600  # seconds; only a process that gets no processor lasts as long
_START = (
    "import json, sys; asked = json.load(sys.stdin); sys.path[:] = asked['path']; "
    "from factlab.models.tried import answer; answer(asked)"
)
_LIBRARIES = ("transformers", "tokenizers", "jinja2")


def try_out(folder: Path, name: str, files: Sequence[Path]) -> None:
    """Load a folder's tokenizer, render conversations and encode them, in a process of its own.

    Args:
        folder: Where they are.
        name: What a person calls the model.
        files: All that decides how they behave.

    Raises:
        ModelError: for what cannot be loaded or used, or takes too much of time or memory.
    """
    passed = cache_folder() / "tried" / _digest(files)
    if passed.exists():
        return
    problem = _tried(folder)
    if problem:
        raise ModelError(f"{shortened(name)}: {problem}")
    with contextlib.suppress(OSError):  # else it is tried again next time
        passed.parent.mkdir(parents=True, exist_ok=True)
        passed.touch()


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    digest.update(f"{TRIAL} {LOAD_SECONDS} {LOAD_BYTES} {USE_SECONDS} {USE_BYTES}\n".encode())
    for file in files:
        data = file.read_bytes()
        digest.update(f"{file.parent.name if file.suffix == '.jinja' else ''}".encode())
        digest.update(f"{file.name} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def _tried(folder: Path) -> str | None:
    """What is wrong, as a sentence, or None."""
    asked = {
        "path": sys.path,
        "folder": str(folder.resolve()),
        "load": [LOAD_SECONDS, LOAD_BYTES],
        "use": [USE_SECONDS, USE_BYTES],
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _START],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=_WAIT,
            check=False,
            env={**os.environ, **_ALONE},
        )
    except subprocess.TimeoutExpired:
        return f"its tokenizer or chat template could not be tried out in {_WAIT // 60} minutes."
    steps: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    if not steps:  # it never came to the model's files
        last = done.stderr.strip().splitlines()
        raise RuntimeError(f"the trial of a model did not begin: {last[-1] if last else 'silent'}")
    last_step = steps[-1]
    if "problem" in last_step:
        return f"{last_step['problem']}"
    if "passed" in last_step:
        return None
    return f"{last_step['doing']} takes {_too_much(done.returncode, last_step)}."


_ALONE = {
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
}


def _too_much(code: int, step: dict[str, Any]) -> str:
    """What a process of this exit code was ended for."""
    xcpu = getattr(signal, "SIGXCPU", None)
    if xcpu is not None and code == -xcpu:
        return f"more than {step['seconds']} s of processor time, and is not waited for"
    return f"more than {step['bytes'] >> 20:,} MB of memory, and gets no more"
