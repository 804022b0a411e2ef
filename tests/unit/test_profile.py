"""Precisions compared with a reference, and processes that end badly."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from factlab.errors import ModelError
from factlab.workflows import profile as profiling
from factlab.workflows.precision_profile import Distance, PrecisionProfile
from factlab.workflows.profile import REFUSED, compared, profile_model


def profiled(
    precision: Any, right: str, distances: dict[Any, Distance] | None = None
) -> PrecisionProfile:
    """`right` has a + for each question answered right."""
    return PrecisionProfile(
        precision=precision,
        note=precision,
        device="cpu",
        parameters=10,
        weights_bytes=40,
        quantised_bytes=None,
        peak_memory_bytes=50,
        loading_peak_bytes=60,
        prompt_tokens_per_second=7,
        generated_tokens_per_second=8,
        correct={f"far/{number}": sign == "+" for number, sign in enumerate(right)},
        distances=distances or {},
    )


def test_each_precision_is_compared_with_the_reference_on_the_same_questions() -> None:
    distance = Distance(kl_nats=0.1, same_top=0.9, tokens=100)
    base = profiled("fp32", "+++--", {"nf4": distance})
    found = compared("m", "fp32", [profiled("nf4", "++--+"), base])
    four, full = found.steps
    assert found.reference == "fp32"
    assert (four.right.value, four.right.n) == (0.6, 5)
    assert four.right.low < 0.6 < four.right.high
    assert four.change is not None
    assert (four.change.lost, four.change.gained) == (1, 1)
    assert four.change.low < 0 < four.change.high
    assert four.distance == distance
    assert full.change is None
    assert full.distance is None


def test_the_reference_is_measured_last_and_compared_with_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def measure(request: Any) -> PrecisionProfile:
        asked.append(request)
        return profiled(request.precision, "+-")

    monkeypatch.setattr(profiling, "check_measurable", lambda *_: None)
    monkeypatch.setattr(profiling, "_in_own_process", measure)
    found = profile_model("m", ("fp32", "bf16", "nf4"))
    assert [request.precision for request in asked] == ["bf16", "nf4", "fp32"]
    assert [request.others for request in asked] == [(), (), ("bf16", "nf4")]
    assert [step.profile.precision for step in found.steps] == ["fp32", "bf16", "nf4"]
    asked.clear()
    assert profile_model("m", ("bf16", "nf4")).reference == "bf16"


@pytest.mark.parametrize(
    ("code", "stderr", "said"),
    [
        (1, f"a warning\n{REFUSED}m: no such model.\n", "^m: no such model.$"),
        (-9, "", "at fp32: its process was ended by signal 9; most likely this machine"),
        (1, "Traceback\nValueError: odd\n", "m at fp32: ValueError: odd"),
    ],
)
def test_a_process_that_ends_badly_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, code: int, stderr: str, said: str
) -> None:
    def run(*words: Any, **options: Any) -> Any:
        return subprocess.CompletedProcess(words, code, stdout="", stderr=stderr)

    monkeypatch.setattr(profiling, "check_measurable", lambda *_: None)
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ModelError, match=said):
        profile_model("m", ("fp32",))
