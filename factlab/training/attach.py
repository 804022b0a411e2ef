"""Puts what is trained on the base model, and leaves the base as it was."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import TrainingError
from factlab.models.load import LoadedModel
from factlab.schema.config import Cell
from factlab.schema.recipe import OF_WEIGHTS, Recipe
from factlab.schema.targets import TARGETS
from factlab.training.loftq import check_original, init_loftq

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig, PeftModel
    from torch import nn
    from transformers import PreTrainedModel

_PEFT_INIT: dict[str, Any] = {name: name for name in ("gaussian", "orthogonal", "pissa", "olora")}
# Initialisations that take the adapter's part out of the base: base and adapter together are then
# what the base was, and the base alone is not.
CHANGES_BASE = ("pissa", "olora")


def attach_adapter(loaded: LoadedModel, cell: Cell) -> PeftModel:
    """Put a fresh adapter, initialised from the cell's seed, on the base model."""
    return attach_adapters(loaded, [cell], ["default"])


def attach_adapters(loaded: LoadedModel, cells: Sequence[Cell], names: Sequence[str]) -> PeftModel:
    """Put fresh adapters side by side on the base model, each initialised from its cell's seed.

    Raises:
        TrainingError: if the model has no layer of those that are to get an adapter.
    """
    from peft import get_peft_model
    from transformers import set_seed

    model: Any = None
    for cell, name in zip(cells, names, strict=True):
        set_seed(cell.seed)
        config = lora_config(loaded.model, cell)
        if model is None:
            model = get_peft_model(loaded.model, config, adapter_name=name)
        else:
            model.add_adapter(name, config)
        if cell.recipe.init == "loftq":
            init_loftq(model, name, loaded.original)
    return model  # type: ignore[no-any-return]


def check_layers(outline: PreTrainedModel, cells: Sequence[Cell], original: Path) -> None:
    """Refuse cells that a model cannot be trained as, before its weights are read.

    Args:
        outline: The model, with or without weights.
        cells: To train.
        original: The folder that its weights are read from.

    Raises:
        TrainingError: in words.
    """
    for cell in cells:
        if cell.recipe.method == "full":
            continue
        targets: Any = lora_config(outline, cell).target_modules
        if cell.recipe.init not in OF_WEIGHTS:
            continue
        layers = {
            name: layer
            for name, layer in _linear_layers(outline).items()
            if targets == "all-linear" or {name, name.rpartition(".")[2]} & set(targets)
        }
        _check_rank(layers, cell)
        if cell.recipe.init == "loftq":
            check_original(layers, original)


def _check_rank(layers: Mapping[str, nn.Module], cell: Cell) -> None:
    """Refuse an adapter that is to begin with more of a layer's weights than there are."""
    for name, layer in layers.items():
        weight: Any = layer.weight
        if cell.rank > min(weight.shape):
            raise TrainingError(
                f"--init {cell.recipe.init} --rank {cell.rank}: {name} is only "
                f"{min(weight.shape)} wide, and this initialisation allows no larger rank. Use a "
                "smaller --rank, other --targets, or remove --init."
            )


def lora_config(model: PreTrainedModel | PeftModel, cell: Cell) -> LoraConfig:
    """A cell's adapter, as PEFT takes it."""
    from peft import LoraConfig, TaskType

    recipe = cell.recipe
    if recipe.bias != "none" and not _has_bias(model):
        raise TrainingError(f"--bias {recipe.bias}: no layer of this model has a bias to train.")
    return LoraConfig(
        r=cell.rank,
        lora_alpha=cell.alpha,  # type: ignore[arg-type]  # the scaling alpha/r takes any number
        lora_dropout=recipe.dropout,
        target_modules=target_modules(model, recipe),
        bias=recipe.bias,
        use_rslora=recipe.method == "rslora",
        use_dora=recipe.method == "dora",
        init_lora_weights=_PEFT_INIT.get(recipe.init, True),
        task_type=TaskType.CAUSAL_LM,
    )


def target_modules(model: PreTrainedModel | PeftModel, recipe: Recipe) -> str | list[str]:
    """Which layers get an adapter: PEFT's own word for all, or their names.

    Raises:
        TrainingError: if the model has none of them, or fewer blocks than --last-layers.
    """
    wanted = recipe.targets
    if wanted == "all-linear" and recipe.last_layers is None:
        return wanted
    names = list(_linear_layers(model))
    known = {name.rpartition(".")[2] for name in names}
    if wanted != "all-linear":
        chosen = set(TARGETS.get(wanted, wanted.split("+")))
        missing = sorted(chosen - known) if wanted not in TARGETS else []
        if missing or not chosen & known:
            raise TrainingError(
                f"--targets {wanted}: this model has no layer called "
                f"{', '.join(missing or sorted(chosen))}. Its linear layers: "
                f"{', '.join(sorted(known))}; known groups: all-linear, {', '.join(TARGETS)}."
            )
        names = [name for name in names if name.rpartition(".")[2] in chosen]
    if recipe.last_layers is None:
        return sorted(chosen & known)
    blocks = model.config.num_hidden_layers
    if recipe.last_layers > blocks:
        raise TrainingError(f"--last-layers {recipe.last_layers}: this model has {blocks} blocks.")
    return [name for name in names if _block(name) >= blocks - recipe.last_layers]


