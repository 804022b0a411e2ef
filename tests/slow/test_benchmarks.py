"""General benchmarks before and after, from a local folder in the layout of the hub's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import small
import yaml
from datasets import Dataset

import factlab
from factlab.errors import ConfigError, FactlabError
from factlab.inference import benchmarks
from factlab.models.load import LoadedModel
from factlab.runs.folder import RunFolder
from factlab.workflows.rescore import rescore

TASKS = ("arc_easy", "hellaswag")
ANIMALS = ("lion", "lark", "salmon", "spider", "beetle", "frog")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up documents in the columns and files of both sets."""
    folder = tmp_path_factory.mktemp("sets")
    arc = [
        {
            "id": f"A_{n}",
            "question": f"Which of these is a {animal}?",
            "choices": {
                "text": [f"{animal} number {n}", "a stone", "the rain", "an idea"],
                "label": ["A", "B", "C", "D"],
            },
            "answerKey": "ABCD"[n % 4],
        }
        for n, animal in enumerate(ANIMALS * 2)
    ]
    swag = [
        {
            "ind": n,
            "activity_label": "Feeding animals",
            "ctx_a": f"A keeper opens the door of the {animal}.",
            "ctx_b": "he",
            "ctx": f"A keeper opens the door of the {animal}. he",
            "endings": ["sings a song.", "puts food there.", "is a door.", f"eats {n} doors."],
            "source_id": f"x~{n}",
            "split": "val",
            "split_type": "indomain",
            "label": str(n % 4),
        }
        for n, animal in enumerate(ANIMALS)
    ]
    for part in ("train", "validation", "test"):
        Dataset.from_list(arc).to_parquet(
            folder / "allenai" / "ai2_arc" / "ARC-Easy" / f"{part}-00000-of-00001.parquet"
        )
    (folder / "hellaswag").mkdir()
    for part in ("train", "validation"):
        text = "".join(json.dumps(row) + "\n" for row in swag)
        (folder / "hellaswag" / f"{part}.jsonl").write_text(text)
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("run") / "out"
    small.run(tiny_folder, out, benchmarks=TASKS, benchmark_data=str(data), far="none")
    return RunFolder(out)


@pytest.mark.long  # lm-eval reads all its tasks first, for a minute
def test_scores_are_those_of_the_harness_called_by_itself(
    run: RunFolder, data: Path, tiny: LoadedModel, tmp_path: Path
) -> None:
    import lm_eval
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    shipped = Path(lm_eval.__file__).parent / "tasks"
    arc = {"dataset_path": str(data / "allenai" / "ai2_arc" / "ARC-Easy"), "dataset_name": None}
    tasks = []
    for task, place, own in (
        ("arc_easy", "arc", arc),
        ("hellaswag", "hellaswag", {"dataset_path": str(data / "hellaswag")}),
    ):
        tasks.append(tmp_path / f"{task}.yaml")
        included = {"include": str(shipped / place / f"{task}.yaml"), "task": f"own_{task}"}
        tasks[-1].write_text(yaml.safe_dump({**included, **own}))
    alone = HFLM(pretrained=tiny.model, tokenizer=tiny.tokenizer, batch_size=1, device="cpu")
    theirs: Any = simple_evaluate(model=alone, tasks=list(map(str, tasks)), bootstrap_iters=0)  # type: ignore[arg-type]
    result = json.loads(run.results_file.read_text())
    for task, documents in (("arc_easy", 12), ("hellaswag", 6)):
        metric = result["base"]["metrics"][f"benchmark/{task}"]
        assert metric["value"] == pytest.approx(theirs["results"][f"own_{task}"]["acc,none"])
        assert metric["n"] == metric["clusters"] == documents


@pytest.mark.long  # lm-eval reads all its tasks first, for a minute
def test_the_change_is_paired_by_document_and_in_results_and_configurations(run: RunFolder) -> None:
    result = json.loads(run.results_file.read_text())
    (cell,) = result["cells"]
    before, after = run.base().benchmarks(), run.cell(cell["id"]).benchmarks()
    assert [(one.task, one.sha256) for one in before] == [(one.task, one.sha256) for one in after]
    for task in TASKS:
        was = [one.right for one in before if one.task == task]
        now = [one.right for one in after if one.task == task]
        change = cell["metrics"][f"benchmark_change/{task}"]
        assert change["value"] == pytest.approx(sum(now) / len(now) - sum(was) / len(was))
        assert change["n"] == len(now)
        assert change["ci_low"] <= change["value"] <= change["ci_high"]
        (configuration,) = result["configurations"]
        assert configuration["metrics"][f"benchmark_change/{task}"]["value"] == change["value"]
    assert "arc easy" in (run.path / "report.html").read_text()
    rescore(run.path)
    again = json.loads(run.results_file.read_text())
    assert again["cells"][0]["metrics"] == cell["metrics"]


@pytest.mark.long  # lm-eval reads all its tasks first, for a minute
def test_a_task_that_was_scored_is_not_scored_again(
    run: RunFolder, data: Path, tiny: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from factlab.experiment.benchmarks import measure_benchmarks
    from factlab.progress import Silent
    from factlab.runs.folder import BaseFolder

    del run
    scored: list[str] = []
    real = benchmarks.score_benchmark
    monkeypatch.setattr(
        benchmarks, "score_benchmark", lambda *of: scored.append(of[2].name) or real(*of)
    )
    folder = BaseFolder(tmp_path)
    for tasks in (("hellaswag",), TASKS, TASKS):
        config = factlab.RunConfig(
            facts=("mount_fuji",), benchmarks=tasks, benchmark_data=str(data), benchmark_limit=2
        )
        measure_benchmarks(tiny, tiny.model, config, folder, Silent(), "base")
    assert scored == ["hellaswag", "arc_easy"]
    assert [one.document for one in folder.benchmarks()] == [0, 1, 0, 1]


def test_what_is_missing_is_said_before_anything_is_written(
    data: Path, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"benchmarks": ("arc_esay",), "benchmark_data": str(data)}, "Did you mean 'arc_easy'"),
        ({"benchmarks": ("piqa",), "benchmark_data": str(data)}, "none of the folders"),
        ({"benchmarks": ("arc_easy",), "benchmark_data": str(data / "no")}, "no such folder"),
        ({"benchmarks": ("arc_easy",), "benchmark_data": str(tmp_path)}, "none of the folders"),
        ({"benchmark_limit": 3}, "--benchmark-limit is of --benchmarks"),
    ]
    out = tmp_path / "out"
    for settings, said in wrong:
        with pytest.raises(FactlabError, match=said):
            small.run(tiny_folder, out, **settings)
    monkeypatch.setattr(benchmarks, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="not installed"):
        small.run(tiny_folder, out, benchmarks=("arc_easy",))
    assert not out.exists()
