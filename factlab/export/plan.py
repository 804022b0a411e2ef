"""Whether an export can be made, and of what: checked before a model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from factlab.errors import ConfigError, ModelError, RunFolderError
from factlab.export.formats import ExportFormat
from factlab.export.merge import check_mergeable, check_tuned
from factlab.models.resolve import ModelFiles, resolve_model
from factlab.reading.paths import real
from factlab.reading.records import sha256_of
from factlab.runs.folder import ExportFolder, RunFolder, read_config
from factlab.runs.integrity import refuse_changed_adapters, refuse_damaged
from factlab.schema.config import RunConfig
from factlab.schema.export import BaseWeights, ExportRecord
from factlab.schema.results import CellResult, RunRecord
from factlab.schema.yaml import did_you_mean


@dataclass(slots=True)
class ExportTarget:
    """One export.

    Attributes:
        format: What kind.
        folder: Where its record and answers are.
        destination: Where the model goes.
        record: What was written; None: nothing yet.
    """

    format: ExportFormat
    folder: ExportFolder
    destination: Path
    record: ExportRecord | None


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """Everything that was checked.

    Attributes:
        folder: The run.
        run: Its record.
        config: Its settings.
        cell: The cell that is exported.
        files: Its base.
        base: Which weights of the base.
        targets: What to make of it.
    """

    folder: RunFolder
    run: RunRecord
    config: RunConfig
    cell: CellResult
    files: ModelFiles
    base: BaseWeights
    targets: tuple[ExportTarget, ...]

    @property
    def adapter(self) -> Path:
        """The adapter, as PEFT writes it."""
        return self.folder.cell(self.cell.id).adapter

    @property
    def tuned(self) -> Path | None:
        """The model itself, if every weight of it was trained."""
        return self.folder.cell(self.cell.id).model if is_full(self.cell) else None

    @property
    def missing(self) -> list[ExportTarget]:
        """What is not written yet; merged folders last, since those round the weights in place."""
        missing = [target for target in self.targets if target.record is None]
        return sorted(missing, key=lambda target: target.format.kind == "merged")

    @property
    def has_gguf(self) -> bool:
        """Whether llama.cpp is among the programs that answer."""
        return any(target.format.kind == "gguf" for target in self.targets)


def plan_export(
    folder: RunFolder,
    formats: Sequence[ExportFormat],
    cell: str | None,
    base: BaseWeights,
    out: Path | None,
    *,
    score: bool,
) -> ExportPlan:
    """Check everything that can be checked without loading a model.

    Args:
        folder: The run.
        formats: What to export to.
        cell: Which cell; None: the only one that is finished.
        base: Which weights of the base to merge into.
        out: Folder of the model; None: a folder under the run's exports/.
        score: Whether what is written will be scored.

    Raises:
        FactlabError: for whatever a user can fix.
    """
    record = folder.record()
    config = read_config(folder)
    chosen = _chosen_cell(folder, record, cell)
    if chosen.tuned is not None and chosen.tuned.method not in ("lora", "rslora"):
        raise ConfigError(
            f"{chosen.id} was tuned elsewhere and is no plain LoRA, so there is nothing that could "
            f"be merged into the base. Convert {chosen.tuned.place} itself."
        )
    refuse_damaged(folder)
    refuse_changed_adapters(folder, [chosen])
    if base == "measured" and is_full(chosen):
        raise ConfigError(
            f"--base measured: every weight of {chosen.id} was trained, so there is no base to "
            "merge into. Remove --base."
        )
    if base == "original" and chosen.overrides.get("init") == "loftq":
        raise ConfigError(
            f"{chosen.id} started from what quantising took from the weights (--init loftq), and "
            "the original weights still have that. Pass --base measured."
        )
    if out is not None and len(formats) > 1:
        raise ConfigError(
            f"--out {out} takes one format. Export one at a time, or remove --out: each format "
            f"then gets a folder of its own under {folder.path / 'exports'}."
        )
    targets = tuple(_target(folder, chosen, format_, base, out) for format_ in formats)
    for target in targets:
        _check_destination(folder, target, score=score)
    if record.model is None:
        raise RunFolderError(f"{folder.record_file}: names no model, so there is no base to merge.")
    files = resolve_model(config.model)
    files.check_same(record.model.sha256)
    plan = ExportPlan(folder, record, config, chosen, files, base, targets)
    if plan.missing:
        _check_model(plan)
    return plan


def is_full(cell: CellResult) -> bool:
    """Whether every weight of a cell was trained, so that there is no adapter."""
    return cell.method == "full"


def _check_model(plan: ExportPlan) -> None:
    if plan.tuned is not None:
        check_tuned(plan.files, plan.tuned)
    else:
        check_mergeable(plan.files, plan.adapter, plan.base)
    if plan.has_gguf:
        from factlab.export.gguf import check_convertible

        check_convertible(plan.files)


def _chosen_cell(folder: RunFolder, record: RunRecord, named: str | None) -> CellResult:
    cells = {cell.id: cell for cell in folder.finished_cells() if cell.status == "complete"}
    if not cells:
        raise RunFolderError(
            f"{folder.path}: no cell is finished, so there is no adapter to export. Its status is "
            f"'{record.status}'; `factlab run … --resume` continues it."
        )
    if named is None and len(cells) > 1:
        raise ConfigError(
            f"{folder.path}: {len(cells)} cells are finished. Choose one with --cell: "
            f"{', '.join(cells)}."
        )
    if named is not None and named not in cells:
        raise ConfigError(
            f"--cell {named}: no such finished cell.{did_you_mean(named, cells)} "
            f"Finished: {', '.join(cells)}."
        )
    return cells[named] if named is not None else next(iter(cells.values()))


def _target(
    folder: RunFolder, cell: CellResult, format_: ExportFormat, base: BaseWeights, out: Path | None
) -> ExportTarget:
    name = f"{cell.id}-{format_.slug}" + ("" if base == "original" else f"-{base}")
    records = folder.export(name)
    destination = out if out is not None else records.model
    return ExportTarget(format_, records, destination, records.record())


def _check_destination(folder: RunFolder, target: ExportTarget, *, score: bool) -> None:
    """Refuse a place that is taken, unless this very export is there and will be scored."""
    record = target.record
    if record is not None and (lies := _recorded_place(folder, record)) != (
        real(target.destination)
    ):
        if lies.exists():
            raise ConfigError(
                f"{target.folder.path.name} was exported already, to {lies}. Remove that folder to "
                "export again."
            )
        record = target.record = None
    if not (target.destination.exists() or target.destination.is_symlink()):
        target.record = None  # it was removed since, and is written again
        return
    if record is None:
        raise ConfigError(f"{target.destination} is there already. Choose a new folder with --out.")
    if record.score is not None or not score:
        done = "scored" if record.score is not None else "written"
        raise ConfigError(
            f"{target.destination} was {done} already, on {record.made[:10]}. Remove the folder to "
            "export again, or choose another with --out."
        )
    for name, digest in record.files.items():
        file = target.destination / name
        if not file.is_file() or sha256_of(file) != digest:
            raise ModelError(
                f"{file}: not as it was exported (its SHA-256 differs, or it is gone); it may "
                f"be cut off. Remove {target.destination} and export again."
            )


def _recorded_place(folder: RunFolder, record: ExportRecord) -> Path:
    return real(folder.path / record.place)
