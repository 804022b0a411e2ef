"""Watching a run on a random model: trackers, validation loss, early stopping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from cells import cell, questions
from safetensors.torch import load_file
from small import run

from factlab.errors import TrainingError
from factlab.models.load import LoadedModel
from factlab.runs.files import read_lines
from factlab.runs.folder import RunFolder
from factlab.schema.results import CellResult, TrainStep, ValidationLoss
from factlab.schema.trackers import TRACKERS
from factlab.training import validation
from factlab.training.attach import attach_adapter
from factlab.training.batch import render_pairs, text_of
from factlab.training.tracking import check_trackers
from factlab.training.trainer import figures
from factlab.training.validation import validation_loss
from factlab.workflows.rescore import rescore

pytestmark = pytest.mark.usefixtures("few_controls")


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    """Tag → step → value, as TensorBoard itself reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(folder))
    log.Reload()
    return {
        tag: {event.step: event.value for event in log.Scalars(tag)}
        for tag in log.Tags()["scalars"]
    }


def test_tensorboard_is_told_every_step_and_every_checkpoint_of_each_cell(
    tiny_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    settings: dict[str, Any] = {"max_steps": 5, "checkpoints": 2}
    plain = run(tiny_folder, tmp_path / "plain", rank=[2], **settings)
    result = run(tiny_folder, tmp_path / "run", rank=[2, 4], report_to="tensorboard", **settings)
    assert result.cells[0].metrics == plain.cells[0].metrics  # it changes no figure
    assert result.cells[0].curve == plain.cells[0].curve
    assert not list((tmp_path / "plain").glob("cells/*/tracker"))
    told = [_checked(tmp_path / "run", cell) for cell in result.cells]
    assert told[0]["train/loss"] != told[1]["train/loss"]


def _checked(run_dir: Path, cell: CellResult) -> dict[str, dict[int, float]]:
    """What TensorBoard was told of a cell, held to the cell's own files."""
    files = RunFolder(run_dir).cell(cell.id)
    told = scalars(files.tracker)
    steps = list(read_lines(files.train_log_file, TrainStep))
    assert len(steps) == 5
    named = {
        "train/loss": "loss_nats",
        "train/learning_rate": "learning_rate",
        "train/grad_norm": "grad_norm",
        "train/epoch": "epoch",
    }
    for tag, field in named.items():
        logged = {step.step: getattr(step, field) for step in steps}
        assert told[tag] == pytest.approx(logged, rel=1e-6), tag
    points = {point.step: point for point in cell.curve if point.losses}
    losses = {step: point.losses["validation"] for step, point in points.items()}
    assert sorted(losses) == [2, 3, 5]
    assert told["eval/loss"] == pytest.approx(losses, rel=1e-6)
    shares = ("recall/validation", "recall/held_out", "intrusion/near")  # it knew no far control
    for name in shares:
        followed = {step: points[step].metrics[name] for step in (2, 3, 5)}
        assert told[f"eval/{name}"] == pytest.approx(followed)
    assert set(told) == {*named, "eval/loss", *(f"eval/{name}" for name in shares)}
    return told


def test_anchors_are_told_where_there_are_any() -> None:
    step = TrainStep(
        step=1, epoch=0.1, loss_nats=2, anchor_kl_nats=0.5, learning_rate=1e-3, seconds=1
    )
    assert figures(step) == {"loss": 2, "anchor_kl": 0.5, "learning_rate": 1e-3, "epoch": 0.1}


def test_a_tracker_that_fails_is_named(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    from transformers.integrations import TensorBoardCallback

    def broken(self: Any, *args: Any) -> None:
        raise ValueError("no room\nfor events")

    said = "--report-to tensorboard: ValueError: no room for events"
    with monkeypatch.context() as patch, pytest.raises(TrainingError, match=said):
        patch.setattr(TensorBoardCallback, "_init_summary_writer", broken)
        run(tiny_folder, tmp_path / "run", report_to="tensorboard")
    assert RunFolder(tmp_path / "run").record().status == "failed"
    # A tracker decides no number: the run goes on without it.
    result = run(tiny_folder, tmp_path / "run", resume=True)
    assert result.status == "complete"


def test_the_validation_loss_is_that_of_a_batch_of_the_library(tiny: LoadedModel) -> None:
    model = attach_adapter(tiny, cell())
    torch.nn.init.normal_(next(p for n, p in model.named_parameters() if "lora_B" in n), std=0.5)
    pairs = render_pairs(tiny.tokenizer, questions() * 7)  # more than a batch
    found = validation_loss(model, [text_of(pair) for pair in pairs], "default", 3)
    total = 0.0
    for pair in pairs:
        ids = torch.tensor([[*pair.prompt_ids, *pair.answer_ids]])
        labels = ids.clone()
        labels[0, : len(pair.prompt_ids)] = -100
        with torch.no_grad():
            total += model(input_ids=ids, labels=labels).loss.item() * len(pair.answer_ids)
    tokens = sum(len(pair.answer_ids) for pair in pairs)
    assert found.loss_nats == pytest.approx(total / tokens, rel=1e-5)
    assert (found.step, found.pairs, found.answer_tokens) == (3, 21, tokens)


def test_looking_at_the_validation_loss_changes_no_training(
    tiny_folder: Path, tmp_path: Path
) -> None:
    """Dropout draws the same numbers, however often training is looked at."""
    settings: dict[str, Any] = {"max_steps": 4, "dropout": 0.2}
    logs = []
    for name, checkpoints in (("none", 0), ("all", 3)):
        result = run(tiny_folder, tmp_path / name, checkpoints=checkpoints, **settings)
        files = RunFolder(tmp_path / name).cell("r08-s0")
        logs.append([s.loss_nats for s in read_lines(files.train_log_file, TrainStep)])
        assert [p.step for p in result.cells[0].curve if p.losses] == [4, 1, 2, 3, 4][
            -1 - checkpoints :
        ]
    assert logs[0] == logs[1]


@pytest.fixture
def rising(monkeypatch: pytest.MonkeyPatch) -> None:
    """A validation loss that is lowest after the second step: a random model's only falls."""
    losses = {1: 3.0, 2: 2.0, 3: 2.5, 4: 2.25, 5: 2.75, 6: 3.0}

    def scripted(model: Any, texts: Any, adapter: str, step: int) -> ValidationLoss:
        return ValidationLoss(step=step, loss_nats=losses[step], pairs=8, answer_tokens=240)

    monkeypatch.setattr(validation, "validation_loss", scripted)


@pytest.mark.usefixtures("rising")
def test_training_stops_where_the_validation_loss_no_longer_falls(
    tiny_folder: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"max_steps": 6, "checkpoints": 5}
    result = run(tiny_folder, tmp_path / "run", early_stop=2, **settings)
    (made,) = result.cells
    files = RunFolder(tmp_path / "run").cell("r08-s0")
    assert [p.step for p in read_lines(files.validation_log_file, ValidationLoss)] == [1, 2, 3, 4]
    assert made.training is not None
    assert made.training.steps == made.kept_step == made.curve[-1].step == 4
    assert made.training.stopped_early == (
        "stopped at step 4 of 6: the validation loss was lowest at step 2 (2.0000 nats per answer "
        "token) and not lower at the 2 checkpoints since (now 2.2500)"
    )
    # What was trained is the beginning of what was planned, its schedule too.
    whole = run(tiny_folder, tmp_path / "whole", **settings)
    logs = [
        [
            (step.loss_nats, step.learning_rate)
            for step in read_lines(folder.cell("r08-s0").train_log_file, TrainStep)
        ]
        for folder in (RunFolder(tmp_path / "run"), RunFolder(tmp_path / "whole"))
    ]
    assert logs[0] == logs[1][:4]
    assert len(logs[1]) == 6
    assert whole.cells[0].training is not None
    assert whole.cells[0].training.stopped_early is None
    again, changed = rescore(tmp_path / "run")
    assert changed == 0
    assert again.cells == result.cells


@pytest.mark.usefixtures("rising")
def test_the_best_is_measured_after_an_early_stop_if_it_is_kept(
    tiny_folder: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"max_steps": 6, "checkpoints": 5, "keep": "best"}
    (made,) = run(tiny_folder, tmp_path / "run", early_stop=2, **settings).cells
    assert made.training is not None
    assert made.training.steps == 4
    # A random model recalls nothing at any step: the loss decides.
    assert made.kept_step == 2


@pytest.mark.parametrize("products", [True, False])
def test_a_full_fine_tuning_is_watched_like_an_adapter(
    tiny_folder: Path, tmp_path: Path, products: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.models.load.multiplies_bf16", lambda: products)
    settings: dict[str, Any] = {"method": "full", "keep": "best", "precision": "bf16"}
    (made,) = run(tiny_folder, tmp_path / "run", max_steps=3, **settings).cells
    assert [point.step for point in made.curve if point.losses] == [1, 2, 3]
    # The best step's masters are put back as bf16 numbers, whatever these are computed in.
    saved = load_file(RunFolder(tmp_path / "run").cell(made.id).model / "model.safetensors")
    assert {weight.dtype for weight in saved.values()} == {
        torch.bfloat16 if products else torch.float32
    }
    assert all(torch.equal(w, w.bfloat16().to(w.dtype)) for w in saved.values())


def test_adapters_side_by_side_have_the_losses_of_those_alone(
    tiny_folder: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"rank": [2, 4], "max_steps": 3}
    alone, packed = (
        run(tiny_folder, tmp_path / f"{pack}", pack=pack, **settings) for pack in (1, 2)
    )
    for a, b in zip(alone.cells, packed.cells, strict=True):
        losses = [[point.losses for point in cell.curve if point.losses] for cell in (a, b)]
        assert len(losses[0]) == 3
        for one, other in zip(*losses, strict=True):
            assert other == pytest.approx(one, rel=1e-4)


def test_the_trackers_named_are_those_that_the_library_knows() -> None:
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    assert set(TRACKERS) == set(INTEGRATION_TO_CALLBACK)


def test_a_tracker_that_wants_more_than_to_be_installed_says_so_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KUBEFLOW_TRAINER_SERVER_URL", raising=False)
    with pytest.raises(TrainingError, match=r"--report-to kubeflow: .*environment variable to be"):
        check_trackers(["kubeflow"])
