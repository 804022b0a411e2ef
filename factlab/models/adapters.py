"""Stored adapters: read from their folders onto a base, and taken off it."""

from __future__ import annotations

import contextlib
import gc
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import ModelError
from factlab.models.adapter_files import check_adapter, check_any_adapter

if TYPE_CHECKING:
    from peft import PeftModel

    from factlab.models.load import LoadedModel

PEFT_PREFIX = "base_model.model."  # before the name that the base gives a layer


def load_adapters(
    loaded: LoadedModel, folders: Mapping[str, Path], *, any_kind: bool = False
) -> PeftModel:
    """Put stored adapters on a base, in evaluation mode; the first is active.

    Args:
        loaded: The base; none is on it.
        folders: Where each is, by the name that it gets on the model.
        any_kind: Take adapters of any method, and not LoRA alone.

    Raises:
        ModelError: for an adapter that cannot be read, before the base is touched; or that does
            not fit the base.
    """
    from peft import PeftModel

    for folder in folders.values():
        (check_any_adapter if any_kind else check_adapter)(folder)
    model: Any = None
    for name, folder in folders.items():
        try:
            with missing_keys_are_errors():
                if model is None:
                    model = PeftModel.from_pretrained(loaded.model, folder, adapter_name=name)
                else:
                    result = model.load_adapter(folder, adapter_name=name)
                    _check_whole([key for key in result.missing_keys if f".{name}." in key])
        except Exception as problem:  # PEFT and torch have no common error
            if model is not None:
                remove_adapters(loaded, model)
            lines = [line.strip() for line in str(problem).splitlines()]
            said = next((x for x in lines if x and x[-1] != ":"), type(problem).__name__)
            raise ModelError(
                f"{folder}: this adapter does not fit {loaded.record.name} ({said[:200]}). Name "
                "the base that it was trained on, or make its run again."
            ) from None
    model.eval()
    return model  # type: ignore[no-any-return]


def _check_whole(missing: Sequence[str]) -> None:
    """What the loader of a second adapter says nothing about."""
    if missing:
        raise ValueError(f"missing adapter keys: {', '.join(missing[:3])}")


@contextlib.contextmanager
def missing_keys_are_errors() -> Iterator[None]:
    """PEFT only warns of weights that a file lacks, and leaves them as a fresh adapter has them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*missing adapter keys.*")
        yield


def remove_adapters(loaded: LoadedModel, model: PeftModel) -> None:
    """Give a base back as it was before adapters were put on it."""
    unloaded: Any = model
    _put_back(unloaded.get_base_model())
    prompted = model.active_peft_config.is_prompt_learning  # nothing of it is in the base
    loaded.model = unloaded.get_base_model() if prompted else unloaded.unload()
    loaded.model.requires_grad_(False)
    loaded.model.eval()
    gc.collect()


def _put_back(base: Any) -> None:
    """Put the base's own modules where an adapter has whole ones of its own.

    PEFT's `unload` would leave the adapter's in their place.
    """
    from peft.utils.other import AuxiliaryTrainingWrapper

    wrapped = [(n, m) for n, m in base.named_modules() if isinstance(m, AuxiliaryTrainingWrapper)]
    for name, module in wrapped:
        base.set_submodule(name, module.original_module)


def lora_layers(model: PeftModel, name: str) -> Iterator[tuple[str, Any]]:
    """The layers that an adapter is on, as PEFT has them, by the name that the base gives them."""
    from peft.tuners.lora import LoraLayer

    for path, layer in model.named_modules():
        if isinstance(layer, LoraLayer) and name in layer.lora_A:
            yield path.removeprefix(PEFT_PREFIX), layer
