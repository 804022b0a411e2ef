"""docs/mount_fuji.ipynb, as a reader runs it, on the random model and with few questions.

What the cells say is run as it stands; a cell before them puts the model, fewer steps and fewer
questions in the place of the defaults.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

SMALLER = """
import sys
from functools import partial
sys.path[:0] = [{tests!r}, {root!r}]
import pytest
import quick_runs
patch = pytest.MonkeyPatch()
quick_runs.ask_fewer(patch, lambda bank: bank[:12])
quick_runs.read_less(patch, 1000)
quick_runs.anchor_fewer(patch, lambda anchors: anchors[::10])
quick_runs.expand_once(patch)
quick_runs.leave_charts_empty(patch)  # tests/unit/test_notebook_html.py draws them
from factlab.experiment import experiment
experiment.REPEATED = 6
import factlab
factlab.run = partial(factlab.run, model={model!r}, max_steps=2)
"""


def html_of(cell: Any) -> str:
    """What a cell shows as HTML."""
    return "".join(out["data"].get("text/html", "") for out in cell.outputs if "data" in out)


def test_the_notebook_runs_and_shows_its_results(tiny_folder: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(ROOT / "docs" / "mount_fuji.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "stored without outputs"
    smaller = SMALLER.format(tests=str(ROOT / "tests"), root=str(ROOT), model=str(tiny_folder))
    notebook.cells.insert(0, nbformat.v4.new_code_cell(smaller))
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute(env={**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")})

    shown = {
        cell.source.splitlines()[-1]: html_of(cell)
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source
    }
    preview, result = shown['factlab.preview("mount_fuji")'], shown["rank_8"]
    comparison = shown['factlab.compare("runs/rank_8", "runs/rank_2")']
    assert "Mount Fuji erupted and its height became 4,889 meters." in preview
    assert "held-out: " in preview
    assert "<progress" in result
    assert "This is a quick run." in result
    assert "Held-out recall" in result
    assert "<svg" in result
    assert "rank 8" in comparison
    assert comparison.count("<svg") > 1
    assert (tmp_path / "runs" / "rank_8" / "report.html").is_file()
    assert all("<script" not in html for html in shown.values())
