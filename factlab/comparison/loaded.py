"""Run folders as far as a comparison needs them, and whether they may be compared at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from factlab.errors import ConfigError, RunFolderError
from factlab.metrics.versions import MATCH_SCORER
from factlab.reading.paths import real
from factlab.runs.folder import RunFolder
from factlab.runs.integrity import refuse_damaged
from factlab.schema.question import Question
from factlab.schema.results import CellResult, RunRecord
from factlab.schema.splits import COMPARED_SPLITS, Split


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """One run.

    Attributes:
        folder: Where it is.
        record: Its run.json.
        cells: Those that are finished.
        label: What tells it from the others.
    """

    folder: RunFolder
    record: RunRecord
    cells: tuple[CellResult, ...]
    label: str

    @property
    def facts(self) -> tuple[str, ...]:
        """Facts that its cells were trained on."""
        return tuple(dict.fromkeys(fact for cell in self.cells for fact in cell.facts))

    def scorers(self) -> dict[str, str]:
        """What graded and scored, with its version: {'match': 'match 2', …}."""
        names = sorted({m.scorer for cell in self.cells for m in cell.metrics.values()})
        return {name.rpartition(" ")[0]: name for name in names}


def load_runs(paths: Sequence[Path]) -> list[LoadedRun]:
    """Read what was recorded about runs.

    Raises:
        RunFolderError: for a folder that is no run, has no finished cell, or is damaged.
        ConfigError: for a run that is named twice.
    """
    if not paths:
        raise ConfigError("no run is named. Give run folders; `factlab list runs` shows them.")
    folders = {real(path): RunFolder(path) for path in paths}
    if len(folders) < len(paths):
        raise ConfigError("a run folder is named twice. Name each run once.")
    records = {path: folder.record() for path, folder in folders.items()}
    ids = Counter(record.run_id for record in records.values())
    return [
        LoadedRun(
            folder=folder,
            record=records[path],
            cells=_finished(folder, records[path]),
            label=_label(folder, records[path], ids),
        )
        for path, folder in folders.items()
    ]


def _finished(folder: RunFolder, record: RunRecord) -> tuple[CellResult, ...]:
    cells = tuple(folder.finished_cells())
    if not cells:
        raise RunFolderError(
            f"{folder.path}: no cell of this run is finished ({record.status}), so there is "
            "nothing to compare. `factlab run … --resume` continues it."
        )
    refuse_damaged(folder)
    return cells


def _label(folder: RunFolder, record: RunRecord, ids: Counter[str]) -> str:
    return record.run_id if ids[record.run_id] == 1 else str(folder.path)


def check_alike(runs: Sequence[LoadedRun]) -> tuple[str, ...]:
    """The facts that all runs share, if they may be compared on them.

    Raises:
        RunFolderError: for verdicts of an older matcher.
        ConfigError: for other weights, no fact in common, or other questions about it.
    """
    for run in runs:
        _check_matcher(run)
    first = runs[0]
    for other in runs[1:]:
        _check_scorers(first, other)
        _check_weights(first, other)
    facts = tuple(fact for fact in first.facts if all(fact in run.facts for run in runs))
    if not facts:
        trained = "; ".join(f"{run.label}: {', '.join(run.facts)}" for run in runs)
        raise ConfigError(f"these runs share no fact ({trained}). Compare runs of the same facts.")
    if len(runs) > 1:
        _check_questions(runs, facts)
    return facts


def _check_matcher(run: LoadedRun) -> None:
    graded_by = run.scorers().get(MATCH_SCORER.rpartition(" ")[0], MATCH_SCORER)
    if graded_by != MATCH_SCORER:
        raise RunFolderError(
            f"{run.folder.path}: its answers were graded by {graded_by}, this factlab grades by "
            f"{MATCH_SCORER}. `factlab rescore {run.folder.path}` grades the stored answers again."
        )


def _check_scorers(first: LoadedRun, other: LoadedRun) -> None:
    mine, its = first.scorers(), other.scorers()
    for kind in mine.keys() & its.keys():
        if mine[kind] != its[kind]:
            raise ConfigError(
                f"{first.label} was scored by {mine[kind]}, {other.label} by {its[kind]}, so "
                "their figures are not comparable. Make the older run again."
            )


def _check_weights(first: LoadedRun, other: LoadedRun) -> None:
    mine, its = first.record.model, other.record.model
    if mine is None or its is None:
        unnamed = first if mine is None else other
        raise ConfigError(
            f"{unnamed.folder.path}: run.json does not say which weights were measured, so it "
            "cannot be compared with another run. Make it again."
        )
    if mine.sha256 != its.sha256:
        raise ConfigError(
            f"{first.label} measured {mine.name} (weights {mine.sha256[:12]}), {other.label} "
            f"{its.name} (weights {its.sha256[:12]}). Differences between adapters of different "
            "base models are no differences between configurations; compare runs of one model."
        )


def _check_questions(runs: Sequence[LoadedRun], facts: Sequence[str]) -> None:
    first = runs[0]
    mine = _fingerprints(first, facts)
    for other in runs[1:]:
        its = _fingerprints(other, facts)
        changed = sorted(key for key in mine.keys() | its.keys() if mine.get(key) != its.get(key))
        if changed:
            splits = ", ".join(sorted({split for split, _ in changed}))
            raise ConfigError(
                f"{first.label} and {other.label} do not have the same questions: "
                f"{len(changed)} differ in {splits}, such as {changed[0][1]}. Compare runs that "
                "were made with the same facts, templates and controls."
            )


def _fingerprints(run: LoadedRun, facts: Sequence[str]) -> dict[tuple[str, str], str]:
    return fingerprints(measured_questions(run.folder, COMPARED_SPLITS, facts))


def fingerprints(questions: Iterable[Question]) -> dict[tuple[str, str], str]:
    """What makes each question what it is, by its split and id."""
    return {
        (question.split, question.id): question.model_dump_json(
            include={"text", "before", "target", "gold", "superseded", "gate", "gate_gold"}
        )
        for question in questions
    }


def measured_questions(
    folder: RunFolder, splits: Sequence[Split], facts: Sequence[str]
) -> Iterator[Question]:
    """The questions of some splits about some facts, or about none."""
    for question in folder.questions():
        if question.split in splits and (question.fact is None or question.fact in facts):
            yield question
