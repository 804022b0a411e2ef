"""A practice run: loss and token accuracy on held-out conversations, and example answers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from factlab.comparison.damage import FAR_RETENTION, LIMITS
from factlab.metrics.catalogue import PRACTICE_LOSS
from factlab.report.definitions import definition_of
from factlab.report.load import ReportData
from factlab.report.sections.metrics import KeyFigure, strip_of
from factlab.report.table import Entry, Table, columns, entries, metric_entry
from factlab.report.verdict import learned_word, tone
from factlab.report.wording import NONE, clean, count_of, in_unit, integer, interval_in_unit
from factlab.schema.results import BaseResult, Configuration, Metric

TOKEN_ACCURACY = "token_accuracy/practice"
MOST_EXAMPLES = 6
_CHARACTERS = 600


@dataclass(frozen=True, slots=True)
class PracticeExample:
    """A held-out conversation with the reference answer and the answers of both models."""

    question: str
    earlier: int
    reference: str
    base: str
    tuned: str


@dataclass(frozen=True, slots=True)
class PracticeSection:
    """What the page shows of a practice run."""

    table: Table
    examples: tuple[PracticeExample, ...]
    cell: str
    held_out: int


def practice_section(run: ReportData, cell: str) -> PracticeSection | None:
    """The section of a practice run; None for a run of facts.

    Args:
        run: The run.
        cell: The adapter whose answers are shown.
    """
    held_out = [q for q in run.questions.values() if q.split == "practice"]
    if not held_out:
        return None
    shown = next((one for one in run.result.cells if one.id == cell), None)
    pairs = [
        (question, run.before(shown, question), run.cells.get(cell, {}).get(question.id))
        for question in held_out
        if shown is not None
    ]
    examples = tuple(
        PracticeExample(
            question=clean(question.text, limit=_CHARACTERS),
            earlier=len(question.before),
            reference=clean(question.target or "", limit=_CHARACTERS),
            base=clean(before.text, limit=_CHARACTERS),
            tuned=clean(after.text, limit=_CHARACTERS),
        )
        for question, before, after in pairs
        if before is not None and after is not None
    )
    return PracticeSection(_table(run), examples[:MOST_EXAMPLES], cell, len(held_out))


def _table(run: ReportData) -> Table:
    bases = {"base": run.result.base} | {
        f"base at {name}": base for name, base in run.result.other_bases.items()
    }
    rows = [
        entries(title, *[_entry(name, base.metrics) for name in _SHOWN], Entry(NONE))
        for title, base in bases.items()
    ]
    rows += [
        entries(
            c.id,
            *[_entry(name, c.metrics) for name in _SHOWN],
            metric_entry("nll_change/practice", c.metrics.get("nll_change/practice")),
        )
        for c in run.configurations
    ]
    heads = columns("Model", "Loss (NLL per token)", "Token accuracy", "Change of the loss")
    return Table("Held-out conversations, before and after", heads, tuple(rows))


def _entry(name: str, metrics: dict[str, Metric]) -> Entry:
    """A value and no difference, so without a sign."""
    made = metric_entry(name, metrics.get(name))
    return replace(made, text=made.text.lstrip("+"), quiet=made.quiet.replace("+", ""))


_SHOWN = (PRACTICE_LOSS, TOKEN_ACCURACY)


_COUNTED = {
    PRACTICE_LOSS: ("Held-out loss", "held-out conversations"),
    TOKEN_ACCURACY: ("Token accuracy", "held-out conversations"),
    FAR_RETENTION: ("Far retention", "unrelated answers that the base knew are still right"),
    "drift/kl": ("Drift, KL", "windows of neutral text"),
}


def key_figures(configuration: Configuration, base: BaseResult) -> list[KeyFigure]:
    """Of a practice run, what was measured of: loss, token accuracy, far retention, drift."""
    return [
        _key_figure(name, configuration, base) for name in _COUNTED if name in configuration.metrics
    ]


def _key_figure(name: str, configuration: Configuration, base: BaseResult) -> KeyFigure:
    title, counted = _COUNTED[name]
    metric, before = configuration.metrics[name], base.metrics.get(name)
    unit = definition_of(name).unit
    interval = interval_in_unit(metric, unit)
    value, _, rest = in_unit(metric.value, unit).lstrip("+").partition(" ")
    told = "no interval" if interval == NONE else f"interval {interval.replace('+', '')}"
    was = f"before training {in_unit(before.value, unit).lstrip('+')}" if before else ""
    limit = next((limit for limit in LIMITS if limit.metric == name), None)
    return KeyFigure(
        title=title,
        value=f"{value} {rest}" if unit == "share" else value,
        detail=f"{count_of(metric) or f'over {integer(metric.n)}'} {counted}",
        before=", ".join(filter(None, (told, "" if name == FAR_RETENTION else was))),
        tone=tone(limit.word(metric.value) if limit else learned_word(configuration.metrics)),
        strip=strip_of(name, metric) if unit == "share" else None,
        unit="" if unit == "share" else rest,
    )
