"""How the answers came out, split by split: new, superseded, both, other and so on."""

from __future__ import annotations

from collections import Counter

from factlab.report.definitions import OUTCOMES
from factlab.report.load import SPLITS, ReportData
from factlab.report.table import Entry, Table, columns, entries
from factlab.report.wording import integer, split_label
from factlab.schema.results import Configuration


def tables(run: ReportData) -> list[tuple[Configuration, Table]]:
    """A table per configuration: the base above, then the sum over its cells."""
    return [(c, _table(run, c)) for c in run.configurations]


def _table(run: ReportData, configuration: Configuration) -> Table:
    before = run.result.base_at(configuration.precision).outcomes
    after: dict[str, Counter[str]] = {}
    cells = run.cells_of(configuration)
    for cell in cells:
        for split, counts in cell.outcomes.items():
            after.setdefault(split, Counter()).update(counts)
    used = {name for part in (before, after) for counts in part.values() for name in counts}
    known = [name for name, _ in OUTCOMES]
    names = [name for name in known if name in used] + sorted(used - set(known))
    rows = []
    for split in (*SPLITS, *sorted(set(after) - set(SPLITS))):
        for who, part in (("base", before), ("tuned", after)):
            if split in part:
                rows.append(_row(split, who, part[split], names))
    over = f", summed over {len(cells)} adapters" if len(cells) > 1 else ""
    heads = columns("Answers to", "Model", *[f"#{name}" for name in names], "#answers")
    return Table(f"Outcomes of {configuration.id} by split{over}", heads, tuple(rows))


def _row(split: str, who: str, counts: dict[str, int], names: list[str]) -> tuple[Entry, ...]:
    fields = [Entry(integer(counts.get(name, 0)), key=counts.get(name, 0)) for name in names]
    total = sum(counts.values())
    return entries(split_label(split), who, *fields, Entry(integer(total), key=total))
