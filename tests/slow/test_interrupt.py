"""Ctrl-C in a real process: exit code 3, and the printed command goes on where it stopped."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from factlab.runs.folder import RunFolder

FACTLAB = [sys.executable, str(Path(__file__).parents[1] / "short_exam.py")]


def test_a_run_stopped_by_ctrl_c_is_resumed_by_the_command_it_prints(
    tiny_folder: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "small.yaml"
    settings.write_text(
        "train_pairs: 24\nvalidation_pairs: 8\ntrain_sample: 8\nmax_new_tokens: 1\n"
        "belief_questions: 0\n"
        "generation_batch: 128\nprecision: fp32\n"
        f"facts: [ondine_museum]\nmodel: {tiny_folder}\n"
    )
    ranks = "2,3"
    command = [*FACTLAB, "run", "--config", str(settings), "--max-steps", "2", "--rank", ranks]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    first = None
    while first is None and process.poll() is None:
        first = next(tmp_path.glob("reports/*/cells/r02-s0/cell.json"), None)
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 3, said
    assert "Traceback" not in said
    assert first is not None
    kept = first.stat().st_mtime_ns
    folder = RunFolder(first.parents[2])
    assert folder.record().status == "interrupted"
    again = shlex.split(said.partition("To resume: ")[2])
    assert again[0] == "factlab"
    # The command was started by a script here, so its own words begin after that.
    resumed = subprocess.run(
        [*FACTLAB, *again[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    assert folder.record().status == "complete"
    assert len(folder.finished_cells()) == 2
    assert first.stat().st_mtime_ns == kept
