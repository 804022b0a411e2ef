"""Trains one cell's adapter on the loaded base model."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from factlab.errors import TrainingError
from factlab.models.load import LoadedModel
from factlab.models.process_memory import PeakMemory, give_back_weights, keep_freed_memory
from factlab.schema.config import QUANTISED, Cell
from factlab.schema.question import Question
from factlab.schema.results import TrainingRecord, TrainStep
from factlab.training.attach import learn
from factlab.training.batch import Text, batch_order, training_texts
from factlab.training.steps import LAST_STEPS, train_steps

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from torch import nn
    from transformers import PreTrainedModel

    from factlab.training.teacher import Teacher
    from factlab.training.tracking import Tracking
    from factlab.training.trainer import CheckpointResult, Checkpoints, Learner


def check_training(cell: Cell, devices: str) -> None:
    """Refuse what this machine cannot train, before anything is read.

    Raises:
        TrainingError: with what to say instead.
    """
    import torch

    recipe = cell.recipe
    if not torch.cuda.is_available() or devices == "cpu":
        if recipe.optimizer not in ("adamw", "sgd"):
            raise TrainingError(
                f"--optimizer {recipe.optimizer} needs a CUDA device: bitsandbytes has no such "
                "optimizer for a CPU. Say adamw or sgd."
            )
    elif recipe.init == "orthogonal" and cell.precision in QUANTISED:
        raise TrainingError(
            f"--init orthogonal --precision {cell.precision}: PEFT makes this initialisation in "
            "the type of the base's weights, which are packed on a GPU. Say --precision bf16, or "
            "leave --init away."
        )


@dataclass(frozen=True, slots=True)
class AdapterJob:
    """What one adapter is trained on.

    Attributes:
        cell: Rank, seed and recipe.
        questions: Training pairs.
        anchors: Prompts with the base model's own answers, if the recipe is anchored.
        teacher: What a teacher predicts on each pair, if the recipe distils.
        base_head: The base's output head, where training changes it.
        record: Called after every optimizer step.
        name: The adapter's name on the model.
    """

    cell: Cell
    questions: Sequence[Question]
    anchors: Sequence[Text] = ()
    record: Callable[[TrainStep], None] = lambda _: None
    name: str = "default"
    teacher: Teacher | None = None
    base_head: nn.Linear | None = None


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

    Returns:
        What it took, in the order of the jobs. Each has an equal share of the group's
        seconds.

    Raises:
        DivergedError: if the loss of every adapter stops being finite.
        TrainingError: if there is nothing to train on.
    """
    from peft import PeftModel

    from factlab.training.trainer import CheckpointResult, Checkpoints, Learner

    texts = [
        training_texts(loaded.tokenizer, job.questions, job.teacher.states if job.teacher else ())
        for job in jobs
    ]
    steps = train_steps(len(texts[0]), jobs[0].cell, max_steps)
    learners = [
        Learner(
            name=job.name,
            cell=job.cell,
            pairs=pairs,
            order=batch_order(len(pairs), job.cell.recipe.batch_size, steps, job.cell.seed),
            anchors=job.anchors,
            record=job.record,
            teacher_head=job.teacher.head if job.teacher else None,
            base_head=job.base_head,
        )
        for job, pairs in zip(jobs, texts, strict=True)
    ]

    def measure_and_go_on(step: int) -> CheckpointResult:
        seen = measure(step) if measure else CheckpointResult()
        learn(model)  # to look at one adapter is, to PEFT, to freeze the others
        return seen

    if tracking and len(jobs) > 1:
        raise TrainingError("a tracker follows one adapter at a time; say --pack 1.")
    if len({bool(job.anchors) for job in jobs}) > 1:
        raise TrainingError("adapters with anchors and without cannot be trained side by side.")
    pause = Checkpoints(checkpoints, measure_and_go_on)
    seconds = 0.0
    dtype = model.dtype
    peak = PeakMemory(loaded.device.type)
    if steps:
        seconds = _fit(
            model, loaded, learners, steps, pause, checkpointing=checkpointing, tracking=tracking
        )
    taken = peak.held_bytes()
    model.eval()
    if not isinstance(model, PeftModel):
        _as_before(model, dtype, loaded.rounded or dtype)
    return [
        Trained(
            _training_record(model, learner, seconds / len(learners), len(learners), taken),
            learner.failed,
        )
        for learner in learners
    ]


