"""A file, compressed or not → its bytes, bounded in what they expand to."""

from __future__ import annotations

import bz2
import codecs
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from factlab.errors import DataError, FactlabError, listed
from factlab.reading.files import MOST_BYTES_OF_LINES, MOST_LINE, opened

# A file may expand to this many bytes, or to this many times its size if that is more: text that
# people write shrinks to a twentieth at best; what shrinks to a thousandth is made to fill memory.
FREE_BYTES = 16_000_000
MOST_RATIO = 100
MOST_DICTIONARY = 128_000_000  # bytes of memory that an .xz file may ask for
MOST_BLANK = 500_000  # lines that hold nothing
MOST_MEMBERS = 1_000  # of a .zip file
MOST_LISTED = 1_000_000  # bytes of its list of them
MOST_PIECES = 20_000  # of a file that was compressed in pieces, which may be empty
ZIP = ".zip"
DATA_ENDINGS = (".jsonl", ".json", ".ndjson", ".csv", ".tsv")  # of files in an archive
UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_DAMAGE = (
    *(OSError, EOFError, ValueError, RuntimeError, MemoryError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)


def inner_name(file: Path, error: type[FactlabError]) -> str:
    """The name of a file without its compression; of a .zip file the name of what it holds.

    Raises:
        FactlabError: of class `error`, for a .zip file that holds no file, or more than one.
    """
    suffix = file.suffix.lower()
    if suffix == ZIP:
        with opened(file, error) as raw:
            return _member(raw, file, error).filename
    return file.stem if suffix in COMPRESSED else file.name


@contextmanager
def open_expanded(
    file: Path, error: type[FactlabError], most: int = MOST_BYTES_OF_LINES
) -> Iterator[io.BufferedReader]:
    """The bytes of a file as they were before it was compressed.

    Args:
        file: Plain, or with an ending of `COMPRESSED`.
        error: The class of what is raised.
        most: Bytes after expansion.

    Raises:
        FactlabError: of class `error`, now or while it is read: for what is no plain file, is
            damaged, or expands to more than it may.
    """
    suffix = file.suffix.lower()
    with opened(file, error) as raw:
        bound = most
        if suffix in COMPRESSED:
            bound = min(most, max(FREE_BYTES, MOST_RATIO * raw.seek(0, io.SEEK_END)))
            raw.seek(0)
        try:
            inner = _opener(suffix, file, error)(raw)
        except _DAMAGE as problem:
            raise _damaged(file, problem, error) from None
        stream: io.BufferedIOBase = io.BufferedReader(_Bounded(inner, file, error, bound), 1 << 17)
        yield io.BufferedReader(_InUtf8(stream, file, error), 1 << 17)


def raw_lines(stream: io.BufferedReader, file: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a stream with their numbers; of one longer than `MOST_LINE` its beginning.

    Raises:
        DataError: for more blank lines than a set can have.
    """
    number, blank = 1, 0
    while raw := stream.readline(MOST_LINE + 1):
        yield number, raw
        while len(raw) > MOST_LINE and not raw.endswith(b"\n"):
            raw = stream.readline(MOST_LINE + 1)
        number += 1
        blank += len(raw) < 3 and raw.isspace()
        if blank > MOST_BLANK:
            raise DataError(f"{file}:{number}:1: more than {MOST_BLANK:,} of its lines are blank.")


class _Bounded(io.RawIOBase):
    """A stream of which at most so many bytes are read."""

    def __init__(self, inner: IO[bytes], file: Path, error: type[FactlabError], most: int) -> None:
        self._inner, self._file, self._error = inner, file, error
        self._most, self._left = most, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            found = self._inner.read(len(buffer))
        except _DAMAGE as problem:
            raise _damaged(self._file, problem, self._error) from None
        self._left -= len(found)
        if self._left < 0:
            packed = self._file.suffix.lower() in COMPRESSED
            said = "expands to more" if packed else "holds more"
            raise self._error(
                f"{self._file}: {said} than the {self._most:,} bytes that are read of it. Split it."
            )
        buffer[: len(found)] = found
        return len(found)


class _InUtf8(io.RawIOBase):
    """A stream as it is; one of UTF-16, as spreadsheets write it, as UTF-8."""

    def __init__(self, inner: io.BufferedIOBase, file: Path, error: type[FactlabError]) -> None:
        self._inner, self._file, self._error = inner, file, error
        self._begun = False
        self._decoder: codecs.IncrementalDecoder | None = None
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._begun:
            self._begun = True
            first = self._inner.read(4)
            name = None if first[2:4] == b"\0\0" else UTF_16.get(first[:2])  # nor UTF-32
            self._decoder = codecs.getincrementaldecoder(name)() if name else None
            self._left = self._decoded(first[2:]) if name else first
        while self._decoder is not None and not self._left:
            raw = self._inner.read(1 << 15)
            self._left = self._decoded(raw)
            if not raw and not self._left:
                return 0
        if not self._left:
            return self._inner.readinto(buffer)
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size

    def _decoded(self, raw: bytes) -> bytes:
        try:
            assert self._decoder is not None
            return self._decoder.decode(raw, final=not raw).encode()
        except UnicodeError:
            raise self._error(
                f"{self._file}: not UTF-16 text, as its first bytes say. Save it as UTF-8."
            ) from None


class _Pieces:
    """A stream of compressed pieces, one behind the other, as parallel programs write them."""

    def __init__(self, raw: BinaryIO, begin: Callable[[], Any]) -> None:
        self._raw, self._begin, self._number = raw, begin, 0
        self._start()

    def _start(self, left: bytes = b"") -> None:
        self._number += 1
        if self._number > MOST_PIECES:
            raise ValueError(f"more than {MOST_PIECES:,} pieces")
        self._piece, self._next = self._begin(), left

    def read(self, most: int) -> bytes:
        while True:
            if self._piece.eof:
                left = self._piece.unused_data or self._raw.read(1 << 16)
                if not left.strip(b"\0"):
                    return b""
                self._start(left)
            given = b""
            if self._piece.needs_input:
                given, self._next = self._next or self._raw.read(1 << 16), b""
                if not given:
                    raise EOFError("it ends too early")
            found: bytes = self._piece.decompress(given, most)
            if found:
                return found


class _Gzip:
    """A piece of a .gz file, with what the standard library's other pieces have."""

    def __init__(self) -> None:
        self._made = zlib.decompressobj(zlib.MAX_WBITS | 16)  # with a heading and a checksum

    @property
    def eof(self) -> bool:
        return self._made.eof

    @property
    def unused_data(self) -> bytes:
        return self._made.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._made.unconsumed_tail and not self._made.eof

    def decompress(self, given: bytes, most: int) -> bytes:
        return self._made.decompress(self._made.unconsumed_tail + given, most)


class _Directory:
    """A .zip file, of whose list of files only so much is read."""

    def __init__(self, raw: BinaryIO) -> None:
        self.seek, self.tell, self.seekable = raw.seek, raw.tell, raw.seekable
        self._raw, self.bounded = raw, True

    def read(self, most: int = -1) -> bytes:
        if not self.bounded:
            return self._raw.read(most)
        found = self._raw.read(MOST_LISTED + 1 if most < 0 else min(most, MOST_LISTED + 1))
        if len(found) > MOST_LISTED:
            raise zipfile.BadZipFile(f"its list of files is longer than {MOST_LISTED:,} bytes")
        return found


def _opener(suffix: str, file: Path, error: type[FactlabError]) -> Callable[[BinaryIO], IO[bytes]]:
    def member(raw: BinaryIO) -> IO[bytes]:
        return _archive(raw).open(_member(raw, file, error))

    openers: dict[str, Callable[[BinaryIO], Any]] = {
        ".gz": lambda raw: _Pieces(raw, _Gzip),
        ".bz2": lambda raw: _Pieces(raw, bz2.BZ2Decompressor),
        ".xz": lambda raw: _Pieces(raw, lambda: lzma.LZMADecompressor(memlimit=MOST_DICTIONARY)),
        ".zst": _zstandard,
        ZIP: member,
    }
    return openers.get(suffix, lambda raw: raw)


def _zstandard(raw: BinaryIO) -> IO[bytes]:
    import pyarrow

    found: IO[bytes] = pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, mode="r"), "zstd")
    return found


