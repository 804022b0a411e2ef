"""`factlab screen`: which far controls a base knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from pydantic import ValidationError

from factlab.cli.options import Fresh, setting_option
from factlab.errors import ConfigError, shortened
from factlab.grading.languages import DEFAULT_LANGUAGE
from factlab.reading.complaints import said_of
from factlab.schema.config import EMBEDDED_MODEL, Precision, RunConfig
from factlab.schema.yaml import did_you_mean


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: factlab screen --model HuggingFaceTB/SmolLM2-360M-Instruct")(
        screen
    )


def screen(
    model: Annotated[str, setting_option("model")] = EMBEDDED_MODEL,
    precision: Annotated[
        str, typer.Option(metavar="NAME", help="How the weights are held: as in most of its runs.")
    ] = "nf4",
    language: Annotated[
        str, typer.Option(metavar="NAME", help="Whose bank: a folder of evals/ with far/ in it.")
    ] = DEFAULT_LANGUAGE,
    out: Annotated[
        Path | None, typer.Option(help="Also write what the base said, as evals/screened/ has it.")
    ] = None,
    fresh: Fresh = False,
) -> None:
    """Put the bank of far controls to a base, to see which of them it knows.

    A run does this by itself, once for each base, and takes its far controls from those.
    """
    from factlab.cli.output import say, table
    from factlab.cli.progress import make_progress
    from factlab.cli.quiet import quiet_libraries
    from factlab.workflows.screen import screen_bank

    if precision not in (known := get_args(Precision)):
        hint = did_you_mean(precision, known)
        raise ConfigError(f"--precision {precision}: not known.{hint} Known: {', '.join(known)}.")
    try:
        config = RunConfig(model=model)
    except ValidationError as problem:
        raise ConfigError(f"--model {shortened(model)}: {said_of(problem)}") from None
    quiet_libraries()
    found = screen_bank(
        config,
        make_progress(),
        language=language,
        precision=cast("Precision", precision),
        fresh=fresh,
        out=out,
    )
    rows = [[one.area, str(one.asked), str(one.preferred), str(one.known)] for one in found]
    total = [sum(getattr(one, name) for one in found) for name in ("asked", "preferred", "known")]
    table(["area", "questions", "right preferred", "known"], [*rows, ["all", *map(str, total)]])
    if out is not None:
        say(f"written: {out}")
