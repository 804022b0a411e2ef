"""A run that is over in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import factlab

SMALL = {
    "precision": "fp32",
    "train_pairs": 24,
    "validation_pairs": 8,
    "train_sample": 8,
    "belief_questions": 0,
    "max_steps": 2,
    "max_new_tokens": 3,
    "generation_batch": 128,
}


def run(model: Path, out: Path, **settings: Any) -> factlab.RunResult:
    return factlab.run("mount_fuji", model=str(model), out=out, **{**SMALL, **settings})
