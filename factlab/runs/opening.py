"""Which folder a run goes to: a new one, one to resume, or one where a run was only begun."""

from __future__ import annotations

import shutil
from pathlib import Path

from factlab.errors import ConfigError
from factlab.reading.paths import check_place
from factlab.runs.files import is_draft
from factlab.runs.folder import RunFolder
from factlab.schema.splits import SPLIT


def open_folder(
    out: Path | None, name: str, config_hash: str, *, resume: bool
) -> tuple[RunFolder, bool]:
    """The folder to write to, and whether it is a run to resume.

    Args:
        out: The run folder itself, or None for a new one under reports/.
        name: Fact or set, the beginning of a new folder's name.
        config_hash: What the run would compute; a run is only resumed if it is the same.
        resume: Continue the newest unfinished run of the same settings; where nothing was begun,
            begin.

    Raises:
        ConfigError: for a folder that holds another run, or other files.
    """
    stem = Path("reports") / f"{name}-{config_hash[:8]}"
    candidates = [out] if out is not None else [*_numbered(stem)]
    existing = [RunFolder(path) for path in candidates if RunFolder(path).exists]
    if not resume and existing and out is not None:
        raise ConfigError(
            f"{out}: this folder holds a run ({existing[0].record().status}). Pass --resume to "
            "continue it, or another folder with --out."
        )
    for folder in reversed(existing) if resume else ():
        if folder.record().config_sha256 == config_hash:
            return folder, True
    if existing and resume:
        raise ConfigError(
            f"{existing[-1].path}: this run was made with other settings or questions than this "
            "command asks for, so it cannot be resumed. Repeat its command "
            f"(`factlab show {existing[-1].path}` prints it), or choose another --out."
        )
    if out is None:
        begun = [path for path in candidates if resume and only_a_beginning(path)]
        return RunFolder(begun[0] if begun else _unused(stem)), False
    check_unused(out)
    return RunFolder(out), False


def check_out(out: Path | None) -> None:
    """Refuse, before anything is planned, where no run can begin or be resumed.

    Raises:
        ConfigError: for a folder that holds other files.
        RunFolderError: for what is no folder and can be none.
    """
    if out is not None and not RunFolder(out).exists:
        check_unused(out)


def check_unused(out: Path) -> None:
    """Refuse a folder that holds anything but the beginning of a run that was killed there.

    Raises:
        ConfigError: for other files.
        RunFolderError: for what is no folder and can be none.
    """
    check_place(out)
    if out.exists() and not only_a_beginning(out):
        raise ConfigError(
            f"{out}: this folder is not empty. Choose an empty or a new one with --out."
        )


def only_a_beginning(out: Path) -> bool:
    """Whether all that is in a folder was left by a process that was killed while it set up."""
    if not out.is_dir():
        return False
    begun = RunFolder(out)
    found = {path.name for path in out.iterdir() if not is_draft(path)} - {".lock"}
    if not found:
        return True
    if not found <= {begun.config_file.name, "data"} or begun.config_file.name not in found:
        return False
    named = {begun.data_file(split).name for split in SPLIT} | {"SHA256SUMS"}
    return all(path.name in named or is_draft(path) for path in (out / "data").glob("*"))


def tidy(folder: RunFolder) -> None:
    """Remove what a killed process left: drafts, and questions without a run."""
    for path in [found for found in folder.path.rglob(".*") if is_draft(found)]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if not folder.exists and only_a_beginning(folder.path):
        shutil.rmtree(folder.path / "data", ignore_errors=True)
        folder.config_file.unlink(missing_ok=True)


def _numbered(stem: Path) -> list[Path]:
    others = stem.parent.glob(f"{stem.name}-*")
    numbered = sorted(
        (path for path in others if path.name.rpartition("-")[2].isdigit()),
        key=lambda path: int(path.name.rpartition("-")[2]),
    )
    return [stem, *numbered]


def _unused(stem: Path) -> Path:
    number, path = 1, stem
    while path.exists():
        number += 1
        path = stem.with_name(f"{stem.name}-{number}")
    return path
