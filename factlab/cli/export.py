"""`factlab export`: a cell as a model, evaluated again, or a run's records for other tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from factlab.cli.options import RunArgument
from factlab.cli.output import measured, paragraph, say, say_json, table
from factlab.errors import ConfigError

if TYPE_CHECKING:
    from factlab.export import ExportFormat
    from factlab.schema.export import BaseWeights, Difference, ExportDocument, Exported
    from factlab.schema.results import Metric

MOST_LISTED = 12  # differing answers on the terminal; the report has more, --json all


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: factlab export reports/mount_fuji-1a2b3c4d --to merged,gguf:q8_0,gguf:q4_0"
    )(export)


ToOption = Annotated[
    str,
    typer.Option(
        help="A model: merged (a transformers folder), gguf:f16, gguf:q8_0, gguf:q4_0 and "
        "others. Or the records: inspect, lm-eval, junit, csv, parquet, markdown. Several with "
        "commas."
    ),
]
CellOption = Annotated[
    str | None,
    typer.Option(
        help="Which cell, such as r08-s0; a model needs it if there are several, records "
        "are of all cells without it."
    ),
]
BaseOption = Annotated[
    str | None,
    typer.Option(
        help="Weights to merge into: 'original' (default), the base's own, never quantised; or "
        "'measured', those that the run held, as plain numbers."
    ),
]
DtypeOption = Annotated[
    str | None, typer.Option(help="How a merged model is stored: bf16 (default), fp16, fp32.")
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        help="What is written, new, of one format; default: of a model "
        "RUN/exports/CELL-FORMAT/model, of records a file or folder in RUN/exports."
    ),
]
NoScoreOption = Annotated[
    bool, typer.Option("--no-score", help="Do not evaluate the written model.")
]
SampleOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Most questions of each kind, sampled by seed; 0: all of the run's. "
        "Default: all for merged alone, 40 where llama.cpp answers.",
    ),
]
FailIfOption = Annotated[
    list[str] | None,
    typer.Option(
        help="junit: a gate, such as 'retention/far<0.9'; default: those of the run's command."
    ),
]
AgainstOption = Annotated[
    Path | None, typer.Option(help="junit: another run, for gates that compare with it.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def export(
    run: RunArgument,
    to: ToOption,
    cell: CellOption = None,
    base: BaseOption = None,
    dtype: DtypeOption = None,
    out: OutOption = None,
    no_score: NoScoreOption = False,
    sample: SampleOption = None,
    fail_if: FailIfOption = None,
    against: AgainstOption = None,
    json_: JsonOption = False,
) -> None:
    """Write a cell as a model for other programs and evaluate that, or a run's records."""
    if records := _records(to):
        model_only = {"--base": base, "--dtype": dtype, "--sample": sample}
        _refuse(to, model_only | {"--no-score": no_score or None}, "how a model is exported")
        if "junit" not in records:
            _refuse(to, {"--fail-if": fail_if, "--against": against}, "about --to junit")
        _export_records(run, records, cell, out, fail_if or [], against, json_=json_)
        return
    _refuse(to, {"--fail-if": fail_if, "--against": against}, "about --to junit")
    formats, weights = _checked(to, dtype, base or "original")
    from factlab.cli.progress import make_progress
    from factlab.cli.quiet import quiet_libraries
    from factlab.workflows.export import export as export_cell

    quiet_libraries()
    document = export_cell(
        run,
        formats,
        cell=cell,
        base=weights,
        out=out,
        score=not no_score,
        sample=sample,
        progress=make_progress(),
    )
    if json_:
        say_json(document)
    else:
        _show(document, run)


def _records(to: str) -> tuple[str, ...]:
    """The formats of records that are named; none: models are exported."""
    from factlab.sharing.formats import PLACES

    names = tuple(part.strip() for part in to.split(","))
    if not any(name in PLACES for name in names):
        return ()
    if others := [name for name in names if name not in PLACES]:
        from factlab.export import read_formats

        read_formats(",".join(others), None)  # refuses a name that is no format
        raise ConfigError(
            f"--to {to}: {', '.join(others)} is a model, the others are records. Export them in "
            "two commands."
        )
    if len(set(names)) < len(names):
        raise ConfigError(f"--to {to}: a format is named twice. Name each once.")
    return names


