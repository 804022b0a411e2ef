"""95 % intervals of a rate, and of the difference of two paired rates."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEVEL = 0.95
Z = 1.959963984540054  # standard normal quantile at 0.975


@dataclass(frozen=True, slots=True)
class Interval:
    """Two bounds and the name of the method that made them."""

    low: float
    high: float
    method: str


def wilson(successes: int, n: int) -> Interval:
    """Wilson's score interval of a rate of independent items; never of width 0.

    Source: Wilson (1927), as in scipy.stats.binomtest(...).proportion_ci.

    Raises:
        ValueError: for no items, since there is no rate then.
    """
    from scipy.stats import binomtest

    if n <= 0:
        raise ValueError("a rate of no items has no interval")
    bounds = binomtest(successes, n).proportion_ci(confidence_level=LEVEL, method="wilson")
    return Interval(float(bounds.low), float(bounds.high), "wilson")


def paired_difference(lost: int, gained: int, n: int) -> Interval:
    """Interval of (lost − gained) / n, the change of a rate over the same items.

    An adjusted Wald interval: one item is added to each discordant cell, which keeps its coverage
    near 95 % for small samples. Source: Bonett and Price (2012), Statistics in Medicine 31:479.

    Args:
        lost: Items right before and wrong after.
        gained: Items wrong before and right after.
        n: All items, unchanged ones too.
    """
    if n <= 0:
        raise ValueError("a difference over no items has no interval")
    p_lost, p_gained = (lost + 1) / (n + 2), (gained + 1) / (n + 2)
    difference = p_lost - p_gained
    half = Z * math.sqrt((p_lost + p_gained - difference**2) / (n + 2))
    return Interval(max(-1.0, difference - half), min(1.0, difference + half), "bonett-price")
