"""What the same training does without the fact: each configuration beside its placebos."""

from __future__ import annotations

from typing import get_args

from factlab.metrics.catalogue import spec_of
from factlab.report.definitions import definition_of
from factlab.report.load import ReportData
from factlab.report.table import Entry, Table, columns, entries, metric_entry
from factlab.report.wording import difference_in_unit
from factlab.schema.results import Comparison, Configuration, Placebo, placebo_id

_TITLES: dict[Placebo, str] = {"fact": "another fact", "chat": "conversations"}


def table(run: ReportData) -> Table:
    """Cost with the fact, under each placebo, and the difference that is the fact's own doing."""
    kinds = get_args(Placebo)
    heads = columns(
        "Controls",
        "Configuration",
        "With the fact",
        *[f"Placebo: {_TITLES[kind]}" for kind in kinds],
        *[f"Fact − {_TITLES[kind]}" for kind in kinds],
    )
    by_id = {c.id: c for c in run.placebos}
    found = {(c.metric, c.a, c.b): c for c in run.result.comparisons}
    rows = []
    for name in dict.fromkeys(metric for metric, a, _ in found if a in by_id):
        for c in run.configurations:
            beside = {kind: placebo_id(c.id, kind) for kind in kinds}
            if not spec_of(name).about_fact and not by_id.keys().isdisjoint(beside.values()):
                rows.append(
                    entries(
                        definition_of(name).title,
                        c.id,
                        metric_entry(name, c.metrics.get(name)),
                        *[_value(name, by_id.get(id_)) for id_ in beside.values()],
                        *[_difference(found.get((name, id_, c.id))) for id_ in beside.values()],
                    )
                )
    return Table("What the same training costs without the fact", heads, tuple(rows))


def _value(name: str, placebo: Configuration | None) -> Entry:
    return metric_entry(name, placebo.metrics.get(name) if placebo else None)


def _difference(comparison: Comparison | None) -> Entry:
    if comparison is None:
        return Entry("not compared")
    unit = definition_of(comparison.metric).unit
    bounds = [
        difference_in_unit(bound, unit)
        for bound in (comparison.ci_low, comparison.ci_high)
        if bound is not None
    ]
    return Entry(
        difference_in_unit(comparison.difference, unit),
        key=comparison.difference,
        quiet=f"[{' to '.join(bounds)}]" if bounds else "descriptive only",
    )
