"""Stored adapters combined into one on their base, by PEFT's methods."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import ModelError
from factlab.models.adapters import load_adapters, lora_layers, remove_adapters
from factlab.schema.combine import Combined

if TYPE_CHECKING:
    import torch
    from peft import PeftModel

    from factlab.models.load import LoadedModel


@contextlib.contextmanager
def combined_on(
    loaded: LoadedModel, folders: Sequence[Path], made: Combined, *, seed: int, name: str
) -> Iterator[tuple[PeftModel, Combined]]:
    """A base with one adapter that is made of stored ones; afterwards the base as it was.

    Beside the model it gives `made` with its gain and distance.

    Args:
        loaded: The base; none is on it.
        folders: The adapters, in the order of `made.adapters`.
        made: What is made of them: one as it is, or several combined.
        seed: Of what is left out at random.
        name: The adapter's name on the model.

    Raises:
        ModelError: for adapters that cannot be read or combined.
    """
    names = [f"source{number}" for number in range(len(folders))] if made.how else [name]
    model = load_adapters(loaded, dict(zip(names, folders, strict=True)))
    try:
        if made.how is not None:
            weights = dict(zip(names, made.weights, strict=True))
            made = combine_adapters(model, weights, made, seed=seed, name=name)
        yield model, made
    finally:
        remove_adapters(loaded, model)


def combine_adapters(
    model: PeftModel, weights: Mapping[str, float], made: Combined, *, seed: int, name: str
) -> Combined:
    """Combine adapters of a model into a new one, which becomes the active and only one.

    Args:
        model: The base with adapters that `factlab.runs.adapters.check_addable` has let pass.
        weights: The weight of each adapter, by name.
        made: How, and with what density and rank.
        seed: Of what is left out at random.
        name: Of the new adapter.

    Returns:
        `made` with its gain and distance.

    Raises:
        ModelError: if the method cannot combine them.
    """
    from transformers import set_seed

    adapters: Any = model
    set_seed(seed)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The density .* no pruning will be performed")
            adapters.add_weighted_adapter(
                list(weights),
                list(weights.values()),
                adapter_name=name,
                combination_type=made.how,
                svd_rank=made.svd_rank,
                svd_full_matrices=False,
                density=made.density,
            )
    except (ValueError, TypeError, RuntimeError) as problem:
        raise ModelError(
            f"these adapters cannot be combined by {made.how} ({problem}). The methods that ask "
            "for least are cat and svd."
        ) from None
    _scale_by_one(model, name)
    gain, distance = _held_to_the_sum(model, name, weights)
    model.set_adapter(name)
    for source in weights:
        adapters.delete_adapter(source)
    model.eval()
    return made.model_copy(update={"gain": gain, "distance": distance})


def _scale_by_one(model: PeftModel, name: str) -> None:
    """Every method has put the scale into A and B, so that of the new adapter has to be 1.

    PEFT 0.21 makes it the root of the rank if the first adapter was rank-stabilised
    (huggingface/peft#3761). `cat` also leaves A and B in the dtype of the base; adapters are fp32.
    """
    import torch

    configs: Any = model.peft_config
    configs[name] = replace(configs[name], use_rslora=False)
    for _, layer in lora_layers(model, name):
        layer.scaling[name] = 1.0
        for factor in (layer.lora_A[name], layer.lora_B[name]):
            factor.to(torch.float32)


def _held_to_the_sum(
    model: PeftModel, name: str, weights: Mapping[str, float]
) -> tuple[float | None, float | None]:
    """How much of the weighted sum of the updates an adapter holds, and how far it is from it.

    Over all layers, in fp64, from the factors: no update is written out. None where there is no
    sum, or no finite adapter.
    """
    import torch
    from peft.tuners.lora import LoraLayer

    along = own = total = 0.0
    for layer in model.modules():
        if not isinstance(layer, LoraLayer) or name not in layer.lora_A:
            continue
        made = _factors(layer, name)
        there = [source for source in weights if source in layer.lora_A]
        down, up = zip(*(_factors(layer, source, weights[source]) for source in there), strict=True)
        sums = torch.cat(down), torch.cat(up, dim=1)
        along += _product(made, sums)
        own += _product(made, made)
        total += _product(sums, sums)
    if not total > 0 or not math.isfinite(own):
        return None, None
    return along / total, math.sqrt(max(0.0, own - 2 * along + total) / total)


def _factors(layer: Any, name: str, weight: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """A and B of an update, its scale and weight in B."""
    down, up = layer.lora_A[name].weight.detach(), layer.lora_B[name].weight.detach()
    return down.double(), up.double() * (layer.scaling[name] * weight)


def _product(
    one: tuple[torch.Tensor, torch.Tensor], other: tuple[torch.Tensor, torch.Tensor]
) -> float:
    """The inner product of two updates B A, of their factors A and B."""
    return float(((one[1].T @ other[1]) * (one[0] @ other[0].T)).sum())
