"""What a machine refuses is one sentence; a bug keeps its traceback."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from factlab import pipeline
from factlab.errors import FactlabError, OutOfMemoryError, RunFolderError
from factlab.experiment.failures import failures_explained
from factlab.schema.config import RunConfig


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


def test_a_disk_that_refuses_while_a_run_is_set_up_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "x", "reports/fuji/data")

    experiment = SimpleNamespace(name="fuji", sha256="0" * 64)
    monkeypatch.setattr(pipeline, "prepare", lambda *_: SimpleNamespace(experiment=experiment))
    monkeypatch.setattr(pipeline, "begin_run", refused)
    with pytest.raises(RunFolderError, match=r"^reports/fuji/data: .*Input/output error"):
        pipeline.run_experiment(RunConfig(facts=("mount_fuji",)), out=tmp_path / "run")


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
