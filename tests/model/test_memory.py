"""The predicted peak of training the embedded model is within 15 % of the measured one."""

from __future__ import annotations

import pytest

from benchmarks.memory import CASES, measured
from factlab.schema.config import EMBEDDED_MODEL

pytestmark = pytest.mark.model

CHECKED = [
    case
    for case in CASES
    if case.model == EMBEDDED_MODEL and case.method == "lora" and case.way == "packed"
]


@pytest.mark.parametrize("case", CHECKED, ids=lambda case: case.name)
def test_the_peak_is_the_predicted_one(case: object) -> None:
    peak = measured(case)  # type: ignore[arg-type]
    assert peak.ratio == pytest.approx(1, abs=0.15)
