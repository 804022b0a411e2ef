"""`factlab plan --measure`: one model at several precisions, inference alone."""

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
REFUSED = "refused: "  # before an error that a user can fix, on stderr of a measuring process


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
    """A precision and how it compares with the reference; the reference has no change itself."""

    profile: PrecisionProfile
    right: Rate = Field(description="Far controls answered right.")
    distance: Distance | None = None
    change: Change | None = None


class ModelProfile(Record):
    """A model at several precisions, in the given order."""

    model: str
    reference: Precision
    steps: tuple[ComparedPrecision, ...]


def profile_model(
    model: str, precisions: Sequence[Precision], progress: Progress | None = None
) -> ModelProfile:
    """Measure a model at each precision, one process after the other.

    The reference is fp32 if it is among them, otherwise the first. It is measured last, since its
    process compares the others' states with its own.

    Raises:
        ModelError: if the model is not found, this machine cannot compute a precision, or a
            process was ended from outside.
    """
    check_measurable(model, precisions)
    progress = progress or Silent()
    reference = REFERENCE if REFERENCE in precisions else precisions[0]
    others = tuple(precision for precision in precisions if precision != reference)
    profiles: dict[Precision, PrecisionProfile] = {}
    settings = RunConfig()
    with (
        tempfile.TemporaryDirectory(prefix="factlab-profile-") as folder,
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
            profiles[precision] = _in_own_process(request)
            advance(1)
    return compared(model, reference, [profiles[precision] for precision in precisions])


def check_measurable(model: str, precisions: Sequence[Precision]) -> None:
    """Refuse what cannot be measured, before anything long is done.

    Raises:
        ModelError: for a model without weights, or a precision that this machine cannot compute.
    """
    from factlab.models.load import LoadOptions, check_machine
    from factlab.models.resolve import resolve_model

    known = known_name(model)
    if known is not None:
        raise ModelError(
            f"{model}: only the shape of {known} is known here, and --measure needs its weights. "
            f"Name a folder, a .gguf file or a hub id, such as {KNOWN[known].page}."
        )
    for precision in precisions:
        check_machine(precision, LoadOptions())
    resolve_model(model)


def _in_own_process(request: ProfileRequest) -> PrecisionProfile:
    command = [sys.executable, "-m", "factlab.cli.profile_process", request.model_dump_json()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return PrecisionProfile.model_validate_json(done.stdout.splitlines()[-1])
    lines = done.stderr.strip().splitlines() or ["no message"]
    refusals = [line.removeprefix(REFUSED) for line in lines if line.startswith(REFUSED)]
    if refusals:
        raise ModelError(refusals[-1])
    if done.returncode < 0:
        raise ModelError(
            f"{request.model} at {request.precision}: its process was ended by signal "
            f"{-done.returncode}; most likely this machine has too little memory. Remove that "
            "precision, or run `factlab plan` without --measure."
        )
    raise ModelError(f"{request.model} at {request.precision}: {lines[-1]}")


def compared(
    model: str, reference: Precision, profiles: Sequence[PrecisionProfile]
) -> ModelProfile:
    """Compare each precision with the reference, which is among them."""
    (base,) = [profile for profile in profiles if profile.precision == reference]
    return ModelProfile(
        model=model,
        reference=reference,
        steps=tuple(
            ComparedPrecision(
                profile=profile,
                right=_rate(profile),
                distance=base.distances.get(profile.precision),
                change=None if profile is base else _change(base, profile),
            )
            for profile in profiles
        ),
    )


def _rate(profile: PrecisionProfile) -> Rate:
    right, n = sum(profile.correct.values()), len(profile.correct)
    interval = wilson(right, n)
    return Rate(value=right / n, n=n, low=interval.low or 0.0, high=interval.high or 1.0)


def _change(base: PrecisionProfile, profile: PrecisionProfile) -> Change:
    pairs = [(was, profile.correct[question]) for question, was in base.correct.items()]
    lost = sum(was and not now for was, now in pairs)
    gained = sum(now and not was for was, now in pairs)
    interval = paired_difference(lost, gained, len(pairs))
    return Change(lost=lost, gained=gained, low=interval.low or 0.0, high=interval.high or 0.0)