def _archive(raw: BinaryIO) -> zipfile.ZipFile:
    listed_first = _Directory(raw)
    archive = zipfile.ZipFile(listed_first)
    listed_first.bounded = False
    return archive


def _member(raw: BinaryIO, file: Path, error: type[FactlabError]) -> zipfile.ZipInfo:
    """The one file in a .zip file; what systems put beside it is passed over."""
    try:
        members = _archive(raw).infolist()
    except _DAMAGE as problem:
        raise _damaged(file, problem, error) from None
    files = [
        one for one in members[:MOST_MEMBERS] if not one.is_dir() and not _hidden(one.filename)
    ]
    if len(files) > 1:  # a README, a licence or the like beside the data
        files = [one for one in files if one.filename.lower().endswith(DATA_ENDINGS)] or files
    if len(files) != 1:
        names = f" ({listed(one.filename for one in files)})" if files else ""
        raise error(
            f"{file}: it holds {len(files)} files{names}; one is read. Take out the one you want."
        )
    return files[0]


def _hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(part.startswith(".") for part in parts)


def _damaged(file: Path, problem: BaseException, error: type[FactlabError]) -> FactlabError:
    said = str(problem).strip().splitlines()
    why = said[0][:120] if said else type(problem).__name__
    return error(f"{file}: cannot be expanded; it is damaged, or no {file.suffix} file ({why}).")


COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ZIP)
