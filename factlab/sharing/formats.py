"""The formats in which a run's records go to other tools, and where each is written."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from factlab.errors import ConfigError
from factlab.reading.paths import check_place
from factlab.runs.files import folder_being_written, write_bytes, write_text
from factlab.sharing.answers import SharedRun
from factlab.sharing.inspect_log import write_inspect_logs
from factlab.sharing.junit import gates_of, junit
from factlab.sharing.lm_eval_task import write_lm_eval
from factlab.sharing.summary import summary
from factlab.sharing.tables import write_csv, write_parquet

# Format → the name of what is written below a run's exports/; one with an ending is a file.
PLACES: Mapping[str, str] = {
    "inspect": "inspect",
    "lm-eval": "lm-eval",
    "junit": "gates.xml",
    "csv": "answers.csv",
    "parquet": "answers.parquet",
    "markdown": "summary.md",
}
_FOLDERS: Mapping[str, Callable[[SharedRun, Path], object]] = {
    "inspect": write_inspect_logs,
    "lm-eval": write_lm_eval,
}


def write_records(
    run: SharedRun,
    formats: Sequence[str],
    *,
    out: Path | None = None,
    gates: Sequence[str] = (),
    against: Path | None = None,
) -> dict[str, Path]:
    """Write a run's records in some formats. What an earlier export wrote is replaced.

    Args:
        run: The run.
        formats: Of `PLACES`.
        out: File or folder of one format, a new one; None: below the run's exports/.
        gates: For junit: the gates; none: those of the run's own command.
        against: For junit: the run that gates compare with.

    Returns:
        Format → what was written.

    Raises:
        FactlabError: for gates that cannot be read, or a place that is taken.
    """
    own = run.folder.path / "exports"
    places = {name: out if out is not None else own / PLACES[name] for name in formats}
    if out is not None:
        if len(formats) > 1:
            raise ConfigError(f"--out {out} takes one format. Export one at a time.")
        if out.exists() or out.is_symlink():
            raise ConfigError(f"{out} is there already. Choose a new place with --out.")
        check_place(out)
    wanted = gates_of(run, gates) if "junit" in formats else ()
    xml = junit(run, wanted, against) if wanted else b""  # a wrong gate ends this before a write
    for name, place in places.items():
        match name:
            case "inspect" | "lm-eval":
                if out is None:
                    shutil.rmtree(place, ignore_errors=True)
                with folder_being_written(place) as draft:
                    _FOLDERS[name](run, draft)
            case "junit":
                write_bytes(place, xml)
            case "csv":
                write_csv(run, place)
            case "parquet":
                write_parquet(run, place)
            case _:
                write_text(place, summary(run))
    return places
