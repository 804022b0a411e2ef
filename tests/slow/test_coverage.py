"""Do the 95 % intervals over items hold the truth 95 times in 100? Seeds: test_seed_coverage.py.

Drawn as our data are: facts of about 48 questions, even or not, and one fact's 16 phrasing
families of 3. Coverage of a rate near 0 or 1 jumps with the rate, so every draw takes its own
rate from a band of ±50 % of the distance to the nearer end, and is judged by that one (Brown,
Cai and DasGupta 2001). Bounds leave room for the noise of the simulation: 600 draws are ±0.9
points (one standard error). With 2,000 draws no scenario of a rate is below 94 %.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import bootstrap, norm

from factlab.stats.clusters import ClusteredValues
from factlab.stats.intervals import (
    Interval,
    interval_of_difference,
    interval_of_rate,
    mean_interval,
    rate_interval,
)

Floats = NDArray[np.float64]
UNEVEN = (12, 48, 24, 96, 48, 150, 40, 60)
DESIGNS: dict[str, list[int]] = {
    "5 facts": [48] * 5,
    "5 uneven facts": list(UNEVEN[:5]),
    "8 uneven facts": list(UNEVEN),
    "12 facts": [48] * 12,
    "16 families of 3": [3] * 16,
    "24 uneven facts": list(UNEVEN) * 3,
    "40 facts": [48] * 40,
}


def beta_rates(rng: np.random.Generator, rate: Floats, k: int, icc: float) -> Floats:
    """Rates of k clusters around each draw's own."""
    if icc == 0:
        return np.repeat(rate[:, None], k, axis=1)
    mass = 1 / icc - 1
    return rng.beta(rate[:, None] * mass, (1 - rate[:, None]) * mass, (len(rate), k))


def learned_or_not(rng: np.random.Generator, rate: Floats, k: int) -> Floats:
    """Each fact is either answered 98 % of the time or 2 %."""
    share = (rate[:, None] - 0.02) / 0.96
    return np.where(rng.random((len(rate), k)) < share, 0.98, 0.02)


def band(rng: np.random.Generator, rate: float, draws: int) -> Floats:
    room = min(rate, 1 - rate) / 2
    return rng.uniform(rate - room, rate + room, draws)


def covered(intervals: list[Interval], truths: Floats) -> float:
    hits = [
        i.low is not None and i.high is not None and i.low - 1e-9 <= truth <= i.high + 1e-9
        for i, truth in zip(intervals, truths, strict=True)
    ]
    return 100 * float(np.mean(hits))


def rate_coverage(sizes: list[int], truths: Floats, rates: Floats, seed: int) -> float:
    hits = np.random.default_rng(seed).binomial(sizes, rates).astype(float)
    m = np.array(sizes, dtype=float)
    return covered([interval_of_rate(ClusteredValues(x, m, float(x.sum()))) for x in hits], truths)


def coverage_of_rates(sizes: list[int], rate: float, icc: float, draws: int) -> float:
    rng = np.random.default_rng([len(sizes), int(rate * 100), int(icc * 100)])
    truths = band(rng, rate, draws)
    rates = beta_rates(rng, truths, len(sizes), icc)
    return rate_coverage(sizes, truths, rates, seed=1)


def first_and_rest(first: list[Any], rest: list[Any]) -> list[Any]:
    """Cases that differ in what is computed, and those that show it more widely (test-long)."""
    marked = [case if isinstance(case, tuple) else (case,) for case in rest]
    return [*first, *(pytest.param(*case, marks=pytest.mark.long) for case in marked)]


# Few clusters of other sizes each, and one fact's own families: the ends of what is reported.
QUICK = ["5 uneven facts", "16 families of 3"]
BROAD = [name for name in DESIGNS if name not in QUICK]


@pytest.mark.parametrize("design", first_and_rest(QUICK, BROAD))
def test_an_interval_of_a_rate_covers_it(design: str) -> None:
    draws = 300 if len(DESIGNS[design]) > 16 else 600
    found = {
        (rate, icc): coverage_of_rates(DESIGNS[design], rate, icc, draws=draws)
        for rate in (0.02, 0.5, 0.9, 0.97)
        for icc in (0, 0.1, 0.5)
    }

    assert min(found.values()) > 93 - 1.5
    # Above 97 only where nothing less is honest: where a few clusters cannot show that they are
    # alike (ρ = 0), and where most samples hold no cluster that fails (rates near 0 and 1).
    assert max(value for (rate, icc), value in found.items() if rate == 0.5 and icc) < 97 + 1.5
    assert 94 < np.mean(list(found.values())) < 98.5


@pytest.mark.parametrize("design", first_and_rest(["12 facts"], ["24 uneven facts", "40 facts"]))
def test_an_interval_of_a_rate_covers_it_where_facts_are_learned_or_not(design: str) -> None:
    """The model behind one of its two halves is wrong here; the other half holds it."""
    rng = np.random.default_rng(3)
    truths = band(rng, 0.5, 500)
    rates = learned_or_not(rng, truths, len(DESIGNS[design]))
    assert 93 < rate_coverage(DESIGNS[design], truths, rates, seed=2) < 99


