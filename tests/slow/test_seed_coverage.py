"""Where seeds differ: do comparisons find what is not there, and do intervals hold the truth?

Trainings that differ by their seed alone, by a spread of .3 on the logit. Bounds leave room for the
noise of the simulation: 300 draws are ±1.3 points (one standard error) at 95 %.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.coverage import DESIGNS, RATES, Design, outcomes, simulate, summed
from factlab.stats.design import detectable_difference
from factlab.stats.intervals import Z, adjusted_difference, interval_of_difference

BY_NAME = {design.name: design for design in DESIGNS}
NEAR = BY_NAME["near intrusion, 150 controls"]
TOGETHER = BY_NAME["near intrusion, 24 facts of 15"]


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("design", [NEAR, TOGETHER], ids=["150 controls", "24 facts"])
def test_what_seeds_do_is_not_taken_for_what_configurations_do(design: Design, seeds: int) -> None:
    found = simulate(design, 0.5, seeds, 0.3, draws=300)
    assert found.false_positives <= 6 + 2
    assert found.coverage >= 94 - 2.5
    assert found.of_a_rate >= 94 - 2.5
    assert found.power >= (90 if seeds == 5 else 40)


def test_few_controls_and_seeds_that_are_alike_keep_their_power() -> None:
    found = simulate(BY_NAME["retention, 55 known"], 0.9, 5, 0.0, draws=200)
    assert found.false_positives <= 6
    assert found.power > 90


def test_an_interval_over_items_alone_would_take_seeds_for_configurations() -> None:
    """What averaging seeds away first comes to: a false finding in a fifth of tries and more."""
    rng = np.random.default_rng(1)
    a, b = outcomes(rng, NEAR, (0.5, 0.5), 3, 0.3, 300)
    found = [interval_of_difference(groups) for groups, _ in summed(b - a)]
    assert np.mean([one.low > 0 or one.high < 0 for one in found]) > 0.2  # type: ignore[operator]


@pytest.mark.long
@pytest.mark.parametrize("seed_sd", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("design", DESIGNS, ids=[design.name for design in DESIGNS])
def test_intervals_hold_whatever_the_design_and_the_rate(
    design: Design, seeds: int, seed_sd: float
) -> None:
    for rate in RATES:
        found = simulate(design, rate, seeds, seed_sd, draws=1000)
        assert found.false_positives <= 6 + 1.4, rate
        assert found.coverage >= 94 - 1.4, rate
        assert found.of_a_rate >= 94 - 1.4, rate


@pytest.mark.long
@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("seed_sd", [0.0, 0.3])
def test_the_upper_end_of_what_a_design_finds_is_found_four_times_in_five(
    seeds: int, seed_sd: float
) -> None:
    """Taken from a sample of equal configurations: it has that power in most samples."""
    rng = np.random.default_rng([seeds, round(10 * seed_sd)])

    def power(apart: float) -> float:
        a, b = outcomes(rng, NEAR, (0.5, 0.5 + apart), seeds, seed_sd, 300)
        found = [interval_of_difference(*one) for one in summed(b - a)]
        return float(np.mean([one.low > 0 or one.high < 0 for one in found]))  # type: ignore[operator]

    steps = np.arange(0.02, 0.5, 0.04)
    needed = float(np.interp(0.8, [power(step) for step in steps], steps))
    a, b = outcomes(rng, NEAR, (0.5, 0.5), seeds, seed_sd, 300)
    ends = []
    for groups, spread in summed(b - a):
        error = adjusted_difference(groups)[1]
        found = detectable_difference(groups, spread, Z * error)
        assert found is not None
        ends.append(found[1])
    assert np.mean([end >= needed for end in ends]) > 0.85
