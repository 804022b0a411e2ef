"""`factlab combine`: several adapters as one, measured beside each of them alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from factlab.cli.options import (
    DryRun,
    Fresh,
    Json,
    Out,
    Resume,
    finite,
    numbers,
    run_argument,
    whole_numbers,
)
from factlab.errors import ConfigError

if TYPE_CHECKING:
    from factlab.schema.combine import How


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: factlab combine reports/mount_fuji-1a2b3c4d reports/loch_ness-5e6f7a8b "
        "--how linear,ties --weights 0.5,0.5 --weights 0.7,0.3"
    )(combine)


Density = Annotated[
    float | None,
    typer.Option(
        callback=finite,
        help="Share of the values that ties, dare and magnitude methods keep; by default 0.5.",
    ),
]


def combine(
    runs: Annotated[list[Path], run_argument("Run folders of one base model.", "RUN...")],
    cell: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CELL",
            help="The cell of each run, in their order; one for all; or several of one run.",
        ),
    ] = None,
    how: Annotated[
        str, typer.Option(help="Methods: linear or linear,ties; see `factlab list methods`.")
    ] = "linear",
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="W,W...",
            help="A weight for each adapter; can be repeated. By default all the same.",
        ),
    ] = None,
    any_sum: Annotated[
        bool, typer.Option("--any-sum", help="Allow weights that do not sum to 1, such as 1,1.")
    ] = False,
    density: Density = None,
    svd_rank: Annotated[
        int | None, typer.Option(help="Rank of the result of svd methods; by default the largest.")
    ] = None,
    seed: Annotated[str, typer.Option(help="Seeds of the dare methods: 0 or 0,1,2.")] = "0",
    out: Out = None,
    dry_run: DryRun = False,
    resume: Resume = False,
    fresh: Fresh = False,
    json_: Json = False,
) -> None:
    """Combine adapters of one base, and measure whether each fact survives and what it costs."""
    from factlab.cli.run import plan_or_carry_out
    from factlab.workflows.combine import combination

    methods = _methods(how)
    _refuse_idle(methods, density=density, svd_rank=svd_rank)
    config = combination(
        runs,
        cells=[part.strip() for text in cell or () for part in text.split(",")],
        how=methods,
        weights=[numbers(text, "--weights", "0.7,0.3") or () for text in weights or ()],
        any_sum=any_sum,
        seed=whole_numbers(seed, "--seed", "0,1,2") or (),
        svd_rank=svd_rank,
        **({} if density is None else {"density": density}),
    )
    plan_or_carry_out(config, out=out, dry_run=dry_run, resume=resume, fresh=fresh, as_json=json_)


def _methods(text: str) -> list[How]:
    from factlab.schema.combine import METHODS
    from factlab.schema.yaml import did_you_mean

    known = {str(how): how for how in METHODS}
    names = [part.strip() for part in text.split(",")]
    for name in names:
        if name not in known:
            raise ConfigError(
                f"--how {name}: no such method.{did_you_mean(name, known)} Known methods: "
                f"{', '.join(known)}. `factlab list methods` says what each does."
            )
    return [known[name] for name in names]


def _refuse_idle(methods: Sequence[How], *, density: float | None, svd_rank: int | None) -> None:
    """Refuse an option that none of the methods uses."""
    from factlab.schema.combine import METHODS

    for option, given, able in (
        ("--density", density, [how for how in METHODS if METHODS[how].thins]),
        ("--svd-rank", svd_rank, [how for how in METHODS if METHODS[how].truncates]),
    ):
        if given is not None and not set(able) & set(methods):
            raise ConfigError(
                f"{option} {given:g} does nothing with {', '.join(methods)}. Remove it, or "
                f"use one of {', '.join(able)}."
            )
