"""What a machine refuses is one sentence; a bug keeps its traceback."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from factlab.errors import FactlabError, OutOfMemoryError, RunFolderError
from factlab.experiment.failures import failures_explained


class OfRustError(Exception):
    """As a library in Rust raises it, with the number of the operating system in its text."""


def explained(error: Exception) -> BaseException:
    with pytest.raises(BaseException) as caught, failures_explained(Path("reports/fuji")):  # noqa: PT011
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "x", "a/log.jsonl"), r"^a/log\.jsonl: .*No space left on device"),
        (OSError(errno.EIO, "x"), r"^reports/fuji: .*Input/output error"),
        (OSError(errno.EROFS, "x"), "Read-only file system"),
        (
            OfRustError("Error while serializing: I/O error (os error 28)"),
            "No space left on device",
        ),
    ],
)
def test_a_disk_that_refuses_is_one_sentence(error: Exception, says: str) -> None:
    found = explained(error)
    assert isinstance(found, RunFolderError)
    assert re.search(says, str(found)), str(found)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB\nand more"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_memory_that_ran_out_is_one_sentence_with_what_takes_less(error: Exception) -> None:
    found = explained(error)
    assert isinstance(found, OutOfMemoryError)
    assert "--gradient-checkpointing" in str(found)
    assert len(str(found).splitlines()) == 1


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        OSError(errno.EADDRINUSE, "x"),
        KeyError("recall"),
        FactlabError("its own words"),
    ],
)
def test_a_bug_is_no_failure_of_the_machine(error: Exception) -> None:
    assert explained(error) is error
