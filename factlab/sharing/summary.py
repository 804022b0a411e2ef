"""A run as Markdown: what a pull request or a wiki shows of it."""

from __future__ import annotations

import shlex

from factlab.comparison.pool import alone
from factlab.display.characters import visible
from factlab.display.markup import markdown_block, markdown_code, markdown_text
from factlab.report import verdict
from factlab.schema.results import Configuration
from factlab.sharing.answers import SharedRun
from factlab.sharing.figures import facts_list, figures_table

MOST_COLUMNS = 6
MOST_FACTS = 10
NOTE = (
    "Each figure is the one in `results.json`, rounded to four decimals, with its 95 % interval. "
    "n: the questions that it is computed from."
)


def summary(run: SharedRun) -> str:
    """The Markdown: verdict, choice, figures beside the base's, and the command that repeats it."""
    result = run.result
    shown = _columns(run)
    base = result.base_at(shown[0].precision).metrics
    parts = [
        f"## factlab: {markdown_text(result.run_id)}",
        markdown_text(verdict(result), 2000),
        f"Model: {markdown_code(result.model.name)}. Facts:",
        facts_list(result, [fact.id for fact in result.facts], MOST_FACTS),
        figures_table([(one.id, one.metrics) for one in shown], base),
        _left_out(run, shown) + NOTE,
    ]
    if result.choice is not None:
        parts.append(f"**Choice.** {markdown_text(result.choice.sentence, 2000)}")
    if run.record.argv:
        command = visible(shlex.join(("factlab", *run.record.argv[1:])))
        parts += ["To repeat it:", markdown_block(command, "sh")]
    return "\n\n".join(part for part in parts if part) + "\n"


def _columns(run: SharedRun) -> list[Configuration]:
    """The configurations of the cells that are taken, what was chosen first."""
    wanted = {cell.configuration for cell in run.cells}
    chosen = run.result.choice.chosen if run.result.choice else None
    found = [one for one in run.result.configurations if one.id in wanted]
    if not found:  # a run that was stopped has no pooled figures yet
        found = [alone(cell) for cell in run.cells]
    return sorted(found, key=lambda one: one.id != chosen)[:MOST_COLUMNS]


def _left_out(run: SharedRun, shown: list[Configuration]) -> str:
    more = len({cell.configuration for cell in run.cells}) - len(shown)
    return f"{more} more configurations are in `results.json`. " if more > 0 else ""
