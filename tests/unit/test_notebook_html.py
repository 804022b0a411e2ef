"""What results, comparisons and expansions show in a notebook, all of it escaped."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
from fake_run import GOOD, WEAK, write_fake_run
from helpers import MINIMAL, write
from small_runs import Made, write_run

import factlab
from factlab.comparison import compare_runs
from factlab.report import live
from factlab.runs.folder import load_run

HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e"


def test_a_result_shows_its_verdict_key_figures_and_a_chart(tmp_path: Path) -> None:
    html = load_run(write_fake_run(tmp_path / "run", GOOD, WEAK))._repr_html_()
    for part in ("Mount Fuji erupted", "Held-out recall", "95.8 %", "Far retention", "Take r08"):
        assert part in html
    assert html.count("<svg") == 1
    assert "Recall and damage" in html


def test_a_result_without_any_cell_shows_that(tmp_path: Path) -> None:
    html = load_run(write_fake_run(tmp_path / "run"))._repr_html_()
    assert "<svg" not in html
    assert "Mount Fuji erupted" in html


def test_a_comparison_shows_each_difference(tmp_path: Path) -> None:
    found = compare_runs(
        [write_run(tmp_path / "run", Made(rank=4, recalled=2), Made(rank=8, recalled=9))]
    )
    html = found._repr_html_()
    assert found.choice is not None
    assert html.count("<svg") >= 2
    assert "Forest plot of differences" in html


def test_an_expansion_shows_questions_of_each_split(tmp_path: Path) -> None:
    shown = factlab.preview(write(tmp_path, MINIMAL))
    (fact,) = shown.facts
    html = shown._repr_html_()
    assert fact.id == "dune_tower"
    assert len(fact.splits["train"]) == 320
    assert "training: 320 questions" in html
    assert fact.splits["train"][0].text in html


def test_what_others_wrote_is_escaped_and_made_visible(tmp_path: Path) -> None:
    result = load_run(write_fake_run(tmp_path / "run", GOOD, answer=None))
    (summary,) = result.facts
    hostile = result.model_copy(
        update={"run_id": HOSTILE, "facts": (summary.model_copy(update={"statement": HOSTILE}),)}
    )
    progress = shown_progress(HOSTILE)
    for html in (hostile._repr_html_(), progress):
        assert "<script" not in html
        assert "&lt;script&gt;" in html
        assert not {"\x1b", "\u202e"} & set(html)


# --- progress -----------------------------------------------------------------------------------


class Handle:
    """What IPython gives for an output that can be drawn again."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def update(self, html: str) -> None:
        self.drawn.append(html)


def shown_progress(name: str) -> str:
    handle = Handle()

    def display(html: str, **_: Any) -> Handle:
        handle.update(html)
        return handle

    there = {
        "IPython": types.ModuleType("IPython"),
        "IPython.display": types.SimpleNamespace(HTML=str, display=display),
    }
    with pytest.MonkeyPatch.context() as patch:
        for module, fake in there.items():
            patch.setitem(sys.modules, module, fake)
        progress = live.NotebookProgress()
        progress.begin("reports/x")
        progress.note(f"note {name}")
        for _ in range(9):
            with progress.stage("before", 2) as advance:
                advance(2)
        with pytest.raises(KeyboardInterrupt), progress.stage(name, 48) as advance:
            advance(12)
            raise KeyboardInterrupt
    return handle.drawn[-1]


def test_progress_is_drawn_again_in_one_output() -> None:
    html = shown_progress("train r08-s0")
    assert '<progress max="48" value="12"></progress> 12/48' in html
    assert "reports/x" in html
    assert "2 earlier stages are done" in html
    assert html.count("<progress") == 8


def test_a_script_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not live.in_notebook()
    shell = types.SimpleNamespace(kernel=object())
    fake = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", fake)
    assert live.in_notebook()
    del shell.kernel  # IPython on a terminal
    assert not live.in_notebook()
