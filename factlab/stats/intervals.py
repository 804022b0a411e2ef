"""95 % intervals of a rate, of a mean, and of the difference of two paired rates."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from factlab.stats.clusters import ClusteredValues, clustered_values

LEVEL = 0.95
Z = 1.959963984540054  # standard normal quantile at 0.975
# Facts that are either learned or not are all alike in 5 clusters 1 time in 16, in 4 1 time in 8;
# an interval cannot see from such a sample that they differ.
MIN_CLUSTERS = 5
MIN_BOOTSTRAP = 20  # clusters; below, resampling them says little
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """Two bounds and the name of the method that made them; no bounds: why there are none."""

    low: float | None
    high: float | None
    method: str


def wilson(successes: int, n: int) -> Interval:
    """Wilson's score interval of a rate of independent items; never of width 0.

    (p̂ + z²/2n ± z √(p̂(1 − p̂)/n + z²/4n²)) / (1 + z²/n). Source: Wilson (1927), Journal of the
    American Statistical Association 22:209, as in scipy.stats.binomtest(...).proportion_ci.

    Raises:
        ValueError: for no items, since there is no rate then.
    """
    from scipy.stats import binomtest

    if n <= 0:
        raise ValueError("a rate of no items has no interval")
    bounds = binomtest(successes, n).proportion_ci(confidence_level=LEVEL, method="wilson")
    return Interval(float(bounds.low), float(bounds.high), "wilson")


def rate_interval(values: Sequence[float], clusters: Sequence[Hashable]) -> Interval:
    """Interval of a rate, generalising over clusters like these.

    Every item its own cluster: Wilson. Otherwise, at each end, the wider of two:

    - the beta-binomial interval (`betabinomial.credible_interval`), which allows for not knowing
      how much clusters differ. Near 0 and 1 the sample seldom holds the clusters that differ, so
      that whatever estimates their spread from it (cluster-t, cluster bootstrap, Wilson with a
      design effect) is too narrow there: 50–90 % coverage at a rate of 0.97;
    - Wilson's interval of n / (design effect) items, which does not rest on the clusters' rates
      being beta distributed (facts that are either learned or not are not), and is about the
      rate itself. Source: Korn and Graubard (1998), Survey Methodology 24:193; Dean and Pagano
      (2015), Journal of Survey Statistics and Methodology 3:484; Franco et al. (2019), ibid. 7:334.

    No bootstrap over clusters, since it covers worse than this even with 40 of them
    (tests/slow/test_coverage.py). Fewer than MIN_CLUSTERS: descriptive only.

    Args:
        values: One per item, within 0–1: an outcome, or its mean over seeds. A mean over seeds
            counts as one draw, so that seeds that agree less than that make the interval wide.
        clusters: The label of each item's cluster.

    It does not cover: kinds of clusters that the sample may lack. Where facts are either learned or
    not, and one in ten is not, 8 or 12 facts often hold none or one of those, and the interval
    covers 60–70 %, 80 % with 24 and 90 % with 40 (at one in two, 95 % from 8 facts on). Nor
    cluster sizes that depend on the outcome.

    Raises:
        ValueError: for no items, or a value outside 0–1.
    """
    if any(not 0 <= value <= 1 for value in values):
        raise ValueError("a rate is a mean of values within 0 and 1")
    return interval_of_rate(clustered_values(values, clusters))


def interval_of_rate(groups: ClusteredValues) -> Interval:
    """`rate_interval` of values that are summed by cluster already."""
    from factlab.stats.betabinomial import credible_interval

    low, high = _wilson_of(groups.mean, groups.effective_n)
    if groups.independent:
        return Interval(low, high, "wilson")
    if groups.k < MIN_CLUSTERS:
        return descriptive(groups.k)
    model_low, model_high = credible_interval(groups, LEVEL)
    return Interval(min(low, model_low), max(high, model_high), "wilson/beta-binomial, clustered")


def bootstrap_interval(
    values: Sequence[float], clusters: Sequence[Hashable]
) -> tuple[float, float] | None:
    """BCa bootstrap over clusters, shown beside the interval that is reported, not instead of it.

    The customary interval of clustered data (Davison and Hinkley 1997; BCa: Efron 1987). Near 0 and
    1 it covers too seldom (tests/slow/test_coverage.py), so nothing is decided by it.

    Returns:
        Its bounds; None below MIN_BOOTSTRAP clusters, where all are alike, and where every item is
        its own cluster.
    """
    import warnings

    import numpy as np
    from scipy.stats import DegenerateDataWarning, bootstrap

    groups = clustered_values(values, clusters)
    if groups.k < MIN_BOOTSTRAP or groups.independent or groups.standard_error == 0:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)
        found = bootstrap(
            (groups.sums, groups.sizes),
            lambda sums, sizes, axis: sums.sum(axis=axis) / sizes.sum(axis=axis),
            paired=True,
            vectorized=True,
            n_resamples=RESAMPLES,
            confidence_level=LEVEL,
            method="BCa",
            rng=np.random.default_rng(0),
        ).confidence_interval
    bounds = float(found.low), float(found.high)
    return bounds if all(math.isfinite(bound) for bound in bounds) else None


def mean_interval(values: Sequence[float], clusters: Sequence[Hashable]) -> Interval:
    """Interval of the mean of unbounded values (NLL in nats, say): mean ± t · robust error.

    Cluster-t with the error of `ClusteredValues.standard_error` and effective clusters − 1 degrees
    of freedom. Source: Bell and McCaffrey (2002), Survey Methodology 28:169; Cameron and Miller
    (2015), Journal of Human Resources 50:317.

    It does not cover: few clusters of very skewed values; values without any spread between
    clusters, which have no interval here, since one of width 0 would be wrong.

    Args:
        values: One finite number per item, in any unit; the bounds are in the same.
        clusters: The label of each item's cluster.
    """
    groups = clustered_values(values, clusters)
    if groups.k < MIN_CLUSTERS:
        return descriptive(groups.k)
    error = groups.standard_error
    if error == 0:
        return Interval(None, None, "descriptive only: no spread between clusters")
    half = t_quantile(groups) * error
    return Interval(groups.mean - half, groups.mean + half, "cluster-t")


def difference_interval(differences: Sequence[float], clusters: Sequence[Hashable]) -> Interval:
    """Interval of the mean of paired differences of values within 0–1; never of width 0.

    Bonett and Price's adjusted Wald interval, of n / (design effect) items: one item that changed
    by the largest change seen (by 1, if none changed) is added in each direction. At each end,
    the wider of two, since neither covers everywhere (tests/slow/test_coverage.py):

    - ρ of the differences as estimated, and Student's t;
    - ρ of changing at all, averaged over what the sample leaves open, and the normal quantile.
      It keeps changes that are confined to one cluster in ten from being missed.

    Source: Bonett and Price (2012), Statistics in Medicine 31:479, for independent items; n by
    the design effect as in `rate_interval`. Without clusters and with 0/1 outcomes it is theirs.

    It does not cover: kinds of clusters that the sample does not hold. Near rates of 0 and 1 it is
    wider than necessary.

    Args:
        differences: One per item, within −1 and 1.
        clusters: The label of each item's cluster.

    Raises:
        ValueError: for no items, or a difference outside −1–1.
    """
    if any(not -1 <= d <= 1 for d in differences):
        raise ValueError("differences of values within 0 and 1 are within −1 and 1")
    groups = clustered_values(differences, clusters)
    changed = clustered_values([abs(d) for d in differences], clusters)
    return interval_of_difference(groups, changed, max(abs(d) for d in differences) or 1.0)


def interval_of_difference(
    groups: ClusteredValues, changed: ClusteredValues, step: float
) -> Interval:
    """`difference_interval` of differences summed by cluster, their sizes, and the largest size."""
    from factlab.stats.betabinomial import mean_correlation

    if groups.k < MIN_CLUSTERS:
        return descriptive(groups.k)
    if groups.independent:
        return Interval(*_adjusted_wald(groups, step, groups.n, Z), "bonett-price")
    cautious = groups.size_for(max(groups.icc, mean_correlation(changed)))
    one = _adjusted_wald(groups, step, groups.effective_n, t_quantile(groups))
    other = _adjusted_wald(groups, step, cautious, Z)
    low, high = min(one[0], other[0]), max(one[1], other[1])
    return Interval(low, high, "bonett-price, clustered")


def t_quantile(groups: ClusteredValues) -> float:
    """Student's t at 97.5 %, with effective clusters − 1 degrees of freedom."""
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, max(1.0, groups.effective_clusters - 1)))


