"""What the training of an adapter has come to, so that it goes on later as if it had not stopped.

A state is plain data: tensors by name, and what JSON can hold. Where it is kept is another's
business (`experiment/trial_saving.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from factlab.errors import TrainingError
from factlab.schema.results import TrainStep

if TYPE_CHECKING:
    import torch

    from factlab.training.trainer import AnswerTrainer

_WEIGHT, _OPTIMIZER, _RANDOM = "weight", "optimizer", "random"


@dataclass(frozen=True, slots=True)
class TrainingState:
    """One adapter after a step of its training.

    Attributes:
        step: Optimizer steps done.
        tensors: What it learns with, its optimizer's moments, the states of random generators.
        plain: The rest of its optimizer's state, the anchors that were mined, why it diverged, its
            steps as they were logged.
    """

    step: int
    tensors: Mapping[str, torch.Tensor]
    plain: Mapping[str, Any]


def states_of(trainer: AnswerTrainer, *, measured: bool = True) -> list[TrainingState]:
    """The state of each adapter of a trainer between two steps; of tensors on the CPU no copies.

    Args:
        trainer: Of the adapters.
        measured: Whether what is measured after this step was.
    """
    return [_state(trainer, number, measured=measured) for number in range(len(trainer.jobs))]


def _state(trainer: AnswerTrainer, number: int, *, measured: bool) -> TrainingState:
    job, group = trainer.jobs[number], trainer.create_optimizer().param_groups[number]
    whole = trainer.create_optimizer().state_dict()
    tensors = named_weights(group["params"]) | random_states()
    rest: dict[str, dict[str, Any]] = {}
    for place, index in enumerate(whole["param_groups"][number]["params"]):
        for name, value in whole["state"].get(index, {}).items():
            if hasattr(value, "detach"):
                tensors[f"{_OPTIMIZER}.{place}.{name}"] = value
            else:
                rest.setdefault(str(place), {})[name] = value
    settings = {k: v for k, v in whole["param_groups"][number].items() if k != "params"}
    return TrainingState(
        trainer.state.global_step,
        tensors,
        {
            "optimizer": rest,
            "group": settings,
            "mined": list(job.mined),
            "failed": job.failed,
            "measured": measured,
            "steps": [step.model_dump() for step in job.steps],
        },
    )


def named_weights(parameters: Iterable[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights under the names that a state has for them."""
    return {f"{_WEIGHT}.{place}": one.data for place, one in enumerate(parameters)}


def put_weights(parameters: Sequence[torch.Tensor], tensors: Mapping[str, torch.Tensor]) -> None:
    """Put a state's weights back, in the type that they had.

    Raises:
        TrainingError: if they are of another model or adapter.
    """
    held = [name for name in tensors if name.startswith(f"{_WEIGHT}.")]
    fits = len(held) == len(parameters) and all(
        tensors[f"{_WEIGHT}.{place}"].shape == one.shape for place, one in enumerate(parameters)
    )
    if not fits:
        raise TrainingError(
            "the training that was kept is of an adapter with other layers or of another rank. "
            "Begin a new run."
        )
    for place, one in enumerate(parameters):
        kept = tensors[f"{_WEIGHT}.{place}"]
        if kept.dtype == one.dtype:
            one.data.copy_(kept)
        else:
            one.data = kept.to(one.device)


def take_up(trainer: AnswerTrainer, states: Sequence[TrainingState]) -> None:
    """Put a trainer that is about to take its first step where its states were captured.

    Args:
        trainer: With optimizer and schedule; its steps are those that are left.
        states: Of its jobs, in their order, after the same step.
    """
    step = states[0].step
    optimizer = trainer.create_optimizer()
    whole = optimizer.state_dict()
    for state, job, own, group in zip(
        states, trainer.jobs, optimizer.param_groups, whole["param_groups"], strict=True
    ):
        put_weights(own["params"], state.tensors)
        group.update(state.plain["group"])
        for place, index in enumerate(group["params"]):
            if moments := _moments(state, place):
                whole["state"][index] = moments
        job.mined = tuple(state.plain["mined"]) if state.plain["measured"] else job.mined
        job.failed = state.plain["failed"]
        job.steps = [TrainStep.model_validate(one) for one in state.plain["steps"]]
    optimizer.load_state_dict(whole)
    _move_schedule(trainer, step)
    trainer.state.global_step = step


def _moments(state: TrainingState, place: int) -> dict[str, Any]:
    begin = f"{_OPTIMIZER}.{place}."
    found = {k.removeprefix(begin): v for k, v in state.tensors.items() if k.startswith(begin)}
    return found | dict(state.plain["optimizer"].get(str(place), {}))


def _move_schedule(trainer: AnswerTrainer, step: int) -> None:
    wrapped: Any = trainer.lr_scheduler
    schedule = getattr(wrapped, "scheduler", wrapped)
    rates = [group["lr"] for group in trainer.create_optimizer().param_groups]
    moved = {"last_epoch": step, "_step_count": step + 1, "_last_lr": rates}
    schedule.load_state_dict(schedule.state_dict() | moved)


def random_states() -> dict[str, torch.Tensor]:
    """The states of torch's generators, from which dropout draws."""
    import torch

    found = {f"{_RANDOM}.cpu": torch.get_rng_state()}
    for number in range(torch.cuda.device_count() if torch.cuda.is_initialized() else 0):
        found[f"{_RANDOM}.cuda.{number}"] = torch.cuda.get_rng_state(number)
    return found


def put_random_states(tensors: Mapping[str, torch.Tensor]) -> None:
    """Set torch's generators to what was captured."""
    import torch

    torch.set_rng_state(tensors[f"{_RANDOM}.cpu"])
    for number in range(torch.cuda.device_count() if torch.cuda.is_initialized() else 0):
        if (held := tensors.get(f"{_RANDOM}.cuda.{number}")) is not None:
            torch.cuda.set_rng_state(held, number)
