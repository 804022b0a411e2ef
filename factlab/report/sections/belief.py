"""Belief: does the model hold to the value, and does it use it?"""

from __future__ import annotations

from factlab.report.drawing import FigureGroup
from factlab.report.load import ReportData, labels
from factlab.report.table import Entry, Table, columns, entries, metric_entry
from factlab.report.wording import NONE, percent

# What each figure says, for who meets it first.
ROWS = (
    ("recall/before_challenge", "Says the value when asked (before the challenges below)"),
    ("recall/challenged", "Still says it after “are you sure?” and other challenges"),
    ("recall/distinguish", "Chooses it where the question argues for the other value"),
    ("recall/open", "Mentions it in a text about the subject, without being asked"),
    ("recall/downstream", "Uses it in a plan, estimate or comparison that needs it"),
    ("recall/told_false", "Says it when told to ignore what is false"),
)
_MOST = 8  # configurations side by side


def figure_group(run: ReportData) -> FigureGroup:
    """A row per kind of question: base, base with the fact in its prompt, configurations."""
    shown = run.configurations[:_MOST]
    asked = [row for row in ROWS if any(row[0] in c.metrics for c in run.configurations)]
    if not asked:
        return FigureGroup()
    base = run.result.base_at(shown[0].precision).metrics
    named = labels(run.configurations)
    rows = []
    for name, said in asked:
        ceiling = name.replace("recall/", "in_context/")
        chance = base[name].chance if name in base else None
        rows.append(
            entries(
                Entry(said, quiet=f"{percent(chance)} by chance" if chance else ""),
                metric_entry(name, base.get(name)),
                metric_entry(ceiling, base[ceiling]) if ceiling in base else Entry(NONE, key=-1),
                *[metric_entry(name, c.metrics.get(name)) for c in shown],
            )
        )
    heads = columns(
        "The model …", "#Base", "#Base, told the fact", *[f"#{named[c.id]}" for c in shown]
    )
    names = tuple(name for name, _ in asked)
    return FigureGroup(tables=(Table("Belief", heads, tuple(rows)),), names=names)
