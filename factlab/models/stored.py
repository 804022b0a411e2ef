"""What a folder's safetensors hold, from their headers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from factlab.errors import ModelError, shortened
from factlab.models.files import check_plain, read_object, reading
from factlab.reading.paths import plain_name

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
MOST_HEADER = 16_000_000  # bytes: of a hundred thousand tensors in one file
MOST_INDEX = 32_000_000
_LENGTH = 8  # bytes before a header, which say how long it is


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """Tensors of one model or adapter.

    Attributes:
        shapes: The shape of each, by name.
        bytes: Of all files together; no tensor can have more.
    """

    shapes: dict[str, tuple[int, ...]]
    bytes: int


def stored_weights(files: Sequence[Path]) -> StoredWeights:
    """Read the headers of safetensors files; no weight is read.

    Raises:
        ModelError: for a file that is none, is cut off, or whose header says more than is there.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    total = 0
    for file in files:
        total += _check_header(file)
        shapes |= _shapes(file)
    return StoredWeights(shapes, total)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors that a model of a folder is loaded from.

    Raises:
        ModelError: for an index that cannot be read, or names something that is not a safetensors
            file of the same folder.
    """
    named = _indexed(folder / INDEX) if _is_there(folder / INDEX) else []
    if _is_there(folder / WEIGHTS):
        return [folder / WEIGHTS]
    if not named:
        raise ModelError(
            f"{folder}: its weights are neither in {WEIGHTS} nor in files that {INDEX} names."
        )
    return named


def _is_there(file: Path) -> bool:
    return file.exists() or file.is_symlink()


def _indexed(index: Path) -> list[Path]:
    names = read_object(index, MOST_INDEX).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise ModelError(f"{index}: has no weight_map, which says where each weight is.")
    for name in names.values():
        if _plain(name) is None:
            raise ModelError(
                f"{index} names {shortened(repr(name))}; a file of the same folder is wanted."
            )
        if not name.endswith(".safetensors"):
            raise ModelError(
                f"{index} names {shortened(repr(name))}; only safetensors are loaded, since "
                "other files can run code when loaded."
            )
    return [index.parent / name for name in sorted(set(names.values()))]


def _plain(name: object) -> str | None:
    """A name of a file, or None if it is none or leads elsewhere."""
    try:
        return plain_name(name) if isinstance(name, str) else None
    except ValueError:
        return None


def _check_header(file: Path) -> int:
    """The bytes of a file whose header can be in it."""
    size = check_plain(file)
    with reading(f"{file}: these weights cannot be read"), file.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH), "little")
    if size < _LENGTH or length > min(size - _LENGTH, MOST_HEADER):
        raise ModelError(
            f"{file}: these weights cannot be read (a header of {length:,} bytes in a file of "
            f"{size:,}). It is cut off, or no safetensors file."
        )
    return size


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    from safetensors import safe_open

    with (
        reading(f"{file}: these weights cannot be read", "It may be cut off: fetch it again."),
        safe_open(file, framework="numpy") as opened,
    ):
        return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
