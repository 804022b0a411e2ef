"""Whether a configuration learned its facts, and what that cost, in words by declared limits.

The words describe the measured values; `Damage.could_be` says when the intervals do not exclude a
worse word. The verdict of a report and the choice among configurations use the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from factlab.metrics.catalogue import PRACTICE_LOSS, ROWS, names_of
from factlab.schema.results import Metric

Word = Literal["clean", "blurred", "destructive", "not measured"]

LEARNED_AT = 0.90
PARTLY_LEARNED_AT = 0.50
HELD_OUT, FAR_RETENTION = "recall/held_out", "retention/far"
NEAR_INTRUSION, FAR_INTRUSION = "intrusion/near", "intrusion/far"
TOLERANCE = 1e-9  # differences of rounding are no differences


@dataclass(frozen=True, slots=True)
class Limit:
    """How far a metric may go before the cost is called blurred, and destructive (none: never)."""

    metric: str
    blurred: float
    destructive: float | None
    low_is_bad: bool = False

    def word(self, value: float) -> Word:
        """The word that this one value earns."""
        if self.destructive is not None and self._beyond(value, self.destructive):
            return "destructive"
        return "blurred" if self._beyond(value, self.blurred) else "clean"

    def _beyond(self, value: float, limit: float) -> bool:
        return value < limit - TOLERANCE if self.low_is_bad else value > limit + TOLERANCE

    def of(self, word: Word) -> float:
        """The value beyond which a word is earned."""
        return self.blurred if word == "blurred" or self.destructive is None else self.destructive

    def worst_end(self, metric: Metric) -> float:
        """The pessimistic end of the interval, or the value where there is none."""
        end = metric.ci_low if self.low_is_bad else metric.ci_high
        return metric.value if end is None else end


LIMITS: tuple[Limit, ...] = tuple(
    Limit(row.name, row.use.blurred, row.use.destructive, low_is_bad=row.better == "high")
    for row in ROWS
    if row.use.blurred is not None
)
# Without these the cost cannot be called clean.
_REQUIRED = names_of(lambda use: use.required)
SEVERITY: Mapping[Word, int] = {"clean": 0, "not measured": 1, "blurred": 2, "destructive": 3}


@dataclass(frozen=True, slots=True)
class Damage:
    """What an adapter cost, in a word, and the worse word that the intervals do not exclude."""

    word: Word
    could_be: Word | None = None


def damage_of(metrics: Mapping[str, Metric]) -> Damage:
    """What the adapter cost, by the declared limits."""
    measured = [(limit, metrics[limit.metric]) for limit in LIMITS if limit.metric in metrics]
    word = _worst_word(limit.word(metric.value) for limit, metric in measured)
    required = (FAR_RETENTION,) if PRACTICE_LOSS in metrics else _REQUIRED  # no value can intrude
    if word == "clean" and any(name not in metrics for name in required):
        return Damage("not measured")
    could_be = _worst_word(limit.word(limit.worst_end(metric)) for limit, metric in measured)
    return Damage(word, could_be if SEVERITY[could_be] > SEVERITY[word] else None)


def beyond(metrics: Mapping[str, Metric], word: Word) -> list[Limit]:
    """The limits that earn a configuration this word: those it breaks that far."""
    return [
        limit
        for limit in LIMITS
        if limit.metric in metrics and limit.word(metrics[limit.metric].value) == word
    ]


def _worst_word(words: Iterable[Word]) -> Word:
    return max(words, key=SEVERITY.__getitem__, default="clean")
