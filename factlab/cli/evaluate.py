"""`factlab evaluate`: models that were tuned elsewhere, measured as a run measures its own."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from factlab.cli.complete import complete_models
from factlab.cli.gates import Against, Gates, check_gates
from factlab.cli.headings import GroupedCommand
from factlab.cli.options import DryRun, Facts, Fresh, Json, Out, Resume, with_settings
from factlab.schema.config import RunConfig
from factlab.schema.options import settings_of

# Of a run's settings, what decides something where nothing is trained.
EVALUATED = ("quick", *(n for n, one in settings_of(RunConfig).items() if one.option.untrained))
_WITHOUT = {*settings_of(RunConfig)} - {*EVALUATED} | {"model", "seed"}


Tuned = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]WHAT",
        help="A PEFT adapter's folder, a model's folder, a hub id, a cell of a run, a "
        "GGUF file, or an endpoint (https://host/v1#model); may be given again.",
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        "--base",
        "--model",
        metavar="MODEL",
        help="What they were tuned from: as --model of `factlab run`, or an endpoint. A GGUF "
        "file stays one beside GGUF files and endpoints.",
        autocompletion=complete_models,
    ),
]
Concurrency = Annotated[
    int | None, typer.Option(metavar="N", help="Most requests to an endpoint at a time (8).")
]
MaxRequests = Annotated[
    int | None,
    typer.Option(metavar="N", help="Refuse to send more requests to endpoints than this."),
]
PriceIn = Annotated[
    float | None,
    typer.Option(metavar="PRICE", help="Of a million prompt tokens, for the bound on cost."),
]
PriceOut = Annotated[
    float | None,
    typer.Option(metavar="PRICE", help="Of a million answer tokens, for the bound on cost."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        cls=GroupedCommand,
        epilog="Example: factlab evaluate mount_fuji --base owner/model --tuned out/adapter",
    )(with_settings(evaluate, "run", without=_WITHOUT))


def evaluate(
    facts: Facts = None,
    *,
    tuned: Tuned = None,
    base: Base = None,
    concurrency: Concurrency = None,
    max_requests: MaxRequests = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    settings: dict[str, Any],
    fail_if: Gates = None,
    against: Against = None,
    out: Out = None,
    dry_run: DryRun = False,
    resume: Resume = False,
    fresh: Fresh = False,
    json_: Json = False,
) -> None:
    """Measure models that were tuned elsewhere against their base; nothing is trained."""
    from factlab.cli.run import plan_or_carry_out
    from factlab.workflows.evaluate import evaluation

    check_gates(fail_if or (), against)
    asking = {
        "concurrency": concurrency,
        "max_requests": max_requests,
        "price_in": price_in,
        "price_out": price_out,
    }
    given = {name: value for name, value in asking.items() if value is not None}
    settings |= {"asking": given} if given else {}
    settings |= {} if base is None else {"model": base}
    chosen = evaluation(facts or (), tuned or (), settings)
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
