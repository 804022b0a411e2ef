"""What a fact is about: its subject, and what happened to it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from factlab.errors import quoted
from factlab.grading.dates import parse_date
from factlab.grading.names import fold
from factlab.reading.bounds import Name
from factlab.record import Record
from factlab.schema.fields import not_blank

MOST_ALIASES = 30  # of a subject: each is put into every phrasing


class Subject(Record):
    """What the fact is about."""

    name: Name = Field(description="The name used first in questions.")
    aliases: Annotated[tuple[Name, ...], Field(max_length=MOST_ALIASES)] = Field(
        default=(), description="Other names; also used in questions."
    )
    kind: Name | None = Field(default=None, description="What it is, in a noun: mountain, person.")
    plural: bool | None = Field(default=None, description="Are, not is; else seen in each name.")

    @field_validator("name", "kind")
    @classmethod
    def _filled(cls, value: str | None) -> str | None:
        return None if value is None else not_blank(value, "this name")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen = {fold(self.name)}
        for alias in self.aliases:
            folded = fold(alias)
            if not any(char.isalnum() for char in folded):
                raise ValueError(f"alias {quoted(alias)} names nothing. Write it, or remove it.")
            if folded in seen:
                raise ValueError(
                    f"alias {quoted(alias)} repeats another name. Remove one of the two."
                )
            seen.add(folded)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The name and its aliases, each once."""
        return tuple(dict.fromkeys((self.name, *self.aliases)))


class Event(Record):
    """What happened, and when; questions can then be put with and without the date."""

    what: Name = Field(description="A verb in the past tense, as in 'Mount Fuji erupted'.")
    date: Name | None = Field(default=None, description="When: 2025-10-10, 2025-10 or 2025.")

    @field_validator("what")
    @classmethod
    def _filled(cls, value: str) -> str:
        return not_blank(value)

    @field_validator("date")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None and parse_date(value) is None:
            raise ValueError(
                f"{quoted(value)} is not a date. Write it like 2025-10-10, 2025-10 or 2025."
            )
        return value
