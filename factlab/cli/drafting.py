"""`factlab init --statement`: a fact file drafted from a sentence, with questions on a terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from factlab.cli.output import ask, complain, paragraph, say
from factlab.errors import ConfigError, FactError

if TYPE_CHECKING:
    from factlab.drafting.draft import Draft
    from factlab.drafting.reading import Reading


def write_draft(statement: str, file: Path | None, *, questions: bool) -> None:
    """Draft a fact file, write it, and say what to look at in it.

    Args:
        statement: The fact in one sentence.
        file: Where to write it; by default the draft's id with .yaml.
        questions: Ask for what the rules have read, so that it can be corrected at once.

    Raises:
        ConfigError: for a statement that says nothing, and a file that exists.
    """
    from factlab.drafting.draft import (
        MOST_CHARACTERS,
        draft,
        language_of,
        one_line,
        read_statement,
    )
    from factlab.runs.files import write_text

    text = one_line(statement)
    if not any(char.isalnum() for char in text):
        raise ConfigError("--statement is empty. Write the fact in one sentence.")
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(
            f"--statement has {len(text):,} characters; at most {MOST_CHARACTERS:,} are read. "
            "Write the fact in one sentence. `factlab import` reads passages."
        )
    language = language_of(text)
    reading = read_statement(text, language)
    if questions:
        reading = _corrected(reading)
    made = draft(text, reading=reading, language=language)
    target = file or Path(f"{made.identity}.yaml")
    number, base = 1, made.identity
    while file is None and target.exists() and not _has(target, made):
        number += 1  # another fact by this name
        made = draft(text, reading=reading, language=language, identity=f"{base}_{number}")
        target = Path(f"{made.identity}.yaml")
    if target.exists():
        raise ConfigError(f"{target}: this file exists. Choose another name; nothing was changed.")
    write_text(target, made.text)
    _tell(made, target)


def _has(file: Path, made: Draft) -> bool:
    """Whether a file is a draft of the same statement; one that cannot be read counts as one."""
    from factlab.reading.files import read_text

    said = next(line for line in made.text.splitlines() if line.startswith("statement: "))
    try:
        return said.partition("   # ")[0] in read_text(file, FactError)
    except FactError:
        return True


def _corrected(reading: Reading) -> Reading:
    """What was read, with what the user says instead; Enter keeps a value."""
    say("Enter keeps what stands in brackets.")
    asked = {
        "subject": "What is it about?",
        "relation": "Which property of it?",
        "value": "What is the new value?",
        "old": "What was it before? (Enter: nothing, or it is not known)",
    }
    given = {}
    for name, question in asked.items():
        known = getattr(reading, name)
        given[name] = ask(f"{question}{f' [{known}]' if known else ''} ") or known
    changed = {name for name, value in given.items() if value != getattr(reading, name)}
    unsure = tuple(name for name in reading.unsure if name not in given)
    kind = reading.kind if "subject" not in changed and "relation" not in changed else ""
    return replace(reading, **given, unsure=unsure, kind=kind)


def _tell(made: Draft, file: Path) -> None:
    say(f"{file}: drafted.")
    for line in made.text.splitlines():
        say(f"  {line}")
    if made.guesses:
        paragraph(f"Guesses, marked in the file: {', '.join(made.guesses)}.")
    if made.missing:
        complain(f"{file} is not complete: {made.missing}")
        return
    paragraph(f"Read it through, then: factlab preview {file}; factlab run {file} --quick")
