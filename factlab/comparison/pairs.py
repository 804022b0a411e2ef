"""Two configurations on the same items and seeds: every pair, on every declared endpoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from factlab.comparison.pool import BySeed, Pooled
from factlab.metrics.catalogue import ROWS
from factlab.metrics.measure import averaged, clusters_of, covers
from factlab.metrics.scores import QuestionScore
from factlab.metrics.spec import MetricSpec
from factlab.schema.results import Comparison, Configuration, placebo_id
from factlab.stats.paired import PairedComparison, compare, holm


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A metric that configurations are compared by; declared before any is measured.

    Attributes:
        spec: Its row in the catalogue, which says which way is better.
        margin: A difference that is too small to matter; how much worse is still 'not worse'.
    """

    spec: MetricSpec
    margin: float

    @property
    def metric(self) -> str:
        """Its name."""
        return self.spec.name

    def is_worse(self, difference: float) -> bool:
        """Whether b − a is to the disadvantage of b."""
        return self.spec.worse(difference)

    def not_worse(self, low: float | None, high: float | None) -> bool | None:
        """Whether the interval of b − a excludes that b is worse by the margin or more."""
        if low is None or high is None:
            return None
        return low > -self.margin if self.spec.better == "high" else high < self.margin


ENDPOINT_OF = {
    row.name: Endpoint(row, row.use.margin) for row in ROWS if row.use.margin is not None
}
# Where configurations stand on bases of several precisions, these are compared too.
ACROSS_BASES = tuple(e for e in ENDPOINT_OF.values() if e.spec.use.across_bases)
ENDPOINTS = tuple(e for e in ENDPOINT_OF.values() if not e.spec.use.across_bases)
METRICS = tuple(ENDPOINT_OF)
ALPHA = 0.05
# (Endpoint, a, b) → their comparison, not yet adjusted for the number of pairs.
KnownPairs = dict[tuple[str, str, str], "Comparison | None"]


def several_bases(configurations: Iterable[Configuration]) -> bool:
    """Whether configurations stand on a base that is not held alike."""
    return len({configuration.precision for configuration in configurations}) > 1


def compare_pairs(
    pooled: Sequence[Pooled], known: KnownPairs | None = None
) -> tuple[Comparison, ...]:
    """Every pair on every endpoint that both have, with Holm's p over the pairs of an endpoint.

    A placebo is compared with what it stands beside and with nothing else, in a family of its own.
    A pair without a seed in common, or without an item in common, is not compared.

    Args:
        pooled: The configurations.
        known: Pairs that were compared before, whose configurations have not changed since; those
            that are compared now are added.
    """
    known = {} if known is None else known
    configurations = [one.configuration for one in pooled]
    found: list[Comparison] = []
    chosen_from = [one for one in pooled if one.configuration.placebo is None]
    declared = [
        list(combinations(chosen_from, 2)),
        [(placebo, one) for one in chosen_from for placebo in pooled if _stands_for(placebo, one)],
    ]
    for endpoint in (*ENDPOINTS, *(ACROSS_BASES if several_bases(configurations) else ())):
        for declared_pairs in declared:
            pairs: list[Comparison | None] = []
            for a, b in declared_pairs:
                key = (endpoint.metric, a.configuration.id, b.configuration.id)
                if key not in known:
                    known[key] = compare_two(endpoint, a, b)
                pairs.append(known[key])
            found += _adjusted([pair for pair in pairs if pair is not None])
    return tuple(found)


def _stands_for(placebo: Pooled, one: Pooled) -> bool:
    """Whether the first is a placebo of the second: trained alike, but for the fact."""
    kind = placebo.configuration.placebo
    return kind is not None and placebo.configuration.id == placebo_id(one.configuration.id, kind)


def _adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    adjusted = iter(holm([c.p for c in comparisons if c.p is not None]))
    return [
        c if c.p is None else c.model_copy(update={"p_adjusted": next(adjusted)})
        for c in comparisons
    ]


def compare_two(endpoint: Endpoint, a: Pooled, b: Pooled) -> Comparison | None:
    """B − a on the items and at the seeds that both have."""
    of_a, of_b = a.scores.get(endpoint.metric, {}), b.scores.get(endpoint.metric, {})
    if a.configuration.together != b.configuration.together:
        of_a, of_b = _by_question(of_a), _by_question(of_b)
    seeds = sorted(of_a.keys() & of_b.keys())
    shared = {seed: _shared(of_a[seed], of_b[seed]) for seed in seeds}
    before = averaged(item for of_both, _ in shared.values() for item in of_both)
    if not before:
        return None
    seeds = [seed for seed in seeds if shared[seed][0]]
    found = compare(
        [{item.key: item.value for item in shared[seed][0]} for seed in seeds],
        [{item.key: item.value for item in shared[seed][1]} for seed in seeds],
        dict(zip((item.key for item in before), clusters_of(before), strict=True)),
        "mean" if endpoint.spec.interval == "mean" else "difference",
    )
    says = covers(endpoint.metric, before, len(seeds))
    return _record(
        endpoint,
        a.configuration,
        b.configuration,
        found,
        says + _limits(seeds, a.configuration, b.configuration, len(before), (of_a, of_b)),
    )


