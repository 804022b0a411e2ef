"""`factlab capacity`: how many facts one adapter holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from factlab.cli.complete import complete_facts
from factlab.cli.headings import GroupedCommand
from factlab.cli.options import ConfigFile, Fresh, Json, whole_numbers, with_settings
from factlab.cli.output import complain, measured, paragraph, say, say_json, table

if TYPE_CHECKING:
    from factlab.schema.capacity import CapacityResult
    from factlab.workflows.capacity import CapacityPlan, Cost

# One adapter for all facts is what is measured, and a quick run is one training.
_UNUSED = ("together", "shuffle", "placebo", "quick")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        cls=GroupedCommand,
        epilog="Example: factlab capacity --facts 1,4,24 --rank 1,8 --train-pairs 80",
    )(with_settings(capacity, "run", without=_UNUSED))


def capacity(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FACT]...",
            help="Fact files, folders or shipped names to take, in this order; without any, "
            "fictitious facts are made (`factlab init facts`).",
            autocompletion=complete_facts,
        ),
    ] = None,
    *,
    facts: Annotated[
        str, typer.Option(metavar="N,...", help="Numbers of facts, a run each.")
    ] = "1,4,24,100",
    settings: dict[str, Any],
    config: ConfigFile = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder; by default one under reports/.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it takes; write nothing.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the measurement of this folder, or begin it.")
    ] = False,
    fresh: Fresh = False,
    json_: Json = False,
) -> None:
    """Measure how many facts one adapter holds at each rank, and what that costs.

    Each number of facts is a run of its own below the folder, with one adapter for all facts at
    each rank (1, 4, 16 and 64 by default). The more facts, the fewer questions of each are asked.
    """
    from factlab.cli.dry_run import terms_notes
    from factlab.cli.run import build_config
    from factlab.workflows.capacity import begin, capacity_plan, costs, default_folder, made_files

    numbers = whole_numbers(facts, "--facts", "1,4,24") or ()
    plan = capacity_plan(numbers, build_config(settings, facts=["-"], file=config), sources or ())
    folder = out or default_folder(plan)
    if dry_run:
        for note in terms_notes(plan.config):
            complain(note)
        with made_files(plan) as files:
            _say_costs(costs(plan, files), say)
        say("Nothing was written.")
        return
    files = begin(plan, folder, resume=resume)
    _say_costs(costs(plan, files), complain)
    result = _carry_out(plan, folder, files, fresh=fresh)
    if json_:
        say_json(result)
        return
    show_capacity(result)
    say(f"picture: {folder / 'capacity.html'}")


def _say_costs(costs: Sequence[Cost], tell: Callable[[str], None]) -> None:
    """What will be trained, and about how long that takes."""
    for cost in costs:
        many = "1 fact" if cost.facts == 1 else f"{cost.facts:,} facts"
        long = "" if cost.seconds is None else f", about {max(1, round(cost.seconds / 60))} min"
        tell(f"{many}: {cost.cells} {'cell' if cost.cells == 1 else 'cells'}{long}")
    cells, known = sum(cost.cells for cost in costs), [cost.seconds for cost in costs]
    seconds = [one for one in known if one is not None]
    if len(seconds) == len(known):
        minutes = max(1, round(sum(seconds) / 60))
        tell(f"{cells} cells in all, about {minutes} min (rough; may be off by a factor of two)")
    else:
        tell(f"{cells} cells in all; the time is not estimated: the model is not on this machine")


def _carry_out(
    plan: CapacityPlan, folder: Path, files: Sequence[Path], *, fresh: bool
) -> CapacityResult:
    """Measure, and say how to go on where that is stopped.

    Raises:
        typer.Exit: 2 for a user's error, 3 if it was stopped.
    """
    from factlab.cli.progress import make_progress
    from factlab.cli.quiet import quiet_libraries
    from factlab.cli.run import command_line, resumable
    from factlab.workflows.capacity import measure_capacity

    quiet_libraries()
    argv = command_line()
    with resumable(argv, lambda: str(folder), on_error="runs", on_stop="runs and cells"):
        return measure_capacity(
            plan, folder, files, argv=argv, progress=make_progress(), fresh=fresh
        )


def show_capacity(result: CapacityResult) -> None:
    """The table, and where each configuration saturates."""
    names = ("intrusion/near", "intrusion/far", "retention/far")
    rows = [
        [
            f"{row.facts:,}",
            row.configuration,
            measured("recall/held_out", row.recall),
            *(measured(name, row.metrics.get(name)) for name in names),
            f"{row.recalled:.1f}",
            f"{row.per_million:.1f}",
            f"{row.seconds:.0f}",
        ]
        for row in result.rows
    ]
    heads = ["facts", "configuration", "held-out recall", "near intrusion", "far intrusion"]
    heads += ["far kept", "facts recalled", "per million parameters", "training s"]
    table(heads, rows)
    for one in result.saturation:
        paragraph(one.sentence)
    for place, why in result.failed.items():
        complain(f"{place}: {why}")
