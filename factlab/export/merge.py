"""A base and an adapter → one plain model, and its transformers folder.

A full fine-tuning has no adapter: its own weights are the model.

The sums are made in fp32, always, and into weights that are no longer quantised: either the base's
own, or those that the run measured with, dequantised. Every layer that the adapter names must have
changed and no other may have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import ModelError, RunFolderError
from factlab.export.base_weights import HeldBase, load_in_fp32, own_generation_settings
from factlab.models.adapter_files import MOST_SETTINGS, check_adapter
from factlab.models.adapters import PEFT_PREFIX, lora_layers, missing_keys_are_errors
from factlab.models.checked import MOST_CONFIG, check_weights
from factlab.models.files import read_object
from factlab.models.load import load_tokenizer
from factlab.models.quiet import no_progress_bars
from factlab.models.resolve import ModelFiles
from factlab.models.stored import stored_weights
from factlab.schema.combine import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from factlab.schema.export import BaseWeights

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_LORA_KEY = re.compile(r"(.+)\.lora_[a-zA-Z_]+(\.weight|\.bias)?")
# Initialisations that leave the base's weights as they are.
_PLAIN_STARTS = (True, False, "gaussian", "orthogonal", "eva")
# What a full fine-tuning leaves as it was.
_SHAPE = ("architectures", "vocab_size", "hidden_size", "num_hidden_layers", "intermediate_size")


@dataclass(slots=True)
class Merged:
    """A model in fp32 that holds an adapter's fact by itself.

    Attributes:
        model: With no trace of the adapter's layers.
        tokenizer: The base's.
        modules: Layers that the adapter was added to; 0: every weight was trained.
        updates: Layer → the two factors of what was added to its weights, (outputs, rank) and
            (rank, inputs); empty where it is no such product, as in DoRA.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    modules: int
    updates: Mapping[str, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)


def check_mergeable(files: ModelFiles, adapter: Path, base: BaseWeights) -> None:
    """Refuse what cannot be merged, from settings and headers alone.

    Raises:
        RunFolderError: for an adapter that is not there.
        ModelError: for an adapter that is cut off, of another base, or fits no unquantised weights;
            or a base that has none.
    """
    for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS):
        if not (adapter / name).is_file():
            raise RunFolderError(f"{adapter / name}: no such file, so there is nothing to merge.")
    check_adapter(adapter)
    adapted_layers(adapter)
    settings = read_object(adapter / ADAPTER_CONFIG, MOST_SETTINGS)
    trained_on = settings.get("base_model_name_or_path")
    if trained_on not in (None, "", files.name):
        raise ModelError(
            f"{adapter}: this adapter was trained on {trained_on}, not on {files.name}, so it "
            "cannot be merged into that."
        )
    if base == "measured":
        return
    if "quantization_config" in read_object(files.folder / "config.json", MOST_CONFIG):
        raise ModelError(
            f"{files.name}: its own files are quantised, so there are no unquantised weights to "
            "merge into. `--base measured` merges into its weights as they are dequantised."
        )
    start = settings.get("init_lora_weights", True)
    if start not in _PLAIN_STARTS:
        raise ModelError(
            f"{adapter}: this adapter started from the base's weights ({start}), so it fits only "
            "those that it was trained on. Pass --base measured."
        )


def merge(files: ModelFiles, adapter: Path, base: BaseWeights, held: HeldBase) -> Merged:
    """Load a fresh base and add an adapter to its weights, in fp32, on the CPU.

    Args:
        files: The base.
        adapter: A folder as PEFT writes it.
        base: Which weights of the base.
        held: How the run held the base; what 'measured' means.

    Raises:
        ModelError: if the adapter is damaged, is of another model, or changes nothing.
    """
    from peft import PeftModel

    model: Any = load_in_fp32(files, held if base == "measured" else None)
    before = _fingerprints(model)
    named = adapted_layers(adapter)
    try:
        with missing_keys_are_errors():
            tuned = PeftModel.from_pretrained(model, str(adapter))
        updates = _updates(tuned)
        plain: Any = tuned.merge_and_unload(safe_merge=True)
    except Exception as problem:  # PEFT and torch have no common error
        raise ModelError(
            f"{adapter}: this adapter cannot be merged into {files.name}; it may be damaged, or "
            f"of another model ({' '.join(str(problem).split())[:200]})."
        ) from None
    _check_changes(plain, before, named, adapter)
    return Merged(plain, load_tokenizer(files), len(named), updates)


