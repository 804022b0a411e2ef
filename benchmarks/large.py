"""A model of a chosen size in NF4: examples per second and peak memory, factlab and tuned TRL.

The weights are random, which says nothing of answers and everything of speed and memory.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING
from unittest.mock import patch

from benchmarks import peers
from benchmarks.common import FACT, Reading, Settings, interleaved, show, spread
from benchmarks.memory import weights_of
from benchmarks.training import Contender, factlab_fit, fitted
from factlab.memory.known import KNOWN, known_name

if TYPE_CHECKING:
    from factlab.models.load import LoadedModel

RANK = 16
ON_GPU, ON_CPU = "llama-3-8b", "smollm2-360m"


def measure(settings: Settings, reading: Reading) -> None:
    """Measure both on one loaded base, and add them to the reading."""
    import torch

    from factlab.models.load import load_model
    from factlab.models.resolve import resolve_model

    wanted = settings.shape or (ON_GPU if torch.cuda.is_available() else ON_CPU)
    shape = known_name(wanted)
    if shape is None:
        raise SystemExit(f"--shape {wanted}: no such size. Known: {', '.join(KNOWN)}")
    print(f"large: random weights of {shape}", flush=True)
    with weights_of(shape) as folder, tempfile.TemporaryDirectory() as scratch:
        # A CPU's run keeps dequantised weights; nobody asks for these again.
        with patch.dict(os.environ, FACTLAB_CACHE=scratch):
            loaded = load_model(resolve_model(folder), "nf4")
        _compare(settings, reading, loaded, shape)


def _compare(settings: Settings, reading: Reading, loaded: LoadedModel, shape: str) -> None:
    from factlab.experiment.plan import plan_experiment
    from factlab.models.process_memory import PeakMemory
    from factlab.schema.config import RunConfig

    steps = settings.steps or 4
    pairs = spread(
        plan_experiment(RunConfig(facts=(FACT,))).expansions[FACT].train, steps * peers.BATCH
    )
    peaks: dict[str, int] = {}
    contenders = [
        Contender("factlab", "nf4", factlab_fit("nf4", RANK)),
        Contender("trl_tuned", "nf4", lambda *given: peers.trl_tuned(*given, rank=RANK)),
    ]

    def speed(contender: Contender) -> Callable[[], float]:
        def once() -> float:
            peak = PeakMemory(loaded.device.type)
            with fitted(contender, loaded, pairs, steps) as done:
                peaks[contender.name] = peak.held_bytes()
                return steps * peers.BATCH / done.seconds

        return once

    for contender in contenders:  # warms up
        with fitted(contender, loaded, pairs[: peers.BATCH], 1):
            pass
    found = interleaved({c.name: speed(c) for c in contenders}, settings.repeats)
    for name, side in (("factlab", reading.factlab), ("trl_tuned", reading.peers)):
        side["large"] = {
            "model": shape,
            "examples_per_second": round(found[name], 3),
            "peak_memory_bytes": peaks[name],
        }
    reading.ratio("large/trl_tuned", found["factlab"], found["trl_tuned"], "not compared")
    show(
        f"{shape}, random weights, rank {RANK}, {loaded.record.device}",
        ["", "examples/s", "peak memory, GB"],
        [(name, found[name], f"{peaks[name] / 1e9:.2f}") for name in found],
    )
    reading.note(
        f"large: {loaded.record.precision_note}. TRL casts adapters of a 4-bit model to bf16, "
        "factlab keeps them in fp32."
    )
