"""How many facts one adapter holds: a run per number of facts, a cell per rank, one result.

    facts recalled = facts × recall/held_out

Each number of facts is an ordinary run with one adapter for all facts. The facts of a smaller
number are among those of a larger one. What is asked of each fact becomes less where facts are
many, so that measuring does not grow with them: about `ASKED` held-out questions in all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from factlab.comparison.saturation import saturations
from factlab.errors import ConfigError, RunFolderError
from factlab.expand.fictitious import check_number, fact_yaml, fictitious_facts, file_name
from factlab.experiment.plan import plan_experiment
from factlab.pipeline import run_experiment
from factlab.progress import Progress, Silent
from factlab.reading.paths import refuse_links
from factlab.report.capacity import render_capacity
from factlab.runs.files import read_json, sha256_text, write_json, write_text
from factlab.runs.folder import RunFolder, load_run
from factlab.runs.opening import check_unused
from factlab.schema.capacity import CapacityResult, CapacityRow
from factlab.schema.config import RunConfig
from factlab.schema.fact import Fact, find_facts
from factlab.schema.results import Configuration, RunResult
from factlab.workflows.estimate import estimate

NUMBERS = (1, 4, 24, 100)
RANKS = (1, 4, 16, 64)
ASKED = 480  # held-out questions of an adapter, about
LEAST, ALL = 4, 48  # questions of each fact, at least and at most
FEW = 4  # facts; the cost of more is linear in their number
COSTS = (
    "intrusion/near",
    "intrusion/same_subject",
    "intrusion/far",
    "interference/held_out",
    "retention/near",
    "retention/far",
)
SHARED = ("recall/train", "consistency/mean")


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """What is to be measured.

    Attributes:
        numbers: Numbers of facts, ascending.
        config: Settings of every run but for its facts.
        files: Fact files of the user's own, in order; empty: generated ones, by the data seed.
    """

    numbers: tuple[int, ...]
    config: RunConfig
    files: tuple[Path, ...] = ()

    @property
    def source(self) -> str:
        """Where the facts are from."""
        if self.files:
            return f"the first of {len(self.files)} files of the user's"
        return f"fictitious facts of seed {self.config.data_seed}"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one number of facts takes: cells, and seconds where the model's size is known."""

    facts: int
    cells: int
    seconds: float | None


def capacity_plan(
    numbers: Sequence[int], config: RunConfig, facts: Sequence[str] = ()
) -> CapacityPlan:
    """Check what is to be measured.

    Args:
        numbers: Numbers of facts.
        config: Settings of every run; ranks are `RANKS` where it names none.
        facts: Fact files, folders or shipped names, instead of generated facts.

    Raises:
        FactlabError: for numbers that are none, or more than there are facts.
    """
    wanted = tuple(sorted(set(numbers)))
    if not wanted or wanted[0] < 1:
        raise ConfigError("--facts takes numbers from 1 on, such as --facts 1,4,24,100.")
    files = tuple(find_facts(tuple(facts))) if facts else ()
    if files and wanted[-1] > len(files):
        raise ConfigError(
            f"--facts {wanted[-1]}: only {len(files)} facts are named. Name more, or none for "
            "generated ones."
        )
    if not files:
        check_number(wanted[-1])
    given = {} if "rank" in config.overrides else {"rank": RANKS}
    return CapacityPlan(
        wanted, config.model_copy(update={**given, "together": True, "facts": ()}), files
    )


def questions_of_each(number: int) -> int | None:
    """Held-out questions, and near controls, that each of so many facts is asked; None: all."""
    each = ASKED // number
    return None if each >= ALL else max(LEAST, each)


def run_config(plan: CapacityPlan, number: int, files: Sequence[Path]) -> RunConfig:
    """The settings of the run with so many facts; what the user sets of questions is kept."""
    config, each = plan.config, questions_of_each(number)
    settings = {"questions_per_fact", "train_sample", "validation_pairs"} - config.model_fields_set
    bounded = {name: each for name in settings if each is not None}
    if "belief_questions" not in config.model_fields_set:
        bounded["belief_questions"] = 0  # it counts facts, and asks nothing else of them
    facts = tuple(str(file) for file in files[:number])
    return config.model_copy(update={**bounded, "facts": facts})


def costs(plan: CapacityPlan, files: Sequence[Path]) -> list[Cost]:
    """What each number of facts takes, estimated without a model."""
    found = []
    for number in plan.numbers:
        config = run_config(plan, number, files)
        sizes = (number,) if number <= FEW else (1, FEW)
        planned = [
            plan_experiment(config.model_copy(update={"facts": config.facts[:size]}))
            for size in sizes
        ]
        seconds = [estimate(one).seconds for one in planned]
        found.append(Cost(number, len(planned[0].cells), _at(number, sizes, seconds)))
    return found


def _at(number: int, sizes: Sequence[int], seconds: Sequence[float | None]) -> float | None:
    """Seconds at a number, on the line through what smaller numbers take."""
    known = [one for one in seconds if one is not None]
    if len(known) < len(seconds):
        return None
    if len(known) == 1:
        return known[0]
    each = (known[1] - known[0]) / (sizes[1] - sizes[0])
    return known[0] + each * (number - sizes[0])


def default_folder(plan: CapacityPlan) -> Path:
    """A folder below reports/ that the settings name."""
    settings = f"{plan.numbers} {plan.files} {plan.config.model_dump_json()}"
    return Path("reports") / f"capacity-{sha256_text(settings)[:8]}"


