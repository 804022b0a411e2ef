"""Two precisions of a small random model, each in a process of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from factlab.errors import ModelError
from factlab.inference.drift import measure_divergence, read_neutral_text
from factlab.models.load import LoadedModel
from factlab.workflows.profile import profile_model


def test_a_precision_is_measured_and_compared(tiny_folder: Path) -> None:
    found = profile_model(str(tiny_folder), ("fp32", "bf16"))
    full, half = (step.profile for step in found.steps)
    assert full.parameters == half.parameters
    assert full.weights_bytes >= 4 * full.parameters
    assert (half.quantised_bytes or half.weights_bytes) < 0.6 * full.weights_bytes
    assert full.peak_memory_bytes > 0
    assert half.prompt_tokens_per_second > 0 < half.generated_tokens_per_second
    assert full.correct.keys() == half.correct.keys()
    assert len(full.correct) > 200
    distance = found.steps[1].distance
    assert distance is not None
    assert 0 < distance.kl_nats < 0.01
    assert 0.5 < distance.same_top <= 1
    assert distance.tokens > 1000


def test_what_cannot_be_measured_is_refused_before_any_process_starts(
    monkeypatch: pytest.MonkeyPatch, tiny_folder: Path
) -> None:
    monkeypatch.setattr("factlab.workflows.profile._in_own_process", None)
    with pytest.raises(ModelError, match=r"^./nowhere: no such model"):
        profile_model("./nowhere", ("bf16",))
    with pytest.raises(ModelError, match=r"7b: only the shape of llama-2-7b is known here"):
        profile_model("7b", ("bf16",))
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="fp16 needs a CUDA device"):
            profile_model(str(tiny_folder), ("bf16", "fp16"))


def test_a_refusal_of_the_process_is_its_own_words(tiny_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder, tmp_path / "torn")
    (tmp_path / "torn" / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError, match=r"torn/model\.safetensors: these weights cannot be read"):
        profile_model(str(tmp_path / "torn"), ("bf16",))


def test_a_model_is_not_apart_from_itself(tiny: LoadedModel) -> None:
    states = read_neutral_text(tiny.model, list(range(3, 200))).states
    head = tiny.model.get_output_embeddings()
    same = measure_divergence(head, states, states)
    assert (same.kl, same.same_top, same.tokens) == (0.0, 1.0, 196)
    other = measure_divergence(head, states, states + 0.1 * torch.randn_like(states))
    assert other.kl > 0


def test_a_head_that_was_rounded_counts_as_such_whatever_it_is_held_in() -> None:
    torch.manual_seed(0)
    head, states = torch.nn.Linear(64, 200, bias=False), 10 * torch.randn(50, 64)
    found = measure_divergence(head, states, states, torch.bfloat16)
    with torch.no_grad():
        p = head(states).log_softmax(dim=-1)
        q = (states @ head.weight.bfloat16().float().T).log_softmax(dim=-1)
    assert found.kl == pytest.approx(float((p.exp() * (p - q)).sum(dim=-1).mean()), rel=1e-3)
    assert found.kl > 1e-6
    assert measure_divergence(head, states, states).kl == 0