def _as_before(model: PreTrainedModel, dtype: torch.dtype, rounded: torch.dtype) -> None:
    """Weights that were trained in fp32 as the base's again: rounded, and held in its type.

    Not by `model.to`, which would round the frequencies of rotary positions too: these are fp32
    in a model of any type.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.to(rounded).to(dtype)


def _fit(
    model: PreTrainedModel | PeftModel,
    loaded: LoadedModel,
    learners: Sequence[Learner],
    steps: int,
    pause: Checkpoints,
    *,
    checkpointing: bool,
    tracking: Tracking | None,
) -> float:
    """Train, and give the seconds that it took without those of measuring in between."""
    from datasets import Dataset

    from factlab.inference.decoder.stack import read_decoder
    from factlab.training.tracking import guard, own_run
    from factlab.training.trainer import AnswerTrainer

    on_cpu = loaded.device.type == "cpu"
    learn(model)
    model.train()
    # The library's forward pass alone computes blocks again.
    plain = checkpointing or read_decoder(model, [one.name for one in learners]) is None
    started = time.perf_counter()
    with (
        _checkpointing(model, on_cpu=on_cpu) if checkpointing else nullcontext(),
        tempfile.TemporaryDirectory(prefix="factlab-train-") as scratch,
        _own_forward(model),
        _attention(model, "eager" if on_cpu and plain else None),
        own_run(tracking.trackers if tracking else ()),
    ):
        trainer = AnswerTrainer(
            learners=learners,
            model=model,
            args=_settings(loaded, learners[0].cell, steps, scratch, tracking),
            train_dataset=Dataset.from_list([{"step": step} for step in range(steps)]),
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
    return time.perf_counter() - started - trainer.paused


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
        max_grad_norm=0.0,  # each adapter is clipped alone
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


@contextmanager
def _own_forward(model: PreTrainedModel | PeftModel) -> Iterator[None]:
    """SFTTrainer replaces the base model's `forward`; give the model its own back afterwards."""
    base = _base(model)
    before = dict(base.__dict__)
    try:
        yield
    finally:
        if "forward" in before:
            base.forward = before["forward"]
        else:
            base.__dict__.pop("forward", None)


@contextmanager
def _checkpointing(model: PreTrainedModel | PeftModel, *, on_cpu: bool) -> Iterator[None]:
    """Compute activations again in the backward pass; memory is what was asked for, not time."""
    model.gradient_checkpointing_enable({"use_reentrant": False})
    if on_cpu:
        give_back_weights()
    try:
        yield
    finally:
        model.gradient_checkpointing_disable()
        if on_cpu:
            keep_freed_memory()


@contextmanager
def _attention(model: PreTrainedModel | PeftModel, implementation: str | None) -> Iterator[None]:
    """Train with another implementation of attention, and give the model its own back.

    On CPU the backward pass of fused attention took a fifth of a training step at our lengths.
    """
    base = _base(model)
    before = base.config._attn_implementation
    chosen = getattr(base.config, "library_forward", False)
    if implementation is None or chosen or before == implementation:
        yield
        return
    base.set_attn_implementation(implementation)
    try:
        yield
    finally:
        base.set_attn_implementation(before)


def _base(model: PreTrainedModel | PeftModel) -> Any:
    from peft import PeftModel

    return model.get_base_model() if isinstance(model, PeftModel) else model


def _training_record(
    model: PreTrainedModel | PeftModel,
    learner: Learner,
    seconds: float,
    side_by_side: int,
    peak_memory_bytes: int,
) -> TrainingRecord:
    made, pairs = learner.steps, learner.pairs
    examples = sum(len(batch) for batch in learner.order[: len(made)])
    passes = examples / len(pairs)
    answers = sum(len(pair.targets) for pair in pairs)
    last = [step.loss_nats for step in made[-LAST_STEPS:]]
    trainable, total = parameter_counts(model, learner.name)
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
