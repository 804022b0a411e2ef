"""Whether the files of a run are those that it wrote: a figure never changes without a word.

A finished cell's files have a fingerprint in its `cell.json`, all others in the `run.json` of a
finished run. Runs of earlier versions have none, and are read as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import RunFolderError
from factlab.reading.paths import is_file
from factlab.reading.records import MOST_BYTES, lines_in, read_bytes, sha256_of, strict_json
from factlab.runs.files import read_json
from factlab.schema.combine import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from factlab.schema.results import CellResult, RunRecord, RunResult

if TYPE_CHECKING:
    from factlab.runs.folder import CellFolder, RunFolder

# In files of answers: which prompt each is to.
_PROMPTS: Mapping[str, Callable[[Any], list[Any]]] = {
    **dict.fromkeys(
        ("answers.jsonl", "in_context.jsonl", "rounding.jsonl"),
        lambda line: [line["question_id"], line["prompt"]],
    ),
    "panel.jsonl": lambda line: [line["step"], line["answer"]["question_id"]],
}
_OF_BASE = ("answers.jsonl", "likelihoods.jsonl", "in_context.jsonl", "rounding.jsonl")
_LOGS = ("panel.jsonl", "drift.jsonl", "train_log.jsonl", "validation_log.jsonl")
_WEIGHTS = (f"adapter/{ADAPTER_CONFIG}", f"adapter/{ADAPTER_WEIGHTS}")
_OF_CELL = ("answers.jsonl", "likelihoods.jsonl", *_LOGS, *_WEIGHTS)
_OVER = ("complete", "diverged")  # states of a run to which nothing is added


def fingerprint(file: Path) -> str:
    """What may not change in a file: every byte, but of answers no verdict.

    Of answers it has two halves, since `factlab rescore` takes texts as they are: which prompts
    they are to, and what they say.

    Raises:
        ValueError: for lines that are no answers.
        OSError: if it cannot be read.
    """
    prompt = _PROMPTS.get(file.name)
    if prompt is None:
        return sha256_of(file, None if file.name == ADAPTER_WEIGHTS else MOST_BYTES)
    read = [strict_json(line) for line in lines_in(read_bytes(file)) if line]
    said = [line.get("answer", line) for line in read]
    texts = [[answer["text"], answer["tokens"]] for answer in said]
    return ":".join(
        hashlib.sha256(json.dumps(half).encode()).hexdigest()
        for half in ([prompt(line) for line in read], texts)
    )


def fingerprints(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Those of the files that are there."""
    return {name: fingerprint(folder / name) for name in names if is_file(folder / name)}


def _benchmarks(folder: Path) -> list[str]:
    """Its files of general benchmarks, by their place below the run or the cell."""
    return sorted(f"benchmarks/{file.name}" for file in (folder / "benchmarks").glob("[!.]*.jsonl"))


def sealed(folder: CellFolder, result: CellResult) -> CellResult:
    """The result of a cell with the fingerprints of its files, once all are written."""
    return result.model_copy(
        update={"files": fingerprints(folder.path, (*_OF_CELL, *_benchmarks(folder.path)))}
    )


def run_fingerprints(folder: RunFolder) -> dict[str, str]:
    """Those of all that no cell names, once a run is over."""
    precisions = ("", *(f"{name}/" for name in folder.other_precisions()))
    base = [f"base/{precision}{name}" for precision in precisions for name in _OF_BASE]
    base += [
        f"base/{precision}{name}"
        for precision in precisions
        for name in _benchmarks(folder.path / "base" / precision)
    ]
    cells = [f"cells/{cell.id}/cell.json" for cell in folder.finished_cells()]
    own = (folder.config_file.name, folder.results_file.name)
    return fingerprints(folder.path, (*own, *base, *cells))


def refuse_damaged(folder: RunFolder, *, computed: bool = True) -> None:
    """Refuse a run whose questions or measurements are not those that it wrote.

    Args:
        folder: The run.
        computed: Whether that holds for results.json and each cell.json too, which a rescoring
            computes from the others, and for the texts of answers, which it grades.

    Raises:
        RunFolderError: naming the file.
    """
    for problem in problems(folder, computed=computed):
        raise RunFolderError(
            f"{problem} Restore it from a copy, or make the run again. What can be read of it is "
            f"in the page that `factlab report {folder.path}` writes; after texts of answers were "
            f"edited, `factlab rescore {folder.path}` takes them as they are."
        )


