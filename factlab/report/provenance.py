"""What a run cost, what has to be the same to repeat it, and why it is incomplete."""

from __future__ import annotations

import shlex

from factlab.report.load import NOT_RECORDED, ReportData
from factlab.report.wording import NONE, integer, joined, memory, percent, seconds
from factlab.schema.conversation import SetRecord
from factlab.schema.quick import QUICK_NOTE
from factlab.schema.results import CellResult, ModelRecord

TRAINING_HEADS = (
    "Cell", "Status", "Training", "Steps", "Pairs per second", "Tokens", "Peak memory",
    "Trainable parameters", "Final loss", "Measuring",
)  # fmt: skip


def training_row(cell: CellResult) -> tuple[str, ...]:
    """What a cell cost, in the columns of `TRAINING_HEADS`."""
    took = cell.training
    if took is None:
        return (cell.id, cell.status, *[NONE] * 7, seconds(cell.measuring_seconds))
    share = took.trainable_parameters / took.total_parameters if took.total_parameters else 0
    loss = NONE if took.final_loss_nats is None else f"{took.final_loss_nats:.4f} nats/token"
    return (
        cell.id,
        cell.status,
        seconds(took.seconds),
        integer(took.steps),
        f"{took.examples_per_second:.1f}",
        integer(took.tokens),
        memory(took.peak_memory_bytes),
        f"{integer(took.trainable_parameters)} ({percent(share, digits=2)})",
        loss,
        seconds(cell.measuring_seconds),
    )


def provenance(data: ReportData) -> list[tuple[str, list[tuple[str, str]]]]:
    """What has to be the same for the numbers to come out the same, in groups."""
    record, result = data.record, data.result
    models = [result.model, *result.other_models.values()]
    precisions = ["", *(f" at {name}" for name in result.other_models)]
    groups = [
        (
            "Run",
            [
                ("Run", record.run_id),
                ("Status", record.status),
                ("Started", record.started),
                ("Ended", record.ended or "not ended"),
                ("Seeds", ", ".join(map(str, record.seeds))),
                ("Config, SHA-256", record.config_sha256),
                ("Data, SHA-256", record.data_sha256 or NOT_RECORDED),
                ("Scorer version", result.scorer_version),
                ("Measuring the base", seconds(result.base.measuring_seconds)),
            ],
        ),
        *[(f"Model{at}", _model(model)) for model, at in zip(models, precisions, strict=True)],
        *((f"Conversations: {one.name}", _set_rows(one)) for one in record.sets),
        ("Notes", [(str(place), note) for place, note in enumerate(record.notes, start=1)]),
        ("Machine", list(record.machine.items())),
        ("Git", list(record.git.items())),
        ("Versions", list(record.versions.items())),
    ]
    return [(title, rows) for title, rows in groups if rows]


def _model(model: ModelRecord) -> list[tuple[str, str]]:
    return [
        ("Name", model.name),
        ("Source", model.source),
        ("Parameters", integer(model.parameters) if model.parameters else NOT_RECORDED),
        ("Precision", model.precision_note),
        ("Weights in memory", memory(model.weights_bytes) if model.weights_bytes else NOT_RECORDED),
        *(
            [("At this precision on a GPU", memory(model.quantised_bytes))]
            if model.quantised_bytes
            else []
        ),
        ("Device", model.device),
        ("Weights, SHA-256", model.sha256),
    ]


def _set_rows(one: SetRecord) -> list[tuple[str, str]]:
    """What was mixed in or practised on, and what was left out of it."""
    rows = [
        ("Share of the training pairs", NONE if one.share is None else percent(one.share)),
        ("SHA-256", one.sha256),
        ("Rows", f"{integer(one.rows)} ({joined([f'{n} {k}' for k, n in one.formats.items()])})"),
        ("Used", integer(one.used)),
    ]
    if one.held_out is not None:
        rows.append(("Held out of training", integer(one.held_out)))
    left_out = {**one.left_out, **({"repeat another row": one.repeated} if one.repeated else {})}
    rows += [(f"Left out, since they {why}", integer(n)) for why, n in left_out.items()]
    return rows + [
        (f"Rows left out, since they {part.reason}", f"{integer(part.rows)} (first: {part.first})")
        for part in one.skipped
    ]


def notices(data: ReportData) -> list[str]:
    """Why this run is incomplete, in sentences; none for a complete run that is not a quick one."""
    record = data.record
    found = [f"A file of this run is not as it was written: {text}" for text in data.problems]
    found += [note for note in record.notes if note.startswith(QUICK_NOTE)]
    if record.status != "complete":
        why = f" The reason recorded: {record.error}" if record.error else ""
        found.append(f"The run is {record.status}; this page shows what it has recorded.{why}")
    if not data.has_results:
        found.append(
            "There is no results.json: figures of the base model and anything that compares "
            "cells are missing."
        )
    found += [f"Cell {id_} was started and has no result." for id_ in data.unfinished]
    for cell in data.result.cells:
        if cell.status != "complete":
            why = f": {cell.error}" if cell.error else ""
            found.append(f"Cell {cell.id} is {cell.status}{why}.")
    return found


def notice_title(notices_: list[str]) -> str:
    """What the notices stand under: a whole quick run is no incomplete one."""
    if all(notice.startswith(QUICK_NOTE) for notice in notices_):
        return "A quick run"
    return "This run is not complete"


def command_line(data: ReportData) -> str:
    """The command that was run, quoted for a shell."""
    return shlex.join(data.record.argv)
