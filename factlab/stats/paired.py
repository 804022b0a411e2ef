"""Two configurations on the same items: difference, interval, p and power."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from factlab.stats.clusters import ClusteredValues, clustered_values
from factlab.stats.design import minimum_detectable_difference
from factlab.stats.intervals import MIN_CLUSTERS, difference_interval, mean_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXACT_CLUSTERS = 16  # 2¹⁶ sign patterns
DRAWS = 9999


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """b against a on the same items.

    Attributes:
        difference: Mean over items of b − a.
        low: Lower bound of its 95 % interval; None where there is none.
        high: Upper bound.
        ci_method: How the bounds were made, or why there are none.
        p: Two-sided, of no difference; None where descriptive.
        p_method: 'exact McNemar', 'sign-flip permutation, exact' or '…, Monte Carlo'.
        smallest_p: The smallest p that data of this shape could have given.
        n: Scores.
        clusters: Clusters that the items belong to.
        discordant: Scores whose values differ.
        design_effect: Of the differences.
        detectable: Smallest true difference found with 80 % power; None where no test could.
        descriptive: Too few clusters for any inference.
    """

    difference: float
    low: float | None
    high: float | None
    ci_method: str
    p: float | None
    p_method: str
    smallest_p: float
    n: int
    clusters: int
    discordant: int
    design_effect: float
    detectable: float | None
    descriptive: bool


def compare(
    a: Sequence[float], b: Sequence[float], clusters: Sequence[Hashable]
) -> PairedComparison:
    """Compare configuration b with a on the same items, in the same order.

    Interval: `difference_interval` where all values are within 0–1, else `mean_interval`. Test:
    exact McNemar (1947) where every item is its own cluster and 0/1; otherwise clusters' summed
    differences change sign at random (Fisher 1935; Winkler et al. 2015, NeuroImage 123:253), all
    2^k patterns up to 16 clusters, 9,999 drawn ones above, where p is twice the smaller tail's
    (hits + 1) / (draws + 1) (Phipson and Smyth 2010, Statistical Applications in Genetics and
    Molecular Biology 9:39). The sum over a cluster weighs clusters as the mean over items does.
    Test and interval are two methods, and may disagree near 0.05; the interval is the result.

    It does not cover: other facts, where clusters are one fact's phrasings; other seeds, where
    there was one. Average an item over seeds first: its seeds are no items of their own.

    Args:
        a: One value per item, of any unit in which more is more.
        b: The same items, in the same order, under the other configuration.
        clusters: The label of each item's cluster.

    Raises:
        ValueError: for no items, for lengths that differ, or a value that is no finite number.
    """
    differences = [float(y) - float(x) for x, y in zip(a, b, strict=True)]
    groups = clustered_values(differences, clusters)
    bounded = all(0 <= value <= 1 for value in (*a, *b))
    interval = (difference_interval if bounded else mean_interval)(differences, clusters)
    p, method, smallest = _test(differences, groups)
    too_few = groups.k < MIN_CLUSTERS
    return PairedComparison(
        difference=groups.mean,
        low=interval.low,
        high=interval.high,
        ci_method=interval.method,
        p=None if too_few else p,
        p_method=method,
        smallest_p=smallest,
        n=groups.n,
        clusters=groups.k,
        discordant=sum(d != 0 for d in differences),
        design_effect=groups.n / groups.effective_n,
        detectable=minimum_detectable_difference(differences, clusters),
        descriptive=too_few,
    )


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given, for the declared pairs of one endpoint.

    With p₍₁₎ ≤ … ≤ p₍ₘ₎, the i-th is max over j ≤ i of min(1, (m − j + 1) p₍ⱼ₎). They bound the
    chance of any false finding among these pairs, not over endpoints or runs. Source: Holm (1979),
    Scandinavian Journal of Statistics 6:65.
    """
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(ps, method="holm")[1]] if len(ps) else []


def _binary(differences: Sequence[float]) -> bool:
    return all(d in (-1, 0, 1) for d in differences)


def _test(differences: Sequence[float], groups: ClusteredValues) -> tuple[float, str, float]:
    """p, its method, and the smallest p there could have been."""
    if groups.independent and _binary(differences):
        return _mcnemar(differences)
    return _sign_flip(groups)


def _mcnemar(differences: Sequence[float]) -> tuple[float, str, float]:
    """Exact McNemar: of b items gained and c lost, p = min(1, 2 P(Bin(b + c, ½) ≤ min(b, c)))."""
    from statsmodels.stats.contingency_tables import mcnemar

    gained, lost = differences.count(1), differences.count(-1)
    p = mcnemar([[0, lost], [gained, 0]], exact=True).pvalue
    return float(p), "exact McNemar", min(1.0, 2 * 0.5 ** (gained + lost))


def _sign_flip(groups: ClusteredValues) -> tuple[float, str, float]:
    """Sign-flip permutation of cluster sums: twice the smaller tail of Σ ±s_g against Σ s_g."""
    import numpy as np

    exact = groups.k <= EXACT_CLUSTERS
    name = f"sign-flip permutation, {'exact' if exact else 'Monte Carlo'}"
    smallest = 2 / 2**groups.k
    if not exact:
        smallest = max(smallest, 2 / (DRAWS + 1))
    if groups.k < 2:
        return 1.0, name, 1.0
    # One direction, so that exchanging a and b draws the same signs; rounded, so that sums that
    # tie but for their floating-point error do tie.
    sums = np.sort(groups.sums if groups.mean >= 0 else -groups.sums)
    sums /= float(np.abs(sums).max()) or 1.0
    found, observed = np.round(_signs(groups.k) @ sums, 9), np.round(sums.sum(), 9)
    hits = min(np.count_nonzero(found >= observed), np.count_nonzero(found <= observed))
    drawn = 0 if exact else 1  # the pattern that was observed counts among those drawn
    return min(1.0, 2 * (hits + drawn) / (len(found) + drawn)), name, min(1.0, smallest)


@lru_cache(maxsize=2)
def _signs(clusters: int) -> NDArray[np.int8]:
    """Patterns of signs: all there are, or as many as are drawn; the same for each comparison.

    scipy's `permutation_test` draws as much anew for each comparison, a third of a second.

    Returns:
        Shape (patterns, clusters), of 1 and -1.
    """
    import numpy as np

    if clusters <= EXACT_CLUSTERS:
        bits = np.arange(2**clusters)[:, None] >> np.arange(clusters) & 1
    else:
        bits = np.random.default_rng(0).integers(0, 2, (DRAWS, clusters), dtype=np.int8)
    return (1 - 2 * bits).astype(np.int8)