def begin(plan: CapacityPlan, out: Path, *, resume: bool) -> tuple[Path, ...]:
    """Write the settings and the facts, or check that they are those of what is resumed.

    Returns:
        The fact files, in order.

    Raises:
        ConfigError: for a folder that is in use, or was made with other settings.
    """
    fresh = CapacityResult(
        status="running", numbers=plan.numbers, config=plan.config, source=plan.source
    )
    refuse_links(out)
    file = out / "capacity.json"
    if file.is_file():
        _check_resumed(fresh, read_json(file, CapacityResult), out, resume=resume)
    else:
        check_unused(out)
        write_json(file, fresh)
    if plan.files:
        return plan.files
    facts = fictitious_facts(plan.numbers[-1], plan.config.data_seed)
    return write_facts(out / "facts", facts, plan.config.data_seed)


@contextmanager
def made_files(plan: CapacityPlan) -> Iterator[tuple[Path, ...]]:
    """The plan's fact files, generated ones in a folder that is removed again."""
    if plan.files:
        yield plan.files
        return
    facts = fictitious_facts(min(plan.numbers[-1], FEW), plan.config.data_seed)
    with tempfile.TemporaryDirectory(prefix="factlab-capacity-") as folder:
        yield write_facts(Path(folder), facts, plan.config.data_seed)


def _check_resumed(
    asked: CapacityResult, there: CapacityResult, out: Path, *, resume: bool
) -> None:
    if not resume:
        raise ConfigError(
            f"{out}: this folder holds a measurement ({there.status}). Pass --resume to continue "
            "it, or another folder with --out."
        )
    same = (asked.numbers, asked.source) == (there.numbers, there.source)
    if not same or asked.config.model_dump() != there.config.model_dump():
        raise ConfigError(
            f"{out}: this was measured with other settings, so it cannot be resumed. Repeat its "
            "command, or choose another --out."
        )


def write_facts(folder: Path, facts: Sequence[Fact], seed: int) -> tuple[Path, ...]:
    """Write made facts, one file each; files that are there already stay."""
    files = []
    for place, fact in enumerate(facts, start=1):
        file = folder / file_name(fact, place)
        if not file.is_file():
            write_text(file, fact_yaml(fact, place, seed))
        files.append(file)
    return tuple(files)


def measure_capacity(
    plan: CapacityPlan,
    out: Path,
    files: Sequence[Path],
    *,
    argv: Sequence[str] = (),
    progress: Progress | None = None,
    fresh: bool = False,
) -> CapacityResult:
    """Run each number of facts, fewest first, and write capacity.json and its page after each.

    Args:
        plan: What is to be measured.
        out: The folder, begun.
        files: Its fact files, in order.
        argv: The command line, for the record of each run.
        progress: Where to report.
        fresh: Compute the base's answers again.

    Raises:
        FactlabError: for a user's error; what was finished stays on disk.
    """
    progress = progress or Silent()
    runs: dict[int, RunResult] = {}
    for number in plan.numbers:
        folder = out / folder_name(number)
        progress.note(f"{number:,} {'fact' if number == 1 else 'facts'} in one adapter")
        config = run_config(plan, number, files)
        runs[number] = _finished(folder) or _run(config, folder, argv, progress, fresh=fresh)
        write_capacity(out, summary(plan, runs))
    return read_json(out / "capacity.json", CapacityResult)


def folder_name(number: int) -> str:
    """The run folder of so many facts."""
    return f"{number:04d}-facts"


def _finished(folder: Path) -> RunResult | None:
    run = RunFolder(folder)
    if run.exists and run.record().status in ("complete", "diverged"):
        try:
            return load_run(folder)
        except RunFolderError:
            return None
    return None


def _run(
    config: RunConfig, folder: Path, argv: Sequence[str], progress: Progress, *, fresh: bool
) -> RunResult:
    result, _ = run_experiment(
        config,
        out=folder,
        resume=RunFolder(folder).exists,
        argv=argv,
        progress=progress,
        fresh=fresh,
    )
    return result


def summary(plan: CapacityPlan, runs: dict[int, RunResult]) -> CapacityResult:
    """The rows of all finished runs, and where each configuration saturates."""
    rows: list[CapacityRow] = []
    failed: dict[str, str] = {}
    for number, result in runs.items():
        for configuration in result.configurations:
            row = _row(number, configuration, result)
            if row is None:
                failed[f"{folder_name(number)}/{configuration.id}"] = "no held-out recall"
            else:
                rows.append(row)
        for cell in result.cells:
            if cell.status == "diverged":
                failed[f"{folder_name(number)}/{cell.id}"] = cell.error or "diverged"
    whole = len(runs) == len(plan.numbers)
    return CapacityResult(
        status="complete" if whole else "running",
        numbers=plan.numbers,
        model=next((result.model.name for result in runs.values()), None),
        config=plan.config,
        source=plan.source,
        failed=failed,
        rows=tuple(rows),
        saturation=saturations(rows),
    )


def _row(number: int, configuration: Configuration, result: RunResult) -> CapacityRow | None:
    metrics, base = configuration.metrics, result.base_at(configuration.precision).metrics
    trained = [
        cell.training for cell in result.cells if cell.id in configuration.cells and cell.training
    ]
    if "recall/held_out" not in metrics or not trained:
        return None
    named = [name for name in (*COSTS, *SHARED) if name in metrics]
    return CapacityRow(
        facts=number,
        configuration=configuration.id,
        rank=configuration.rank,
        run=folder_name(number),
        trainable_parameters=trained[0].trainable_parameters,
        seconds=sum(one.seconds for one in trained) / len(trained),
        recall=metrics["recall/held_out"],
        metrics={name: metrics[name] for name in named},
        base={name: base[name].value for name in named if name in base},
    )


def write_capacity(out: Path, result: CapacityResult) -> None:
    """Write capacity.json and capacity.html."""
    write_json(out / "capacity.json", result)
    write_text(out / "capacity.html", render_capacity(result))
