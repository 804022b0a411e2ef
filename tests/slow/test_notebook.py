"""docs/mount_fuji.ipynb, as a reader runs it, on the random model and with few questions.

What the cells say is run as it stands; a cell before them puts the model, fewer steps and fewer
questions in the place of the defaults.
"""

from __future__ import annotations

import importlib.machinery
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


@pytest.mark.parametrize(
    ("given", "folder", "installed"),
    [
        ("/somewhere/factlab.whl", "", "/somewhere/factlab.whl"),
        ("", ".", "{here}"),
        ("", "factlab", "{here}/factlab"),
        ("", "", "factlab"),
    ],
)
def test_the_first_cell_installs_what_is_missing_or_says_what_to_set(
    given: str, folder: str, installed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Colab: from a variable, the checkout around or below the notebook, or the index."""
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    asked: list[str] = []
    shell.register_magic_function(asked.append, magic_name="pip")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACTLAB_SOURCE", given)
    if folder:
        (tmp_path / folder / "factlab").mkdir(parents=True)
        (tmp_path / folder / "pyproject.toml").touch()
        (tmp_path / folder / "factlab" / "pipeline.py").touch()
    # A clone in the folder makes a namespace of its name, which is not the package.
    clone = importlib.machinery.ModuleSpec("factlab", None) if folder == "factlab" else None
    monkeypatch.setattr("importlib.util.find_spec", lambda _: clone)
    (cell,) = [
        cell
        for cell in nbformat.read(ROOT / "docs" / "mount_fuji.ipynb", as_version=4).cells[:2]
        if cell.cell_type == "code"
    ]
    done = shell.run_cell(cell.source)
    assert asked == [f'install --quiet "{installed.format(here=tmp_path)}"']
    assert isinstance(done.error_in_exec, ModuleNotFoundError)
    assert "Set SOURCE" in str(done.error_in_exec)
