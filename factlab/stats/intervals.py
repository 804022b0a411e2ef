"""95 % intervals of a rate, of a mean, and of the difference of two paired rates."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from factlab.stats.clusters import ClusteredValues, clustered_values
from factlab.stats.seeds import LEVEL, ONE_SEED, SeedSpread, student

Z = 1.959963984540054  # standard normal quantile at 0.975
UNBOUNDED = (-math.inf, math.inf)
LARGEST = 50.0  # of an exponent: beyond it a bound is 0, or the largest value, to all digits shown
UNSEEN = 0.1  # correlation, within a cluster, of changes that a sample may lack
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


def rate_interval(
    values: Sequence[float], clusters: Sequence[Hashable], spread: SeedSpread = ONE_SEED
) -> Interval:
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
        spread: What seeds add (`SeedSpread.widened`).

    It does not cover: kinds of clusters that the sample may lack. Where facts are either learned or
    not, and one in ten is not, 8 or 12 facts often hold none or one of those, and the interval
    covers 60–70 %, 80 % with 24 and 90 % with 40 (at one in two, 95 % from 8 facts on). Nor
    cluster sizes that depend on the outcome.

    Raises:
        ValueError: for no items, or a value outside 0–1.
    """
    if any(not 0 <= value <= 1 for value in values):
        raise ValueError("a rate is a mean of values within 0 and 1")
    return interval_of_rate(clustered_values(values, clusters), spread)


def interval_of_rate(groups: ClusteredValues, spread: SeedSpread = ONE_SEED) -> Interval:
    """`rate_interval` of values that are summed by cluster already."""
    from factlab.stats.betabinomial import credible_interval

    low, high = _wilson_of(groups.mean, groups.effective_n)
    if groups.independent:
        item = Interval(low, high, "wilson")
        return _with_seeds(item, groups, spread, (0.0, 1.0))
    if groups.k < MIN_CLUSTERS:
        return descriptive(groups.k)
    model_low, model_high = credible_interval(groups, LEVEL)
    item = Interval(min(low, model_low), max(high, model_high), "wilson/beta-binomial, clustered")
    return _with_seeds(item, groups, spread, (0.0, 1.0))


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


def mean_interval(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    spread: SeedSpread = ONE_SEED,
    bounds: tuple[float, float] = UNBOUNDED,
) -> Interval:
    """Interval of the mean of values that are no outcomes (NLL in nats, a ratio): by Student's t.

    Mean ± t · robust error, with the error of `ClusteredValues.standard_error` and effective
    clusters − 1 degrees of freedom, widened by `spread`. Sources: Bell and McCaffrey (2002), Survey
    Methodology 28:169; Cameron and Miller (2015), Journal of Human Resources 50:317. A mean of
    values that cannot be below 0, or only within 0 and an upper bound, has its interval on the
    scale of its logarithm, or logit, where it ends within these bounds (delta method; Oehlert
    1992, The American Statistician 46:27).

    It does not cover: few clusters of very skewed values; values without any spread between
    clusters, which have no interval here, since one of width 0 would be wrong.

    Args:
        values: One finite number per item, in any unit; the bounds are in the same.
        clusters: The label of each item's cluster.
        spread: What seeds add, where the values are means over several.
        bounds: The range of a value: unbounded, from 0, or from 0 to a largest one.
    """
    return interval_of_mean(clustered_values(values, clusters), spread, bounds)


def interval_of_mean(
    groups: ClusteredValues,
    spread: SeedSpread = ONE_SEED,
    bounds: tuple[float, float] = UNBOUNDED,
) -> Interval:
    """`mean_interval` of values that are summed by cluster already."""
    if groups.k < MIN_CLUSTERS:
        return descriptive(groups.k)
    half = spread.widened(groups, t_quantile(groups) * groups.standard_error)
    if half == 0:
        return Interval(None, None, "descriptive only: no spread between clusters")
    low, high, scale = _within(groups.mean, half, bounds)
    return Interval(low, high, f"cluster-t{scale}{spread.method}")


def _within(mean: float, half: float, bounds: tuple[float, float]) -> tuple[float, float, str]:
    """Mean ± half, on the scale on which neither end leaves the bounds; the name of that scale."""
    bottom, top = bounds
    if math.isinf(bottom) or not bottom < mean < top:
        return max(bottom, mean - half), min(top, mean + half), ""
    above = mean - bottom
    if math.isinf(top):
        factor = math.exp(min(half / above, LARGEST))
        return bottom + above / factor, bottom + above * factor, " of the logarithm"
    odds, width = above / (top - mean), top - bottom
    factor = math.exp(min(half * width / (above * (top - mean)), LARGEST))
    low, high = (o / (1 + o) * width + bottom for o in (odds / factor, odds * factor))
    return low, high, " of the logit"


