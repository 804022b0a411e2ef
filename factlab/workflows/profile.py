"""One model at several precisions, inference alone: memory, speed, drift and answers."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from factlab.errors import ModelError
from factlab.memory.known import KNOWN, known_name
from factlab.progress import Progress, Silent
from factlab.record import Record
from factlab.schema.config import Precision, RunConfig
from factlab.stats.intervals import paired_difference, wilson
from factlab.workflows.precision_profile import Distance, PrecisionProfile, ProfileRequest

REFERENCE: Precision = "fp32"
REFUSED = "refused: "  # before what a person can mend, on stderr of a process that measures


class Rate(Record):
    """A share with its 95 % interval."""

    value: float
    n: int
    low: float
    high: float


class Change(Record):
    """Verdicts against those of the reference, on the same questions."""

    lost: int = Field(description="Right at the reference, wrong here.")
    gained: int = Field(description="Wrong at the reference, right here.")
    low: float = Field(description="95 % interval of (lost − gained) / questions.")
    high: float


class ComparedPrecision(Record):
    """A precision and how it compares with the reference; the reference itself has no change."""

    rung: PrecisionProfile
    right: Rate = Field(description="Far controls answered right.")
    distance: Distance | None = None
    change: Change | None = None


class ModelProfile(Record):
    """A model at several precisions, in the order asked for."""

    model: str
    reference: Precision
    steps: tuple[ComparedPrecision, ...]


def profile_model(
    model: str, precisions: Sequence[Precision], progress: Progress | None = None
) -> ModelProfile:
    """Measure a model at each precision, one process after the other.

    The reference is fp32 if it is among them, otherwise the first. It comes last, since the others'
    states are compared with its own in its process.

    Raises:
        ModelError: if the model is not to be had, this machine cannot compute a precision, or a
            process was ended from outside.
    """
    check(model, precisions)
    progress = progress or Silent()
    reference = REFERENCE if REFERENCE in precisions else precisions[0]
    others = tuple(precision for precision in precisions if precision != reference)
    rungs: dict[Precision, PrecisionProfile] = {}
    settings = RunConfig()
    with (
        tempfile.TemporaryDirectory(prefix="factlab-ladder-") as folder,
        progress.stage("precisions", len(precisions)) as advance,
    ):
        for precision in (*others, reference):
            request = ProfileRequest(
                model=model,
                precision=precision,
                folder=Path(folder),
                batch_size=settings.generation_batch,
                max_new_tokens=settings.max_new_tokens,
                others=others if precision == reference else (),
            )
            rungs[precision] = _apart(request)
            advance(1)
    return compared(model, reference, [rungs[precision] for precision in precisions])


def check(model: str, precisions: Sequence[Precision]) -> None:
    """Refuse what cannot be measured, before anything long is done.

    Raises:
        ModelError: in words.
    """
    from factlab.models.load import Placement, check_machine
    from factlab.models.resolve import resolve_model

    known = known_name(model)
    if known is not None:
        raise ModelError(
            f"{model}: only the shape of {known} is known here, and measuring takes its weights. "
            f"Name a folder, a .gguf file or a hub id, such as {KNOWN[known].page}."
        )
    for precision in precisions:
        check_machine(precision, Placement())
    resolve_model(model)


def _apart(request: ProfileRequest) -> PrecisionProfile:
    command = [sys.executable, "-m", "factlab.cli.profile_process", request.model_dump_json()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return PrecisionProfile.model_validate_json(done.stdout.splitlines()[-1])
    lines = done.stderr.strip().splitlines() or ["no message"]
    refused = [line.removeprefix(REFUSED) for line in lines if line.startswith(REFUSED)]
    if refused:
        raise ModelError(refused[-1])
    if done.returncode < 0:
        raise ModelError(
            f"{request.model} at {request.precision}: its process was ended by signal "
            f"{-done.returncode}; most likely the memory of this machine did not suffice. Leave "
            "that precision away, or see `factlab plan` without --measure."
        )
    raise ModelError(f"{request.model} at {request.precision}: {lines[-1]}")


def compared(model: str, reference: Precision, rungs: Sequence[PrecisionProfile]) -> ModelProfile:
    """Hold each precision to the reference, which is among them."""
    (base,) = [rung for rung in rungs if rung.precision == reference]
    return ModelProfile(
        model=model,
        reference=reference,
        steps=tuple(
            ComparedPrecision(
                rung=rung,
                right=_rate(rung),
                distance=base.distances.get(rung.precision),
                change=None if rung is base else _change(base, rung),
            )
            for rung in rungs
        ),
    )


def _rate(rung: PrecisionProfile) -> Rate:
    right, n = sum(rung.correct.values()), len(rung.correct)
    interval = wilson(right, n)
    return Rate(value=right / n, n=n, low=interval.low or 0.0, high=interval.high or 1.0)


def _change(base: PrecisionProfile, rung: PrecisionProfile) -> Change:
    pairs = [(was, rung.correct[question]) for question, was in base.correct.items()]
    lost = sum(was and not now for was, now in pairs)
    gained = sum(now and not was for was, now in pairs)
    interval = paired_difference(lost, gained, len(pairs))
    return Change(lost=lost, gained=gained, low=interval.low or 0.0, high=interval.high or 0.0)
