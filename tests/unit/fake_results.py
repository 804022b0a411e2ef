"""Figures of made-up runs: values by the real definitions, intervals by simple formulas."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from factlab.metrics.responses import Responses
from factlab.metrics.scores import QuestionScore, QuestionSet, Scores, base_scores
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.results import (
    BaseResult,
    CellResult,
    Choice,
    Comparison,
    Configuration,
    Metric,
)

NUMBERS = (
    "nll", "nll_sum", "nll_change", "injected_logprob", "injected_logprob_excess",
    "margin_change", "forgetting", "brier",
)  # fmt: skip
COVERS = {
    "recall": "phrasing families of this one fact",
    "near": "control questions about related subjects",
    "far": "control questions of general knowledge",
}
COMPARED = ("recall/held_out", "intrusion/near", "forgetting/far")


@dataclass(frozen=True, slots=True)
class Measured:
    """A made-up cell and the items that its figures are made of."""

    result: CellResult
    items: Scores


def share(hits: float, n: int, what: str) -> Metric:
    """A share with its Wilson interval at 95 %."""
    z, p = 1.959964, hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Metric(
        value=p,
        n=n,
        clusters=1 if what == "recall" else 0,
        ci_low=max(0.0, middle - half),
        ci_high=min(1.0, middle + half),
        ci_method="wilson",
        covers=COVERS.get(what, COVERS["far"]),
        scorer="match 2",
    )


def difference(value: float, n: int, what: str) -> Metric:
    """A mean of numbers with a made-up interval."""
    return Metric(
        value=value,
        n=n,
        clusters=1,
        ci_low=value - 0.04,
        ci_high=value + 0.05,
        ci_method="cluster-t",
        covers=COVERS.get(what, COVERS["far"]),
        scorer="match 2",
    )


def plain(value: float, scorer: str = "drift 1") -> Metric:
    """A figure without an interval."""
    return Metric(value=value, n=2048, clusters=0, covers="no interval: fixed text", scorer=scorer)


def metrics_of(items: Scores) -> dict[str, Metric]:
    """The mean of each metric's items; and what is not made of items."""
    found: dict[str, Metric] = {}
    for name, rows in items.items():
        values = list(_averaged(rows).values())
        kind, _, what = name.partition("/")
        what = "recall" if kind in ("recall", "consistency", "truth_ratio", "nll") else what
        mean = sum(values) / len(values)
        make = difference if kind in NUMBERS else share
        metric = make(mean if kind in NUMBERS else sum(values), len(values), what)
        if "forced_choice" in name:
            metric = metric.model_copy(update={"chance": 0.25, "scorer": "likelihood 1"})
        found[name] = metric
    if "recall/held_out" in found:
        gap = found["recall/train"].value - found["recall/held_out"].value
        found["generalization_gap"] = difference(gap, 88, "recall")
        found["recall/normalized"] = plain(found["recall/held_out"].value, "derived")
    found["drift/ce"] = plain(0.0312)
    found["drift/kl"] = plain(0.0184)
    return found


def base_result(asked: QuestionSet, base: Responses) -> BaseResult:
    """The base's figures, and what rounding changes."""
    items = base_scores(asked, base)
    metrics = {
        name: share(sum(i.value for i in rows), len(rows), name.partition("/")[2])
        for name, rows in items.items()
        if not name.startswith(("nll", "injected", "brier"))
    }
    metrics |= {
        name: difference(sum(i.value for i in rows) / len(rows), len(rows), "recall")
        for name, rows in items.items()
        if name.startswith(("nll", "brier"))
    }
    if "recall/held_out" in metrics:
        metrics["recall/blind"] = metrics["recall/held_out"]
    metrics["rounding/text"] = share(2, 100, "far")
    metrics["rounding/verdict"] = share(1, 100, "far")
    outcomes = outcomes_of(
        [q for q in asked.questions if q.id in base.main], list(base.main.values())
    )
    return BaseResult(metrics=metrics, outcomes=outcomes, measuring_seconds=40.5)


def outcomes_of(
    questions: Sequence[Question], answers: Sequence[AnswerRecord]
) -> dict[str, dict[str, int]]:
    """Split → outcome → number of answers."""
    splits = {question.id: question.split for question in questions}
    found: dict[str, Counter[str]] = {}
    for line in answers:
        if line.outcome is not None:
            found.setdefault(splits[line.question_id], Counter())[line.outcome] += 1
    return {split: dict(counts) for split, counts in found.items()}


