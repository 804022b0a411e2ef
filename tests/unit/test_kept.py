"""What is kept of a base between runs: read as written, whatever happened to the file."""

from __future__ import annotations

import ast
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factlab.models import base_cache as kept
from factlab.models.base_cache import ABANDONED_SECONDS, BaseCache


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "base_cache_folder", lambda: tmp_path / "kept")


def files() -> list[Path]:
    folder = kept.base_cache_folder()
    return sorted(folder.iterdir()) if folder.is_dir() else []


REPLIES = st.lists(st.tuples(st.lists(st.integers(0, 10**6)), st.lists(st.floats(0, 1e6))))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(REPLIES, st.text(max_size=8))
def test_what_was_kept_is_read_as_it_was(
    replies: list[tuple[list[int], list[float]]], who: str
) -> None:
    BaseCache(who).write(["replies", who], replies)
    assert BaseCache(who).read(["replies", who]) == [list(map(list, reply)) for reply in replies]


def test_another_base_and_another_question_find_nothing() -> None:
    BaseCache("a").write(["q"], [1])
    assert BaseCache("a").read(["q"]) == [1]
    assert BaseCache("b").read(["q"]) is None
    assert BaseCache("a").read(["p"]) is None


def test_a_file_that_is_not_whole_is_as_good_as_none() -> None:
    BaseCache("a").write(["q"], [1, 2, 3])
    (file,) = files()
    file.write_bytes(file.read_bytes()[:-2])
    assert BaseCache("a").read(["q"]) is None


def test_a_write_that_fails_leaves_nothing_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    BaseCache("a").write(["q"], [1])
    assert files() == []
    assert BaseCache("a").read(["q"]) is None


def test_drafts_of_killed_runs_go_and_those_being_written_stay() -> None:
    kept.base_cache_folder().mkdir(parents=True)
    old, young = kept.base_cache_folder() / "old.part", kept.base_cache_folder() / "young.part"
    for draft in (old, young):
        draft.write_text("half")
    past = time.time() - ABANDONED_SECONDS - 60
    os.utime(old, (past, past))
    BaseCache("a").write(["q"], [1])
    assert not old.exists()
    assert young.exists()


def test_those_longest_unused_go_when_there_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        BaseCache("a").write([number], "x" * 100)
        (newest,) = (f for f in files() if f.stat().st_mtime > 10)
        os.utime(newest, (number, number))  # the first is the oldest
    assert BaseCache("a").read([0]) == "x" * 100  # and is used now
    monkeypatch.setattr(kept, "MOST_BYTES", 250)
    BaseCache("a").write([3], "y" * 100)
    assert [BaseCache("a").read([n]) is not None for n in range(4)] == [True, False, False, True]


PACKAGE = Path(kept.__file__).parents[1]


def imported_by(file: Path) -> set[str]:
    """Modules of the package that a file imports when it runs, as paths."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in for_types:
            if not (node.module or "").startswith("factlab."):
                continue
            module = Path(*str(node.module).split(".")[1:])
            found |= {module.with_suffix(".py").as_posix(), (module / "__init__.py").as_posix()}
    return {name for name in found if (PACKAGE / name).is_file()}


def test_the_code_that_decides_what_is_kept_is_all_that_computes_it() -> None:
    for name in kept.CODE:
        assert (PACKAGE / name).exists(), name
    reached, waiting = set(), {"inference/backend.py", "models/load.py"}
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= {
            other
            for other in imported_by(PACKAGE / name)
            if other.startswith(("inference/", "models/")) and other not in reached
        }
    # Of models, what is about files, memory and the processor decides nothing that is computed, or
    # is in what the cache is told of beside the code; so is what a prompt is rendered to.
    files = {"cache", "gguf", "packaged", "pretokenizers", "process_memory", "processor", "quiet"}
    files |= {"chat", "checked", "files", "gguf_header", "sizes", "stored", "tokens", "trial"}
    files |= {"adapter_files", "configs", "tried"}
    beside = {f"models/{name}.py" for name in (*files, "resolve")}
    missing = {
        name
        for name in reached - beside
        if not name.endswith("/__init__.py") and not name.startswith(kept.CODE)
    }
    assert missing == set()
