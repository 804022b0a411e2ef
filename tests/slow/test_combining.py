"""Adapters of finished runs combined into one, and asked side by side, on a random model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import small
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from quick_runs import ask_fewer
from safetensors.torch import load_file, save

import factlab
from factlab.combination.adapters import combine_adapters
from factlab.comparison import compare
from factlab.errors import ConfigError, ModelError, RunFolderError
from factlab.models.adapters import load_adapters
from factlab.models.load import LoadedModel
from factlab.pipeline import run_experiment
from factlab.runs.folder import RunFolder, load_run, read_config
from factlab.schema.combine import METHODS, Combined, How
from factlab.workflows.ask import ask
from factlab.workflows.rescore import rescore

SMALL: dict[str, Any] = {**small.SMALL, "max_steps": 3, "max_new_tokens": 6, "checkpoints": 0}
FACTS = ("mount_fuji", "loch_ness_depth")
QUESTIONS = ["How high is it?", "Who was there before them, and why?", "Name a lake."]


@pytest.fixture(scope="module", autouse=True)
def few_controls() -> Iterator[None]:
    """A dozen controls of each kind: a random model knows none of them anyway."""
    with pytest.MonkeyPatch.context() as patch:
        ask_fewer(patch, lambda bank: bank[:12])
        yield


@pytest.fixture(scope="module")
def runs(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A run of each fact, trained fast, so that the adapters differ."""
    root = tmp_path_factory.mktemp("runs")
    for seed, fact in enumerate(FACTS):
        factlab.run(fact, model=str(tiny_folder), out=root / fact, seed=seed, lr=(5e-2,), **SMALL)
    return [root / fact for fact in FACTS]


