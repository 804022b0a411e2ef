"""A bounded sample of a fact's questions, spread over their families."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import chain, zip_longest

from factlab.schema.question import Question


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
    turns = (question for question in chain(*zip_longest(*columns)) if question)
    chosen = {question.id for question, _ in zip(turns, range(most), strict=False)}
    return tuple(question for question in questions if question.id in chosen)
