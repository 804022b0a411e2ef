"""One precision of a model, inference alone: memory, speed, answers, and states on neutral text.

`profile.py` measures each precision in a process of its own, since memory that a process has held
once, and what its libraries have set up, would count against the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from factlab.record import Record
from factlab.schema.config import Precision

if TYPE_CHECKING:
    from factlab.models.load import LoadedModel

# Tokens of one text, for the speed of generation; prefill and the first token are subtracted.
GENERATED = 64
REPEATS = 3  # of each speed; the median counts
MEASURED_ON = 252  # far controls that are answered, of all groups in turn


class ProfileRequest(Record):
    """What one process measures, and where it keeps its states.

    Attributes:
        model: Its name.
        precision: How its weights are held.
        folder: Where states are stored, a file for each precision.
        batch_size: Most questions per batch.
        max_new_tokens: Of an answer.
        others: Precisions whose states are there, to compare with this one's.
    """

    model: str
    precision: Precision
    folder: Path
    batch_size: int
    max_new_tokens: int
    others: tuple[Precision, ...] = ()


class Distance(Record):
    """How far a precision is from the reference on the neutral text."""

    kl_nats: float = Field(description="Mean KL(reference‖this), nats per token.")
    same_top: float = Field(description="Share of tokens where the most probable one is the same.")
    tokens: int


class PrecisionProfile(Record):
    """What one precision takes, and what it answers."""

    precision: Precision
    note: str = Field(description="How the precision was realised on this device.")
    device: str
    parameters: int
    weights_bytes: int = Field(description="Of all weights as they are held.")
    quantised_bytes: int | None = Field(description="As in a run's record of its model.")
    peak_memory_bytes: int = Field(
        description="Loaded, reading 256 tokens and answering one text: tensors on CUDA; on a CPU "
        "what the process took beyond its libraries."
    )
    loading_peak_bytes: int = Field(description="The same while it was loaded.")
    prompt_tokens_per_second: float = Field(description="Reading, 256 tokens at a time.")
    generated_tokens_per_second: float = Field(description="One text at a time.")
    correct: dict[str, bool] = Field(description="Far control → whether it was answered right.")
    distances: dict[Precision, Distance] = Field(description="Of the other precisions to this.")


def profile_precision(request: ProfileRequest) -> PrecisionProfile:
    """Load a model at a precision; measure its speed, its answers and its states.

    Raises:
        FactlabError: if it cannot be loaded.
    """
    from factlab.models.load import load_model
    from factlab.models.process_memory import PeakMemory
    from factlab.models.resolve import resolve_model

    files = resolve_model(request.model)
    memory = PeakMemory()
    loaded = load_model(files, request.precision)
    loading = memory.peak_bytes()
    memory.reset()
    speeds = _speeds(loaded)
    peak = memory.peak_bytes()
    return PrecisionProfile(
        precision=request.precision,
        note=loaded.record.precision_note,
        device=loaded.record.device,
        parameters=loaded.record.parameters,
        weights_bytes=loaded.record.weights_bytes or 0,
        quantised_bytes=loaded.record.quantised_bytes,
        peak_memory_bytes=peak,
        loading_peak_bytes=loading,
        prompt_tokens_per_second=round(speeds[0], 1),
        generated_tokens_per_second=round(speeds[1], 1),
        correct=_answers(loaded, request),
        distances=_distances(loaded, request),
    )


# --- speed --------------------------------------------------------------------------------------


def _speeds(loaded: LoadedModel) -> tuple[float, float]:
    """Tokens per second, read and generated."""
    from factlab.inference.backend import complete
    from factlab.inference.drift import WINDOW, read_neutral_text
    from factlab.inference.prompts import Limits, Prompt
    from factlab.models.chat import prompt_ids
    from factlab.models.speed import median_seconds

    ids = _neutral_ids(loaded)[: WINDOW + 1]
    prompt = Prompt(prompt_ids(loaded.tokenizer, "Tell me about the sea."))

    def answer(tokens: int) -> None:
        complete(loaded.model, [prompt], Limits(batch_size=1, max_new_tokens=tokens, ends=[-1]))

    def seconds(call: Callable[[], object]) -> float:
        return median_seconds(call, loaded.device, REPEATS)

    read = seconds(lambda: read_neutral_text(loaded.model, ids))
    first, all_ = seconds(lambda: answer(1)), seconds(lambda: answer(GENERATED))
    return (len(ids) - 1) / read, (GENERATED - 1) / max(all_ - first, 1e-9)


def _neutral_ids(loaded: LoadedModel) -> Sequence[int]:
    from factlab.schema.control import neutral_text

    ids: list[int] = loaded.tokenizer(neutral_text(), add_special_tokens=False)["input_ids"]
    return ids


# --- quality --------------------------------------------------------------------------------------


def _answers(loaded: LoadedModel, request: ProfileRequest) -> dict[str, bool]:
    from factlab.expand.controls import far_questions
    from factlab.experiment.far_controls import in_turn
    from factlab.inference.generate import generate
    from factlab.metrics.verdicts import grade

    questions = in_turn(far_questions())[:MEASURED_ON]
    responses = generate(
        loaded.model,
        loaded.tokenizer,
        [question.text for question in questions],
        max_new_tokens=request.max_new_tokens,
        batch_size=request.batch_size,
    )
    return {
        question.id: bool(grade(question, question.text, response, {}).correct)
        for question, response in zip(questions, responses, strict=True)
    }


def _distances(loaded: LoadedModel, request: ProfileRequest) -> dict[Precision, Distance]:
    from safetensors.torch import load_file, save_file

    from factlab.inference.drift import measure_divergence, read_neutral_text
    from factlab.models.heads import head_of

    states = read_neutral_text(loaded.model, _neutral_ids(loaded)).states
    # An empty tensor carries the dtype that the head is rounded to.
    rounded = states.new_empty(0, dtype=loaded.rounded or states.dtype)
    stored = {"states": states.cpu().contiguous(), "rounded": rounded.cpu()}
    save_file(stored, _states_file(request, request.precision))
    found: dict[Precision, Distance] = {}
    for other in request.others:
        read = load_file(_states_file(request, other))
        theirs = read["states"].to(states.device)
        distance = measure_divergence(head_of(loaded.model), states, theirs, read["rounded"].dtype)
        found[other] = Distance(
            kl_nats=distance.kl, same_top=distance.same_top, tokens=distance.tokens
        )
    return found


def _states_file(request: ProfileRequest, precision: Precision) -> Path:
    return request.folder / f"{precision}.safetensors"
