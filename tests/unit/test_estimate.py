"""What a run is estimated to take follows how its weights are computed with."""

from __future__ import annotations

import pytest

from factlab.cli.dry_run import library_costs
from factlab.experiment.experiment import Experiment
from factlab.experiment.plan import plan_experiment
from factlab.schema.config import RunConfig
from factlab.workflows import estimate


def test_weights_that_are_unpacked_to_fp32_take_the_memory_of_fp32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(estimate, "multiplies_bf16", lambda: True)
    asked: list[bool] = []
    monkeypatch.setattr(estimate, "matmul_flops", lambda bf16: asked.append(bf16) or 1e11)

    def memory(**settings: object) -> int:
        config = RunConfig.model_validate({"facts": ["mount_fuji"], "train_pairs": 16, **settings})
        found = estimate.estimate(plan_experiment(config)).memory_bytes
        assert found is not None
        return found

    narrow = memory(precision="nf4")
    assert memory(precision="nf4", compute_dtype="fp32") == memory(precision="fp32") > narrow
    assert asked == [True, False, False]


def test_a_dry_run_says_why_the_library_computes_a_model() -> None:
    def plan(**settings: object) -> Experiment:
        return plan_experiment(
            RunConfig.model_validate({"facts": ["mount_fuji"], "train_pairs": 16, **settings})
        )

    packed, given = (estimate.estimate(plan(attention=way)) for way in ("auto", "sdpa"))
    assert (packed.library, given.library) == (False, True)
    assert "--attention sdpa asks for it" in library_costs(plan(attention="sdpa"))
    assert "docs/models.md" in library_costs(plan())


def test_a_kind_of_model_that_is_not_known_is_computed_by_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(estimate, "shape_here", lambda _: None)
    monkeypatch.setattr(estimate, "parameters_of", lambda _: 1_000_000)
    config = RunConfig.model_validate({"facts": ["mount_fuji"], "train_pairs": 16})
    assert estimate.estimate(plan_experiment(config)).library
