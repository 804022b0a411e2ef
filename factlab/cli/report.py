"""`factlab report`: the report of a run, made again from its files."""

from __future__ import annotations

import typer

from factlab.cli.options import RunArgument
from factlab.cli.output import complain, say


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: factlab report reports/mount_fuji-1a2b3c4d")(report)


def report(
    run: RunArgument,
) -> None:
    """Write a run's report.html from its files, and print where it is."""
    from factlab.report import write_report
    from factlab.runs.folder import RunFolder
    from factlab.runs.integrity import all_problems

    say(str(write_report(run)))
    for problem in all_problems(RunFolder(run)):
        complain(problem)
