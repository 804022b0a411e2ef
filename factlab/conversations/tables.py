"""Sets that the `datasets` library reads: parquet files, folders, and the hub.

The one module below the model rooms that loads that library, and only when such a set is named.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from factlab.conversations.folders import refuse_elsewhere
from factlab.errors import DataError

MOST_PARQUET = 1_000_000_000  # bytes of its rows in memory, all together
BATCH = 64  # rows at a time
MOST_BATCH = 64_000_000  # bytes of a batch, where each of its rows had all that a column holds


def table_rows(source: str, split: str | None) -> Iterable[object]:
    """The rows of a parquet file, a folder, or a set of the hub, in order.

    What is local is read where it lies; what is on the hub goes through that library's own cache.

    Args:
        source: A path that is there, or a hub id.
        split: Which part of it; None for its training part, or the only one.

    Raises:
        DataError: if it cannot be read, or has no such part.
    """
    path = Path(source)
    if path.is_file():
        return _safely(_parquet(path), source, local=True)
    try:
        parts = _load(path, source, split)
    except DataError:
        raise
    except Exception as problem:  # the library's errors have no common base worth naming
        raise _cannot_be_read(source, problem, local=path.exists()) from None
    if not isinstance(parts, dict):
        return _safely(parts, source, local=path.exists())
    chosen = "train" if "train" in parts else next(iter(parts))
    if chosen != "train" and len(parts) > 1:
        raise DataError(
            f"{source}: it has the parts {', '.join(map(str, parts))} and none named train. Name "
            f"one, such as {source}:{chosen}."
        )
    return _safely(parts[chosen], source, local=path.exists())


def _load(path: Path, source: str, split: str | None) -> Any:
    from datasets import load_dataset, load_from_disk
    from datasets.utils.logging import disable_progress_bar

    disable_progress_bar()
    for name in (
        "datasets",
        "huggingface_hub",
    ):  # our own error says what went wrong, in one sentence
        logging.getLogger(name).setLevel(logging.ERROR)
    if (path / "state.json").is_file() or (path / "dataset_dict.json").is_file():
        saved = load_from_disk(str(path))
        return saved[split] if split else saved
    if path.is_dir():
        refuse_elsewhere(path)
        return load_dataset(str(path), split=split, streaming=True)
    return load_dataset(source, split=split)


def _parquet(file: Path) -> Iterator[object]:
    """The rows of a parquet file, a few at a time, bounded in the bytes that they expand to."""
    import pyarrow
    from pyarrow.parquet import ParquetFile

    opened = ParquetFile(file)
    groups = [opened.metadata.row_group(place) for place in range(opened.metadata.num_row_groups)]
    stated = sum(group.total_byte_size for group in groups)
    # A value that stands once in the file may stand in every row of a batch.
    largest = max(
        (g.column(c).total_uncompressed_size for g in groups for c in range(g.num_columns)),
        default=0,
    )
    rows = max(1, min(BATCH, MOST_BATCH // max(1, largest)))
    read = 0
    for batch in opened.iter_batches(batch_size=rows):
        read += pyarrow.Table.from_batches([batch]).nbytes
        if max(stated, read) > MOST_PARQUET:
            raise DataError(
                f"{file}: expands to more than the {MOST_PARQUET:,} bytes that are read of it. "
                "Split it."
            )
        yield from batch.to_pylist()


def _safely(rows: Any, source: str, *, local: bool) -> Iterable[object]:
    """The rows, which are read only now: errors then are reported like the rest."""
    try:
        yield from rows
    except DataError:
        raise
    except Exception as problem:
        raise _cannot_be_read(source, problem, local=local) from None


def _cannot_be_read(source: str, problem: Exception, *, local: bool) -> DataError:
    said = str(problem).strip().splitlines()
    what = (
        "cannot be read as a data set"
        if local
        else "not found: no local file or folder of that name, and the hub did not give it"
    )
    hint = "" if local else " Check the spelling and the network."
    reason = f"{type(problem).__name__}: {said[0][:200] if said else 'no reason given'}"
    return DataError(f"{source}: {what} ({reason}).{hint}")
