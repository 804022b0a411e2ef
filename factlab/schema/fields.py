"""What an id, a language and a line of text must be, wherever an author writes one."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, AliasChoices, Field

from factlab.errors import quoted
from factlab.grading.languages import LANGUAGES
from factlab.grading.names import fold
from factlab.reading.bounds import Name
from factlab.schema.shipped import shipped

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
            f"{quoted(text)} cannot name a folder. Use lower-case letters, digits, _ and -, "
            "starting with a letter or digit, at most 64."
        )
    return text


def languages() -> list[str]:
    """The languages that have words and phrasing families: one folder of `templates/` each."""
    folders = {file.parent.name for file in shipped("templates").glob("*/train.yaml")}
    return sorted(folders & LANGUAGES.keys())


def known_language(text: str) -> str:
    """A language that has phrasing families.

    Raises:
        ValueError: for any other.
    """
    if text not in (known := languages()):
        raise ValueError(
            f"{quoted(text)} has no phrasing families. Languages with families: {', '.join(known)}."
        )
    return text


ShortName = Annotated[Name, AfterValidator(short_name)]
Language = Annotated[Name, AfterValidator(known_language)]
# Files of earlier versions call it `dials`.
FORMERLY_DIALS = Field(validation_alias=AliasChoices("overrides", "dials"))
