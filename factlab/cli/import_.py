"""`factlab import`: a published set as files that `factlab run` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from factlab.cli.output import paragraph, say, table

MOST_REASONS = 20  # lines of each kind


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "import",
        epilog="Example: factlab import counterfact counterfact.json --limit 10 --out facts",
    )(import_)


def import_(
    name: Annotated[
        str,
        typer.Argument(metavar="SET", help="The set: `factlab list published` names them."),
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The published file.")],
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where to write one YAML file per case.")
    ],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Read only so many cases, the first ones.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="With --limit: read a sample, drawn by this seed."),
    ] = None,
) -> None:
    """Write the cases of a published set as fact or passage files for `factlab run`."""
    from factlab.workflows.import_ import import_file

    done = import_file(name, file, out, limit=limit, seed=seed)
    held = ", ".join(f"{number} {what}" for what, number in done.tally.items())
    taken = done.cases - sum(done.skipped.values())
    say(f"{out}: {len(done.files)} files written of {taken} of {done.cases} cases: {held}.")
    rows = [["skipped", why, str(n)] for why, n in done.skipped.most_common(MOST_REASONS)]
    rows += [["left out", what, str(n)] for what, n in done.dropped.most_common(MOST_REASONS)]
    if rows:
        table(["", "cases and parts that were not taken", "number"], rows)
    if done.tally["probes that hold their answers"]:
        paragraph(
            f"Probes that already hold their answers are left out; `factlab validate {out}` names "
            "them."
        )
    paragraph(f"Next: factlab run {out} --together, or without it for an adapter each.")
