"""Durable files: a kill at any moment leaves each either as it was or as it should be.

Whole files go through a temporary file, fsync and a rename; logs are appended line by line, and a
torn last line is skipped when they are read.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from factlab.errors import RunFolderError
from factlab.reading.paths import MOST_SHOWN
from factlab.reading.records import lines_in, read_bytes, strict_json
from factlab.record import Record
from factlab.schema.results import SCHEMA_VERSION

MOST_JSON_BYTES = 128_000_000
# A link in the place of a log is not followed, and a pipe there does not wait for a reader.
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT
_APPEND |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
# What tempfile makes of our prefixes: `.name-` and eight of its characters.
_DRAFT = re.compile(r"\..+-[a-z0-9_]{8}")
RecordT = TypeVar("RecordT", bound=Record)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failed write (a full disk, a read-only folder) into one clear sentence."""
    try:
        yield
    except OSError as problem:
        raise RunFolderError(
            f"{path}: cannot be written ({problem.strerror or problem}). Free space there, or "
            "choose another place."
        ) from None


@contextmanager
def folder_being_written(place: Path) -> Iterator[Path]:
    """A folder beside `place` that is renamed to it when the block ends without an error."""
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        try:
            yield draft
            for file in draft.rglob("*"):
                file.chmod(0o755 if file.is_dir() else 0o644)
                _sync(file)
            draft.chmod(0o755)  # mkdtemp makes folders that only their owner may enter
            draft.rename(place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def is_draft(path: Path) -> bool:
    """Whether a file or folder was to be renamed once it was whole: its writer was killed."""
    return _DRAFT.fullmatch(path.name) is not None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a whole file durably, or leave it as it was."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """As `write_text`."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        draft = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            draft.chmod(0o644)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def write_json(path: Path, record: Record) -> None:
    """Write a record as indented JSON."""
    write_text(path, record.model_dump_json(indent=1) + "\n")


def write_lines(path: Path, records: Iterable[Record]) -> None:
    """Write records as JSON lines, whole."""
    write_text(
        path, "".join(record.model_dump_json(exclude_none=True) + "\n" for record in records)
    )


def append_line(path: Path, record: Record) -> None:
    """Append one record to a log; it is on its way to disk when this returns."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, _APPEND, 0o644), "a", encoding="utf-8") as stream:
            stream.write(record.model_dump_json() + "\n")


def read_json(path: Path, kind: type[RecordT]) -> RecordT:
    """Read a record.

    Raises:
        RunFolderError: for a missing or damaged file, or one written by a newer factlab.
    """
    try:
        data = strict_json(read_bytes(path, MOST_JSON_BYTES))
    except FileNotFoundError:
        raise RunFolderError(f"{path}: no such file.") from None
    except (OSError, ValueError) as problem:
        raise RunFolderError(f"{path}: cannot be read ({_reason(problem)}).") from None
    version = data.get("schema_version", SCHEMA_VERSION) if isinstance(data, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise RunFolderError(
            f"{path}: written with schema version {version}, this factlab reads up to "
            f"{SCHEMA_VERSION}. Use the factlab that made the run, or a newer one."
        )
    try:
        return kind.model_validate(data)
    except ValidationError as problem:
        if isinstance(version, int) and version < SCHEMA_VERSION:
            raise RunFolderError(
                f"{path}: written with schema version {version} by an older factlab; this one "
                f"reads version {SCHEMA_VERSION}. Make the run again; its report.html can still be "
                "read."
            ) from None
        raise RunFolderError(
            f"{path}: not a {kind.__name__} of schema version {SCHEMA_VERSION}: "
            f"{_complaint(problem)}."
        ) from None


def read_lines(path: Path, kind: type[RecordT], *, whole: bool = False) -> Iterator[RecordT]:
    """Records of a JSON-lines file, none if it is absent; a torn last line is skipped.

    Args:
        path: The file.
        kind: The class of its records.
        whole: It was written at once, not line by line, so that a torn line is damage.

    Raises:
        RunFolderError: for a damaged line that is not the last, or is in a whole file.
    """
    try:
        raw = read_bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as problem:
        raise RunFolderError(f"{path}: cannot be read ({_reason(problem)}).") from None
    last = raw.count(b"\n") + 1
    for number, line in enumerate(_lines(raw, path), start=1):
        if not line.strip():
            continue
        try:
            yield kind.model_validate(strict_json(line))
        except ValueError as problem:
            # A complete line ends in a newline, so only what follows the last one can be torn.
            if number == last and not whole:
                return
            raise RunFolderError(
                f"{path}:{number}: not a {kind.__name__}: {_complaint(problem)}."
            ) from None


def _lines(raw: bytes, path: Path) -> Iterator[bytes]:
    try:
        yield from lines_in(raw)
    except ValueError as problem:
        raise RunFolderError(f"{path}: cannot be read ({problem}).") from None


def _complaint(problem: ValueError) -> str:
    """What is wrong with data, with its place if it is not the whole."""
    if not isinstance(problem, ValidationError):
        return _reason(problem)
    first = problem.errors(include_url=False)[0]
    where = ".".join(str(part)[:MOST_SHOWN] for part in first["loc"]) or "the document"
    return f"{where}: {first['msg'][: 3 * MOST_SHOWN]}"


def _reason(problem: OSError | ValueError) -> str:
    """An error's own words, without the path, which stands before them."""
    if isinstance(problem, UnicodeDecodeError):
        return "not UTF-8 text"
    words = problem.strerror if isinstance(problem, OSError) else str(problem)
    return (words or str(problem))[: 3 * MOST_SHOWN]


def sha256_text(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()
