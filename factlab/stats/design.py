"""Power: the smallest difference that a sample of this design could find."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from factlab.stats.clusters import clustered_values

MIN_FLIPS = 6  # 2 / 2⁶ is the first two-sided sign-flip p below 0.05


def minimum_detectable_difference(
    differences: Sequence[float],
    clusters: Sequence[Hashable],
    power: float = 0.8,
    alpha: float = 0.05,
) -> float | None:
    """Smallest true mean of paired differences that another sample like this would find.

    δ · SE, with SE the robust error of the mean and δ the noncentrality at which a two-sided t test
    over clusters has this power. For 0/1 outcomes at least λ / n, where λ items changed in one
    direction are expected and 6 or more of them happen with this power (Poisson, so λ is the
    gamma quantile of shape 6): no exact test finds fewer (2 / 2⁶ = 0.03).

    It is a property of the design and its noise: do not compare it with the difference that was
    observed. Source: Cohen (1988), Statistical Power Analysis; Hoenig and Heisey (2001), The
    American Statistician 55:19, on what it does not say.

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

    groups = clustered_values(differences, clusters)
    if groups.k < MIN_FLIPS or groups.squares == 0 or groups.effective_clusters <= 2:
        return None
    k = groups.effective_clusters
    found = _noncentrality(k - 1, alpha, power) * groups.standard_error
    outcomes = all(d in (-1, 0, 1) for d in differences)
    return max(found, float(gamma.ppf(power, MIN_FLIPS)) / groups.n if outcomes else 0.0)


def _noncentrality(freedom: float, alpha: float, power: float) -> float:
    """How many standard errors a mean has to be from 0 for a t test to find it with this power.

    With S = √(χ²_f / f) the ratio of estimated to true spread, the power given S is
    Φ(δ − t·S) + Φ(−δ − t·S); it is averaged over 4,000 quantiles of S and solved for δ. This is
    the noncentral t by hand, because scipy's (which statsmodels solves for) is NaN at some effects,
    and its solver then ends anywhere.
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