@pytest.mark.long
@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_a_cluster_bootstrap_would_not_cover_a_rate_near_1(method: str) -> None:
    """Why there is none, though 40 facts are many: too few of them hold what makes them differ."""
    rng = np.random.default_rng(5)
    truths = band(rng, 0.97, 300)
    hits = rng.binomial(48, beta_rates(rng, truths, 40, 0.5))
    spread = hits[hits.std(axis=1) > 0], truths[hits.std(axis=1) > 0]
    found = bootstrap(
        (spread[0] / 48,), np.mean, axis=1, n_resamples=400, method=method, batch=100, rng=0
    ).confidence_interval
    assert 100 * np.mean((found.low <= spread[1]) & (spread[1] <= found.high)) < 90


def test_a_rate_of_independent_items_is_covered() -> None:
    rng = np.random.default_rng(4)
    for rate in (0.02, 0.5, 0.97):
        truths = band(rng, rate, 500)
        found = [
            rate_interval((rng.random(160) < truth).astype(float).tolist(), range(160))
            for truth in truths
        ]
        assert 93.5 < covered(found, truths) < 97.5


@pytest.mark.parametrize(
    ("k", "icc"),
    first_and_rest([(5, 0.5), (24, 0.05)], [(5, 0.05), (8, 0.05), (8, 0.5), (24, 0.5)]),
)
def test_an_interval_of_a_mean_covers_it(k: int, icc: float) -> None:
    """Gamma values in nats, skewed as NLL is, with a cluster's own shift."""
    rng = np.random.default_rng(k)
    sizes = (UNEVEN * 3)[:k]
    labels = np.repeat(np.arange(k), sizes).tolist()
    found = []
    for _ in range(400):
        own = np.repeat(rng.gamma(4, 0.5, k), sizes)
        items = rng.gamma(4, 0.5, sum(sizes))
        found.append(mean_interval((icc**0.5 * own + (1 - icc) ** 0.5 * items).tolist(), labels))
    truth = 2 * (icc**0.5 + (1 - icc) ** 0.5)
    assert 91 < covered(found, np.full(400, truth)) < 98.5


# Correlation of clusters; of a cluster's rate under the two configurations; of an item's.
DEPENDENCE = [(0.0, 0.0, 0.5), (0.1, 0.5, 0.5), (0.5, 0.9, 0.8), (0.5, 0.0, 0.5)]


def paired_outcomes(
    rng: np.random.Generator,
    draws: int,
    sizes: list[int],
    rates: tuple[float, float],
    dependence: tuple[float, float, float],
) -> tuple[Floats, Floats]:
    """0/1 outcomes of two configurations, shape (draws, items) each: thresholds of normals."""
    icc, clusters, items = dependence
    labels = np.repeat(np.arange(len(sizes)), sizes)

    def pair(size: int, correlation: float) -> tuple[Floats, Floats]:
        one, other = rng.normal(size=(2, draws, size))
        return one, correlation * one + (1 - correlation**2) ** 0.5 * other

    between, within = pair(len(sizes), clusters), pair(len(labels), items)
    a, b = (
        (icc**0.5 * own[:, labels] + (1 - icc) ** 0.5 * rest < norm.ppf(rate)).astype(float)
        for own, rest, rate in zip(between, within, rates, strict=True)
    )
    return a, b


def coverage_of_differences(
    sizes: list[int], rates: tuple[float, float], dependence: tuple[float, float, float], draws: int
) -> float:
    rng = np.random.default_rng([len(sizes), *(int(100 * x) for x in (*rates, *dependence))])
    a, b = paired_outcomes(rng, draws, sizes, rates, dependence)
    starts, m = np.cumsum([0, *sizes[:-1]]), np.array(sizes, dtype=float)
    changed = np.abs(b - a).sum(axis=1)
    found = [
        interval_of_difference(ClusteredValues(total, m, float(size)))
        for total, size in zip(np.add.reduceat(b - a, starts, axis=1), changed, strict=True)
    ]
    return covered(found, np.full(draws, rates[1] - rates[0]))


@pytest.mark.parametrize(
    "design",
    first_and_rest(["8 uneven facts", "16 families of 3"], ["5 facts", "40 facts"]),
)
def test_an_interval_of_a_paired_difference_covers_it(design: str) -> None:
    found = {
        (rates, dependence): coverage_of_differences(DESIGNS[design], rates, dependence, 200)
        for rates in ((0.5, 0.5), (0.5, 0.7), (0.9, 0.8), (0.97, 0.97), (0.97, 0.99))
        for dependence in DEPENDENCE
    }
    assert min(found.values()) > 93 - 2
    # It is wider than need be for few clusters, and near 0 and 1 (99–100 %, see docs/metrics.md).
    central = [value for (rates, _), value in found.items() if rates == (0.5, 0.7)]
    assert np.mean(central) < 99
