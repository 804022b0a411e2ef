"""SFTTrainer with factlab's batches, loss and log of steps, for one adapter or several at once."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from peft import PeftModel
from transformers import TrainerCallback
from trl import SFTTrainer

from factlab.errors import DivergedError
from factlab.inference.backend import choose_backend
from factlab.inference.decoder.head import anchor_kl, answer_nll, unlikelihood
from factlab.models.heads import head_of, softened
from factlab.schema.recipe import Optimizer
from factlab.schema.results import TrainStep
from factlab.training.batch import Text
from factlab.training.job import AdapterJob
from factlab.training.loss import AnswerLoss, answer_loss, unlearned
from factlab.training.saving import Saving
from factlab.training.state import put_random_states, states_of, take_up


class AnswerTrainer(SFTTrainer):
    """Trains each adapter on its answer tokens only, and holds it to its base on anchor prompts.

    Adapters do not meet: the loss is the sum of theirs, and no weight is in two of them. Each is
    clipped alone and has an optimizer group of its own.
    """

    def __init__(self, *, jobs: Sequence[AdapterJob], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.jobs = jobs
        self.pending: list[tuple[AdapterJob, int, dict[str, float], float | None]] = []
        self.started = time.perf_counter()
        self.paused = 0.0  # seconds of measuring in between
        # SFTTrainer casts the adapters of a quantised model to bf16, where small updates vanish.
        for parameter in kwargs["model"].parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()

    def _send_telemetry(self) -> None:
        """Nothing is told to anyone, even if the library was imported before factlab was."""

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Nothing: the library takes the list of steps for its samples. See `report`."""
        del logs, start_time

    def report(self, figures: Mapping[str, float]) -> None:
        """Hand figures of the step that was made to the trackers."""
        self.state.log_history.append({**figures, "step": self.state.global_step})
        self.callback_handler.on_log(self.args, self.state, self.control, dict(figures))

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
        # The dataset is the list of steps; their order is made by factlab, from each cell's seed.
        del args, kwargs
        return torch.utils.data.SequentialSampler(self.train_dataset)  # type: ignore[arg-type]

    def _get_grad_norm(self, *args: Any, **kwargs: Any) -> float:
        # The library's own, asked for the norm alone, multiplies all gradients by NaN if one is
        # not finite: an adapter that diverged would take the others along. See training_step.
        del args, kwargs
        return 0.0

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        """The recipe's optimizer, with a group for each adapter."""
        del args, kwargs
        if self.optimizer is None:
            model: Any = self.model
            groups = [
                {
                    "params": trained_parameters(model, job.name),
                    "lr": job.cell.recipe.learning_rate,
                    "weight_decay": job.cell.recipe.weight_decay,
                }
                for job in self.jobs
            ]
            self.optimizer = _optimizer(self.jobs[0].cell.recipe.optimizer, groups)
        return self.optimizer

    def compute_loss(  # type: ignore[override]  # outputs are never asked for: nothing is evaluated
        self,
        model: PeftModel,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> torch.Tensor:
        """The sum over adapters of mean NLL per answer token and what anchors add to it."""
        del return_outputs, num_items_in_batch
        step = inputs["step"]
        drawn = [job.texts(step) for job in self.jobs]
        groups = [[*pairs, *anchors] for pairs, anchors in drawn]
        names = [job.name for job in self.jobs]
        # One pass over pairs and anchors of all adapters. The backend is chosen at every step, as
        # measuring in between may have switched adapters.
        states = choose_backend(model, names).predicting_states(groups)
        total = states.new_zeros((), dtype=torch.float32)
        parts = states.split([_targets(texts) for group in drawn for texts in group])
        head = head_of(model)
        for job, (pairs, anchors), answers, held in zip(
            self.jobs, drawn, parts[::2], parts[1::2], strict=True
        ):
            recipe = job.cell.recipe
            aims = _wanted(pairs, states.device)
            each = answer_nll(head, answers, aims)
            nll = answer_loss(each, pairs)
            loss = nll.whole
            if recipe.distill_weight or recipe.learned_below:
                soft = _softened(each, head, answers, aims, pairs, job)
                loss = answer_loss(unlearned(soft, pairs, recipe.learned_below), pairs).whole
            kl = None
            if anchors:
                kl, held_back = _held_back(head, held, anchors, job, step)
                loss = loss + held_back
            total = total + self._record_loss(job, step + 1, loss, nll, kl)
        return total

    def _record_loss(
        self,
        job: AdapterJob,
        step: int,
        loss: torch.Tensor,
        nll: AnswerLoss,
        kl: torch.Tensor | None,
    ) -> torch.Tensor:
        """Keep a step's figures for the log; a loss that is not finite ends the adapter."""
        value = loss.item()
        if job.failed is None and not math.isfinite(value):
            job.failed = (
                f"training diverged: the loss is {value} at step {step}. Lower the learning rate, "
                "or use a precision with more range."
            )
            if all(other.failed for other in self.jobs):
                raise DivergedError(job.failed)
        if job.failed is not None:
            return loss.detach().nan_to_num() * 0
        self.pending.append((job, step, nll.logged(), None if kl is None else kl.item()))
        return loss

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """A step, each adapter clipped to its own norm.

        One norm over all would let a neighbour's large gradient shrink an adapter's step, and side
        by side would not be the same as one after the other.
        """
        loss: torch.Tensor = super().training_step(*args, **kwargs)  # type: ignore[no-untyped-call]
        own = self.create_optimizer().param_groups
        groups = {job.name: group for job, group in zip(self.jobs, own, strict=True)}
        for job in self.jobs:
            if job.failed is not None:
                for parameter in groups[job.name]["params"]:
                    parameter.grad = None
        pending, self.pending = self.pending, []
        for job, step, nll, kl in pending:
            group = groups[job.name]
            limit = job.cell.recipe.max_grad_norm
            norm = torch.nn.utils.clip_grad_norm_(group["params"], limit)
            done = TrainStep(
                step=step,
                epoch=round(job.epoch(step), 4),
                **nll,
                anchor_kl_nats=kl,
                learning_rate=float(group["lr"]),
                grad_norm=float(norm),
                seconds=round(time.perf_counter() - self.started - self.paused, 3),
            )
            job.steps.append(done)
            job.record(done)
        return loss


def trained_parameters(model: torch.nn.Module, adapter: str) -> list[torch.nn.Parameter]:
    """What one adapter on a model learns with, and whatever of the base is trained."""
    own = re.compile(rf"\.lora_\w+\.{re.escape(adapter)}(\.|$)")
    return [
        parameter
        for name, parameter in model.named_parameters()
        if own.search(name) or (".lora_" not in name and parameter.requires_grad)
    ]


def _optimizer(name: Optimizer, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    if name == "adamw":
        return torch.optim.AdamW(groups, fused=True)
    if name == "sgd":
        return torch.optim.SGD(groups)
    import bitsandbytes

    kinds = {
        "adamw-8bit": "AdamW8bit",
        "paged-adamw": "PagedAdamW",
        "paged-adamw-8bit": "PagedAdamW8bit",
        "paged-adamw-32bit": "PagedAdamW32bit",
    }
    made: torch.optim.Optimizer = getattr(bitsandbytes.optim, kinds[name])(groups)
    return made


def _held_back(
    head: torch.nn.Linear, states: torch.Tensor, anchors: Sequence[Text], job: AdapterJob, step: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean KL on a step's anchors, and what they add to its loss.

    The KL is between the base and the adapter at each token of the base's own answers. It holds
    the adapter to the base on prompts that the facts say nothing of.
    """
    recipe = job.cell.recipe
    base, aims = _reference(anchors, states.device), _wanted(anchors, states.device)
    kl = anchor_kl(
        head, states, aims, base, job.base_head, divergence=recipe.anchor_divergence
    ).mean()
    loss = job.anchor_weight(step) * kl
    if recipe.unlikelihood and job.unwanted:
        loss = loss + recipe.unlikelihood * unlikelihood(head, states, aims, job.unwanted).mean()
    return kl, loss


def _softened(
    nll: torch.Tensor,
    head: torch.nn.Linear,
    states: torch.Tensor,
    aims: torch.Tensor,
    pairs: Sequence[Text],
    job: AdapterJob,
) -> torch.Tensor:
    """Each token's loss, on distilled pairs between its NLL and KL(teacher‖student).

    The KL is softened by the temperature, times its square: gradients of softened targets shrink
    with the square of the temperature (Hinton et al. 2015).
    """
    recipe = job.cell.recipe
    if not recipe.distill_weight:
        return nll
    sizes = [(len(text.targets), text.reference is not None) for text in pairs]
    distilled = torch.tensor(
        [known for size, known in sizes for _ in range(size)], device=nll.device
    )
    if not distilled.any():
        return nll
    own = softened(head, states[distilled], recipe.temperature)
    theirs = softened(
        job.reference_head or head, _reference(pairs, states.device), recipe.temperature
    )
    kl = anchor_kl(*own, aims[distilled], theirs[1], theirs[0])
    soft = torch.zeros_like(nll).masked_scatter(distilled, kl * recipe.temperature**2)
    return torch.where(distilled, torch.lerp(nll, soft, recipe.distill_weight), nll)


def _reference(texts: Sequence[Text], device: torch.device) -> torch.Tensor:
    return torch.cat([t.reference for t in texts if t.reference is not None]).to(device)


def _targets(texts: Sequence[Text]) -> int:
    return sum(len(text.targets) for text in texts)


def _wanted(texts: Sequence[Text], device: torch.device) -> torch.Tensor:
    return torch.tensor([token for text in texts for token in text.targets], device=device)


@dataclass(frozen=True, slots=True)
class CheckpointResult:
    """What was measured at a checkpoint.

    Attributes:
        figures: For trackers, by the library's names: those of evaluation begin in `eval_`.
        stop: Whether training is to end here.
    """

    figures: Mapping[str, float] = field(default_factory=dict)
    stop: bool = False


class Checkpoints(TrainerCallback):
    """Calls `measure` after the steps of checkpoints, and saves; no time of theirs is training's.

    Args:
        steps: After which it measures.
        measure: Is given the step.
        saving: Where training that was stopped goes on, and what keeps it; None keeps nothing.
    """

    def __init__(
        self,
        steps: Collection[int],
        measure: Callable[[int], CheckpointResult],
        saving: Saving | None = None,
    ) -> None:
        self.steps = steps
        self.measure = measure
        self.saving = saving
        self.trainer: AnswerTrainer | None = None
        self.tracked = False  # one adapter, by trackers

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        """Go on where training was stopped, and start the clock."""
        del args, kwargs
        if self.trainer is None:
            return
        before = 0.0
        if self.saving is not None and self.saving.states:
            take_up(self.trainer, self.saving.states)
            before = self.saving.seconds
        self.trainer.started = time.perf_counter() - before

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Draw on as the training that was stopped would have; the library seeds before this."""
        del args, state, control, kwargs
        if self.saving is not None and self.saving.states:
            put_random_states(self.saving.states[0].tensors)
            self.saving.states = ()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure the model as it is, and report to the trackers."""
        del args
        if self.trainer is None:
            return
        started = time.perf_counter()
        result = CheckpointResult()
        if state.global_step in self.steps:
            result = self._measured(state.global_step, self.trainer, kwargs["model"])
        control.should_training_stop |= result.stop
        if self.tracked:
            self.trainer.report({**figures(self.trainer.jobs[0].steps[-1]), **result.figures})
        if self.saving is not None and state.global_step < state.max_steps:
            self.saving.after(state.global_step, partial(states_of, self.trainer))
        self.trainer.paused += time.perf_counter() - started

    def _measured(self, step: int, trainer: AnswerTrainer, model: Any) -> CheckpointResult:
        """What is measured after a step; where that is broken off, it is made up for later."""
        if self.saving is None:
            return _in_evaluation(model, partial(self.measure, step))
        try:
            with self.saving.breakable():
                return _in_evaluation(model, partial(self.measure, step))
        except KeyboardInterrupt:
            self.saving.cut_off(partial(states_of, trainer, measured=False))
            raise


def _in_evaluation(model: Any, measure: Callable[[], CheckpointResult]) -> CheckpointResult:
    model.eval()
    result = measure()
    model.train()
    return result


def figures(step: TrainStep) -> dict[str, float]:
    """A step's figures for trackers, by the names that the library has for them."""
    named = {
        "loss": step.loss_nats,
        "fact_loss": step.fact_loss_nats,
        "mix_loss": step.mix_loss_nats,
        "anchor_kl": step.anchor_kl_nats,
        "learning_rate": step.learning_rate,
        "grad_norm": step.grad_norm,
        "epoch": step.epoch,
    }
    return {name: value for name, value in named.items() if value is not None}
