"""A folder of files → those of one of its parts, by the words in their names."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path, PurePath

from factlab.conversations.rows import READERS
from factlab.errors import DataError, shortened
from factlab.reading.compressed import COMPRESSED

# The parts that the `datasets` library knows, by the words that name them.
PARTS = {
    "train": {"train", "training"},
    "test": {"test", "testing", "eval", "evaluation"},
    "validation": {"validation", "valid", "val", "dev"},
}
PARQUET = ".parquet"
MOST_FILES = 10_000
_ABOUT = {"dataset_info.json", "dataset_infos.json"}  # beside the data, not data
_SAVED = ("state.json", "dataset_dict.json")  # in folders that the library wrote
_WORDS = re.compile(r"[^a-z]+")


def part_files(folder: Path, part: str | None) -> list[Path] | None:
    """The files of a part, in the order of their names; None, if the library is to read the folder.

    It reads what it has saved, folders that say themselves where their data is, and cut parts
    (`train[:100]`).

    Args:
        folder: It is there.
        part: Its name; None for the part train, or the only one.

    Raises:
        DataError: for a part that is not there.
    """
    if (part and "[" in part) or any((folder / name).exists() for name in _SAVED):
        return None
    if "data_files" in _readme(folder):
        return None
    files = _files(folder)
    found: dict[str, list[Path]] = {}
    for file in files:
        if name := _part_of(file.relative_to(folder)):
            found.setdefault(name, []).append(file)
    if not found:
        found = {"train": files}
    wanted = next((name for name, words in PARTS.items() if part in words), part)
    if wanted is None:
        wanted = next(iter(found)) if len(found) == 1 else "train"
        if wanted not in found:
            raise DataError(
                f"{folder}: it has the parts {', '.join(found)} and none named train. Name one, "
                f"such as {folder}:{next(iter(found))}."
            )
    if wanted not in found:
        raise DataError(f"{folder}: it has no part {shortened(wanted)}; it has {', '.join(found)}.")
    return found[wanted] or None


def _files(folder: Path) -> list[Path]:
    seen = islice(folder.rglob("*"), MOST_FILES)
    return sorted(
        file
        for file in seen
        if _suffix(file) in (*READERS, PARQUET)
        and file.name not in _ABOUT
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.is_file()
    )


def _suffix(file: PurePath) -> str:
    """The ending that says what it holds, by its name alone."""
    name = PurePath(file.stem) if file.suffix.lower() in COMPRESSED else file
    return name.suffix.lower()


def _part_of(path: PurePath) -> str | None:
    """The part that a file's own name says, or else its folder's."""
    for named in reversed(path.parts):
        words = set(_WORDS.split(named.lower()))
        for part, known in PARTS.items():
            if words & known:
                return part
    return None


def _readme(folder: Path) -> str:
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as file:
            return file.read(100_000)
    except OSError:
        return ""
