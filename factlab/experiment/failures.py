"""What a machine refuses, memory or a disk, in one sentence; a bug keeps its traceback."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from factlab.errors import OutOfMemoryError, RunFolderError, shortened
from factlab.models.files import lacks_memory

# What is the machine's state and not a bug.
_DISK = {
    getattr(errno, name)
    for name in ("ENOSPC", "EIO", "EROFS", "EDQUOT", "EFBIG", "ENODEV", "ESTALE", "EACCES", "EPERM")
    if hasattr(errno, name)
}
_IN_RUST = re.compile(r"\(os error (\d+)\)")


@contextmanager
def failures_explained(folder: Path) -> Iterator[None]:
    """Turn an error of disk or memory into one that its user can act on.

    Args:
        folder: Where the run writes.

    Raises:
        RunFolderError: where a file could not be written or read.
        OutOfMemoryError: where memory ran out.
    """
    try:
        yield
    except Exception as problem:
        if lacks_memory(problem):
            raise OutOfMemoryError(
                f"out of memory ({shortened(_first_line(problem))}). Less is taken with a smaller "
                "--batch-size or --generation-batch, with --gradient-checkpointing, or with "
                "--precision nf4."
            ) from None
        if (number := _disk_error(problem)) is None:
            raise
        place = getattr(problem, "filename", None) or folder
        raise RunFolderError(
            f"{place}: cannot be written or read ({os.strerror(number)}). Free space there, or "
            "mend the disk; what was finished is kept."
        ) from None


def _disk_error(problem: Exception) -> int | None:
    """The number of an error of the disk, raised by Python or told by a library in Rust."""
    if isinstance(problem, OSError):
        number = problem.errno
    else:
        told = _IN_RUST.search(str(problem))
        number = int(told[1]) if told else None
    return number if number in _DISK else None


def _first_line(problem: Exception) -> str:
    return next(iter(str(problem).splitlines()), "") or type(problem).__name__
