"""The adapters that finished runs hold, and whether several of them stand on one base."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from factlab.errors import ConfigError, ModelError, RunFolderError
from factlab.models.adapter_files import MOST_SETTINGS, adapter_settings
from factlab.models.files import check_plain, read_object
from factlab.reading.paths import real
from factlab.reading.records import sha256_of
from factlab.runs.folder import RunFolder, read_config
from factlab.runs.integrity import refuse_changed_adapters
from factlab.schema.combine import ADAPTER_CONFIG, ADAPTER_WEIGHTS, AdapterSource
from factlab.schema.config import RunConfig
from factlab.schema.results import CellResult, ModelRecord, RunRecord

# What an adapter may hold or do besides adding scale · B A to linear layers: nothing of it can be
# added up. What each setting says where it is not used.
_BESIDES: Mapping[str, tuple[object, ...]] = {
    "use_dora": (False, None),
    "lora_bias": (False, None),
    "bias": ("none", None),
    "modules_to_save": (None, []),
    "rank_pattern": ({}, None),
    "target_parameters": (None, []),
    "trainable_token_indices": (None, []),
    # PiSSA, OLoRA and their like change the base that they stand on.
    "init_lora_weights": (True, False, None, "gaussian", "orthogonal", "eva"),
    "kasa_config": (None,),
    "alora_invocation_tokens": (None,),
}
_ALIKE = ("layers_to_transform", "layers_pattern", "exclude_modules")


class StoredRun:
    """A run folder with at least one adapter in it, or a full fine-tuning.

    Attributes:
        path: As it was named.
        folder: Its files.
        record: Its run.json.
        cells: Its finished cells, whether they left an adapter or not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = RunFolder(path)
        self.record: RunRecord = self.folder.record()
        self.cells: tuple[CellResult, ...] = tuple(self.folder.finished_cells())
        if not any(self.holds(cell) for cell in self.cells):
            raise RunFolderError(
                f"{self.path}: no cell is finished, so there is no adapter to ask. Its status is "
                f"'{self.record.status}'; `factlab run … --resume` continues it."
            )
        refuse_changed_adapters(self.folder, self.cells)

    @cached_property
    def config(self) -> RunConfig:
        """The settings that it was made with."""
        return read_config(self.folder)

    @cached_property
    def model(self) -> ModelRecord:
        """The base that its adapters were trained on.

        Raises:
            RunFolderError: if run.json does not say.
        """
        if self.record.model is None:
            raise RunFolderError(
                f"{self.path}: run.json does not say which weights its adapters were trained on. "
                "Make the run again."
            )
        return self.record.model

    def holds(self, cell: CellResult) -> bool:
        """Whether what a cell measured can be asked again: its own, or one that is elsewhere."""
        return self.has_adapter(cell.id) or self.has_model(cell.id) or cell.tuned is not None

    def has_adapter(self, cell: str) -> bool:
        """Whether a cell left an adapter."""
        return (self.folder.cell(cell).adapter / ADAPTER_CONFIG).is_file()

    def has_model(self, cell: str) -> bool:
        """Whether a cell left a model of its own: a full fine-tuning."""
        return (self.folder.cell(cell).model / "config.json").is_file()


@dataclass(frozen=True, slots=True)
class StoredAdapter:
    """One adapter of a run."""

    run: StoredRun
    cell: CellResult

    @property
    def folder(self) -> Path:
        """Its files, as PEFT writes them."""
        return self.run.folder.cell(self.cell.id).adapter

    @property
    def held(self) -> str:
        """How its base is held, in words."""
        precision = self.cell.precision
        return f"{precision}, unpacked to {self.run.config.compute_dtype}"

    def source(self) -> AdapterSource:
        """What a combined run keeps of it."""
        lora = adapter_settings(self.folder)  # PiSSA's is kept at twice the rank it had
        return AdapterSource(
            run=str(self.run.path),
            cell=self.cell.id,
            sha256=_weights_sha256(self.folder),
            facts=self.cell.facts,
            rank=lora["r"],
            alpha=lora["lora_alpha"],
            seed=self.cell.seed,
            recipe=self.cell.recipe,
            method=self.cell.method,
            overrides=self.cell.overrides,
            learning_rate=self.cell.learning_rate,
            steps=self.cell.training.steps if self.cell.training else None,
        )


