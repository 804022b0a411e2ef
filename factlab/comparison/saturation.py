"""How many facts an adapter holds, from recall measured at several numbers of facts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from factlab.comparison.damage import LEARNED_AT
from factlab.schema.capacity import CapacityRow, Saturation
from factlab.schema.results import Metric

GAINED_AT = 0.5  # of the facts added: below this an adapter loses more than it takes up


def saturations(rows: Sequence[CapacityRow]) -> tuple[Saturation, ...]:
    """Where each configuration saturates, in the order of the rows."""
    found: dict[str, list[CapacityRow]] = {}
    for row in rows:
        found.setdefault(row.configuration, []).append(row)
    return tuple(saturation(own) for own in found.values())


def saturation(rows: Sequence[CapacityRow]) -> Saturation:
    """Where one configuration saturates; only what was measured is said.

    Of the facts added between two numbers a and b, (b·recall(b) − a·recall(a)) / (b − a) are
    gained, those that were lost on the way taken off.

    Args:
        rows: Of one configuration, with different numbers of facts.
    """
    ordered = sorted(rows, key=lambda row: row.facts)
    if ordered[0].recall.value < LEARNED_AT:
        return Saturation(
            configuration=ordered[0].configuration,
            holds=None,
            sentence=f"{ordered[0].configuration}: recall is {ordered[0].recall.value:.0%} at the "
            f"smallest number, {_facts(ordered[0].facts)}, already: the training falls short, so "
            "that nothing is known of how many facts would fit.",
        )
    holds = ordered[0].facts
    for row in ordered:
        if row.recall.value < LEARNED_AT:
            break
        holds = row.facts
    for before, after in pairwise(ordered):
        if gained(before, after) < GAINED_AT:
            sure = gained(before, after, favourable=True) < GAINED_AT
            return Saturation(
                configuration=ordered[0].configuration,
                holds=holds,
                full_after=before.facts,
                full_at=after.facts,
                sure=sure,
                sentence=_sentence(ordered, holds, (before, after), sure=sure),
            )
    return Saturation(
        configuration=ordered[0].configuration,
        holds=holds,
        sentence=_sentence(ordered, holds, None, sure=False),
    )


def gained(before: CapacityRow, after: CapacityRow, *, favourable: bool = False) -> float:
    """Share of the facts added that are gained; or the most that both intervals allow."""
    low, high = before.recall.value, after.recall.value
    if favourable:
        low, high = _end(before.recall, "low"), _end(after.recall, "high")
    return (after.facts * high - before.facts * low) / (after.facts - before.facts)


def _end(metric: Metric, which: str) -> float:
    end = metric.ci_low if which == "low" else metric.ci_high
    return metric.value if end is None else end


def _sentence(
    rows: Sequence[CapacityRow],
    holds: int,
    full: tuple[CapacityRow, CapacityRow] | None,
    *,
    sure: bool,
) -> str:
    most = rows[-1].facts
    held = f"recall stays at {LEARNED_AT:.0%} or above up to {_facts(holds)}"
    if full is None:
        end = "no saturation" if len(rows) > 1 else "one number of facts shows no saturation"
        return f"{rows[0].configuration}: {held}; {end} up to {_facts(most)}, the most measured."
    before, after = full
    share = max(0.0, gained(before, after))
    doubt = "" if sure else ", judged by the values alone: the intervals do not exclude otherwise"
    return (
        f"{rows[0].configuration}: {held}; of the {after.facts - before.facts:,} facts added from "
        f"{before.facts:,} to {after.facts:,} {share:.0%} are gained, so it is full{doubt}."
    )


def _facts(number: int) -> str:
    return "1 fact" if number == 1 else f"{number:,} facts"
