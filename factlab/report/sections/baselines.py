"""Reference values for the other figures: floors, ceilings, chance and rounding."""

from __future__ import annotations

from factlab.report.definitions import definition_of
from factlab.report.drawing import FigureGroup
from factlab.report.load import ReportData
from factlab.report.sections import placebos
from factlab.report.table import Entry, Table, columns, entries, metric_entry
from factlab.report.wording import NONE, in_unit, percent, split_label
from factlab.schema.results import BaseResult, Configuration, Metric
from factlab.schema.splits import NEAR_GROUPS

_LIKELIHOODS = ("nll", "nll_sum")
DEPTHS = ("mem", "gen", "hard_gen")


def figure_group(run: ReportData) -> FigureGroup:
    """Recall between its floor and ceiling, forced choice beside chance, cost beside rounding."""
    if not run.configurations:
        return FigureGroup()
    tables = [
        _recall_table(run),
        _probe_table(run),
        _choice_table(run),
        _cost_table(run),
        _preference_table(run),
        placebos.table(run),
        _agreement_table(run),
        _likelihood_table(run),
    ]
    names = (
        "recall/blind", "recall/in_context", "recall/normalized", "recall/forced_choice",
        "truth_ratio", "lost/<suite>", "gained/<suite>", "forgetting/<suite>",
        "margin_change/<suite>", "forced_choice_retention/<suite>", "agreement/<suite>",
        "rounding/text", "rounding/verdict", "rounding_text/<split>", "rounding_verdict/<split>",
    )  # fmt: skip
    return FigureGroup(tables=tuple(table for table in tables if table.rows), names=names)


def _recall_table(run: ReportData) -> Table:
    heads = columns(
        "Configuration", "Blind floor", "Tuned, held-out", "In-context ceiling",
        "Normalised (0 blind, 1 in context)", "Truth ratio",
    )  # fmt: skip
    rows = tuple(
        entries(
            c.id,
            _of(_base(run, c).metrics, "recall/blind", "recall/held_out"),
            _of(c.metrics, "recall/held_out"),
            _of(_base(run, c).metrics, "recall/in_context"),
            _or_reason(c, "recall/normalized"),
            _or_reason(c, "truth_ratio"),
        )
        for c in run.configurations
        if "recall/held_out" in c.metrics
    )
    return Table("Recall between the base's guesses and what it reads from its prompt", heads, rows)


def _probe_table(run: ReportData) -> Table:
    """Probes of passages, between the blind base and the base with the passage in its prompt."""
    rows = tuple(
        entries(
            definition_of(f"recall/{depth}").title,
            c.id,
            _of(_base(run, c).metrics, f"recall/{depth}"),
            _of(c.metrics, f"recall/{depth}"),
            _of(_base(run, c).metrics, f"in_context/{depth}"),
        )
        for depth in DEPTHS
        for c in run.configurations
        if f"recall/{depth}" in c.metrics
    )
    heads = columns(
        "Probes", "Configuration", "Base, blind", "Tuned", "Base, passage in its prompt"
    )
    return Table("Probes of passages, between floor and ceiling", heads, rows)


def _base(run: ReportData, configuration: Configuration) -> BaseResult:
    return run.result.base_at(configuration.precision)


def _of(metrics: dict[str, Metric], *names: str) -> Entry:
    for name in names:
        if name in metrics:
            return metric_entry(name, metrics[name])
    return metric_entry(names[0], None)


def _or_reason(configuration: Configuration, name: str) -> Entry:
    metric = configuration.metrics.get(name)
    if metric is not None:
        return metric_entry(name, metric)
    reason = configuration.not_measured.get(name)
    return Entry(
        "not defined" if name == "recall/normalized" else "not measured", quiet=reason or ""
    )


def _choice_table(run: ReportData) -> Table:
    names = _named(run, "forced_choice", "recall/forced_choice")
    rows = tuple(
        entries(
            definition_of(name).title,
            c.id,
            _chance(name, c, _base(run, c)),
            _of(_base(run, c).metrics, name),
            _of(c.metrics, name),
        )
        for name in names
        for c in run.configurations
        if name in c.metrics
    )
    heads = columns("Forced choice", "Configuration", "#Chance", "Base", "Tuned")
    return Table("Forced choice beside chance", heads, rows)


