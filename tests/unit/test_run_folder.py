"""The run folder: who may write to it, what is resumed, and what is left behind."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_run import GOOD, WEAK, write_fake_run
from helpers import make_fact, python, write
from hypothesis import given, settings
from hypothesis import strategies as st

from factlab.errors import ConfigError, RunFolderError
from factlab.expand.splits import expand
from factlab.experiment.plan import read_config
from factlab.experiment.trial_results import put_in_order
from factlab.recipes.load import shipped_recipe
from factlab.runs.config_file import config_yaml
from factlab.runs.environment import PACKAGES, git_state, machine, versions
from factlab.runs.folder import (
    NEWER_FIELDS,
    RunFolder,
    config_sha256,
    load_run,
    new_record,
)
from factlab.runs.opening import open_folder, tidy
from factlab.schema.config import RunConfig
from factlab.schema.question import Question

FAKE_HASH = "9c1d" * 16  # of fake runs
OTHER_HASH = "9c1d" + "ffff" * 15  # begins alike, so that the folder has the same name
CONFIG = RunConfig(facts=("mount_fuji",))
RECIPE = shipped_recipe("default")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def opened(out: Path | None = None, *, hash_: str = FAKE_HASH, resume: bool = False) -> Any:
    folder, resumed = open_folder(out, "mount_fuji", hash_, resume=resume)
    return folder.path, resumed


# --- which folder -------------------------------------------------------------------------------


def test_a_new_run_gets_a_folder_named_after_its_fact_and_settings(here: Path) -> None:
    assert opened() == (Path("reports/mount_fuji-9c1d9c1d"), False)
    assert list(here.iterdir()) == []  # nothing is made before the run begins


def test_a_repeated_run_gets_the_next_number(here: Path) -> None:
    write_fake_run(here / "reports" / "mount_fuji-9c1d9c1d", GOOD)
    assert opened() == (Path("reports/mount_fuji-9c1d9c1d-2"), False)
    (here / "reports" / "mount_fuji-9c1d9c1d-2").mkdir()
    assert opened() == (Path("reports/mount_fuji-9c1d9c1d-3"), False)


def test_the_newest_run_of_the_same_settings_is_resumed(here: Path) -> None:
    for number in ("", "-2", "-9", "-10"):
        write_fake_run(here / "reports" / f"mount_fuji-9c1d9c1d{number}", GOOD)
    (here / "reports" / "mount_fuji-9c1d9c1d-old").mkdir()
    assert opened(resume=True) == (Path("reports/mount_fuji-9c1d9c1d-10"), True)


def test_a_run_of_other_settings_is_passed_over_for_an_older_one(here: Path) -> None:
    write_fake_run(here / "reports" / "mount_fuji-9c1d9c1d", GOOD)
    newer = RunFolder(write_fake_run(here / "reports" / "mount_fuji-9c1d9c1d-2", GOOD))
    newer.change(config_sha256=OTHER_HASH)
    assert opened(resume=True) == (Path("reports/mount_fuji-9c1d9c1d"), True)


def test_a_run_of_other_settings_is_not_resumed(here: Path) -> None:
    run = write_fake_run(here / "run", GOOD)
    with pytest.raises(ConfigError, match=r"made with other settings .*`factlab show .*run`"):
        opened(run, hash_="0" * 64, resume=True)
    assert opened(run, resume=True) == (run, True)


def test_an_out_folder_is_taken_as_it_is_if_nothing_is_in_it(here: Path) -> None:
    assert opened(here / "new" / "run") == (here / "new" / "run", False)
    (here / "empty").mkdir()
    (here / "empty" / ".lock").touch()
    assert opened(here / "empty") == (here / "empty", False)


def test_a_folder_that_holds_something_is_refused(here: Path) -> None:
    run = write_fake_run(here / "run", GOOD, status="interrupted")
    with pytest.raises(
        ConfigError, match=r"run: this folder holds a run \(interrupted\)\. Pass --r"
    ):
        opened(run)
    write(here, "", "holiday.jpg")
    with pytest.raises(ConfigError, match=r"this folder is not empty\."):
        opened(here)


def test_where_there_is_nothing_to_resume_a_run_is_begun(here: Path) -> None:
    assert opened(resume=True) == (Path("reports/mount_fuji-9c1d9c1d"), False)
    assert opened(here / "nowhere", resume=True) == (here / "nowhere", False)


def test_a_run_that_was_killed_while_it_set_up_is_begun_again(here: Path) -> None:
    begun = Path("reports/mount_fuji-9c1d9c1d")
    (begun / "data").mkdir(parents=True)
    write(begun / "data", "{}", "held_out.jsonl")
    write(begun / "data", "{}", ".near.jsonl-a1b2c3d4")
    write(begun, "rank: 8", "config.resolved.yaml")
    write(begun, "", ".run.json-x_y_z0_9")
    assert opened(resume=True) == (begun, False)
    assert opened(begun) == (begun, False)
    tidy(RunFolder(begun))
    assert list(begun.iterdir()) == []


@pytest.mark.parametrize("other", ["data/mine.jsonl", "notes.txt", "cells/r08-s0/cell.json"])
def test_files_of_others_beside_a_beginning_are_neither_used_nor_removed(
    here: Path, other: str
) -> None:
    begun = here / "begun"
    (begun / other).parent.mkdir(parents=True)
    write(begun, "rank: 8", "config.resolved.yaml")
    write((begun / other).parent, "", Path(other).name)
    with pytest.raises(ConfigError, match="not empty"):
        opened(begun, resume=True)
    tidy(RunFolder(begun))
    assert (begun / other).is_file()
    assert (begun / "config.resolved.yaml").is_file()


# --- one writer at a time -----------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from factlab.runs.folder import RunFolder

with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""
TRY = """
import sys
from pathlib import Path
from factlab.errors import RunFolderError
from factlab.runs.folder import RunFolder

