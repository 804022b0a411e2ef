"""`factlab ask`: questions of one's own, base and adapters side by side."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from factlab.cli.output import paragraph, say
from factlab.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog='Example: factlab ask reports/mount_fuji-1a2b3c4d "How tall is Fuji?"')(ask)


def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... QUESTION...",
            help="Run folders of one base, and questions: what is a run folder is a run.",
        ),
    ],
    file: Annotated[
        Path | None, typer.Option("--file", help="Questions, one a line; empty lines are skipped.")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print a list of {question, base, answers} on stdout.")
    ] = False,
) -> None:
    """Ask runs' base model and their adapters the same questions, answers side by side."""
    runs, asked = told_apart(words)
    questions = _questions(asked, file)
    from factlab.cli.progress import make_progress
    from factlab.cli.quiet import quiet_libraries
    from factlab.workflows.ask import ask as put
    from factlab.workflows.ask import runs_of_one_model

    runs_of_one_model(runs)  # what is wrong with them is said before anything slow is imported
    quiet_libraries()
    answered = put(runs, questions, progress=make_progress())
    if json_:
        say(json.dumps(answered, ensure_ascii=False, indent=1))
        return
    for item in answered:
        say()
        paragraph(str(item["question"]))
        width = max(len(name) for name in ("base", *item["answers"]))
        for name, text in {"base": item["base"], **item["answers"]}.items():
            lines = str(text).splitlines() or ["(nothing)"]
            say(f"  {name:<{width}}  {lines[0]}")
            for line in lines[1:]:
                say(f"  {'':<{width}}  {line}")


def told_apart(words: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Run folders, and what is asked.

    The first word is a run. So is every other that is a run folder, or looks like a path: a folder
    that exists, or one word with a slash in it. Whether it holds a run is seen when it is opened.
    """
    runs = [word for place, word in enumerate(words) if place == 0 or _looks_like_a_run(word)]
    return [Path(word) for word in runs], [word for word in words if word not in runs]


def _looks_like_a_run(word: str) -> bool:
    if not word.strip() or len(word.split()) > 1:
        return _is_folder(word)
    return os.sep in word or _is_folder(word)


def _is_folder(word: str) -> bool:
    try:
        return bool(word.strip()) and Path(word).is_dir()
    except (OSError, ValueError):  # longer than a file name can be: a whole paragraph, say
        return False


def _questions(asked: Sequence[str], file: Path | None) -> list[str]:
    if bool(asked) == (file is not None):
        raise ConfigError("ask questions, or give --file with one question a line; not both.")
    if file is not None:
        try:
            asked = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as problem:
            raise ConfigError(f"{file}: cannot be read as UTF-8 text ({problem}).") from None
    questions = [text.strip() for text in asked if text.strip()]
    if not questions:
        raise ConfigError(f"{file or 'the question'}: there is no question in it.")
    return questions
