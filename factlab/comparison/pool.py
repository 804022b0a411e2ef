"""Cells → configurations: each metric pooled over the facts and seeds of a configuration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from factlab.comparison.responses import CellScores
from factlab.metrics.catalogue import DRIFT_METRICS, EXPECTED, give_reasons
from factlab.metrics.measure import Measurement, add_derived, summarized
from factlab.metrics.scores import QuestionScore, Scores
from factlab.schema.results import CellResult, Configuration, Metric, SharedSettings
from factlab.stats.intervals import Interval, mean_interval

BySeed = Mapping[int, Sequence[QuestionScore]]


@dataclass(frozen=True, slots=True)
class Pooled:
    """A configuration, and what its comparison with others needs.

    Attributes:
        configuration: Its pooled metrics.
        scores: Endpoint → seed → scores.
        left_out: Ids of cells that were not measured to their end.
    """

    configuration: Configuration
    scores: Mapping[str, BySeed] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def alone(cell: CellResult) -> Configuration:
    """A cell that none pools, as a configuration of its own."""
    shared = Configuration.model_fields.keys() & type(cell).model_fields.keys()
    said = {name: getattr(cell, name) for name in shared}
    return Configuration(**said | {"id": cell.id, "cells": (cell.id,), "seeds": (cell.seed,)})


def by_configuration(cells: Iterable[CellResult]) -> dict[str, list[CellResult]]:
    """Cells of the same configuration together, the smallest rank first.

    Recipes stay in the order in which they come, and so do the cells of a combined run, each
    adapter alone first.
    """
    cells = list(cells)
    recipes = list(dict.fromkeys(cell.recipe for cell in cells))

    def place(cell: CellResult) -> tuple[int, int, float, str]:
        if cell.combined is not None:
            return 0, int(cell.combined.how is not None), 0.0, ""
        if cell.tuned is not None:  # in the order in which they were named
            return 0, 0, 0.0, ""
        rate = cell.learning_rate or 0.0
        return recipes.index(cell.recipe), cell.rank, rate, cell.configuration

    groups: dict[str, list[CellResult]] = defaultdict(list)
    for cell in sorted(cells, key=place):
        groups[cell.configuration].append(cell)
    return dict(groups)


def pool(
    name: str,
    cells: Sequence[CellResult],
    measured: Sequence[CellScores],
    endpoints: Sequence[str],
    facts: Sequence[str] | None = None,
) -> Pooled:
    """Pool what was measured on the cells of one configuration.

    Args:
        name: What to call it.
        cells: All its cells.
        measured: The scores of those that were measured to their end.
        endpoints: Metrics whose scores are stored for comparisons.
        facts: Facts that the comparison is on, if not all.
    """
    done = [one.cell for one in measured]
    seeds = tuple(sorted({cell.seed for cell in done}))
    found = _pooled_metrics(measured, seeds) if measured else _nothing(cells)
    for one in done:
        give_reasons(found.not_measured, one.lacks, of_tuned=True)
    configuration = Configuration(
        **{key: getattr(cells[0], key) for key in SharedSettings.model_fields},
        id=name,
        cells=tuple(cell.id for cell in done),
        facts=_facts(done, facts),
        seeds=seeds,
        metrics=found.metrics,
        not_measured=found.not_measured,
    )
    left_out = tuple(cell.id for cell in cells if cell.id not in configuration.cells)
    items = {name: _by_seed(name, measured) for name in endpoints if name in found.metrics}
    return Pooled(configuration, items, left_out)


def _facts(cells: Sequence[CellResult], among: Sequence[str] | None) -> tuple[str, ...]:
    found = dict.fromkeys(fact for cell in cells for fact in cell.facts)
    return tuple(fact for fact in found if among is None or fact in among)


def _pooled_metrics(measured: Sequence[CellScores], seeds: Sequence[int]) -> Measurement:
    by_seed = [_merged(one.scores for one in measured if one.cell.seed == s) for s in seeds]
    found = summarized(by_seed, _chance(measured))
    add_derived(found, _merged(by_seed), _merged(one.base_scores for one in measured))
    cells = [one.cell for one in measured]
    for name in DRIFT_METRICS:
        drifts = {cell.id: cell.metrics[name] for cell in cells if name in cell.metrics}
        if drifts and name not in found.metrics:  # of runs that recorded no values by token
            found.metrics[name] = _drift(drifts, cells)
    return found


def _nothing(cells: Sequence[CellResult]) -> Measurement:
    states = ", ".join(sorted({cell.status for cell in cells}))
    reason = f"no cell was trained and measured to its end ({states})"
    return Measurement(not_measured=dict.fromkeys(EXPECTED, reason))


def _merged(parts: Iterable[Scores]) -> Scores:
    found: Scores = {}
    for part in parts:
        for name, items in part.items():
            found.setdefault(name, []).extend(items)
    return found


def _by_seed(name: str, measured: Sequence[CellScores]) -> BySeed:
    found: dict[int, list[QuestionScore]] = defaultdict(list)
    for one in measured:
        found[one.cell.seed].extend(one.scores.get(name, ()))
    return dict(found)


def _chance(measured: Sequence[CellScores]) -> dict[str, float]:
    """Chance over all cells: each cell's weighs as many questions as it has."""
    total: dict[str, float] = defaultdict(float)
    n: dict[str, int] = defaultdict(int)
    for one in measured:
        for name, chance in one.chances.items():
            size = len(one.scores.get(name, ()))
            total[name] += chance * size
            n[name] += size
    return {name: total[name] / n[name] for name in total if n[name]}


def _drift(drifts: Mapping[str, Metric], cells: Sequence[CellResult]) -> Metric:
    """The mean over cells; its interval is over facts, where there are several."""
    measured = [cell for cell in cells if cell.id in drifts]
    if len(measured) == 1:
        return drifts[measured[0].id]
    values = [drifts[cell.id].value for cell in measured]
    adapters = [" ".join(cell.facts) for cell in measured]
    several = len(set(adapters)) > 1
    interval = mean_interval(values, adapters) if several else Interval(None, None, "")
    return Metric(
        value=sum(values) / len(values),
        n=len(values),
        clusters=len(set(adapters)),
        ci_low=interval.low,
        ci_high=interval.high,
        ci_method=interval.method or None,
        covers=_drift_covers(len(set(adapters)), len({cell.seed for cell in measured})),
        scorer=drifts[measured[0].id].scorer,
    )


def _drift_covers(adapters: int, seeds: int) -> str:
    if adapters == 1:
        return f"descriptive: the mean of {seeds} seeds of one fact, on the same text"
    drawn = "this seed" if seeds == 1 else f"the mean of these {seeds} seeds"
    return f"other facts like these {adapters}, on the same text; {drawn}"
