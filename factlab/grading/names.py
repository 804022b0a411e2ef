"""Names and phrases in text, whatever their case, accents, quotes and spacing.

`find_name` and `find_phrase` find answers of type entity and text; `fold` is also how the rest of
the package compares two texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from factlab.grading.text import flatten, is_cjk, is_letter, is_word, strip_marks

# Letters that look accented but have no accent to strip, and the many dashes.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
    | dict.fromkeys("‐‑‒–—―", "-")
)
# A base character with the marks that follow it, so that offsets can be mapped back.
_CLUSTER = re.compile(r".[\u0300-\u036f\u3099\u309a\uff9e\uff9f]*", re.DOTALL)


def fold(text: str) -> str:
    """Bring a text to the form in which names are compared.

    NFKC, lower case, straight quotes, plain hyphens, no Latin diacritics, single spaces. Articles
    stay.
    """
    return " ".join(_fold_part(text).split())


def _fold_part(text: str) -> str:
    return strip_marks(flatten(text)).casefold().translate(_LETTERS)


def _folded_with_offsets(text: str) -> tuple[str, list[int]]:
    """Folded text, spaces as they were, and the original offset of each of its characters."""
    if text.isascii():  # a character to a character; most text is
        return _fold_part(text), list(range(len(text) + 1))
    pieces: list[str] = []
    offsets: list[int] = []
    for cluster in _CLUSTER.finditer(text):
        folded = _fold_part(cluster[0])
        pieces.append(folded)
        offsets.extend([cluster.start()] * len(folded))
    return "".join(pieces), [*offsets, len(text)]


def find_name(text: str, names: Iterable[str]) -> list[tuple[int, int]]:
    """Find where any of the names stands as a word of its own, longest first where two overlap.

    A possessive ("Paris's", "Paris'") is a mention; a longer word ("Parisian") is not.
    """
    listed = list(names)
    if not listed:
        return []
    found = _find(text, listed, r"\s+")
    return [place for place in found if not in_longer_place(text, place[0])]


# New York is not York; a capital tells the name's own word from the direction ("south Paris").
_LONGER_PLACE = re.compile(r"\b(?:New|North|South|East|West) $")


def in_longer_place(text: str, start: int) -> bool:
    """Whether what begins here is only the second word of a place, as in New York."""
    return bool(_LONGER_PLACE.search(text[max(0, start - 8) : start]))


def find_phrase(text: str, phrases: Iterable[str]) -> list[tuple[int, int]]:
    """Find any of the phrases, word for word and in order, articles and commas left aside."""
    return _find(text, (_without_articles(phrase) for phrase in phrases), _BETWEEN_WORDS)


_BETWEEN_WORDS = r"[\s,;:'\"*_-]+(?:(?:a|an|the)\s+)*"


def _without_articles(phrase: str) -> str:
    words = (
        re.sub(r"[,;:.!?\"*]+(?=\s|$)|(?<!\S)[\"*]+", " ", fold(phrase)).replace("-", " ").split()
    )
    return " ".join(word for word in words if word not in ("a", "an", "the")) or phrase


def _find(text: str, names: Iterable[str], between: str) -> list[tuple[int, int]]:
    folded, offsets = _folded_with_offsets(text)
    found: list[tuple[int, int]] = []
    for name in sorted({fold(name) for name in names} - {""}, key=lambda name: (-len(name), name)):
        for hit in re.finditer(between.join(map(re.escape, name.split())), folded):
            start, end = offsets[hit.start()], _end_offset(text, offsets, hit.end())
            clash = any(start < other_end and other < end for other, other_end in found)
            if not clash and _stands_alone(folded, hit.start(), hit.end()):
                found.append((start, end))
    return sorted(found)


def _end_offset(text: str, offsets: list[int], position: int) -> int:
    """Original offset just behind the character before `position` in the folded text."""
    last = offsets[position - 1]
    cluster = _CLUSTER.match(text, last)
    return cluster.end() if cluster else len(text)


# The number of a footnote that lost its superscript: "played by Mara Quill2."
_FOOTNOTE = re.compile(r"\d{1,3}(?=[.,;])")


def _stands_alone(folded: str, start: int, end: int) -> bool:
    """Whether no word runs on over either edge; scripts without spaces have no edges."""
    before, after = folded[start - 1 : start], folded[end : end + 1]
    first, last = folded[start], folded[end - 1]
    if before and is_word(before) and is_word(first) and not is_cjk(first):
        return False
    if before == "'" and start > 1 and is_word(folded[start - 2]):
        return False  # O'Brien is not Brien
    noted = end - start > 3 and is_letter(last) and _FOOTNOTE.match(folded, end)
    if after and is_word(after) and is_word(last) and not is_cjk(last) and not noted:
        return False
    return not re.match(r"'(?!s\b)\w", folded[end : end + 3])
