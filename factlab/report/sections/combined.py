"""A combined run: which adapters, by which methods, and the results of each fact."""

from __future__ import annotations

from dataclasses import dataclass

from factlab.report.definitions import definition_of
from factlab.report.load import ReportData
from factlab.report.sections.facts import by_fact, mean_entry
from factlab.report.table import Entry, Table, columns, entries
from factlab.report.wording import NONE
from factlab.schema.combine import METHODS, Combination

NAMES = ("recall/held_out", "interference/held_out", "retention/near", "intrusion/near")


@dataclass(frozen=True, slots=True)
class CombinedTables:
    """The tables of the section."""

    adapters: Table
    methods: Table
    facts: Table


def tables(run: ReportData) -> CombinedTables | None:
    """Adapters, methods and results by fact; None for a run that trained."""
    asked = run.settings.get("combine")
    if not asked:
        return None
    return CombinedTables(_adapters(Combination.model_validate(asked)), _methods(run), _facts(run))


def _adapters(combination: Combination) -> Table:
    heads = columns(
        "Adapter", "Run", "Cell", "#Facts", "#Rank", "#Alpha", "#Learning rate", "Recipe", "#Seed",
        "#Steps", "Weights, SHA-256",
    )  # fmt: skip
    rows = [
        entries(
            label,
            source.run,
            source.cell,
            len(source.facts),
            source.rank,
            source.alpha,
            NONE if source.learning_rate is None else source.learning_rate,
            source.recipe,
            source.seed,
            NONE if source.steps is None else source.steps,
            source.sha256[:12],
        )
        for label, source in combination.labelled.items()
    ]
    return Table("The adapters, each trained in a run of its own", heads, tuple(rows))


def _methods(run: ReportData) -> Table:
    rows = [
        entries(
            c.id,
            c.combined.sentence(),
            METHODS[c.combined.how].about,
            c.rank,
            _plain(c.combined.gain),
            _plain(c.combined.distance),
        )
        for c in run.configurations
        if c.combined is not None and c.combined.how is not None
    ]
    heads = columns(
        "Configuration", "Combination", "What the method does", "#Rank", "#Gain", "#Distance"
    )
    caption = (
        "How they were combined. Gain: how much of the weighted sum of the updates is in the "
        "combination (1 is all of it, 2 is twice); distance: how far it is from that sum, in units "
        "of the sum's own length"
    )
    return Table(caption, heads, tuple(rows))


def _plain(value: float | None) -> Entry:
    return Entry(NONE) if value is None else Entry(f"{value:.2f}", key=value)


def _facts(run: ReportData) -> Table:
    """A row for each fact in each configuration, fact by fact."""
    found = {c.id: by_fact(run, c) for c in run.configurations}
    rows = [
        entries(
            fact.subject,
            c.id,
            *[mean_entry(found[c.id].get(fact.id, {}).get(name, [])) for name in NAMES],
        )
        for fact in run.result.facts
        for c in run.configurations
    ]
    heads = columns("Fact", "Configuration", *[f"#{definition_of(name).title}" for name in NAMES])
    return Table("Each fact in each configuration, on its own questions", heads, tuple(rows))
