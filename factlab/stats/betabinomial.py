"""The beta-binomial model of a rate whose clusters differ: its posterior, on a grid.

A cluster of m items has its own rate q ~ Beta(α, β) and h ~ Binomial(m, q) hits, with mean
μ = α / (α + β) and intra-cluster correlation ρ = 1 / (α + β + 1), so that

    α = μ (1/ρ − 1),  β = (1 − μ)(1/ρ − 1),  P(h | μ, ρ) ∝ B(α + h, β + m − h) / B(α, β).

Priors: Jeffreys on μ (uniform in the arcsine of its root), and the same on ρ. The grid is one of
equal prior weight, so that the posterior of a cell is its likelihood over the sum of all.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from factlab.stats.clusters import ClusteredValues

# Cells of the grid. More rates than correlations: bounds are read off the rates, to 1/400 of the
# prior, while ρ is only averaged over.
RATES, CORRELATIONS = 400, 24


def credible_interval(groups: ClusteredValues, level: float) -> tuple[float, float]:
    """Equal-tailed interval of μ, the mean of the clusters' rates.

    ρ is integrated out, so that not knowing it widens the interval: a plug-in of ρ is what makes
    methods with a design effect too narrow near 0 and 1. At no or only hits the interval reaches
    to 0 or 1.

    Sources: Brown, Cai and DasGupta (2001), Statistical Science 16:101 (Jeffreys interval and its
    ends); Berger, Liseo and Wolpert (1999), Statistical Science 14:1 (integrated likelihood).

    It is not valid for rates that are far from beta distributed over clusters (learned or not at
    all, say): `intervals.rate_interval` pairs it with an interval that does not assume that.

    Args:
        groups: Sums of values within 0–1 (they need not be whole) and sizes, by cluster.
        level: Such as 0.95.
    """
    import numpy as np

    weights = _posterior(groups).sum(axis=1)
    cumulative = np.cumsum(weights) - weights / 2
    low, high = np.interp([(1 - level) / 2, (1 + level) / 2], cumulative, _cells(RATES))
    hits = float(groups.sums.sum())
    return (0.0 if hits <= 0 else float(low), 1.0 if hits >= groups.n else float(high))


def _posterior(groups: ClusteredValues) -> NDArray[np.float64]:
    """Probability of each cell of the grid, shape (RATES, CORRELATIONS)."""
    import numpy as np

    log_likelihood = np.zeros((RATES, CORRELATIONS))
    kinds = Counter(zip(groups.sums.tolist(), groups.sizes.tolist(), strict=True))
    for (hits, size), count in kinds.items():
        log_likelihood += count * _cluster(hits, size)
    weights: NDArray[np.float64] = np.exp(log_likelihood - log_likelihood.max())
    weights /= weights.sum()
    return weights


@lru_cache(maxsize=2)
def _cells(number: int) -> NDArray[np.float64]:
    """Midpoints of cells of equal prior weight: sin² of evenly spaced angles, the arcsine law."""
    import numpy as np

    found: NDArray[np.float64] = np.sin((np.arange(number) + 0.5) / number * np.pi / 2) ** 2
    return found


@lru_cache(maxsize=512)
def _cluster(hits: float, size: float) -> NDArray[np.float64]:
    """Log-likelihood of one cluster's hits on the grid, shape (RATES, CORRELATIONS)."""
    from scipy.special import betaln

    rates, mass = _cells(RATES)[:, None], 1 / _cells(CORRELATIONS) - 1
    alpha, beta = rates * mass, (1 - rates) * mass
    found: NDArray[np.float64] = betaln(alpha + hits, beta + size - hits) - betaln(alpha, beta)
    return found
