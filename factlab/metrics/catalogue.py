"""The metric catalogue: every metric has one row, and all that handles metrics derives from it.

Gates, endpoints, the cost of the choice, the words of the verdict, the panel, the report, the
tables of docs/metrics.md and `factlab list metrics` ask here. To add a metric, add its row in
`factlab/metrics/rows/` and the function that gives its value per question in `scores.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from factlab.metrics.rows.base import BASE_ROWS
from factlab.metrics.rows.belief import BELIEF_ROWS
from factlab.metrics.rows.cost import BENCHMARK_ROWS, COST_ROWS, DRIFT_ROWS
from factlab.metrics.rows.likelihood import LIKELIHOOD_ROWS
from factlab.metrics.rows.published import PUBLISHED_ROWS
from factlab.metrics.rows.recall import CONSISTENCY_ROWS, RECALL_ROWS
from factlab.metrics.spec import MetricSpec, Use, place_of_split
from factlab.schema.passage import DEPTHS
from factlab.schema.results import Ability
from factlab.schema.splits import NEAR_GROUPS

OTHER = "Other"

# In the order in which metrics decide; `PAGE_ROWS` has them in the order in which they are read.
ROWS: tuple[MetricSpec, ...] = (
    *RECALL_ROWS,
    *CONSISTENCY_ROWS,
    *BELIEF_ROWS,
    *LIKELIHOOD_ROWS,
    *PUBLISHED_ROWS,
    *COST_ROWS,
    *BASE_ROWS,
    *DRIFT_ROWS,
    *BENCHMARK_ROWS,
)
_BY_NAME = {row.name: row for row in ROWS}
_PATTERNS = {row.kind: row for row in ROWS if row.is_pattern}
_FAMILIES = list(dict.fromkeys(row.family or row.name for row in ROWS))


def _place(row: MetricSpec) -> tuple[int, int]:
    within = place_of_split(row.split) if row.family and not row.is_pattern else len(ROWS)
    # Depths of probes are no splits, and stay in their own order.
    return _FAMILIES.index(row.family or row.name), within


PAGE_ROWS: tuple[MetricSpec, ...] = tuple(sorted(ROWS, key=_place))
_PAGE_PLACE = {row.name: place for place, row in enumerate(PAGE_ROWS)}

# Every name that is known before a run; suites of the user's own come on top of them.
NAMES: tuple[str, ...] = tuple(name for row in PAGE_ROWS for name in row.names)


def find(name: str) -> MetricSpec | None:
    """The row of a metric, that of a pattern under the metric's own name; None: no such metric."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    pattern = _PATTERNS.get(name.partition("/")[0])
    return pattern.named(name) if pattern is not None and "/" in name else None


def spec_of(name: str) -> MetricSpec:
    """The row of a metric; an unknown one, as of a newer factlab, is shown under its name."""
    return find(name) or MetricSpec(
        name,
        name,
        OTHER,
        mean_of="",
        formula="",
        caveat="",
        source="",
        better="neither",
        unit="plain",
        range="",
    )


def in_page_order(names: set[str]) -> list[str]:
    """Metric names in the order of the page, unknown ones last."""
    return sorted(names, key=_place_of_name)


def _place_of_name(name: str) -> tuple[int, str]:
    pattern = _PATTERNS.get(name.partition("/")[0])
    last = _PAGE_PLACE[pattern.name] if pattern else len(PAGE_ROWS)
    return _PAGE_PLACE.get(name, last), name


def names_of(wanted: Callable[[Use], object]) -> tuple[str, ...]:
    """The metrics that are used in some way, the most decisive first."""
    return tuple(row.name for row in ROWS if wanted(row.use))


# Every tuned model has these, but for one whose predictions cannot be had, or that was not trained
# here.
ALWAYS_MEASURED: Mapping[Ability, tuple[str, ...]] = {
    need: tuple(row.name for row in ROWS if row.needs == need and row.model == "tuned")
    for need in ("drift", "trained")
}
# A result says why one of these is missing.
EXPECTED = names_of(lambda use: use.expected)
BASE_EXPECTED = names_of(lambda use: use.base_expected)
# What tells whether a fact survived, and at what cost; a run has those that it could measure.
MAIN_METRICS = names_of(lambda use: use.main)
BY_FACT = names_of(lambda use: use.by_fact)
PROBE_METRICS = tuple(f"recall/{depth}" for depth in DEPTHS)
DRIFT_METRICS = tuple(row.name for row in ROWS if row.measured_from == "text")
# On a practice set, the loss on the conversations that are held out.
PRACTICE_LOSS = "nll/practice"


def is_likelihood(name: str) -> bool:
    """Whether a metric comes from likelihoods rather than from graded answers."""
    return spec_of(name).measured_from == "likelihoods"


def about_fact(name: str) -> bool:
    """Whether a metric says something of what was trained rather than of controls."""
    return spec_of(name).about_fact or name.partition("/")[2] in ("held_out", *DEPTHS)


def give_reasons(
    not_measured: dict[str, str], lacks: Mapping[Ability, str], *, of_tuned: bool
) -> None:
    """Where a metric is missing since a model could not be asked for what it needs, say so.

    Args:
        not_measured: Metric → why it is missing; changed.
        lacks: What the model could not be asked for, and why.
        of_tuned: Whether it is a tuned model, which is compared with its base on running text.
    """
    for need in ALWAYS_MEASURED.keys() & lacks.keys() if of_tuned else ():
        not_measured |= dict.fromkeys(ALWAYS_MEASURED[need], "")
    for name in not_measured:
        needed = spec_of(name).needs
        if needed is not None and needed in lacks:
            not_measured[name] = lacks[needed]


def why_empty(name: str, *, passages: bool = False, practised: bool = False) -> str:
    """Why a metric has nothing to average.

    Args:
        name: The metric.
        passages: Whether the run trains passages, which have no single injected value.
        practised: Whether the run practises on a set of conversations, without any fact.
    """
    spec, split = spec_of(name), name.partition("/")[2]
    near = ("near", *NEAR_GROUPS)
    if practised and (about_fact(name) or spec.kind == "intrusion" or split in near):
        return "the run practised on conversations and trained no fact"
    if passages and spec.kind == "intrusion":
        return "a passage has no single injected value to look for"
    if passages and about_fact(name):
        return "passages are measured by their probes"
    if spec.empty:
        return spec.empty.format(split=split)
    return f"the run has no {split or spec.kind} questions that could be counted"
