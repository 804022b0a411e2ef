"""Drift on neutral text from what a cell recorded of it: a value per predicted token."""

from __future__ import annotations

from collections.abc import Sequence

from factlab.metrics.scores import QuestionScore, Scores
from factlab.schema.results import DriftWindow


def drift_scores(facts: Sequence[str], windows: Sequence[DriftWindow]) -> Scores:
    """A value per token; tokens of a window are correlated, so that a window is their group.

    Args:
        facts: The facts in the adapter.
        windows: As its cell recorded them; none: nothing is scored.
    """
    only = facts[0] if len(facts) == 1 else ""
    found: Scores = {}
    for one in windows:
        for name, values in (("drift/ce", one.ce_nats), ("drift/kl", one.kl_nats)):
            found.setdefault(name, []).extend(
                QuestionScore(f"{one.window}/{place}@{only}", only, f"window {one.window}", value)
                for place, value in enumerate(values)
            )
    return found