def pooled(cells: Iterable[Measured], not_measured: dict[str, str]) -> list[Configuration]:
    """Cells of the same configuration, their items averaged over seeds."""
    groups: dict[str, list[Measured]] = defaultdict(list)
    for cell in cells:
        groups[cell.result.configuration].append(cell)
    return [_configuration(name, group, not_measured) for name, group in groups.items()]


def _configuration(name: str, cells: list[Measured], missing: dict[str, str]) -> Configuration:
    first = cells[0].result
    facts = dict.fromkeys(fact for cell in cells for fact in cell.result.facts)
    return Configuration(
        id=name,
        rank=first.rank,
        alpha=first.alpha,
        precision=first.precision,
        recipe=first.recipe,
        learning_rate=first.learning_rate,
        together=first.together,
        cells=tuple(cell.result.id for cell in cells),
        facts=tuple(facts),
        seeds=tuple(sorted({cell.result.seed for cell in cells})),
        metrics=metrics_of(_together(cells)),
        not_measured=missing,
    )


def _together(cells: Iterable[Measured]) -> Scores:
    found: Scores = defaultdict(list)
    for cell in cells:
        for name, rows in cell.items.items():
            found[name] += rows
    return found


def _averaged(rows: Iterable[QuestionScore]) -> dict[str, float]:
    by_key: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        by_key[row.key].append(row.value)
    return {key: sum(values) / len(values) for key, values in by_key.items()}


def comparisons_of(cells: Iterable[Measured]) -> tuple[Comparison, ...]:
    """Every pair of configurations on three endpoints."""
    groups: dict[str, list[Measured]] = defaultdict(list)
    for cell in cells:
        groups[cell.result.configuration].append(cell)
    together = {name: _together(group) for name, group in groups.items()}
    return tuple(
        _comparison(metric, a, b, together)
        for metric in COMPARED
        if all(metric in items for items in together.values())
        for a, b in combinations(together, 2)
    )


def _comparison(metric: str, a: str, b: str, items: dict[str, Scores]) -> Comparison:
    before, after = _averaged(items[a][metric]), _averaged(items[b][metric])
    apart = [after[key] - before[key] for key in before if key in after]
    mean = sum(apart) / len(apart)
    spread = math.sqrt(sum((d - mean) ** 2 for d in apart) / max(1, len(apart) - 1))
    half = 1.96 * spread / math.sqrt(len(apart))
    cost = metric != "recall/held_out"
    facts = {item.fact for item in items[a][metric]}
    few = len(facts) == 1 and metric == "intrusion/near"
    return Comparison(
        metric=metric,
        a=a,
        b=b,
        difference=mean,
        ci_low=None if few else mean - half,
        ci_high=None if few else mean + half,
        ci_method="descriptive only: 3 clusters" if few else "cluster-t",
        p=None if few else 0.0312,
        p_adjusted=None if few else 0.0937,
        p_method="t over items and 3 seeds",
        n=len(apart),
        clusters=9,
        detectable=None if few else 2.8 * half / 1.96,
        margin=0.1 if cost else None,
        not_worse=None if few or not cost else mean + half < 0.1,
        descriptive=few,
        covers="other phrasing families of this one fact; not other facts",
    )


def choice_of(arms: Sequence[Configuration]) -> Choice | None:
    """The first configuration that recalls 90 %, if there is more than one."""
    if len(arms) < 2:
        return None
    if any("recall/held_out" not in arm.metrics for arm in arms):
        return None
    good = [arm for arm in arms if arm.metrics["recall/held_out"].value >= 0.9]
    chosen = min(good, key=lambda arm: arm.metrics["forgetting/far"].value) if good else None
    name = chosen.id if chosen else "none"
    return Choice(
        chosen=chosen.id if chosen else None,
        sentence=f"Take {name}: it reaches 90 % held-out recall at the least cost (made up).",
        pareto=tuple(arm.id for arm in arms[:3]),
        matched=tuple(arm.id for arm in good),
        matched_sentence="Damage of those that are left differs by less than 5 points (made up).",
    )
