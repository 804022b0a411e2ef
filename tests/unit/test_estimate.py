"""What a run is estimated to take follows how its weights are computed with."""

from __future__ import annotations

from pathlib import Path

import pytest

from factlab.cli.dry_run import library_costs
from factlab.errors import ConfigError, ModelError
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


def test_a_dry_run_refuses_layers_that_the_model_lacks() -> None:
    settings = {"facts": ["mount_fuji"], "train_pairs": 16, "last_layers": (1_000,)}
    plan = plan_experiment(RunConfig.model_validate(settings))
    with pytest.raises(ConfigError, match=r"--last-layers 1000: .* has 30 blocks"):
        estimate.estimate(plan)


@pytest.mark.parametrize("header", [b"", b"\xff" * 8, b"\2" + b"\0" * 7 + b"[]", b"\1" + b"\0" * 7])
def test_weights_of_an_unknown_kind_are_counted_only_if_they_are_whole(
    header: bytes, tmp_path: Path
) -> None:
    (tmp_path / "model.safetensors").write_bytes(header)
    with pytest.raises(ModelError, match="cannot be read"):
        estimate.parameters_of(str(tmp_path))
