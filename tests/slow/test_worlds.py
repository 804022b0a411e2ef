"""The same command gives the same bytes whatever hash seed, locale, time zone and folder it has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from torture import contents

pytestmark = pytest.mark.long

SCRIPT = Path(__file__).parents[1] / "short_exam.py"
SETTINGS = (
    "--max-steps 2 --checkpoints 1 --train-pairs 24 --validation-pairs 8 --train-sample 8 "
    "--max-new-tokens 3 --generation-batch 128 --precision fp32 --anchor-prompts 12 --fresh"
)
LOCALES, ZONES = ("C", "C.UTF-8", "tr_TR.UTF-8"), ("UTC", "Asia/Kathmandu")


def run(model: Path, folder: Path, world: dict[str, str]) -> dict[str, str]:
    """What a run in a world of its own leaves behind."""
    folder.mkdir()
    command = [sys.executable, str(SCRIPT), "run", "mount_fuji", *SETTINGS.split()]
    done = subprocess.run(
        [*command, "--model", str(model), "--out", "run"],
        cwd=folder,
        env={**os.environ, **world, "FACTLAB_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return contents(folder / "run")


def world(number: int) -> dict[str, str]:
    return {
        "PYTHONHASHSEED": str(number),
        "LC_ALL": LOCALES[number % len(LOCALES)],
        "TZ": ZONES[number % len(ZONES)],
    }


def test_twenty_worlds_leave_the_same_run(tiny_folder: Path, tmp_path: Path) -> None:
    first = run(tiny_folder, tmp_path / "w0", world(0))
    for number in range(1, 20):
        assert run(tiny_folder, tmp_path / f"w{number}", world(number)) == first, world(number)
