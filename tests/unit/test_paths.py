"""A name that a file gives leads nowhere else, and nothing is written through a link."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_run import GOOD, write_fake_run
from helpers import MINIMAL, run_factlab, write
from hypothesis import given
from hypothesis import strategies as st

from factlab.comparison import compare
from factlab.errors import RunFolderError
from factlab.reading.paths import below, plain_name, plain_path
from factlab.report.page import render_report, write_report
from factlab.runs.files import append_line, read_json, read_lines
from factlab.runs.folder import RunFolder
from factlab.schema.combine import AdapterSource
from factlab.schema.results import CellResult, RunRecord, TrainStep
from factlab.schema.template import kind_of, load_phrasebook
from factlab.workflows.rescore import rescore

WAYS_OUT = ("..", ".", "", "../x", "/etc", "a/../../b", "a\\b", "a\0b", "a\nb", "\ud800", "é" * 101)
TRAIN_STEP = TrainStep(step=1, epoch=1, loss_nats=1.0, learning_rate=1e-4, seconds=1)


@pytest.mark.parametrize("name", WAYS_OUT)
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"plain name|too long"):
        plain_name(name)
    for join in (RunFolder(tmp_path).cell, RunFolder(tmp_path).export):
        with pytest.raises(RunFolderError):
            join(name)


@given(st.text(max_size=40))
def test_what_is_taken_as_a_name_stays_in_its_folder(name: str) -> None:
    try:
        joined = below(Path("/a/b"), name)
    except RunFolderError:
        return
    assert Path(os.path.normpath(joined)).parent == Path("/a/b")


def test_a_path_of_plain_names_stays_below_its_folder() -> None:
    assert plain_path("trials/001-default/fuji-s0") == "trials/001-default/fuji-s0"
    for path in ("/trials", "trials/../../x", "trials//x"):
        with pytest.raises(ValueError, match="plain name"):
            plain_path(path)


@pytest.mark.parametrize("relation", ["../../../evil", "/evil", "x" * 300, "a\0"])
def test_a_relation_and_a_kind_stay_in_the_templates(relation: str, tmp_path: Path) -> None:
    """What is no name of a file there has the general words."""
    (tmp_path / "evil.yaml").write_text("secret: 1\n")
    outside = str(tmp_path / "evil") if relation == "/evil" else relation
    assert load_phrasebook(outside, "en").relation == load_phrasebook("none", "en").relation
    assert kind_of(outside, "en") == kind_of("none", "en")


@pytest.mark.parametrize("id_", ["../../../out", "/tmp/out", "other"])
def test_a_cell_is_what_its_folder_is_called(id_: str, tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "run", GOOD, scale=0.1)
    file = run / "cells" / "r08-s0" / "cell.json"
    file.write_text(file.read_text().replace('"id": "r08-s0"', f'"id": "{id_}"'))
    for command in (compare, rescore):
        with pytest.raises(RunFolderError, match=r"cell\.json"):
            command(run)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("field", ["run_id", "precision"])
def test_names_in_records_are_plain(field: str, tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "run", GOOD, scale=0.1)
    if field == "run_id":
        file = run / "run.json"
        file.write_text(file.read_text().replace('"run_id": "', '"run_id": "../'))
        with pytest.raises(RunFolderError, match=r"run_id: .* is no plain name"):
            read_json(file, RunRecord)
    else:
        with pytest.raises(ValueError, match="plain name"):
            AdapterSource.model_validate(
                {"run": "r", "cell": "../x", "sha256": "", "facts": (), "rank": 1, "alpha": 1,
                 "seed": 0, "recipe": "default"}
            )  # fmt: skip


def as_link(run: Path, name: str, outside: Path) -> None:
    """Move a part of a run elsewhere and put a link in its place."""
    (run / name).rename(outside / "moved")
    (run / name).symlink_to(outside / "moved")


@pytest.mark.parametrize(
    "name", ["cells", "base", "cells/r08-s0", "results.json", "data/far.jsonl"]
)
def test_nothing_is_written_where_something_is_a_link(name: str, tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "run", GOOD, scale=0.1)
    outside = tmp_path / "outside"
    outside.mkdir()
    as_link(run, name, outside)
    before = {p: p.read_bytes() for p in outside.rglob("*") if p.is_file()}
    with pytest.raises(RunFolderError, match="this is a link"):
        rescore(run)
    with pytest.raises(RunFolderError, match="this is a link"), RunFolder(run).locked():
        pass
    assert render_report(run)  # reading follows links
    assert {p: p.read_bytes() for p in outside.rglob("*") if p.is_file()} == before


def test_a_lock_or_report_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "run", GOOD, scale=0.1)
    target = tmp_path / "precious"
    target.write_text("kept")
    (run / "report.html").symlink_to(target)
    write_report(run)
    assert not (run / "report.html").is_symlink()
    (run / ".lock").symlink_to(target)
    with pytest.raises(RunFolderError, match="this is a link"), RunFolder(run).locked():
        pass
    assert target.read_text() == "kept"


def test_a_log_that_is_a_link_or_a_pipe_is_not_written(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept\n")
    (tmp_path / "log.jsonl").symlink_to(target)
    os.mkfifo(tmp_path / "pipe.jsonl")
    for name in ("log.jsonl", "pipe.jsonl"):
        with pytest.raises(RunFolderError, match="cannot be written"):
            append_line(tmp_path / name, TRAIN_STEP)
    assert target.read_text() == "kept\n"


PLACES: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "circle": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_file_is_not_read(place: str, tmp_path: Path) -> None:
    PLACES[place](file := tmp_path / "file.json")
    with pytest.raises(RunFolderError, match="cannot be read"):
        read_json(file, CellResult)
    with pytest.raises(RunFolderError, match="cannot be read"):
        list(read_lines(file, TrainStep))


def test_a_run_folder_has_a_name_that_results_can_carry(tmp_path: Path) -> None:
    for name in ("a\nb", "a\0b", "x" * 240):
        with pytest.raises(RunFolderError), RunFolder(tmp_path / name).locked():
            pass
    assert list(tmp_path.iterdir()) == []


def test_what_can_be_no_run_folder_is_refused_before_anything_is_planned(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "circle").symlink_to("circle")
    write(tmp_path, "kept", "file")
    (tmp_path / "full").mkdir()
    write(tmp_path / "full", "kept", "notes.txt")
    whys = {
        "pipe": "is a named pipe; a folder is wanted",
        "device": "is a device; a folder is wanted",
        "file": "is a file; a folder is wanted",
        "file/run": "/file' is a file; a folder is wanted",
        "circle": "Symlink loop",
        "full": "this folder is not empty",
    }
    # The fact is not there either: what is said first is what is wrong with the folder.
    commands = [
        ["run", "nothing", "--out", out, *how] for out in whys for how in ([], ["--dry-run"])
    ]
    for words, done in zip(commands, run_factlab(commands, cwd=tmp_path), strict=True):
        assert done.code == 2, words
        assert whys[words[3]] in done.err, words
        assert done.is_one_paragraph, (words, done.err[-500:])


@pytest.mark.parametrize("path", ["x" * 300, "f.yaml/x", "circle", "~nobody/x"])
def test_a_path_that_leads_nowhere_is_one_paragraph(path: str, tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(MINIMAL)
    (tmp_path / "circle").symlink_to("circle")
    commands = [
        ["validate", path], ["show", path], ["init", path], ["plan", path], ["rescore", path],
        ["rescore", "--cases", path], ["import", "counterfact", path, "--out", "new"],
        ["compare", path], ["report", path], ["ask", path, "q"], ["practice", path, "--dry-run"],
    ]  # fmt: skip
    if path.startswith("~"):  # an ordinary name, for what makes a file
        commands.remove(["init", path])
    for words, done in zip(commands, run_factlab(commands, cwd=tmp_path), strict=True):
        assert done.code == 2, words
        assert done.is_one_paragraph, (words, done.err[-500:])
