"""lm-evaluation-harness runs the exported tasks, and its verdicts are ours, one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import small

from factlab.models.load import load_model
from factlab.models.resolve import resolve_model
from factlab.runs.folder import RunFolder, load_run
from factlab.sharing.answers import SharedRun
from factlab.workflows.share import export_records

evaluator = pytest.importorskip("lm_eval.evaluator")
NAME = {"accuracy", "retention", "recall", "intrusion"}


@pytest.fixture(scope="module")
def run(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from quick_runs import ask_fewer

    folder = tmp_path_factory.mktemp("runs") / "tiny run"
    with pytest.MonkeyPatch.context() as patch:
        ask_fewer(patch, lambda bank: bank[:12])
        small.run(tiny_folder, folder, max_steps=40, learning_rate=2e-2, max_new_tokens=12)
    return folder


@pytest.fixture(scope="module")
def found(run: Path, tiny_folder: Path) -> Any:
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from peft import PeftModel

    place = export_records(run, ["lm-eval"])["lm-eval"]
    loaded = load_model(resolve_model(str(tiny_folder)), "fp32")
    (cell,) = load_run(run).cells
    tuned = PeftModel.from_pretrained(loaded.model, str(RunFolder(run).cell(cell.id).adapter))
    tuned.eval()
    model = HFLM(pretrained=tuned, tokenizer=loaded.tokenizer, batch_size=16, device="cpu")
    (task,) = [folder.name for folder in place.iterdir()]
    return evaluator.simple_evaluate(
        model=model,
        tasks=[task],
        task_manager=TaskManager(include_path=str(place), include_defaults=False),
        apply_chat_template=True,
        bootstrap_iters=0,
    )


def test_each_verdict_of_the_harness_is_ours(run: Path, found: Any) -> None:
    shared = SharedRun.read(RunFolder(run), None)
    tuned = next(subject for subject in shared.subjects() if subject.cell)
    ours = {one.question.id: one for one in tuned.asked}
    compared = dict.fromkeys((*NAME, "acc"), 0)
    for task, samples in found["samples"].items():
        for sample in samples:
            one = ours[sample["doc"]["id"]]
            if task.endswith("_choice"):
                forced = [v for k, v in one.scores.items() if "forced_choice/" in k]
                forced += [v for k, v in one.scores.items() if k == "recall/forced_choice"]
                assert sample["acc"] == forced[0], one.question.id
                compared["acc"] += 1
                continue
            assert sample["resps"][0][0].strip() == one.answer.text, one.question.id
            for name in NAME & sample.keys():
                value = one.scores.get(f"{name}/{one.question.metric_split}")
                if value is not None and one.answer.outcome != "truncated":
                    assert sample[name] == value, (name, one.question.id)
                    compared[name] += 1
    assert compared["recall"] > 40
    assert compared["accuracy"] > 12
    assert compared["intrusion"] > 12
    assert compared["acc"] > 40


def test_the_figures_of_the_harness_are_those_of_the_record(run: Path, found: Any) -> None:
    (cell,) = load_run(run).cells
    results = {task: figures for task, figures in found["results"].items() if "held_out" in task}
    (choice,) = [f for task, f in results.items() if task.endswith("_choice")]
    assert choice["acc,none"] == pytest.approx(cell.metrics["recall/forced_choice"].value)
    assert len(results) == 2


def test_task_names_are_plain(run: Path) -> None:
    for file in (run / "exports" / "lm-eval").rglob("*.jsonl"):
        assert file.parent.name.replace("_", "").isalnum()
        assert all(json.loads(line)["id"] for line in file.read_text().splitlines())