def _chance(name: str, configuration: Configuration, base: BaseResult) -> Entry:
    for metrics in (configuration.metrics, base.metrics):
        if name in metrics and (chance := metrics[name].chance) is not None:
            return Entry(percent(chance), key=chance)
    return Entry("not known")


def _named(run: ReportData, kind: str, *first: str) -> list[str]:
    found = {
        name for c in run.configurations for name in c.metrics if name.partition("/")[0] == kind
    }
    return [*first, *sorted(found, key=_ring_order)]


def _ring_order(name: str) -> tuple[int, str]:
    ring = name.partition("/")[2]
    order = ("near", *NEAR_GROUPS, "far", "unanswerable")
    return (order.index(ring) if ring in order else len(order)), ring


def _cost_table(run: ReportData) -> Table:
    heads = columns(
        "Controls", "Configuration", "Lost (of known)", "Gained (of missed)",
        "Forgetting (ungated)", "Verdicts changed by rounding",
    )  # fmt: skip
    rings = [name.partition("/")[2] for name in _named(run, "forgetting")]
    rows = tuple(
        entries(
            ring.replace("_", " "),
            c.id,
            *[_of(c.metrics, f"{kind}/{ring}") for kind in ("lost", "gained", "forgetting")],
            _of(_base(run, c).metrics, f"rounding_verdict/{ring}", "rounding/verdict"),
        )
        for ring in rings
        for c in run.configurations
    )
    return Table("Lost, gained and forgotten, beside what rounding alone changes", heads, rows)


def _preference_table(run: ReportData) -> Table:
    """By group of near controls too: what was kept, and how far the right answer's lead moved."""
    heads = columns(
        "Controls", "Configuration", "Kept (of known)", "Forced choice, kept",
        "Margin of the right answer, change", "Injected value's log-probability, change",
    )  # fmt: skip
    names = _named(run, "margin_change") + _named(run, "injected_logprob")
    rings = dict.fromkeys(name.partition("/")[2] for name in sorted(names, key=_ring_order))
    kinds = ("retention", "forced_choice_retention", "margin_change", "injected_logprob")
    rows = tuple(
        entries(
            split_label(ring).replace("_", " "),
            c.id,
            *[_of(c.metrics, f"{kind}/{ring}") for kind in kinds],
        )
        for ring in rings
        for c in run.configurations
    )
    return Table("Controls by group: answers, preferences and log-probabilities", heads, rows)


def _agreement_table(run: ReportData) -> Table:
    heads = columns(
        "Controls", "Configuration", "Identical to the base", "Identical despite rounding"
    )
    rings = [name.partition("/")[2] for name in _named(run, "agreement")]
    rows = tuple(
        entries(
            ring.replace("_", " "),
            c.id,
            _of(c.metrics, f"agreement/{ring}"),
            _kept_by_rounding(_base(run, c), ring),
        )
        for ring in rings
        for c in run.configurations
    )
    return Table(
        "Answers identical to the base's, beside the base computed another way", heads, rows
    )


def _kept_by_rounding(base: BaseResult, ring: str) -> Entry:
    """Of the same controls where some were answered again, otherwise of all that were."""
    text = base.metrics.get(f"rounding_text/{ring}") or base.metrics.get("rounding/text")
    return Entry(percent(1 - text.value), key=1 - text.value) if text else Entry("not measured")


def _likelihood_table(run: ReportData) -> Table:
    splits = [name.partition("/")[2] for name in _named(run, "nll")]
    rows = tuple(
        entries(
            split.replace("_", " "),
            c.id,
            *[_arrow(f"{kind}/{split}", _base(run, c).metrics, c.metrics) for kind in _LIKELIHOODS],
            _of(c.metrics, f"nll_change/{split}"),
        )
        for split in splits
        for c in run.configurations
        if f"nll/{split}" in c.metrics
    )
    heads = columns(
        "Questions", "Configuration", "NLL per token, base → tuned", "NLL summed, base → tuned",
        "Change per token",
    )  # fmt: skip
    return Table("How probable the right answer is, teacher-forced", heads, rows)


def _arrow(name: str, before: dict[str, Metric], after: dict[str, Metric]) -> Entry:
    unit = definition_of(name).unit
    shown = [
        in_unit(metrics[name].value, unit).lstrip("+") if name in metrics else NONE
        for metrics in (before, after)
    ]
    return Entry(" → ".join(shown), key=after[name].value if name in after else None)
