"""The reference tables of docs/metrics.md, made from the catalogue and the table of splits.

`python -m factlab.metrics.reference docs/metrics.md` writes them between their markers again.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from factlab.metrics.catalogue import PAGE_ROWS, ROWS
from factlab.metrics.spec import MetricSpec
from factlab.schema.splits import SPLITS

DIRECTIONS = {"high": "high is good", "low": "low is good", "neither": "no direction"}
UNITS = {
    "share": "share",
    "points": "points",
    "nats": "nats per token",
    "nats_total": "nats",
    "plain": "",
}
_MARKED = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def values(spec: MetricSpec) -> str:
    """Unit, range and direction in a few words: `share, 0–1, high is good`."""
    unit = UNITS[spec.unit]
    parts = (unit if unit not in spec.range else "", spec.range, DIRECTIONS[spec.better])
    return ", ".join(part for part in parts if part)


def uses(spec: MetricSpec) -> list[str]:
    """What the metric decides, each in a few words; nothing where it is only shown."""
    use, beyond = spec.use, "<" if spec.better == "high" else ">"
    bases = " where bases differ" if use.across_bases else ""
    found = {
        f"endpoint ±{use.margin}{bases}": use.margin is not None,
        f"cost{bases}": use.cost,
        f"blurred {beyond} {use.blurred}": use.blurred is not None,
        f"destructive {beyond} {use.destructive}": use.destructive is not None,
        "panel": use.panel,
        "export": use.main,
        "by fact": use.by_fact,
    }
    return [words for words, wanted in found.items() if wanted]


def tables() -> dict[str, str]:
    """Name of a marked table → its lines, in Markdown."""
    found = {
        group: _table(
            ("metric", "formula", "values", "what it cannot tell", "source"),
            map(_family_row, _families(rows)),
        )
        for group, rows in groupby(PAGE_ROWS, key=lambda row: row.group)
    }
    found["What metrics decide"] = _table(
        ("metric", "decides"),
        [(f"`{row.name}`", "; ".join(words)) for row in ROWS if (words := uses(row))],
    )
    found["Splits"] = _table(
        ("split", "questions", "a right answer is", "evaluated on", "panel"),
        [
            (f"`{s.name}`", s.about, s.right, _evaluated(s.evaluated), str(s.panel or "–"))
            for s in SPLITS
        ],
    )
    return found


def refreshed(text: str) -> str:
    """A document with every marked table as the catalogue has it.

    Raises:
        KeyError: for a marked table that the catalogue does not make.
    """
    made = tables()
    return _MARKED.sub(lambda found: found[1] + made[found[2]] + found[3], text)


def _families(rows: Iterable[MetricSpec]) -> list[list[MetricSpec]]:
    """Rows that share all but their split stand together."""
    return [list(same) for _, same in groupby(rows, key=lambda row: row.family or row.name)]


def _family_row(rows: Sequence[MetricSpec]) -> tuple[str, ...]:
    first = rows[0]
    names = ", ".join(f"`{row.name}`" for row in rows)
    splits = next((row.splits for row in rows if row.is_pattern and row.splits), ())
    if splits:
        names += f" (splits: {', '.join(splits)})"
    return names, first.formula, values(first), first.caveat, first.source


def _evaluated(which: str) -> str:
    return "–" if which == "never" else which


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        file = Path(argument)
        file.write_text(refreshed(file.read_text(encoding="utf-8")), encoding="utf-8")