def difference_interval(
    differences: Sequence[float], clusters: Sequence[Hashable], spread: SeedSpread = ONE_SEED
) -> Interval:
    """Interval of the mean of paired differences of values within 0–1; never of width 0.

    Bonett and Price's adjusted Wald interval, which adds an item that changed by 1 in each
    direction: what no item shows may still be so in some that were not seen. Of clustered items,
    with the robust error of their mean and Student's t; there what is added are two items of a
    sample of n / (1 + (m − 1)ρ) items, since changes may be confined to clusters that were not
    seen either. That ρ is UNSEEN, the same for all samples: estimated from few changes, it would
    make the interval narrower for a change than for none.

    So no interval is narrower than that of no change at all; a larger scatter at the same mean
    never narrows it; with independent items nor does one change more, up to a mean of ½.

    Source: Bonett and Price (2012), Statistics in Medicine 31:479, which this is without clusters
    and with 0/1 outcomes. Seeds: `SeedSpread.widened`.

    It does not cover: kinds of clusters that the sample does not hold, where these are frequent.
    Near rates of 0 and 1 it is wider than necessary.

    Args:
        differences: One per item, within −1 and 1.
        clusters: The label of each item's cluster.
        spread: What seeds add, where the differences are means over several.

    Raises:
        ValueError: for no items, or a difference outside −1–1.
    """
    if any(not -1 <= d <= 1 for d in differences):
        raise ValueError("differences of values within 0 and 1 are within −1 and 1")
    return interval_of_difference(clustered_values(differences, clusters), spread)


def interval_of_difference(groups: ClusteredValues, spread: SeedSpread = ONE_SEED) -> Interval:
    """`difference_interval` of differences that are summed by cluster already."""
    if groups.k < MIN_CLUSTERS:
        return descriptive(groups.k)
    centre, error = adjusted_difference(groups)
    half = difference_quantile(groups) * error
    name = "bonett-price" if groups.independent else "bonett-price, clustered"
    low, high = max(-1.0, centre - half), min(1.0, centre + half)
    # Where all were lost or gained, the range cuts off one side: still no narrower than no change.
    n = groups.size_for(UNSEEN)
    least = 2 * difference_quantile(groups) * math.sqrt(2) / (n + 2)
    if low == -1 and high < least - 1 < 0:
        high = least - 1
    elif high == 1 and low > 1 - least > 0:
        low = 1 - least
    return _with_seeds(Interval(low, high, name), groups, spread, (-1.0, 1.0))


def adjusted_difference(groups: ClusteredValues) -> tuple[float, float]:
    """Centre and error of `difference_interval`, before seeds.

    With N the items that count as independent, v = N · (variance of the mean) and q the mean square
    of the differences, the N + 2 items have the mean x̃ = N x̄ / (N + 2) and the variance
    (N²v + 2Nq + 2(N + 2)) / (N + 2)² per item.
    """
    n = groups.size_for(UNSEEN)
    square = groups.squares / groups.n
    spread = square - groups.mean**2 if groups.independent else n * groups.standard_error**2
    total = n**2 * max(0.0, spread) + 2 * n * square + 2 * (n + 2)
    return groups.mean * n / (n + 2), math.sqrt(total / (n + 2) ** 3)


def difference_quantile(groups: ClusteredValues, level: float = LEVEL) -> float:
    """Of how many errors half of a `difference_interval` is."""
    return student(level, math.inf) if groups.independent else t_quantile(groups, level)


def _with_seeds(
    item: Interval, groups: ClusteredValues, spread: SeedSpread, bounds: tuple[float, float]
) -> Interval:
    """At each end the wider of an interval over items and one over items and seeds."""
    if item.low is None or item.high is None or not spread.counts or groups.k < 2:
        return item
    mean = groups.mean
    low = mean - spread.widened(groups, mean - item.low)
    high = mean + spread.widened(groups, item.high - mean)
    return Interval(max(bounds[0], low), min(bounds[1], high), item.method + spread.method)


def t_quantile(groups: ClusteredValues, level: float = LEVEL) -> float:
    """Student's t of a two-sided interval, with effective clusters − 1 degrees of freedom."""
    return student(level, groups.effective_clusters - 1)


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
    centre, error = adjusted_difference(clustered_values(differences, range(n)))
    half = student(LEVEL, math.inf) * error
    return Interval(max(-1.0, centre - half), min(1.0, centre + half), "bonett-price")


def _wilson_of(rate: float, n: float) -> tuple[float, float]:
    """Wilson's bounds (see `wilson`) for an effective number of items, which need not be whole."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(rate * n, n, alpha=1 - LEVEL, method="wilson")
    return max(0.0, float(low)), min(1.0, float(high))
