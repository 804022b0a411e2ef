"""Adapters of finished runs → the settings of a run that combines them; see `factlab combine`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from factlab.comparison.loaded import fingerprints, measured_questions
from factlab.errors import ConfigError
from factlab.experiment.experiment import Experiment
from factlab.experiment.plan import plan_experiment
from factlab.reading.paths import real
from factlab.runs.adapters import (
    StoredAdapter,
    StoredRun,
    check_addable,
    check_one_base,
    open_runs,
)
from factlab.schema.combine import DENSITY, Combination, How
from factlab.schema.config import RunConfig
from factlab.schema.fact import find_facts, load_source
from factlab.schema.options import chosen_by
from factlab.schema.splits import COMPARED_SPLITS
from factlab.schema.yaml import did_you_mean

# Settings that decide what an adapter is evaluated on, so that runs must agree on them.
SAME_EVALUATION = tuple(
    name
    for name in chosen_by(RunConfig, lambda flag: flag.untrained)
    if name not in ("model", "precision", "seed")  # checked with the adapters, or given anew
)


def combination(
    runs: Sequence[Path],
    *,
    cells: Sequence[str] = (),
    how: Sequence[How] = ("linear",),
    weights: Sequence[Sequence[float]] = (),
    any_sum: bool = False,
    density: float = DENSITY,
    svd_rank: int | None = None,
    seed: Sequence[int] = (0,),
) -> RunConfig:
    """The settings of a run that combines adapters, everything checked that needs no model.

    Args:
        runs: Run folders.
        cells: Which cells of them: one for each run; or one for all; or several of one run.
        how: Methods, one combination each.
        weights: Weights, one combination each; none: the same weight for all.
        any_sum: Allow weights that do not sum to 1.
        density: Share of the values that is kept, in methods that drop some.
        svd_rank: Rank of the result of svd methods; None for the largest of the adapters'.
        seed: Of the values that are dropped at random.

    Raises:
        FactlabError: for whatever keeps these adapters from being combined, in a sentence.
    """
    adapters = _chosen(open_runs(runs), cells)
    _refuse_twice(adapters)
    check_one_base(adapters)
    _check_settings(adapters)
    check_addable([adapter.folder for adapter in adapters])
    first = adapters[0].run
    try:
        asked = Combination(
            adapters=tuple(adapter.source() for adapter in adapters),
            base=first.model.sha256,
            how=tuple(how),
            weights=tuple(map(tuple, weights)),
            any_sum=any_sum,
            density=density,
            svd_rank=svd_rank,
        )
        config = RunConfig(
            facts=_fact_files(adapters),
            model=first.config.model,
            seed=tuple(seed),
            combine=asked,
            **{"precision": (adapters[0].cell.precision,)},
            **{name: getattr(first.config, name) for name in SAME_EVALUATION},
        )
    except ValidationError as error:
        raise ConfigError(_said(error)) from None
    _check_questions(plan_experiment(config), adapters)
    return config


def _said(error: ValidationError) -> str:
    """The first complaint, as the command line names what it is about."""
    first = error.errors()[0]
    if first["type"] == "value_error":
        text = str(first["ctx"]["error"])
        name, _, rest = text.partition(": ")
        return f"--{name.replace('_', '-')} {rest}" if name != "adapters" else rest
    name = str(first["loc"][0]).replace("_", "-")
    return f"--{name} {first['input']}: {first['msg'].lower()}."


def _chosen(runs: Sequence[StoredRun], cells: Sequence[str]) -> list[StoredAdapter]:
    """The adapters that runs and cells name together."""
    if len(runs) == 1 and len(cells) > 1:
        return [_adapter(runs[0], cell) for cell in cells]
    if len(cells) not in (0, 1, len(runs)):
        raise ConfigError(
            f"{len(cells)} cells are named for {len(runs)} runs. Name one for each run in their "
            "order, one that all of them have, or several of a single run."
        )
    named = cells if len(cells) > 1 else [cells[0] if cells else None] * len(runs)
    found = [_adapter(run, cell) for run, cell in zip(runs, named, strict=True)]
    if len(found) < 2:
        raise ConfigError(
            "combine needs at least two adapters. Name two runs, or one run with several cells: "
            "`factlab combine RUN --cell A --cell B`."
        )
    return found


def _adapter(run: StoredRun, name: str | None) -> StoredAdapter:
    ids = [cell.id for cell in run.cells]
    if name is None:
        usable = [cell.id for cell in run.cells if run.has_adapter(cell.id)]
        if len(ids) > 1:
            raise ConfigError(
                f"{run.path}: this run has {len(ids)} cells, so say which to combine with --cell: "
                f"{', '.join(usable)}."
            )
        name = ids[0]
    cell = next((cell for cell in run.cells if cell.id == name), None)
    if cell is None:
        begun = (run.path / "cells" / name).is_dir()
        why = "was begun and is not finished" if begun else "is unknown"
        raise ConfigError(
            f"{run.path}: the cell '{name}' {why}.{did_you_mean(name, ids)} Finished cells: "
            f"{', '.join(ids)}."
        )
    if cell.status != "complete":
        raise ConfigError(
            f"{run.path}: the cell '{name}' is {cell.status}, so it has no adapter to combine "
            f"({cell.error or 'no reason is recorded'}). Name another with --cell, or make the run "
            "again."
        )
    if run.has_model(name):
        raise ConfigError(
            f"{run.path}: the cell '{name}' is a full fine-tuning, which has no adapter to "
            "combine. Name a cell that was trained as lora or rslora."
        )
    if not run.has_adapter(name):
        raise ConfigError(
            f"{run.path}: the cell '{name}' has no adapter in {run.folder.cell(name).adapter}. "
            "Restore it, or make the run again."
        )
    if cell.overrides.get("init") == "loftq":
        raise ConfigError(
            f"{run.path}: the adapter of '{name}' also holds what quantising took from the weights "
            "(--init loftq), which a combination would count as learned. Name another cell."
        )
    return StoredAdapter(run, cell)


def _refuse_twice(adapters: Sequence[StoredAdapter]) -> None:
    seen: set[Path] = set()
    for adapter in adapters:
        place = real(adapter.folder)
        if place in seen:
            raise ConfigError(
                f"{adapter.run.path}: its cell '{adapter.cell.id}' is named twice. An adapter with "
                "itself is the same adapter; name each once."
            )
        seen.add(place)


def _check_settings(adapters: Sequence[StoredAdapter]) -> None:
    first = adapters[0].run
    for adapter in adapters:
        run = adapter.run
        if run.config.practice is not None:
            raise ConfigError(
                f"{run.path}: this run practised on {run.config.practice} and was trained on no "
                "fact that could survive. Combine runs of facts."
            )
        if run.config.shuffle:
            raise ConfigError(
                f"{run.path}: this control run was trained on the answers of other facts "
                "(--shuffle), so there is nothing of its own facts to combine."
            )
        for name in SAME_EVALUATION:
            mine, its = getattr(first.config, name), getattr(run.config, name)
            if mine != its:
                raise ConfigError(
                    f"{first.path} and {run.path} were evaluated differently: {name} is {mine} and "
                    f"{its}. Make the runs with the same settings."
                )


def _fact_files(adapters: Sequence[StoredAdapter]) -> tuple[str, ...]:
    """The files of the facts that the adapters were trained on, as their runs name them."""
    files: dict[str, str] = {}
    for adapter in adapters:
        own: dict[str, str] = {}
        for name in adapter.run.config.facts:
            for file in find_facts((name,)):
                # A shipped fact keeps its short name, a folder gives way to its files.
                own[load_source(file).id] = name if not Path(name).is_dir() else str(file)
        for fact in adapter.cell.facts:
            if fact not in own:
                raise ConfigError(
                    f"{adapter.run.path}: its adapter was trained on {fact}, which is no longer in "
                    f"{', '.join(adapter.run.config.facts)}. Restore that file."
                )
            files.setdefault(own[fact], fact)
    return tuple(files)


def _check_questions(plan: Experiment, adapters: Sequence[StoredAdapter]) -> None:
    """Refuse facts, templates or controls that have changed since an adapter was measured."""
    now = {
        key: value
        for key, value in fingerprints(plan.questions).items()
        if key[0] in COMPARED_SPLITS
    }
    for adapter in adapters:
        facts = adapter.cell.facts
        then = fingerprints(measured_questions(adapter.run.folder, COMPARED_SPLITS, facts))
        changed = sorted(key for key, value in then.items() if now.get(key) != value)
        if changed:
            raise ConfigError(
                f"{adapter.run.path} was evaluated on other questions than its facts give now: "
                f"{len(changed)} differ in {', '.join(sorted({split for split, _ in changed}))}, "
                f"such as {changed[0][1]}. Restore its facts and controls, or make the run again."
            )
