"""General benchmarks of a run: each task's scores in a file of its own, as they come."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from factlab.progress import Progress
from factlab.respondents.protocol import Respondent
from factlab.respondents.weights import WeightsRespondent
from factlab.runs.files import write_lines
from factlab.runs.folder import AnswersFolder
from factlab.schema.config import RunConfig

if TYPE_CHECKING:
    from factlab.inference.benchmarks import Benchmark


def benchmarks_of(config: RunConfig) -> Sequence[Benchmark]:
    """The tasks of a run with their data; nothing is imported where there are none.

    Raises:
        FactlabError: see `find_benchmarks`.
    """
    if not config.benchmarks:
        return ()
    return _found(config.benchmarks, config.benchmark_data, config.benchmark_limit)


@lru_cache(maxsize=1)  # each cell of a run asks, and reading the data takes seconds
def _found(names: Sequence[str], data: str | None, limit: int | None) -> Sequence[Benchmark]:
    from factlab.inference.benchmarks import find_benchmarks

    return find_benchmarks(names, data, limit)


def measure_benchmarks(
    respondent: Respondent, config: RunConfig, folder: AnswersFolder, progress: Progress, name: str
) -> None:
    """Score the tasks that have no file yet.

    Args:
        respondent: The base, or what was tuned from it; `prepare` refuses one whose weights are
            not here.
        config: Which tasks.
        folder: Where the scores are kept.
        progress: Where to report.
        name: Whose scores, for progress.
    """
    to_do = [one for one in benchmarks_of(config) if not folder.benchmark_file(one.name).is_file()]
    if not to_do:
        return
    from factlab.inference.benchmarks import score_benchmark

    assert isinstance(respondent, WeightsRespondent)
    loaded, model = respondent.loaded, respondent.model or respondent.loaded.model
    with progress.stage(f"benchmarks {name}", len(to_do)) as advance:
        for one in to_do:
            write_lines(folder.benchmark_file(one.name), score_benchmark(loaded, model, one))
            advance(1)
