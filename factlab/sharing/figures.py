"""The main figures of a run as Markdown, each as it is recorded in results.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from factlab.display.markup import markdown_table, markdown_text
from factlab.metrics.catalogue import MAIN_METRICS, PRACTICE_LOSS, in_page_order, spec_of
from factlab.schema.results import Metric, RunResult

_ALSO = ("recall/gen", "recall/mem", "recall/hard_gen", PRACTICE_LOSS, "nll_change/practice")
DIGITS = 4  # decimals of a figure


def number(value: float) -> str:
    """A recorded number, rounded to four decimals: `0.9583`, `1`."""
    text = f"{value:.{DIGITS}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def main_metrics(measured: Mapping[str, Metric]) -> list[str]:
    """Names of the figures that a summary shows, of those that were measured."""
    return in_page_order({name for name in (*MAIN_METRICS, *_ALSO) if name in measured})


def figure(metric: Metric | None) -> str:
    """`0.9583 (0.86 to 0.9894)`, or a dash."""
    if metric is None:
        return "–"
    if metric.ci_low is None or metric.ci_high is None:
        return number(metric.value)
    return f"{number(metric.value)} ({number(metric.ci_low)} to {number(metric.ci_high)})"


def figures_table(
    columns: Sequence[tuple[str, Mapping[str, Metric]]], base: Mapping[str, Metric]
) -> str:
    """A row per metric: what it is, the base's figure, each column's, and n.

    Args:
        columns: Heading and figures.
        base: The base's figures.
    """
    measured = {name: metric for _, found in columns for name, metric in found.items()}
    rows = [
        [
            f"{markdown_text(spec_of(name).title)} (`{name}`)",
            figure(base.get(name)),
            *(figure(found.get(name)) for _, found in columns),
            str(measured[name].n),
        ]
        for name in main_metrics(measured)
    ]
    header = ["metric", "base", *(markdown_text(head) for head, _ in columns), "n"]
    return markdown_table(header, rows)


def facts_list(result: RunResult, facts: Sequence[str], most: int) -> str:
    """The facts as a list, the first of them in full."""
    of = {fact.id: fact for fact in result.facts}
    lines = []
    for fact in facts[:most]:
        about = of.get(fact)
        if about is None:
            lines.append(f"- {markdown_text(fact)}")
            continue
        former = f"; it replaces {markdown_text(about.superseded)}" if about.superseded else ""
        value = f" (value: {markdown_text(about.answer)}{former})" if about.answer else ""
        lines.append(f"- {markdown_text(about.statement)}{value}")
    if len(facts) > most:
        lines.append(f"- and {len(facts) - most} more")
    return "\n".join(lines)
