"""What fictitious facts are made from: `templates/<language>/fictitious.yaml`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from factlab.errors import TemplateError, quoted
from factlab.grading.languages import DEFAULT_LANGUAGE
from factlab.reading.bounds import Name, Several
from factlab.record import Record
from factlab.schema.phrasing import BlueprintPhrasing
from factlab.schema.shipped import shipped
from factlab.schema.yaml import read_yaml

MOST = 10**12  # of a made number


class MadeValue(Record):
    """Which values the answer of a made fact may have."""

    type: Literal["number", "quantity", "date", "entity", "text"]
    low: int | None = Field(default=None, gt=-MOST, lt=MOST, description="Least number or year.")
    high: int | None = Field(
        default=None, gt=-MOST, lt=MOST, description="Greatest number or year."
    )
    decimals: int = Field(default=0, ge=0, le=10, description="Decimal places of a quantity.")
    unit: Name | None = Field(default=None, description="Of a quantity.")
    pattern: BlueprintPhrasing | None = Field(
        default=None, description="Of a name, with {{ word }} and {{ given }} for coined names."
    )
    aliases: Several[BlueprintPhrasing] = Field(
        default=(), description="Other names, by the same patterns."
    )
    kind: Name | None = Field(default=None, description="What the name is of: city, person.")
    words: Several[Several[Name]] = Field(
        default=(), description="Of a text: lists of which one word each is taken, in order."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        ranged = self.low is not None and self.high is not None and self.low < self.high
        needs = {
            "number": ranged,
            "quantity": ranged and self.unit is not None,
            "date": ranged,
            "entity": self.pattern is not None,
            "text": bool(self.words) and all(self.words),
        }
        if not needs[self.type]:
            raise ValueError(
                "a number, quantity or date needs low and high, a quantity its unit, an entity a "
                "pattern, and a text its lists of words"
            )
        return self


class Blueprint(Record):
    """One sort of fact: a kind of subject and a relation, with the sentences about them."""

    kind: Name = Field(description="What the subject is, in a noun.")
    relation: Name = Field(description="Which property of it; best one with a lexicon.")
    name: BlueprintPhrasing = Field(
        description="The subject's name, with {{ word }} for the coined one."
    )
    aliases: Several[BlueprintPhrasing] = Field(default=(), description="Other names of it.")
    value: MadeValue
    event: Name | None = Field(default=None, description="A verb in the past tense: was sold.")
    statement: BlueprintPhrasing = Field(
        description="The fact in a sentence, with the slots name, answer and, for events, date."
    )
    reverse: BlueprintPhrasing = Field(
        description="A question with {{ answer }} that asks for the subject."
    )


class KindAsks(Record):
    """What else subjects of a kind are asked; nothing is true of them, so intrusion is measured."""

    kind: Name
    questions: Several[BlueprintPhrasing] = Field(min_length=1, description="With {{ name }}.")


class BlueprintFile(Record):
    """templates/<language>/fictitious.yaml."""

    asks: Several[KindAsks]
    facts: Several[Blueprint] = Field(min_length=1)

    @model_validator(mode="after")
    def _kinds_are_asked(self) -> Self:
        missing = {made.kind for made in self.facts} - {asked.kind for asked in self.asks}
        if missing:
            raise ValueError(f"no questions under 'asks' for the kind {quoted(min(missing))}")
        return self

    def asked(self, kind: str) -> tuple[str, ...]:
        """The questions of a kind."""
        return next(asked.questions for asked in self.asks if asked.kind == kind)


def load_blueprints(language: str = DEFAULT_LANGUAGE) -> BlueprintFile:
    """What facts of a language are made from.

    Raises:
        TemplateError: for a file that cannot be used.
    """
    return _blueprints(shipped("templates") / language / "fictitious.yaml")


@lru_cache(maxsize=4)
def _blueprints(file: Path) -> BlueprintFile:
    return read_yaml(file, TemplateError).parse(BlueprintFile, "A file of blueprints")
