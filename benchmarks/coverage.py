"""`python -m benchmarks.coverage [--draws N]`: do intervals hold the truth where seeds differ?

Runs are made up: a control or question i under seed s of a configuration is right with probability
logistic(μ + cluster + item + seed), the cluster and the item the same for both configurations, the
seed's shift drawn for each training. μ is set so that the mean over items and seeds is the rate
named. No model is needed. The table is the one of docs/metrics.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from factlab.stats.clusters import ClusteredValues
from factlab.stats.intervals import Interval, interval_of_difference, interval_of_rate
from factlab.stats.seeds import SeedSpread

Floats = NDArray[np.float64]
RATES = (0.1, 0.5, 0.9, 0.97)
APART = 0.2  # the true difference that power is of
ITEM_SD = 1.0  # of an item's logit


@dataclass(frozen=True, slots=True)
class Design:
    """So many clusters of so many items, whose logits differ between clusters by this much."""

    name: str
    clusters: int
    items: int = 1
    cluster_sd: float = 0.0


DESIGNS = (
    Design("near intrusion, 150 controls", 150),
    Design("retention, 15 known", 15),
    Design("retention, 55 known", 55),
    Design("retention, 200 known", 200),
    Design("recall of one fact, 16 families of 3", 16, 3, 0.7),
    Design("near intrusion, 24 facts of 15", 24, 15, 0.7),
    Design("recall of 24 facts, 48 each", 24, 48, 0.7),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a simulation gave, in percent.

    Attributes:
        false_positives: Intervals of no difference that exclude 0.
        coverage: Intervals of a difference of APART that hold it.
        power: Those that exclude 0.
        of_a_rate: Intervals of one configuration's rate that hold it.
    """

    false_positives: float
    coverage: float
    power: float
    of_a_rate: float


def simulate(design: Design, rate: float, seeds: int, seed_sd: float, draws: int) -> Found:
    """Draw pairs of configurations with and without a true difference."""
    rng = np.random.default_rng(
        [design.clusters, design.items, round(1000 * rate), seeds, round(100 * seed_sd)]
    )
    other = rate + APART if rate <= 0.5 else rate - APART
    a, b = outcomes(rng, design, (rate, rate), seeds, seed_sd, draws)
    alone = [interval_of_rate(*one) for one in summed(a)]
    alike = [interval_of_difference(*one) for one in summed(b - a)]
    a, b = outcomes(rng, design, (rate, other), seeds, seed_sd, draws)
    apart = [interval_of_difference(*one) for one in summed(b - a)]
    return Found(
        false_positives=_share([not _holds(one, 0) for one in alike]),
        coverage=_share([_holds(one, other - rate) for one in apart]),
        power=_share([not _holds(one, 0) for one in apart]),
        of_a_rate=_share([_holds(one, rate) for one in alone]),
    )


def _holds(interval: Interval, truth: float) -> bool:
    assert interval.low is not None
    assert interval.high is not None
    return interval.low - 1e-9 <= truth <= interval.high + 1e-9


def _share(found: Sequence[bool]) -> float:
    return 100 * float(np.mean(found))


def outcomes(
    rng: np.random.Generator,
    design: Design,
    rates: tuple[float, float],
    seeds: int,
    seed_sd: float,
    draws: int,
) -> list[Floats]:
    """0 and 1 of two configurations, each of shape (draws, seeds, clusters, items)."""
    shape = (draws, 1, design.clusters, design.items)
    shared = rng.normal(0, ITEM_SD, shape)
    shared += rng.normal(0, 1, (*shape[:3], 1)) * design.cluster_sd
    spread = (ITEM_SD**2 + design.cluster_sd**2 + seed_sd**2) ** 0.5
    found = []
    for rate in rates:
        logits = _centre(rate, spread) + shared + rng.normal(0, 1, (draws, seeds, 1, 1)) * seed_sd
        right = rng.random((draws, seeds, *shape[2:])) < 1 / (1 + np.exp(-logits))
        found.append(right.astype(float))
    return found


@lru_cache(maxsize=64)
def _centre(rate: float, spread: float) -> float:
    """μ with a mean of logistic(μ + N(0, spread²)) of this rate, by Gauss–Hermite quadrature."""
    from scipy.optimize import brentq

    points, weights = np.polynomial.hermite_e.hermegauss(60)

    def off(centre: float) -> float:
        shares = 1 / (1 + np.exp(-centre - spread * points))
        return float(weights @ shares / weights.sum()) - rate

    return float(brentq(off, -30, 30))


def summed(values: Floats) -> Iterator[tuple[ClusteredValues, SeedSpread]]:
    """Of each draw what `seeded_values` computes item by item, for all draws at once."""
    _, seeds, clusters, items = values.shape
    by_both = values.mean(axis=3)
    total = by_both.mean(axis=2) - by_both.mean(axis=(1, 2))[:, None]  # of a seed
    rest = by_both - by_both.mean(axis=1)[:, None, :] - total[:, :, None]
    ways = seeds * (seeds - 1)
    own = (total**2).sum(axis=1) / ways
    both = (rest**2).sum(axis=(1, 2)) / (clusters * (clusters - 1)) / ways
    means = values.mean(axis=1)
    sizes = np.full(clusters, float(items))
    squares = (means**2).sum(axis=(1, 2))
    sums = np.sort(means.sum(axis=2), axis=1)
    for one in zip(sums, squares.tolist(), own.tolist(), both.tolist(), strict=True):
        yield ClusteredValues(one[0], sizes, one[1]), SeedSpread(seeds, one[2], one[3])


HEADS = (
    "design", "seeds", "seed spread", "false positives, %", "coverage of a difference, %",
    "power, %", "coverage of a rate, %",
)  # fmt: skip


def main() -> None:
    """Print the table, in Markdown; in each cell the rates of RATES one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000, help="Made-up pairs per figure.")
    draws = parser.parse_args().draws
    print(f"| {' | '.join(HEADS)} |\n|{' --- |' * len(HEADS)}")
    for design in DESIGNS:
        for seeds in (3, 5):
            for seed_sd in (0.0, 0.3):
                found = [simulate(design, rate, seeds, seed_sd, draws) for rate in RATES]
                figures = [
                    " / ".join(f"{getattr(one, name):.1f}" for one in found)
                    for name in Found.__slots__
                ]
                cells = (design.name, str(seeds), f"{seed_sd:g}", *figures)
                print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
