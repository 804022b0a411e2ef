"""What is kept of a trial that is under way: its training, so that a stopped run loses little.

A state is a folder `training/step-000040/` of the cell, written beside its place and renamed. The
newest whole one is taken up, and all go once the cell is finished.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import RunFolderError
from factlab.experiment.trial import Trial
from factlab.reading.records import sha256_of
from factlab.record import Record
from factlab.runs.files import folder_being_written, read_json, read_lines, write_json, write_text
from factlab.runs.folder import CellFolder
from factlab.schema.config import Cell
from factlab.schema.question import PanelAnswer
from factlab.schema.results import CurvePoint, TrainingRecord, TrainStep, ValidationLoss
from factlab.schema.words import save_interval

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel

    from factlab.training.saving import Saving, Stop
    from factlab.training.state import TrainingState
    from factlab.training.train import Trained

TENSORS, RECORD = "state.safetensors", "state.json"
_BEST = "best."


class SavedTraining(Record):
    """What `state.json` says of a saved training; its tensors are beside it.

    Attributes:
        step: Optimizer steps done.
        sha256: Of the file of tensors.
        plain: The state of the optimizer and of the batches, as far as it is no tensor.
        points: The panel so far.
        losses: The validation loss so far.
        stopped: Why training ended early, if it did.
        best_step: The best step on the panel, if the best is kept.
        finished: What the training took, if it is over.
    """

    step: int
    sha256: str
    plain: dict[str, Any]
    points: tuple[CurvePoint, ...] = ()
    losses: tuple[ValidationLoss, ...] = ()
    stopped: str | None = None
    best_step: int | None = None
    finished: TrainingRecord | None = None


@dataclass(frozen=True, slots=True)
class KeptTraining:
    """A saved training on disk."""

    folder: Path
    record: SavedTraining

    @property
    def stage(self) -> tuple[int, bool]:
        """How far it has come: its step, and whether it is over."""
        return self.record.step, self.record.finished is not None

    def best(self) -> dict[str, torch.Tensor]:
        """The weights that were best on the panel, if they are kept."""
        return {name.removeprefix(_BEST): value for name, value in self._tensors(best=True).items()}

    def state(self) -> TrainingState:
        """The training that it holds, read now."""
        from factlab.training.state import TrainingState

        return TrainingState(self.record.step, self._tensors(best=False), self.record.plain)

    def _tensors(self, *, best: bool) -> dict[str, torch.Tensor]:
        from safetensors import safe_open

        with safe_open(self.folder / TENSORS, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(_BEST) is best]  # noqa: SIM118
            return {name: file.get_tensor(name) for name in names}


def kept_training(folder: CellFolder) -> KeptTraining | None:
    """The newest saved training of a cell that is whole; one that is damaged is passed over."""
    for place in sorted(folder.training.glob("step-*"), reverse=True):
        try:
            record = read_json(place / RECORD, SavedTraining)
            whole = sha256_of(place / TENSORS) == record.sha256
        except (OSError, RunFolderError):
            continue
        if whole:
            return KeptTraining(place, record)
    return None


def begin_trial(trial: Trial) -> None:
    """Put a trial where its training was stopped, its logs likewise; or at its beginning."""
    folder = trial.folder
    trial.kept = kept_training(folder)
    if trial.kept is None:
        drop_training(folder)
        for file in (folder.train_log_file, folder.panel_file, folder.validation_log_file):
            file.unlink(missing_ok=True)
        shutil.rmtree(folder.tracker, ignore_errors=True)
        return
    record = trial.kept.record
    measured = _measured_step(record.step, record.plain)
    _cut(folder.train_log_file, TrainStep, record.step)
    _cut(folder.panel_file, PanelAnswer, measured)
    _cut(folder.validation_log_file, ValidationLoss, measured)
    trial.points, trial.losses = list(record.points), list(record.losses)
    trial.stopped = record.stopped
    if record.best_step is not None:
        trial.best = record.best_step, trial.kept.best()


def _measured_step(step: int, plain: Mapping[str, Any]) -> int:
    """The last step of which all is known that is measured in between."""
    return step if plain.get("measured", True) else step - 1


def _cut(file: Path, kind: type[TrainStep | PanelAnswer | ValidationLoss], step: int) -> None:
    """Remove from a log what came after a step: it will be made again."""
    if file.is_file():
        kept = [line for line in read_lines(file, kind) if line.step <= step]
        write_text(file, "".join(line.model_dump_json() + "\n" for line in kept))


def saving_of(trials: Sequence[Trial], save_every: str, ending: Stop | None) -> Saving:
    """When trials that are trained side by side are saved, and where they go on.

    Args:
        trials: After `begin_trial`.
        save_every: The setting.
        ending: Whether the process is to end; None: nothing is saved then.
    """
    from factlab.training.saving import Saving

    minutes, steps = save_interval(save_every)
    kept = [trial.kept.state() for trial in trials if trial.kept is not None]
    return Saving(partial(_save_all, trials), minutes, steps, ending, kept)


def _save_all(trials: Sequence[Trial], states: Sequence[TrainingState]) -> None:
    for trial, state in zip(trials, states, strict=True):
        _save(trial, state)


def save_trained(trial: Trial, model: PreTrainedModel | PeftModel, trained: Trained) -> None:
    """Keep what training has made, before it is measured: it is never trained again."""
    from factlab.training.attach import enable_gradients
    from factlab.training.state import TrainingState, named_weights
    from factlab.training.trainer import trained_parameters

    enable_gradients(model)
    weights = named_weights(trained_parameters(model, trial.name))
    _save(trial, TrainingState(trained.record.steps, weights, {}), trained.record)


def take_trained(trial: Trial, model: PreTrainedModel | PeftModel) -> TrainingRecord:
    """Put on a model what an earlier process trained, and give what that took."""
    from factlab.training.attach import enable_gradients
    from factlab.training.state import put_weights
    from factlab.training.trainer import trained_parameters

    assert trial.kept is not None
    assert trial.kept.record.finished is not None
    enable_gradients(model)
    put_weights(trained_parameters(model, trial.name), trial.kept.state().tensors)
    return trial.kept.record.finished


def _save(trial: Trial, state: TrainingState, finished: TrainingRecord | None = None) -> None:
    from safetensors.torch import save_file

    kept = trial.folder.training
    place = kept / f"step-{state.step:06d}{'-trained' if finished else ''}"
    if place.is_dir():
        shutil.rmtree(place)
    measured = _measured_step(state.step, state.plain)
    tensors = dict(state.tensors)
    if trial.best is not None:
        tensors |= {f"{_BEST}{name}": value for name, value in trial.best[1].items()}
    with folder_being_written(place) as draft:
        save_file(_apart(tensors), draft / TENSORS)
        record = SavedTraining(
            step=state.step,
            sha256=sha256_of(draft / TENSORS),
            plain=dict(state.plain),
            points=tuple(point for point in trial.points if point.step <= measured),
            losses=tuple(loss for loss in trial.losses if loss.step <= measured),
            stopped=trial.stopped,
            best_step=trial.best[0] if trial.best else None,
            finished=finished,
        )
        write_json(draft / RECORD, record)
    trial.kept = KeptTraining(place, record)
    for older in kept.iterdir():
        if older != place:
            shutil.rmtree(older, ignore_errors=True)


def _apart(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors of which no two share memory, as a file of them must have it."""
    found: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, value in tensors.items():
        own = value.detach().cpu().contiguous()
        place = own.untyped_storage().data_ptr()
        found[name] = own.clone() if place in seen else own
        seen.add(place)
    return found


def drop_training(folder: CellFolder) -> None:
    """Remove what was kept of a cell that is finished, or begins anew."""
    for path in (folder.training, folder.measuring):
        shutil.rmtree(path, ignore_errors=True)


def stage_of(cell: Cell, folder: CellFolder) -> tuple[int, bool]:
    """How far the training of a cell had come: cells that are trained side by side are alike."""
    kept = kept_training(folder) if cell.is_trained else None
    return kept.stage if kept else (0, False)
