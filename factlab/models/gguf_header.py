"""The header of a GGUF file, read with every count held against the bytes that are there.

The gguf package reads whatever counts a file claims, which can take for ever; it reads a file only
after this did.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from factlab.errors import ModelError, shortened
from factlab.models.files import check_plain, said

MAGIC, VERSIONS = b"GGUF", (2, 3)
MOST_DIMENSIONS = 4
MOST_NAME = 65_535  # bytes of a key; the format's own bound
MOST_TEXT = 8_000_000  # bytes of one text, such as a chat template
MOST_HEADER = 128_000_000  # bytes before the tensors: a vocabulary takes a few million
MOST_PIECES = 2_000_000  # fields, tensors and texts in lists
MOST_BEHIND = 1_000_000  # bytes behind the last tensor
_MOST_KEPT = 4_096  # items of an array that are kept; longer ones are vocabularies
_ALIGNMENT = "general.alignment"
_NUMBERS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LENGTH = 8  # bytes of a count


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says of itself.

    Attributes:
        fields: Numbers, texts and short arrays, by key; None for a long array.
        shapes: The shape of each tensor by name, rows first.
        bytes: Of the file.
    """

    fields: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]
    bytes: int


def read_header(file: Path) -> GgufHeader:
    """Read what is before the tensors of a GGUF file.

    Raises:
        ModelError: for a file that is none, is cut off, or claims more than it holds.
    """
    size = check_plain(file)
    try:
        with file.open("rb") as stream:
            return _Cursor(stream, size).header()
    except (OSError, ValueError) as problem:  # what is not UTF-8 is a ValueError
        raise ModelError(
            f"{file} cannot be read as a GGUF file of {size:,} bytes ({said(problem)}). It may be "
            "cut off: fetch or write it again."
        ) from None


class _Cursor:
    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._left = size
        self._size = size
        self._pieces = 0

    def header(self) -> GgufHeader:
        if self._take(len(MAGIC)) != MAGIC:
            raise ValueError("it does not begin as one")
        version = self._number("I")
        if version not in VERSIONS:
            raise ValueError(f"version {version}; {VERSIONS[0]} and {VERSIONS[1]} are read")
        tensors = self._things(_LENGTH + 4 + 4 + _LENGTH, "tensors")
        fields = dict(self._field() for _ in range(self._things(_LENGTH + 4 + 1, "fields")))
        infos = [self._tensor() for _ in range(tensors)]
        self._check_inside(infos, fields.get(_ALIGNMENT, 32))
        return GgufHeader(fields, {name: shape for name, shape, _, _ in infos}, self._size)

    def _take(self, length: int) -> bytes:
        if length > self._left:
            raise ValueError(f"{length:,} bytes are wanted where {self._left:,} are left")
        self._left -= length
        if self._size - self._left > MOST_HEADER:
            raise ValueError(f"its header is longer than {MOST_HEADER:,} bytes")
        found = self._stream.read(length)
        if len(found) != length:
            raise ValueError("it became shorter while it was read")
        return found

    def _number(self, kind: str) -> Any:
        return struct.unpack(f"<{kind}", self._take(struct.calcsize(f"<{kind}")))[0]

    def _count(self, least: int, what: str) -> int:
        """A count of things that have at least so many bytes each."""
        count = int(self._number("Q"))
        if count * least > self._left:
            raise ValueError(f"it claims {count:,} {what} in {self._left:,} bytes")
        return count

    def _things(self, least: int, what: str) -> int:
        """The same of things that are gone through one by one, and so bounded in number."""
        count = self._count(least, what)
        self._pieces += count
        if self._pieces > MOST_PIECES:
            raise ValueError(f"it claims {count:,} {what}; at most {MOST_PIECES:,} are read")
        return count

    def _text(self) -> str:
        length = self._count(1, "bytes of text")
        if length > MOST_TEXT:
            raise ValueError(f"a text of {length:,} bytes")
        return self._take(length).decode("utf-8", "replace")

    def _name(self) -> str:
        length = self._count(1, "bytes of text")
        if length > MOST_NAME:
            raise ValueError(f"a name of {length:,} bytes")
        return self._take(length).decode()

    def _field(self) -> tuple[str, Any]:
        key = self._name()
        kind = self._number("I")
        if kind == _STRING:
            return key, self._text()
        if kind == _ARRAY:
            return key, self._array(key)
        return key, self._number(self._kind(kind, key))

    def _array(self, key: str) -> list[Any] | None:
        kind = self._number("I")
        if kind == _ARRAY:
            raise ValueError(f"arrays in an array, at {shortened(key)!r}")
        if kind == _STRING:
            read: Callable[[], Any] = self._text
            count = self._things(_LENGTH, "texts")
            items = (read() for _ in range(count))
            kept = [item for i, item in enumerate(items) if i < _MOST_KEPT]
            return kept if count <= _MOST_KEPT else None
        number = self._kind(kind, key)
        count = self._count(struct.calcsize(number), "numbers")
        data = self._take(count * struct.calcsize(number))
        return list(struct.unpack(f"<{count}{number}", data)) if count <= _MOST_KEPT else None

    @staticmethod
    def _kind(kind: int, key: str) -> str:
        if kind not in _NUMBERS:
            raise ValueError(f"a value of kind {kind}, which is none, at {shortened(key)!r}")
        return _NUMBERS[kind]

    def _tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._name()
        dimensions = self._number("I")
        if not 0 < dimensions <= MOST_DIMENSIONS:
            raise ValueError(f"{shortened(name)!r} has {dimensions:,} dimensions")
        sides = struct.unpack(f"<{dimensions}Q", self._take(8 * dimensions))
        return name, tuple(reversed(sides)), self._number("I"), int(self._number("Q"))

    def _check_inside(
        self, infos: list[tuple[str, tuple[int, ...], int, int]], alignment: object
    ) -> None:
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

        if not isinstance(alignment, int) or alignment <= 0:
            raise ValueError(f"{_ALIGNMENT} is {shortened(repr(alignment))}")
        start = end = -(-(self._size - self._left) // alignment) * alignment
        for name, shape, kind, offset in infos:
            if kind not in list(GGMLQuantizationType):
                raise ValueError(f"{shortened(name)!r} is of type {kind}, which is not known")
            per_block, block = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
            length = math.prod(shape) // per_block * block
            if start + offset + length > self._size:
                raise ValueError(f"{shortened(name)!r} lies beyond the file's end")
            end = max(end, start + offset + length)
        if self._size - end > MOST_BEHIND:
            raise ValueError(f"{self._size - end:,} bytes stand behind its tensors")
