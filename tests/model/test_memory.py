"""The predicted peak of training the embedded model is within 15 % of the measured one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.memory import CASES, Case, measured
from factlab.schema.config import EMBEDDED_MODEL

pytestmark = pytest.mark.model

# The cases of the benchmark that train an adapter on it, with half as many texts to a step.
CHECKED = [
    replace(case, texts=(case.texts + 1) // 2)
    for case in CASES
    if case.model == EMBEDDED_MODEL
    and case.method == "lora"
    and (case.backend == "packed" or case.checkpointing)
]


# In `make test`: quantised weights, which are unpacked for the moment. All else is counted on small
# models there, checkpointing too (tests/slow/test_sizing_measured.py).
def case_of(case: Case) -> Any:
    marks = () if case.precision == "nf4" else pytest.mark.long
    return pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", map(case_of, CHECKED))
def test_the_peak_is_the_predicted_one(case: Case) -> None:
    assert measured(case).ratio == pytest.approx(1, abs=0.15)
