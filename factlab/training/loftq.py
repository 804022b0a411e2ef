"""LoftQ's beginning: adapters that start as the best low-rank part of what quantising took away.

Source: Li et al. 2023, arXiv:2310.08659, with one step of its iteration, the base staying as it is.
PEFT has it for bitsandbytes' 4-bit layers; here the base may also be the dequantised one of a CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import TrainingError

if TYPE_CHECKING:
    import torch
    from peft import PeftModel

_PREFIX = "base_model.model."  # PEFT's, before a layer's own name


def begin_as_loftq(model: PeftModel, name: str, original: Path | None) -> None:
    """Set an adapter's factors so that base and adapter are as near to the original as they get.

    Args:
        model: A quantised base with the adapter on it.
        name: The adapter's name.
        original: The folder of the base's weights before they were quantised, in safetensors.

    Raises:
        TrainingError: if the original weights of a layer are not there.
    """
    import torch
    from peft.tuners.lora import LoraLayer
    from peft.utils.integrations import dequantize_module_weight

    with _stored(original) as stored, torch.no_grad():
        for path, layer in model.named_modules():
            if not isinstance(layer, LoraLayer) or name not in layer.lora_A:
                continue
            key = f"{path.removeprefix(_PREFIX)}.weight"
            if key not in stored:
                raise TrainingError(
                    f"--init loftq: {original} holds no weights called {key}, which the adapter "
                    "is to begin with. Leave --init away."
                )
            base: Any = layer.get_base_layer()
            held = dequantize_module_weight(base).float()
            lost = stored[key].get_tensor(key).to(held.device).float() - held
            up, down = best_low_rank(lost / layer.scaling[name], layer.r[name])
            for factor, value in ((layer.lora_B[name], up), (layer.lora_A[name], down)):
                weight: Any = factor.weight
                weight.copy_(value)


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
        for file in sorted(folder.glob("*.safetensors")) if folder else ():
            opened: Any = stack.enter_context(safe_open(file, framework="pt"))
            found |= dict.fromkeys(opened.keys(), opened)
        yield found
