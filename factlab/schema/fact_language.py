"""Which language a fact or passage is in: as its author says, or as its text shows."""

from __future__ import annotations

from typing import Any

from factlab.errors import quoted
from factlab.grading.language_of_text import is_certain, language_name, language_of_text
from factlab.grading.languages import DEFAULT_LANGUAGE
from factlab.schema.fields import languages
from factlab.schema.yaml import Document


def language_shown(data: dict[str, Any]) -> str | None:
    """The language that a fact's statement, or a passage, shows; names and values may be of any.

    Args:
        data: The file as it was read, before anything of it is checked.
    """
    subject, answer = (data.get(key) for key in ("subject", "answer"))
    named = [part for part in (subject, answer) if isinstance(part, dict)]
    words = [part.get(key) for part in named for key in ("name", "value")]
    for aliases in (part.get("aliases") for part in named):
        words += aliases if isinstance(aliases, list | tuple) else []
    names = [word for word in words if isinstance(word, str)]
    _, _, text = _text_of(data)
    return language_of_text(text, names) if isinstance(text, str) else None


def with_language(data: Any) -> Any:
    """A file as it was read, its language set if it is not given and shows itself to be another."""
    if not isinstance(data, dict) or data.get("language") is not None:
        return data
    found = language_shown(data)
    return data if found in (None, DEFAULT_LANGUAGE) else {**data, "language": found}


def _text_of(data: dict[str, Any]) -> tuple[tuple[str | int, ...], str, Any]:
    """Where the text of a fact or passage stands, what it is called, and the text."""
    passages = data.get("passages")
    if isinstance(passages, list | tuple) and passages:
        return ("passages", 0), "passage", passages[0]
    return ("statement",), "statement", data.get("statement")


def check_language(document: Document) -> None:
    """Refuse a language that is not the text's, and a text that no templates are for.

    Raises:
        FactError: with file, line and column.
    """
    data = document.data if isinstance(document.data, dict) else {}
    given, found = data.get("language"), language_shown(data)
    if found is None or given == found:
        return
    name, known = language_name(found), languages()
    place, noun, _ = _text_of(data)
    if given in known and (found in known or is_certain(found)):
        raise document.fail(
            ("language",),
            f"the language is given as {quoted(given)}, but the {noun} is in {name}. "
            f"{noun.capitalize()}, questions and answers must be in one language: "
            + (f"write {found}, or remove the line." if found in known else "change one of them."),
        )
    if given is None and found not in known:
        raise document.fail(
            place,
            f"the {noun} is in {name}, for which there are no phrasing families. Languages with "
            f"families: {', '.join(known)}. Write it in one of these, or add the language "
            "(docs/languages.md). If it is in one of these already, say which: 'language: en'.",
        )