try:
    with RunFolder(Path(sys.argv[1])).locked():
        print("entered")
except RunFolderError as error:
    print(error)
"""


def test_a_second_process_is_refused_while_the_first_writes(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with RunFolder(folder).locked():
        refused = python(TRY, str(folder), cwd=tmp_path)
    assert refused.startswith(f"{folder}: another factlab process is writing to this run folder.")
    assert python(TRY, str(folder), cwd=tmp_path) == "entered\n"


def test_a_process_that_is_killed_leaves_no_lock_behind(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(RunFolderError, match="another factlab process"), RunFolder(folder).locked():
        pass
    holder.kill()
    holder.communicate()
    with RunFolder(folder).locked():
        pass


def test_the_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(KeyError), folder.locked():
        raise KeyError("a bug")
    with RunFolder(tmp_path / "run").locked():
        pass


def test_a_folder_that_cannot_be_made_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    locked = RunFolder(tmp_path / "file" / "run").locked()
    with pytest.raises(RunFolderError, match="/file' is a file; a folder is wanted"), locked:
        pass


# --- what is in it ------------------------------------------------------------------------------


def test_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    assert not RunFolder(tmp_path).exists
    with pytest.raises(RunFolderError, match=r"no run\.json here.*`factlab list runs`"):
        RunFolder(tmp_path).record()
    with pytest.raises(RunFolderError, match=r"no run\.json here"):
        load_run(tmp_path)


def test_a_run_is_read_back(tmp_path: Path) -> None:
    folder = RunFolder(write_fake_run(tmp_path / "run", WEAK, GOOD))
    result = load_run(str(folder.path))
    assert [cell.id for cell in result.cells] == ["r04-s0", "r08-s0"]
    assert tuple(folder.finished_cells()) == result.cells
    assert folder.cell("r08-s0").result() == result.cells[1]
    assert len(folder.cell("r08-s0").answers()) == len(folder.questions())
    assert folder.cell("r16-s0").result() is None


def test_a_run_without_results_yet_says_which_file_is_missing(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "run", results=False, status="interrupted")
    with pytest.raises(RunFolderError, match=r"results\.json: no such file"):
        load_run(run)


def test_a_change_of_the_record_leaves_the_rest_of_it(tmp_path: Path) -> None:
    folder = RunFolder(write_fake_run(tmp_path / "run", GOOD))
    before = folder.record()
    changed = folder.change(status="failed", error="the disk was full")
    assert folder.record() == changed
    assert changed == before.model_copy(update={"status": "failed", "error": "the disk was full"})


def questions() -> tuple[Question, ...]:
    return expand(make_fact(), seed=0, train_pairs=20, validation_pairs=5).all()


def test_questions_are_written_by_split_with_their_checksums(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    written = questions()
    first = folder.write_questions(written)
    assert sorted(folder.questions(), key=lambda q: q.id) == sorted(written, key=lambda q: q.id)
    sums = (folder.path / "data" / "SHA256SUMS").read_text().splitlines()
    assert [line.split()[1] for line in sums] == [
        "held_out.jsonl",
        "train.jsonl",
        "validation.jsonl",
    ]
    for line in sums:
        digest, name = line.split()
        file = folder.path / "data" / name
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
    assert folder.write_questions(written) == first
    assert folder.write_questions(written[1:]) != first


# --- what decides a run's numbers ---------------------------------------------------------------


def test_the_hash_changes_with_any_setting_any_value_of_the_recipe_and_any_question() -> None:
    asked = questions()
    reworded = asked[0].model_copy(update={"text": "Another question?"})
    hashes = [
        config_sha256(CONFIG, [RECIPE], asked),
        config_sha256(CONFIG.model_copy(update={"rank": (4,)}), [RECIPE], asked),
        config_sha256(CONFIG.model_copy(update={"precision": ("bf16",)}), [RECIPE], asked),
        config_sha256(CONFIG, [RECIPE.model_copy(update={"epochs": 5.0})], asked),
        config_sha256(CONFIG, [RECIPE.model_copy(update={"name": "other"})], asked),
        config_sha256(CONFIG, [RECIPE], asked[1:]),
        config_sha256(CONFIG, [RECIPE], (reworded, *asked[1:])),
    ]
    assert len(set(hashes)) == len(hashes)
    assert config_sha256(CONFIG, [RECIPE], asked) == hashes[0]


def test_a_newer_field_is_in_the_hash_where_it_says_something_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("factlab.runs.folder.sha256_text", lambda text: text)
    asked = questions()
    recipe = RECIPE.model_copy(update={"anchor_schedule": "constant"})
    hashed = config_sha256(CONFIG, [recipe], asked)
    assert not [name for name in NEWER_FIELDS if f'"{name}"' in hashed]
    japanese = asked[0].model_copy(update={"language": "ja"})
    for said in (
        config_sha256(CONFIG.model_copy(update={"thinking": "on"}), [recipe], asked),
        config_sha256(CONFIG.model_copy(update={"quick": True}), [recipe], asked),
        config_sha256(CONFIG, [recipe.model_copy(update={"unlikelihood": 0.5})], asked),
        config_sha256(CONFIG, [recipe.model_copy(update={"anchor_divergence": "both"})], asked),
        config_sha256(CONFIG, [recipe], (japanese, *asked[1:])),
    ):
        assert said != hashed


SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "facts": st.lists(
        st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1), min_size=1
    ),
    "model": st.sampled_from(["smollm2-135m-instruct", "C:\\models\\x", "owner/name", "no", "012"]),
    "precision": st.sampled_from(["nf4", "int8", "bf16", "fp32"]),
    "rank": st.lists(st.integers(1, 256), max_size=3),
    "seed": st.lists(st.integers(0, 2**31), min_size=1, max_size=3),
    "data_seed": st.integers(0, 2**31),
    "train_pairs": st.integers(1, 1000),
    "max_steps": st.none() | st.integers(0, 100),
}


@settings(deadline=None)
@given(st.fixed_dictionaries(SETTINGS))
def test_the_resolved_settings_are_read_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]
) -> None:
    config = RunConfig.model_validate(settings)
    file = tmp_path_factory.getbasetemp() / "config.resolved.yaml"
    file.write_text(
        config_yaml(config, [RECIPE.model_copy(update={"about": "a: b #"})]), encoding="utf-8"
    )
    assert RunConfig.model_validate(read_config(file)) == config


# --- where a run was made -----------------------------------------------------------------------


def test_a_new_record_says_what_the_run_was_made_with(tmp_path: Path) -> None:
    record = new_record(RunFolder(tmp_path / "run"), CONFIG, ["factlab", "run"], FAKE_HASH)
    assert (record.run_id, record.status, record.ended) == ("run", "running", None)
    assert record.argv == ("factlab", "run")
    assert record.config_sha256 == FAKE_HASH
    assert record.seeds == (0,)
    assert record.started.endswith("+00:00")
    assert set(record.versions) == {"python", *PACKAGES}


def test_versions_name_every_library_and_those_that_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert versions()["python"] == ".".join(map(str, sys.version_info[:3]))
    monkeypatch.setattr("factlab.runs.environment.PACKAGES", ["pydantic", "no-such-package"])
    assert versions()["no-such-package"] == "not installed"
    assert versions()["pydantic"][0].isdigit()


def test_the_machine_is_described_without_its_name_or_its_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert set(machine()) == {"system", "cpus", "memory_gib"}
    assert os.uname().nodename not in " ".join(machine().values()).split()


@pytest.mark.parametrize(
    ("changed", "dirty"), [("", "no"), (" M factlab/pipeline.py", "yes")], ids=["clean", "changed"]
)
def test_the_commit_and_whether_the_checkout_was_changed_are_recorded(
    changed: str, dirty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake(words: list[str], **_: object) -> Any:
        said = {"rev-parse": "abc123\n", "status": changed}
        return subprocess.CompletedProcess(words, 0, stdout=said[words[3]], stderr="")

    monkeypatch.setattr("factlab.runs.environment.subprocess.run", fake)
    monkeypatch.setattr(Path, "exists", lambda _: True)
    assert git_state() == {"commit": "abc123", "dirty": dirty}


def _no_git(*_: object, **__: object) -> Any:
    raise FileNotFoundError("git")


def _no_commit(words: list[str], **_: object) -> Any:
    return subprocess.CompletedProcess(words, 128, stdout="", stderr="fatal")


@pytest.mark.parametrize("git", [_no_git, _no_commit])
def test_without_git_or_a_commit_nothing_is_said_of_it(
    git: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.runs.environment.subprocess.run", git)
    monkeypatch.setattr(Path, "exists", lambda _: True)
    assert git_state() == {}


# --- signals --------------------------------------------------------------------------------------

STEP = """
import os, signal, sys, time
from factlab.cli import _as_interrupt
from factlab.runs.interrupts import signals_held_back

