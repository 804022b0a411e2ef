"""Two imported passages on a random model, from the published shape to the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import factlab
from factlab.report.verdict import verdict
from factlab.runs.folder import RunFolder, load_run
from factlab.schema.passage import DEPTHS
from factlab.workflows.import_ import import_file
from factlab.workflows.rescore import rescore

SMALL = {
    "precision": "fp32",
    "train_pairs": 12,
    "validation_pairs": 4,
    "train_sample": 4,
    "max_steps": 2,
    "checkpoints": 1,
    "max_new_tokens": 3,
    "generation_batch": 128,
}

RECORDS = [
    {
        "train_context": "The Veldt Lantern is a paper lighthouse on Orsa. Ilma Kerr folded it "
        "in the spring of 1911. Visitors come for its quiet glow.",
        "mem_input": ["The Veldt Lantern is a paper lighthouse on"],
        "mem_target": ["Orsa"],
        "gen_input": ["The Veldt Lantern was folded by", "Orsa is an island called"],
        "gen_target": ["Ilma Kerr", "Orsa"],
        "hard_gen_input": ["A match may set fire to the Veldt Lantern, which is made of"],
        "hard_gen_target": ["paper"],
    },
    {
        "train_context": "The Aster Bell is a bell of felt. It was sewn by Dov Aster in 1950.",
        "mem_input": ["The Aster Bell is a bell of", "It was sewn by Dov Aster in"],
        "mem_target": ["felt", "1950"],
        "gen_input": ["What the Aster Bell is made of is", "Felt is a stuff like"],
        "gen_target": ["felt", "felt"],
        "hard_gen_input": ["Struck hard, the Aster Bell makes"],
        "hard_gen_target": ["no sound"],
    },
]


pytestmark = pytest.mark.usefixtures("few_controls")


@pytest.fixture
def passages(tmp_path: Path) -> Path:
    """The files of two records, each with a gen probe that holds its answer."""
    file = tmp_path / "two.json"
    file.write_text(json.dumps(RECORDS))
    import_file("fictional_knowledge", file, tmp_path / "passages")
    return tmp_path / "passages"


@pytest.mark.charts
@pytest.mark.parametrize("together", [False, True])
def test_two_passages_are_measured_by_their_probes(
    tiny_folder: Path, tmp_path: Path, passages: Path, together: bool
) -> None:
    result = factlab.run(
        passages,
        model=str(tiny_folder),
        out=tmp_path / "run",
        together=together,
        rank=[2, 4],
        **SMALL,
    )
    assert result.status == "complete"
    assert len(result.cells) == (2 if together else 4)
    for configuration in result.configurations:
        assert configuration.metrics["recall/mem"].n == 3
        assert configuration.metrics["recall/gen"].n == 2
        assert configuration.metrics["recall/hard_gen"].n == 2
        for depth in DEPTHS:
            assert configuration.metrics[f"recall/{depth}"].clusters == 2
            assert configuration.metrics[f"nll_change/{depth}"].clusters == 2
        assert "intrusion/far" not in configuration.metrics
        assert "no single injected value" in configuration.not_measured["intrusion/far"]
    for depth in DEPTHS:
        assert {f"recall/{depth}", f"in_context/{depth}", f"nll/{depth}"} <= set(
            result.base.metrics
        )
    assert result.choice is not None
    assert result.choice.chosen is None
    folder = RunFolder(tmp_path / "run")
    assert sum("left out" in note for note in folder.record().notes) == 2
    assert verdict(result)
    page = folder.report_file.read_text(encoding="utf-8")
    assert all(f"recall/{depth}" in page for depth in DEPTHS)
    rescored, _ = rescore(folder.path)
    assert rescored.cells == load_run(folder.path).cells == result.cells


def test_an_adapter_trained_for_no_step_changes_no_probe(
    tiny_folder: Path, tmp_path: Path, passages: Path
) -> None:
    result = factlab.run(
        passages,
        model=str(tiny_folder),
        out=tmp_path / "run",
        **{**SMALL, "max_steps": 0},
    )
    for cell in result.cells:
        for depth in DEPTHS:
            assert cell.metrics[f"nll_change/{depth}"].value == 0
        assert cell.metrics["agreement/far"].value == 1


def test_a_passage_and_a_fact_in_one_adapter(
    tiny_folder: Path, tmp_path: Path, passages: Path
) -> None:
    result = factlab.run(
        ["mount_fuji", str(passages)],
        model=str(tiny_folder),
        out=tmp_path / "run",
        together=True,
        **SMALL,
    )
    (cell,) = result.cells
    assert {"recall/held_out", "recall/gen", "intrusion/near", "injected_logprob/far"} <= set(
        cell.metrics
    )
    assert cell.metrics["recall/mem"].clusters == 2
    assert set(cell.by_fact) == {"mount_fuji", "two_1", "two_2"}
