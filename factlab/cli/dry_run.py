"""`--dry-run`: full validation, sizes and estimates; writes nothing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.cli.output import complain, paragraph, say, say_json, table
from factlab.schema.splits import BELIEF_SPLITS

if TYPE_CHECKING:
    from factlab.conversations.selection import Length
    from factlab.experiment.experiment import Experiment
    from factlab.schema.config import RunConfig
    from factlab.workflows.estimate import Estimate


def show_dry_run(config: RunConfig, *, out: Path | None, as_json: bool) -> None:
    """Print what a run would do and take."""
    from factlab.experiment.plan import plan_experiment
    from factlab.experiment.spending import check_spending
    from factlab.memory.machine import memory_budget
    from factlab.models.resolve import check_model_name
    from factlab.remote.address import is_address
    from factlab.runs.opening import check_out
    from factlab.workflows.estimate import estimate

    check_out(out)
    for name in filter(None, (config.model, config.teacher)):
        if not is_address(name):
            check_model_name(name)
    plan = plan_experiment(config, _length(config))
    asked = check_spending(plan)
    if is_address(config.model) and not as_json:
        _show_plan(plan)
        for sentence in asked:
            paragraph(sentence)
        say("Nothing was asked or written.")
        return
    needs = estimate(plan)
    free = _Free(memory_budget().total_bytes or 0, _free_disk_bytes(out or Path("reports")))
    if as_json:
        say_json(_document(plan, needs, free))
        return
    _show_plan(plan)
    for sentence in asked:
        paragraph(sentence)
    _show_needs(plan, needs, free)
    say("Nothing was written.")


def terms_notes(config: RunConfig) -> list[str]:
    """What is to be accepted before a run can fetch its models."""
    from factlab.models.packaged import terms_to_accept

    names = [name for name in (config.model, config.teacher) if name]
    notes = [terms_to_accept(name, accepted=config.accept_license) for name in names]
    return [note for note in notes if note]


@dataclass(frozen=True, slots=True)
class _Free:
    """What the machine has."""

    memory_bytes: int
    disk_bytes: int


def _free_disk_bytes(where: Path) -> int:
    there = next(p for p in (where, *where.absolute().parents) if p.exists())
    return shutil.disk_usage(there).free


def _document(plan: Experiment, needs: Estimate, free: _Free) -> dict[str, Any]:
    return {
        "config": plan.config.model_dump(mode="json"),
        "cells": [cell.id for cell in plan.cells],
        "splits": _sizes(plan),
        "anchors": {fact: len(items) for fact, items in plan.anchors.items()},
        "sets": [one.model_dump(mode="json") for one in plan.sets],
        "to_accept": terms_notes(plan.config),
        "estimate": {
            "seconds": needs.seconds,
            "library_pass": needs.library,
            "memory_bytes": needs.memory_bytes,
            "disk_bytes": needs.disk_bytes,
        },
        "free": {"memory_bytes": free.memory_bytes, "disk_bytes": free.disk_bytes},
    }


def _show_plan(plan: Experiment) -> None:
    sizes = {fact: _for_a_screen(counts) for fact, counts in _sizes(plan).items()}
    splits = list(dict.fromkeys(split for counts in sizes.values() for split in counts))
    rows = [[fact, *(str(n.get(split, 0)) for split in splits)] for fact, n in sizes.items()]
    table(["fact", *splits], rows)
    for note in [*terms_notes(plan.config), *plan.notes]:
        complain(note)
    for one in plan.sets:
        held = "" if one.held_out is None else f", {one.held_out:,} of them held out"
        formats = ", ".join(f"{number:,} {name}" for name, number in one.formats.items())
        paragraph(
            f"{one.identity}: {one.used:,} of {one.rows:,} rows are used{held}. Formats: {formats}."
        )
    cells = "1 cell" if len(plan.cells) == 1 else f"{len(plan.cells)} cells"
    paragraph(f"{cells}: {', '.join(cell.id for cell in plan.cells)}")
    if all(cell.is_trained for cell in plan.cells):
        for recipe in plan.recipes:
            say(f"recipe: {recipe.name}. {recipe.about}")
    for cell in plan.cells:
        if cell.combined is not None:
            say(f"{cell.id}: {cell.combined.sentence()}")
        if cell.tuned is not None:
            say(f"{cell.id}: {cell.tuned.sentence()}: {cell.tuned.place}")


def _show_needs(plan: Experiment, needs: Estimate, free: _Free) -> None:
    if needs.seconds is None:
        say(f"time and memory: not estimated, since {plan.config.model} is not on this machine")
    else:
        say(f"time: about {_minutes(needs.seconds)} (rough; may be off by a factor of two)")
        if needs.library:
            paragraph(library_costs(plan))
        _show_memory(needs.memory_bytes, free.memory_bytes)
    disk = f"{needs.disk_bytes / 2**20:.0f} MiB of {free.disk_bytes / 2**30:.1f} GiB free"
    say(f"disk: about {disk}")


def library_costs(plan: Experiment) -> str:
    """Why the library computes a model, and what that costs."""
    given = plan.config.attention
    why = "its kind is not one that factlab's own decoder computes (docs/models.md)"
    if given != "auto":
        why = f"--attention {given} asks for it"
    return (
        f"The model is computed by the library's own forward pass, since {why}: rows are padded, "
        "what texts share is computed for each of them, and adapters are trained and asked one "
        "after the other. The time above does not count that; expect more."
    )


def _show_memory(needed: int | None, there: int) -> None:
    if needed is None:
        say("memory: not estimated, since the layers of this kind of model are not known here")
        return
    say(f"memory: about {needed / 2**30:.1f} GiB of {there / 2**30:.1f} GiB")
    if needed > there:
        complain("this is more memory than the machine has; choose a smaller model.")


def _length(config: RunConfig) -> Length | None:
    """Tokens of a conversation, if the model is on this machine; else the run applies the bound."""
    from factlab.models.tokens import preview_tokenizer

    tokenizer = None
    if config.mix or config.practice:
        tokenizer = preview_tokenizer(config.model, config.thinking)
    if tokenizer is None:
        return None
    return lambda c: sum(map(len, tokenizer.pair(c.question, c.answer, c.before)))


def _sizes(plan: Experiment) -> dict[str, dict[str, int]]:
    """Questions by fact and split; pairs that are trained on have a count of their own."""
    found = {}
    for fact in plan.facts:
        counts = {"train pairs": len(plan.expansions[fact.id].train)}
        for question in plan.evaluated([fact.id]):
            name = "train evaluated" if question.split == "train" else question.split
            counts[name] = counts.get(name, 0) + 1
        found[fact.id] = counts
    return found


def _for_a_screen(counts: dict[str, int]) -> dict[str, int]:
    """Counts in columns that a screen has room for: the kinds of questions of belief are one."""
    found: dict[str, int] = {}
    for split, number in counts.items():
        column = "belief" if split in BELIEF_SPLITS else split
        column = "asked" if column == "train evaluated" else column
        found[column] = found.get(column, 0) + number
    return found


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
