"""Cells side by side: adapters trained in one batch, one after the other, and by tuned TRL.

Where it pays, `--pack` does it; on a CPU the planner does not. All train the same pairs for the
same steps, factlab's cells at ranks 2 to 32, TRL at 8. Every time is of the whole call, data and
trainer included.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import peers
from benchmarks.common import FACT, Reading, Settings, interleaved, show, timed
from benchmarks.sweep import RANKS
from benchmarks.training import factlab_cell, fitted, trl_tuned_contender

if TYPE_CHECKING:
    from factlab.models.load import LoadedModel
    from factlab.schema.config import Cell
    from factlab.schema.question import Question

MOST = 16


@dataclass(frozen=True, slots=True)
class Trained:
    """What training some cells side by side took.

    Attributes:
        seconds: Of all of them.
        peak_bytes: Memory held at the most.
        losses: Each cell's mean over its last steps, in nats.
    """

    seconds: float
    peak_bytes: int
    losses: Sequence[float]


def measure(settings: Settings, reading: Reading) -> None:
    """Measure groups of 1, 2, 4, … cells, and the peer, and add them to the reading."""
    from factlab.experiment.plan import plan_experiment
    from factlab.models.load import load_model
    from factlab.models.resolve import resolve_model
    from factlab.schema.config import RunConfig

    plan = plan_experiment(RunConfig(facts=(FACT,), model=settings.model))
    pairs = plan.expansions[FACT].train
    loaded = load_model(resolve_model(settings.model), "bf16")
    count, steps = settings.cells or MOST, settings.steps or 10
    sizes = [size for size in (1, 2, 4, 8, 16, 32, 64) if size <= count]
    last: dict[int, Trained] = {}

    def together(size: int) -> float:
        last[size] = trained(loaded, _cells(size, steps, len(pairs)), pairs, steps)
        return last[size].seconds / size

    def alone() -> float:
        with fitted(trl_tuned_contender(), loaded, pairs, steps) as done:
            return done.seconds + done.set_up_seconds

    for size in sizes:  # warms up
        trained(loaded, _cells(size, 1, len(pairs)), pairs, 1)
    with fitted(trl_tuned_contender(), loaded, pairs, 1):
        pass
    print(f"cells: {settings.repeats} rounds of {steps} steps each", flush=True)
    seconds = interleaved(
        {"trl_tuned": alone, **{str(size): partial(together, size) for size in sizes}},
        settings.repeats,
    )
    apart = max(abs(last[size].losses[0] / last[1].losses[0] - 1) for size in sizes)
    reading.note(
        f"the first cell's final loss beside others differs by {apart:.1e} of its loss alone."
    )
    reading.peers["cells"] = {"trl_tuned": {"seconds_per_cell": round(seconds["trl_tuned"], 3)}}
    reading.factlab["cells"] = {
        str(size): {
            "seconds_per_cell": round(seconds[str(size)], 3),
            "peak_memory_bytes": last[size].peak_bytes,
        }
        for size in sizes
    }
    best = min(sizes, key=lambda size: seconds[str(size)])
    for name, size in (("alone", 1), ("best", best)):
        reading.ratio(
            f"cells/{name}", 1 / seconds[str(size)], 1 / seconds["trl_tuned"], "not compared"
        )
    rows: list[Sequence[object]] = [
        (size, seconds[str(size)], 3600 / seconds[str(size)], f"{last[size].peak_bytes / 1e9:.2f}")
        for size in sizes
    ]
    rows.append(("TRL tuned", seconds["trl_tuned"], 3600 / seconds["trl_tuned"], None))
    show(
        f"Cells side by side, {steps} steps of {peers.BATCH} pairs each",
        ["cells", "s per cell", "cells per hour", "peak memory, GB"],
        rows,
    )


def _cells(size: int, steps: int, pairs: int) -> list[Cell]:
    """Cells of ranks in turn, each with a seed of its own; the first is the peer's."""
    ranks = sorted(RANKS, key=lambda rank: rank != peers.RANK)
    first = factlab_cell("bf16", steps * peers.BATCH / pairs)
    return [
        first.model_copy(update={"id": f"c{n}", "rank": ranks[n % len(ranks)], "seed": n})
        for n in range(size)
    ]


def trained(
    loaded: LoadedModel, cells: Sequence[Cell], pairs: Sequence[Question], steps: int
) -> Trained:
    """Train cells side by side, and leave the base as it was."""
    from factlab.models.process_memory import PeakMemory
    from factlab.training.attach import attached
    from factlab.training.job import AdapterJob
    from factlab.training.train import train_together

    names = [f"c{number}" for number in range(len(cells))]
    losses = [0.0] * len(cells)
    peak = PeakMemory(loaded.device.type)

    def work() -> None:
        with attached(loaded, cells, names) as (model, _):
            jobs = [
                AdapterJob(cell, pairs, name=name) for cell, name in zip(cells, names, strict=True)
            ]
            done = train_together(model, loaded, jobs, max_steps=steps)
            losses[:] = [one.record.final_loss_nats or 0.0 for one in done]

    seconds = timed(work)
    gc.collect()
    return Trained(seconds, peak.held_bytes(), losses)
