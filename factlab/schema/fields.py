"""What an id, a language and a line of text must be, wherever an author writes one."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from factlab.grading.names import fold

LANGUAGES = ("en",)
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def not_blank(text: str, what: str = "this") -> str:
    """The text, if it says anything.

    Raises:
        ValueError: for a blank one.
    """
    if not fold(text).strip():
        raise ValueError(f"{what} is empty. Write it, or remove the line.")
    return text


def short_name(text: str) -> str:
    """An id that can name a folder.

    Raises:
        ValueError: for any other.
    """
    if not _ID.fullmatch(text):
        raise ValueError(
            f"{text!r} cannot name a folder. Use lower-case letters, digits, _ and -, "
            "starting with a letter or digit, at most 64."
        )
    return text


def known_language(text: str) -> str:
    """A language that there are phrasings for.

    Raises:
        ValueError: for any other.
    """
    if text not in LANGUAGES:
        raise ValueError(
            f"{text!r} has no phrasing families. Languages with families: {', '.join(LANGUAGES)}."
        )
    return text


ShortName = Annotated[str, AfterValidator(short_name)]
Language = Annotated[str, AfterValidator(known_language)]
