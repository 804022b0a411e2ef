"""The name of a set → its conversations, whatever they were written in and wherever they are."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from factlab.conversations.folders import PARQUET, part_files
from factlab.conversations.rows import READERS, rows_of, suffix_of
from factlab.conversations.tables import table_rows
from factlab.conversations.tally import MOST_ROWS, Tally
from factlab.errors import DataError, shortened
from factlab.reading.compressed import COMPRESSED
from factlab.reading.files import refuse_special
from factlab.reading.paths import expanded, is_folder
from factlab.reading.records import sha256_of
from factlab.schema.config import OnBadRow
from factlab.schema.conversation import ConversationSet
from factlab.schema.shipped import shipped
from factlab.schema.yaml import did_you_mean

SUFFIXES = (*READERS, PARQUET)
Placed = tuple[str, object]  # a row with its file and line, or its set and number
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")


def read_set(source: str, on_bad_row: OnBadRow | None = None) -> ConversationSet:
    """Read a set.

    Args:
        source: A file (`SUFFIXES`, perhaps compressed), a folder of such files, a shipped set, or a
            hub id with `:split` behind it.
        on_bad_row: What is done about a row that cannot be read. By default it is left out of a
            set of `LARGE` rows or more, if at most a tenth of them are such; otherwise refused.

    Raises:
        DataError: in words, with file and line where there is one.
    """
    path, split = _located(source)
    files, about = _files(path, split)
    one_file = path is not None and files == [path]
    digest = _Digest(path if one_file else None)
    if files is None:
        named = source.partition(":")[0] if path is None else str(path)
        placed = _numbered(named, table_rows(named, split))
    else:
        placed = chain.from_iterable(_placed(file, split if one_file else None) for file in files)
    tally = Tally()
    for place, row in _limited(source, digest.over(placed)):
        tally.add(row, place)
        tally.check_soon(on_bad_row)
    tally.check(source, on_bad_row)
    return ConversationSet(
        name=source if path is None else path.name + (f":{split}" if split else ""),
        sha256=digest.found(),
        conversations=tuple(dict.fromkeys(tally.conversations)),
        rows=tally.rows,
        kinds=dict(Counter(conversation.kind for conversation in tally.conversations)),
        skipped=tally.skipped(),
        taken_off=dict(Counter(note for one in tally.conversations for note in one.notes)),
        passed_over=tuple(file.name for file in about),
    )


def _files(path: Path | None, part: str | None) -> tuple[list[Path] | None, list[Path]]:
    """The files that are read, None for a set that the library reads; and those passed over."""
    if path is None:
        return None, []
    return ([path], []) if path.is_file() else part_files(path, part)


def _placed(file: Path, part: str | None) -> Iterator[Placed]:
    """The rows of a file, each with its place."""
    if file.suffix.lower() == PARQUET:
        return _numbered(str(file), table_rows(str(file), part))
    return ((f"{file}:{line}:1", row) for line, row in rows_of(file, part))


def _numbered(named: str, rows: Iterable[object]) -> Iterator[Placed]:
    return ((f"{named}: row {n}", row) for n, row in enumerate(rows, start=1))


def _located(source: str) -> tuple[Path | None, str | None]:
    """The path of a local or shipped set (None: it is of the hub), and which part of it."""
    whole = expanded(source)
    head, _, split = source.partition(":")
    if _exists(whole):
        _check_kind(whole)
        return whole, None
    if is_folder(folder := expanded(head)):
        return folder, split
    if split and _exists(folder) and _may_have_parts(folder):
        _check_kind(folder)
        return folder, split
    known = shipped_sets()
    if source in known:
        return known[source], None
    if _HUB_ID.fullmatch(head) and not head.lower().endswith((*SUFFIXES, *COMPRESSED)):
        return None, split or None
    nearby = [str(file) for kind in SUFFIXES for file in Path().glob(f"*{kind}")]
    raise DataError(
        f"{shortened(source)}: no such file, folder or shipped set."
        f"{did_you_mean(source, [*known, *nearby])} Shipped sets: {', '.join(known)}. "
        "Name a set on the hub owner/name or owner/name:split."
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # longer than a file name can be
        return False


def _may_have_parts(path: Path) -> bool:
    return path.suffix.lower() in (".json", *COMPRESSED)


def _check_kind(path: Path) -> None:
    if path.is_dir():
        return
    refuse_special(path, DataError)
    if path.suffix.lower() == PARQUET:
        return
    if suffix_of(path) not in READERS:
        raise DataError(
            f"{path}: unknown kind of file; known endings: {', '.join(SUFFIXES)}, each also with "
            f"{' or '.join(COMPRESSED)} behind it but .parquet. Rename it, or convert it."
        )


def shipped_sets() -> dict[str, Path]:
    """Shipped sets of conversations by name."""
    return {path.stem: path for path in sorted((shipped("evals") / "chats").glob("*.jsonl"))}


def _limited(source: str, rows: Iterable[Placed]) -> Iterator[Placed]:
    for number, row in enumerate(rows):
        if number == MOST_ROWS:
            raise DataError(
                f"{source}: more than {MOST_ROWS:,} rows. Take a part of it; on the hub, for "
                "example, owner/name:train[:5000]."
            )
        yield row


class _Digest:
    """The SHA-256 of a set: of a single file its own; of a folder or a set of the hub its rows'.

    A file is hashed when all of it was read, so that one that is too large is refused before.
    """

    def __init__(self, file: Path | None) -> None:
        self._file, self._rows = file, hashlib.sha256()

    def over(self, rows: Iterable[Placed]) -> Iterator[Placed]:
        """The rows, counted in as they pass."""
        for place, row in rows:
            if self._file is None:
                self._rows.update(json.dumps(row, sort_keys=True, default=str).encode() + b"\n")
            yield place, row

    def found(self) -> str:
        """In hexadecimal digits."""
        return self._rows.hexdigest() if self._file is None else sha256_of(self._file)
