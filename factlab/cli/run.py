"""`factlab run`: the experiment."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from factlab.cli.gates import check_gates, hold_to_gates
from factlab.cli.options import DryRun, Fresh, Json, Out, Resume
from factlab.cli.output import (
    EXIT_BAD_INPUT,
    EXIT_INTERRUPTED,
    complain,
    numbers,
    paragraph,
    rates,
    say,
    words,
)
from factlab.cli.progress import make_progress
from factlab.errors import ConfigError, FactlabError

if TYPE_CHECKING:
    from factlab.schema.config import RunConfig
    from factlab.schema.results import RunResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: factlab run mount_fuji --rank 4,8,16 --seed 0,1")(run)


def run(
    facts: Annotated[
        list[str] | None,
        typer.Argument(metavar="FACT...", help="Fact files, folders, or shipped names."),
    ] = None,
    rank: Annotated[str | None, typer.Option(help="LoRA ranks: 8 or 4,8,16.")] = None,
    lr: Annotated[
        str | None, typer.Option(help="Peak learning rates: 1e-3 or 5e-4,1e-3; fixed or swept.")
    ] = None,
    seed: Annotated[str | None, typer.Option(help="Seeds: 0 or 0,1,2.")] = None,
    together: Annotated[
        bool, typer.Option("--together", help="All facts in one adapter, instead of one each.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="Embedded name, local folder, .gguf file or hub id.")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="How the base is held: fp32, fp16, bf16, int8, nf4, nf4-single, fp4; one or "
            "several."
        ),
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="See `factlab list recipes`.")] = None,
    method: Annotated[
        str | None, typer.Option(help="lora, rslora, dora, or full: every weight; or several.")
    ] = None,
    alpha: Annotated[
        str | None, typer.Option(help="LoRA alpha: 32, or a multiple of the rank: 2r; or several.")
    ] = None,
    dropout: Annotated[str | None, typer.Option(help="LoRA dropout: 0.1 or 0,0.1.")] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="Layers with an adapter: all-linear, attention, qv, mlp, or names joined by +; "
            "or several."
        ),
    ] = None,
    last_layers: Annotated[
        str | None, typer.Option(help="Adapters on the last so many blocks only: 4 or 4,8.")
    ] = None,
    bias: Annotated[
        str | None, typer.Option(help="Biases that are trained: none, lora_only, all.")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            help="How adapters begin: default, gaussian, orthogonal, pissa, olora, loftq; or "
            "several."
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            help="adamw, sgd; on CUDA adamw-8bit, paged-adamw, paged-adamw-8bit, paged-adamw-32bit."
        ),
    ] = None,
    distill_weight: Annotated[
        str | None,
        typer.Option(help="Share of a teacher's predictions in the loss: 1, or 0,0.5,1."),
    ] = None,
    temperature: Annotated[
        str | None, typer.Option(help="Softens the teacher's predictions: 2, or 1,2.")
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="A model that teaches; by default the base, told in its prompt."),
    ] = None,
    compute_dtype: Annotated[
        str | None, typer.Option(help="What quantised weights are computed in: bf16, fp16, fp32.")
    ] = None,
    gradient_checkpointing: Annotated[
        bool,
        typer.Option("--gradient-checkpointing", help="Less memory in training, more time."),
    ] = False,
    attention: Annotated[
        str | None,
        typer.Option(help="auto; or eager, sdpa, flash in the library's own forward pass."),
    ] = None,
    device_map: Annotated[
        str | None, typer.Option(help="one device, cpu, or auto: spread over all.")
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(help="Stop training after this many steps; 0 trains nothing.")
    ] = None,
    pack: Annotated[
        int | None,
        typer.Option(help="Adapters trained side by side; by default what pays on this machine."),
    ] = None,
    checkpoints: Annotated[
        int | None, typer.Option(help="Times in training at which a fixed panel is measured.")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(help="Adapter to measure: last, or best on validation.")
    ] = None,
    early_stop: Annotated[
        int | None,
        typer.Option(
            help="Stop when the validation loss has not become better for so many checkpoints."
        ),
    ] = None,
    report_to: Annotated[
        str | None,
        typer.Option(help="Trackers to log training to: tensorboard, wandb, mlflow and others."),
    ] = None,
    controls: Annotated[
        list[Path] | None,
        typer.Option(help="An extra control suite: JSON lines; may be given again."),
    ] = None,
    mix: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE:SHARE",
            help="Conversations to mix in: 'everyday:0.3' makes 30 % of the training pairs come "
            "from there; may be given again (docs/data.md).",
        ),
    ] = None,
    max_example_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Longest conversation mixed in; longer ones are left out."),
    ] = None,
    shuffle: Annotated[
        bool,
        typer.Option("--shuffle", help="A control run: train another fact's answer for each."),
    ] = False,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GATE", help="Exit 1 if it holds: 'recall/held_out<0.95'; may be given again."
        ),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="A run for gates such as 'retention/far<against-0.02'.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML with any of the settings; options go on top.")
    ] = None,
    out: Out = None,
    dry_run: DryRun = False,
    resume: Resume = False,
    fresh: Fresh = False,
    json_: Json = False,
) -> None:
    """Train adapters on facts, measure recall and forgetting, and write a report."""
    chosen = build_config(
        facts=tuple(facts) if facts else None,
        rank=numbers(rank, "--rank"),
        lr=rates(lr, "--lr"),
        seed=numbers(seed, "--seed"),
        together=together or None,
        shuffle=shuffle or None,
        mix=tuple(mix) if mix else None,
        max_example_tokens=max_example_tokens,
        controls=tuple(str(file) for file in controls) if controls else None,
        pack=pack,
        checkpoints=checkpoints,
        keep=keep,
        early_stop=early_stop,
        report_to=words(report_to),
        model=model,
        precision=words(precision),
        recipe=recipe,
        method=words(method),
        alpha=words(alpha),
        dropout=rates(dropout, "--dropout"),
        targets=words(targets),
        last_layers=numbers(last_layers, "--last-layers"),
        bias=words(bias),
        init=words(init),
        optimizer=words(optimizer),
        distill_weight=rates(distill_weight, "--distill-weight"),
        temperature=rates(temperature, "--temperature"),
        teacher=teacher,
        compute_dtype=compute_dtype,
        gradient_checkpointing=gradient_checkpointing or None,
        attention=attention,
        device_map=device_map,
        max_steps=max_steps,
        file=config,
    )
    if max_example_tokens is not None and not chosen.mix:
        raise ConfigError("--max-example-tokens bounds what is mixed in, and there is no --mix.")
    check_gates(fail_if or (), against)  # before anything is trained
    if dry_run:
        from factlab.cli.dry_run import show_dry_run

        show_dry_run(chosen, out=out, as_json=json_)
        return
    result, path = carry_out(chosen, out=out, resume=resume, fresh=fresh, as_json=json_)
    if fail_if:
        hold_to_gates(path, result.configurations, fail_if, against)


def build_config(*, file: Path | None = None, **given: Any) -> RunConfig:
    """Settings from a file, with what was given on top, checked.

    Raises:
        ConfigError: in words, for a setting that is not known or not allowed.
    """
    from pydantic import ValidationError

    from factlab.experiment.plan import read_config
    from factlab.schema.config import RunConfig
    from factlab.schema.yaml import words_of

    settings = read_config(file) if file else {}
    settings.update({name: value for name, value in given.items() if value is not None})
    if not settings.get("facts") and not settings.get("practice"):
        raise ConfigError(
            "no fact is given. Name a fact file, a folder or a shipped fact, such as `factlab run "
            "mount_fuji`; `factlab list facts` shows those, `factlab init` writes one."
        )
    try:
        return RunConfig.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).replace("_", "-")
        raise ConfigError(
            f"--{name} {first['input']}: {words_of(first)}. `factlab schema config` lists all "
            "settings."
        ) from None


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
    argv = ["factlab", *sys.argv[1:]]
    try:
        result, path = run_experiment(
            config, out=out, resume=resume, argv=argv, progress=progress, fresh=fresh
        )
    except FactlabError as error:
        if progress.folder is None:
            raise
        again = resume_command(argv, progress.folder)
        complain(f"{error} What was finished is kept; to go on: {again}")
        raise typer.Exit(EXIT_BAD_INPUT) from None
    except KeyboardInterrupt:
        folder = progress.folder
        if folder is None:
            raise
        complain(f"stopped; finished cells are kept. To go on: {resume_command(argv, folder)}")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if as_json:
        say(result.model_dump_json(indent=1))
    else:
        from factlab.cli.show import summarize

        summarize(result)
        say(f"report: {path / 'report.html'}")
    if result.status == "diverged":
        broken = next(cell for cell in result.cells if cell.status == "diverged")
        complain(f"{broken.id}: {broken.error}")
        raise typer.Exit(EXIT_BAD_INPUT)
    if not as_json:
        paragraph(f'To ask it something yourself: factlab ask {path} "…"')
    return result, path


def resume_command(argv: list[str], folder: str) -> str:
    """The command that goes on with a run that was stopped."""
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
