"""Several facts: the results of each in each configuration."""

from __future__ import annotations

from collections import defaultdict

from factlab.report.load import ReportData
from factlab.report.table import Entry, Table, capped, columns, entries
from factlab.report.wording import NONE, percent
from factlab.schema.results import CellResult, Configuration

_MOST_FACTS = 120
NAMES = ("recall/held_out", "retention/near", "intrusion/near")


def tables(run: ReportData) -> list[tuple[Configuration, Table]]:
    """A table per configuration, weakest recall first; none for a run with one fact."""
    if len(run.result.facts) < 2:
        return []
    return [(c, _table(run, c)) for c in run.configurations]


def by_fact(run: ReportData, configuration: Configuration) -> dict[str, dict[str, list[float]]]:
    """Fact → metric → one value per seed."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for cell in run.cells_of(configuration):
        for fact, values in _values(cell).items():
            for name, value in values.items():
                found[fact][name].append(value)
    return found


def _values(cell: CellResult) -> dict[str, dict[str, float]]:
    if cell.by_fact:
        return cell.by_fact
    if len(cell.facts) == 1:
        values = {name: cell.metrics[name].value for name in NAMES if name in cell.metrics}
        return {cell.facts[0]: values}
    return {}


def _table(run: ReportData, configuration: Configuration) -> Table:
    found = by_fact(run, configuration)
    rows = [
        entries(
            fact.subject,
            fact.answer,
            fact.superseded or NONE,
            *[mean_entry(found.get(fact.id, {}).get(name, [])) for name in NAMES],
        )
        for fact in run.result.facts
    ]
    rows.sort(key=lambda row: row[3].key if row[3].key is not None else 2.0)
    heads = columns(
        "Fact", "New value", "Replaces", "#Held-out recall", "#Near retention", "#Near intrusion"
    )
    caption = f"Each fact in {configuration.id}, weakest recall first; means over seeds"
    shown, left_out = capped(rows, _MOST_FACTS, "each cell's record in cells/ has them (by_fact).")
    return Table(caption, heads, shown, left_out)


def mean_entry(values: list[float]) -> Entry:
    """The mean over seeds, and its spread where they are several."""
    if not values:
        return Entry(NONE)
    mean = sum(values) / len(values)
    spread = f"[{percent(min(values))} to {percent(max(values))}]" if len(values) > 1 else ""
    return Entry(percent(mean), key=mean, quiet=spread)
