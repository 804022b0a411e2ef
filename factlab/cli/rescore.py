"""`factlab rescore`: the current matchers on stored answers, or on cases from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from factlab.cli.output import paragraph, say_json, table
from factlab.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: factlab rescore reports/mount_fuji-1a2b3c4d")(rescore)


def rescore(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="A run folder; its verdicts are replaced."),
    ] = None,
    cases: Annotated[
        Path | None,
        typer.Option(help='Grade this file instead: lines of {"gold": …, "text": …}.'),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Grade stored answers again with the current matchers and compute every figure again."""
    if (run is None) == (cases is None):
        raise ConfigError(
            "give either a run folder or --cases FILE; `factlab list runs` shows the runs."
        )
    if cases is not None:
        _grade(cases, as_json=json_)
    if run is not None:
        _rescore(run, as_json=json_)


def _rescore(run: Path, *, as_json: bool) -> None:
    from factlab.workflows.rescore import rescore as rescore_run

    result, changed = rescore_run(run)
    if as_json:
        say_json(result)
        return
    from factlab.cli.show import summarize

    summarize(result)
    paragraph(
        f"{changed} verdict{'s' if changed != 1 else ''} changed; scored by match "
        f"{result.scorer_version}. Report: {run / 'report.html'}"
    )


def _grade(cases: Path, *, as_json: bool) -> None:
    from factlab.grading.cases import grade_cases

    graded = grade_cases(cases)
    if as_json:
        say_json(graded)
        return
    rows = [
        [str(case.get("id", case["line"])), str(case["outcome"]), str(case["found"] or "-")]
        for case in graded
    ]
    table(["case", "outcome", "found"], rows)
