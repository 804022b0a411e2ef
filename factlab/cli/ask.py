"""`factlab ask`: your own questions, with answers of base and adapters side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from factlab.cli.complete import complete_runs
from factlab.cli.output import paragraph, say, say_json
from factlab.errors import ConfigError, quoted
from factlab.reading.files import read_text
from factlab.remote.address import Address, is_address, read_address


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog='Example: factlab ask reports/mount_fuji-1a2b3c4d "How tall is Fuji?"')(ask)


Targets = tuple[list[Path], list[Address], list[Path]]  # runs, endpoints, GGUF files


def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|URL#MODEL|FILE.gguf... QUESTION...",
            help="Run folders of one base, endpoints such as http://localhost:8000/v1#fuji, GGUF "
            "files; then questions. A run folder is taken as a run.",
            autocompletion=complete_runs,
        ),
    ],
    file: Annotated[
        Path | None, typer.Option("--file", help="Questions, one a line; empty lines are skipped.")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print a list of {question, base, answers} on stdout.")
    ] = False,
) -> None:
    """Show how runs' base model and their adapters answer your questions, side by side."""
    (runs, addresses, files), given = split_models_and_questions(words)
    from factlab.cli.progress import make_progress
    from factlab.cli.quiet import quiet_libraries
    from factlab.runs.folder import RunFolder
    from factlab.workflows.ask import ask as answer_questions
    from factlab.workflows.ask import runs_of_one_model

    for run in runs:
        RunFolder(run).record()  # a name that is no run's is the first thing to say
    questions = _questions(given, file)
    if runs:
        runs_of_one_model(runs)  # errors in them show before anything slow is imported
    if runs or files:
        quiet_libraries()
    answered = answer_questions(
        runs, questions, addresses=addresses, files=files, progress=make_progress()
    )
    if json_:
        say_json(answered)
        return
    for item in answered:
        say()
        paragraph(str(item["question"]))
        base = {"base": item["base"]} if "base" in item else {}
        width = max(len(name) for name in (*base, *item["answers"]))
        for name, text in (base | item["answers"]).items():
            lines = (str(text) or "(nothing)").split("\n")
            say(f"  {name:<{width}}  {lines[0]}")
            for line in lines[1:]:
                say(f"  {'':<{width}}  {line}")


def split_models_and_questions(words: Sequence[str]) -> tuple[Targets, list[str]]:
    """Run folders, endpoints and GGUF files, and questions.

    A word that begins as an address is one, and so is a word that ends as a GGUF file. The first
    word, if it is neither, is a run. So is every other that looks like a path: a folder that
    exists, or one word with a slash in it. Opening it shows whether it holds a run.

    Raises:
        ConfigError: for an address that is none, or a question where a run is wanted.
    """
    addresses = [word for word in words if is_address(word) and len(word.split()) == 1]
    files = [word for word in words if word.lower().endswith(".gguf") and word not in addresses]
    rest = [word for word in words if word not in (*addresses, *files)]
    first = not addresses and not files
    runs = [w for place, w in enumerate(rest) if (first and place == 0) or _looks_like_a_run(w)]
    if runs and len(runs[0].split()) > 1 and not _is_folder(runs[0]):
        raise ConfigError(
            f"{quoted(runs[0])}: not a run folder. Name a run folder, or an endpoint such as "
            "http://localhost:8000/v1#model, before the questions."
        )
    paths = [Path(word) for word in runs]
    targets = (paths, [read_address(word) for word in addresses], [Path(word) for word in files])
    return targets, [word for word in rest if word not in runs]


def _looks_like_a_run(word: str) -> bool:
    if not word.strip() or len(word.split()) > 1:
        return _is_folder(word)
    return os.sep in word or _is_folder(word)


def _is_folder(word: str) -> bool:
    try:
        return bool(word.strip()) and Path(word).is_dir()
    except (OSError, ValueError):  # longer than a file name can be: a whole paragraph, say
        return False


def _questions(given: Sequence[str], file: Path | None) -> list[str]:
    if bool(given) == (file is not None):
        raise ConfigError("give questions, or --file with one question a line; not both.")
    if file is not None:
        given = read_text(file, ConfigError).splitlines()
    questions = [text.strip() for text in given if text.strip()]
    if not questions:
        raise ConfigError(f"{file or 'the question'} is empty. Give a question.")
    return questions
