"""`factlab run`: the experiment."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import ValidationError

from factlab.cli.gates import Against, Gates, check_gates, hold_to_gates
from factlab.cli.headings import GroupedCommand
from factlab.cli.options import ConfigFile, DryRun, Facts, Fresh, Json, Out, Resume, with_settings
from factlab.cli.output import EXIT_BAD_INPUT, EXIT_INTERRUPTED, complain, paragraph, say, say_json
from factlab.cli.progress import make_progress
from factlab.errors import ConfigError, FactlabError, OutOfMemoryError, shortened
from factlab.reading.complaints import first_of, words_of
from factlab.schema.config import RunConfig
from factlab.schema.options import flag_of
from factlab.schema.quick import quick_note

if TYPE_CHECKING:
    from factlab.schema.results import RunResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        cls=GroupedCommand, epilog="Example: factlab run mount_fuji --rank 4,8,16 --seeds 3"
    )(with_settings(run, "run"))


def run(
    facts: Facts = None,
    *,
    settings: dict[str, Any],
    fail_if: Gates = None,
    against: Against = None,
    config: ConfigFile = None,
    out: Out = None,
    dry_run: DryRun = False,
    resume: Resume = False,
    fresh: Fresh = False,
    json_: Json = False,
) -> None:
    """Train adapters on facts, measure recall and forgetting, and write a report.

    An option shown with `,...` takes several values, such as --rank 4,8: each is a configuration of
    its own, crossed with those of the other options. What is not given is the recipe's.
    """
    chosen = build_config(settings, facts=facts, file=config)
    if "max_example_tokens" in settings and not chosen.mix:
        raise ConfigError("--max-example-tokens bounds what is mixed in, and there is no --mix.")
    if "on_bad_row" in settings and not chosen.mix:
        raise ConfigError("--on-bad-row is about what is mixed in, and there is no --mix.")
    check_gates(fail_if or (), against)  # before anything is trained
    plan_or_carry_out(
        chosen,
        out=out,
        dry_run=dry_run,
        resume=resume,
        fresh=fresh,
        as_json=json_,
        gates=fail_if or (),
        against=against,
    )


def build_config(
    settings: Mapping[str, Any], *, facts: Sequence[str] | None = None, file: Path | None = None
) -> RunConfig:
    """Settings from a file, with what was given on top, checked.

    Raises:
        ConfigError: in words, for a setting that is not known or not allowed.
    """
    from factlab.experiment.plan import read_config

    chosen = {**(_without_other_seeds(read_config(file), settings) if file else {}), **settings}
    if facts:
        chosen["facts"] = tuple(facts)
    if not chosen.get("facts") and not chosen.get("practice"):
        raise ConfigError(
            "no fact is given. Name a fact file, a folder or a shipped fact, such as `factlab run "
            "mount_fuji`; `factlab list facts` shows those, `factlab init` writes one."
        )
    try:
        return RunConfig.model_validate(chosen)
    except ValidationError as error:
        first = first_of(error)
        if not first["loc"]:  # of several settings together
            raise ConfigError(f"{words_of(first)}.") from None
        flag = shortened(flag_of(RunConfig, str(first["loc"][0])))
        raise ConfigError(
            f"{flag} {shortened(first['input'])}: {words_of(first)}. `factlab schema config` lists "
            "all settings."
        ) from None


def _without_other_seeds(
    from_file: Mapping[str, Any], settings: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A file's settings without its seeds, where the command line gives them in any way."""
    given = not {"seed", "seeds"}.isdisjoint(settings)
    return {k: v for k, v in from_file.items() if not given or k not in ("seed", "seeds")}


def plan_or_carry_out(
    config: RunConfig,
    *,
    out: Path | None,
    dry_run: bool,
    resume: bool,
    fresh: bool,
    as_json: bool,
    gates: Sequence[str] = (),
    against: Path | None = None,
) -> None:
    """What every command does that makes a run: show what it would take, or make it.

    Raises:
        typer.Exit: as `carry_out`; 1 if the run fails one of the gates.
    """
    if dry_run:
        from factlab.cli.dry_run import show_dry_run

        show_dry_run(config, out=out, as_json=as_json)
        return
    result, path = carry_out(config, out=out, resume=resume, fresh=fresh, as_json=as_json)
    if gates:
        hold_to_gates(path, result.configurations, gates, against)


