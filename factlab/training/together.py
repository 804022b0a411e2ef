"""How many adapters are trained side by side.

On a CPU one adapter's step fills the cores, and a larger batch gains nothing. A GPU is mostly idle
under a small model, so as many are taken as there is memory for.
"""

from __future__ import annotations

from factlab.errors import TrainingError
from factlab.memory.activations import HEAD_ROWS, Batch, StepMemory, saved_activations, workspace
from factlab.memory.shapes import shape_of
from factlab.models.load import LoadedModel
from factlab.schema.config import Cell
from factlab.training.attach import changes_base

MOST = 16
MEMORY_SHARE = 0.5  # of the free device memory, for what training steps take


def adapters_per_step(loaded: LoadedModel, cell: Cell, batch: Batch, wanted: int | None) -> int:
    """How many cells like this one are trained in one batch.

    Args:
        loaded: The base, with no adapter on it.
        cell: One of them.
        batch: A step of one of them, its texts as long as the longest.
        wanted: What the user asks for, if anything.

    Raises:
        TrainingError: if the user wants several where only one can be trained.
    """
    import torch

    from factlab.inference.backend import choose_backend

    if wanted == 1:
        return 1
    recipe = cell.recipe
    # Dropout draws its mask per batch, and a changed base is another base for each adapter.
    able = recipe.dropout == 0 and recipe.method in ("lora", "rslora") and not changes_base(recipe)
    able = able and choose_backend(loaded.model).packed
    if wanted is not None and not able:
        raise TrainingError(
            f"--pack {wanted}: this model or recipe is not supported here; supported: LoRA and "
            "rsLoRA without dropout, bias or a changed base, on models of the Llama family. Remove "
            "--pack."
        )
    if wanted is not None:
        return wanted
    if not able or loaded.device.type == "cpu":
        return 1
    free, _ = torch.cuda.mem_get_info()
    return adapters_that_fit(free, step_of(loaded, cell, batch))


def step_of(loaded: LoadedModel, cell: Cell, batch: Batch) -> StepMemory:
    """A training step of a cell by factlab's own decoder, on CUDA."""
    shape = shape_of(loaded.model.config.to_dict(), loaded.record.name)
    return StepMemory(
        shape=shape,
        batch=batch,
        value=loaded.model.dtype.itemsize,
        backend="packed",
        adapted=shape.adapted(cell.recipe.targets),
        rank=cell.rank,
        summed=HEAD_ROWS,
    )


def adapters_that_fit(free: int, step: StepMemory) -> int:
    """How many adapters' steps fit in a share of so many bytes; one at least."""
    each = saved_activations(step) + workspace(step)
    return max(1, min(MOST, int(free * MEMORY_SHARE / each)))
