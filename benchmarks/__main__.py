"""`python -m benchmarks [PART…] [--quick] [--json FILE]`: see README.md beside this file."""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path

from benchmarks.common import Reading, Settings, set_threads

PARTS = (
    "training", "scoring", "sweep", "growth", "stages", "adapters", "memory", "cells", "large",
    "families",
)  # fmt: skip
QUICK_PARTS = ("training", "scoring")


def main() -> None:
    """Measure the named parts, one after the other."""
    parser = _parser()
    given = parser.parse_args()
    if given.tutorial_gate and (given.quick or not given.gate_steps):
        parser.error("--tutorial-gate: there is no gate with --quick or --gate-steps 0")
    if given.keep is not None and given.keep.exists():
        parser.error(f"--keep {given.keep}: this folder exists; name a new one")
    set_threads()  # before anything imports torch
    from factlab.cli.quiet import quiet_libraries
    from factlab.schema.config import EMBEDDED_MODEL

    quiet_libraries()
    quick = given.quick
    settings = Settings(
        quick=quick,
        model=given.model or EMBEDDED_MODEL,
        repeats=given.repeats or (2 if quick else 3),
        steps=given.steps,
        gate_steps=given.gate_steps,
        tutorial_gate=given.tutorial_gate,
        questions=given.questions or (16 if quick else 96),
        cells=given.cells,
        peer_cells=given.peer_cells,
        peer_questions=given.peer_questions,
        keep=given.keep,
        largest=given.largest,
        shape=given.shape,
    )
    reading = Reading()
    started = time.perf_counter()
    for part in given.parts or (QUICK_PARTS if quick else PARTS):
        importlib.import_module(f"benchmarks.{part}").measure(settings, reading)
        if given.json is not None:  # after every part: a long run that stops keeps what it has
            reading.write(given.json)
    _summary(reading, time.perf_counter() - started)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}; all if none is named")
    add("--quick", action="store_true", help="training and scoring ratios in under 5 minutes")
    add("--json", type=Path, metavar="FILE", help="write all results to a file")
    add("--model", help="embedded model name, local folder, or hub id; not of memory")
    add("--repeats", type=int, help="interleaved repetitions (3; quick: 2)")
    add(
        "--steps",
        type=int,
        help="training: steps per repetition (10; quick: 2); sweep and "
        "stages: steps per cell (all)",
    )
    add("--gate-steps", type=int, default=40, help="steps before quality is compared; 0: no gate")
    add("--tutorial-gate", action="store_true", help="the batch-1 tutorial passes the gate too")
    add("--questions", type=int, help="questions of each scoring measurement (96; quick: 16)")
    add("--cells", type=int, help="cells of the sweep (15); the largest number side by side (16)")
    add("--peer-cells", type=int, default=1, help="cells of the sweep that the peer is measured on")
    add("--peer-questions", type=int, help="questions of the peer's sweep, scaled to all (all)")
    add(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="a new folder to store factlab's run of the sweep in",
    )
    add("--largest", type=int, help="the largest point of each growth curve")
    add("--shape", help="large: size of its random model (llama-3-8b; smollm2-360m on a CPU)")
    return parser


def _summary(reading: Reading, seconds: float) -> None:
    from benchmarks.common import show

    rows = [(name, f"{r:.2f}×", reading.quality[name]) for name, r in reading.ratios.items()]
    if rows:
        show("factlab is faster by", ["", "ratio", "equal quality"], rows)
    print(f"{seconds:.0f} s in all")


if __name__ == "__main__":
    main()
