"""A folder of files → those of one of its parts, by the words in their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

from factlab.conversations.rows import READERS, is_about_data
from factlab.errors import DataError, shortened
from factlab.reading.compressed import COMPRESSED
from factlab.reading.files import read_beginning, read_text
from factlab.schema.yaml import parse_yaml

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
_HEAD = re.compile(r"\s*---(?:\r\n|\r|\n)(.*?)(?:\r\n|\r|\n)---[ \t]*(?:\r?\n|$)", re.DOTALL)
_SETTINGS = ".huggingface.yaml"
_WHERE = {"data_files", "data_dir", "path"}  # keys that say where data are


def part_files(folder: Path, part: str | None) -> tuple[list[Path] | None, list[Path]]:
    """The files of a part, in the order of their names; None, if the library is to read the folder.

    Beside them the files that hold no rows: what programs write about data or about a training.

    It reads what it has saved, folders that say themselves where their data is, and cut parts
    (`train[:100]`).

    Args:
        folder: It is there.
        part: Its name; None for the part train, or the only one.

    Raises:
        DataError: for a part that is not there.
    """
    if (part and "[" in part) or _is_saved(folder) or "data_files" in _readme(folder):
        return None, []
    there = _files(folder)
    about = [file for file in there if len(there) > 1 and _is_about(file)]
    files = [file for file in there if file not in about] or there
    about = about if files is not there else []
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
    return found[wanted] or None, about


def _is_saved(folder: Path) -> bool:
    """Whether the `datasets` library wrote the folder, its tables with it."""
    by_hand = any((folder / name).is_file() for name in _SAVED)
    return by_hand and next(folder.rglob("*.arrow"), None) is not None


def _is_about(file: Path) -> bool:
    """Whether a file holds no rows; one that cannot be read is not passed over."""
    try:
        return _suffix(file) != PARQUET and is_about_data(file)
    except DataError:
        return False


def refuse_elsewhere(folder: Path) -> None:
    """Refuse a folder that says its data are anywhere but in it: the library would go there.

    Raises:
        DataError: with the file that says so.
    """
    for name in ("README.md", _SETTINGS):
        file = folder / name
        if not (file.is_file() or (name == _SETTINGS and file.exists())):
            continue  # as the library does
        text = read_text(file, DataError)
        if name == "README.md":
            head = _HEAD.match(text)
            text = "\n" + head[1] if head else ""
        if not any(key in text for key in _WHERE):
            continue
        for value in _places(parse_yaml(text, str(file), DataError).data):
            if _leads_out(value):
                raise DataError(
                    f"{file}: it says that data of this folder are elsewhere "
                    f"({shortened(value)}). Only files in the folder are read; name the others "
                    "yourself."
                )


def _places(said: Any, *, where: bool = False) -> Iterator[str]:
    """All texts under keys that say where data are."""
    if isinstance(said, str) and where:
        yield said
    elif isinstance(said, dict):
        for key, value in said.items():
            yield from _places(value, where=where or key in _WHERE)
    elif isinstance(said, list):
        for value in said:
            yield from _places(value, where=where)


def _leads_out(place: str) -> bool:
    way = place.replace("\\", "/").split("/")
    return ":" in place or place.startswith(("/", "\\", "~")) or ".." in way


def _files(folder: Path) -> list[Path]:
    seen = islice(folder.rglob("*"), MOST_FILES)
    return sorted(
        file
        for file in seen
        if _suffix(file) in (*READERS, PARQUET)
        and file.name not in (*_ABOUT, *_SAVED)
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
        return read_beginning(folder / "README.md", DataError, 100_000).decode(errors="replace")
    except DataError:
        return ""
