"""What clustering costs: the design effect, and what the sample at hand could find."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from factlab.stats.clusters import grouped

MIN_FLIPS = 6  # 2 / 2⁶ is the first two-sided sign-flip p below 0.05


@dataclass(frozen=True, slots=True)
class Design:
    """Intra-cluster correlation, design effect, and how many independent items say as much."""

    icc: float
    effect: float
    effective_n: float


def design_effect(values: Sequence[float], clusters: Sequence[Hashable]) -> Design:
    """What clustering costs a mean: 1 + (m − 1)ρ, with m = Σm²/Σm for unequal clusters.

    Sources: Kish (1965), Survey Sampling; ρ as in `Grouped.icc` (Donner 1986). With few clusters
    ρ is known badly, and an effect of 1 is no proof of independence.

    Args:
        values: One finite number per item.
        clusters: The label of each item's cluster.
    """
    groups = grouped(values, clusters)
    return Design(groups.icc, groups.n / groups.effective_n, groups.effective_n)


def minimum_detectable_difference(
    differences: Sequence[float],
    clusters: Sequence[Hashable],
    power: float = 0.8,
    alpha: float = 0.05,
) -> float | None:
    """Smallest true mean of paired differences that another sample like this would find.

    The noncentral t of a paired t test over clusters, with the spread between clusters seen here;
    for 0/1 outcomes at least what leaves 6 items changed in one direction with this power, since
    no exact test finds fewer (2 / 2⁶ = 0.03). It is a property of the design and its noise: do not
    compare it with the difference that was observed. Source: Cohen (1988); Hoenig and Heisey
    (2001), The American Statistician 55:19, on what it does not say.

    Args:
        differences: One per item, b − a, in any unit; the answer is in the same.
        clusters: The label of each item's cluster.
        power: Chance of finding it.
        alpha: Two-sided level of the test.

    Returns:
        None where there is no answer: fewer than 6 clusters, with which no sign-flip test reaches
        0.05, or no item changed, so that nothing is known of the spread.
    """
    from scipy.stats import gamma

    groups = grouped(differences, clusters)
    if groups.k < MIN_FLIPS or groups.squares == 0 or groups.effective_clusters <= 2:
        return None
    k = groups.effective_clusters
    found = _noncentrality(k - 1, alpha, power) * groups.standard_error
    outcomes = all(d in (-1, 0, 1) for d in differences)
    return max(found, float(gamma.ppf(power, MIN_FLIPS)) / groups.n if outcomes else 0.0)


def _noncentrality(freedom: float, alpha: float, power: float) -> float:
    """How many standard errors a mean has to be from 0 for a t test to find it with this power.

    The power given the sample's spread, averaged over spreads: scipy's noncentral t, which
    statsmodels solves for, is not a number at some effects, and its solver then ends anywhere.
    """
    import numpy as np
    from scipy.optimize import brentq
    from scipy.stats import chi2, norm, t

    spreads = np.sqrt(chi2.ppf((np.arange(4000) + 0.5) / 4000, freedom) / freedom)
    critical = t.ppf(1 - alpha / 2, freedom) * spreads

    def missing(away: float) -> float:
        found = norm.cdf(away - critical) + norm.cdf(-away - critical)
        return float(found.mean()) - power

    return float(brentq(missing, 0, critical[-1] + 10))
