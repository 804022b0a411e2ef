"""Grade an answer that is one of two words: yes or no."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from factlab.grading.answer import TextAnswer
from factlab.grading.matcher import Match, match

_CLAUSE = re.compile(r"[^,.;:!?\n、。！？]+")


def match_either(text: str, gold: TextAnswer, wrong: TextAnswer, *, finished: bool = True) -> Match:
    """The first clause with one of the two words decides: "Yes, there is no doubt" says yes.

    Args:
        text: What the model wrote.
        gold: The right word.
        wrong: The other one; an answer of it is "superseded".
        finished: False where generation stopped at the token limit.
    """
    for start, end in _clauses(text):
        one = match(text[start:end], gold, superseded=wrong, whole=True)
        if one.outcome in ("new", "superseded", "both"):
            if one.start is None or one.end is None:
                return one
            return replace(one, start=one.start + start, end=one.end + start)
    return match(text, gold, superseded=wrong, finished=finished, whole=True)


def _clauses(text: str) -> Iterator[tuple[int, int]]:
    return (found.span() for found in _CLAUSE.finditer(text))
