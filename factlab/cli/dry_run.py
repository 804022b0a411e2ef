"""`factlab run --dry-run`: full validation, sizes and estimates; writes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.cli.output import complain, paragraph, say, table

if TYPE_CHECKING:
    from factlab.conversations.draw import Length
    from factlab.schema.config import RunConfig


def show_dry_run(config: RunConfig, *, out: Path | None, as_json: bool) -> None:
    """Print what a run would do and take."""
    from factlab.experiment.plan import plan_experiment
    from factlab.memory.machine import memory_budget
    from factlab.models.resolve import check_model_name
    from factlab.workflows.estimate import estimate

    check_model_name(config.model)
    plan = plan_experiment(config, _length(config))
    needs = estimate(plan)
    where = out or Path("reports")
    there = next(p for p in (where, *where.absolute().parents) if p.exists())
    free = shutil.disk_usage(there).free
    memory = memory_budget().total_bytes or 0
    sizes = {
        fact.id: _sizes(plan.asked([fact.id]), plan.expansions[fact.id]) for fact in plan.facts
    }
    if as_json:
        found: dict[str, Any] = {
            "config": config.model_dump(mode="json"),
            "cells": [cell.id for cell in plan.cells],
            "splits": sizes,
            "anchors": {fact: len(items) for fact, items in plan.anchors.items()},
            "sets": [one.model_dump(mode="json") for one in plan.sets],
            "estimate": {
                "seconds": needs.seconds,
                "memory_bytes": needs.memory_bytes,
                "disk_bytes": needs.disk_bytes,
            },
            "free": {"memory_bytes": memory, "disk_bytes": free},
        }
        say(json.dumps(found, indent=1))
        return
    splits = list(dict.fromkeys(split for counts in sizes.values() for split in counts))
    rows = [[fact, *(str(n.get(split, 0)) for split in splits)] for fact, n in sizes.items()]
    table(["fact", *splits], rows)
    for note in plan.notes:
        complain(note)
    for one in plan.sets:
        held = "" if one.held_out is None else f", {one.held_out:,} of them held out"
        paragraph(f"{one.identity}: {one.used:,} of {one.rows:,} rows are used{held}.")
    cells = "1 cell" if len(plan.cells) == 1 else f"{len(plan.cells)} cells"
    paragraph(f"{cells}: {', '.join(cell.id for cell in plan.cells)}")
    if config.combine is None:
        say(f"recipe: {plan.recipe.name}. {plan.recipe.about}")
    for cell in plan.cells:
        if cell.combined is not None:
            say(f"{cell.id}: {cell.combined.sentence()}")
    if needs.seconds is None:
        say(f"time and memory: not estimated, since {config.model} is not on this machine")
    else:
        say(f"time: about {_minutes(needs.seconds)} (rough; may be off by a factor of two)")
        _say_memory(needs.memory_bytes, memory)
    say(f"disk: about {needs.disk_bytes / 2**20:.0f} MiB of {free / 2**30:.1f} GiB free")
    say("Nothing was written.")


def _say_memory(needed: int | None, there: int) -> None:
    if needed is None:
        say("memory: not estimated, since the layers of this kind of model are not known here")
        return
    say(f"memory: about {needed / 2**30:.1f} GiB of {there / 2**30:.1f} GiB")
    if needed > there:
        complain("this is more memory than the machine has; choose a smaller model.")


def _length(config: RunConfig) -> Length | None:
    """Tokens of a conversation, if the model is on this machine; else the bound waits for it."""
    from factlab.models.tokens import preview_tokenizer

    tokenizer = preview_tokenizer(config.model) if config.mix or config.practice else None
    if tokenizer is None:
        return None
    return lambda c: sum(map(len, tokenizer.pair(c.question, c.answer, c.before)))


def _sizes(asked: Any, expansion: Any) -> dict[str, int]:
    counts = {"train pairs": len(expansion.train)}
    for question in asked:
        name = "train asked" if question.split == "train" else question.split
        counts[name] = counts.get(name, 0) + 1
    return counts


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