def open_runs(paths: Sequence[Path]) -> list[StoredRun]:
    """Read what was recorded about runs; each is opened once, however often it is named.

    Raises:
        RunFolderError: for a folder that is no run, or has no adapter.
    """
    opened: dict[Path, StoredRun] = {}
    for path in paths:
        if real(path) not in opened:
            opened[real(path)] = StoredRun(path)
    return [opened[real(path)] for path in paths]


def check_one_model(runs: Iterable[StoredRun]) -> None:
    """Refuse runs of different models.

    Raises:
        ConfigError: for other weights.
    """
    first, *others = runs
    for other in others:
        mine, its = first.model, other.model
        if mine.sha256 != its.sha256:
            raise ConfigError(
                f"{first.path} was trained on {mine.name} (weights {mine.sha256[:12]}), "
                f"{other.path} on {its.name} (weights {its.sha256[:12]}). Adapters only work on "
                "the base that they were trained on; name runs of one model."
            )


def check_one_base(adapters: Sequence[StoredAdapter]) -> None:
    """Refuse adapters that stand on different bases.

    Raises:
        ConfigError: for other weights, or the same held otherwise.
    """
    check_one_model([adapter.run for adapter in adapters])
    first, *others = adapters
    for other in others:
        if first.held != other.held:
            raise ConfigError(
                f"{first.run.path} holds the base of {first.cell.id} at {first.held}, "
                f"{other.run.path} that of {other.cell.id} at {other.held}. To an adapter these "
                "are different bases; name cells of one precision."
            )


def adapter_folder(source: AdapterSource) -> Path:
    """Where an adapter of another run is."""
    return RunFolder(Path(source.run)).cell(source.cell).adapter


def check_unchanged(sources: Iterable[AdapterSource]) -> None:
    """Refuse adapters that are gone, or are no longer what they were when they were named.

    Raises:
        RunFolderError: naming the adapter.
    """
    for source in sources:
        folder = adapter_folder(source)
        if _weights_sha256(folder) != source.sha256:
            raise RunFolderError(
                f"{folder}: this is not the adapter that the combination was begun with (its "
                f"SHA-256 was {source.sha256[:12]}…). Begin a new one with `factlab combine`."
            )


def _weights_sha256(folder: Path) -> str:
    file = folder / ADAPTER_WEIGHTS
    try:
        check_plain(file)
        return sha256_of(file)
    except ModelError as problem:
        raise RunFolderError(f"{problem} Restore the adapter, or make its run again.") from None
    except OSError as problem:
        raise RunFolderError(
            f"{file}: cannot be read ({problem.strerror}). Restore the adapter, or make its run "
            "again."
        ) from None


def read_adapter_config(folder: Path) -> dict[str, Any]:
    """What PEFT wrote about an adapter.

    Raises:
        RunFolderError: if it cannot be read.
    """
    try:
        return read_object(folder / ADAPTER_CONFIG, MOST_SETTINGS)
    except ModelError as problem:
        raise RunFolderError(f"{problem} Make the run again.") from None


def check_addable(folders: Sequence[Path]) -> None:
    """Refuse adapters that cannot be added up, by their settings alone.

    Raises:
        RunFolderError: for one that does more than add a low-rank update, or for different layers.
    """
    configs = [read_adapter_config(folder) for folder in folders]
    for folder, config in zip(folders, configs, strict=True):
        kind = config.get("peft_type")
        if kind != "LORA" or not isinstance(config.get("r"), int):
            raise RunFolderError(f"{folder}: this is {kind}, and only LoRA adapters are combined.")
        for name, plain in _BESIDES.items():
            if config.get(name) not in plain:
                raise RunFolderError(
                    f"{folder}: its {name} is {config[name]!r}, so it is more than a low-rank "
                    "update of linear layers and cannot be added to another. Combine adapters "
                    "that were trained without it."
                )
        for name in _ALIKE:
            if config.get(name) != configs[0].get(name):
                raise RunFolderError(
                    f"{folder} and {folders[0]} stand on different layers ({name}: "
                    f"{config.get(name)} and {configs[0].get(name)}). Combine adapters of the "
                    "same layers."
                )
    if len({isinstance(config.get("target_modules"), str) for config in configs}) > 1:
        raise RunFolderError(
            f"{folders[0]} and its like name their layers by a pattern, others by a list, which "
            "cannot be joined. Train them with the same targets."
        )