def carry_out(
    config: RunConfig, *, out: Path | None, resume: bool, fresh: bool, as_json: bool
) -> tuple[RunResult, Path]:
    """Run an experiment, tell how far it has come, and print what it found.

    Raises:
        typer.Exit: 2 for a user's error or a cell that diverged, 3 if it was stopped.
    """
    from factlab.cli.quiet import quiet_libraries
    from factlab.pipeline import run_experiment

    quiet_libraries()
    progress = make_progress()
    argv = command_line()
    with resumable(argv, lambda: progress.folder):
        try:
            result, path = run_experiment(
                config, out=out, resume=resume, argv=argv, progress=progress, fresh=fresh
            )
        except OutOfMemoryError as error:
            raise OutOfMemoryError(f"{error}{_what_it_takes(config)}") from None
    if as_json:
        say_json(result)
    else:
        from factlab.cli.show import summarize

        summarize(result)
        say(f"report: {path / 'report.html'}")
    if result.status == "diverged":
        broken = next(cell for cell in result.cells if cell.status == "diverged")
        complain(f"{broken.id}: {broken.error}")
        raise typer.Exit(EXIT_BAD_INPUT)
    if not as_json:
        if config.quick:
            paragraph(quick_note(config))
        paragraph(f'To ask it something yourself: factlab ask {path} "…"')
    return result, path


def _what_it_takes(config: RunConfig) -> str:
    """The memory that a run was estimated to take, where that is known, as a sentence."""
    from factlab.experiment.plan import plan_experiment
    from factlab.memory.machine import memory_budget
    from factlab.workflows.estimate import estimate

    needed = None if config.practice else estimate(plan_experiment(config)).memory_bytes
    if needed is None:
        return ""
    there = f"{(memory_budget().total_bytes or 0) / 2**30:.1f} GiB"
    return f" By estimate it takes {needed / 2**30:.1f} GiB at its peak; the machine has {there}."


def command_line() -> list[str]:
    """The command as it was given, for the record of what it makes.

    Raises:
        ConfigError: for a word that is not UTF-8, which no record can hold.
    """
    for word in sys.argv[1:]:
        if any("\ud800" <= char <= "\udfff" for char in word):
            raise ConfigError(
                f"{word}: this is not UTF-8, and a run records its command. Rename the file or "
                "folder."
            )
    return ["factlab", *sys.argv[1:]]


@contextmanager
def resumable(
    argv: list[str],
    folder: Callable[[], str | None],
    *,
    on_error: str = "cells",
    on_stop: str = "cells",
) -> Iterator[None]:
    """Say how to go on where work is stopped; before there is a folder, errors pass as they are.

    Args:
        argv: The command, as it was given.
        folder: Where the work is, once it was begun.
        on_error: What is kept after a user's error.
        on_stop: What is kept after Ctrl-C.

    Raises:
        typer.Exit: 2 for a user's error, 3 if it was stopped.
    """
    try:
        yield
    except FactlabError as error:
        if (begun := folder()) is None:
            raise
        again = resume_command(argv, begun)
        complain(f"{error} Finished {on_error} are kept. To resume: {again}")
        raise typer.Exit(EXIT_BAD_INPUT) from None
    except KeyboardInterrupt:
        if (begun := folder()) is None:
            raise
        again = resume_command(argv, begun)
        complain(f"stopped; finished {on_stop} are kept. To resume: {again}")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def resume_command(argv: list[str], folder: str) -> str:
    """The command that resumes a stopped run."""
    kept: list[str] = []
    skip = False
    for word in argv:
        if skip or word == "--resume" or word.startswith("--out="):
            skip = False
        elif word == "--out":
            skip = True
        else:
            kept.append(word)
    return shlex.join([*kept, "--out", folder, "--resume"])
