"""Questions put to a finished run: its base model and each of its adapters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from factlab.errors import ModelError, RunFolderError
from factlab.progress import Progress, Silent
from factlab.runs.folder import RunFolder, read_config
from factlab.schema.config import Precision, RunConfig
from factlab.schema.results import RunRecord

if TYPE_CHECKING:
    from factlab.models.load import LoadedModel


class Asked(TypedDict):
    """One question with its answers, by cell id."""

    question: str
    base: str
    answers: dict[str, str]


def ask(run: Path, questions: Sequence[str], *, progress: Progress | None = None) -> list[Asked]:
    """Answer questions with the same model, precision and settings as the run measured.

    Args:
        run: A run folder with at least one finished cell.
        questions: User turns.
        progress: Where to report.

    Raises:
        RunFolderError: if the folder has no adapter.
        ModelError: if the model found now is not the one that the adapters were trained on.
    """
    from factlab.scoring.generate import generate

    progress = progress or Silent()
    folder = RunFolder(run)
    record = folder.record()
    config = read_config(folder)
    cells = [
        cell
        for cell in folder.finished_cells()
        if (folder.cell(cell.id).adapter / "adapter_config.json").is_file()
        or (folder.cell(cell.id).model / "config.json").is_file()
    ]
    cells.sort(key=lambda cell: cell.precision)  # each base is loaded once
    if not cells:
        raise RunFolderError(
            f"{run}: no cell is finished, so there is no adapter to ask. Its status is "
            f"'{record.status}'; `factlab run … --resume` goes on with it."
        )

    def answers(model: Any, name: str) -> list[str]:
        with progress.stage(f"ask {name}", len(questions)) as step:
            said = generate(
                model,
                loaded.tokenizer,
                questions,
                max_new_tokens=config.max_new_tokens,
                batch_size=config.generation_batch,
                advance=step,
            )
        return [item.text for item in said]

    base: list[str] = []
    tuned: dict[str, list[str]] = {}
    for precision, group in groupby(cells, key=lambda cell: cell.precision):
        with progress.stage(f"load {config.model} ({precision})", 1) as advance:
            loaded = _same_model(config, record, precision)
            advance(1)
        base = base or answers(loaded.model, "base")
        tuned |= {cell.id: answers(_tuned(loaded, folder, cell.id), cell.id) for cell in group}
    return [
        {
            "question": question,
            "base": base[i],
            "answers": {cell: texts[i] for cell, texts in tuned.items()},
        }
        for i, question in enumerate(questions)
    ]


def _same_model(config: RunConfig, record: RunRecord, precision: Precision) -> LoadedModel:
    from factlab.models.load import load_model, placement_of
    from factlab.models.resolve import resolve_model

    files = resolve_model(config.model)
    if record.model is not None and record.model.sha256 != files.sha256:
        raise ModelError(
            f"{config.model}: these are not the weights that the adapters were trained on (their "
            f"SHA-256 is {files.sha256[:12]}…, the run's {record.model.sha256[:12]}…). Answers "
            "would mean nothing."
        )
    return load_model(files, precision, placement_of(config))


def _tuned(loaded: LoadedModel, folder: RunFolder, cell: str) -> Any:
    """A cell's model: of a full fine-tuning its own, else the base with the cell's adapter.

    The adapter of the cell before it is taken off first.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    own = folder.cell(cell).model
    if own.is_dir():
        model: Any = AutoModelForCausalLM.from_pretrained(own, dtype=loaded.model.dtype)
        model.generation_config = loaded.model.generation_config
        return model.to(loaded.device).eval()
    if isinstance(loaded.model, PeftModel):
        loaded.model = loaded.model.unload()
    model = PeftModel.from_pretrained(loaded.model, str(folder.cell(cell).adapter))
    model.eval()
    loaded.model = model
    return model
