"""How many adapters are trained side by side."""

from __future__ import annotations

from factlab.errors import TrainingError
from factlab.models.load import LoadedModel
from factlab.schema.config import Cell
from factlab.training.attach import changes_base

MOST = 16
MEMORY_SHARE = 0.5  # of the free device memory, for what is kept for the backward pass


def adapters_at_once(loaded: LoadedModel, cell: Cell, tokens: int, asked: int | None) -> int:
    """How many cells like this one are trained in one batch.

    On a CPU one adapter's step already fills the cores, and a larger batch gains nothing
    (docs/performance.md); a GPU is mostly idle under a small model.

    Args:
        loaded: The base, with no adapter on it.
        cell: One of them.
        tokens: Tokens that a step of one of them computes, about.
        asked: What the user wants, if anything.

    Raises:
        TrainingError: if the user wants several where only one can be trained.
    """
    import torch

    from factlab.decoder.stack import read_decoder

    if asked == 1:
        return 1
    recipe = cell.recipe
    able = recipe.dropout == 0 and recipe.method in ("lora", "rslora") and not changes_base(recipe)
    able = able and read_decoder(loaded.model) is not None
    if asked is not None and not able:
        raise TrainingError(
            f"--pack {asked}: adapters are trained side by side on models of the Llama family and "
            "without dropout; this model or recipe is not of them. Leave --pack away."
        )
    if asked is not None:
        return asked
    if not able or loaded.device.type == "cpu":
        return 1
    free, _ = torch.cuda.mem_get_info()
    return max(1, min(MOST, int(free * MEMORY_SHARE / (tokens * _bytes_per_token(loaded)))))


def _bytes_per_token(loaded: LoadedModel) -> int:
    """What a token keeps for the backward pass: inputs of products, norms and attention."""
    config = loaded.model.config
    return int(
        config.num_hidden_layers * (12 * config.hidden_size + 4 * config.intermediate_size) * 2
    )
