"""`factlab validate`: is a fact file usable?"""

from __future__ import annotations

from typing import Annotated

import typer

from factlab.cli.complete import complete_facts
from factlab.cli.output import complain, say, say_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: factlab validate facts/mount_fuji.yaml")(validate)


def validate(
    facts: Annotated[
        list[str],
        typer.Argument(
            metavar="FACT...",
            help="Fact files, folders, or shipped names; with --against, data files.",
            autocompletion=complete_facts,
        ),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            metavar="FACT|MANIFEST",
            help="Check data files instead: do they ask what is measured of this fact, or what the "
            "manifest.json beside training data names?",
            autocompletion=complete_facts,
        ),
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print the facts, or what was checked, as JSON.")
    ] = False,
) -> None:
    """Check fact and passage files: schema, values, and questions that hold their answers.

    With --against it checks data files that another program is to train on: none may ask a held-out
    question or a control.
    """
    if against is not None:
        _check_data(facts, against, as_json=json_)
        return
    from factlab.expand.passages import left_out
    from factlab.schema.fact import load_facts
    from factlab.schema.passage import Passage

    found = load_facts(tuple(facts))
    if json_:
        say_json([fact.model_dump(mode="json") for fact in found], indent=None)
        return
    for fact in found:
        if isinstance(fact, Passage):
            say(f"{fact.id}: fine, {fact.summary}: {fact.opening}")
            for note in left_out(fact):
                complain(note)
        else:
            say(f"{fact.id}: fine. {fact.subject.name}, {fact.relation}: {fact.summary}")


def _check_data(files: list[str], against: str, *, as_json: bool) -> None:
    from dataclasses import asdict

    from factlab.workflows.check_data import check_data

    checked = check_data(files, against)
    if as_json:
        say_json([asdict(one) for one in checked], indent=None)
        return
    for one in checked:
        near = "" if one.nearest is None else f"; the nearest is {one.nearest:.2f} similar"
        say(
            f"{one.name}: fine. None of its {one.rows:,} rows asks one of the {one.unseen:,} "
            f"questions that {against} keeps for measuring{near}."
        )
