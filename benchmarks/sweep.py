"""The sweep: ranks 2, 4, 8, 16, 32 × 3 seeds, trained and scored, end to end.

Factlab runs all cells by its pipeline, base measurement, statistics and report included, and reads
no answer that an earlier run stored. Its recipe is `plain`, the settings of the script. The peer is
a script that loops over the cells with the tuned SFTTrainer and scores each with lm_eval; it is
measured on the base and a cell or two, and scaled to all.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import peers
from benchmarks.common import FACT, Reading, Settings, median, show, spread
from benchmarks.training import RECALL_SLACK, as_it_is, recalled

if TYPE_CHECKING:
    from factlab.experiment.experiment import Experiment
    from factlab.models.resolve import ModelFiles
    from factlab.schema.config import RunConfig
    from factlab.schema.question import Question
    from factlab.schema.results import RunResult

RANKS = (2, 4, 8, 16, 32)
SEEDS = (0, 1, 2)
# Over the readings of `scoring.py`, which tries several, these were lm_eval's fastest.
ANSWER_BATCH = 96
OPTION_BATCH = 8


def measure(settings: Settings, reading: Reading) -> None:
    """Measure both sides and add them to the reading."""
    from factlab.experiment.plan import plan_experiment
    from factlab.models.resolve import resolve_model
    from factlab.pipeline import run_experiment

    config = _config(settings)
    plan = plan_experiment(config)
    cells = len(plan.cells)
    print(f"sweep: factlab, {cells} cells", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        out = settings.keep or Path(scratch) / "sweep"
        started = time.perf_counter()
        result, _ = run_experiment(config, out=out, fresh=True)
        ours = time.perf_counter() - started
    peer_cells = min(settings.peer_cells, cells)
    examples = _examples(plan)
    print(f"sweep: TRL and lm_eval, {peer_cells} of {cells} cells", flush=True)
    files = resolve_model(settings.model)
    base = _peer_base(files, plan, settings.peer_questions)
    peer = [
        _peer_cell(files, plan, examples, settings.peer_questions, seed)
        for seed in range(peer_cells)
    ]
    each = [seconds for seconds, _ in peer]
    theirs = base + cells * median(sum(one.values()) for one in each)
    parts = {key: round(median(one[key] for one in each), 1) for key in each[0]}
    recall, their_recall = _recall(result), median(recalled for _, recalled in peer)
    reading.factlab["sweep"] = {
        "seconds": round(ours, 1),
        "cells": cells,
        "recall_held_out": round(recall, 4),
    }
    reading.peers["sweep"] = {
        "seconds": round(theirs, 1),
        "base_seconds": round(base, 1),
        "cell_seconds": parts,
        "measured_cells": peer_cells,
        "recall_held_out": round(their_recall, 4),
    }
    asked = "all" if settings.peer_questions is None else str(settings.peer_questions)
    reading.note(
        f"the sweep of TRL and lm_eval was measured on the base and {peer_cells} of {cells} cells, "
        f"at rank {peers.RANK} and with {asked} questions each, and scaled up. Factlab's own was "
        "measured completely, at all ranks. It also measures drift and the new value's likelihood "
        "on controls, computes the base in other ways, and writes statistics and a report."
    )
    equal = "yes" if recall >= their_recall - RECALL_SLACK else "no"
    if math.isnan(their_recall):
        equal = "not compared"
    # Speeds, so that the ratio is factlab's advantage.
    reading.ratio("sweep/trl_and_lm_eval", 1 / ours, 1 / theirs, equal)
    rows = [
        ("factlab", ours, ours / cells, recall),
        ("TRL and lm_eval", theirs, sum(parts.values()), their_recall),
    ]
    columns = ["", "s", "s per cell", "held-out recall"]
    show(f"Sweep of {cells} cells, {examples} examples each", columns, rows)


def _config(settings: Settings) -> RunConfig:
    from factlab.schema.config import RunConfig

    cells = settings.cells or len(RANKS) * len(SEEDS)
    return RunConfig(
        facts=(FACT,),
        model=settings.model,
        recipe="plain",
        precision=("bf16",),
        checkpoints=0,
        rank=RANKS[:cells],
        seed=SEEDS[: max(1, cells // len(RANKS))],  # whole rows of the grid
        max_steps=settings.steps,
    )


def _examples(plan: Experiment) -> int:
    """Pairs that factlab trains a cell on, repetitions counted."""
    from factlab.training.steps import train_steps

    pairs = plan.training_pairs([FACT])
    return train_steps(len(pairs), plan.cells[0], plan.config.max_steps) * plan.recipe.batch_size


def _recall(result: RunResult) -> float:
    """Held-out recall of the cells at the peers' rank, or of all if there is none."""
    cells = [cell for cell in result.cells if cell.rank == peers.RANK] or result.cells
    return median(cell.metrics["recall/held_out"].value for cell in cells)


