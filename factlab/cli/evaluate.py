"""`factlab evaluate`: models that were tuned elsewhere, measured as a run measures its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from factlab.cli.complete import complete_facts, complete_models, complete_runs
from factlab.cli.gates import BOUNDS_HELP, check_gates, hold_to_gates
from factlab.cli.headings import GroupedCommand
from factlab.cli.options import DryRun, Fresh, Json, Out, Resume, with_settings
from factlab.schema.config import RunConfig
from factlab.schema.options import settings_of

# Of a run's settings, what decides something where nothing is trained.
EVALUATED = ("quick", *(n for n, one in settings_of(RunConfig).items() if one.option.untrained))
_WITHOUT = {*settings_of(RunConfig)} - {*EVALUATED} | {"model", "seed"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        cls=GroupedCommand,
        epilog="Example: factlab evaluate mount_fuji --base owner/model --tuned out/adapter",
    )(with_settings(evaluate, "run", without=_WITHOUT))


Gates = Annotated[
    list[str] | None,
    typer.Option(metavar="GATE", help=f"Exit 1 if it holds: 'recall/held_out<0.95'. {BOUNDS_HELP}"),
]
Against = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        help="A run for gates such as 'retention/far<against-0.02'.",
        autocompletion=complete_runs,
    ),
]


def evaluate(
    facts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FACT...",
            help="Fact files, folders, or shipped names.",
            autocompletion=complete_facts,
        ),
    ] = None,
    *,
    tuned: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]WHAT",
            help="A PEFT adapter's folder, a model's folder, a hub id, or a cell of a run; may be "
            "given again.",
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            "--model",
            metavar="MODEL",
            help="What they were tuned from: as --model of `factlab run`.",
            autocompletion=complete_models,
        ),
    ] = None,
    settings: dict[str, Any],
    fail_if: Gates = None,
    against: Against = None,
    out: Out = None,
    dry_run: DryRun = False,
    resume: Resume = False,
    fresh: Fresh = False,
    json_: Json = False,
) -> None:
    """Measure models that were tuned elsewhere against their base; nothing is trained."""
    from factlab.cli.run import carry_out
    from factlab.workflows.evaluate import evaluation

    check_gates(fail_if or (), against)
    named = {} if base is None else {"model": base}
    chosen = evaluation(facts or (), tuned or (), {**settings, **named})
    if dry_run:
        from factlab.cli.dry_run import show_dry_run

        show_dry_run(chosen, out=out, as_json=json_)
        return
    result, path = carry_out(chosen, out=out, resume=resume, fresh=fresh, as_json=json_)
    if fail_if:
        hold_to_gates(path, result.configurations, fail_if, against)
