"""Every precision loads the embedded model and still knows what it knew."""

from __future__ import annotations

from typing import get_args

import pytest

from factlab.cli.quiet import quiet_libraries
from factlab.inference.generate import generate
from factlab.models.load import LoadedModel, load_model
from factlab.models.resolve import resolve_model
from factlab.schema.config import EMBEDDED_MODEL, QUANTISED, Precision
from factlab.schema.results import ModelRecord

pytestmark = pytest.mark.model
records: dict[Precision, ModelRecord] = {}


def loaded_at(precision: Precision) -> LoadedModel:
    quiet_libraries()
    loaded = load_model(resolve_model(EMBEDDED_MODEL), precision)
    records[precision] = loaded.record
    return loaded


def record_of(precision: Precision) -> ModelRecord:
    """What an earlier test loaded is not loaded again."""
    return records.get(precision) or loaded_at(precision).record


@pytest.mark.parametrize("precision", get_args(Precision))
def test_a_precision_loads_and_answers(precision: Precision) -> None:
    import torch

    if precision == "fp16" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    loaded = loaded_at(precision)
    assert loaded.record.parameters == 134_515_008
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    (answer,) = generate(
        loaded.model,
        loaded.tokenizer,
        # Of France, rounding in bf16 decides on some processors.
        ["What is the capital of Japan?"],
        max_new_tokens=24,
        batch_size=1,
    )
    assert "Tokyo" in answer.text


def test_each_narrower_precision_is_smaller_as_it_is_quantised() -> None:
    size = {p: record_of(p).quantised_bytes or 0 for p in QUANTISED}
    whole = record_of("bf16").weights_bytes
    assert size["nf4"] == size["fp4"] < size["nf4-single"] < size["int8"] < (whole or 0)
