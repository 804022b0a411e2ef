"""`factlab push`: a cell's adapter, its card and the report to the Hugging Face hub."""

from __future__ import annotations

from typing import Annotated

import typer

from factlab.cli.options import RunArgument
from factlab.cli.output import paragraph, say, table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: factlab push reports/mount_fuji-1a2b3c4d you/fuji --cell r08-s0 --dry-run"
    )(push)


def push(
    run: RunArgument,
    repo: Annotated[str, typer.Argument(help="The repository, USER/NAME; made if need be.")],
    cell: Annotated[str, typer.Option(help="Which cell, such as r08-s0.")],
    data: Annotated[bool, typer.Option("--data", help="Upload the questions, too.")] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Make it private; refuse a public one.")
    ] = False,
    revision: Annotated[
        str | None, typer.Option(help="A branch of it, made if need be; default: main.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the files, and upload nothing.")
    ] = False,
) -> None:
    """Upload a cell's adapter, model card and report to the Hugging Face hub."""
    from factlab.cli.quiet import quiet_libraries
    from factlab.workflows.share import push as push_cell

    quiet_libraries()
    files, address = push_cell(
        run,
        repo,
        cell=cell,
        data=data,
        private=private,
        revision=revision,
        dry_run=dry_run,
    )
    table(["file", "bytes"], [[file.name, f"{file.size_bytes:,}"] for file in files])
    total = f"{len(files)} files, {sum(file.size_bytes for file in files):,} bytes"
    if address is None:
        paragraph(f"{total} would be uploaded to {repo}. Nothing was.")
    else:
        say(f"{total}: {address}")
