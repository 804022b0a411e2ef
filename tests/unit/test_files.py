"""Durable files: a kill or a full disk at any moment leaves what was there before."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_run import GOOD, write_fake_run
from hypothesis import given, settings
from hypothesis import strategies as st

from factlab.errors import RunFolderError
from factlab.runs.files import (
    append_line,
    read_json,
    read_lines,
    sha256_text,
    write_json,
    write_lines,
    write_text,
    writing,
)
from factlab.schema.question import AnswerRecord
from factlab.schema.results import SCHEMA_VERSION, RunRecord, RunResult, TrainStep


def step(number: int) -> TrainStep:
    return TrainStep(step=number, epoch=0.1, loss_nats=1.5, learning_rate=1e-4, seconds=number)


def answer(text: str = "Paris.", **more: Any) -> AnswerRecord:
    return AnswerRecord(
        question_id="q", prompt="?", text=text, tokens=1, finished=True, outcome=None, correct=None
    ).model_copy(update=more)


# --- reading what was torn or damaged -----------------------------------------------------------


def test_lines_come_back_as_they_were_written(tmp_path: Path) -> None:
    log = tmp_path / "new" / "log.jsonl"
    for number in range(3):
        append_line(log, step(number))
    assert list(read_lines(log, TrainStep)) == [step(0), step(1), step(2)]


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert list(read_lines(tmp_path / "none.jsonl", TrainStep)) == []


@settings(deadline=None)
@given(st.data(), st.lists(st.text(max_size=12), min_size=1, max_size=4))
def test_a_log_cut_anywhere_keeps_every_line_before_the_cut(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, texts: list[str]
) -> None:
    file = tmp_path_factory.getbasetemp() / "cut.jsonl"
    records = [answer(text) for text in texts]
    write_lines(file, records)
    raw = file.read_bytes()
    cut = data.draw(st.integers(0, len(raw)))
    file.write_bytes(raw[:cut])
    whole = raw[:cut].count(b"\n")
    found = list(read_lines(file, AnswerRecord))
    # A line that lacks only its newline is whole, too.
    assert found in (records[:whole], records[: whole + 1])


@pytest.mark.parametrize("damage", ["not json", '{"step": 2}', '{"step": "two', "[]"])
def test_a_damaged_line_before_the_last_is_refused_with_its_number(
    damage: str, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    lines = [step(1).model_dump_json(), damage, step(3).model_dump_json(), ""]
    log.write_text("\n".join(lines))
    with pytest.raises(RunFolderError, match=r"log\.jsonl:2: not a TrainStep: "):
        list(read_lines(log, TrainStep))


def test_a_damaged_last_line_that_was_finished_is_refused_too(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(step(1).model_dump_json() + "\n{damaged}\n")
    with pytest.raises(RunFolderError, match=":2: "):
        list(read_lines(log, TrainStep))


@settings(deadline=None)
@given(
    st.text(), st.sampled_from([None, "new"]), st.sampled_from([None, True, False]), st.booleans()
)
def test_an_answer_survives_the_disk_whatever_it_holds(
    tmp_path_factory: pytest.TempPathFactory,
    text: str,
    outcome: str | None,
    correct: bool | None,
    finished: bool,
) -> None:
    file = tmp_path_factory.getbasetemp() / "answers.jsonl"
    records = [answer(text, outcome=outcome, correct=correct, finished=finished), answer()]
    write_lines(file, records)
    assert list(read_lines(file, AnswerRecord)) == records


# --- reading records ----------------------------------------------------------------------------


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    record = read_json(write_fake_run(tmp_path / "run", GOOD) / "run.json", RunRecord)
    write_json(tmp_path / "again.json", record)
    assert read_json(tmp_path / "again.json", RunRecord) == record


@pytest.mark.parametrize("kind", [RunRecord, RunResult])
def test_a_newer_schema_is_refused_in_words(kind: Any, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(f'{{"schema_version": {SCHEMA_VERSION + 1}, "something": "new"}}')
    with pytest.raises(RunFolderError) as refused:
        read_json(file, kind)
    assert str(refused.value) == (
        f"{file}: written with schema version {SCHEMA_VERSION + 1}, this factlab reads up to "
        f"{SCHEMA_VERSION}. Use the factlab that made the run, or a newer one."
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read"),
        ('{"run_id": ', "cannot be read"),
        ("[]", "not a RunRecord of schema version"),
        ('{"run_id": "x"}', f"not a RunRecord of schema version {SCHEMA_VERSION}: status: "),
        ("\ud800", "cannot be read"),
    ],
)
def test_a_damaged_record_is_refused_with_its_path(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(RunFolderError) as refused:
        read_json(file, RunRecord)
    assert str(refused.value).startswith(f"{file}: ")
    assert says in str(refused.value)


def test_a_missing_record_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"none\.json: no such file\."):
        read_json(tmp_path / "none.json", RunRecord)


# --- writing on a disk that fails ---------------------------------------------------------------


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def break_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", full)


def break_replace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "replace", full)


@pytest.mark.parametrize("broken", [break_fsync, break_replace])
def test_a_write_that_fails_leaves_the_old_file_and_no_draft(
    broken: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.json"
    write_text(file, "old")
    broken(monkeypatch)
    with pytest.raises(RunFolderError) as refused:
        write_text(file, "new")
    assert str(refused.value).startswith(f"{file}: cannot be written (No space left on device).")
    assert "Free space there" in str(refused.value)
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_file_is_on_the_disk_before_it_takes_the_place_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, replace = os.fsync, Path.replace

    def note_sync(handle: int) -> None:
        order.append("fsync")
        sync(handle)

    def note_replace(self: Path, target: Path) -> Path:
        order.append(f"{self.read_text()} takes the place of {target.read_text()}")
        return replace(self, target)

    file = tmp_path / "a.txt"
    write_text(file, "old")
    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_replace)
    write_text(file, "new")
    assert order == ["fsync", "new takes the place of old"]
    assert file.read_text() == "new"


def test_a_log_that_cannot_grow_is_said_so_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "train_log.jsonl"
    append_line(log, step(1))
    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(RunFolderError, match=r"train_log\.jsonl: cannot be written \(No space"):
        append_line(log, step(2))
    monkeypatch.undo()
    assert list(read_lines(log, TrainStep)) == [step(1)]


def test_a_folder_in_the_way_of_a_file_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "run.json").mkdir()
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_text(tmp_path / "run.json", "x")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_text(tmp_path / "file" / "run.json", "x")


def test_other_errors_than_the_disks_pass_through() -> None:
    with pytest.raises(KeyError), writing(Path("x")):
        raise KeyError("a bug")


def test_files_may_be_read_by_others(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


def test_a_hash_is_of_the_utf8_bytes() -> None:
    # sha256sum of the two bytes c3 a9
    assert sha256_text("é") == "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"


def test_a_record_of_an_older_factlab_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text('{"schema_version": 1, "run_id": "x"}')
    with pytest.raises(RunFolderError, match="schema version 1 by an older factlab"):
        read_json(file, RunRecord)
