"""LoftQ's initialisation: adapters start as the best low-rank part of what quantising took.

Source: Li et al. 2023, arXiv:2310.08659, with one step of its iteration, the base staying as it is.
PEFT has it for bitsandbytes' 4-bit layers; here the base may also be the dequantised one of a CPU.
Both factors get the square root of the singular values: of one size, one learning rate suits both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import TrainingError
from factlab.models.adapters import lora_layers
from factlab.models.stored import weight_files

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from torch import nn


def init_loftq(model: PeftModel, name: str, original: Path | None) -> None:
    """Set an adapter's factors so that base and adapter are as near to the original as they get.

    Args:
        model: A quantised base with the adapter on it.
        name: The adapter's name.
        original: The folder of the base's weights before they were quantised, in safetensors.
    """
    import torch
    from peft.utils.integrations import dequantize_module_weight

    with _stored(original) as stored, torch.no_grad():
        for path, layer in lora_layers(model, name):
            key = f"{path}.weight"
            held = dequantize_module_weight(layer.get_base_layer()).float()
            lost = stored[key].get_tensor(key).to(held.device).float() - held
            up, down = best_low_rank(lost / layer.scaling[name], layer.r[name])
            layer.lora_B[name].weight.copy_(up)
            layer.lora_A[name].weight.copy_(down)


def check_original(layers: Mapping[str, nn.Module], original: Path) -> None:
    """Refuse layers whose weights are not found as they are in the files of a model.

    Args:
        layers: Those that get an adapter, by name; with or without weights.
        original: The folder of the model.

    Raises:
        TrainingError: if one is stored under another name, or in another shape.
    """
    from torch import nn

    with _stored(original) as stored:
        for name, layer in layers.items():
            key = f"{name}.weight"
            weight: Any = layer.weight
            there = key in stored and isinstance(layer, nn.Linear)
            if not there or stored[key].get_slice(key).get_shape() != list(weight.shape):
                raise TrainingError(
                    f"--init loftq: {original} does not hold {key} as the model has it, and the "
                    "adapter is to begin with what quantising took from it. Remove --init."
                )


def best_low_rank(matrix: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The two factors whose product is nearest to a matrix, in the Frobenius norm.

    Read off the eigenvectors of the smaller of its two products with itself, which takes a
    fraction of the time of a singular value decomposition. Both factors are of the same size.

    Args:
        matrix: Shape (outputs, inputs).
        rank: At most the smaller of both.

    Returns:
        Shapes (outputs, rank) and (rank, inputs).
    """
    import torch

    if matrix.shape[0] > matrix.shape[1]:
        down, up = best_low_rank(matrix.T, rank)
        return up.T, down.T
    squares, vectors = torch.linalg.eigh(matrix @ matrix.T)
    roots = squares[-rank:].clamp_min(1e-30) ** 0.25  # of the singular values
    vectors = vectors[:, -rank:]
    return vectors * roots, (vectors / roots).T @ matrix


@contextmanager
def _stored(folder: Path | None) -> Iterator[dict[str, Any]]:
    """The open file of each tensor of a folder, by the tensor's name."""
    from safetensors import safe_open

    with ExitStack() as stack:
        found: dict[str, Any] = {}
        for file in weight_files(folder) if folder else ():
            opened: Any = stack.enter_context(safe_open(file, framework="pt"))
            found |= dict.fromkeys(opened.keys(), opened)
        yield found
