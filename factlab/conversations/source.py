"""The name of a set → its conversations, whatever they were written in and wherever they are."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from factlab.conversations.formats import read_row
from factlab.conversations.rows import READERS, rows_of
from factlab.conversations.tables import table_rows
from factlab.errors import DataError, shortened
from factlab.reading.files import refuse_special
from factlab.reading.paths import expanded, is_folder
from factlab.reading.records import sha256_of
from factlab.schema.conversation import ConversationSet
from factlab.schema.shipped import shipped
from factlab.schema.yaml import did_you_mean

MOST_ROWS = 200_000  # held in memory; of a larger set, name a part
PARQUET = ".parquet"
SUFFIXES = (*READERS, PARQUET)
AnyRow = TypeVar("AnyRow")
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")


def read_set(source: str) -> ConversationSet:
    """Read a set.

    Args:
        source: A file (.jsonl, .json, .csv, .parquet), a folder of such files, a shipped set, or a
            hub id with `:split` behind it.

    Raises:
        DataError: in words, with file and line where there is one.
    """
    path, split = _located(source)
    if path is not None and path.suffix.lower() in READERS and path.is_file():
        placed = [(f"{path}:{line}:1", row) for line, row in _limited(source, rows_of(path))]
        digest = sha256_of(path)
    else:
        named = str(path) if path is not None else source.partition(":")[0]
        rows = _limited(source, table_rows(named, split))
        digest = _sha256_of(path, rows)
        placed = [(f"{named}: row {n}", row) for n, row in enumerate(rows, start=1)]
    found = [read_row(row, where, n) for n, (where, row) in enumerate(placed, start=1)]
    if not found:
        raise DataError(f"{source}: it has no rows.")
    return ConversationSet(
        name=source if path is None else path.name + (f":{split}" if split else ""),
        sha256=digest,
        conversations=tuple(dict.fromkeys(found)),
        rows=len(found),
        kinds=dict(Counter(conversation.kind for conversation in found)),
    )


def _located(source: str) -> tuple[Path | None, str | None]:
    """The path of a local or shipped set (None: it is of the hub), and which part of it."""
    whole = expanded(source)
    head, _, split = source.partition(":")
    if _exists(whole):
        _check_kind(whole)
        return whole, None
    if is_folder(folder := expanded(head)):
        return folder, split
    known = shipped_sets()
    if source in known:
        return known[source], None
    if _HUB_ID.fullmatch(head) and not head.lower().endswith(SUFFIXES):
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


def _check_kind(path: Path) -> None:
    if path.is_dir():
        return
    refuse_special(path, DataError)
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"{path}: unknown kind of file; known endings: {', '.join(SUFFIXES)}. Rename it, or "
            "convert it."
        )


def shipped_sets() -> dict[str, Path]:
    """Shipped sets of conversations by name."""
    return {path.stem: path for path in sorted((shipped("evals") / "chats").glob("*.jsonl"))}


def _limited(source: str, rows: Iterable[AnyRow]) -> list[AnyRow]:
    found: list[AnyRow] = []
    for row in rows:
        if len(found) == MOST_ROWS:
            raise DataError(
                f"{source}: more than {MOST_ROWS:,} rows. Take a part of it; on the hub, for "
                "example, owner/name:train[:5000]."
            )
        found.append(row)
    return found


def _sha256_of(path: Path | None, rows: list[object]) -> str:
    """Of a single file its own; of a folder or a set of the hub that of its rows."""
    if path is not None and path.is_file():
        return sha256_of(path)
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True, default=str).encode() + b"\n")
    return digest.hexdigest()
