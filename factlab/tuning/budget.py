"""How long the next cell will take, by those that are finished, and whether it still fits.

    seconds = what a run takes beside training + work of training × seconds per unit of work

The work is counted by `workflows/estimate.py`. The first cell of a fact has the base to evaluate,
whose answers later cells read, so its time beside training is kept apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from factlab.schema.search import CandidateCell, SearchBudget


def predicted_seconds(
    finished: Sequence[CandidateCell], work: float, *, fresh: bool, rough: float | None = None
) -> float | None:
    """Seconds of a cell.

    Args:
        finished: Cells that were measured.
        work: What its training computes.
        fresh: Whether it is the first cell of its facts.
        rough: An estimate for where nothing was measured yet.

    Returns:
        None where nothing is known.
    """
    trained = [one for one in finished if one.training_seconds is not None]
    if not trained:
        return rough
    beside = {
        kind: [one.seconds - (one.training_seconds or 0) for one in trained if one.fresh == kind]
        for kind in (True, False)
    }
    rest = beside[fresh] or beside[not fresh]
    total = sum(one.work for one in trained)
    rate = sum(one.training_seconds or 0 for one in trained) / total if total else 0.0
    return median(rest) + work * rate


def cells_left(budget: SearchBudget, *, done: int, spent: float, each: float | None) -> int | None:
    """How many cells of `each` seconds a budget still buys; None where that is not known."""
    bounds = []
    if budget.cells is not None:
        bounds.append(max(0, budget.cells - done))
    if budget.minutes is not None and each:
        bounds.append(max(0, int((60 * budget.minutes - spent) // each)))
    return min(bounds, default=None)


def why_over(
    budget: SearchBudget, *, done: int, spent: float, wanted: int, seconds: float | None
) -> str | None:
    """Why what comes next may not begin, as a sentence; None: it may.

    Args:
        budget: What may be spent.
        done: Cells that were finished.
        spent: Seconds so far.
        wanted: Cells that come next.
        seconds: What they are expected to take, if that is known.
    """
    if budget.cells is not None and done + wanted > budget.cells:
        if done >= budget.cells:
            return f"The budget of {budget.cells} cells is spent."
        left = budget.cells - done
        return (
            f"{left} of {budget.cells} cells {'is' if left == 1 else 'are'} left, and a candidate "
            f"takes {wanted}."
        )
    if budget.minutes is None:
        return None
    left_seconds = 60 * budget.minutes - spent
    if left_seconds <= 0:
        return f"The budget of {budget.minutes:g} minutes is spent."
    if seconds is not None and seconds > left_seconds:
        what = "The next cell" if wanted == 1 else f"The next {wanted} cells"
        return (
            f"{what} would take about {in_words(seconds)}, and {in_words(left_seconds)} of "
            f"{budget.minutes:g} minutes are left."
        )
    return None


def in_words(seconds: float) -> str:
    """`40 seconds`, `3 minutes`."""
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
