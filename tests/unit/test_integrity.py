"""A finished run that was cut, mixed up or damaged is refused in words, or its figures are right.

The run is a stored one, `tests/golden/run_2.zip`, of schema version 2 and graded by an earlier
matcher: it also shows that what earlier versions wrote stays readable.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT

import factlab
from factlab.errors import RunFolderError
from factlab.grading.matcher import SCORER_VERSION
from factlab.report.page import render_report
from factlab.runs.adapters import StoredRun
from factlab.runs.files import read_lines, write_json, write_lines
from factlab.runs.folder import RunFolder, load_run
from factlab.runs.integrity import all_problems, fingerprint, run_fingerprints, sealed
from factlab.schema.question import AnswerRecord
from factlab.schema.results import SCHEMA_VERSION
from factlab.workflows.rescore import rescore

STORED = ROOT / "tests" / "golden" / f"run_{SCHEMA_VERSION}.zip"
CELL = "fuji-r04-s0"
FILES = [name for name in zipfile.ZipFile(STORED).namelist() if not name.endswith("/")]
AT = 40  # places that each file is cut at


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """The run as it was written, by an earlier matcher."""
    zipfile.ZipFile(STORED).extractall(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run, graded by this matcher."""
    run = tmp_path_factory.mktemp("graded") / "run"
    zipfile.ZipFile(STORED).extractall(run)
    rescore(run)
    (run / "report.html").unlink()
    return run


@pytest.fixture
def run(graded: Path, tmp_path: Path) -> Path:
    shutil.copytree(graded, tmp_path / "run")
    return tmp_path / "run"


def figures(run: Path) -> list[Any]:
    return [load_run(run), factlab.compare(run).configurations]


def test_what_an_earlier_matcher_graded_is_read_and_compared_when_graded_again(
    stored: Path,
) -> None:
    assert all_problems(RunFolder(stored)) == ()
    before = load_run(stored)
    assert before.scorer_version != SCORER_VERSION
    with pytest.raises(RunFolderError, match=r"`factlab rescore .*` grades the stored answers"):
        factlab.compare(stored)
    after, changed = rescore(stored)
    assert changed == 0
    assert after.scorer_version == SCORER_VERSION
    assert [c.outcomes for c in after.cells] == [c.outcomes for c in before.cells]
    assert factlab.compare(stored).configurations == after.configurations


def test_a_stored_run_is_read_compared_rescored_and_reported(run: Path) -> None:
    assert all_problems(RunFolder(run)) == ()
    result = load_run(run)
    recall = [cell.metrics["recall/held_out"].value for cell in result.cells]
    assert recall == [0.5, 1.0]
    assert [c.metrics["retention/far"].value for c in result.configurations] == [0.5, 1.0]
    assert factlab.compare(run).configurations == result.configurations
    again, changed = rescore(run)
    assert changed == 0
    assert [c.metrics for c in again.cells] == [c.metrics for c in result.cells]
    assert all_problems(RunFolder(run)) == ()
    assert "not as it was written" not in render_report(run)


