"""How long and how large what a person writes may be: one type for each sort of it.

The bounds are far above what anyone writes by hand. They keep the work of reading a file, and of
looking for values in its texts, small whatever the file holds.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

MOST_NAME = 300  # characters of a name, a value or a word
MOST_TEXT = 2_000  # of a sentence or a question
MOST_PASSAGE = 50_000  # of running text
MOST_ITEMS = 200  # of a list that belongs to one thing
MOST_ENTRIES = 5_000  # of a list that is what a file is for: its questions, its families
MOST_VALUES = 100  # of a setting that is crossed with others
MOST_COUNT = 1_000_000_000
MOST_SEED = 2**32 - 1  # what generators of random numbers take

Item = TypeVar("Item")
Name = Annotated[str, Field(max_length=MOST_NAME)]
Text = Annotated[str, Field(max_length=MOST_TEXT)]
RunningText = Annotated[str, Field(max_length=MOST_PASSAGE)]
Several = Annotated[tuple[Item, ...], Field(max_length=MOST_ITEMS)]
Entries = Annotated[tuple[Item, ...], Field(max_length=MOST_ENTRIES)]
Count = Annotated[PositiveInt, Field(le=MOST_COUNT)]
CountOrZero = Annotated[NonNegativeInt, Field(le=MOST_COUNT)]
Seed = Annotated[NonNegativeInt, Field(le=MOST_SEED)]
Amount = Annotated[PositiveFloat, Field(le=MOST_COUNT)]
Rate = Annotated[PositiveFloat, Field(le=1e30)]  # of learning: a finite one, that diverges if large
AmountOrZero = Annotated[NonNegativeFloat, Field(le=MOST_COUNT)]
