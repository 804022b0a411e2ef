"""`--fail-if` of `run` and `compare`: gates for continuous integration, exit 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from factlab.cli.complete import complete_runs
from factlab.cli.output import EXIT_GATE_FAILED, complain

BOUNDS_HELP = (
    "'<' tests the lower end of the 95 % interval and '>' the upper end, so that only what is "
    "shown passes; METRIC@point tests the measured value, METRIC@lower and @upper an end. With "
    "'against' the default is @point, and an end is that of the paired difference. Can be repeated."
)

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

if TYPE_CHECKING:
    from factlab.comparison.gates import FailedGate
    from factlab.schema.results import Configuration


def check_gates(expressions: Sequence[str], against: Path | None) -> None:
    """Refuse gates that cannot be read, before any work is done for them.

    Raises:
        FactlabError: for an expression or a run that cannot be used.
    """
    if not expressions and against is None:
        return
    from factlab.comparison.gates import read_gates
    from factlab.runs.folder import load_run

    read_gates(expressions, against)
    if against is not None:
        load_run(against)


def hold_to_gates(
    run: Path,
    pooled: Sequence[Configuration],
    expressions: Sequence[str],
    against: Path | None,
) -> None:
    """Exit 1, with the reasons on stderr, if a configuration of a run fails a gate."""
    from factlab.comparison.gates import apply_gates

    facts = tuple(dict.fromkeys(fact for one in pooled for fact in one.facts))
    exit_if_failed(apply_gates([run], pooled, facts, expressions, against), expressions)


def exit_if_failed(failed: Sequence[FailedGate], expressions: Sequence[str]) -> None:
    """Say on stderr what each gate tests and whether it passed; exit 1 if one did not."""
    if not expressions:
        return
    from factlab.comparison.gate import parse_gate

    for text in dict.fromkeys(expressions):
        passed = all(gate.gate != text for gate in failed)
        complain(f"gate '{text}' {parse_gate(text).meaning}.{' Passed.' if passed else ''}")
    for gate in failed:
        complain(f"gate '{gate.gate}' failed: {gate.configuration}: {gate.reason}.")
    if failed:
        raise typer.Exit(EXIT_GATE_FAILED)
