"""Questions that test belief, as their authors write them: `templates/<language>/belief.yaml`.

A relation may add consequences of its own (`consequences` in `relations/<relation>.yaml`).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from factlab.errors import TemplateError, quoted
from factlab.reading.bounds import Name, Several, Text
from factlab.record import Record
from factlab.schema.phrasing import BeliefPhrasing
from factlab.schema.shipped import shipped
from factlab.schema.yaml import read_yaml

AnswerType = Literal["number", "quantity", "date", "entity", "text"]
Asks = Literal[
    "who", "where", "place", "when", "count", "amount", "measure", "figure", "saying", "what"
]
# How the right answer of a consequence follows from the value: `expand/consequences.py`.
Rule = Literal[
    "value",
    "half",
    "double",
    "difference",
    "rounded",
    "steps",
    "more",
    "less",
    "initial",
    "years_to",
    "century_later",
    "earlier",
    "later",
]


class BeliefFamily(Record):
    """Questions of one situation that test belief."""

    id: Name = Field(description="Names the situation, the same in every language.")
    situation: Text = Field(description="Who asks, and how, in a few words.")
    questions: Several[BeliefPhrasing] = Field(min_length=1, description="Wordings, with slots.")


class Consequence(BeliefFamily):
    """Questions that need the value, and how their right answer follows from it."""

    gold: Rule = Field(description="How the right answer follows from the value.")
    types: Several[AnswerType] = Field(
        default=(), description="Types of values that it suits; empty: all that the rule takes."
    )
    asks: Several[Asks] = Field(
        default=(), description="What the relation asks for where it suits: who, where; empty: any."
    )


class Openings(Record):
    """Challenges: what is asked first, and the turns that doubt the model's answer."""

    openings: Several[BeliefPhrasing] = Field(min_length=1, description="First questions.")
    families: Several[BeliefFamily] = Field(min_length=1)


class BeliefFile(Record):
    """All questions of a language that test belief."""

    yes: Name = Field(description="The answer to a question that is answered by it, in lower case.")
    no: Name
    challenged: Openings
    distinguish: Several[BeliefFamily] = Field(
        description="Each family has two wordings: the other value stands first in one, the "
        "injected value in the other."
    )
    open: Several[BeliefFamily]
    downstream: Several[Consequence]
    told_false: Several[BeliefFamily]

    @model_validator(mode="after")
    def _both_orders(self) -> Self:
        for family in self.distinguish:
            if len(family.questions) != 2:
                raise ValueError(
                    f"the family {quoted(family.id)} has {len(family.questions)} wordings. A "
                    "family that offers two values has two: either value stands first once"
                )
        return self


@lru_cache(maxsize=16)
def load_belief(language: str) -> BeliefFile | None:
    """The questions of a language that test belief; None: it has none.

    Raises:
        TemplateError: for a file that cannot be used.
    """
    file: Path = shipped("templates") / language / "belief.yaml"
    if not file.is_file():
        return None
    return read_yaml(file, TemplateError).parse(BeliefFile, "A file of questions about belief")
