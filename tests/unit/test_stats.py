"""Clustered intervals, designs and paired comparisons: known values, and what holds of any."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from factlab.stats.clusters import clustered_values
from factlab.stats.design import minimum_detectable_difference
from factlab.stats.intervals import (
    Interval,
    difference_interval,
    mean_interval,
    paired_difference,
    rate_interval,
    wilson,
)
from factlab.stats.paired import compare, holm

Scores = list[tuple[int, float, float]]  # cluster, value under a, value under b


def items(values: st.SearchStrategy[float], clusters: int = 9) -> st.SearchStrategy[Scores]:
    return st.lists(st.tuples(st.integers(0, clusters), values, values), min_size=1, max_size=60)


OUTCOMES = items(st.sampled_from([0.0, 1.0]))
SHARES = items(st.sampled_from([0.0, 1 / 3, 2 / 3, 1.0]))
NATS = items(st.floats(-50, 50).map(lambda x: round(x, 3)))
EACH_ITS_OWN = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=60
).map(lambda pairs: [(i, a, b) for i, (a, b) in enumerate(pairs)])
few = settings(max_examples=40)


def columns(found: Scores) -> tuple[list[int], list[float], list[float]]:
    return [c for c, _, _ in found], [a for _, a, _ in found], [b for _, _, b in found]


def same(one: Interval, other: Interval) -> bool:
    if one.low is None or one.high is None:
        return one == other
    return (one.low, one.high, one.method) == (
        pytest.approx(other.low),
        pytest.approx(other.high),
        other.method,
    )


@few
@given(SHARES | EACH_ITS_OWN)
def test_a_rates_interval_holds_it_and_stays_within_0_and_1(found: Scores) -> None:
    clusters, values, _ = columns(found)
    interval = rate_interval(values, clusters)
    if interval.low is None or interval.high is None:
        assert interval.method.startswith("descriptive only: ")
        assert len(set(clusters)) < 5
        return
    rate = sum(values) / len(values)
    assert 0 <= interval.low <= rate + 1e-9
    assert rate - 1e-9 <= interval.high <= 1
    assert interval.high - interval.low > 0.01


@few
@given(SHARES, st.randoms(use_true_random=False))
def test_neither_order_nor_names_of_clusters_matter(found: Scores, random: object) -> None:
    clusters, values, others = columns(found)
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    names, moved, moved_others = columns(shuffled)
    renamed = [f"fact {9 - name}" for name in names]
    assert same(rate_interval(values, clusters), rate_interval(moved, renamed))
    assert same(mean_interval(values, clusters), mean_interval(moved, renamed))
    one, other = compare(values, others, clusters), compare(moved, moved_others, renamed)
    assert (one.p, one.low, one.high) == pytest.approx((other.p, other.low, other.high))


@few
@given(OUTCOMES)
def test_the_misses_mirror_the_hits(found: Scores) -> None:
    clusters, values, _ = columns(found)
    one = rate_interval(values, clusters)
    other = rate_interval([1 - value for value in values], clusters)
    if one.low is None or one.high is None or other.low is None or other.high is None:
        assert one.method == other.method
        return
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-6)


@few
@given(OUTCOMES | SHARES | NATS | EACH_ITS_OWN)
def test_exchanging_the_configurations_changes_only_the_sign(found: Scores) -> None:
    clusters, a, b = columns(found)
    one, other = compare(a, b, clusters), compare(b, a, clusters)
    assert one.difference == pytest.approx(-other.difference)
    assert one.p == pytest.approx(other.p)
    assert (one.detectable, one.design_effect) == pytest.approx(
        (other.detectable, other.design_effect)
    )
    if one.low is None or one.high is None or other.low is None or other.high is None:
        assert one.ci_method == other.ci_method
        return
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.low - 1e-9 <= one.difference <= one.high + 1e-9
    assert one.high > one.low


@few
@given(OUTCOMES | EACH_ITS_OWN)
def test_no_p_is_below_the_smallest_there_could_be(found: Scores) -> None:
    clusters, a, b = columns(found)
    paired = compare(a, b, clusters)
    assert paired.descriptive == (paired.p is None)
    assert 0 < paired.smallest_p <= 1
    if paired.p is not None:
        assert paired.smallest_p - 1e-12 <= paired.p <= 1


@few
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_and_keeps_their_order(ps: list[float]) -> None:
    adjusted = holm(ps)
    assert all(raw <= new <= 1 for raw, new in zip(ps, adjusted, strict=True))
    ordered = [new for _, new in sorted(zip(ps, adjusted, strict=True))]
    assert ordered == sorted(ordered)


def test_holm_gives_its_textbook_values() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_independent_items_have_wilsons_interval() -> None:
    assert same(rate_interval([1.0] * 20, range(20)), wilson(20, 20))
    assert same(rate_interval([1.0] * 15 + [0.0] * 133, range(148)), wilson(15, 148))


def test_clusters_that_all_agree_do_not_make_a_rate_certain() -> None:
    labels = [i // 48 for i in range(240)]
    interval = rate_interval([1.0] * 240, labels)
    assert interval.high == 1
    # Five clusters: between one item each (Wilson of 5/5) and 240 independent ones.
    low = wilson(5, 5).low
    assert low is not None
    assert interval.low is not None
    assert low < interval.low < 0.9


def test_clusters_make_an_interval_wider_than_independent_items_would() -> None:
    values = [float(i // 40 % 2) for i in range(320)]  # whole clusters right or wrong
    one, other = rate_interval(values, [i // 40 for i in range(320)]), wilson(160, 320)
    assert one.low is not None
    assert other.low is not None
    assert one.low < 0.25 < other.low


@pytest.mark.parametrize("k", [1, 2, 4])
def test_few_clusters_are_described_only(k: int) -> None:
    labels = [i % k for i in range(40)]
    reason = f"descriptive only: {k} cluster{'s' if k > 1 else ''}"
    assert rate_interval([1.0, 0.0] * 20, labels) == Interval(None, None, reason)
    assert mean_interval([1.0, 0.0] * 20, labels) == Interval(None, None, reason)
    paired = compare([1.0, 0.0] * 20, [1.0] * 40, labels)
    assert (paired.descriptive, paired.p, paired.low, paired.detectable) == (True, None, None, None)
    assert paired.difference == 0.5


def test_a_mean_has_the_t_interval_over_equal_clusters() -> None:
    # Cluster means 1…6: sd 1.8708, standard error 0.76376, t(5) = 2.5706.
    interval = mean_interval([float(i // 3 + 1) for i in range(18)], [i // 3 for i in range(18)])
    assert interval.low == pytest.approx(3.5 - 2.5706 * 0.76376, abs=1e-4)
    assert interval.high == pytest.approx(3.5 + 2.5706 * 0.76376, abs=1e-4)


def test_a_mean_without_spread_has_no_interval() -> None:
    interval = mean_interval([0.7] * 18, [i // 3 for i in range(18)])
    assert (interval.low, interval.method) == (
        None,
        "descriptive only: no spread between clusters",
    )


def test_a_design_effect_is_that_of_the_correlation() -> None:
    whole = clustered_values([float(i // 10 % 2) for i in range(80)], [i // 10 for i in range(80)])
    assert (whole.icc, whole.effective_n) == pytest.approx((1, 8))
    own = clustered_values([0.0, 1.0] * 40, range(80))
    assert (own.icc, own.effective_n) == pytest.approx((0, 80))
    # Two clusters of 4, sums 3 and 1: between 0.5, within 0.25, ρ = 0.25 / (0.5 + 3 · 0.25) = 0.2.
    some = clustered_values([1, 1, 1, 0, 1, 0, 0, 0], [0] * 4 + [1] * 4)
    assert (some.icc, some.n / some.effective_n) == pytest.approx((0.2, 1.6))


def test_mcnemar_counts_the_discordant_pairs() -> None:
    a = [0.0] * 9 + [1.0] * 1 + [1.0] * 30
    b = [1.0] * 9 + [0.0] * 1 + [1.0] * 30
    paired = compare(a, b, range(40))
    assert paired.p_method == "exact McNemar"
    assert paired.p == pytest.approx(2 * 11 / 2**10)
    assert paired.smallest_p == pytest.approx(2 / 2**10)
    assert (paired.n, paired.clusters, paired.discordant) == (40, 40, 10)
    interval = paired_difference(9, 1, 40)
    assert (paired.low, paired.high) == pytest.approx((interval.low, interval.high))


def test_sign_flip_counts_the_patterns_as_far_out() -> None:
    # Cluster sums 3, 3, 3, 3, 3, −1: of 64 patterns, those with |sum| of 14 or more are 4.
    labels = [i // 4 for i in range(24)]
    b = [1.0, 1.0, 1.0, 0.0] * 5 + [0.0] * 4
    a = [0.0] * 20 + [1.0, 0.0, 0.0, 0.0]
    paired = compare(a, b, labels)
    assert paired.p_method == "sign-flip permutation, exact"
    assert paired.p == pytest.approx(4 / 64)
    assert paired.smallest_p == pytest.approx(2 / 64)
    assert paired.difference == pytest.approx(14 / 24)


@pytest.mark.parametrize(("clusters", "tolerance"), [(6, 0.0), (12, 0.0), (30, 0.02)])
def test_sign_flip_finds_what_scipy_finds(clusters: int, tolerance: float) -> None:
    rng = np.random.default_rng(clusters)
    b = [float(value) for value in rng.random(2 * clusters)]
    a = [0.55 - value / 8 for value in rng.random(2 * clusters)]
    labels = [i // 2 for i in range(2 * clusters)]
    sums = np.add.reduceat(np.subtract(b, a), range(0, 2 * clusters, 2))
    known = permutation_test(
        (sums,), np.sum, permutation_type="samples", n_resamples=9999, rng=clusters
    ).pvalue
    assert compare(a, b, labels).p == pytest.approx(known, abs=tolerance + 1e-12)


def test_many_clusters_are_flipped_at_random_but_repeatably() -> None:
    labels = [i // 2 for i in range(60)]
    a, b = [0.0] * 60, [float(i % 3 == 0) for i in range(60)]
    paired = compare(a, b, labels)
    assert paired.p_method == "sign-flip permutation, Monte Carlo"
    assert paired.smallest_p == 2e-4
    assert paired == compare(a, b, labels)
    assert paired.p == compare(b, a, labels).p


def test_sums_that_tie_but_for_their_last_digits_tie() -> None:
    third = 1 / 3
    a = [1.0, 0.0, third, 0.0, 0.0, 0.0]
    b = [2 * third, 0.0, 0.0, third, third, 0.0]
    assert compare(a, b, range(6)).p == compare(b, a, range(6)).p == 1


def test_no_change_is_not_no_uncertainty() -> None:
    labels = [i // 40 for i in range(320)]
    paired = compare([1.0] * 320, [1.0] * 320, labels)
    assert (paired.p, paired.discordant, paired.detectable) == (1, 0, None)
    assert paired.low is not None
    assert paired.high is not None
    assert paired.low < -0.01 < 0.01 < paired.high


def test_what_can_be_found_needs_clusters_and_change() -> None:
    assert minimum_detectable_difference([1.0, 0.0] * 10, [i % 5 for i in range(20)]) is None
    assert minimum_detectable_difference([0.0] * 40, range(40)) is None
    # One item of 100 changed: six would have to, and more for that to be likely.
    one = minimum_detectable_difference([1.0] + [0.0] * 99, range(100))
    assert one is not None
    assert 0.06 < one < 0.09


def test_what_can_be_found_is_that_of_the_paired_t_test() -> None:
    # 20 differences of sd 1: Cohen's d for 80 % power with n = 20 is 0.6604.
    spread = [math.sqrt(19 / 20) * (-1) ** i for i in range(20)]
    assert minimum_detectable_difference(spread, range(20)) == pytest.approx(0.6604, abs=2e-3)


@pytest.mark.parametrize("clusters", [6, 20, 73, 146, 400])
def test_what_can_be_found_falls_smoothly_with_the_clusters(clusters: int) -> None:
    """At 73, scipy's noncentral t is not a number, and a solver that asks it has no answer."""
    spread = [math.sqrt((clusters - 1) / clusters) * (-1) ** i for i in range(clusters)]
    found = minimum_detectable_difference(spread, range(clusters))
    assert found is not None
    normal = (1.959964 + 0.841621) / math.sqrt(clusters)
    assert normal < found < normal * (1 + 1.6 / clusters)


def test_data_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="no items"):
        rate_interval([], [])
    with pytest.raises(ValueError, match="within 0 and 1"):
        rate_interval([1.5], [0])
    with pytest.raises(ValueError, match="finite"):
        mean_interval([math.nan], [0])
    with pytest.raises(ValueError, match="argument"):
        compare([1.0], [1.0, 0.0], [0, 1])
    with pytest.raises(ValueError, match="within"):
        difference_interval([2.0], [0])


def test_importing_the_statistics_loads_nothing_heavy() -> None:
    code = (
        "import factlab.stats.paired, sys; "
        "print([m for m in ('numpy', 'scipy', 'statsmodels', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
