"""`factlab import`: a published set as files that `factlab run` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from factlab.cli.output import paragraph, say


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "import",
        epilog="Example: factlab import fictional_knowledge.json --limit 10 --out passages",
    )(import_)


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The published file.")],
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where to write one YAML file per record.")
    ],
    format_: Annotated[
        str,
        typer.Option("--format", help="fictional_knowledge: kaistAI's passages and their probes."),
    ] = "fictional_knowledge",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Read only the first so many records.")
    ] = None,
) -> None:
    """Write a published set of passages as YAML files, one per record, for `factlab run`."""
    from factlab.expand.passages import left_out
    from factlab.workflows.import_ import import_file

    written = import_file(file, out, kind=format_, limit=limit)
    probes = sum(len(passage.probes) for passage in written.values())
    held = sum(len(left_out(passage)) for passage in written.values())
    texts = sum(len(passage.passages) for passage in written.values())
    say(f"{out}: {len(written)} files written, {texts} passages, {probes} probes.")
    if held:
        paragraph(
            f"{held} of the probes already hold their answers, so they are left out; `factlab "
            f"validate {out}` names them."
        )
    paragraph(f"Next: factlab run {out} --together, or without it for an adapter each.")
