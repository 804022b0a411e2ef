"""The sweep: ranks 2, 4, 8, 16, 32 × 3 seeds, trained and scored, end to end.

Factlab runs all cells by its pipeline, base measurement, statistics and report included, and reads
no reply that an earlier run kept. The peer is a script that loops over the cells with the tuned
SFTTrainer and scores each with lm_eval; it is measured on the base and a cell or two, and what it
would take for all is that times the number of cells.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import peers
from benchmarks.common import FACT, Reading, Settings, median, show, spread, timed

if TYPE_CHECKING:
    from factlab.models.resolve import ModelFiles
    from factlab.plan import RunPlan
    from factlab.schema.config import RunConfig
    from factlab.schema.question import Question

RANKS = (2, 4, 8, 16, 32)
SEEDS = (0, 1, 2)
HARNESS_BATCH = 64


def measure(settings: Settings, reading: Reading) -> None:
    """Measure both sides and add them to the reading."""
    from factlab.models.resolve import resolve_model
    from factlab.pipeline import run_config
    from factlab.plan import plan_run

    config = _config(settings)
    plan = plan_run(config)
    cells = len(plan.cells)
    print(f"sweep: factlab, {cells} cells", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        out = settings.keep or Path(scratch) / "sweep"
        ours = timed(lambda: run_config(config, out=out, fresh=True))
    peer_cells = min(settings.peer_cells, cells)
    examples = _examples(plan)
    print(f"sweep: TRL and lm_eval, {peer_cells} of {cells} cells", flush=True)
    files = resolve_model(settings.model)
    base = _peer_base(files, plan, settings.peer_questions)
    each = [
        _peer_cell(files, plan, examples, settings.peer_questions, seed)
        for seed in range(peer_cells)
    ]
    theirs = base + cells * median(sum(one.values()) for one in each)
    parts = {key: round(median(one[key] for one in each), 1) for key in each[0]}
    reading.factlab["sweep"] = {"seconds": round(ours, 1), "cells": cells}
    reading.peers["sweep"] = {
        "seconds": round(theirs, 1),
        "base_seconds": round(base, 1),
        "cell_seconds": parts,
        "measured_cells": peer_cells,
    }
    asked = "all" if settings.peer_questions is None else str(settings.peer_questions)
    reading.note(
        f"the sweep of TRL and lm_eval was measured on the base and {peer_cells} of {cells} cells, "
        f"at rank {peers.RANK} and with {asked} questions each, and multiplied. Factlab's own was "
        "measured whole, by its default recipe: in NF4, which it computes in bf16, and in steps of "
        f"{plan.recipe.batch_size} pairs, where the script has a bf16 base and steps of "
        f"{peers.BATCH}. It also trains on anchors, measures drift, asks the base again, follows a "
        "panel while training, and writes statistics and a report."
    )
    # Speeds, so that the ratio is factlab's advantage.
    reading.ratio("sweep/trl_and_lm_eval", 1 / ours, 1 / theirs, "see training and scoring")
    rows = [
        ("factlab", ours, ours / cells),
        ("TRL and lm_eval", theirs, sum(parts.values())),
    ]
    show(f"Sweep of {cells} cells, {examples} examples each", ["", "s", "s per cell"], rows)


def _config(settings: Settings) -> RunConfig:
    from factlab.schema.config import RunConfig

    cells = settings.cells or len(RANKS) * len(SEEDS)
    return RunConfig(
        facts=(FACT,),
        model=settings.model,
        rank=RANKS[:cells],
        seed=SEEDS[: max(1, cells // len(RANKS))],  # whole rows of the grid
        max_steps=settings.steps,
    )


def _examples(plan: RunPlan) -> int:
    """Pairs that factlab trains a cell on, repetitions counted."""
    from factlab.training.steps import train_steps

    pairs = plan.trained([FACT])
    return train_steps(len(pairs), plan.cells[0], plan.config.max_steps) * plan.recipe.batch_size


# --- the peer's script ------------------------------------------------------------------------


def _peer_base(files: ModelFiles, plan: RunPlan, limit: int | None) -> float:
    """Seconds for the base: loaded once, asked what is not trained on."""
    from factlab.models.load import load_model
    from factlab.schema.question import TRAINED_SPLITS

    asked = [q for q in plan.asked([FACT]) if q.split not in TRAINED_SPLITS]
    started = time.perf_counter()
    loaded = load_model(files, "bf16")
    return time.perf_counter() - started + _scoring(loaded.model, loaded, plan, asked, limit)


def _peer_cell(
    files: ModelFiles, plan: RunPlan, examples: int, limit: int | None, seed: int
) -> dict[str, float]:
    """Seconds for one cell: a fresh model, the tuned trainer, and lm_eval on the questions."""
    from factlab.models.load import load_model

    started = time.perf_counter()
    loaded = load_model(files, "bf16")
    loading = time.perf_counter() - started
    steps = max(1, examples // peers.BATCH)
    done = peers.trl_tuned(loaded, plan.trained([FACT]), steps, seed)
    scoring = _scoring(done.model, loaded, plan, plan.asked([FACT]), limit)
    return {
        "load": loading,
        "set_up": done.set_up_seconds,
        "train": done.seconds,
        "score": scoring,
    }


def _scoring(
    model: Any, loaded: Any, plan: RunPlan, asked: Sequence[Question], limit: int | None
) -> float:
    """Seconds to generate the answers and to score the options of the controls and questions."""
    from benchmarks.scoring import option_rows

    sample = spread(asked, limit or len(asked))
    scored = [q for q in sample if q.split in ("held_out", "near", "far", "extra")]
    started = time.perf_counter()
    lm = peers.harness(model, loaded.tokenizer, HARNESS_BATCH)
    texts = [question.text for question in sample]
    peers.harness_texts(lm, loaded.tokenizer, texts, plan.config.max_new_tokens)
    peers.harness_likelihoods(lm, option_rows(loaded, scored))
    return (time.perf_counter() - started) * len(asked) / len(sample)