def _updates(tuned: PeftModel) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    name, found = "default", {}
    for path, layer in lora_layers(tuned, name):
        if layer.use_dora.get(name):
            return {}
        up, down = layer.lora_B[name].weight, layer.lora_A[name].weight
        found[path] = (up.detach() * layer.scaling[name], down.detach())
    return found


def check_tuned(files: ModelFiles, folder: Path) -> None:
    """Refuse a full fine-tuning that is not there, or is of another base, from settings alone.

    Raises:
        RunFolderError: for a model that is not there.
        ModelError: for one of another shape than the base.
    """
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise RunFolderError(f"{folder}: holds no model, so there is nothing to export.")
    own, base = (
        read_object(place / "config.json", MOST_CONFIG) for place in (folder, files.folder)
    )
    other = [name for name in _SHAPE if own.get(name) != base.get(name)]
    if other:
        raise ModelError(
            f"{folder}: this model has another {other[0]} than {files.name} "
            f"({own.get(other[0])}, not {base.get(other[0])}), so it was not trained from it."
        )


def load_tuned(files: ModelFiles, folder: Path) -> Merged:
    """The model of a full fine-tuning in fp32, with the base's tokenizer and settings.

    Raises:
        ModelError: if its weights cannot be read.
    """
    check_weights(folder, str(folder))
    model: Any = load_in_fp32(ModelFiles(str(folder), "folder", folder), None)
    own_generation_settings(model, files)
    return Merged(model, load_tokenizer(files), modules=0)


def save_merged(merged: Merged, folder: Path, dtype: str) -> None:
    """Write a transformers folder; the model is rounded to `dtype` in place."""
    import torch

    model: Any = merged.model
    types = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    model.to(types[dtype])
    broken = [name for name, values in model.named_parameters() if not _finite(values)]
    if broken:
        raise ModelError(
            f"the merged weights are too large for {dtype} ({broken[0]}). bf16 has the range of "
            "fp32."
        )
    with no_progress_bars():
        model.save_pretrained(folder)
    merged.tokenizer.save_pretrained(folder)


def adapted_layers(adapter: Path) -> frozenset[str]:
    """The layers that an adapter's file names, as the base calls them.

    Raises:
        ModelError: for a damaged file.
    """
    keys = stored_weights([adapter / ADAPTER_WEIGHTS]).shapes
    found = [_LORA_KEY.fullmatch(key.removeprefix(PEFT_PREFIX)) for key in keys]
    return frozenset(match[1] for match in found if match)


def _check_changes(
    model: Any, before: dict[str, tuple[float, float]], layers: frozenset[str], adapter: Path
) -> None:
    after = _fingerprints(model)
    changed = {name for name, value in after.items() if value != before.get(name)}
    wanted = {f"{layer}.weight" for layer in layers}
    if not wanted:
        raise ModelError(f"{adapter}: this adapter names no layer that can be merged.")
    missing = sorted(wanted - set(after))
    if missing:
        tied = model.config.tie_word_embeddings and missing[0].startswith("lm_head")
        why = (
            "its output layer shares the weights of its embeddings, which would change too"
            if tied
            else "it is an adapter of another model"
        )
        raise ModelError(
            f"{adapter}: the base has no weights of its own at {missing[0]}, so the adapter cannot "
            f"be merged: {why}."
        )
    same = sorted(wanted - changed)
    if same:
        raise ModelError(
            f"{adapter}: merging changed {len(wanted) - len(same)} of {len(wanted)} layers, and "
            f"not {same[0]}: the adapter was not trained there, so there is nothing to export."
        )
    other = sorted(name for name in changed - wanted if not name.endswith(".bias"))
    if other or set(after) != set(before):
        raise ModelError(
            f"{adapter}: merging would also change {', '.join(other[:3]) or 'the set of weights'}, "
            "which the adapter does not name."
        )


def _fingerprints(model: Any) -> dict[str, tuple[float, float]]:
    """Two sums over each weight; no change leaves both as they are by chance."""
    import torch

    with torch.no_grad():
        return dict(_sums(model))


def _sums(model: Any) -> Iterator[tuple[str, tuple[float, float]]]:
    for name, values in model.named_parameters():
        wide = values.double()
        yield name, (wide.sum().item(), wide.square().sum().item())


def _finite(values: torch.Tensor) -> bool:
    return bool(values.isfinite().all())
