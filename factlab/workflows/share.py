"""A run's records for other tools (`factlab export --to csv`), and an adapter for the hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factlab.runs.folder import RunFolder
from factlab.sharing.answers import SharedRun
from factlab.sharing.formats import write_records
from factlab.sharing.hub import PushedFile, files_to_push, push_files


def export_records(
    run: Path,
    formats: Sequence[str],
    *,
    cell: str | None = None,
    out: Path | None = None,
    gates: Sequence[str] = (),
    against: Path | None = None,
) -> dict[str, Path]:
    """Write a finished run's recorded answers and figures for other tools; no model is loaded.

    Args:
        run: A run folder.
        formats: inspect, lm-eval, junit, csv, parquet, markdown.
        cell: Only this cell; None: all that are finished.
        out: File or folder of one format; None: below the run's exports/.
        gates: For junit; none: those of the run's own command.
        against: For junit: the run that gates compare with.

    Raises:
        FactlabError: for whatever a user can fix.
    """
    folder = RunFolder(run)
    shared = SharedRun.read(folder, cell)
    with folder.locked():
        return write_records(shared, formats, out=out, gates=gates, against=against)


def push(
    run: Path,
    repo: str,
    *,
    cell: str,
    data: bool = False,
    private: bool = False,
    revision: str | None = None,
    dry_run: bool = False,
) -> tuple[list[PushedFile], str | None]:
    """Upload a cell's adapter, its card, the report and results to the hub.

    Args:
        run: A run folder.
        repo: USER/NAME.
        cell: Which cell.
        data: Upload the questions, too.
        private: Make the repository private.
        revision: A branch of it; None: main.
        dry_run: Upload nothing.

    Returns:
        The files, and the address of the commit; None in a dry run.

    Raises:
        FactlabError: for whatever a user can fix.
    """
    folder = RunFolder(run)
    files = files_to_push(folder, cell, data=data)
    if dry_run:
        return files, None
    message = f"Upload {cell} of {run.resolve().name} with factlab"
    return files, push_files(files, repo, private=private, revision=revision, message=message)
