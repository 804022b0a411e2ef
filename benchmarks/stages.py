"""The whole of `factlab run mount_fuji` with warm caches, by stage."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common import FACT, Reading, Settings, median, show, timed

IMPORTS = {
    "start the command": "import factlab.cli",
    "import what computes": "import torch, transformers, peft, trl, datasets, factlab.pipeline",
}


class Clock:
    """A progress that remembers how long each stage took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """Time a stage; stages of one name are added up."""
        del total
        started = time.perf_counter()
        yield lambda _: None
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def begin(self, folder: str) -> None:
        """Nothing is shown."""

    def note(self, message: str) -> None:
        """Nothing is shown."""


def measure(settings: Settings, reading: Reading) -> None:
    """Measure a run and what starting it takes."""
    starting = {name: median(_python(code) for _ in range(3)) for name, code in IMPORTS.items()}
    starting["import what computes"] -= min(_python("pass") for _ in range(3))
    clock, whole = _run(settings)
    # A model may be given by its path, which is nobody's business.
    named = {n.replace(settings.model, "the model"): s for n, s in clock.seconds.items()}
    stages = starting | named
    stages["between the stages"] = whole - sum(clock.seconds.values())
    total = sum(starting.values()) + whole
    reading.factlab["stages"] = {
        "seconds": round(total, 1),
        "by_stage": {name: round(seconds, 2) for name, seconds in stages.items()},
    }
    rows = [(name, seconds, f"{seconds / total:.0%}") for name, seconds in stages.items()]
    show("factlab run mount_fuji", ["", "s", "share"], [*rows, ("all", total, "100%")])


def _python(code: str) -> float:
    """Seconds of a process that runs a line of Python."""
    return timed(lambda: subprocess.run([sys.executable, "-c", code], check=True))


def _run(settings: Settings) -> tuple[Clock, float]:
    """A run in this process, where everything is imported already: imports are timed apart."""
    import datasets  # noqa: F401
    import peft  # noqa: F401
    import trl  # noqa: F401

    from factlab.pipeline import run_experiment
    from factlab.schema.config import RunConfig

    config = RunConfig(facts=(FACT,), model=settings.model, max_steps=settings.steps)
    clock = Clock()
    with tempfile.TemporaryDirectory() as scratch:
        whole = timed(lambda: run_experiment(config, out=Path(scratch) / "run", progress=clock))
    return clock, whole
