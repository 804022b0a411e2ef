"""Whether a design has enough seeds to compare configurations, and what it would take."""

from __future__ import annotations

from collections.abc import Sequence

from factlab.schema.config import Cell
from factlab.schema.results import CellResult
from factlab.stats.seeds import MIN_SEEDS


def lacks_seeds(cells: Sequence[Cell | CellResult]) -> str | None:
    """What cells of several configurations lack to be told apart, and what that takes.

    Of cells that are finished it says how long theirs took.

    Returns:
        Two sentences, of all cells but placebos; None where there is one configuration only, enough
        seeds, or cells that were not trained in this run.
    """
    cells = [cell for cell in cells if cell.placebo is None]
    arms = {cell.configuration for cell in cells}
    seeds = len({cell.seed for cell in cells})
    if len(arms) < 2 or seeds >= MIN_SEEDS or any(c.combined or c.tuned for c in cells):
        return None
    few = "one seed" if seeds == 1 else f"{seeds} seeds"
    number = round(len(cells) * MIN_SEEDS / seeds)
    return (
        f"With {few}, differences between configurations are described and not tested: nothing is "
        f"known of what another seed would give. --seeds {MIN_SEEDS} tests them, with {number} "
        f"cells instead of {len(cells)}{_minutes(cells, number)}."
    )


def _minutes(cells: Sequence[Cell | CellResult], number: int) -> str:
    """`, about 12 minutes by what these took`, where that is known of all."""
    took = [
        cell.training.seconds + (cell.measuring_seconds or 0)
        for cell in cells
        if isinstance(cell, CellResult) and cell.training is not None
    ]
    if len(took) < len(cells) or not took:
        return ""
    minutes = sum(took) / len(took) * number / 60
    shown = f"{minutes:.0f} minutes" if minutes >= 2 else f"{60 * minutes:.0f} seconds"
    return f", about {shown} by what these took"
