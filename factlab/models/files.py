"""Strangers' model files are read here: only what is a plain file, of a bounded size, in words.

What the libraries raise over such files has no common base, so that `reading` takes any of it; only
a library's own call goes into its block.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from factlab.errors import FactlabError, ModelError, OutOfMemoryError, shortened
from factlab.reading.paths import expanded, kind_of
from factlab.reading.records import read_bytes, strict_json

MOST_SAID = 200  # characters of a library's message
MOST_DEPTH = 32  # of lists and objects in each other
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate")


@contextmanager
def reading(failure: str, advice: str = "") -> Iterator[None]:
    """Turn whatever a library raises over a model's files into one sentence.

    Args:
        failure: Which file, and what cannot be done with it.
        advice: A sentence on what to do.

    Raises:
        ModelError: for any error but factlab's own.
        OutOfMemoryError: where memory ran out.
    """
    try:
        yield
    except FactlabError:
        raise
    except Exception as problem:
        if lacks_memory(problem):
            raise OutOfMemoryError(
                f"out of memory: {failure} ({said(problem)}). Choose a smaller model, or a "
                "--precision that takes less."
            ) from None
        raise ModelError(f"{failure} ({said(problem)}).{advice and f' {advice}'}") from None


def lacks_memory(problem: Exception) -> bool:
    """Whether an error, of Python or a library, says that there is no memory."""
    text = str(problem).lower()
    return isinstance(problem, MemoryError) or (
        isinstance(problem, RuntimeError | OSError)
        and (
            type(problem).__name__ == "OutOfMemoryError"
            or any(words in text for words in _NO_MEMORY)
        )
    )


def said(problem: BaseException) -> str:
    """What an error says, on one line and cut; its kind where it says nothing."""
    text = " ".join(str(problem).split())
    kind = type(problem).__name__
    if not text or isinstance(problem, KeyError):
        text = f"{kind} {text}".strip()
    return shortened(text, MOST_SAID).rstrip(".")


def local_path(name: str) -> Path | None:
    """The file or folder that a name stands for; None if there is none.

    Raises:
        ModelError: for a path that cannot be looked up, a broken link, or something that is neither
            a file nor a folder.
    """
    quoted = shortened(name)
    try:
        path = expanded(name)
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise ModelError(f"{quoted}: a link to something that is not there.") from None
        return None
    except (OSError, ValueError) as problem:
        raise ModelError(f"{quoted}: no model can be there ({_why(problem)}).") from None
    if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
        return path
    raise ModelError(f"{quoted} is {kind_of(mode)}; a folder, or a .gguf file, is wanted.")


def check_plain(file: Path, most: int | None = None) -> int:
    """Refuse what is no plain file, or a link to one, before it is opened.

    Args:
        file: What will be read.
        most: Bytes that it may have; None: any number.

    Returns:
        Its bytes.

    Raises:
        ModelError: naming what it is instead.
    """
    try:
        found = file.stat()
    except (OSError, ValueError) as problem:
        broken = isinstance(problem, FileNotFoundError) and file.is_symlink()
        why = "a link to something that is not there" if broken else _why(problem)
        raise ModelError(f"{file}: {why}. A file is wanted.") from None
    if not stat.S_ISREG(found.st_mode):
        raise ModelError(f"{file} is {kind_of(found.st_mode)}; a file is wanted.")
    if most is not None and found.st_size > most:
        raise ModelError(
            f"{file} has {found.st_size:,} bytes, and no more than {most:,} are read of such a "
            "file. It is not what its name says."
        )
    return found.st_size


def read_object(file: Path, most: int) -> dict[str, Any]:
    """An object of a JSON file.

    Raises:
        ModelError: for a file that is none, is longer than `most` bytes, or nests deeper than
            `MOST_DEPTH`.
    """
    try:
        found = strict_json(read_bytes(file, most), constants=True)
    except (OSError, ValueError) as problem:
        check_plain(file, most)  # says it in more words
        raise ModelError(f"{file}: cannot be read as JSON ({_why(problem)}).") from None
    if not isinstance(found, dict):
        raise ModelError(f"{file}: an object is wanted, with settings by name.")
    _check_depth(found, file)
    return found


def _check_depth(found: Any, file: Path) -> None:
    level = [found]
    for _ in range(MOST_DEPTH):
        lists = [one.values() if isinstance(one, dict) else one for one in level]
        level = [inner for one in lists for inner in one if isinstance(inner, dict | list)]
        if not level:
            return
    raise ModelError(f"{file}: nested deeper than {MOST_DEPTH} levels.")


def _why(problem: Exception) -> str:
    return getattr(problem, "strerror", None) or said(problem)
