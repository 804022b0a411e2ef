"""A fact in other languages: trained in its own, asked in these (`recall/other_language`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import Field

from factlab.grading.answer import Answer
from factlab.reading.bounds import Name, Text
from factlab.record import Record
from factlab.schema.about import Event, Subject
from factlab.schema.fields import Language
from factlab.schema.yaml import Document

KEY = "translations"
SHARED = ("id", "relation", "answer", "supersedes")  # of the fact, where a translation has none


class Translation(Record):
    """A fact as another language puts it; what is left out is as in the fact."""

    language: Language
    statement: Text
    subject: Subject
    relation: Name | None = None
    answer: Answer | None = Field(
        default=None,
        description="Where it is written otherwise: {type: entity, value: 京都}.",
    )
    supersedes: Answer | None = None
    event: Event | None = Field(
        default=None, description="Questions speak of it where it is given here."
    )


def translated_document(document: Document, number: int) -> Document:
    """A fact file as it would be in another language, its places those of the translation.

    Args:
        document: A file with translations.
        number: Of the translation, from 0.
    """
    own: dict[str, Any] = document.data[KEY][number]
    shared = {key: document.data[key] for key in SHARED if key in document.data}
    start = (KEY, number)
    places = {
        path[len(start) :]: place
        for path, place in document.places.items()
        if path[: len(start)] == start
    }
    return replace(document, data=shared | own, places=places)
