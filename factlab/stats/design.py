"""Power: the difference that a design like this would find, as a range."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from factlab.stats.clusters import ClusteredValues
from factlab.stats.seeds import LEVEL, SeedSpread, student

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIDENCE = 0.8  # of the range: each end is wrong in a tenth of samples
QUANTILES = 400  # of the seeds' variance, over which power is averaged


def detectable_difference(
    groups: ClusteredValues, spread: SeedSpread, least: float, power: float = 0.8
) -> tuple[float, float] | None:
    """The true mean that another sample of this design would find with this power: a range.

    Found means that the interval of `SeedSpread.widened` excludes 0. How much items, clusters
    and seeds scatter is known from the sample alone, of three seeds only within a factor of 3 or
    so, and one figure would hide that. So both variances are taken at the lower and at the upper
    end of their 80 % intervals (χ² with their degrees of freedom): a difference of the upper end is
    found with this power or more, whatever else, in about 9 of 10 samples.

    It is a property of the design and its noise: do not compare it with the difference that was
    observed. Sources: Cohen (1988), Statistical Power Analysis; Hoenig and Heisey (2001), The
    American Statistician 55:19, on what it does not say.

    Args:
        groups: Differences of the items, b − a, by cluster.
        spread: What seeds add.
        least: The smallest mean whose interval over items alone excludes 0.
        power: Chance of finding it.

    Returns:
        None where the differences do not scatter at all, so that nothing is known of their spread.
    """
    across = groups.standard_error**2
    if across == 0 and spread.own == 0:
        return None
    freedom = max(1.0, groups.effective_clusters - 1)
    both = min(spread.both, across)
    found = [
        _detected(
            (across - both) * _limit(freedom, end),
            # Seeds' means scatter at least by what items and seeds do together.
            max(both, spread.own * _limit(spread.seeds - 1, end)),
            least,
            (freedom, spread.seeds - 1),
            power,
        )
        for end in ((1 + CONFIDENCE) / 2, (1 - CONFIDENCE) / 2)
    ]
    return found[0], found[1]


def _limit(freedom: float, end: float) -> float:
    """True over estimated variance, where the estimate is at this quantile of its distribution."""
    from scipy.stats import chi2

    return freedom / float(chi2.ppf(end, freedom))


def _detected(
    item: float, seed: float, least: float, freedoms: tuple[float, float], power: float
) -> float:
    """The mean that is found with this power, where these are the true variances of its parts.

    The seeds' variance is estimated anew by every sample: power is averaged over its quantiles.
    """
    import numpy as np
    from scipy.optimize import brentq
    from scipy.stats import chi2, norm

    quantiles = (np.arange(QUANTILES) + 0.5) / QUANTILES
    ratio = chi2.ppf(quantiles, freedoms[1]) / freedoms[1]
    one, other = (student(LEVEL, freedom) ** 2 for freedom in freedoms)
    needed: NDArray[np.float64] = np.maximum(least, np.sqrt(one * item + other * seed * ratio))
    error = math.sqrt(item + seed)

    def missing(mean: float) -> float:
        found = norm.cdf((mean - needed) / error) + norm.cdf((-mean - needed) / error)
        return float(found.mean()) - power

    return float(brentq(missing, 0, float(needed[-1]) + 10 * error))
