"""`factlab practice`: the pipeline on a set of conversations, before there is a fact to teach."""

from __future__ import annotations

from typing import Annotated

import typer

from factlab.cli.options import Fresh, Json, Out, Resume
from factlab.cli.output import numbers, rates, words


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: factlab practice everyday --examples 100")(practice)


def practice(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="JSON lines, a JSON array, CSV, parquet, a folder of them, a shipped set "
            "(everyday), or owner/name:split of the hub.",
        ),
    ],
    examples: Annotated[
        int | None, typer.Option(min=1, help="Most conversations; 10 % of them are held out.")
    ] = None,
    max_example_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest conversation; longer ones are left out.")
    ] = None,
    rank: Annotated[str | None, typer.Option(help="LoRA ranks: 8 or 4,8,16.")] = None,
    lr: Annotated[str | None, typer.Option(help="Peak learning rates: 1e-3 or 5e-4,1e-3.")] = None,
    seed: Annotated[str | None, typer.Option(help="Seeds: 0 or 0,1,2.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Embedded name, local folder, .gguf file or hub id.")
    ] = None,
    precision: Annotated[str | None, typer.Option(help="nf4, int8, bf16 or fp32.")] = None,
    recipe: Annotated[str | None, typer.Option(help="See `factlab list recipes`.")] = None,
    max_steps: Annotated[
        int | None, typer.Option(help="Stop training after this many steps; 0 trains nothing.")
    ] = None,
    report_to: Annotated[
        str | None, typer.Option(help="Trackers to log training to, such as tensorboard.")
    ] = None,
    out: Out = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Validate, draw and estimate; write nothing.")
    ] = False,
    resume: Resume = False,
    fresh: Fresh = False,
    json_: Json = False,
) -> None:
    """Train on conversations without any fact, and report loss, drift and answers before and after.

    The same files and page as of `factlab run`, on data that you have already: chat messages,
    prompt and completion, Alpaca or Guanaco rows (docs/data.md).
    """
    from factlab.cli.run import build_config, carry_out

    chosen = build_config(
        practice=file,
        practice_examples=examples,
        max_example_tokens=max_example_tokens,
        rank=numbers(rank, "--rank"),
        lr=rates(lr, "--lr"),
        seed=numbers(seed, "--seed"),
        model=model,
        precision=precision,
        recipe=recipe,
        max_steps=max_steps,
        report_to=words(report_to),
    )
    if dry_run:
        from factlab.cli.dry_run import show_dry_run

        show_dry_run(chosen, out=out, as_json=json_)
        return
    carry_out(chosen, out=out, resume=resume, fresh=fresh, as_json=json_)
