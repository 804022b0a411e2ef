"""Two configurations on the same items and seeds: difference, interval, p and power."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from factlab.stats.clusters import ClusteredValues
from factlab.stats.design import detectable_difference
from factlab.stats.intervals import (
    MIN_CLUSTERS,
    UNSEEN,
    adjusted_difference,
    difference_quantile,
    interval_of_difference,
    interval_of_mean,
    t_quantile,
)
from factlab.stats.seeds import MIN_SEEDS, ByItem, SeedSpread, seeded_values

Kind = Literal["difference", "mean"]
LEAST_P = 1e-12


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """b against a on the same items and seeds.

    Attributes:
        difference: Mean over items of b − a, each its mean over seeds.
        low: Lower bound of its 95 % interval; None where there is none. Below MIN_SEEDS seeds it
            is about these seeds only.
        high: Upper bound.
        error: Standard error of the difference, over the same as the interval, and of shares with
            its two added items: never 0.
        ci_method: How the bounds were made, or why there are none.
        p: Two-sided, of no difference: 1 minus the level at which the interval ends at 0. None
            where descriptive.
        p_method: How it was computed.
        n: Items.
        clusters: Clusters that the items belong to.
        seeds: Seeds that both have.
        discordant: Items whose means over seeds differ.
        design_effect: Of the differences.
        detectable: Range of the true difference that such a design finds with 80 % power; None
            where descriptive, or where the sample does not say.
        lacks: What the design lacks for any inference, in words; None: nothing.
    """

    difference: float
    low: float | None
    high: float | None
    error: float
    ci_method: str
    p: float | None
    p_method: str
    n: int
    clusters: int
    seeds: int
    discordant: int
    design_effect: float
    detectable: tuple[float, float] | None
    lacks: str | None

    @property
    def descriptive(self) -> bool:
        """Whether the design allows no inference."""
        return self.lacks is not None


def compare(
    a: Sequence[ByItem],
    b: Sequence[ByItem],
    clusters: Mapping[Hashable, Hashable],
    kind: Kind = "difference",
) -> PairedComparison:
    """Compare configuration b with a on the items that both have at the same seed.

    Items or clusters, and seeds, are both a sample. The interval covers others of either
    (`SeedSpread.widened`), and p is that of the same interval: it is at most 0.05 exactly where
    the 95 % interval excludes 0. Below MIN_SEEDS seeds nothing is known of what another seed would
    give, whatever the number of items: the interval is about these seeds only, and there is no p.

    It does not cover: other facts, where clusters are one fact's phrasings; seeds whose effects are
    far from normal, as where one training in ten fails.

    Args:
        a: Item → value, of any unit in which more is more, for each seed.
        b: The same under the other configuration, in the order of the same seeds.
        clusters: Item → the label of its cluster.
        kind: `difference` of shares within 0–1, or of a `mean` in any unit.

    Raises:
        ValueError: for no items in common, another number of seeds, or a value that is no finite
            number.
    """
    by_seed = [
        {key: float(after[key]) - float(value) for key, value in before.items() if key in after}
        for before, after in zip(a, b, strict=True)
    ]
    seeded = seeded_values(by_seed, clusters)
    groups, spread = seeded.groups, seeded.spread
    interval = (
        interval_of_difference(groups, spread)
        if kind == "difference"
        else interval_of_mean(groups, spread)
    )
    lacks = _lacks(groups, spread, interval.low is None)
    return PairedComparison(
        difference=groups.mean,
        low=interval.low,
        high=interval.high,
        error=spread.error(
            groups.standard_error if kind == "mean" else adjusted_difference(groups)[1]
        ),
        ci_method=interval.method,
        p=None if lacks else _p(groups, spread, kind),
        p_method=f"descriptive only: {lacks}"
        if lacks
        else f"t over items and {spread.seeds} seeds",
        n=groups.n,
        clusters=groups.k,
        seeds=spread.seeds,
        discordant=sum(d != 0 for d in seeded.means),
        design_effect=groups.n / groups.effective_n,
        detectable=None if lacks else detectable_difference(groups, spread, _least(groups, kind)),
        lacks=lacks,
    )


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given, for the declared pairs of one endpoint.

    With p₍₁₎ ≤ … ≤ p₍ₘ₎, the i-th is max over j ≤ i of min(1, (m − j + 1) p₍ⱼ₎). They bound the
    chance of any false finding among these pairs, not over endpoints or runs. Source: Holm (1979),
    Scandinavian Journal of Statistics 6:65.
    """
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(ps, method="holm")[1]] if len(ps) else []


def _lacks(groups: ClusteredValues, spread: SeedSpread, without: bool) -> str | None:
    """What the design lacks for inference."""
    if groups.k < MIN_CLUSTERS:
        few = f"{groups.k} cluster{'s' if groups.k > 1 else ''}"
        return f"{few} of items, and at least {MIN_CLUSTERS} are needed"
    if not spread.counts:
        few = "one seed" if spread.seeds == 1 else f"{spread.seeds} seeds"
        return f"{few}, and at least {MIN_SEEDS} are needed to know what others would give"
    return "no spread between clusters" if without else None


def _p(groups: ClusteredValues, spread: SeedSpread, kind: Kind) -> float:
    """1 minus the highest level at which the interval excludes 0."""
    from scipy.optimize import brentq

    size = abs(groups.mean)
    if size == 0:
        return 1.0

    def beyond(p: float) -> float:
        """How far the end is beyond 0 at the level 1 − p."""
        return spread.widened(groups, _over_items(groups, kind, 1 - p), 1 - p) - size

    return LEAST_P if beyond(LEAST_P) <= 0 else float(brentq(beyond, LEAST_P, 1.0))


def _over_items(groups: ClusteredValues, kind: Kind, level: float) -> float:
    """How far the end towards 0 of the interval over items alone is from the mean."""
    if kind == "mean":
        return t_quantile(groups, level) * groups.standard_error
    centre, error = adjusted_difference(groups)
    return abs(groups.mean) - abs(centre) + difference_quantile(groups, level) * error


def _least(groups: ClusteredValues, kind: Kind) -> float:
    """The smallest mean whose interval over items alone excludes 0."""
    if kind == "mean":
        return t_quantile(groups) * groups.standard_error
    n = groups.size_for(UNSEEN)
    return difference_quantile(groups) * adjusted_difference(groups)[1] * (n + 2) / n