def _shared(
    a: Sequence[QuestionScore], b: Sequence[QuestionScore]
) -> tuple[list[QuestionScore], list[QuestionScore]]:
    """Scores of one seed that both have, in the same order."""
    others = {item.key: item for item in b}
    mine = [item for item in a if item.key in others]
    return mine, [others[item.key] for item in mine]


def _by_question(items: BySeed) -> BySeed:
    """Shared controls by question alone: one adapter for all facts answers each of them once."""
    found: dict[int, list[QuestionScore]] = {}
    for seed, rows in items.items():
        same: dict[str, list[QuestionScore]] = defaultdict(list)
        for row in rows:
            key = row.key.removesuffix(f"@{row.fact}")
            own = key == row.key
            same[key].append(row if own else replace(row, key=key, fact="", group=key))
        found[seed] = [item for rows in same.values() for item in averaged(rows)]
    return found


def _limits(
    seeds: Sequence[int], a: Configuration, b: Configuration, n: int, items: tuple[BySeed, BySeed]
) -> str:
    """What the pairing left out, in words."""
    said = ""
    if a.seeds != b.seeds:
        shared = ", ".join(map(str, seeds))
        said += f"; only seed{'s' if len(seeds) > 1 else ''} {shared}, which both have"
    most = max(len({row.key for rows in side.values() for row in rows}) for side in items)
    if n < most:
        said += f"; only the {n} of {most} items that both have"
    return said


def _record(
    endpoint: Endpoint, a: Configuration, b: Configuration, found: PairedComparison, says: str
) -> Comparison:
    low, high = found.detectable or (None, None)
    # An interval about the seeds at hand cannot say what others would give.
    bounds = (None, None) if found.descriptive else (found.low, found.high)
    return Comparison(
        metric=endpoint.metric,
        a=a.id,
        b=b.id,
        difference=found.difference,
        ci_low=found.low,
        ci_high=found.high,
        error=found.error,
        ci_method=found.ci_method,
        p=found.p,
        p_adjusted=None,
        p_method=found.p_method,
        n=found.n,
        clusters=found.clusters,
        detectable=high,
        detectable_low=low,
        margin=endpoint.margin,
        not_worse=endpoint.not_worse(*bounds),
        seeds=found.seeds,
        descriptive=found.descriptive,
        lacks=found.lacks,
        covers=says,
    )


# --- looking them up ---------------------------------------------------------------------------


class Pairs:
    """Looks comparisons up from either side."""

    def __init__(self, comparisons: Sequence[Comparison]) -> None:
        self._by_pair = {(c.metric, c.a, c.b): c for c in comparisons}

    def of(self, metric: str, a: Configuration, b: Configuration) -> Comparison | None:
        """The comparison as b − a, turned round if need be."""
        found = self._by_pair.get((metric, a.id, b.id))
        if found is not None:
            return found
        found = self._by_pair.get((metric, b.id, a.id))
        return turned(found) if found is not None else None

    def excludes_loss(self, metric: str, a: Configuration, b: Configuration) -> bool:
        """Whether the interval of b − a excludes that b is worse by the margin."""
        found = self.of(metric, a, b)
        return found is not None and bool(found.not_worse)

    def distinct(self, metric: str, a: Configuration, b: Configuration) -> Comparison | None:
        """The comparison, if its data tell the two apart."""
        found = self.of(metric, a, b)
        return found if found is not None and distinguishable(found) else None


def turned(comparison: Comparison) -> Comparison:
    """The same comparison as a − b."""
    low, high = comparison.ci_low, comparison.ci_high
    turned_low, turned_high = None if high is None else -high, None if low is None else -low
    return comparison.model_copy(
        update={
            "a": comparison.b,
            "b": comparison.a,
            "difference": -comparison.difference,
            "ci_low": turned_low,
            "ci_high": turned_high,
            "not_worse": None
            if comparison.descriptive
            else ENDPOINT_OF[comparison.metric].not_worse(turned_low, turned_high),
        }
    )


def distinguishable(comparison: Comparison) -> bool:
    """Whether the interval excludes 0, and the adjusted p is not above 0.05."""
    if comparison.descriptive or comparison.ci_low is None or comparison.ci_high is None:
        return False
    excludes_zero = comparison.ci_low > 0 or comparison.ci_high < 0
    return excludes_zero and (comparison.p_adjusted is None or comparison.p_adjusted <= ALPHA)
