"""Numbers as the page prints them: with a unit, with n, with an interval, never bare floats."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

from factlab.comparison.wording import amount, phrase
from factlab.display.characters import visible_lines
from factlab.grading.languages import LANGUAGES
from factlab.grading.text import has_cjk
from factlab.schema.results import Metric
from factlab.schema.splits import NEAR_GROUPS, SPLIT

NONE = "–"
_RANGE = re.compile(r"\d[\d.,]*–\d(?:[\d.,]*\d)?")


def clean(text: str, *, limit: int | None = None) -> str:
    """Model text as it can be shown, cut at `limit` characters."""
    shown = visible_lines(text)
    if limit is not None and len(shown) > limit:
        return shown[:limit].rstrip() + "…"
    return shown


def integer(value: float) -> str:
    """A count with thousands separators: 4,889."""
    return f"{round(value):,}"


def percent(share: float, *, digits: int = 1) -> str:
    """A share as a percentage: 95.8 %. Exact hundreds and zeros carry no decimals."""
    shown = f"{100 * share:.{digits}f}"
    return f"{shown.removesuffix('.0')} %"


def points(difference: float) -> str:
    """A difference of shares in percentage points, always with its sign: +3.1 points."""
    shown = f"{100 * difference:+.1f}".replace("-", "−")
    return f"{'0' if shown in ('+0.0', '−0.0') else shown} points"


def difference_in_unit(value: float, unit: str) -> str:
    """A difference of two values: of shares in points, of others in their unit with its sign."""
    if unit in ("share", "points"):
        return points(value)
    if unit in ("nats", "nats_total"):
        return in_unit(value, unit)
    return f"{value:+.3g}".replace("-", "−")


def probability(value: float | None) -> str:
    """A p value; a small one with two digits, none as a dash."""
    if value is None:
        return NONE
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}".replace("-", "−")


def nats(value: float) -> str:
    """A quantity in nats per token with its sign; exact zero is written as 0."""
    if value == 0:
        return "0 nats/token"
    digits = 4 if abs(value) < 0.1 else 2
    return f"{value:+.{digits}f} nats/token".replace("-", "−")


def count_of(metric: Metric) -> str | None:
    """`46 of 48` where the value is a share of whole items, else nothing."""
    hits = metric.value * metric.n
    if metric.n > 0 and 0 <= metric.value <= 1 and abs(hits - round(hits)) < 1e-6 * metric.n:
        return f"{integer(hits)} of {integer(metric.n)}"
    return None


def share_interval(metric: Metric, *, flip: bool = False) -> str | None:
    """The interval of a share in whole percent, `86–99 %`; `flip` for one minus the value."""
    if metric.ci_low is None or metric.ci_high is None:
        return None
    low, high = metric.ci_low, metric.ci_high
    if flip:
        low, high = 1 - high, 1 - low
    # A narrow interval in whole percent would look like no interval at all.
    digits = 0 if high - low >= 0.02 else 1
    ends = [f"{100 * end:.{digits}f}".removesuffix(".0") for end in (low, high)]
    return f"{ends[0]}–{ends[1]} %"


def share_in_words(metric: Metric) -> str:
    """`95.8 %, interval 86–99 %`, for brackets in a sentence."""
    interval = share_interval(metric)
    return f"{percent(metric.value)}, interval {interval}" if interval else percent(metric.value)


def in_unit(value: float, unit: str) -> str:
    """A value in the unit of its metric: `share`, `points`, `nats`, `nats_total` or plain."""
    if unit == "share":
        return percent(value)
    if unit == "points":
        return points(value)
    if unit == "nats":
        return nats(value)
    if unit == "nats_total":
        return f"{value:+.2f} nats".replace("-", "−")
    return f"{value:.3g}"


def interval_in_unit(metric: Metric, unit: str) -> str:
    """The interval of a metric in its unit, or a dash where none was computed."""
    if metric.ci_low is None or metric.ci_high is None:
        return NONE
    if unit == "share":
        return share_interval(metric) or NONE
    low, high = in_unit(metric.ci_low, unit), in_unit(metric.ci_high, unit)
    unit_word = " ".join(high.split(" ")[1:])
    return f"{low.removesuffix(unit_word).rstrip()} to {high}"


def seconds(value: float | None) -> str:
    """A duration a person can read: 48 s, 3 min 20 s, 1 h 4 min."""
    if value is None:
        return NONE
    if value < 60:
        return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def memory(value: float | None) -> str:
    """Bytes as MiB or GiB."""
    if value is None:
        return NONE
    mebibytes = value / 2**20
    return f"{mebibytes:,.0f} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:,.2f} GiB"


def joined(items: list[str] | tuple[str, ...]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """`1 cell`, `3 cells`."""
    return f"{integer(count)} {noun if count == 1 else nouns or noun + 's'}"


def unbroken(text: str) -> Markup:
    """The same text with no line break inside a range or between a number and its percent sign."""
    # As plain text: a substitution in Markup would join its parts escaped.
    marked = _RANGE.sub(r'<span class="whole">\g<0></span>', str(escape(text)))
    return Markup(marked.replace(" %", "\u00a0%"))


def split_label(split: str) -> str:
    """A split as people say it."""
    spec = SPLIT.get(split)
    if split in NEAR_GROUPS:
        return split.replace("_", "-")
    return spec.title if spec else split


def lang_of(text: str) -> Markup:
    """The attribute by which a browser takes the font and line breaks of another language."""
    if not has_cjk(text):
        return Markup()
    code = next(code for code, language in LANGUAGES.items() if not language.spaced)
    return Markup(f' lang="{code}"')


FILTERS: dict[str, Any] = {
    "lang_of": lang_of,
    "percent": percent,
    "integer": integer,
    "phrase": phrase,
    "amount": amount,
    "split_label": split_label,
    "unbroken": unbroken,
}