def damaged(content: bytes, places: int) -> dict[str, bytes | None]:
    """The content cut at some places, and mixed up otherwise; None: there is no such file."""
    cuts = {len(content) * i // places for i in range(places)} | {len(content) - 1}
    lines = content.splitlines(keepends=True)
    found: dict[str, bytes | None] = {f"cut at {cut}": content[:cut] for cut in cuts}
    found |= {"missing": None, "no text": b"\xff\x00\xfe" * 40, "deep": b"[" * 100_000}
    if len(lines) > 1:
        found["a line less"] = b"".join(lines[1:])
        found["the last line less"] = b"".join(lines[:-1])
        found["a line twice"] = b"".join([lines[0], *lines])
    return found


def check(run: Path, name: str, places: int) -> None:
    """Every way of reading the run gives the same figures as before, or refuses in words."""
    file, content = run / name, (run / name).read_bytes()
    expected = figures(run)
    for what, changed in damaged(content, places).items():
        if changed is None:
            file.unlink()
        else:
            file.write_bytes(changed)
        found, said = outcome(figures, run)
        assert found == expected or said, f"{name}, {what}"
        complete = changed is not None and changed + b"\n" == content
        if name != "run.json" and not complete:  # without its record it is no run
            assert all_problems(RunFolder(run)), f"{name}, {what}"
        file.write_bytes(content)


def outcome(read: Callable[[Path], Any], run: Path) -> tuple[Any, str]:
    """What a command reads of a run, or the words that it is refused with."""
    try:
        return read(run), ""
    except RunFolderError as refused:
        return None, str(refused)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_changes_no_figure_without_a_word(name: str, run: Path) -> None:
    check(run, name, 2)


@pytest.mark.long
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_anywhere_changes_no_figure_without_a_word(name: str, run: Path) -> None:
    check(run, name, AT)
    content = (run / name).read_bytes()
    for what, changed in damaged(content, 4).items():
        copy = run.parent / "copy"
        shutil.copytree(run, copy)
        (copy / name).unlink()
        if changed is not None:
            (copy / name).write_bytes(changed)
        for read in (render_report, rescore):
            found, said = outcome(read, copy)
            assert found or str(copy) in said, f"{name}, {what}"
        shutil.rmtree(copy)


@pytest.mark.parametrize("name", [f for f in FILES if f.endswith(("l", "n"))])
def test_a_digit_that_flips_is_found(name: str, run: Path) -> None:
    content = bytearray((run / name).read_bytes())
    digits = [place for place, byte in enumerate(content) if chr(byte).isdigit()]
    if name == "run.json":  # whose own fingerprint is nowhere
        return
    content[random.Random(1).choice(digits)] ^= 1
    (run / name).write_bytes(content)
    assert any(name in problem for problem in all_problems(RunFolder(run))), all_problems


def test_the_report_says_what_is_damaged(run: Path) -> None:
    file = run / "cells" / CELL / "likelihoods.jsonl"
    file.write_bytes(file.read_bytes()[:100])
    page = render_report(run)
    assert "A file of this run is not as it was written: " in page
    assert "likelihoods.jsonl" in page
    with pytest.raises(RunFolderError, match=r"likelihoods\.jsonl: not as it was written"):
        factlab.compare(run)
    with pytest.raises(RunFolderError, match=r"likelihoods\.jsonl: not as it was written"):
        rescore(run)


def test_texts_that_were_edited_are_taken_by_a_rescoring_alone(run: Path) -> None:
    folder = RunFolder(run)
    file = folder.cell(CELL).answers_file
    edited = [
        answer.model_copy(update={"text": "It is 4889 m."})
        if "held_out" in answer.question_id
        else answer
        for answer in read_lines(file, AnswerRecord)
    ]
    write_lines(file, edited)
    with pytest.raises(RunFolderError, match="factlab rescore"):
        factlab.compare(run)
    result, changed = rescore(run)
    assert changed == 1
    assert result.cells[0].metrics["recall/held_out"].value == 1
    assert factlab.compare(run).configurations == result.configurations


def test_a_rescoring_that_was_cut_off_is_repeated(run: Path) -> None:
    """Killed after the cells were written, and before results and record were."""
    folder = RunFolder(run)
    cell = folder.finished_cells()[0]
    write_json(folder.cell(cell.id).result_file, cell.model_copy(update={"metrics": {}}))
    with pytest.raises(RunFolderError, match=r"cell\.json: not as it was written"):
        factlab.compare(run)
    expected = load_run(run)
    result, changed = rescore(run)
    assert changed == 0
    # Drift is not graded, and was in the file alone.
    assert {k: v for k, v in expected.cells[0].metrics.items() if "drift" not in k} == {
        k: v for k, v in result.cells[0].metrics.items() if "drift" not in k
    }
    assert all_problems(folder) == ()


def test_results_that_were_changed_are_not_shown(run: Path) -> None:
    file = run / "results.json"
    file.write_text(file.read_text().replace('"value": 0.5', '"value": 0.9'))
    with pytest.raises(RunFolderError, match=r"factlab rescore .* computes it again"):
        load_run(run)


def test_a_run_without_fingerprints_is_read_as_it_is(run: Path) -> None:
    folder = RunFolder(run)
    for cell in folder.finished_cells():
        write_json(folder.cell(cell.id).result_file, cell.model_copy(update={"files": {}}))
    folder.change(files={})
    assert all_problems(folder) == ()
    assert load_run(run)
    _, changed = rescore(run)
    assert changed == 0
    # What was written at once is never torn by a stopped run.
    answers = folder.cell(CELL).answers_file
    answers.write_bytes(answers.read_bytes()[:-5])
    with pytest.raises(RunFolderError, match=r"answers\.jsonl:\d+: not a AnswerRecord"):
        factlab.compare(run)


def test_a_lost_cell_is_named(run: Path) -> None:
    shutil.rmtree(run / "cells" / CELL)
    with pytest.raises(RunFolderError, match=rf"{CELL}/cell\.json: this file is missing"):
        factlab.compare(run)


def test_questions_that_are_not_of_the_run_are_named(run: Path) -> None:
    (run / "data" / "more.jsonl").write_bytes((run / "data" / "far.jsonl").read_bytes())
    with pytest.raises(RunFolderError, match=r"more\.jsonl: this file is not of this run"):
        factlab.compare(run)


def test_an_adapter_that_was_changed_is_not_asked(run: Path) -> None:
    folder = RunFolder(run)
    files = folder.cell(CELL)
    files.adapter.mkdir()
    (files.adapter / "adapter_config.json").write_text("{}")
    (files.adapter / "adapter_model.safetensors").write_bytes(b"weights")
    cell = files.result()
    assert cell is not None
    write_json(files.result_file, sealed(files, cell))
    folder.change(files=run_fingerprints(folder))
    assert StoredRun(run)
    (files.adapter / "adapter_model.safetensors").write_bytes(b"weightz")
    with pytest.raises(RunFolderError, match=r"adapter_model\.safetensors: not as it was"):
        StoredRun(run)


TRAPS: dict[str, Callable[[dict[str, Any]], str]] = {
    "NaN": lambda record: json.dumps({**record, "seeds": [float("nan")]}),
    "Infinity": lambda record: json.dumps({**record, "seeds": [float("inf")]}),
    "too large": lambda record: json.dumps(record).replace('"seeds": [0]', '"seeds": [1e999]'),
    "digits": lambda record: json.dumps(record).replace('"seeds": [0]', f'"seeds": [{"9" * 5000}]'),
    "deep": lambda record: json.dumps(record).replace("[0]", "[" * 50_000),
    "key": lambda record: '{"run_id": "x",' + json.dumps(record)[1:],
    "half": lambda record: json.dumps({**record, "run_id": "\ud800"}),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_json_that_says_no_one_thing_is_refused(trap: str, run: Path) -> None:
    file = run / "run.json"
    file.write_text(TRAPS[trap](json.loads(file.read_text())))
    with pytest.raises(RunFolderError, match=r"run\.json: cannot be read") as refused:
        load_run(run)
    assert len(str(refused.value)) < len(str(file)) + 200


def test_a_file_that_is_larger_than_any_run_writes_is_not_read(run: Path) -> None:
    with (run / "results.json").open("wb") as stream:
        stream.truncate(10**12)  # takes no space
    with pytest.raises(RunFolderError, match="at most"):
        load_run(run)


@pytest.mark.parametrize("name", ["drift.jsonl", "cell.json", "adapter_model.safetensors"])
def test_a_file_of_holes_is_not_hashed_to_its_end(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(b"x")
    assert fingerprint(file) == hashlib.sha256(b"x").hexdigest()
    os.truncate(file, 10**13)
    with pytest.raises(OSError, match="bytes"):
        fingerprint(file)


def test_lines_and_values_of_a_record_are_counted_before_they_are_made(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.reading.records.MOST_LINES", 3)
    with pytest.raises(
        RunFolderError, match=r"answers\.jsonl: cannot be read \(\d+ lines; at most 3"
    ):
        list(read_lines(run / "base" / "answers.jsonl", AnswerRecord))
    monkeypatch.setattr("factlab.reading.records.MOST_PIECES", 30)
    with pytest.raises(RunFolderError, match=r"run\.json: cannot be read .* commas and brackets"):
        load_run(run)
