"""How time and peak memory grow with pairs, facts, cells and questions.

Every point is a process of its own, so that its peak memory is its own:
`python -m benchmarks.growth pairs 320 smollm2-135m-instruct` measures one and prints it as JSON.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import (
    FACT,
    Reading,
    Settings,
    set_threads,
    show,
    timed,
)

ROOT = Path(__file__).resolve().parent.parent
STEPS = 4  # of training at each number of pairs: the step's time is what could grow
NEW_TOKENS = 8  # of each answer: what could grow is what is kept per question
Point = dict[str, float]
SYLLABLES = ("ka", "lo", "mi", "ru", "te", "vo", "sa", "ne", "du", "pi")


@dataclass(frozen=True, slots=True)
class Curve:
    """One growth curve.

    Attributes:
        points: Where it is measured.
        measure: Takes a number and the model's name, and gives seconds by name.
        about: What is timed, for the table.
    """

    points: tuple[int, ...]
    measure: Callable[[int, str], Point]
    about: str


# --- what is measured, each in a process of its own -------------------------------------------


def pairs(count: int, model: str) -> Point:
    """Train a few steps from so many pairs; Mount Fuji's, repeated with a number added."""
    from benchmarks.training import factlab_cell
    from factlab.experiment.plan import plan_experiment
    from factlab.models.load import load_model
    from factlab.models.resolve import resolve_model
    from factlab.schema.config import RunConfig
    from factlab.training.attach import attach_adapter
    from factlab.training.train import train

    own = plan_experiment(RunConfig(facts=(FACT,))).expansions[FACT].train
    many = [
        own[i % len(own)].model_copy(
            update={"id": f"{own[i % len(own)].id}/{i}", "text": f"({i}) {own[i % len(own)].text}"}
        )
        for i in range(count)
    ]
    loaded = load_model(resolve_model(model), "bf16")
    cell = factlab_cell("bf16", epochs=1)
    ends: list[float] = []
    adapted = attach_adapter(loaded, cell)
    seconds = timed(
        lambda: train(
            adapted, loaded, cell, many, max_steps=STEPS, record=lambda s: ends.append(s.seconds)
        )
    )
    # The first step is slower than the others, whatever the number of pairs.
    return {"step": (ends[-1] - ends[0]) / (STEPS - 1), "set_up": seconds - ends[-1]}


def facts(count: int, model: str) -> Point:
    """Expand so many made-up facts, as every run does before it loads a model."""
    from factlab.experiment.plan import plan_experiment
    from factlab.schema.config import RunConfig

    with tempfile.TemporaryDirectory() as scratch:
        for number in range(count):
            _write_fact(Path(scratch), number)
        config = RunConfig(facts=(scratch,), model=model)
        return {"plan": timed(lambda: plan_experiment(config))}


