"""Trains adapters on the loaded base model, side by side, by the training library's own loop.

The library sees a dataset of step numbers: texts of different adapters and lengths make up a step,
and `trainer.AnswerTrainer` draws, computes and clips them.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from factlab.errors import TrainingError
from factlab.models.load import LoadedModel
from factlab.models.process_memory import PeakMemory
from factlab.schema.config import QUANTISED, Cell
from factlab.schema.question import Question
from factlab.schema.results import TrainingRecord, TrainStep
from factlab.training.attach import enable_gradients
from factlab.training.batch import Text
from factlab.training.job import AdapterJob
from factlab.training.saving import Saving
from factlab.training.steps import LAST_STEPS

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from factlab.training.tracking import Tracking
    from factlab.training.trainer import CheckpointResult, Checkpoints


def check_training(cell: Cell, devices: str) -> None:
    """Refuse what this machine cannot train, before anything is read.

    Raises:
        TrainingError: with what to use instead.
    """
    import torch

    recipe = cell.recipe
    if not torch.cuda.is_available() or devices == "cpu":
        if recipe.optimizer not in ("adamw", "sgd"):
            raise TrainingError(
                f"--optimizer {recipe.optimizer} needs a CUDA device: bitsandbytes has no such "
                "optimizer for a CPU. Use adamw or sgd."
            )
    elif recipe.init == "orthogonal" and cell.precision in QUANTISED:
        raise TrainingError(
            f"--init orthogonal --precision {cell.precision}: PEFT makes this initialisation in "
            "the type of the base's weights, which are packed on a GPU. Use --precision bf16, or "
            "remove --init."
        )


@dataclass(frozen=True, slots=True)
class Trained:
    """What training an adapter took, or why it diverged."""

    record: TrainingRecord
    failed: str | None = None


def train(
    model: PreTrainedModel | PeftModel,
    loaded: LoadedModel,
    cell: Cell,
    questions: Sequence[Question],
    *,
    anchors: Sequence[Text] = (),
    max_steps: int | None = None,
    record: Callable[[TrainStep], None] = lambda _: None,
) -> TrainingRecord:
    """Train the one adapter on `model`; see `train_together`.

    Raises:
        DivergedError: if the loss stops being finite.
        TrainingError: if there is nothing to train on.
    """
    job = AdapterJob(cell, questions, anchors, record)
    (trained,) = train_together(model, loaded, [job], max_steps=max_steps)
    return trained.record


def train_together(
    model: PreTrainedModel | PeftModel,
    loaded: LoadedModel,
    jobs: Sequence[AdapterJob],
    *,
    max_steps: int | None = None,
    checkpoints: Collection[int] = (),
    measure: Callable[[int], CheckpointResult] | None = None,
    checkpointing: bool = False,
    tracking: Tracking | None = None,
    saving: Saving | None = None,
) -> list[Trained]:
    """Train adapters on `model` in place, side by side, and leave it in evaluation mode.

    Args:
        model: The base with fresh adapters, see `attach_adapters`; or the base itself, all of
            whose weights are then trained, in fp32.
        loaded: The base it stands on, for its tokenizer and device.
        jobs: What each adapter is trained on. Their steps are equally many, and their recipes
            differ in nothing but the learning rate; all have anchors, or none.
        max_steps: Stop after this many steps; 0 leaves the adapters as initialised.
        checkpoints: Steps after which `measure` is called with the step, the model in evaluation
            mode; the time that it takes is not counted as training.
        measure: See `checkpoints`; it may end the training.
        checkpointing: Compute activations again in the backward pass, for less memory; by the
            library's own forward pass.
        tracking: Where the figures of every step go, of one adapter trained alone.
        saving: Keeps the training as it goes on, and begins it where it was stopped.

    Returns:
        What it took, in the order of the jobs. Each has an equal share of the group's
        seconds.

    Raises:
        DivergedError: if the loss of every adapter stops being finite.
        TrainingError: if there is nothing to train on.
    """
    from peft import PeftModel

    from factlab.training.library_state import round_as_before
    from factlab.training.trainer import Checkpoints

    _check_jobs(jobs, tracking)
    steps, *_ = [job.prepare(loaded.tokenizer, max_steps) for job in jobs]
    pause = Checkpoints(checkpoints, partial(_measure_and_resume, model, measure), saving)
    dtype, peak = model.dtype, PeakMemory(loaded.device.type)
    seconds = 0.0
    if steps and not _made_up(model, jobs, pause):
        seconds = _fit(
            model, loaded, jobs, steps, pause, checkpointing=checkpointing, tracking=tracking
        )
    peak_bytes = peak.held_bytes()
    model.eval()
    if not isinstance(model, PeftModel):
        round_as_before(model, dtype, loaded.rounded or dtype)
    share = seconds / len(jobs)
    return [
        Trained(_training_record(model, job, share, len(jobs), peak_bytes), job.failed)
        for job in jobs
    ]


def _made_up(
    model: PreTrainedModel | PeftModel, jobs: Sequence[AdapterJob], pause: Checkpoints
) -> bool:
    """Measure what was broken off where training was stopped; gives whether it ends there."""
    from factlab.training.state import put_weights
    from factlab.training.trainer import trained_parameters

    states = pause.saving.states if pause.saving else ()
    if not states or states[0].plain["measured"]:
        return False
    enable_gradients(model)
    for job, state in zip(jobs, states, strict=True):
        put_weights(trained_parameters(model, job.name), state.tensors)
    model.eval()
    return pause.measure(states[0].step).stop


def _measure_and_resume(
    model: PreTrainedModel | PeftModel,
    measure: Callable[[int], CheckpointResult] | None,
    step: int,
) -> CheckpointResult:
    from factlab.training.trainer import CheckpointResult

    result = measure(step) if measure else CheckpointResult()
    # Measuring one adapter makes it the active one, and PEFT freezes the others.
    enable_gradients(model)
    return result


def _check_jobs(jobs: Sequence[AdapterJob], tracking: Tracking | None) -> None:
    if tracking and len(jobs) > 1:
        raise TrainingError("a tracker logs one adapter at a time; use --pack 1.")
    if len({bool(job.anchors) for job in jobs}) > 1:
        raise TrainingError("adapters with anchors and without cannot be trained side by side.")


def _fit(
    model: PreTrainedModel | PeftModel,
    loaded: LoadedModel,
    jobs: Sequence[AdapterJob],
    steps: int,
    pause: Checkpoints,
    *,
    checkpointing: bool,
    tracking: Tracking | None,
) -> float:
    """Train, and give the seconds that it took without those of measuring in between."""
    from datasets import Dataset

    from factlab.inference.backend import choose_backend
    from factlab.training.library_state import checkpointing_on, eager_attention, own_forward
    from factlab.training.tracking import guard, own_run
    from factlab.training.trainer import AnswerTrainer

    on_cpu = loaded.device.type == "cpu"
    done = pause.saving.done if pause.saving else 0
    enable_gradients(model)
    model.train()
    # The library's forward pass alone computes blocks again.
    packed = not checkpointing and choose_backend(model, [job.name for job in jobs]).packed
    started = time.perf_counter()
    with (
        checkpointing_on(model, on_cpu=on_cpu) if checkpointing else nullcontext(),
        tempfile.TemporaryDirectory(prefix="factlab-train-") as scratch,
        own_forward(model),
        eager_attention(model) if on_cpu and not packed else nullcontext(),
        own_run(tracking.trackers if tracking else ()),
    ):
        trainer = AnswerTrainer(
            jobs=jobs,
            model=model,
            args=_settings(loaded, jobs[0].cell, steps, scratch, tracking),
            train_dataset=Dataset.from_list([{"step": step} for step in range(done, steps)]),
            data_collator=lambda rows: rows[0],
            processing_class=loaded.tokenizer,
            callbacks=[pause],
        )
        pause.trainer = trainer
        pause.tracked = tracking is not None
        if tracking:
            guard(trainer.callback_handler.callbacks, tracking)
        _silence(trainer)
        trainer.train()
    before = pause.saving.seconds if pause.saving else 0.0
    return before + time.perf_counter() - started - trainer.paused


def _settings(
    loaded: LoadedModel, cell: Cell, steps: int, scratch: str, tracking: Tracking | None
) -> Any:
    from trl import SFTConfig

    recipe = cell.recipe
    return SFTConfig(
        output_dir=str(tracking.folder) if tracking else scratch,
        run_name=tracking.name if tracking else None,
        max_steps=steps,
        per_device_train_batch_size=1,  # of the dataset of steps
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="constant_with_warmup"
        if recipe.schedule == "constant"
        else recipe.schedule,
        warmup_steps=math.ceil(recipe.warmup_share * steps),
        # Each adapter is clipped to its own norm instead, see AnswerTrainer.training_step.
        max_grad_norm=0.0,
        seed=cell.seed,
        data_seed=cell.seed,
        use_cpu=loaded.device.type == "cpu",
        # The trainer writes this into the model's config; our forward passes keep no cache.
        use_cache=getattr(loaded.model.config, "use_cache", True),
        # The base's own dtype decides: bf16 (or NF4 computed in bf16) under fp32 adapters.
        bf16=False,
        gradient_checkpointing=False,
        max_length=None,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=False,
        save_strategy="no",
        logging_strategy="no",
        report_to=list(tracking.trackers) if tracking else "none",
        disable_tqdm=True,
    )


def _silence(trainer: Any) -> None:
    """Factlab shows its own progress; the trainer's printing of every log line would bury it."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)


