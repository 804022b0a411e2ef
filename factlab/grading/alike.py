"""Words that are one word in another spelling or with another ending.

Used by `partial_names`: a slip in a long name (Dimitri, Dmitri), and forms of a common word
(lubricates, lubrication). Names of places and of their people stay apart: Norland, Norlander.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

_ENDINGS = (
    "ization", "isation", "ating", "ators", "ator", "ated", "ates", "ate", "ations", "ation",
    "ition", "ments", "ment", "ings", "ing", "ions", "ion", "ized", "izes", "ize", "ised", "ises",
    "ise", "ers", "er", "ors", "or", "ied", "ies", "ed", "ity", "ive", "ly", "al", "es", "e",
    "y", "s",
)  # fmt: skip
_LEAST_STEM = 4
# The longer of two spellings has at least so many letters for one slip, and for two.
_ONE_SLIP, _TWO_SLIPS = 6, 11
_ONE_SLIP_ALONE = 8  # where the word is the whole name


def key_like(word: str, keys: Collection[str], *, proper: bool) -> str | None:
    """Which of these words this word is in another form, or None."""
    if not proper:
        if len(keys) == 1:
            return None  # what is asked for may be the form itself: children, not childes
        stem = _stem(word)
        return next((key for key in keys if _stem(key) == stem), None)
    least = _ONE_SLIP_ALONE if len(keys) == 1 else _ONE_SLIP
    return next((key for key in keys if key[0] == word[0] and _is_slip(word, key, least)), None)


@lru_cache(maxsize=8192)
def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST_STEM:
            return word[: -len(ending)]
    return word


def _is_slip(word: str, key: str, least: int) -> bool:
    longer = max(len(word), len(key))
    if longer < least or word.startswith(key) or key.startswith(word):
        return False
    slips = 2 if longer >= _TWO_SLIPS else 1
    return abs(len(word) - len(key)) <= slips and _within(word, key, slips)


def _within(first: str, second: str, slips: int) -> bool:
    """Whether so many letters changed, left out or added make one word the other."""
    pairs = enumerate(zip(first, second, strict=False))
    start = next((place for place, (mine, theirs) in pairs if mine != theirs), None)
    if start is None:
        return abs(len(first) - len(second)) <= slips
    if not slips:
        return False
    one, other = first[start:], second[start:]
    return (
        _within(one[1:], other[1:], slips - 1)
        or _within(one[1:], other, slips - 1)
        or _within(one, other[1:], slips - 1)
    )
