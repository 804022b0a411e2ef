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
            help="Fact files, folders, or shipped names.",
            autocompletion=complete_facts,
        ),
    ],
    json_: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """Check fact and passage files: schema, values, and questions that hold their answers."""
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
