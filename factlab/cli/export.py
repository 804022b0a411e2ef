"""`factlab export`: a cell as a merged model or as GGUF, and whether its fact survived that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from factlab.cli.output import measured, paragraph, say, table
from factlab.errors import ConfigError

if TYPE_CHECKING:
    from factlab.schema.export import ExportDocument, Exported
    from factlab.schema.results import Metric

MOST_LISTED = 12  # differing answers on the terminal; the report has more, --json all


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: factlab export reports/mount_fuji-1a2b3c4d --to merged,gguf:q8_0,gguf:q4_0"
    )(export)


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    to: Annotated[
        str,
        typer.Option(
            help="merged (a transformers folder), gguf:f16, gguf:q8_0, gguf:q4_0 and others; "
            "several with commas."
        ),
    ],
    cell: Annotated[
        str | None, typer.Option(help="Which cell, such as r08-s0; needed if there are several.")
    ] = None,
    base: Annotated[
        str,
        typer.Option(
            help="Weights to merge into: 'original', the base's own, never quantised; or "
            "'measured', those that the run held, as plain numbers."
        ),
    ] = "original",
    dtype: Annotated[
        str | None, typer.Option(help="How a merged model is stored: bf16 (default), fp16, fp32.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The model's folder, a new one; default: RUN/exports/CELL-FORMAT/model."),
    ] = None,
    no_score: Annotated[
        bool,
        typer.Option("--no-score", help="Do not load it again and ask it the run's questions."),
    ] = False,
    sample: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Most questions of each kind that it is asked, drawn by seed; 0: all that the run "
            "asked. Default: all for merged alone, 40 where llama.cpp answers.",
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write an adapter as a model for other programs, and ask that model what the run asked."""
    from factlab.export.formats import read_formats
    from factlab.schema.export import BaseWeights

    formats = read_formats(to, dtype)
    if base not in get_args(BaseWeights):
        raise ConfigError(f"--base {base}: known are {' and '.join(get_args(BaseWeights))}.")
    from factlab.cli.progress import make_progress
    from factlab.cli.quiet import quiet_libraries
    from factlab.workflows.export import export as write

    quiet_libraries()
    document = write(
        run,
        formats,
        cell=cell,
        base=base,  # type: ignore[arg-type]  # one of its values, as was checked
        out=out,
        score=not no_score,
        sample=sample,
        progress=make_progress(),
    )
    if json_:
        say(document.model_dump_json(indent=1))
        return
    _show(document, run)


def _show(document: ExportDocument, run: Path) -> None:
    from factlab.metrics.measure import MAIN_METRICS

    names = [name for name in MAIN_METRICS if name in document.measured]
    trained = "adapter on" if any(one.export.modules for one in document.exports) else "tuned at"
    rows = [_row(f"{trained} {document.precision}", "", document.measured, names, "")]
    rows += [_export_row(exported, names) for exported in document.exports]
    say()
    table(["", "MB", *names, "other answers"], rows)
    scores = [one.export.score for one in document.exports if one.export.score]
    if scores and scores[0].draw_seed is not None:
        paragraph(
            f"All rows are over the same {scores[0].answers} of the {scores[0].of} questions that "
            f"the run asked, drawn by kind with seed {scores[0].draw_seed}; --sample 0 asks all."
        )
    for exported in document.exports:
        _tell(exported, run)
    paragraph(f"report: {run / 'report.html'}")


def _row(
    name: str, size: str, metrics: dict[str, Metric], names: list[str], differing: str
) -> list[str]:
    return [name, size, *(measured(metric, metrics.get(metric)) for metric in names), differing]


def _export_row(exported: Exported, names: list[str]) -> list[str]:
    record, score = exported.export, exported.export.score
    name = f"{record.format} ({record.weights})" if record.format == "merged" else record.format
    told = f"{score.differing} of {score.answers}" if score else "not scored"
    metrics = score.metrics if score else {}
    return _row(name, f"{record.size_bytes / 1e6:.0f}", metrics, names, told)


def _tell(exported: Exported, run: Path) -> None:
    record = exported.export
    paragraph(f"{record.format}: {run / record.place}. {' '.join(record.notes)}")
    if record.verified_chats:
        paragraph(
            f"llama.cpp reads the chats of {record.verified_chats} questions as the same tokens."
        )
    if record.score is None:
        say()
        return
    paragraph(
        f"Asked by {record.score.program}: {record.score.differing} answers differ from the "
        f"measured model's; {record.score.lost} right ones are right no more, "
        f"{record.score.gained} are right instead."
    )
    shown = exported.differing[:MOST_LISTED]
    if shown:
        told = {True: "right", False: "wrong", None: ""}
        rows = [
            [
                difference.split,
                difference.question,
                f"{difference.measured} [{told[difference.measured_correct]}]",
                f"{difference.exported} [{told[difference.exported_correct]}]",
            ]
            for difference in shown
        ]
        table(["split", "question", "adapter on base", "export"], rows)
    more = len(exported.differing) - len(shown)
    if more:
        paragraph(f"{more} more are in the report, and all in --json.")
    say()
