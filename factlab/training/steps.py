"""How many steps a cell is trained for, and after which of them there is a checkpoint."""

from __future__ import annotations

import math

from factlab.schema.config import Cell

LAST_STEPS = 5  # the loss of training is a mean over these, since one batch's loss is noisy


def train_steps(pairs: int, cell: Cell, max_steps: int | None) -> int:
    """Optimizer steps that the recipe asks for."""
    per_epoch = math.ceil(pairs / cell.recipe.batch_size)
    steps = math.ceil(per_epoch * cell.recipe.epochs)
    return steps if max_steps is None else min(steps, max_steps)


def checkpoint_steps(steps: int, checkpoints: int) -> tuple[int, ...]:
    """Evenly spaced steps before the last one."""
    spaced = (round(steps * i / (checkpoints + 1)) for i in range(1, checkpoints + 1))
    return tuple(dict.fromkeys(step for step in spaced if 0 < step < steps))
