"""A practice run on real weights: what was held out becomes more probable, and is answered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from factlab.report.verdict import verdict
from factlab.runs.folder import RunFolder, load_run

pytestmark = pytest.mark.model


def test_practice_lowers_the_loss_on_what_was_held_out(tmp_path: Path) -> None:
    short = tmp_path / "short.yaml"
    short.write_text(
        "max_new_tokens: 16\npractice: everyday\ncheckpoints: 0\nfar: 16\nbatch_size: 8\n"
    )
    command = [sys.executable, str(Path(__file__).parents[1] / "short_exam.py"), "run"]
    command += ["--config", str(short), "--max-steps", "8", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folder = RunFolder(tmp_path / "run")
    result = load_run(folder.path)
    metrics, base = result.cells[0].metrics, result.base.metrics
    change = metrics["nll_change/practice"]
    assert change.ci_high is not None
    assert change.ci_high < 0
    assert metrics["token_accuracy/practice"].value > base["token_accuracy/practice"].value
    assert 0.2 < base["token_accuracy/practice"].value < 0.9
    assert metrics["retention/far"].n > 3
    assert metrics["drift/kl"].value > 0
    assert verdict(result).startswith("Practised: on 19 held-out conversations the loss went from")
    assert folder.report_file.stat().st_size < 2_000_000
