"""`factlab practice`: the pipeline on a set of conversations, before there is a fact to inject."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from factlab.cli.headings import GroupedCommand
from factlab.cli.options import ConfigFile, DryRun, Fresh, Json, Out, Resume, with_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(cls=GroupedCommand, epilog="Example: factlab practice everyday --examples 100")(
        with_settings(practice, "practice")
    )


def practice(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="JSON lines, JSON, CSV, TSV (each also as .gz, .bz2, .xz, .zst or .zip), "
            "parquet, a folder of them, a shipped set (everyday), or owner/name:split of the hub.",
        ),
    ],
    *,
    settings: dict[str, Any],
    config: ConfigFile = None,
    out: Out = None,
    dry_run: DryRun = False,
    resume: Resume = False,
    fresh: Fresh = False,
    json_: Json = False,
) -> None:
    """Train on conversations without any fact, and report loss, drift and answers before and after.

    The same files and page as of `factlab run`, on data that you have already: lists of turns
    (chat messages, ShareGPT), a question beside its answer (Alpaca, Dolly, prompt and completion),
    or texts with marked turns (ChatML, Llama); docs/data.md has all. An option shown with `,...`
    takes several values, each a configuration of its own. What is not given is the recipe's.
    """
    from factlab.cli.run import build_config, plan_or_carry_out

    chosen = build_config({**settings, "practice": file}, file=config)
    plan_or_carry_out(chosen, out=out, dry_run=dry_run, resume=resume, fresh=fresh, as_json=json_)
