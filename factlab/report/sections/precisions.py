"""The base at several precisions: memory, speed, recall and forgetting of each."""

from __future__ import annotations

from factlab.report.load import ReportData
from factlab.report.table import Entry, Table, columns, entries, metric_entry
from factlab.report.wording import NONE, integer, memory, percent
from factlab.schema.results import Configuration


def tables(run: ReportData) -> tuple[Table, ...]:
    """The bases, and the configurations that stand on them; nothing for a single precision."""
    if not run.result.other_bases:
        return ()
    return _bases(run), _tuned(run)


def _bases(run: ReportData) -> Table:
    rows = []
    for name in _precisions(run):
        model, base = run.result.model_at(name), run.result.base_at(name)
        rows.append(
            entries(
                name,
                memory(model.weights_bytes),
                memory(model.quantised_bytes),
                metric_entry("known/far", base.metrics.get("known/far")),
                metric_entry("recall/in_context", base.metrics.get("recall/in_context")),
                _other_answers(run, name),
                metric_entry("rounding/verdict", base.metrics.get("rounding/verdict")),
            )
        )
    heads = columns(
        "Base", "#Weights in memory here", "#At this precision, on a GPU",
        "Far controls known",
        "Reads the fact from its prompt", "#Far controls with another verdict than at the first",
        "Verdicts changed by rounding",
    )  # fmt: skip
    caption = (
        "The base at each precision, before training. On a CPU, quantised weights are unpacked, "
        "and without bf16 products all weights are held in fp32; the second column is what they "
        "take on a GPU."
    )
    return Table(caption, heads, tuple(rows))


def _precisions(run: ReportData) -> list[str]:
    """Those of the run in its own order; the first base has no name of its own in the results."""
    others = run.result.other_bases
    first = next((c.precision for c in run.result.cells if c.precision not in others), "the first")
    return [first, *others]


def _other_answers(run: ReportData, precision: str) -> Entry:
    """Far controls whose verdict at this precision is not that of the run's first."""
    other = run.other_bases.get(precision)
    if other is None:
        return Entry(NONE)
    far = [q for q in run.questions.values() if q.split == "far"]
    both = [q for q in far if run.base.has(q) and other.has(q)]
    changed = sum(run.base.correct(q) != other.correct(q) for q in both)
    share = changed / len(both) if both else 0.0
    return Entry(f"{integer(changed)} of {integer(len(both))}, {percent(share)}", key=share)


def _tuned(run: ReportData) -> Table:
    precisions = _precisions(run)
    rows = [
        entries(
            c.id,
            c.precision,
            *[
                metric_entry(name, c.metrics.get(name))
                for name in (
                    "recall/held_out",
                    "retention/far",
                    "intrusion/near",
                    "intrusion/far",
                    "drift/kl",
                )
            ],
            *_speeds(run, c),
        )
        for c in sorted(run.configurations, key=lambda c: precisions.index(c.precision))
    ]
    heads = columns(
        "Configuration", "Base", "Held-out recall", "Far retention", "Near intrusion",
        "Far intrusion", "Drift, KL", "#Pairs per second", "#Seconds to measure",
    )  # fmt: skip
    caption = "What was trained on each, against its own base. Speeds are means over cells."
    return Table(caption, heads, tuple(rows))


def _speeds(run: ReportData, configuration: Configuration) -> tuple[Entry, Entry]:
    cells = run.cells_of(configuration)
    rates = [c.training.examples_per_second for c in cells if c.training]
    spent = [c.measuring_seconds for c in cells if c.measuring_seconds is not None]
    return _mean(rates, ".1f"), _mean(spent, ".0f")


def _mean(values: list[float], form: str) -> Entry:
    if not values:
        return Entry(NONE)
    mean = sum(values) / len(values)
    return Entry(format(mean, form), key=mean)