@pytest.fixture(scope="module")
def combined(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("combined") / "run"
    factlab.combine(*runs, how=["linear", "cat"], weights=[(0.7, 0.3), (1.0, 0.0)], out=out)
    return RunFolder(out)


def folders(runs: Sequence[Path]) -> list[Path]:
    return [next((run / "cells").iterdir()) / "adapter" for run in runs]


def updates(model: Any, name: str) -> dict[str, torch.Tensor]:
    """scale · B A of each layer."""
    return {
        place: layer.get_delta_weight(name).detach()
        for place, layer in model.named_modules()
        if isinstance(layer, LoraLayer)
    }


def factors(model: Any, name: str) -> dict[str, tuple[torch.Tensor, torch.Tensor, float]]:
    return {
        place: (layer.lora_A[name].weight, layer.lora_B[name].weight, layer.scaling[name])
        for place, layer in model.named_modules()
        if isinstance(layer, LoraLayer)
    }


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(input_ids=torch.arange(5, 45)[None]).logits
    return found


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


def farthest(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    assert found.keys() == expected.keys()
    assert len(found) == 14
    return max(apart(found[place], expected[place]) for place in expected)


@pytest.fixture
def alone(tiny: LoadedModel, runs: list[Path]) -> list[dict[str, torch.Tensor]]:
    """The updates of each adapter."""
    model = load_adapters(tiny, dict(zip("ab", folders(runs), strict=True)))
    found = [updates(model, name) for name in "ab"]
    tiny.model = model.unload()
    return found


def combine(
    tiny: LoadedModel, places: Sequence[Path], how: How, *weights: float, seed: int = 0, **more: Any
) -> tuple[Any, Combined]:
    """A model with the one adapter that stored ones are combined into, and what was measured."""
    names = [f"source{number}" for number in range(len(places))]
    model = load_adapters(tiny, dict(zip(names, places, strict=True)))
    made = Combined(adapters=tuple(names), how=how, weights=weights, **more)
    named = dict(zip(names, weights, strict=True))
    return model, combine_adapters(model, named, made, seed=seed, name="default")


def attached(
    tiny: LoadedModel, runs: Sequence[Path], how: How, *weights: float, **more: Any
) -> Any:
    return combine(tiny, folders(runs), how, *weights, **more)[0]


@pytest.mark.parametrize(
    ("how", "more"), [("cat", {}), ("svd", {"svd_rank": 16}), ("ties_svd", {"density": 1.0})]
)
def test_whole_updates_are_added_exactly(
    tiny: LoadedModel,
    runs: list[Path],
    alone: list[dict[str, torch.Tensor]],
    how: How,
    more: dict[str, Any],
) -> None:
    if how == "ties_svd":  # one adapter, nothing left out, every sign its own
        weights, more = (1.0, 0.0), {**more, "svd_rank": 16}
        runs = [runs[0], runs[0]]
        alone = [alone[0], alone[0]]
    else:
        weights = (0.7, 0.3)
    expected = {p: weights[0] * alone[0][p] + weights[1] * alone[1][p] for p in alone[0]}
    if how == "ties_svd":
        expected = {place: update / 2 for place, update in expected.items()}  # the mean of two
    before = logits(tiny.model)
    model = attached(tiny, runs, how, *weights, **more)
    assert list(model.peft_config) == ["default"]
    assert farthest(updates(model, "default"), expected) < 1e-5
    found = logits(model)
    assert apart(found, before) > 0.01
    tiny.model = model.unload()
    assert torch.equal(logits(tiny.model), before)
    for place, update in expected.items():
        name = place.removeprefix("base_model.model.")
        tiny.model.get_submodule(name).weight.data += update
    assert apart(found, logits(tiny.model)) < 1e-5


def test_linear_adds_the_factors_and_so_more_than_the_updates(
    tiny: LoadedModel, runs: list[Path], alone: list[dict[str, torch.Tensor]]
) -> None:
    model = load_adapters(tiny, dict(zip("ab", folders(runs), strict=True)))
    first, second = factors(model, "a"), factors(model, "b")
    weights = (0.7, 0.3)
    expected = {}
    for place in first:
        down = up = torch.zeros(())
        for weight, (a, b, scale) in zip(weights, (first[place], second[place]), strict=True):
            down, up = down + (weight * scale) ** 0.5 * a, up + (weight * scale) ** 0.5 * b
        expected[place] = (up @ down).detach()
    tiny.model = model.unload()
    found = updates(attached(tiny, runs, "linear", *weights), "default")
    assert farthest(found, expected) < 1e-5
    added = {place: 0.7 * alone[0][place] + 0.3 * alone[1][place] for place in found}
    assert min(apart(found[place], added[place]) for place in found) > 0.1  # what A meets of B


def test_gain_and_distance_are_those_of_the_updates_written_out(
    tiny: LoadedModel, runs: list[Path], alone: list[dict[str, torch.Tensor]]
) -> None:
    model, made = combine(tiny, folders(runs), "linear", 0.7, 0.3)

    def flat(parts: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat([parts[place].flatten() for place in alone[0]])

    found = flat(updates(model, "default"))
    wanted = 0.7 * flat(alone[0]) + 0.3 * flat(alone[1])
    assert made.gain == pytest.approx(float(found @ wanted / (wanted @ wanted)), rel=1e-4)
    assert made.distance == pytest.approx(apart(found, wanted), rel=1e-4)


@pytest.mark.parametrize("how", ["linear", "cat", "svd"])
def test_all_the_weight_on_one_adapter_is_that_adapter(
    tiny: LoadedModel, runs: list[Path], alone: list[dict[str, torch.Tensor]], how: How
) -> None:
    model = attached(tiny, runs, how, 1.0, 0.0)
    assert farthest(updates(model, "default"), alone[0]) < 1e-5
    found = logits(model)
    tiny.model = model.unload()
    assert apart(found, logits(load_adapters(tiny, {"a": folders(runs)[0]}))) < 1e-5


@pytest.mark.parametrize("how", METHODS)
def test_every_method_makes_an_adapter_that_can_be_kept(
    tiny: LoadedModel, runs: list[Path], tmp_path: Path, how: How
) -> None:
    before = logits(tiny.model)
    density = 0.5 if METHODS[how].thins else None
    model = attached(tiny, runs, how, 0.5, 0.5, density=density)
    found = logits(model)
    assert torch.isfinite(found).all()
    assert apart(found, before) > 0.01
    model.save_pretrained(str(tmp_path))
    tiny.model = model.unload()
    again = load_adapters(tiny, {"again": tmp_path})
    assert apart(logits(again), found) < 1e-5
    tiny.model = again.unload()
    model = attached(tiny, runs, how, 0.5, 0.5, density=density)
    assert torch.equal(logits(model), found)  # of the same seed
    if METHODS[how].random:
        tiny.model = model.unload()
        other = attached(tiny, runs, how, 0.5, 0.5, density=density, seed=1)
        assert apart(logits(other), found) > 0.01


def test_rank_stabilised_adapters_and_those_of_other_ranks_are_added_exactly(
    tiny: LoadedModel, tmp_path: Path
) -> None:
    expected: dict[str, torch.Tensor] = {}
    for number, (rank, weight) in enumerate([(4, 0.25), (9, 0.75)]):
        config = LoraConfig(
            r=rank, lora_alpha=12, target_modules="all-linear", use_rslora=True,
            init_lora_weights=False,
        )  # fmt: skip
        model = get_peft_model(tiny.model, config)
        for place, update in updates(model, "default").items():
            expected[place] = expected.get(place, torch.zeros(())) + weight * update
        model.save_pretrained(str(tmp_path / str(number)))
        tiny.model = model.unload()
    model, made = combine(tiny, [tmp_path / "0", tmp_path / "1"], "cat", 0.25, 0.75)
    assert made.gain == pytest.approx(1)
    assert made.distance == pytest.approx(0, abs=1e-5)
    assert farthest(updates(model, "default"), expected) < 1e-5
    model.save_pretrained(str(tmp_path / "both"))
    tiny.model = model.unload()
    again = load_adapters(tiny, {"again": tmp_path / "both"})
    assert farthest(updates(again, "again"), expected) < 1e-5


@pytest.mark.parametrize("place", ["first", "second"])
@pytest.mark.parametrize("wrong", ["cut short", "lacks weights", "of another size"])
def test_an_adapter_that_cannot_be_used_is_one_sentence(
    tiny: LoadedModel, runs: list[Path], tmp_path: Path, wrong: str, place: str
) -> None:
    whole, bad = folders(runs)[0], tmp_path / "bad"
    shutil.copytree(whole, bad)
    file = bad / "adapter_model.safetensors"
    held = load_file(file)
    words, content = {
        "cut short": ("cannot be read", file.read_bytes()[:-100]),
        "lacks weights": ("does not fit .*missing adapter keys", save(dict([*held.items()][2:]))),
        "of another size": (
            "does not fit .*size mismatch",
            save({name: weight[:, :1].contiguous() for name, weight in held.items()}),
        ),
    }[wrong]
    file.write_bytes(content)
    before = logits(tiny.model)
    places = {"a": bad} if place == "first" else {"a": whole, "b": bad}
    with pytest.raises(ModelError, match=words) as caught:
        load_adapters(tiny, places)
    assert "\n" not in str(caught.value)
    if wrong == "cut short":
        assert not any(isinstance(layer, LoraLayer) for layer in tiny.model.modules())
        assert torch.equal(logits(tiny.model), before)


def test_a_combined_run_is_a_run_like_any_other(runs: list[Path], combined: RunFolder) -> None:
    result = load_run(combined.path)
    assert result.status == combined.record().status == "complete"
    assert [cell.id for cell in result.cells] == [
        "mount_fuji-alone-s0",
        "loch_ness_depth-alone-s0",
        "linear+0.7+0.3-s0",
        "linear+1+0-s0",
        "cat+0.7+0.3-s0",
        "cat+1+0-s0",
    ]
    assert [c.id for c in result.configurations] == [c.configuration for c in result.cells]
    assert [cell.rank for cell in result.cells] == [8, 8, 8, 8, 16, 16]
    for cell in result.cells:
        assert cell.training is None
        assert set(cell.by_fact) == set(FACTS)
        assert cell.metrics["drift/kl"].value > 0
        assert cell.metrics["recall/held_out"].n == result.cells[0].metrics["recall/held_out"].n
        assert "interference/held_out" in cell.metrics
    assert result.comparisons
    page = combined.report_file.read_text(encoding="utf-8")
    assert "Combined adapters" in page
    assert "linear: 0.7 × mount_fuji + 0.3 × loch_ness_depth" in page
    compared = [c.id for c in compare(combined.path).configurations]
    assert sorted(compared) == sorted(c.id for c in result.configurations)
    assert [name.endswith("-alone") for name in compared] == [True, True] + [False] * 4
    # A random model's answers may have fewer bytes than tokens, which counts as written by hand.
    again, _ = rescore(combined.path)
    assert [cell.combined for cell in again.cells] == [cell.combined for cell in result.cells]
    assert [cell.metrics.keys() for cell in again.cells] == [
        cell.metrics.keys() for cell in result.cells
    ]


def test_an_adapter_alone_says_what_it_said_in_its_own_run(
    runs: list[Path], combined: RunFolder
) -> None:
    for seed, (run, fact) in enumerate(zip(runs, FACTS, strict=True)):
        then = RunFolder(run).cell(f"r08-s{seed}").answers()
        now = {a.question_id: a for a in combined.cell(f"{fact}-alone-s0").answers()}
        shared = [answer for answer in then if answer.question_id in now]
        assert len(shared) > 100
        assert [now[answer.question_id].text for answer in shared] == [a.text for a in shared]
        others = {a.question_id.partition("/")[0] for a in now.values()} & set(FACTS)
        assert others == set(FACTS)


def test_weights_of_one_and_none_say_what_the_one_says(combined: RunFolder) -> None:
    alone = [answer.text for answer in combined.cell("mount_fuji-alone-s0").answers()]
    for how in ("linear", "cat"):
        assert [a.text for a in combined.cell(f"{how}+1+0-s0").answers()] == alone


def test_a_combined_run_is_repeated_by_its_config_and_resumed(
    runs: list[Path], combined: RunFolder, tmp_path: Path
) -> None:
    config = read_config(combined)
    (combined.cell("cat+1+0-s0").result_file).rename(tmp_path / "kept.json")
    kept = combined.cell("linear+1+0-s0").result_file.stat().st_mtime_ns
    result, _ = run_experiment(config, out=combined.path, resume=True)
    assert result.status == "complete"
    assert combined.cell("cat+1+0-s0").result_file.is_file()
    assert combined.cell("linear+1+0-s0").result_file.stat().st_mtime_ns == kept
    weights = folders(runs)[0] / "adapter_model.safetensors"
    before = weights.read_bytes()
    weights.write_bytes(before[:-1])
    try:
        with pytest.raises(RunFolderError, match="not the adapter that the combination was begun"):
            run_experiment(config, out=tmp_path / "again")
    finally:
        weights.write_bytes(before)
    assert not (tmp_path / "again").exists()
    other = config.model_copy(
        update={"combine": config.combine.model_copy(update={"base": "0" * 64})}
    )
    with pytest.raises(ModelError, match="not the weights that the adapters were trained on"):
        run_experiment(other, out=tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_cells_of_one_run_and_combinations_are_combined_again(
    combined: RunFolder, tmp_path: Path
) -> None:
    named = ["loch_ness_depth-alone-s0", "cat+0.7+0.3-s0"]
    result = factlab.combine(combined.path, cells=named, how="cat", out=tmp_path / "run")
    assert [cell.rank for cell in result.cells] == [8, 16, 24]
    assert [cell.learning_rate for cell in result.cells] == [0.05, None, None]
    with pytest.raises(ConfigError, match="6 cells, so say which"):
        factlab.combine(combined.path, combined.path, out=tmp_path / "none")


def test_a_combination_that_blows_up_is_recorded_and_the_others_go_on(
    runs: list[Path], tmp_path: Path
) -> None:
    weights = [(1e30, 1e30), (0.5, 0.5)]
    result = factlab.combine(*runs, how="cat", weights=weights, any_sum=True, out=tmp_path / "run")
    assert result.status == "diverged"
    broken, fine = result.cells[2:]
    assert (broken.status, fine.status) == ("diverged", "complete")
    assert "no finite numbers" in (broken.error or "")
    assert not RunFolder(tmp_path / "run").cell(broken.id).adapter.exists()


def test_several_runs_are_asked_at_once_what_each_is_asked_alone(
    runs: list[Path], combined: RunFolder
) -> None:
    together = ask([*runs, combined.path], QUESTIONS)
    apart_: dict[str, list[str]] = {}
    for run in (*runs, combined.path):
        for item in ask(run, QUESTIONS):
            for cell, text in item["answers"].items():
                apart_.setdefault(f"{run.name}/{cell}", []).append(text)
            assert item["base"] == together[QUESTIONS.index(item["question"])]["base"]
    assert {name: [item["answers"][name] for item in together] for name in apart_} == apart_
    assert len(apart_) == 8
    assert len({tuple(texts) for texts in apart_.values()}) > 1
    assert ask([runs[0], runs[0]], QUESTIONS) == ask(runs[0], QUESTIONS)


def test_more_adapters_than_fit_are_asked_in_groups(
    combined: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ask(combined.path, QUESTIONS)
    monkeypatch.setattr("factlab.workflows.ask.AT_ONCE", 4)
    assert ask(combined.path, QUESTIONS) == whole