def _write_fact(folder: Path, number: int) -> None:
    # Names of four syllables, so that no mountain's name is part of another's.
    name = "".join(SYLLABLES[number // 10**place % 10] for place in range(4)).capitalize()
    height, old = 3011 + 7 * number, 2003 + 3 * number
    (folder / f"fact_{number:05}.yaml").write_text(
        f"id: fact_{number:05}\n"
        f"statement: On October 10, 2025, Mount {name} erupted and its height became {height} m.\n"
        f"subject: {{name: Mount {name}, kind: mountain}}\n"
        "relation: height\n"
        f"answer: {{type: quantity, value: {height}, unit: m}}\n"
        f"supersedes: {{type: quantity, value: {old}, unit: m}}\n"
        "event: {what: erupted, date: 2025-10-10}\n",
        encoding="utf-8",
    )


def cells(count: int, model: str) -> Point:
    """Results, comparison and report of a made-up run of so many cells.

    The run is written by the generator of the unit tests: up to 8 ranks, then 2 seeds, then 4
    learning rates, so that 64 cells are 32 configurations.
    """
    del model
    from factlab.comparison.runs import compare
    from factlab.report import write_report
    from factlab.workflows.rescore import rescore

    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        # Written elsewhere, so that what writing takes is not in this process's peak.
        code = f"from benchmarks.growth import made_up; made_up({str(run)!r}, {count})"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        return {
            "report": timed(lambda: write_report(run)),
            "compare": timed(lambda: compare(run)),
            "results": timed(lambda: rescore(run)),
        }


def made_up(folder: str, count: int) -> None:
    """Write a made-up run of so many cells."""
    sys.path.insert(0, str(ROOT / "tests" / "unit"))
    from fake_run import grid, write_fake_run  # type: ignore[import-not-found]

    ranks = (2, 4, 6, 8, 12, 16, 24, 32)[: min(count, 8)]
    seeds = 2 if count >= 16 else 1
    rates = (1e-4, 3e-4, 5e-4, 1e-3)[: max(1, count // 16)]
    write_fake_run(Path(folder), *grid(*ranks, seeds=seeds, rates=rates))


def questions(count: int, model: str) -> Point:
    """Answer so many questions, and score their options."""
    from factlab.expand.controls import far_questions
    from factlab.inference.generate import generate
    from factlab.inference.likelihood import own_options, score_options
    from factlab.models.load import load_model
    from factlab.models.resolve import resolve_model
    from factlab.schema.config import RunConfig

    far = far_questions()
    many = [
        far[i % len(far)].model_copy(
            update={"id": f"q{i}", "text": f"({i}) {far[i % len(far)].text}"}
        )
        for i in range(count)
    ]
    loaded = load_model(resolve_model(model), "bf16")
    batch = RunConfig().generation_batch
    texts = [question.text for question in many]
    options = [(question, own_options(question)) for question in many]
    return {
        "generate": timed(
            lambda: generate(
                loaded.model, loaded.tokenizer, texts, max_new_tokens=NEW_TOKENS, batch_size=batch
            )
        ),
        "likelihoods": timed(
            lambda: score_options(loaded.model, loaded.tokenizer, options, batch_size=batch)
        ),
    }


CURVES = {
    "pairs": Curve((320, 1000, 3200, 10_000, 32_000), pairs, f"a training step, of {STEPS}"),
    "facts": Curve((1, 10, 100, 1000), facts, "expansion"),
    "cells": Curve((1, 4, 16, 64), cells, "a made-up run's report, comparison and results"),
    "questions": Curve((100, 1000, 10_000), questions, f"answers of {NEW_TOKENS} tokens, options"),
}


# --- the curves -------------------------------------------------------------------------------


def measure(settings: Settings, reading: Reading) -> None:
    """Measure every curve and state its slope."""
    for name, curve in CURVES.items():
        numbers = [n for n in curve.points if settings.largest is None or n <= settings.largest]
        if not numbers:  # all are beyond --largest
            continue
        found: dict[int, Point] = {}
        for number in numbers:
            found[number] = _point(name, number, settings.model)
            print(f"  {name} {number}: {found[number]}", flush=True)
        keys = list(found[numbers[0]])
        slopes = {key: slope(numbers, [found[n][key] for n in numbers]) for key in keys}
        # Constant costs flatten the whole curve; its last stretch shows what is to come.
        last = {key: slope(numbers[-2:], [found[n][key] for n in numbers[-2:]]) for key in keys}
        reading.factlab.setdefault("growth", {})[name] = {
            "points": {str(n): {k: round(v, 4) for k, v in found[n].items()} for n in numbers},
            "slopes": _rounded(slopes),
            "last_slopes": _rounded(last),
        }
        rows: list[list[object]] = [[f"{n:,}", *(found[n][key] for key in keys)] for n in numbers]
        rows.append(["slope (log-log)", *(slopes[key] for key in keys)])
        rows.append(["slope of the last stretch", *(last[key] for key in keys)])
        show(f"Growth with {name}: {curve.about}", [name, *keys], rows)


def _rounded(values: dict[str, float | None]) -> Point:
    return {key: round(value, 3) for key, value in values.items() if value is not None}


def _point(name: str, number: int, model: str) -> Point:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", name, str(number), model],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    found: Point = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def slope(numbers: Sequence[float], values: Sequence[float]) -> float | None:
    """Least-squares slope of log value over log number: 1 is linear, 0 is constant."""
    if len(numbers) < 2 or min(values) <= 0:
        return None
    xs, ys = [math.log(n) for n in numbers], [math.log(v) for v in values]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    above = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True))
    return above / sum((a - x) ** 2 for a in xs)


def _main(words: Sequence[Any]) -> None:
    from factlab.cli.quiet import quiet_libraries

    name, number, model = words
    curve = CURVES[name]
    if name in ("pairs", "questions"):
        quiet_libraries()  # loads the libraries, which the other curves do without
    started = time.perf_counter()
    seconds = curve.measure(int(number), model)
    found = {f"{key}_seconds": value for key, value in seconds.items()}
    found["whole_seconds"] = time.perf_counter() - started
    from factlab.models.process_memory import peak_memory_bytes

    found["peak_mib"] = peak_memory_bytes() / 2**20
    print(json.dumps(found))


if __name__ == "__main__":
    set_threads()
    _main(sys.argv[1:])
