"""The one place that turns a name into a path.

A name that a file or an argument gives is a name and no way: it is joined to a folder only if it
leads nowhere else. A path that a user gives may lead anywhere; whether it can be one is asked here.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from factlab.errors import RunFolderError

MOST_NAME_BYTES = 200  # a file system takes 255, and drafts and endings are longer than names
MOST_PATH_BYTES = 4_000
MOST_SHOWN = 80  # characters of a name that a message quotes
# Control characters, half characters, and what ends a line or a paragraph.
_NOT_IN_NAMES = {"Cc", "Cs", "Zl", "Zp"}
# What trackers write is theirs: they link to their own newest run.
_NOT_OURS = "tracker"
_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def shown(text: str) -> str:
    """A name as a message quotes it: escaped, and no longer than needed."""
    quoted = repr(text[:MOST_SHOWN])
    return f"{quoted[:-1]}…{quoted[-1]}" if len(text) > MOST_SHOWN else quoted


def plain_name(text: str) -> str:
    """A name of one file or folder, which leads nowhere else.

    Raises:
        ValueError: for one that is empty, a path, too long or not printable.
    """
    if not text.strip(". ") or "/" in text or "\\" in text or _unprintable(text):
        raise ValueError(f"{shown(text)} is no plain name of a file or folder")
    if len(text.encode()) > MOST_NAME_BYTES:
        raise ValueError(
            f"{shown(text)} is too long for the name of a file or folder ({len(text.encode())} "
            f"bytes; at most {MOST_NAME_BYTES})"
        )
    return text


def plain_path(text: str) -> str:
    """Plain names with / between them: a path that stays below the folder it starts from.

    Raises:
        ValueError: for any other.
    """
    for part in text.split("/"):
        plain_name(part)
    return text


def path_text(text: str) -> str:
    """Text that can be a path, wherever it leads.

    Raises:
        ValueError: for text with control or half characters, or longer than a path can be.
    """
    if _unprintable(text):
        raise ValueError(f"{shown(text)} is no path: it holds characters that cannot be written")
    if len(text.encode()) > MOST_PATH_BYTES:
        raise ValueError(f"{shown(text)} is longer than a path can be")
    return text


def _unprintable(text: str) -> bool:
    return any(unicodedata.category(char) in _NOT_IN_NAMES for char in text)


PlainName = Annotated[str, AfterValidator(plain_name)]
PlainPath = Annotated[str, AfterValidator(plain_path)]
PathText = Annotated[str, AfterValidator(path_text)]


def below(folder: Path, *names: str) -> Path:
    """The file or folder of this name, below a folder.

    Raises:
        RunFolderError: for a name that is not plain.
    """
    try:
        return folder.joinpath(*map(plain_name, names))
    except ValueError as problem:
        raise RunFolderError(f"{folder}: {problem}.") from None


def file_of(folder: Path, name: str, ending: str = "") -> Path | None:
    """The file of a name in a folder, if the name is plain and there is one."""
    try:
        file = folder / f"{plain_name(name)}{ending}"
    except ValueError:
        return None
    return file if is_file(file) else None


def expanded(text: str | Path) -> Path:
    """A path with ~ in the place of a home folder, as long as there is one."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~nobody
        return Path(text)


def real(path: Path) -> Path:
    """Where a path leads: links resolved as far as they lead anywhere."""
    return Path(os.path.realpath(path))


def is_file(path: Path) -> bool:
    """Whether a path leads to a file; not, if it can lead nowhere."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a path leads to a folder; not, if it can lead nowhere."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def kind_of(mode: int) -> str:
    """What stands at a path, by its mode, as a message calls it."""
    return _KINDS.get(stat.S_IFMT(mode), "no plain file")


def check_place(folder: Path) -> None:
    """Refuse to begin a folder whose name results could not carry, or where there can be none.

    Raises:
        RunFolderError: with the reason.
    """
    try:
        place = Path(path_text(str(folder))).resolve()
        plain_name(place.name)
        there = next(path for path in (place, *place.parents) if path.exists())
        mode = there.stat().st_mode
    except (ValueError, RuntimeError, OSError) as problem:  # RuntimeError: links in a circle
        raise RunFolderError(f"{shown(str(folder))}: {problem}. Choose another folder.") from None
    if not stat.S_ISDIR(mode):
        named = folder if there == place else there
        raise RunFolderError(
            f"{shown(str(named))} is {kind_of(mode)}; a folder is wanted. Choose another."
        )


def refuse_links(folder: Path) -> None:
    """Refuse to write into a folder in which anything is a link: it could lead out of it.

    The folder itself may be one, since its user named it. What a tracker wrote is passed over.

    Raises:
        RunFolderError: naming the link.
    """
    for entry in _entries(folder):
        if entry.is_symlink():
            raise RunFolderError(
                f"{entry.path}: this is a link, and writing would follow it out of the run folder. "
                "Move what it leads to into its place, or work on a copy made by `cp -rL`."
            )


def _entries(folder: str | Path) -> Iterator[os.DirEntry[str]]:
    if not is_folder(Path(folder)):
        return
    with os.scandir(folder) as found:
        for entry in sorted(found, key=lambda one: one.name):
            yield entry
            if entry.is_dir(follow_symlinks=False) and entry.name != _NOT_OURS:
                yield from _entries(entry.path)