def _training_record(
    model: PreTrainedModel | PeftModel,
    job: AdapterJob,
    seconds: float,
    side_by_side: int,
    peak_memory_bytes: int,
) -> TrainingRecord:
    made, pairs = job.steps, job.pairs
    examples = sum(len(batch) for batch in job.order[: len(made)])
    passes = examples / len(pairs)
    answers = sum(len(pair.targets) for pair in pairs)
    last = [step.loss_nats for step in made[-LAST_STEPS:]]
    trainable, total = parameter_counts(model, job.name)
    return TrainingRecord(
        seconds=round(seconds, 3),
        side_by_side=side_by_side,
        steps=len(made),
        examples=examples,
        examples_per_second=round(examples / seconds, 3) if examples else 0.0,
        tokens=round(passes * (sum(pair.first + 1 for pair in pairs) + answers)),
        answer_tokens=round(passes * answers),
        peak_memory_bytes=peak_memory_bytes,
        trainable_parameters=trainable,
        total_parameters=total,
        final_loss_nats=sum(last) / len(last) if last else None,
    )


def parameter_counts(model: PreTrainedModel | PeftModel, name: str) -> tuple[int, int]:
    """What is trained, and all: the base with this adapter and no other."""
    from peft import PeftModel

    from factlab.training.trainer import trained_parameters

    if not isinstance(model, PeftModel):
        size = sum(p.numel() for p in model.parameters())
        return size, size
    sizes = {
        other: sum(p.numel() for p in trained_parameters(model, other))
        for other in model.peft_config
    }
    _, total = model.get_nb_trainable_parameters()  # all the adapters in it
    trainable = sizes.pop(name)
    return trainable, total - sum(sizes.values())
