"""Limits of a run's design in sentences: facts, seeds, and whether it is a control run."""

from __future__ import annotations

from factlab.comparison.seeds import lacks_seeds
from factlab.grading.audit import AUDIT, SHORT
from factlab.report.load import ReportData
from factlab.report.wording import plural
from factlab.stats.intervals import wilson
from factlab.stats.seeds import MIN_SEEDS

# Cluster intervals are rough below about this many clusters.
_FEW_FACTS = 20


def control_run(data: ReportData) -> str | None:
    """What kind of control a run is, if it is one."""
    if data.settings.get("shuffle"):
        return (
            "This is a control run: each fact was trained with another fact's answer, so recall "
            "of the right answer is expected at its blind floor. It shows what is "
            "measured when the right fact was not trained."
        )
    if data.settings.get("max_steps") == 0:
        return (
            "This is a control run: no step was trained. Every figure of change is expected to be "
            "0, except for what an adapter does before it is trained (LoftQ)."
        )
    return None


def limits_of_design(data: ReportData) -> list[str]:
    """What the intervals of this run do and do not generalise to."""
    if not data.result.cells:
        return []
    about = _of_practice() if data.is_practice else _of_facts(data)
    return [about, _of_seeds(data), *_few_clusters(data)]


def audited() -> str:
    """How often the matcher is wrong, as counted on answers that were read by hand."""
    interval = wilson(AUDIT.errors, AUDIT.answers)
    low, high = 100 * (interval.low or 0.0), 100 * (interval.high or 0.0)
    return (
        f"Of 100 verdicts of the matcher about {100 * AUDIT.errors / AUDIT.answers:.0f} are wrong "
        f"({AUDIT.errors} of {AUDIT.answers} answers of the untrained default model that were read "
        f"by hand; 95 % interval {low:.0f} to {high:.0f}). Nearly all are answers called right "
        f"that mention the right value in passing: {AUDIT.wrongly_right} of {AUDIT.called_right} "
        f"called right, that is {_longer()}."
    )


def _longer() -> str:
    """How many of them are long, and how many short."""
    long, wrong = AUDIT.longer
    rest = f"{AUDIT.wrongly_right - wrong} of {AUDIT.called_right - long}"
    return f"{wrong} of {long} that are longer than {SHORT} characters and {rest} that are not"


def _of_practice() -> str:
    return (
        "Intervals are over conversations and control questions like these; they cover no other "
        "set."
    )


def _of_facts(data: ReportData) -> str:
    facts = len({fact for cell in data.result.cells for fact in cell.facts})
    if facts == 1:
        return (
            "One fact: intervals are over its phrasing families and over control questions like "
            "these. How another fact would do is not shown."
        )
    rough = "; with so few they are rough" if facts < _FEW_FACTS else ""
    text = f"{facts} facts: intervals are over facts{rough}."
    together = {cell.together for cell in data.result.cells}
    if together == {True}:
        text += " All facts are in one adapter, so its damage is not that of any one of them."
    return text


def _of_seeds(data: ReportData) -> str:
    seeds = len({cell.seed for cell in data.result.cells})
    few = "One seed" if seeds == 1 else f"{seeds} seeds"
    if lacks_seeds(data.result.cells):
        return f"{few}: differences between configurations are described, not tested."
    if seeds < MIN_SEEDS:
        return f"{few}: how much another seed would change is not shown."
    return f"{plural(seeds, 'seed')} are averaged; their spread is in the intervals."


def _few_clusters(data: ReportData) -> list[str]:
    few = any(c.descriptive and c.ci_low is None for c in data.result.comparisons)
    text = "Comparisons without an interval have too few independent questions or facts for one."
    return [text] if few else []
