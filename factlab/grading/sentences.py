"""Sentence borders, good enough to keep one sentence's "not" out of the next.

Used by the matcher for answers and by `expand.passages` for the sentences of a passage.
"""

from __future__ import annotations

import re

from factlab.grading.text import word_set

_ABBREVIATIONS = word_set(
    "pres gov sen rep gen col capt lt sgt rev hon maj "
    "mt mr mrs ms dr prof st sr jr vs etc approx ca no nr fig jan feb mar apr jun jul aug sep sept "
    "oct nov dec ft in yd mi lb lbs oz sq gal hr min sec u.s u.k e.g i.e a.d b.c p.m a.m"
)
_END = re.compile(r"[.!?](?:[\"')\]*_]*)(?=\s|$)|[。！？]|\n+")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence, line breaks included as borders; together they cover all."""
    spans, start = [], 0
    for stop in _END.finditer(text):
        if stop[0][0] == "." and _is_abbreviation(text, start, stop.start()):
            continue
        spans.append((start, stop.end()))
        start = stop.end()
    if start < len(text):
        spans.append((start, len(text)))
    return spans


def _is_abbreviation(text: str, start: int, dot: int) -> bool:
    """Whether the point belongs to "Mt." or to an initial rather than ending the sentence."""
    words = text[start:dot].split()
    last = words[-1].lower().lstrip("(*") if words else ""
    follows_on = re.match(r"\.\s+[a-z\d(]", text[dot:]) is not None
    if last in ("in", "no", "min", "sec", "mar", "ft", "mi", "lb", "lbs", "hr", "yd", "oz", "etc"):
        return follows_on and last != "in"
    if last.isdigit() and len(words) == 1:
        return True  # list numbering
    initial = len(last) == 1 and last.isalpha() and words[-1][-1].isupper() and len(words) > 1
    return last in _ABBREVIATIONS or initial
