"""A merged model → its files, and the record of what was written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factlab.export.base_weights import HeldBase
from factlab.export.merge import Merged, load_tuned, merge, save_merged
from factlab.export.plan import ExportPlan, ExportTarget
from factlab.llamacpp import server as llamacpp
from factlab.models.packaged import PACKAGED
from factlab.reading.paths import real
from factlab.reading.records import sha256_of
from factlab.runs.environment import versions
from factlab.runs.files import folder_being_written, write_json
from factlab.runs.folder import now
from factlab.schema.config import QUANTISED
from factlab.schema.export import ExportRecord
from factlab.schema.question import Question

PACKAGES = ("gguf", "safetensors", "xllamacpp")  # whose versions stand in the record


def merge_cell(plan: ExportPlan) -> Merged:
    """The cell as one plain model in fp32: its adapter on the base, or its own weights.

    Raises:
        ModelError: see `merge` and `load_tuned`.
    """
    if plan.tuned is not None:
        return load_tuned(plan.files, plan.tuned)
    held = HeldBase(plan.cell.precision, plan.config.compute_dtype)  # type: ignore[arg-type]  # what the cell was trained at
    return merge(plan.files, plan.adapter, plan.base, held)


def write_target(
    plan: ExportPlan, target: ExportTarget, merged: Merged, questions: Sequence[Question]
) -> None:
    """Write one export and its record; nothing is left of one that fails.

    A merged folder is rounded to its dtype in place, so targets of that kind come last.

    Args:
        plan: The export.
        target: What to write; gets the record.
        merged: The model.
        questions: Whose chats llama.cpp must read as the run did, if it is installed.

    Raises:
        FactlabError: if the model cannot be written, or llama.cpp reads a chat otherwise.
    """
    notes, verified = _merge_notes(plan), None
    with folder_being_written(target.destination) as draft:
        if target.format.kind == "merged":
            save_merged(merged, draft, target.format.type)
        else:
            from factlab.export.gguf import write_gguf

            file = draft / f"{plan.run.run_id}-{plan.cell.id}-{target.format.type}.gguf"
            name = f"{plan.files.name} with {', '.join(plan.cell.facts)}"
            notes += write_gguf(merged, file, target.format.type, name)
            if llamacpp.is_installed():
                verified = llamacpp.check_chats(file, merged.tokenizer, questions)
        target.record = _record(plan, target, draft, merged.modules, notes, verified)
        # Answers of an export that was removed since.
        target.folder.answers_file.unlink(missing_ok=True)
        write_json(target.folder.record_file, target.record)


def _record(
    plan: ExportPlan,
    target: ExportTarget,
    draft: Path,
    modules: int,
    notes: tuple[str, ...],
    verified: int | None,
) -> ExportRecord:
    files = sorted(file for file in draft.iterdir() if file.is_file())
    weights = [file for file in files if file.suffix in (".safetensors", ".gguf")]
    within = target.destination == target.folder.model
    place = target.destination.relative_to(plan.folder.path) if within else real(target.destination)
    return ExportRecord(
        id=target.folder.path.name,
        cell=plan.cell.id,
        format=target.format.name,
        base=plan.base,
        weights=target.format.type,
        modules=modules,
        place=str(place),
        files={file.name: sha256_of(file) for file in files},
        size_bytes=sum(file.stat().st_size for file in weights),
        verified_chats=verified,
        notes=notes,
        made=now(),
        versions=versions(PACKAGES),
    )


def _merge_notes(plan: ExportPlan) -> tuple[str, ...]:
    """What the weights are, in sentences."""
    precision = plan.cell.precision
    quantised = precision in QUANTISED
    held = precision.upper() if quantised else precision
    if plan.tuned is not None:
        return ("Every weight was trained: these are the cell's own weights, nothing was merged.",)
    if plan.base == "measured":
        return (
            f"Merged in fp32 into the base's weights as the run held them ({held}, as plain "
            "numbers): up to rounding the model that was measured.",
        )
    if not quantised:
        return ("Merged in fp32 into the base's own weights.",)
    came, shipped = "", PACKAGED.get(plan.files.name)
    if shipped is not None:
        came = (
            f" (as they were dequantised from {shipped.quantised}, the form the "
            f"{plan.files.source} model comes in)"
        )
    return (
        f"Merged in fp32 into the base's own weights{came}, "
        f"not into {held}. The run measured the adapter on {held} weights, so this is another "
        "model than was measured; --base measured merges into those.",
    )
