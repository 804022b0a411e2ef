"""Which language a fact is in: as its author says, or as its statement shows."""

from __future__ import annotations

from typing import Any

from factlab.errors import quoted
from factlab.grading.language_of_text import is_certain, language_name, language_of_text
from factlab.schema.fields import languages
from factlab.schema.yaml import Document


def language_shown(data: dict[str, Any]) -> str | None:
    """The language that a fact's statement shows; its names and values may be of any.

    Args:
        data: The fact as it was read, before anything of it is checked.
    """
    subject, answer, statement = (data.get(key) for key in ("subject", "answer", "statement"))
    named = [part for part in (subject, answer) if isinstance(part, dict)]
    words = [part.get(key) for part in named for key in ("name", "value")]
    for aliases in (part.get("aliases") for part in named):
        words += aliases if isinstance(aliases, list | tuple) else []
    names = [word for word in words if isinstance(word, str)]
    return language_of_text(statement, names) if isinstance(statement, str) else None


def check_language(document: Document) -> None:
    """Refuse a language that is not the statement's, and a statement that no templates are for.

    Raises:
        FactError: with file, line and column.
    """
    data = document.data if isinstance(document.data, dict) else {}
    given, found = data.get("language"), language_shown(data)
    if found is None or given == found:
        return
    name, known = language_name(found), languages()
    if given in known and (found in known or is_certain(found)):
        raise document.fail(
            ("language",),
            f"the language is given as {quoted(given)}, but the statement is in {name}. Statement, "
            "questions and answers must be in one language: "
            + (f"write {found}, or remove the line." if found in known else "change one of them."),
        )
    if given is None and found not in known:
        raise document.fail(
            ("statement",),
            f"the statement is in {name}, for which there are no phrasing families. Languages with "
            f"families: {', '.join(known)}. Write the fact in one of these, or add the language "
            "(docs/languages.md). If it is in one of these already, say which: 'language: en'.",
        )