def refuse_changed_adapters(folder: RunFolder, cells: Iterable[CellResult]) -> None:
    """Refuse adapters, and settings of a finished run, that are not those that were measured.

    Raises:
        RunFolderError: naming the file.
    """
    known = _of_the_run(folder, folder.config_file)
    for cell in cells:
        names = (name for name in _WEIGHTS if name in cell.files)
        known |= {f"cells/{cell.id}/{name}": cell.files[name] for name in names}
    for problem in _changed(folder.path, known):
        raise RunFolderError(f"{problem} Restore it from a copy, or make the run again.")


def refuse_changed_results(folder: RunFolder) -> None:
    """Refuse the results of a finished run if they are not those that it wrote.

    Raises:
        RunFolderError: saying how to have them computed again.
    """
    for problem in _changed(folder.path, _of_the_run(folder, folder.results_file)):
        raise RunFolderError(
            f"{problem} `factlab rescore {folder.path}` computes it again from the answers."
        )


def _of_the_run(folder: RunFolder, *files: Path) -> dict[str, str]:
    """The fingerprints of some files in the record of a run that is over."""
    record = folder.record()
    known = record.files if record.status in _OVER else {}
    return {file.name: known[file.name] for file in files if file.name in known}


def all_problems(folder: RunFolder) -> tuple[str, ...]:
    """All `problems` of a run, as far as they can be told."""
    found: list[str] = []
    try:
        found.extend(problems(folder))
    except RunFolderError as error:
        found.append(str(error))
    return tuple(found)


def problems(folder: RunFolder, *, computed: bool = True) -> Iterator[str]:
    """What is not as the run wrote it, in sentences; see `refuse_damaged`."""
    record = folder.record()
    yield from _data(folder, record)
    if record.status in _OVER:
        known = {
            name: print_
            for name, print_ in record.files.items()
            if computed or Path(name).name not in (folder.results_file.name, "cell.json")
        }
        yield from _changed(folder.path, known, texts=computed)
    cells = folder.finished_cells()
    for cell in cells:
        known = {name: print_ for name, print_ in cell.files.items() if name not in _WEIGHTS}
        yield from _changed(folder.cell(cell.id).path, known, texts=computed)
    yield from _lost_cells(folder, record, {cell.id for cell in cells})
    yield from _exports(folder)


def _changed(folder: Path, known: Mapping[str, str], *, texts: bool = True) -> Iterator[str]:
    for name, print_ in known.items():
        file = folder / name
        try:
            found = fingerprint(file)
            same = found == print_ if texts else _prompts(found) == _prompts(print_)
        except FileNotFoundError:
            yield f"{file}: this file is missing."
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            yield f"{file}: this file is damaged."
        else:
            if not same:
                yield f"{file}: not as it was written; it may be cut off."


def _prompts(print_: str) -> str:
    return print_.partition(":")[0]


def _data(folder: RunFolder, record: RunRecord) -> Iterator[str]:
    """Whether the questions are those whose hash the record has."""
    if record.data_sha256 is None:  # killed while they were written
        return
    sums = folder.path / "data" / "SHA256SUMS"
    try:
        raw = read_bytes(sums)
    except OSError as problem:
        yield f"{sums}: cannot be read ({problem.strerror})."
        return
    if hashlib.sha256(raw).hexdigest() != record.data_sha256:
        yield f"{sums}: not as it was written; run.json has another SHA-256."
        return
    named = [line.split("  ", 1) for line in raw.decode().splitlines()]
    yield from _changed(sums.parent, {name: digest for digest, name in named})
    others = {file.name for file in sums.parent.glob("*.jsonl")} - {name for _, name in named}
    for name in sorted(others):
        yield f"{sums.parent / name}: this file is not of this run; SHA256SUMS does not name it."


def _lost_cells(folder: RunFolder, record: RunRecord, there: set[str]) -> Iterator[str]:
    """Cells that the results of a finished run have, and its folder has not."""
    if record.status not in _OVER or not is_file(folder.results_file):
        return
    for cell in read_json(folder.results_file, RunResult).cells:
        if cell.id not in there:
            yield f"{folder.cell(cell.id).result_file}: this file is missing."


def _exports(folder: RunFolder) -> Iterator[str]:
    for export in folder.exports():
        record = export.record()
        if record is not None and record.score is not None:
            answers = {answer.question_id for answer in export.answers()}
            if len(answers) < record.score.answers:
                yield (
                    f"{export.answers_file}: answers to {len(answers)} questions, and "
                    f"{record.score.answers} were scored; it may be cut off."
                )
