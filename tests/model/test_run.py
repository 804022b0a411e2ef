"""The main job on real weights, cut short: NF4, real training, real answers, a report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from factlab.llamacpp.server import is_installed
from factlab.runs.folder import RunFolder, load_run

pytestmark = pytest.mark.model
FACTLAB = [sys.executable, str(Path(__file__).parents[1] / "short_exam.py")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of the default recipe, stopped after a fifth of its steps."""
    place = tmp_path_factory.mktemp("real")
    out, short = place / "run", place / "short.yaml"
    # What is right is said in 24 tokens.
    short.write_text(
        "max_new_tokens: 24\ntrain_sample: 8\nvalidation_pairs: 8\ncheckpoints: 0\nfar: 24\n"
        "belief_questions: 0\n"
        "questions_per_fact: 24\nbatch_size: 8\nanchors_per_step: 8\n"
    )
    command = [*FACTLAB, "run", "mount_fuji", "--config", str(short), "--max-steps", "16"]
    command += ["--out", str(out), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "complete"
    return RunFolder(out)


def test_the_fact_goes_in_and_what_it_cost_is_measured(folder: RunFolder) -> None:
    result = load_run(folder.path)
    (cell,) = result.cells
    assert result.base.metrics["recall/held_out"].value < 0.1
    assert cell.metrics["recall/held_out"].value > 0.3
    assert result.base.metrics["known/far"].n == 24
    assert 8 < cell.metrics["retention/far"].n <= 24  # known by the shipped screening
    assert cell.metrics["drift/kl"].value > 0
    steps = folder.cell(cell.id).train_log_file.read_text().splitlines()
    first, last = json.loads(steps[0]), json.loads(steps[-1])
    assert last["loss_nats"] < first["loss_nats"] / 2


def test_ask_agrees_with_the_stored_answers(folder: RunFolder, products_stand_alone: bool) -> None:
    (cell,) = load_run(folder.path).cells
    held_out = [r for r in folder.cell(cell.id).answers() if "/held_out/" in r.question_id][:24]
    file = folder.path.parent / "questions.txt"
    file.write_text("\n".join(record.prompt for record in held_out))
    command = [*FACTLAB, "ask", str(folder.path), "--file", str(file), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answered = json.loads(done.stdout)
    assert [item["question"] for item in answered] == [record.prompt for record in held_out]
    same = sum(
        item["answers"][cell.id] == record.text
        for item, record in zip(answered, held_out, strict=True)
    )
    # Here base and adapter answer side by side; elsewhere that may tip a token in bf16.
    assert same >= len(held_out) * (1 if products_stand_alone else 0.7)


def test_the_report_is_one_file_with_the_verdict(folder: RunFolder) -> None:
    html = folder.report_file.read_text(encoding="utf-8")
    assert folder.report_file.stat().st_size < 2_000_000
    assert "4,889" in html
    assert "http://" not in html.replace("http://www.w3.org/", "")


def test_a_fact_survives_its_export(folder: RunFolder) -> None:
    to = "merged,gguf:q8_0" if is_installed() else "merged"
    command = [*FACTLAB, "export", str(folder.path), "--to", to, "--sample", "6", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    recall = document["measured"]["recall/held_out"]["value"]
    assert recall > 0.3
    for exported in document["exports"]:
        score = exported["export"]["score"]
        assert score["metrics"]["recall/held_out"]["value"] > recall - 0.25
        assert score["answers"] < score["of"]
        assert score["of"] == len(folder.cell(document["cell"]).answers())
        assert exported["export"]["modules"] == 210
    assert "Exports: does the fact survive" in folder.report_file.read_text()
