"""Imported CounterFact on a random model: ROME's scores against ROME's own way to compute them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import harmonic_mean, mean
from typing import Any

import pytest
import torch
from made_up_sets import COUNTERFACT

import factlab
from factlab.models.load import LoadedModel, load_model
from factlab.models.resolve import resolve_model
from factlab.runs.folder import load_run
from factlab.schema.fact import load_fact
from factlab.workflows.import_ import import_file
from factlab.workflows.rescore import rescore
from factlab.workflows.share import export_records

# Cases of unlike numbers of prompts, so that a mean over prompts is no mean over facts.
CASES = [
    COUNTERFACT,
    json.loads(json.dumps(COUNTERFACT).replace("Dora Lindqvist", "Anton Vesely"))
    | {"neighborhood_prompts": ["The mother tongue of Rui Alba is"]},
]
SMALL: dict[str, Any] = {
    "precision": "fp32",
    "train_pairs": 12,
    "validation_pairs": 4,
    "train_sample": 4,
    "max_steps": 3,
    "max_new_tokens": 3,
    "generation_batch": 128,
}
PARTS = ("rewrite", "paraphrase", "neighborhood")
NAMES = ("efficacy", "paraphrase", "neighborhood")

pytestmark = pytest.mark.usefixtures("few_controls")


def mean_nll(model: torch.nn.Module, loaded: LoadedModel, prompt: str, target: str) -> float:
    """Mean NLL of the tokens of `target` after `prompt`, of the whole text in one pass."""
    tok = loaded.tokenizer
    before = len(tok(prompt)["input_ids"])
    wanted = tok(f" {target}", add_special_tokens=False)["input_ids"]
    whole = torch.tensor([tok(f"{prompt} {target}")["input_ids"]])
    with torch.inference_mode():
        logits = model(input_ids=whole).logits[0]
    steps = [
        -torch.log_softmax(logits[before + j - 1].double(), dim=0)[token].item()
        for j, token in enumerate(wanted)
    ]
    return mean(steps)


def by_hand(model: torch.nn.Module, loaded: LoadedModel, files: list[Path]) -> dict[str, float]:
    """ES, PS, NS, their magnitudes and S: per case, then over cases."""
    found: dict[str, list[float]] = {}
    for file in files:
        rome = load_fact(file).rome
        assert rome is not None
        for part, name in zip(PARTS, NAMES, strict=True):
            pairs = [
                (
                    mean_nll(model, loaded, prompt, rome.target_new),
                    mean_nll(model, loaded, prompt, rome.target_true),
                )
                for prompt in getattr(rome, part)
            ]
            if part == "neighborhood":
                pairs = [(true, new) for new, true in pairs]
            found.setdefault(f"rome/{name}", []).append(mean(good < bad for good, bad in pairs))
            found.setdefault(f"rome/{name}_magnitude", []).append(
                mean(math.exp(-good) - math.exp(-bad) for good, bad in pairs)
            )
    values = {name: mean(cases) for name, cases in found.items()}
    return values | {"rome/score": harmonic_mean([values[f"rome/{name}"] for name in NAMES])}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("facts")
    (folder / "cases.json").write_text(json.dumps(CASES), encoding="utf-8")
    return import_file("counterfact", folder / "cases.json", folder / "out").files


@pytest.mark.charts
def test_romes_scores_are_what_rome_computes_before_and_after_training(
    tiny_folder: Path, tmp_path: Path, two: list[Path]
) -> None:
    from peft import PeftModel

    run = tmp_path / "run"
    result = factlab.run(two, model=str(tiny_folder), out=run, rank=[4], together=True, **SMALL)
    loaded = load_model(resolve_model(str(tiny_folder)), "fp32")
    expected = by_hand(loaded.model, loaded, two)
    base = {name: metric.value for name, metric in result.base.metrics.items() if "rome/" in name}
    assert base == pytest.approx(expected, abs=1e-5)
    (cell,) = result.cells
    tuned = PeftModel.from_pretrained(loaded.model, run / "cells" / cell.id / "adapter").eval()
    after = by_hand(tuned, loaded, two)
    found = {name: metric.value for name, metric in cell.metrics.items() if "rome/" in name}
    assert found == pytest.approx(after, abs=1e-5)
    assert found["rome/efficacy_magnitude"] != pytest.approx(base["rome/efficacy_magnitude"])
    assert cell.metrics["rome/paraphrase"].n == 2
    assert rescore(run) is not None
    assert load_run(run).cells[0].metrics == cell.metrics
    # Its prompts are only scored: the records of answers are written without them.
    assert set(export_records(run, ["csv", "inspect"])) == {"csv", "inspect"}
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "ROME efficacy, ES" in page
    assert "By a published set" in page
