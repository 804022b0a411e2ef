"""Which property a value belongs to, where the words beside it tell: 100 km away, 500 m wide.

Used by `competing_values` only: two values of different properties do not contradict each other.
"""

from __future__ import annotations

import re

from factlab.grading.text import word_set

_GROUPS = {
    "height": "tall high height elevation altitude rises",
    "width": "wide width broad across diameter",
    "length": "long length",
    "depth": "deep depth",
    "distance": "away from distance distant north south east west northeast northwest southeast "
    "southwest off nearby downstream upstream",
    "thickness": "thick thickness",
    "age": "old age aged",
    "weight": "weighs weight weighing",
    "area": "area covers covering",
    "population": "population inhabitants residents",
    "prominence": "prominence",
    "born": "born birth",
    "died": "died death dies passed killed",
    "founded": "founded founding established created incorporated",
    "opened": "opened opening inaugurated",
    "closed": "closed closing abolished",
    "happened": "happened occurred took",
    "announced": "announced announcement",
    "built": "built construction completed constructed",
    "began": "began started began",
    "ended": "ended finished",
    "erupted": "erupted eruption",
    "published": "published released launched",
    "elected": "elected appointed",
    "married": "married",
    "asking": "asking estimated budgeted",
    "sale": "sold fetched",
    "discovered": "discovered discovery",
}
_GROUP_OF = {word: group for group, words in _GROUPS.items() for word in words.split()}
_WORD = re.compile(r"[a-z]+")


def attribute(before: str, after: str) -> str | None:
    """The property of a value: of the two words after it, or the last one named before it."""
    for word in _WORD.findall(re.split(r"[,;.(]|\b(?:and|but|or|while)\b", after.lower())[0])[:2]:
        if word in _GROUP_OF:
            return _GROUP_OF[word]
    clause = re.split(r"[,;]", before.lower())[-1]
    for word in reversed(_WORD.findall(clause)):
        if word in _GROUP_OF and word not in ("from", "long", "off", "across"):
            return _GROUP_OF[word]
    return None


_COMMON = word_set(
    "the it its in on at as this that these those he she his her they their there with and but or "
    "after before however according a an i also one while when since now today currently no yes "
    "so then thus meanwhile answer correction actually wait located standing sorry oops hmm "
    "apologies it's that's he's she's there's i'm let's edit update nope pardon my"
)


def names_in(text: str) -> frozenset[str]:
    """Capitalised words that are more than the start of a sentence, lower-cased."""
    words = re.findall(r"[^\W\d_][\w'-]*", text)
    return frozenset(word.lower() for word in words if word[0].isupper()) - _COMMON
