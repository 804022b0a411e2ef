"""A bounded sample of a fact's questions, spread over their families."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import TypeVar

from factlab.schema.question import Question

Item = TypeVar("Item")


def one_of_each(columns: Iterable[Iterable[Item]]) -> Iterator[Item]:
    """One item of each column in turn, until all are at their end."""
    return (item for row in zip_longest(*columns) for item in row if item is not None)


def drawn(questions: Sequence[Question], most: int | None, seed: int) -> tuple[Question, ...]:
    """At most so many questions of one fact, one of each family in turn, in their own order.

    Which families come first is drawn by fact, so that many facts together are asked in all of
    them. A smaller sample is a part of a larger one.

    Args:
        questions: Of one fact and split.
        most: How many; None: all.
        seed: Of the draw.
    """
    if most is None or len(questions) <= most:
        return tuple(questions)
    families: dict[str, list[Question]] = {}
    for question in questions:
        families.setdefault(question.family, []).append(question)
    columns = list(families.values())
    rng = random.Random(f"{seed}/{questions[0].fact}/{questions[0].split}")
    rng.shuffle(columns)
    for column in columns:
        rng.shuffle(column)
    chosen = {question.id for question in islice(one_of_each(columns), most)}
    return tuple(question for question in questions if question.id in chosen)