def descriptive(k: int) -> Interval:
    """No interval, since there are too few clusters."""
    return Interval(None, None, f"descriptive only: {k} cluster{'s' if k > 1 else ''}")


def paired_difference(lost: int, gained: int, n: int) -> Interval:
    """Interval of (lost − gained) / n, the change of a rate over the same independent items.

    Source: Bonett and Price (2012), Statistics in Medicine 31:479; see `difference_interval`.

    Args:
        lost: Scores right before and wrong after.
        gained: Scores wrong before and right after.
        n: All items, unchanged ones too.

    Raises:
        ValueError: for no items.
    """
    if n <= 0:
        raise ValueError("a difference over no items has no interval")
    differences = [1.0] * lost + [-1.0] * gained + [0.0] * (n - lost - gained)
    groups = clustered_values(differences, range(n))
    return Interval(*_adjusted_wald(groups, 1.0, n, Z), "bonett-price")


def _adjusted_wald(
    groups: ClusteredValues, step: float, n: float, quantile: float
) -> tuple[float, float]:
    """Bonett and Price's bounds for n items with these moments.

    One item of +step and one of −step are added (so n + 2), then x̃ ± q √((s̃ − x̃²) / (n + 2)), with
    x̃ the mean and s̃ the mean square of all: a Wald interval that cannot have width 0.
    """
    mean = groups.mean * n / (n + 2)
    square = (groups.squares / groups.n * n + 2 * step**2) / (n + 2)
    half = quantile * math.sqrt(max(0.0, square - mean**2) / (n + 2))
    return max(-1.0, mean - half), min(1.0, mean + half)


def _wilson_of(rate: float, n: float) -> tuple[float, float]:
    """Wilson's bounds (see `wilson`) for an effective number of items, which need not be whole."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(rate * n, n, alpha=1 - LEVEL, method="wilson")
    return max(0.0, float(low)), min(1.0, float(high))