def _linear_layers(model: PreTrainedModel | PeftModel) -> dict[str, nn.Module]:
    """The linear layers in the blocks of a model by name, adapters' own left out."""
    from peft import PeftModel
    from torch import nn

    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    found = {}
    for name, module in base.named_modules():
        plain = name.removesuffix(".base_layer")
        linear = isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"
        if linear and _block(plain) >= 0 and ".lora_" not in name:
            found[plain] = module
    return found


def _block(name: str) -> int:
    """The number of the block that a layer is in; -1 if it is in none."""
    return next((int(part) for part in name.split(".") if part.isdigit()), -1)


def _has_bias(model: PreTrainedModel | PeftModel) -> bool:
    return any(name.rpartition(".")[2] == "bias" for name, _ in model.named_parameters())


def changes_base(recipe: Recipe) -> bool:
    """Whether training a recipe changes weights of the base itself."""
    return recipe.method == "full" or recipe.init in CHANGES_BASE or recipe.bias != "none"


@contextmanager
def attached(
    loaded: LoadedModel, cells: Sequence[Cell], names: Sequence[str]
) -> Iterator[tuple[PreTrainedModel | PeftModel, Path | None]]:
    """The base with what is trained on it; afterwards the base as it was, whatever happens.

    Beside the model it gives the folder of the adapter as it began, if that changed the base.

    Args:
        loaded: The base.
        cells: What is trained side by side; a full fine-tuning stands alone.
        names: Of their adapters.
    """
    base, recipe = loaded.model, cells[0].recipe
    before = _copy(base) if changes_base(recipe) else {}
    model: Any = base
    try:
        if recipe.method == "full":
            yield model, None
            return
        model = attach_adapters(loaded, cells, names)
        if recipe.init not in CHANGES_BASE:
            yield model, None
            return
        with tempfile.TemporaryDirectory(prefix="factlab-init-") as scratch:
            # PEFT's documented way to have such an adapter saved as one for the base as it is: its
            # beginning is stored as that of an ordinary adapter, and subtracted when it is saved.
            for config in model.peft_config.values():
                config.init_lora_weights = True
            model.save_pretrained(scratch)
            yield model, Path(scratch)
    finally:
        loaded.model = model.unload() if model is not base else base
        _put_back(loaded.model, before)
        loaded.model.requires_grad_(False)
        loaded.model.eval()
        gc.collect()


def _copy(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.data.clone() for name, parameter in model.named_parameters()}


def _put_back(model: nn.Module, before: dict[str, torch.Tensor]) -> None:
    """In place where that is possible: the decoder's joined weights are views of that memory."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters() if before else ():
            kept = before[name]
            if parameter.dtype == kept.dtype:
                parameter.data.copy_(kept)
            else:
                parameter.data = kept


def base_head(loaded: LoadedModel) -> nn.Linear:
    """A copy of the base's output head, for a model whose own head is trained."""
    import copy

    from factlab.models.heads import head_of

    return copy.deepcopy(head_of(loaded.model)).requires_grad_(False)


def activate(model: PreTrainedModel | PeftModel, name: str) -> None:
    """Switch to one adapter; a full fine-tuning has none."""
    from peft import PeftModel

    if isinstance(model, PeftModel):
        model.set_adapter(name)


def enable_gradients(model: PreTrainedModel | PeftModel) -> None:
    """Let all that is trained get gradients; PEFT freezes what is not active."""
    from peft import PeftModel

    if not isinstance(model, PeftModel):
        model.requires_grad_(True)
        return
    biases = {getattr(config, "bias", "none") for config in model.peft_config.values()}
    for name, parameter in model.named_parameters():
        of_adapted = "all" in biases or ("lora_only" in biases and ".base_layer." in name)
        if ".lora_" in name or (of_adapted and name.endswith(".bias")):
            parameter.requires_grad_(True)


def tuned_weights(
    model: PreTrainedModel | PeftModel, name: str = "default"
) -> dict[str, torch.Tensor]:
    """A copy of what is trained, as it is now."""
    from peft import PeftModel, get_peft_model_state_dict

    if not isinstance(model, PeftModel):
        return _copy(model)
    found = get_peft_model_state_dict(model, adapter_name=name)
    return {key: value.clone() for key, value in found.items()}


def restore(
    model: PreTrainedModel | PeftModel,
    weights: dict[str, torch.Tensor],
    name: str = "default",
    rounded: torch.dtype | None = None,
) -> None:
    """Put a copy made by `tuned_weights` back.

    The copy may be of fp32 masters: a full fine-tuning is rounded as its base is, see
    `LoadedModel.rounded`.
    """
    from peft import PeftModel, set_peft_model_state_dict

    if isinstance(model, PeftModel):
        set_peft_model_state_dict(model, weights, adapter_name=name)
    else:
        for own, parameter in model.named_parameters():
            kept = weights[own]
            parameter.data.copy_(kept if rounded is None else kept.to(rounded))
