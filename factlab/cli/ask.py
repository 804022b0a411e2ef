"""`factlab ask`: questions of one's own, base and adapters side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from factlab.cli.output import paragraph, say
from factlab.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog='Example: factlab ask reports/mount_fuji-1a2b3c4d "How tall is Fuji?"')(ask)


def ask(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    question: Annotated[str | None, typer.Argument(help="One question.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Questions, one a line; empty lines are skipped.")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print a list of {question, base, answers} on stdout.")
    ] = False,
) -> None:
    """Ask a run's base model and its adapters the same questions, answers side by side."""
    questions = _questions(question, file)
    from factlab.asking import ask as put
    from factlab.cli.progress import make_progress
    from factlab.cli.quiet import quiet_libraries

    quiet_libraries()
    answered = put(run, questions, progress=make_progress())
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


def _questions(question: str | None, file: Path | None) -> list[str]:
    if (question is None) == (file is None):
        raise ConfigError("ask one question, or give --file with one question a line; not both.")
    if file is None:
        questions = [question or ""]
    else:
        try:
            questions = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as problem:
            raise ConfigError(f"{file}: cannot be read as UTF-8 text ({problem}).") from None
    questions = [text.strip() for text in questions if text.strip()]
    if not questions:
        raise ConfigError(f"{file or 'the question'}: there is no question in it.")
    return questions