def _refuse(to: str, given: Mapping[str, object], about: str) -> None:
    for option, value in given.items():
        if value is not None and value != []:
            raise ConfigError(f"{option} is {about}, and has no use for --to {to}. Remove it.")


def _export_records(
    run: Path,
    formats: Sequence[str],
    cell: str | None,
    out: Path | None,
    gates: Sequence[str],
    against: Path | None,
    *,
    json_: bool,
) -> None:
    from factlab.workflows.share import export_records

    places = export_records(run, formats, cell=cell, out=out, gates=gates, against=against)
    if json_:
        say_json({"run": run.resolve().name, "written": {k: str(v) for k, v in places.items()}})
        return
    for name, place in places.items():
        say(f"{name}: {place}")


def _checked(to: str, dtype: str | None, base: str) -> tuple[tuple[ExportFormat, ...], BaseWeights]:
    from factlab.export import read_formats
    from factlab.schema.export import BaseWeights

    formats = read_formats(to, dtype)
    known: tuple[BaseWeights, ...] = get_args(BaseWeights)
    for weights in known:
        if weights == base:
            return formats, weights
    raise ConfigError(f"--base {base}: no such weights. Use {' or '.join(known)}.")


def _show(document: ExportDocument, run: Path) -> None:
    from factlab.metrics.catalogue import MAIN_METRICS

    names = [name for name in MAIN_METRICS if name in document.measured]
    trained = "adapter on" if any(one.export.modules for one in document.exports) else "tuned at"
    rows = [_row(f"{trained} {document.precision}", "", document.measured, names, "")]
    rows += [_export_row(exported, names) for exported in document.exports]
    say()
    table(["", "MB", *names, "other answers"], rows)
    scores = [one.export.score for one in document.exports if one.export.score]
    if scores and scores[0].draw_seed is not None:
        paragraph(
            f"All rows are over the same {scores[0].answers} of the {scores[0].of} questions of "
            f"the run, sampled by kind with seed {scores[0].draw_seed}. --sample 0 takes all."
        )
    for exported in document.exports:
        _show_export(exported, run)
    paragraph(f"report: {run / 'report.html'}")


def _row(
    name: str, size: str, metrics: dict[str, Metric], names: list[str], differing: str
) -> list[str]:
    return [name, size, *(measured(metric, metrics.get(metric)) for metric in names), differing]


def _export_row(exported: Exported, names: list[str]) -> list[str]:
    record, score = exported.export, exported.export.score
    name = f"{record.format} ({record.weights})" if record.format == "merged" else record.format
    differing = f"{score.differing} of {score.answers}" if score else "not scored"
    metrics = score.metrics if score else {}
    return _row(name, f"{record.size_bytes / 1e6:.0f}", metrics, names, differing)


def _show_export(exported: Exported, run: Path) -> None:
    record, score = exported.export, exported.export.score
    paragraph(f"{record.format}: {run / record.place}. {' '.join(record.notes)}")
    if record.verified_chats:
        paragraph(
            f"llama.cpp reads the chats of {record.verified_chats} questions as the same tokens."
        )
    if score is not None:
        paragraph(
            f"Evaluated by {score.program}: {score.differing} answers differ from the measured "
            f"model's; {score.lost} were right and no longer are, {score.gained} became right."
        )
        _show_differing(exported.differing)
    say()


def _show_differing(differing: Sequence[Difference]) -> None:
    shown = differing[:MOST_LISTED]
    if shown:
        verdicts = {True: "right", False: "wrong", None: ""}
        rows = [
            [
                difference.split,
                difference.question,
                f"{difference.measured} [{verdicts[difference.measured_correct]}]",
                f"{difference.exported} [{verdicts[difference.exported_correct]}]",
            ]
            for difference in shown
        ]
        table(["split", "question", "adapter on base", "export"], rows)
    more = len(differing) - len(shown)
    if more:
        paragraph(f"The report lists {more} more, and --json lists all.")
