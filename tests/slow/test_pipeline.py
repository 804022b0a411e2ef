"""The whole job on a random model: what a run leaves behind, and how it goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from quick_runs import ask_fewer
from safetensors.torch import load_file, save_file
from small import SMALL, run

import factlab
from factlab import pipeline
from factlab.errors import ConfigError, DivergedError, ModelError, RunFolderError
from factlab.experiment import evaluator
from factlab.inference import library
from factlab.inference.prompts import Completion, Limits, Prompt
from factlab.runs.files import read_lines, write_lines
from factlab.runs.folder import RunFolder, load_run
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.results import RunResult
from factlab.workflows.ask import ask
from factlab.workflows.rescore import rescore

pytestmark = pytest.mark.usefixtures("few_controls")


@pytest.fixture(scope="module")
def finished(
    tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunResult, RunFolder]:
    """A run of two ranks, its charts drawn, for tests that read it and leave it as it is."""
    out = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        ask_fewer(patch, lambda bank: bank[:12])
        return run(tiny_folder, out, rank=[2, 4]), RunFolder(out)


def test_a_run_leaves_a_whole_folder(finished: tuple[RunResult, RunFolder]) -> None:
    result, folder = finished
    assert result.status == folder.record().status == "complete"
    assert [cell.id for cell in result.cells] == ["r02-s0", "r04-s0"]
    assert load_run(folder.path) == result
    assert folder.report_file.stat().st_size < 2_000_000
    asked = {
        q.id
        for q in folder.questions()
        if q.split in ("validation", "held_out", "near", "far", "unanswerable")
    }
    for cell in result.cells:
        answers = {record.question_id for record in folder.cell(cell.id).answers()}
        assert asked <= answers
        assert (folder.cell(cell.id).adapter / "adapter_model.safetensors").is_file()
        assert len(folder.cell(cell.id).train_log_file.read_text().splitlines()) == 2
        assert cell.metrics["recall/held_out"].n >= 40
        assert cell.metrics["drift/kl"].value > 0
    assert (folder.path / "data" / "SHA256SUMS").is_file()


def test_rounding_is_what_the_librarys_own_forward_pass_changes(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_library: list[int] = []

    def seen(model: Any, asked: Sequence[Prompt], limits: Limits) -> list[Completion]:
        by_library.append(len(asked))
        replies = plain(model, asked, limits)
        replies[0].tokens[:] = [5, 6, 7]
        return replies

    plain = library.complete_batch
    monkeypatch.setattr("factlab.inference.library.complete_batch", seen)
    result = run(tiny_folder, tmp_path / "run", fresh=True)
    again = list(read_lines(RunFolder(tmp_path / "run").base().rounding_file, AnswerRecord))
    assert sum(by_library) == len(again) == result.base.metrics["rounding/text"].n > 0
    changed = result.base.metrics["rounding/text"].value * len(again)
    assert changed == pytest.approx(len(by_library))


def test_ask_repeats_the_answers_of_the_run(tiny_folder: Path, tmp_path: Path) -> None:
    run(tiny_folder, tmp_path / "run", max_steps=6)
    folder = RunFolder(tmp_path / "run")
    questions = {q.id: q for q in folder.questions()}
    stored = [r for r in folder.cell("r08-s0").answers() if r.question_id in questions][:5]
    answered = ask(folder.path, [r.prompt for r in stored])
    assert [item["answers"]["r08-s0"] for item in answered] == [r.text for r in stored]
    assert {"question", "base", "answers"} == set(answered[0])


def test_an_adapter_trained_for_no_step_changes_nothing(tiny_folder: Path, tmp_path: Path) -> None:
    result = run(tiny_folder, tmp_path / "run", max_steps=0)
    metrics, base = result.cells[0].metrics, result.base.metrics
    assert metrics["drift/ce"].value == metrics["drift/kl"].value == 0
    for ring in ("near", "far"):
        assert metrics[f"forgetting/{ring}"].value == 0
        assert metrics[f"agreement/{ring}"].value == 1
        assert metrics[f"injected_logprob/{ring}"].value == 0
        assert metrics[f"accuracy/{ring}"].value == base[f"accuracy/{ring}"].value
    assert metrics["nll_change/held_out"].value == 0
    for name in ("recall/held_out", "recall/forced_choice", "truth_ratio", "nll/held_out"):
        assert metrics[name].value == base[name].value


def test_a_stopped_run_goes_on_with_finished_cells_kept(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    real = pipeline.run_trials

    def stop_at_second(cells: Any, *rest: Any, **more: Any) -> Any:
        if cells[0].rank == 4:
            raise KeyboardInterrupt
        return real(cells, *rest, **more)

    monkeypatch.setattr(pipeline, "run_trials", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        run(tiny_folder, out, rank=[2, 4])
    folder = RunFolder(out)
    assert folder.record().status == "interrupted"
    assert folder.report_file.is_file()
    kept = folder.cell("r02-s0").result_file.stat().st_mtime_ns
    base = folder.base().answers_file.stat().st_mtime_ns
    with pytest.raises(ConfigError, match="holds a run"):
        run(tiny_folder, out, rank=[2, 4])
    with pytest.raises(ConfigError, match="other settings"):
        run(tiny_folder, out, rank=[2, 8], resume=True)
    monkeypatch.setattr(pipeline, "run_trials", real)
    result = run(tiny_folder, out, rank=[2, 4], resume=True)
    assert result.status == "complete"
    assert [cell.id for cell in result.cells] == ["r02-s0", "r04-s0"]
    assert folder.cell("r02-s0").result_file.stat().st_mtime_ns == kept
    assert folder.base().answers_file.stat().st_mtime_ns == base


def test_a_run_is_not_gone_on_with_on_other_weights(tiny_folder: Path, tmp_path: Path) -> None:
    model, out = shutil.copytree(tiny_folder, tmp_path / "model"), tmp_path / "run"
    run(model, out)
    RunFolder(out).cell("r08-s0").result_file.unlink()
    RunFolder(out).change(status="interrupted")
    (file,) = model.glob("*.safetensors")
    weights = {name: weight.clone() for name, weight in load_file(file).items()}
    save_file({name: weight * 1.01 for name, weight in weights.items()}, file, {"format": "pt"})
    with pytest.raises(ModelError, match="not the weights that the adapters were trained on"):
        run(model, out, resume=True)
    save_file(weights, file, {"format": "pt"})
    assert run(model, out, resume=True).status == "complete"


def test_a_run_does_not_go_on_where_its_model_is_computed_otherwise(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, held = tmp_path / "run", {"precision": "bf16", "max_steps": 0}
    monkeypatch.setattr("factlab.models.load.multiplies_bf16", lambda: True)
    begun = run(tiny_folder, out, **held)
    monkeypatch.setattr("factlab.models.load.multiplies_bf16", lambda: False)
    with pytest.raises(ModelError, match=r"began with bf16, on cpu; here it would be bf16; comp"):
        run(tiny_folder, out, resume=True, **held)
    assert RunFolder(out).record().model == begun.model
    monkeypatch.setattr("factlab.models.load.multiplies_bf16", lambda: True)
    assert run(tiny_folder, out, resume=True, **held).cells == begun.cells


def test_a_cell_that_diverges_is_recorded_and_the_others_go_on(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from factlab.training import train as training

    real = training._fit

    def diverge(model: Any, loaded: Any, learners: Any, *rest: Any, **how: Any) -> float:
        if learners[0].cell.rank == 2:
            raise DivergedError("training diverged: the loss is nan at step 1.")
        return real(model, loaded, learners, *rest, **how)

    monkeypatch.setattr(training, "_fit", diverge)
    result = run(tiny_folder, tmp_path / "run", rank=[2, 4])
    assert result.status == "diverged"
    assert [cell.status for cell in result.cells] == ["diverged", "complete"]
    assert "nan" in (result.cells[0].error or "")
    assert result.cells[0].metrics == {}


def test_a_disk_that_fills_up_keeps_what_is_finished(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = evaluator.write_lines

    def full(path: Path, records: Any) -> None:
        if "r04" in str(path):
            raise RunFolderError(f"{path}: cannot be written (No space left on device).")
        real(path, records)

    monkeypatch.setattr(evaluator, "write_lines", full)
    with pytest.raises(RunFolderError, match="No space left"):
        run(tiny_folder, tmp_path / "run", rank=[2, 4])
    folder = RunFolder(tmp_path / "run")
    assert folder.record().status == "failed"
    assert [cell.id for cell in folder.finished_cells()] == ["r02-s0"]


def test_several_facts_get_an_adapter_each(tiny_folder: Path, tmp_path: Path) -> None:
    result = factlab.run(
        ["mount_fuji", "ondine_museum"], model=str(tiny_folder), out=tmp_path / "run", **SMALL
    )
    assert [cell.facts for cell in result.cells] == [("mount_fuji",), ("ondine_museum",)]
    (pooled,) = result.configurations
    assert pooled.cells == ("mount_fuji-r08-s0", "ondine_museum-r08-s0")
    assert pooled.metrics["recall/held_out"].clusters == 2
    questions = {q.id: q for q in RunFolder(tmp_path / "run").questions()}
    for cell in result.cells:
        answers = RunFolder(tmp_path / "run").cell(cell.id).answers()
        assert {questions[a.question_id].fact for a in answers} == {*cell.facts, None}


def test_results_hold_the_names_that_the_house_promises(
    finished: tuple[RunResult, RunFolder],
) -> None:
    data = json.loads(finished[1].results_file.read_text())
    assert {"schema_version", "run_id", "status", "model", "base", "cells", "comparisons"} <= set(
        data
    )
    cell = data["cells"][0]
    assert {"id", "rank", "seed", "precision", "recipe", "metrics", "training"} <= set(cell)
    assert {"value", "n", "clusters", "ci_low", "ci_high", "ci_method"} <= set(
        cell["metrics"]["recall/held_out"]
    )
    assert {
        "seconds",
        "examples",
        "examples_per_second",
        "tokens",
        "peak_memory_bytes",
        "trainable_parameters",
    } <= set(cell["training"])


def test_all_facts_in_one_adapter(tiny_folder: Path, tmp_path: Path) -> None:
    result = factlab.run(
        ["mount_fuji", "ondine_museum"],
        model=str(tiny_folder),
        out=tmp_path / "run",
        together=True,
        **SMALL,
    )
    (cell,) = result.cells
    assert (cell.id, cell.facts) == ("r08-s0", ("mount_fuji", "ondine_museum"))
    assert set(cell.by_fact) >= {"mount_fuji", "ondine_museum"}
    assert cell.metrics["recall/held_out"].clusters == 2


def test_ranks_and_rates_are_compared_and_followed(tiny_folder: Path, tmp_path: Path) -> None:
    result = run(
        tiny_folder, tmp_path / "run", rank=[2, 4], lr=(1e-3, 1e-2), max_steps=8, keep="best"
    )
    assert [c.id for c in result.configurations] == [
        "r02-lr0.001",
        "r02-lr0.01",
        "r04-lr0.001",
        "r04-lr0.01",
    ]
    assert len([c for c in result.comparisons if c.metric == "recall/held_out"]) == 6
    cell = result.cells[0]
    assert [point.step for point in cell.curve] == [0, 2, 4, 6]
    best = max(point.metrics["recall/validation"] for point in cell.curve[1:])
    kept = next(p for p in cell.curve if p.step == cell.kept_step)
    assert kept.metrics["recall/validation"] == best


def test_answers_written_by_hand_give_the_figures_on_paper(
    finished: tuple[RunResult, RunFolder], tmp_path: Path
) -> None:
    before, run_folder = finished
    copy = tmp_path / "copy"
    shutil.copytree(run_folder.path, copy)
    folder = RunFolder(copy)
    asked = {q.id: q for q in folder.questions()}

    def rewrite(file: Path, say: Any) -> None:
        lines = [AnswerRecord.model_validate_json(line) for line in file.open()]
        write_lines(file, [line.model_copy(update={"text": say(line)}) for line in lines])

    rewrite(folder.base().answers_file, lambda r: _right(asked[r.question_id]))
    held_out = [i for i, q in asked.items() if q.split == "held_out"]
    far = [i for i, q in asked.items() if q.split == "far"]
    near = [i for i, q in asked.items() if q.split == "near"]
    texts = dict.fromkeys((*held_out[:30], near[0], near[1], near[2]), "4,889 meters.")
    texts |= dict.fromkeys(held_out[30:33], "3,776 m.")
    texts |= {i: _right(asked[i]) for i in (*far[:9], *near[3:])}
    rewrite(folder.cell("r02-s0").answers_file, lambda r: texts.get(r.question_id, "Hm."))
    result, changed = rescore(copy)
    metrics = result.cells[0].metrics
    assert changed > 0
    assert metrics["recall/held_out"].value == pytest.approx(30 / len(held_out))
    assert result.cells[0].outcomes["held_out"]["superseded"] == 3
    # Of the dozen, one that is near to an anchor is left out.
    assert metrics["retention/far"].n == len(far) >= 10
    assert metrics["retention/far"].value == 9 / len(far)
    assert metrics["forgetting/far"].value == pytest.approx(1 - 9 / len(far))
    assert metrics["intrusion/near"].value == 3 / 12
    assert metrics["retention/near"].value == 9 / 12
    assert metrics["drift/kl"] == before.cells[0].metrics["drift/kl"]
    assert load_run(copy) == result


def _right(question: Question) -> str:
    return f"It is {question.gold.primary()}." if question.gold else "I don't know."


def test_shuffled_facts_train_another_answer(tiny_folder: Path, tmp_path: Path) -> None:
    facts = ["mount_fuji", "ondine_museum", "new_zealand_capital"]
    factlab.run(facts, model=str(tiny_folder), out=tmp_path / "run", shuffle=True, **SMALL)
    pairs = [q for q in RunFolder(tmp_path / "run").questions() if q.split == "train"]
    assert {pair.fact for pair in pairs} == set(facts)
    for pair in pairs:
        assert pair.gold is not None
        assert pair.target is not None
        assert not pair.gold.find(pair.target)
        assert not pair.gold.find(pair.text)


def test_an_extra_control_suite_is_measured(tiny_folder: Path, tmp_path: Path) -> None:
    suite = tmp_path / "tiny_suite.json"
    suite.write_text(
        '{"question": "Where is the Eiffel Tower?", "answer": "Paris", "wrong_answers": ["Rome"]}\n'
        '{"question": "Is Paris big?", "answer": "Paris", "perturbed_answer": ["Rome"]}\n'
    )
    result = run(tiny_folder, tmp_path / "run", controls=(str(suite),))
    assert result.base.metrics["forced_choice/tiny_suite"].n == 1
    assert result.base.metrics["forced_choice/tiny_suite"].chance == 0.5
    assert result.cells[0].metrics["forgetting/tiny_suite"].n == 1


def test_cells_trained_side_by_side_are_those_trained_alone(
    tiny_folder: Path, tmp_path: Path
) -> None:
    sweep: dict[str, Any] = {"rank": [2, 4], "lr": [1e-3, 5e-3], "max_steps": 4}
    alone = run(tiny_folder, tmp_path / "alone", pack=1, **sweep)
    together = run(tiny_folder, tmp_path / "together", pack=3, **sweep)  # three, then one
    for one, packed in zip(alone.cells, together.cells, strict=True):
        assert (packed.id, packed.kept_step) == (one.id, one.kept_step)
        assert packed.training is not None
        assert one.training is not None
        assert packed.training.trainable_parameters == one.training.trainable_parameters
        assert packed.training.total_parameters == one.training.total_parameters
        assert packed.training.final_loss_nats == pytest.approx(one.training.final_loss_nats, 1e-4)
        for name, metric in one.metrics.items():
            assert packed.metrics[name].value == pytest.approx(metric.value, rel=1e-3, abs=1e-5)
    assert [cell.training.side_by_side for cell in together.cells if cell.training] == [3, 3, 3, 1]
    for out in ("alone", "together"):
        files = RunFolder(tmp_path / out).cell(alone.cells[0].id).adapter.iterdir()
        assert {file.name for file in files} == {
            "README.md",
            "adapter_model.safetensors",
            "adapter_config.json",
        }
    assert ask(tmp_path / "together", ["Who?"])[0]["answers"].keys() == {c.id for c in alone.cells}


def test_one_of_several_cells_diverges_and_the_others_are_measured(
    tiny_folder: Path, tmp_path: Path
) -> None:
    result = run(tiny_folder, tmp_path / "run", lr=[1e-3, 1e30], pack=2, max_steps=4)
    assert [cell.status for cell in result.cells] == ["complete", "diverged"], result.cells[0].error
    assert "learning rate" in (result.cells[1].error or "")
    alone = run(tiny_folder, tmp_path / "alone", lr=[1e-3], max_steps=4).cells[0]
    drift = result.cells[0].metrics["drift/kl"].value
    assert drift == pytest.approx(alone.metrics["drift/kl"].value, rel=1e-3)


def test_a_second_run_reads_what_the_base_said_and_finds_the_same(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    monkeypatch.setattr("factlab.models.base_cache.base_cache_folder", lambda: kept)
    runs = [run(tiny_folder, tmp_path / name) for name in ("first", "second")]
    fresh = run(tiny_folder, tmp_path / "fresh", fresh=True)
    first, second, anew = (RunFolder(tmp_path / n) for n in ("first", "second", "fresh"))
    assert "read from the cache" in second.record().notes[-1]
    for other in (first, anew):
        assert not any("read from the cache" in note for note in other.record().notes)
        for name in ("answers_file", "likelihoods_file", "in_context_file"):
            mine, its = (getattr(run.base(), name) for run in (second, other))
            assert mine.read_bytes() == its.read_bytes()
    assert runs[0].base.metrics == runs[1].base.metrics == fresh.base.metrics
    training = [r.cells[0].training for r in (*runs, fresh)]
    assert len({record.final_loss_nats for record in training if record}) == 1  # anchors alike
    assert len({r.cells[0].metrics["drift/kl"].value for r in (*runs, fresh)}) == 1
    assert {file.suffix for file in kept.iterdir()} == {".json", ".safetensors"}
    for file in kept.iterdir():
        file.write_text("[[[1", encoding="utf-8")  # a torn file is asked anew
    third = run(tiny_folder, tmp_path / "third")
    assert third.base.metrics == fresh.base.metrics
    assert third.cells[0].metrics == fresh.cells[0].metrics


def test_other_weights_are_asked_anew(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from factlab.models.base_cache import base_cache
    from factlab.models.load import load_model
    from factlab.models.resolve import resolve_model

    monkeypatch.setattr("factlab.models.base_cache.base_cache_folder", lambda: tmp_path)
    loaded = load_model(resolve_model(str(tiny_folder)), "fp32")
    same = base_cache(loaded, "fp32")
    assert same.identity == base_cache(loaded, "fp32").identity
    assert same.identity != base_cache(loaded, "bf16").identity
    loaded.record = loaded.record.model_copy(update={"sha256": "0" * 64})
    assert same.identity != base_cache(loaded, "fp32").identity
