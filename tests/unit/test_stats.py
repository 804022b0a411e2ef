"""Clustered intervals, designs and paired comparisons: known values, and what holds of any."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factlab.stats.clusters import clustered_values
from factlab.stats.intervals import (
    Interval,
    difference_interval,
    mean_interval,
    paired_difference,
    rate_interval,
    wilson,
)
from factlab.stats.paired import PairedComparison, compare, holm
from factlab.stats.seeds import seeded_values

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


def compared(
    a: Sequence[Sequence[float]], b: Sequence[Sequence[float]], clusters: Sequence[object]
) -> PairedComparison:
    """Compare items by place: of each seed the values of all items."""
    return compare(
        [dict(enumerate(values)) for values in a],
        [dict(enumerate(values)) for values in b],
        dict(enumerate(clusters)),
        "difference" if all(0 <= v <= 1 for seed in (*a, *b) for v in seed) else "mean",
    )


def one_seed(a: Sequence[float], b: Sequence[float], clusters: Sequence[object]) -> Any:
    return compared([a], [b], clusters)


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
    one = compared([values, others, others], [others, values, values], clusters)
    other = compared(
        [moved_others, moved, moved_others], [moved, moved_others, moved], renamed
    )  # the seeds in another order, too
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
    one, other = compared([a, b, a], [b, b, b], clusters), compared([b] * 3, [a, b, a], clusters)
    assert one.difference == pytest.approx(-other.difference)
    assert one.p == pytest.approx(other.p)
    assert one.design_effect == pytest.approx(other.design_effect)
    assert (one.detectable or ()) == pytest.approx(other.detectable or ())
    if one.low is None or one.high is None or other.low is None or other.high is None:
        assert one.ci_method == other.ci_method
        return
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.low - 1e-9 <= one.difference <= one.high + 1e-9
    assert one.high > one.low


@few
@given(OUTCOMES | SHARES | NATS | EACH_ITS_OWN)
def test_p_is_below_a_twentieth_exactly_where_the_interval_excludes_0(found: Scores) -> None:
    clusters, a, b = columns(found)
    paired = compared([a, a, b], [b, b, b], clusters)
    assert paired.descriptive == (paired.p is None) == (paired.lacks is not None)
    if paired.p is None or paired.low is None or paired.high is None:
        return
    assert 0 < paired.p <= 1
    if abs(paired.p - 0.05) > 1e-6:
        assert (paired.p < 0.05) == (paired.low > 0 or paired.high < 0)


@few
@given(OUTCOMES | EACH_ITS_OWN)
def test_seeds_that_agree_add_nothing_and_seeds_that_do_not_add_to_the_interval(
    found: Scores,
) -> None:
    clusters, a, b = columns(found)
    alone, alike = one_seed(a, b, clusters), compared([a] * 3, [b] * 3, clusters)
    apart = compared([a, a, b, b], [b, b, b, b], clusters)
    assert (alone.low, alone.high) == pytest.approx((alike.low, alike.high))
    means = [(x + y) / 2 for x, y in zip(a, b, strict=True)]
    item = one_seed(means, b, clusters)
    if apart.low is not None and item.low is not None:
        assert apart.low <= item.low + 1e-9
        assert apart.high >= item.high - 1e-9


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
    paired = compared([[1.0, 0.0] * 20] * 3, [[1.0] * 40] * 3, labels)
    assert (paired.descriptive, paired.p, paired.low, paired.detectable) == (True, None, None, None)
    assert paired.difference == 0.5


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_are_described_only_and_keep_an_interval_over_items(seeds: int) -> None:
    paired = compared([[0.0] * 40] * seeds, [[1.0] * 30 + [0.0] * 10] * seeds, range(40))
    assert (paired.descriptive, paired.p, paired.detectable) == (True, None, None)
    assert paired.lacks == (
        f"{'one seed' if seeds == 1 else '2 seeds'}, and at least 3 are needed to know what others "
        "would give"
    )
    assert paired.low is not None
    assert paired.low > 0


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


# --- seeds --------------------------------------------------------------------------------------


def test_what_seeds_add_is_what_two_way_analysis_of_variance_finds() -> None:
    """Four items, three seeds: MS of seeds and of what is left, by hand."""
    by_seed = [[1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 1.0]]
    spread = seeded_values(
        [dict(enumerate(row)) for row in by_seed], {i: i for i in range(4)}
    ).spread
    # Means of seeds 3/4, 1/4, 3/4 about 7/12: sum of squares 1/6, so variance of their mean 1/36.
    assert spread.own == pytest.approx(1 / 6 / 2 / 3)
    # Of 12 values: total 12 · 7/12 · 5/12 = 35/12; items 3 · Σ(mean − 7/12)² = 11/12; seeds 4/6;
    # left 4/3, of 6 degrees of freedom 2/9, and of the mean of 12 values 1/54.
    assert spread.both == pytest.approx(1 / 54)


def test_an_item_that_a_seed_lacks_says_nothing_of_that_seed() -> None:
    whole = seeded_values([{1: 1.0, 2: 0.0}, {1: 1.0, 2: 0.0}, {1: 1.0}], {1: 1, 2: 2})
    assert whole.means == (1.0, 0.0)
    assert (whole.spread.seeds, whole.spread.own, whole.spread.both) == (3, 0.0, 0.0)


def test_few_items_and_many_seeds_come_to_the_t_test_over_seeds() -> None:
    """Where all items of a seed are alike, a seed is one value: here 0.2, 0.5 and 0.8 more."""
    a = [[0.0] * 40] * 3
    b = [[share] * 40 for share in (0.2, 0.5, 0.8)]
    paired = compared(a, b, range(40))
    # sd 0.3, standard error 0.1732, t(2) = 4.3027; p of t = 2.887 with 2 degrees of freedom. To the
    # error come the two items that are added.
    assert paired.error == pytest.approx(0.3 / math.sqrt(3), rel=0.06)
    assert paired.error > 0.3 / math.sqrt(3)
    assert paired.high == 1
    assert paired.low == pytest.approx(0.5 - 4.3027 * 0.17321, abs=1e-4)
    assert paired.p == pytest.approx(0.10197, abs=1e-4)
    assert paired.ci_method == "bonett-price, t over 3 seeds"


# --- differences --------------------------------------------------------------------------------

DESIGNS = st.sampled_from([[1] * 48, [1] * 15, [3] * 16, [48] * 5, [15] * 24, [12, 48, 24, 96, 3]])


def width(differences: Sequence[float], sizes: Sequence[int]) -> float:
    labels = [cluster for cluster, size in enumerate(sizes) for _ in range(size)]
    interval = difference_interval(differences, labels)
    assert interval.low is not None
    assert interval.high is not None
    return interval.high - interval.low


@few
@given(DESIGNS, st.data())
def test_no_difference_at_all_has_the_narrowest_interval(sizes: list[int], data: Any) -> None:
    n = sum(sizes)
    values = data.draw(
        st.sampled_from([[1.0] * n, [-1.0] * n])
        | st.lists(st.sampled_from([-1, 0, 0, 1 / 3, 1]), min_size=n, max_size=n)
    )
    assert width(values, sizes) >= width([0.0] * n, sizes) - 1e-12


@few
@given(DESIGNS, st.data())
def test_more_scatter_at_the_same_mean_never_narrows_an_interval(
    sizes: list[int], data: Any
) -> None:
    """Two unchanged items of a cluster change in opposite directions."""
    n = sum(sizes)
    values = data.draw(st.lists(st.sampled_from([-1, 0, 0, 0, 1]), min_size=n, max_size=n))
    start = data.draw(st.sampled_from([sum(sizes[:i]) for i in range(len(sizes))]))
    more = list(values)
    if len(sizes) < n and not values[start] and not values[start + 1]:
        more[start], more[start + 1] = 1, -1
    elif len(sizes) == n and values.count(0) > 1:
        more[more.index(0)] = 1
        more[more.index(0)] = -1
    assert width(more, sizes) >= width(values, sizes) - 1e-12


@few
@given(st.integers(5, 200), st.integers(0, 100), st.integers(0, 100))
def test_one_answer_more_lost_never_narrows_an_interval_up_to_half(
    n: int, lost: int, gained: int
) -> None:
    if lost + gained >= n or lost - gained >= n // 2:
        return
    before = [1.0] * lost + [-1.0] * gained + [0.0] * (n - lost - gained)
    assert width([*before[:-1], 1.0], [1] * n) >= width(before, [1] * n) - 1e-12


@pytest.mark.parametrize("sizes", [[3] * 16, [48] * 5, [1] * 55])
@pytest.mark.parametrize("share", [1, 1 / 3])
def test_losing_an_answer_does_not_make_a_comparison_surer(sizes: list[int], share: float) -> None:
    n = sum(sizes)
    widths = [width([share] * lost + [0.0] * (n - lost), sizes) for lost in range(4)]
    assert widths == sorted(widths)
    # Of identical adapters: half a width of 9 points with five facts.
    assert widths[0] < 0.18


def test_independent_changes_have_bonett_and_prices_interval() -> None:
    a = [0.0] * 9 + [1.0] * 1 + [1.0] * 30
    b = [1.0] * 9 + [0.0] * 1 + [1.0] * 30
    paired = compared([a] * 3, [b] * 3, range(40))
    assert (paired.n, paired.clusters, paired.discordant) == (40, 40, 10)
    interval = paired_difference(9, 1, 40)
    assert (paired.low, paired.high) == pytest.approx((interval.low, interval.high))
    # x̃ = 8/42, and its error √((12/42 − (8/42)²) / 42): 2.47 errors.
    assert paired.p == pytest.approx(0.01345, abs=1e-4)


# --- means with bounds --------------------------------------------------------------------------


def test_a_mean_near_a_bound_has_an_interval_within_it() -> None:
    ratios = [0.70, 0.72, 0.93, 0.99, 0.995, 0.999, 1.0, 1.0]
    free = mean_interval(ratios, range(8))
    held = mean_interval(ratios, range(8), bounds=(0, 1))
    assert free.high is not None
    assert free.high > 1
    assert held.low is not None
    assert held.high is not None
    assert 0 < held.low < sum(ratios) / 8 < held.high < 1
    assert held.method == "cluster-t of the logit"


def test_a_score_that_hardly_scatters_is_not_taken_for_a_count() -> None:
    """Ratios of about .868 on 16 families of 3: their own spread decides, not that of outcomes."""
    values = [0.868 + 0.015 * (-1) ** (i // 3) for i in range(48)]
    clusters = [i // 3 for i in range(48)]
    held = mean_interval(values, clusters, bounds=(0, 1))
    assert (held.low, held.high) == pytest.approx((0.860, 0.876), abs=1e-3)
    counted = rate_interval(values, clusters)
    assert counted.low is not None
    assert counted.low < 0.75


@few
@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 2)), min_size=8, max_size=40),
    st.sampled_from([(0.0, 2.0), (0.0, math.inf)]),
)
def test_no_interval_of_a_mean_leaves_its_bounds(
    found: list[tuple[int, float]], bounds: tuple[float, float]
) -> None:
    clusters, values = [c for c, _ in found], [v for _, v in found]
    interval = mean_interval(values, clusters, bounds=bounds)
    if interval.low is not None and interval.high is not None:
        mean = sum(values) / len(values)
        assert bounds[0] <= interval.low <= mean + 1e-9
        assert mean - 1e-9 <= interval.high <= bounds[1]


# --- power --------------------------------------------------------------------------------------


def test_what_can_be_found_is_a_range_that_more_seeds_narrow() -> None:
    def found(seeds: int) -> tuple[float, float]:
        a = [[0.0] * 60] * seeds
        shares = [(0.3, 0.4, 0.5)[seed % 3] for seed in range(seeds)]
        b = [[float((7 * i) % 60 < 60 * share) for i in range(60)] for share in shares]
        range_ = compared(a, b, range(60)).detectable
        assert range_ is not None
        return range_

    few_low, few_high = found(3)
    many_low, many_high = found(9)
    assert 0 < few_low < few_high
    assert few_high - few_low > 2 * (many_high - many_low)
    assert many_high < few_high


def test_without_any_change_nothing_is_known_of_what_could_be_found() -> None:
    assert compared([[1.0] * 20] * 3, [[1.0] * 20] * 3, range(20)).detectable is None


def test_data_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="no items"):
        rate_interval([], [])
    with pytest.raises(ValueError, match="within 0 and 1"):
        rate_interval([1.5], [0])
    with pytest.raises(ValueError, match="finite"):
        mean_interval([math.nan], [0])
    with pytest.raises(ValueError, match="argument"):
        compared([[1.0]], [[1.0], [0.0]], [0, 1])
    with pytest.raises(ValueError, match="no items"):
        compare([{1: 1.0}], [{2: 1.0}], {1: 1, 2: 2})
    with pytest.raises(ValueError, match="within"):
        difference_interval([2.0], [0])


def test_importing_the_statistics_loads_nothing_heavy() -> None:
    code = (
        "import factlab.stats.paired, sys; "
        "print([m for m in ('numpy', 'scipy', 'statsmodels', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
