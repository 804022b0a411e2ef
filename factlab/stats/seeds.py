"""What another seed would change: the spread over seeds of a mean over items.

The same items are measured under each of S seeds, so items and seeds are crossed: value = mean +
item or cluster + seed + what is left of both. The mean's variance is the sum of three parts,

    V = (V_cluster − V_both) + V_seed,

with V_seed from the S means, V_cluster from the cluster means, and V_both what is left when both
are taken out, which either of the two holds once. Sources: Searle, Casella and McCulloch (1992),
Variance Components, chapter 4; Cameron, Gelbach and Miller (2011), Journal of Business & Economic
Statistics 29:238, for the subtraction.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from factlab.stats.clusters import ClusteredValues, clustered_values

MIN_SEEDS = 3  # two seeds have one degree of freedom: t is 12.7 there
LEVEL = 0.95

ByItem = Mapping[Hashable, float]


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """What seeds add to the variance of a mean over items.

    Attributes:
        seeds: S; below MIN_SEEDS nothing is said of other seeds.
        own: V_seed: the variance of the mean as its spread over seeds shows it.
        both: V_both: the part of it that the spread over clusters shows as well.
    """

    seeds: int = 1
    own: float = 0.0
    both: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether there are enough seeds to say something of others."""
        return self.seeds >= MIN_SEEDS

    @property
    def method(self) -> str:
        """What it adds to the name of an interval's method."""
        return f", t over {self.seeds} seeds" if self.counts else ""

    def error(self, item: float) -> float:
        """Standard error of the mean, √V, given that over items or clusters alone."""
        return math.sqrt(max(0.0, item**2 - self.both) + self.own) if self.counts else item

    def widened(self, groups: ClusteredValues, item: float, level: float = LEVEL) -> float:
        """How far an interval's end is from the mean, so that it covers other seeds as well.

        √(item part + t² V_seed), t with S − 1 degrees of freedom, where the item part is
        t² (V_cluster − V_both), t with k − 1: each part with the quantile of its own degrees of
        freedom, so that few seeds widen what seeds add and nothing else. For independent parts
        such an interval covers at least its level, whatever the parts' sizes: Banerjee (1960),
        Sankhyā 22:357. Never nearer than the end of the interval over items alone, since V_seed of
        few seeds is often too small by chance; and at that end where seeds add nothing.

        Args:
            groups: The items' means over seeds, by cluster.
            item: How far the end of the interval over items or clusters alone is from the mean.
            level: Such as 0.95.
        """
        if not self.counts:
            return item
        over_items = student(level, groups.effective_clusters - 1) ** 2
        seed = student(level, self.seeds - 1) ** 2
        part = min(item**2, over_items * groups.standard_error**2) - over_items * self.both
        return max(item, math.sqrt(max(0.0, part) + seed * self.own))


ONE_SEED = SeedSpread()


@dataclass(frozen=True, slots=True)
class SeededValues:
    """Items averaged over their seeds, and what the seeds add.

    Attributes:
        keys: The items, in the order in which they were first seen.
        means: Each item's mean over its seeds.
        clusters: Each item's cluster.
        spread: What seeds add to the variance of the mean.
    """

    keys: tuple[Hashable, ...]
    means: tuple[float, ...]
    clusters: tuple[Hashable, ...]
    spread: SeedSpread

    @property
    def groups(self) -> ClusteredValues:
        """The means by cluster."""
        return clustered_values(self.means, self.clusters)


def seeded_values(by_seed: Sequence[ByItem], clusters: Mapping[Hashable, Hashable]) -> SeededValues:
    """Average each item over the seeds that have it.

    Args:
        by_seed: Item → value, of each seed.
        clusters: Item → the label of its cluster.
    """
    found: dict[Hashable, list[float]] = {}
    for values in by_seed:
        for key, value in values.items():
            found.setdefault(key, []).append(value)
    keys = tuple(found)
    means = tuple(math.fsum(values) / len(values) for values in found.values())
    labels = tuple(clusters[key] for key in keys)
    with_items = [values for values in by_seed if values]
    return SeededValues(keys, means, labels, _spread(with_items, keys, means, labels))


def _spread(
    by_seed: Sequence[ByItem],
    keys: Sequence[Hashable],
    means: Sequence[float],
    labels: Sequence[Hashable],
) -> SeedSpread:
    """V_seed and V_both, from what is left of each value without its item's mean.

    An item that a seed lacks counts there as its mean. With w_g the share of the items that cluster
    g holds, and r_gs its sum at seed s over the number of all items: V_seed = Σ_s (Σ_g r_gs)² /
    (S(S − 1)), V_both = Σ_gs (r_gs − w_g Σ_g r_gs)² / (1 − w_g) / (S(S − 1)), where 1 − w_g is the
    correction of `ClusteredValues.standard_error`.
    """
    import numpy as np

    seeds, n = len(by_seed), len(keys)
    if seeds < MIN_SEEDS or n == 0:
        return SeedSpread(max(1, seeds))
    place = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    cluster = np.array([place[label] for label in labels])
    left = np.array(
        [[values.get(key, m) - m for key, m in zip(keys, means, strict=True)] for values in by_seed]
    )
    sums = np.stack([np.bincount(cluster, row, len(place)) for row in left]) / n  # r_gs, by seed
    share = np.bincount(cluster, minlength=len(place)) / n
    total = sums.sum(axis=1)
    ways = seeds * (seeds - 1)
    if len(place) < 2:
        return SeedSpread(seeds, float((total**2).sum()) / ways)
    rest = (sums - total[:, None] * share) ** 2 / (1 - share)
    return SeedSpread(seeds, float((total**2).sum()) / ways, float(rest.sum()) / ways)


@lru_cache(maxsize=512)
def student(level: float, freedom: float) -> float:
    """Student's t of a two-sided interval of this level, with at least one degree of freedom."""
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, max(1.0, freedom)))
