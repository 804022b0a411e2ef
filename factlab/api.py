"""The Python interface: the same run, from a script or a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

from pydantic import ValidationError

from factlab.errors import ConfigError
from factlab.pipeline import run_experiment
from factlab.progress import Progress, Silent
from factlab.reading.complaints import words_of
from factlab.report.live import NotebookProgress, in_notebook
from factlab.schema.combine import DENSITY, How
from factlab.schema.config import RunConfig
from factlab.schema.results import RunResult
from factlab.workflows.combine import combination
from factlab.workflows.evaluate import evaluation
from factlab.workflows.preview import Preview
from factlab.workflows.preview import preview as preview_of


def run(
    facts: str | PathLike[str] | Sequence[str | PathLike[str]],
    rank: int | Sequence[int] = (),
    *,
    seed: int | Sequence[int] = (),
    out: str | PathLike[str] | None = None,
    resume: bool = False,
    fresh: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> RunResult:
    """Train adapters on facts and measure recall and forgetting; what `factlab run` does.

    Args:
        facts: A fact file, folder or shipped name, or several.
        rank: LoRA ranks; the recipe's own if empty.
        seed: Seeds; 0 if none is given. `seeds=3` is short for 0, 1 and 2.
        out: The run folder; by default a new one under reports/.
        resume: Continue an unfinished run of the same settings.
        fresh: Compute the base's answers again; do not read those of earlier runs.
        progress: Where to report; by default in a notebook below the cell, elsewhere nowhere.
        **settings: Any other field of `factlab.RunConfig`, such as `precision="bf16"`, `epochs=3`
            or `recipe=("tutorial", "default")`; the names are those of the command line's options.

    Returns:
        The same record that results.json holds.

    Raises:
        FactlabError: for whatever a user can fix.
    """
    return _run(
        {
            "facts": _names(facts),
            "rank": (rank,) if isinstance(rank, int) else tuple(rank),
            **({"seed": seed} if isinstance(seed, int) or len(seed) else {}),
            **settings,
        },
        out=out,
        resume=resume,
        fresh=fresh,
        progress=progress,
    )


def practice(
    source: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
    resume: bool = False,
    fresh: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> RunResult:
    """Train on a set of conversations without any fact; what `factlab practice` does.

    Args:
        source: A file, a folder, a shipped set or a set of the hub (docs/data.md).
        out: The run folder; by default a new one under reports/.
        resume: Continue an unfinished run of the same settings.
        fresh: Compute the base's answers again; do not read those of earlier runs.
        progress: Where to report; by default in a notebook below the cell, elsewhere nowhere.
        **settings: Any other field of `factlab.RunConfig`, such as `practice_examples=100`.

    Returns:
        The same record that results.json holds.

    Raises:
        FactlabError: for whatever a user can fix.
    """
    return _run(
        {"practice": str(source), **settings},
        out=out,
        resume=resume,
        fresh=fresh,
        progress=progress,
    )


def preview(facts: str | PathLike[str] | Sequence[str | PathLike[str]], **settings: Any) -> Preview:
    """Expand facts, and train nothing; what `factlab preview` shows.

    Args:
        facts: A fact file, folder or shipped name, or several.
        **settings: Fields of `factlab.RunConfig` that decide the expansion, such as
            `train_pairs=40`.

    Returns:
        The questions of each fact by split; a notebook shows some of each.

    Raises:
        FactlabError: for whatever a user can fix.
    """
    return preview_of(_config({"facts": _names(facts), **settings}))


def evaluate(
    facts: str | PathLike[str] | Sequence[str | PathLike[str]],
    tuned: str | PathLike[str] | Sequence[str | PathLike[str]],
    base: str | PathLike[str] | None = None,
    *,
    out: str | PathLike[str] | None = None,
    resume: bool = False,
    fresh: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> RunResult:
    """Measure models that were tuned elsewhere; what `factlab evaluate` does.

    Args:
        facts: A fact file, folder or shipped name, or several.
        tuned: An adapter's folder, a model's folder or a hub id, each also as `NAME=WHAT`; or
            several.
        base: What they were tuned from; by default the embedded model.
        out: The run folder; by default a new one under reports/.
        resume: Continue an unfinished run of the same settings.
        fresh: Compute the base's answers again; do not read those of earlier runs.
        progress: Where to report; by default in a notebook below the cell, elsewhere nowhere.
        **settings: Fields of `factlab.RunConfig` that decide an evaluation, such as `far="100"`.

    Returns:
        The same record that results.json holds.

    Raises:
        FactlabError: for whatever a user can fix.
    """
    chosen = settings if base is None else {**settings, "model": str(base)}
    config = evaluation(_names(facts), _names(tuned), chosen)
    return _carry_out(config, out=out, resume=resume, fresh=fresh, progress=progress)


def _names(given: str | PathLike[str] | Sequence[str | PathLike[str]]) -> tuple[str, ...]:
    """One name or path, or several, as settings hold them."""
    return (str(given),) if isinstance(given, str | PathLike) else tuple(map(str, given))


def _run(settings: dict[str, Any], *, out: str | PathLike[str] | None, **how: Any) -> RunResult:
    return _carry_out(_config(settings), out=out, **how)


def _config(settings: dict[str, Any]) -> RunConfig:
    recipe = settings.get("recipe")
    if isinstance(recipe, PathLike):
        settings = {**settings, "recipe": str(recipe)}
    elif isinstance(recipe, list | tuple):
        named = tuple(str(one) if isinstance(one, PathLike) else one for one in recipe)
        settings = {**settings, "recipe": named}
    try:
        return RunConfig(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{'.'.join(map(str, first['loc']))}: " if first["loc"] else ""
        raise ConfigError(f"{where}{words_of(first)}.") from None


def _carry_out(
    config: RunConfig,
    *,
    out: str | PathLike[str] | None,
    progress: Progress | None,
    **how: Any,
) -> RunResult:
    progress = progress or (NotebookProgress() if in_notebook() else Silent())
    folder = Path(out) if out is not None else None
    with catch_warnings():
        if in_notebook():  # libraries' notices on their own next versions would stand between bars
            simplefilter("ignore", FutureWarning)
        result, _ = run_experiment(config, out=folder, progress=progress, **how)
    return result


def combine(
    *runs: str | PathLike[str],
    cells: Sequence[str] = (),
    how: How | Sequence[How] = "linear",
    weights: Sequence[Sequence[float]] = (),
    any_sum: bool = False,
    density: float = DENSITY,
    svd_rank: int | None = None,
    seed: int | Sequence[int] = 0,
    out: str | PathLike[str] | None = None,
    resume: bool = False,
    fresh: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Combine adapters of one base and measure the result; what `factlab combine` does.

    Args:
        *runs: Run folders.
        cells: One for each run, one for all, or several of one run; empty where each has one.
        how: Methods, one combination each; see `factlab.schema.combine.METHODS`.
        weights: A weight for each adapter, one combination each; empty: all the same.
        any_sum: Allow weights that do not sum to 1.
        density: Share of the values that is kept, in methods that drop some.
        svd_rank: Rank of the result of svd methods; None for the largest of the adapters'.
        seed: Seeds of the dare methods.
        out: The run folder; by default a new one under reports/.
        resume: Continue an unfinished run of the same settings.
        fresh: Compute the base's answers again; do not read those of earlier runs.
        progress: Where to report; by default in a notebook below the cell, elsewhere nowhere.

    Returns:
        The same record that results.json holds.

    Raises:
        FactlabError: for whatever a user can fix.
    """
    config = combination(
        [Path(run) for run in runs],
        cells=cells,
        how=(how,) if isinstance(how, str) else how,
        weights=weights,
        any_sum=any_sum,
        density=density,
        svd_rank=svd_rank,
        seed=(seed,) if isinstance(seed, int) else seed,
    )
    return _carry_out(config, out=out, resume=resume, fresh=fresh, progress=progress)