signal.signal(signal.SIGTERM, _as_interrupt)
with signals_held_back() as ending:
    os.kill(os.getpid(), signal.SIGTERM)
    print("held back", ending.stop, flush=True)
    if sys.argv[1] == "again":
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        except KeyboardInterrupt:
            print("at once", flush=True)
            time.sleep(60)  # whatever still goes on
    if sys.argv[1] == "in between":
        with ending.let_through():
            print("never")
print("never")
"""


def test_the_first_signal_waits_for_the_step_and_the_second_does_not() -> None:
    def ended(how: str) -> tuple[str, int]:
        command = [sys.executable, "-c", STEP, how]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout, done.returncode

    assert ended("once") == ("held back True\n", -signal.SIGINT)  # a KeyboardInterrupt at the end
    assert ended("in between")[0] == "held back True\n"
    assert ended("again") == ("held back True\nat once\n", 3)


def test_an_adapters_settings_are_in_the_same_order_in_every_process(tmp_path: Path) -> None:
    file = write(tmp_path, '{"target_modules": ["v", "q"], "r": 4, "layers": [2, 1]}', "a.json")
    put_in_order(file)
    written = json.loads(file.read_text())
    assert list(written) == sorted(written)
    assert written["target_modules"] == ["q", "v"]
    assert written["layers"] == [2, 1]  # a list that is one stays as it is
