"""Shares and differences as sentences give them: whole percents, points, and their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from factlab.comparison.damage import Word, beyond
from factlab.metrics.catalogue import spec_of
from factlab.schema.results import Comparison, Metric

_SHARES = ("share", "points")  # units whose differences are points


def percent(share: float) -> str:
    """`96 %`; a share that rounds to a bound without being there keeps a decimal."""
    rounded = round(100 * share)
    if rounded in (0, 100) and share not in (0, 1):
        return _minus(f"{100 * share:.1f} %")
    return _minus(f"{rounded} %")


def rate(metric: Metric) -> str:
    """`96 % (90–99 %)`, or the share alone where it has no interval."""
    if metric.ci_low is None or metric.ci_high is None:
        return f"{percent(metric.value)} (no interval)"
    return f"{percent(metric.value)} ({100 * metric.ci_low:.0f}–{100 * metric.ci_high:.0f} %)"


def points(difference: float) -> str:
    """`12 points`, without a sign; below 10 with a decimal where it has one."""
    size = abs(100 * difference)
    shown = f"{size:.0f}" if size >= 9.95 else f"{size:.1f}".removesuffix(".0")
    return f"{shown} point{'' if shown == '1' else 's'}"


def signed(difference: float, unit: str = "share") -> str:
    """A difference with its sign, of shares in points: `+3.1`, `−1.0`, `0`; in nats `−0.25`."""
    shown = f"{100 * difference:+.1f}" if unit in _SHARES else f"{difference:+.2f}"
    return "0" if shown.strip("+-0.") == "" else _minus(shown)


def signed_interval(comparison: Comparison, unit: str = "share") -> str:
    """`−4.0 to +2.1`, or that there is none."""
    if comparison.ci_low is None or comparison.ci_high is None:
        return "no interval"
    return f"{signed(comparison.ci_low, unit)} to {signed(comparison.ci_high, unit)}"


def phrase(name: str) -> str:
    """A metric in running text: `near intrusion` for `intrusion/near`."""
    spec = spec_of(name)
    return spec.phrase or f"{spec.split} {spec.kind}".replace("_", " ").strip()


def amount(name: str, value: float) -> str:
    """A value of a metric in its unit: `12 %`, `+3.1 nats`."""
    if spec_of(name).unit in ("nats", "nats_total"):
        return _minus(f"{value:+.1f} nats")
    return percent(value)


def limit_broken(metrics: Mapping[str, Metric], word: Word) -> str:
    """The limits that earn a word, with the values: `near intrusion 99 %, limit 50 %; …`."""
    if word == "not measured":
        return "its cost was not fully measured"
    return "; ".join(
        f"{phrase(limit.metric)} "
        f"{_apart(limit.metric, metrics[limit.metric].value, limit.of(word))}, "
        f"limit {amount(limit.metric, limit.of(word))}"
        for limit in beyond(metrics, word)
    )


def _apart(name: str, value: float, limit: float) -> str:
    """A value in its unit, with a decimal more where it would look like the limit."""
    shown = amount(name, value)
    if shown == amount(name, limit) and shown.endswith("%"):
        return _minus(f"{100 * value:.1f} %")
    return shown


def joined(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _minus(text: str) -> str:
    return text.replace("-", "−")
