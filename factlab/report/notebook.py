"""How results show themselves in a notebook: the report's words, charts and escaping, in small.

What is shown has a background of its own, so that it reads alike in light and dark notebooks, and
loads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from factlab.metrics.catalogue import PRACTICE_LOSS
from factlab.report.load import configurations_of
from factlab.report.page import page_environment
from factlab.report.sections import metrics, practice
from factlab.report.sections.differences import forests
from factlab.report.sections.side_by_side import dot_plot
from factlab.report.verdict import best_of, sentences
from factlab.report.wording import split_label
from factlab.schema.question import Question

if TYPE_CHECKING:
    from factlab.comparison import RunComparison
    from factlab.report.drawing import Figure
    from factlab.schema.results import RunResult

MOST_CHARTS = 6  # of differences, one per endpoint
EXAMPLES = 5  # questions shown per split
MOST_PREVIEWED = 6  # facts with their questions


def html_of(record: RunResult | RunComparison) -> str:
    """A result or a comparison as HTML, for the record itself, which stands below this room."""
    from factlab.schema.results import RunResult

    return result_html(record) if isinstance(record, RunResult) else comparison_html(record)


def result_html(result: RunResult) -> str:
    """What a run found: the verdict, the figures that decide, and a chart of recall and damage."""
    best = best_of(result)
    figures: list[metrics.KeyFigure] = []
    if best is not None:
        base = result.base_at(best.configuration.precision)
        practised = PRACTICE_LOSS in best.configuration.metrics
        of = practice.key_figures if practised else metrics.key_figures
        figures = of(best.configuration, base)
    return _rendered(
        title=result.run_id,
        words=[fact.statement for fact in result.facts[:1]]
        + ([] if result.status == "complete" else [f"This run is {result.status}."])
        + [*sentences(result), *([result.choice.sentence] if result.choice else [])],
        cards=figures,
        charts=_drawn([dot_plot(configurations_of(result), "n0")]),
    )


def comparison_html(comparison: RunComparison) -> str:
    """Which configuration to choose, recall and damage side by side, and each difference."""
    choice = comparison.choice
    settings = [
        (name, ", ".join(f"{id_}: {value}" for id_, value in values.items()))
        for name, values in comparison.differs.items()
    ]
    drawn = forests(comparison.comparisons, "n")[:MOST_CHARTS]
    return _rendered(
        title=" and ".join(run.run_id for run in comparison.runs),
        words=[*([choice.sentence] if choice else []), *comparison.notes],
        rows=settings,
        charts=_drawn([dot_plot(comparison.configurations, "n0"), *drawn]),
    )


def preview_html(facts: Sequence[tuple[str, Mapping[str, Sequence[Question]]]]) -> str:
    """What facts are expanded into: how many questions of each split, and some of them."""
    return _rendered(
        title="",
        words=[],
        previews=[(statement, _splits(splits)) for statement, splits in facts[:MOST_PREVIEWED]],
        left_out=max(0, len(facts) - MOST_PREVIEWED),
    )


def stages_html(stages: Sequence[Any], lines: Sequence[str]) -> str:
    """How far a run has come: a bar per stage, and what it has said.

    Args:
        stages: Each with `name`, `done`, `total` and `said`.
        lines: Its folder and its notes.
    """
    return _rendered(title="", words=lines, stages=stages)


def _splits(
    splits: Mapping[str, Sequence[Question]],
) -> list[tuple[str, int, list[tuple[str, str]]]]:
    """A split's name, its size, and some of its questions with the answer to each."""
    found = []
    for split, questions in splits.items():
        step = max(1, len(questions) // EXAMPLES)
        some = [
            (q.text, q.target or (q.gold.primary() if q.gold else ""))
            for q in questions[::step][:EXAMPLES]
        ]
        found.append((split_label(split), len(questions), some))
    return found


def _drawn(figures: Sequence[Figure | None]) -> list[Figure]:
    return [figure for figure in figures if figure is not None]


def _rendered(**shown: Any) -> str:
    parts = {"cards": [], "charts": [], "rows": [], "previews": [], "left_out": 0, "stages": []}
    return page_environment().get_template("notebook.html.jinja").render({**parts, **shown})
