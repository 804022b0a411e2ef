"""Options that the commands which make a run have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[
    Path | None, typer.Option(help="The run folder; by default a new one under reports/.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Validate, expand and estimate; write nothing.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with the unfinished run of these settings.")
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Ask the base anew, even what an earlier run asked it.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print results.json on stdout, all else on stderr.")
]
