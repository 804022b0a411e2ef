"""Prompts of its own that a published set measures a fact by, in a section of the fact file."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from factlab.errors import quoted
from factlab.grading.names import fold
from factlab.reading.bounds import Name, Several, Text
from factlab.record import Record

RomePart = Literal["rewrite", "paraphrase", "neighborhood"]
ROME_PARTS: tuple[RomePart, ...] = ("rewrite", "paraphrase", "neighborhood")


class RomePrompts(Record):
    """Beginnings of sentences that ROME's scores are computed on, as CounterFact has them.

    Both objects are scored as what follows each prompt, without a chat template.
    """

    target_new: Name = Field(description="The new object, as it follows a prompt.")
    target_true: Name = Field(description="The object that is true in the world.")
    rewrite: Several[Text] = Field(min_length=1, description="The fact's own prompt.")
    paraphrase: Several[Text] = Field(default=(), description="The same in other words.")
    neighborhood: Several[Text] = Field(
        default=(), description="Prompts of other subjects whose object is the true one."
    )

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Self:
        if fold(self.target_new) == fold(self.target_true):
            raise ValueError(
                f"target_true {quoted(self.target_true)} is target_new. They must differ."
            )
        for part in ROME_PARTS:
            if not all(fold(text) for text in (*self.part(part), *self.targets)):
                raise ValueError(f"{part} has an empty prompt or object. Write it.")
        return self

    @property
    def targets(self) -> tuple[str, str]:
        """The new object and the true one."""
        return self.target_new, self.target_true

    def part(self, part: RomePart) -> tuple[str, ...]:
        """The prompts of one part."""
        prompts: tuple[str, ...] = getattr(self, part)
        return prompts

    def sides(self, part: RomePart) -> tuple[str, str]:
        """The object that should be more probable after the prompts of a part, and the other."""
        return self.targets if part != "neighborhood" else self.targets[::-1]