# --- the peer's script ------------------------------------------------------------------------


def _peer_base(files: ModelFiles, plan: Experiment, limit: int | None) -> float:
    """Seconds for the base: loaded once, with the questions that are not trained on."""
    from factlab.models.load import load_model
    from factlab.schema.splits import TRAINED_SPLITS

    asked = [q for q in plan.evaluated([FACT]) if q.split not in TRAINED_SPLITS]
    started = time.perf_counter()
    loaded = load_model(files, "bf16")
    return time.perf_counter() - started + _scoring(loaded.model, loaded, plan, asked, limit)[0]


def _peer_cell(
    files: ModelFiles, plan: Experiment, examples: int, limit: int | None, seed: int
) -> tuple[dict[str, float], float]:
    """One cell: a fresh model, the tuned trainer, and lm_eval on the questions.

    For the questions the adapter is merged into the weights, and the model computed as before it
    was trained: TRL's autocast around it and plain attention would slow them down.

    Returns:
        Seconds of each part, and held-out recall.
    """
    from factlab.models.load import load_model

    started = time.perf_counter()
    loaded = load_model(files, "bf16")
    loading = time.perf_counter() - started
    put_back = as_it_is(loaded.model)
    steps = max(1, examples // peers.BATCH)
    done = peers.trl_tuned(loaded, plan.training_pairs([FACT]), steps, seed)
    started = time.perf_counter()
    model = put_back(done.model.merge_and_unload())
    merging = time.perf_counter() - started
    scoring, recall = _scoring(model, loaded, plan, plan.evaluated([FACT]), limit)
    seconds = {
        "load": loading,
        "set_up": done.set_up_seconds,
        "train": done.seconds,
        "score": merging + scoring,
    }
    return seconds, recall


def _scoring(
    model: Any, loaded: Any, plan: Experiment, asked: Sequence[Question], limit: int | None
) -> tuple[float, float]:
    """Seconds to generate the answers and to score the options of the controls and questions.

    Only a sample of them is answered, if there is a limit; the time is that of all.

    Returns:
        The seconds, and the share of held-out questions that was answered right.
    """
    from benchmarks.scoring import option_rows
    from factlab.schema.question import Response

    sample = spread(asked, limit or len(asked))
    scored = [q for q in sample if q.split in ("held_out", "near", "far", "extra")]
    texts, options = [question.text for question in sample], option_rows(loaded, scored)
    started = time.perf_counter()
    lm = peers.harness(model, loaded.tokenizer, ANSWER_BATCH)
    said = peers.harness_texts(lm, loaded.tokenizer, texts, plan.config.max_new_tokens)
    lm = peers.harness(model, loaded.tokenizer, OPTION_BATCH)
    peers.harness_likelihoods(lm, options)
    seconds = (time.perf_counter() - started) * len(asked) / len(sample)
    own = [pair for pair in zip(sample, said, strict=True) if pair[0].split == "held_out"]
    # Whether an answer was cut is not known, and taken in its favour.
    return seconds, recalled(plan, [(q, Response(text, 0, finished=True)) for q, text in own])
