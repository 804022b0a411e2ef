"""`factlab show`: what a run found, in the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from factlab.cli.options import RunArgument
from factlab.cli.output import measured, paragraph, say, say_json, table

if TYPE_CHECKING:
    from factlab.schema.results import Metric, RunResult

COLUMNS = (
    "recall/held_out",
    "recall/validation",
    "retention/far",
    "retention/near",
    "intrusion/far",
    "intrusion/near",
    "margin_change/far",
)
PRACTICE = ("nll/practice", "token_accuracy/practice", "retention/far", "drift/kl")
# Of each fact of a combined run.
BY_FACT = ("recall/held_out", "interference/held_out", "retention/near", "intrusion/near")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: factlab show reports/mount_fuji-1a2b3c4d")(show)


def show(
    run: RunArgument,
    json_: Annotated[bool, typer.Option("--json", help="Print results.json on stdout.")] = False,
) -> None:
    """Show what a run found: the verdict, the main figures, and the command that repeats it."""
    from factlab.runs.folder import RunFolder, load_run

    record = RunFolder(run).record()
    result = load_run(run)
    if json_:
        say_json(result)
        return
    summarize(result)
    say(f"status: {record.status}, started {record.started}, ended {record.ended or 'not yet'}")
    say(f"model: {result.model.name}, {result.model.precision_note}")
    say(f"command: {shlex.join(record.argv)}")


def summarize(result: RunResult) -> None:
    """Print the verdict and a table of the main figures."""
    from factlab.report import verdict

    say()
    paragraph(verdict(result))
    if result.choice is not None:
        say()
        paragraph(result.choice.sentence)
    say()
    names = columns(result)
    bases = {"before": result.base} | {
        f"before, {name}": base for name, base in result.other_bases.items()
    }
    known = [_before(name) for name in names]
    rows = [_row(name, base.metrics, known) for name, base in bases.items()]
    rows += [_row(cell.id, cell.metrics, names) for cell in result.cells]
    rows += [
        _row(f"{pooled.id}, all", pooled.metrics, names)
        for pooled in result.configurations
        if len(pooled.cells) > 1
    ]
    table(["cell", *names], rows)
    for cell in result.cells:
        if cell.training is not None and cell.training.stopped_early:
            paragraph(f"{cell.id} {cell.training.stopped_early}.")
    for line in _trained(result):
        say(line)
    mixed = dict.fromkeys(part for cell in result.cells for part in cell.mix)
    if mixed:
        paragraph(f"Mixed into training: {', '.join(mixed)}.")
    if names == PRACTICE:
        paragraph(
            "Of held-out conversations: nll, the loss in nats per token of their own answers; "
            "token_accuracy, the share of those tokens that the model finds most probable. "
            "Retention: of the controls the base model knew, those still right. 95 % intervals."
        )
        return
    if any(cell.combined for cell in result.cells):
        table(["fact", "cell", *BY_FACT], _by_fact(result))
    paragraph(
        "Rates with 95 % intervals. Retention: of the controls the base model knew (before: how "
        "many it knew), those still right. Intrusion: controls answered with the injected value; "
        "low is good. The report says what each interval covers."
    )


def _trained(result: RunResult) -> list[str]:
    """Parameter counts, as PEFT prints them, once for cells of the same."""
    found: dict[str, list[str]] = {}
    for cell in result.cells:
        if cell.training is not None:
            trained, whole = cell.training.trainable_parameters, cell.training.total_parameters
            line = (
                f"trainable params: {trained:,} || all params: {whole:,} || "
                f"trainable%: {100 * trained / whole:.4f}"
            )
            found.setdefault(line, []).append(cell.configuration)
    return [
        f"{', '.join(dict.fromkeys(names))}: {line}" if len(found) > 1 else line
        for line, names in found.items()
    ]


def _by_fact(result: RunResult) -> list[list[str]]:
    """Each fact of a combined run in each cell, on its own questions."""
    return [
        [fact.id, cell.id, *(_share(cell.by_fact.get(fact.id, {}).get(name)) for name in BY_FACT)]
        for fact in result.facts
        for cell in result.cells
    ]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def columns(result: RunResult) -> tuple[str, ...]:
    """The main figures of a run: of facts, of passages with the probes first, or of practice."""
    from factlab.schema.passage import DEPTHS

    measured = {name for cell in result.cells for name in cell.metrics}
    if measured & set(PRACTICE[:2]):
        return PRACTICE
    probes = [name for depth in DEPTHS if (name := f"recall/{depth}") in measured]
    if not probes:
        return COLUMNS
    return (*probes, *(name for name in COLUMNS if name in measured))


def _before(name: str) -> str:
    """What stands in the base's row: retention starts from what was known."""
    return name.replace("retention/", "known/")


def _row(title: str, metrics: dict[str, Metric], names: Sequence[str]) -> list[str]:
    return [title, *(measured(name, metrics.get(name)) for name in names)]
