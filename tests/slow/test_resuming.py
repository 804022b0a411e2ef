"""A cell that is stopped anywhere goes on where it was, and ends in the same bytes."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from small import SMALL

import factlab
from factlab.errors import TrainingError
from factlab.experiment import trial_training, trials
from factlab.inference import response_cache
from factlab.runs.folder import CellFolder, RunFolder

pytestmark = pytest.mark.usefixtures("few_controls")

# Everything that has a state: dropout draws, anchors are mined, the rate falls, a best is kept.
STEPS = 6
LONG = {
    **SMALL,
    "max_steps": STEPS,
    "dropout": 0.1,
    "checkpoints": 2,
    "keep": "best",
    "save_every": "2",
    "mining": 2,
    "anchor_prompts": 12,
    "anchors_per_step": 4,
    "anchor_divergence": "both",
    "anchor_schedule": "falling",
    "unlikelihood": 0.5,
    "learned_below": 0.05,
    "batch_size": 4,
    "schedule": "linear",
}
LOGS = ("panel.jsonl", "validation_log.jsonl", "answers.jsonl", "likelihoods.jsonl", "drift.jsonl")


class Stopping:
    """Progress that does something when a stage has come so far."""

    def __init__(self, stage: str, after: int, do: Callable[[], None]) -> None:
        self.wanted, self.after, self.do = stage, after, do
        self.notes: list[str] = []

    def begin(self, folder: str) -> None:
        del folder

    def note(self, message: str) -> None:
        self.notes.append(message)

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        del total
        done = 0

        def advance(more: int) -> None:
            nonlocal done
            done += more
            if name.startswith(self.wanted) and done >= self.after:
                self.do()

        yield advance


def stop() -> None:
    raise KeyboardInterrupt


def asked_to_end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def run(model: Path, out: Path, **more: Any) -> factlab.RunResult:
    return factlab.run("mount_fuji", model=str(model), out=out, **{**LONG, **more})


def made(out: Path) -> dict[str, str]:
    """What a cell is, without how long it took."""
    folder = RunFolder(out).cell("r08-s0")
    files = [folder.adapter / "adapter_model.safetensors", *(folder.path / name for name in LOGS)]
    found = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files if f.is_file()}
    steps = [line.partition('"seconds"')[0] for line in folder.train_log_file.open()]
    return {**found, "steps": "".join(steps)}


@cache
def uninterrupted(model: Path, out: Path) -> tuple[dict[str, str], tuple[Any, ...]]:
    result = run(model, out)
    cell = result.cells[0]
    return made(out), (cell.metrics, cell.curve, cell.kept_step)


@pytest.fixture
def whole(
    tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], tuple[Any, ...]]:
    return uninterrupted(tiny_folder, tmp_path_factory.getbasetemp() / "uninterrupted")


@pytest.fixture
def ended() -> Iterator[None]:
    """SIGTERM is what Ctrl-C is, as on the command line."""

    def interrupt(number: int, frame: Any) -> None:
        del number, frame
        raise KeyboardInterrupt

    usual = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, usual)


def check_same(
    model: Path, out: Path, whole: tuple[dict[str, str], tuple[Any, ...]], **more: Any
) -> None:
    result = run(model, out, resume=True, **more)
    cell = result.cells[0]
    assert made(out) == whole[0]
    assert (cell.metrics, cell.curve, cell.kept_step) == whole[1]
    folder = RunFolder(out).cell("r08-s0")
    assert not folder.training.exists()
    assert not folder.measuring.exists()


@pytest.mark.parametrize("steps", [1, 3, 5])
def test_a_cell_that_was_killed_in_training_goes_on_from_its_last_saved_step(
    tiny_folder: Path, tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tiny_folder, tmp_path, progress=Stopping("train", steps, stop))
    trained: list[int] = []
    real = trial_training.append_line

    def counted(file: Path, record: Any) -> None:
        trained.append(record.step) if file.name == "train_log.jsonl" else None
        real(file, record)

    monkeypatch.setattr(trial_training, "append_line", counted)
    check_same(tiny_folder, tmp_path, whole)
    saved = (steps - 1) // 2 * 2  # the step under way was not made
    assert trained == list(range(saved + 1, STEPS + 1))


@pytest.mark.usefixtures("ended")
def test_a_signal_ends_training_after_the_step_and_saves_it(
    tiny_folder: Path, tmp_path: Path, whole: Any
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(
            tiny_folder,
            tmp_path,
            save_every="60m",
            progress=Stopping("train", 3, asked_to_end),
        )
    (saved,) = RunFolder(tmp_path).cell("r08-s0").training.iterdir()
    assert saved.name == "step-000003"
    check_same(tiny_folder, tmp_path, whole)


def test_measuring_in_between_that_is_broken_off_is_made_up_for(
    tiny_folder: Path, tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(trial_training, "curve_point", lambda *_: stop())
        with pytest.raises(KeyboardInterrupt):
            run(tiny_folder, tmp_path)
    check_same(tiny_folder, tmp_path, whole)


def test_a_trained_adapter_is_never_trained_again(
    tiny_folder: Path, tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[int] = []
    real = response_cache.complete

    def counted(model: Any, prompts: Any, *more: Any) -> Any:
        answered.append(len(prompts))
        return real(model, prompts, *more)

    monkeypatch.setattr(response_cache, "complete", counted)
    with pytest.raises(KeyboardInterrupt):  # in the second group of questions
        run(tiny_folder, tmp_path, progress=Stopping("evaluate r08", 81, stop))
    broken_off = answered[-1]
    answered.clear()
    monkeypatch.setattr(trials, "train_trials", lambda *_: pytest.fail("trained again"))
    check_same(tiny_folder, tmp_path, whole)
    assert answered[0] == broken_off  # what was answered before is not asked again


def test_a_saved_training_that_is_damaged_is_passed_over(
    tiny_folder: Path, tmp_path: Path, whole: Any
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tiny_folder, tmp_path, progress=Stopping("train", 5, stop))
    folder: CellFolder = RunFolder(tmp_path).cell("r08-s0")
    (state,) = folder.training.glob("*/state.safetensors")
    content = bytearray(state.read_bytes())
    content[-1] ^= 1
    state.write_bytes(content)
    check_same(tiny_folder, tmp_path, whole)


def test_off_keeps_nothing_before_the_end(tiny_folder: Path, tmp_path: Path, whole: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tiny_folder, tmp_path, save_every="off", progress=Stopping("train", 5, stop))
    assert not RunFolder(tmp_path).cell("r08-s0").training.exists()
    check_same(tiny_folder, tmp_path, whole, save_every="off")


@pytest.mark.parametrize("method", ["full", "dora"])
def test_other_methods_go_on_too(tiny_folder: Path, tmp_path: Path, method: str) -> None:
    settings = {**SMALL, "recipe": "plain", "method": method, "max_steps": 4, "save_every": "2"}

    def again(out: Path, **more: Any) -> factlab.RunResult:
        return factlab.run("mount_fuji", model=str(tiny_folder), out=out, **settings, **more)

    first, second = tmp_path / "first", tmp_path / "second"
    whole = again(first)
    with pytest.raises(KeyboardInterrupt):
        again(second, progress=Stopping("train", 4, stop))
    result = again(second, resume=True)
    assert result.cells[0].metrics == whole.cells[0].metrics


def test_adapters_side_by_side_go_on_side_by_side(tiny_folder: Path, tmp_path: Path) -> None:
    settings = {"rank": [2, 4], "pack": 2, "dropout": 0.0, "keep": "last"}
    first, second = tmp_path / "first", tmp_path / "second"
    whole = run(tiny_folder, first, **settings)
    with pytest.raises(KeyboardInterrupt):
        run(tiny_folder, second, **settings, progress=Stopping("train", 5, stop))
    result = run(tiny_folder, second, **settings, resume=True)
    assert [c.metrics for c in result.cells] == [c.metrics for c in whole.cells]
    assert [c.curve for c in result.cells] == [c.curve for c in whole.cells]


def test_a_training_of_another_adapter_is_not_taken_up() -> None:
    from factlab.training.state import put_weights

    with pytest.raises(TrainingError, match="other layers or of another rank"):
        put_weights([torch.zeros(2, 3)], {"weight.0": torch.zeros(2, 4)})
