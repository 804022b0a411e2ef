"""`factlab tune`: the recipe that gives a model facts with the least damage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from factlab.cli.complete import complete_facts, complete_recipes
from factlab.cli.headings import GroupedCommand
from factlab.cli.options import ConfigFile, Fresh, finite, with_settings
from factlab.cli.output import measured, paragraph, say, say_json, table

if TYPE_CHECKING:
    from factlab.schema.search import Candidate, Confirmation, SearchBudget, SearchResult
    from factlab.workflows.tune import Plan

SHARES = {  # what a table has room for
    "recall/held_out": "recall",
    "retention/far": "far kept",
    "intrusion/near": "near intr.",
    "intrusion/far": "far intr.",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        cls=GroupedCommand, epilog="Example: factlab tune mount_fuji nile_length --minutes 90"
    )(with_settings(tune, "run", without=("recipe", "placebo", "shuffle", "quick")))


Facts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FACT...",
        help="Facts to choose by: files, folders, or shipped names.",
        autocompletion=complete_facts,
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        min=0,
        callback=finite,
        help="Budget of wall clock; no cell begins that would not fit.",
    ),
]
Cells = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, help="Budget of cells: adapters that are trained and measured."
    ),
]
Recipes = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME|FILE",
        help="A recipe to try first; may be given again. Without it the shipped ones that consist "
        "of values that may be chosen.",
        autocompletion=complete_recipes,
    ),
]
Confirm = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FACT",
        help="Another fact, to compare the recipe to take with the default on once the budget is "
        "spent, which this adds to; may be given again, or a folder.",
        autocompletion=complete_facts,
    ),
]
SearchSeed = Annotated[int, typer.Option(metavar="N", min=0, help="Seed of what is proposed.")]
SearchOut = Annotated[Path | None, typer.Option(help="The folder; by default one under reports/.")]
GoOn = Annotated[
    bool,
    typer.Option(
        "--resume", help="Continue the search, with the same budget or a larger one, or begin it."
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print tune.json on stdout, all else on stderr.")
]


def tune(
    facts: Facts = None,
    *,
    minutes: Minutes = None,
    cells: Cells = None,
    recipe: Recipes = None,
    confirm: Confirm = None,
    search_seed: SearchSeed = 0,
    settings: dict[str, Any],
    config: ConfigFile = None,
    out: SearchOut = None,
    resume: GoOn = False,
    fresh: Fresh = False,
    json_: AsJson = False,
) -> None:
    """Search for the recipe that gives a model facts with the least damage.

    Recipes are tried as runs of their own: the shipped ones first, then what a sampler proposes. An
    option of a recipe, such as --rank 4,8 or --epochs 2, is what may be chosen of it; see
    docs/tune.md for the rest.
    """
    from factlab.cli.run import build_config
    from factlab.schema.search import SearchBudget
    from factlab.workflows.tune import check_search, plan_search

    chosen = build_config(settings, facts=facts, file=config)
    budget = SearchBudget(cells=cells, minutes=minutes)
    check_search(chosen, budget)
    plan = plan_search(
        chosen, recipes=recipe or (), confirm_on=confirm or (), search_seed=search_seed
    )
    result, path = _carry_out(plan, budget, out=out, resume=resume, fresh=fresh)
    if json_:
        say_json(result)
    else:
        show_search(result, path)


def _carry_out(
    plan: Plan, budget: SearchBudget, *, out: Path | None, resume: bool, fresh: bool
) -> tuple[SearchResult, Path]:
    """Search, and tell how far it has come.

    Raises:
        typer.Exit: 2 for a user's error, 3 if it was stopped.
    """
    from factlab.cli.progress import make_progress
    from factlab.cli.quiet import quiet_libraries
    from factlab.cli.run import command_line, resumable
    from factlab.workflows.tune import tune as search

    quiet_libraries()
    progress = make_progress()
    argv = command_line()
    with resumable(argv, lambda: progress.folder):
        return search(
            plan, budget, out=out, resume=resume, fresh=fresh, argv=argv, progress=progress
        )


def show_search(result: SearchResult, path: Path) -> None:
    """Print where candidates stand, which recipe to take, and what to do with it."""
    from factlab.cli.run import resume_command
    from factlab.report.search_page import OPTIMISTIC, by_damage, sentence_of

    table(
        ["recipe", *SHARES.values(), "damage", "train s", "cells", "standing"],
        [_row(one, result) for one in by_damage(result)],
    )
    for one in result.candidates:
        paragraph(f"{one.id}: {_said(one)}")
    say()
    paragraph(
        "Damage: 1 − far kept + near intrusion + far intrusion. Front: no other candidate beats it "
        "in both recall and damage; faster: none of those that do trains as fast."
    )
    paragraph(result.ended)
    say()
    paragraph(sentence_of(result))
    say(f"page: {path / 'tune.html'}")
    if result.chosen is None:
        return
    recipe = path / "recipe.yaml"
    say(f"recipe to take: {recipe}")
    say(f"to use it: factlab run FACT --recipe {recipe}")
    say()
    if result.confirmation is None:
        again = resume_command([*result.argv, "--confirm", "OTHER_FACT"], str(path))
        paragraph(f"{OPTIMISTIC} Confirm it on other facts: {again}")
        return
    _show_confirmation(result.confirmation)


def _show_confirmation(found: Confirmation) -> None:
    """The recipe to take and the default on other facts, and how they differ there."""
    from factlab.comparison.wording import signed, signed_interval
    from factlab.report.search_page import OPTIMISTIC

    paragraph(f"{OPTIMISTIC} On {', '.join(found.facts)}, by which nothing was chosen:")
    rows = [
        [one.id, *(measured(name, one.metrics.get(name)) for name in SHARES)]
        for one in found.configurations
    ]
    by_metric = {one.metric: one for one in found.comparisons}
    if by_metric:
        first = next(iter(by_metric.values()))
        differences = [
            f"{signed(one.difference)} ({signed_interval(one)})" if one is not None else "-"
            for one in (by_metric.get(name) for name in SHARES)
        ]
        rows.append([f"{first.b} − {first.a}, points", *differences])
    table(["configuration", *SHARES.values()], rows)


def _row(one: Candidate, result: SearchResult) -> list[str]:
    from factlab.report.search_page import standing_words

    shares = [f"{one.metrics[name]:.0%}" if name in one.metrics else "-" for name in SHARES]
    words = standing_words(one, result).replace("–", "-")
    return [
        one.id,
        *shares,
        "-" if one.damage is None else f"{one.damage:.2f}",
        "-" if one.training_seconds is None else f"{one.training_seconds:.0f}",
        str(len(one.cells)),
        words.replace("on the front", "front").replace("faster than those that beat it", "faster"),
    ]


def _said(one: Candidate) -> str:
    """How a candidate differs from the default, and why it was not measured whole."""
    differs = ", ".join(f"{name} {value}" for name, value in one.differs.items())
    return f"{differs or 'the recipe default'}. {one.reason}".strip()
