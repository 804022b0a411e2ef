"""Scores summed by cluster: what every interval and test here is computed from.

Notation: k clusters, cluster g has m_g of the n items; x̄ is the mean over items.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ClusteredValues:
    """Sum and number of items of each cluster, in an order that no label or item order changes.

    Attributes:
        sums: Sum of the values of each cluster, shape (k,).
        sizes: Number of items of each cluster, shape (k,).
        squares: Sum of the squares of all values.
    """

    sums: NDArray[np.float64]
    sizes: NDArray[np.float64]
    squares: float

    @property
    def k(self) -> int:
        """Number of clusters."""
        return len(self.sizes)

    @property
    def n(self) -> int:
        """Number of items."""
        return int(self.sizes.sum())

    @property
    def mean(self) -> float:
        """Mean over items, each weighing the same."""
        return math.fsum(self.sums) / self.n

    @property
    def independent(self) -> bool:
        """Whether every item is its own cluster."""
        return self.k == self.n

    @property
    def mean_size(self) -> float:
        """Size of the cluster of a random item, Σm²/Σm: the m of a design effect."""
        return float((self.sizes**2).sum()) / self.n

    @property
    def effective_clusters(self) -> float:
        """How many clusters of equal size weigh like these: n² / Σm² (Kish 1965, section 11.7)."""
        return self.n / self.mean_size

    @property
    def standard_error(self) -> float:
        """Of the mean over items, robust to any dependence within clusters.

        √(Σ_g e_g² / (1 − m_g/n)) / n with e_g the sum of x − x̄ over cluster g: the correction CR2
        in its closed form for a mean. Without 1 − m_g/n a large cluster, which pulls x̄ to itself,
        would hide its own spread. Source: Bell and McCaffrey (2002), Survey Methodology 28:169. Of
        one cluster it is infinite: nothing is known of others.
        """
        if self.k < 2:
            return math.inf
        residuals = self.sums - self.sizes * self.mean
        kept = 1 - self.sizes / self.n
        return math.sqrt(float((residuals**2 / kept).sum())) / self.n

    @property
    def icc(self) -> float:
        """Intra-cluster correlation ρ by one-way analysis of variance, held within 0–1.

        (MSB − MSW) / (MSB + (m₀ − 1) MSW), with MSB and MSW the mean squares between and within
        clusters and m₀ = (n − Σm²/n) / (k − 1), the size for unequal clusters. Source: Donner
        (1986), International Statistical Review 54:67. Without spread of any kind, or with one
        item each, it is 0.
        """
        k, n = self.k, self.n
        if k < 2 or k == n:
            return 0.0
        explained = float((self.sums**2 / self.sizes).sum())
        between = (explained - n * self.mean**2) / (k - 1)
        within = (self.squares - explained) / (n - k)
        total = between + ((n - self.mean_size) / (k - 1) - 1) * within
        return min(1.0, max(0.0, (between - within) / total)) if total > 1e-12 else 0.0

    @property
    def effective_n(self) -> float:
        """Number of independent items that say as much, by the estimated ρ."""
        return self.size_for(self.icc)

    def size_for(self, icc: float) -> float:
        """Number of independent items that say as much under this ρ: n / (1 + (m − 1)ρ)."""
        return self.n / (1 + (self.mean_size - 1) * icc)


def clustered_values(values: Sequence[float], clusters: Sequence[Hashable]) -> ClusteredValues:
    """Sum values by cluster.

    Raises:
        ValueError: for no items, for a value that is no finite number, or for two lengths.
    """
    import numpy as np

    if len(values) == 0:
        raise ValueError("no items: there is nothing to estimate")
    members: dict[Hashable, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        if not math.isfinite(value):
            raise ValueError(f"a value is not a finite number: {value}")
        members.setdefault(cluster, []).append(float(value))
    table = np.array(sorted((math.fsum(group), len(group)) for group in members.values()))
    squares = math.fsum(float(value) ** 2 for value in values)
    return ClusteredValues(table[:, 0].astype(float), table[:, 1].astype(float), squares)
