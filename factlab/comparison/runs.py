"""One run or several, from their folders: pooled, compared pair by pair, and one chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from os import PathLike
from pathlib import Path

from pydantic import Field

from factlab.comparison.choose import choose
from factlab.comparison.differing import (
    differing,
    recipe_values,
    settings_of,
    settings_of_run,
)
from factlab.comparison.loaded import LoadedRun, check_alike, load_runs
from factlab.comparison.pairs import ENDPOINT_OF, METRICS, compare_pairs, compare_two
from factlab.comparison.pool import Pooled, by_configuration, pool
from factlab.comparison.responses import RunResponses
from factlab.comparison.seeds import lacks_seeds
from factlab.errors import ConfigError
from factlab.record import Record, Shown
from factlab.schema.results import CellResult, Choice, Comparison, Configuration, Status

SHOWN_PAIRS = 3


class ComparedRun(Record):
    """One of the runs that were compared."""

    run_id: str
    path: str
    status: Status


class RunComparison(Shown):
    """Configurations of one run or several, on the facts that all runs share."""

    runs: tuple[ComparedRun, ...]
    facts: tuple[str, ...] = Field(description="Facts that all runs have; all else is left out.")
    differs: dict[str, dict[str, str]] = Field(
        description="Setting → configuration → value, where configurations differ."
    )
    notes: tuple[str, ...] = Field(description="What the comparison leaves out, in sentences.")
    configurations: tuple[Configuration, ...]
    comparisons: tuple[Comparison, ...]
    choice: Choice | None


def compare_run(
    responses: RunResponses, cells: Sequence[CellResult]
) -> tuple[tuple[Configuration, ...], tuple[Comparison, ...], Choice | None]:
    """What all cells of one run show together; for the end of a run.

    Args:
        responses: The questions of the run, and the responses of its base.
        cells: Its cells. One that diverged keeps its configuration from being chosen.

    Returns:
        Configurations, all their comparisons, and which to choose (None: there is only one).
    """
    pooled = list(_pooled(responses, cells).values())
    comparisons = compare_pairs(pooled)
    return tuple(p.configuration for p in pooled), comparisons, choose(pooled, comparisons)


def compare(*runs: str | PathLike[str]) -> RunComparison:
    """Compare the configurations of a run, or of several; what `factlab compare` does.

    Args:
        *runs: Run folders.

    Raises:
        FactlabError: for runs that cannot be compared, with what to do about it.
    """
    return compare_runs([Path(run) for run in runs])


def compare_runs(paths: Sequence[Path]) -> RunComparison:
    """Compare the configurations of one run, or of several with the same questions.

    Configurations whose ids collide get their run in front: `mount_fuji-1a2b/r08`.

    Raises:
        FactlabError: for runs that cannot be compared, with what to do about it.
    """
    runs = load_runs(paths)
    facts = check_alike(runs)
    pooled: list[Pooled] = []
    finished = [cell for run in runs for cell in _about(run.cells, facts)]
    settings: dict[str, dict[str, str]] = {}
    names = _names(runs, facts)
    for run in runs:
        cells = _about(run.cells, facts)
        shared = settings_of_run(run, facts) if len(runs) > 1 else {}
        recipes = recipe_values(run.folder)
        responses = RunResponses.read(run.folder, facts)
        for key, one in _pooled(responses, cells, names[run.label], facts).items():
            pooled.append(one)
            own = [cell for cell in cells if cell.configuration == key]
            recipe = recipes.get(one.configuration.recipe, {})
            settings[one.configuration.id] = settings_of(one, own) | shared | recipe
    comparisons = compare_pairs(pooled)
    return RunComparison(
        runs=tuple(
            ComparedRun(run_id=r.record.run_id, path=str(r.folder.path), status=r.record.status)
            for r in runs
        ),
        facts=facts,
        differs=differing(settings),
        notes=(
            *_run_notes(runs, facts),
            *_cell_notes(pooled),
            *_pair_notes(pooled, comparisons),
            *filter(None, [lacks_seeds(finished) if len(runs) == 1 else None]),
        ),
        configurations=tuple(one.configuration for one in pooled),
        comparisons=comparisons,
        choice=choose(pooled, comparisons),
    )


def reference_configurations(
    paths: Sequence[Path], against: Path, facts: Sequence[str]
) -> dict[str, Configuration]:
    """The configurations of a run that others are compared with, pooled over the same facts.

    Raises:
        FactlabError: if it is not like them, or lacks one of the facts.
    """
    runs = load_runs([*paths, against])
    lacking = set(facts) - set(check_alike(runs))
    if lacking:
        raise ConfigError(
            f"--against {against}: this run lacks {', '.join(sorted(lacking))}, so its figures are "
            "of other facts. Hold the runs against one of the same facts."
        )
    other = runs[-1]
    responses = RunResponses.read(other.folder, facts)
    pooled = _pooled(responses, _about(other.cells, facts), facts=facts)
    return {key: one.configuration for key, one in pooled.items()}


def differences_from(
    paths: Sequence[Path], against: Path, facts: Sequence[str]
) -> dict[tuple[str, str], Comparison]:
    """How configurations differ from those of the same id in another run, question by question.

    Returns:
        (Id, endpoint) → the difference, a configuration's id with and without its run before it.
    """
    *runs, other = load_runs([*paths, against])
    theirs = _pooled(
        RunResponses.read(other.folder, facts), _about(other.cells, facts), facts=facts
    )
    found: dict[tuple[str, str], Comparison] = {}
    for run in runs:
        responses = RunResponses.read(run.folder, facts)
        for id_, mine in _pooled(responses, _about(run.cells, facts), facts=facts).items():
            for metric, endpoint in ENDPOINT_OF.items() if id_ in theirs else ():
                compared = compare_two(endpoint, theirs[id_], mine)
                if compared is not None:
                    found[id_, metric] = found[f"{run.label}/{id_}", metric] = compared
    return found


def _pooled(
    responses: RunResponses,
    cells: Sequence[CellResult],
    names: Mapping[str, str] | None = None,
    facts: Sequence[str] | None = None,
) -> dict[str, Pooled]:
    """Configurations by the id they have in their run; one at a time is held in memory."""
    found: dict[str, Pooled] = {}
    for key, group in by_configuration(cells).items():
        measured = [responses.score(cell) for cell in group if cell.status == "complete"]
        found[key] = pool((names or {}).get(key, key), group, measured, METRICS, facts)
    return found


def _about(cells: Sequence[CellResult], facts: Sequence[str]) -> list[CellResult]:
    return [cell for cell in cells if any(fact in facts for fact in cell.facts)]


def _names(runs: Sequence[LoadedRun], facts: Sequence[str]) -> dict[str, dict[str, str]]:
    """Run → id in the run → id in the comparison."""
    ids = {
        run.label: sorted({cell.configuration for cell in _about(run.cells, facts)}) for run in runs
    }
    uses = Counter(id_ for own in ids.values() for id_ in own)
    return {
        label: {id_: f"{label}/{id_}" if uses[id_] > 1 else id_ for id_ in own}
        for label, own in ids.items()
    }


# --- what is left out -------------------------------------------------------------------------


def _run_notes(runs: Sequence[LoadedRun], facts: Sequence[str]) -> list[str]:
    notes = [
        f"{run.label} is {run.record.status}; its {len(run.cells)} finished cells are compared."
        for run in runs
        if run.record.status not in ("complete", "diverged")
    ]
    for run in runs:
        others = [fact for fact in run.facts if fact not in facts]
        if others:
            notes.append(
                f"{run.label} has {len(others)} facts that not all runs have, which are left out."
            )
    return notes + _arithmetic_notes(runs)


def _arithmetic_notes(runs: Sequence[LoadedRun]) -> list[str]:
    """Where runs of one precision were computed in several ways, as on other machines."""
    found: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        held = {cell.precision for cell in run.cells}
        if run.record.model is not None and len(held) == 1:
            way = f"{run.record.model.precision_note}, on {run.record.model.device}"
            found.setdefault(held.pop(), {}).setdefault(way, []).append(run.label)
    return [
        f"At {precision} not all was computed alike, so that rounding may have tipped a token here "
        "and there: " + "; ".join(f"{', '.join(names)} {way}" for way, names in ways.items()) + "."
        for precision, ways in found.items()
        if len(ways) > 1
    ]


def _cell_notes(pooled: Sequence[Pooled]) -> list[str]:
    notes = []
    for one in pooled:
        arm = one.configuration
        if one.left_out:
            notes.append(f"{arm.id}: {', '.join(one.left_out)} diverged and is not pooled.")
        wanted = len(arm.seeds) * (1 if arm.together else len(arm.facts))
        if len(arm.cells) < wanted:
            notes.append(
                f"{arm.id}: {len(arm.cells)} of the {wanted} cells of its facts and seeds are "
                "finished."
            )
    return notes


def _pair_notes(pooled: Sequence[Pooled], comparisons: Sequence[Comparison]) -> list[str]:
    compared = {(c.a, c.b) for c in comparisons}
    ids = [
        one.configuration.id
        for one in pooled
        if one.configuration.cells and one.configuration.placebo is None
    ]
    missing = [f"{a} and {b}" for a, b in combinations(ids, 2) if (a, b) not in compared]
    if not missing:
        return []
    more = f", and {len(missing) - SHOWN_PAIRS} more pairs" if len(missing) > SHOWN_PAIRS else ""
    return [
        "Not compared, since they have no seed or no question in common: "
        f"{'; '.join(missing[:SHOWN_PAIRS])}{more}."
    ]
