"""A search for a recipe on a model of two layers: cells are runs, and a larger budget goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import SMALL

from factlab.errors import ConfigError
from factlab.progress import Silent
from factlab.report.search_page import render_search
from factlab.runs.folder import RunFolder
from factlab.schema.config import RunConfig
from factlab.schema.search import SearchBudget
from factlab.tuning.folder import SearchFolder
from factlab.workflows.tune import plan_search, tune


@pytest.mark.usefixtures("few_controls")
def test_a_search_measures_by_runs_and_goes_on_with_a_larger_budget(
    tiny_folder: Path, tmp_path: Path
) -> None:
    pinned = {"targets": ("qv",), "anchor_prompts": (8,), "mining": (0,)}
    config = RunConfig(facts=("mount_fuji",), model=str(tiny_folder), **SMALL, **pinned)
    path = tmp_path / "search"
    budget = SearchBudget(cells=2)
    found, where = tune(plan_search(config), budget, out=path, progress=Silent())
    assert where == path
    assert [one.id for one in found.candidates] == ["default", "light"]
    assert found.status == "complete"
    for one in found.candidates:
        (cell,) = one.cells
        (made,) = RunFolder(path / cell.run).finished_cells()
        assert made.metrics["recall/held_out"].value == one.recall
        assert one.recipe.targets == "qv"
        assert one.training_seconds == pytest.approx(made.training.seconds if made.training else 0)
    assert [cell.fresh for cell in found.cells] == [True, False]
    assert found.space["last_layers"] == ("all",)
    # A random model learns nothing, so that there is nothing to take.
    assert found.chosen is None
    assert not SearchFolder(path).recipe_file.exists()
    assert SearchFolder(path).page_file.read_text(encoding="utf-8") == render_search(found)

    more, _ = tune(
        plan_search(config), SearchBudget(cells=4), out=path, resume=True, progress=Silent()
    )
    assert more.candidates[:2] == found.candidates
    assert len(more.cells) == 4
    with pytest.raises(ConfigError, match="other facts, settings or values"):
        other = config.model_copy(update={"train_pairs": 16})
        tune(plan_search(other), SearchBudget(cells=5), out=path, resume=True, progress=Silent())
