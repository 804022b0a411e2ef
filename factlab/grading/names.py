"""Names and phrases in text, whatever their case, accents, quotes and spacing.

`find_name` and `find_phrase` find answers of type entity and text; `fold` is also how the rest of
the package compares two texts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

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


@lru_cache(maxsize=1024)  # many names are looked for in one text, and in many texts in turn
def _folded_with_offsets(text: str) -> tuple[str, Sequence[int]]:
    """Folded text, spaces as they were, and the original offset of each of its characters."""
    if text.isascii():  # a character to a character; most text is
        return _fold_part(text), range(len(text) + 1)
    pieces: list[str] = []
    offsets: list[int] = []
    for cluster in _CLUSTER.finditer(text):
        folded = _fold_part(cluster[0])
        pieces.append(folded)
        offsets.extend([cluster.start()] * len(folded))
    return "".join(pieces), (*offsets, len(text))


def find_name(text: str, names: Iterable[str]) -> list[tuple[int, int]]:
    """Find where any of the names stands as a word of its own, longest first where two overlap.

    A possessive ("Paris's", "Paris'") is a mention; a longer word ("Parisian") is not.
    """
    listed = list(names)
    if not listed:
        return []
    parts = {fold(listed[0]).split()[-1]} if " " in listed[0].strip() else set()  # a surname
    return [
        (start, end)
        for start, end in _find(text, listed, r"\s+")
        if not (in_longer_place(text, start) or goes_on(text, start, end, parts))
    ]


# New York is not York; a capital tells the name's own word from the direction ("south Paris").
_LONGER_PLACE = re.compile(
    r"\b(?:New|North|South|East|West|(?:Horn|Gulf|Bay|Sea|Straits?|Cape|Bank|Port"
    r"|Isthmus) of(?: the)?) $"
)
_PLACE_WORDS = (
    "Forest|Falls|Bridge|Park|Street|Road|Square|Bay|Hall|House|Castle|Records|Prize|Award|Stadium"
    "|Airport|Museum|Hospital|Church|Memorial|Foundation|Institute|Cup|Trophy|Beach|Hills?|Valley"
    "|Creek|Avenue|Lane|Tower|Medal|Library|College|School|University|Society|Press"
)
_NUMERAL_AFTER = re.compile(r" (?:I{2,3}|IV|VI{0,3}|IX|XI{0,3}|XI?V|XVI{0,3})\b(?!\.\w)")
# Martin Luther King Jr. is not Martin Luther.
_MORE_NAME = re.compile(r" [A-Z][a-z]+,? (?:Jr|Sr)\b")
_PLACE_AFTER = re.compile(rf" (?:{_PLACE_WORDS})\b")


def in_longer_place(text: str, start: int) -> bool:
    """Whether what begins here is only the last word of another name: New York, Horn of Africa."""
    return bool(_LONGER_PLACE.search(text[max(0, start - 16) : start]))


def goes_on(text: str, start: int, end: int, parts: Collection[str]) -> bool:
    """Whether the name goes on as another one: Napoleon III, Ashdown Forest for a person's name."""
    if not text[start : start + 1].isupper():
        return False
    if _NUMERAL_AFTER.match(text, end) and not re.search(r"\b[IVX]+$", text[start:end]):
        return True
    name = fold(text[start:end])
    if name in parts and _PLACE_AFTER.match(text, end):
        return True
    return name.count(" ") == 1 and _MORE_NAME.match(text, end) is not None


def find_phrase(text: str, phrases: Iterable[str]) -> list[tuple[int, int]]:
    """Find any of the phrases, word for word and in order, articles and commas left aside."""
    listed = [way for phrase in phrases for way in (phrase, *_ordinals(phrase))]
    return _find(text, map(_without_articles, listed), _BETWEEN_WORDS)


_ORDINALS = {
    word: f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number, 'th') }"
    for number, word in enumerate(
        re.findall(
            r"\w+",
            "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth",
        ),
        start=1,
    )
}
_ORDINALS |= {figure: word for word, figure in _ORDINALS.items()}


def _ordinals(phrase: str) -> tuple[str, ...]:
    """The phrase with its ordinals written the other way: second, 2nd."""
    words = fold(phrase).split()
    other = [_ORDINALS.get(word, word) for word in words]
    return (" ".join(other),) if other != words else ()


_BETWEEN_WORDS = r"[\s,;:'\"*_-]+(?:(?:a|an|the)\s+)*"
_SIGNS = ",;:'\"*_-"


def _without_articles(phrase: str) -> str:
    words = (
        re.sub(r"[,;:.!?\"*]+(?=\s|$)|(?<!\S)[\"*]+", " ", fold(phrase)).replace("-", " ").split()
    )
    return " ".join(word for word in words if not _may_be_between(word)) or phrase


def _may_be_between(word: str) -> bool:
    """Whether `_BETWEEN_WORDS` matches it, too: a pattern of such words has too many ways."""
    return word.strip(_SIGNS) in ("", "a", "an", "the")


def _find(text: str, names: Iterable[str], between: str) -> list[tuple[int, int]]:
    folded, offsets = _folded_with_offsets(text)
    found: list[tuple[int, int]] = []
    for name in sorted({fold(name) for name in names} - {""}, key=lambda name: (-len(name), name)):
        for hit in re.finditer(_pattern(name, between), folded):
            if not hit[0]:  # of a name that is all signs, such as ・・
                continue
            start, end = offsets[hit.start()], _end_offset(text, offsets, hit.end())
            clash = any(start < other_end and other < end for other, other_end in found)
            if not clash and _stands_alone(folded, hit.start(), hit.end()):
                found.append((start, end))
    return sorted(found)


@lru_cache(maxsize=4096)
def _pattern(name: str, between: str) -> str:
    """How a folded name is looked for; in kana and kanji, spaces do not count."""
    if re.search(r"[=^]", name):  # a formula: E = mc², E=mc^2
        return r"[\s^{}*]*".join(re.escape(char) for char in re.sub(r"[\s^{}*]", "", name))
    if not is_cjk(name[0]) or not all(is_cjk(char) or char in " ・" for char in name):
        words = name.split()
        return (r"\s+" if all(map(_may_be_between, words)) else between).join(map(re.escape, words))
    bare = re.sub(r"[ ・]", "", name)
    long = len(bare) > 3 and "\u30a0" <= bare[-1] <= "\u30ff"
    ending = "ー?" if long else ""
    return r"[\s・]*".join(map(re.escape, bare.rstrip("ー") if long else bare)) + ending


def _end_offset(text: str, offsets: Sequence[int], position: int) -> int:
    """Original offset just behind the character before `position` in the folded text."""
    last = offsets[position - 1]
    cluster = _CLUSTER.match(text, last)
    return cluster.end() if cluster else len(text)


# The number of a footnote that lost its superscript: "played by Mara Quill2."
_FOOTNOTE = re.compile(r"\d{1,3}(?=[.,;])")
# A word that lost the space in front of it: "written by Mara Quilland first sung".
_RUN_ON = re.compile(
    r"(?:and|in|on|at|of|is|was|who|which|for|from|during|with|to|by|as|when)(?![^\W_])"
)


_OPPOSITE = re.compile(r"\b(?:non|anti)-$")
_KANJI = re.compile(r"[\u3400-\u9fff]")
_KANJI_BEFORE = re.compile(r"(?<![\u3400-\u9fff])[\u3400-\u9fff]$")
# What may stand in front of a name as a word of its own: the former, the new; a year, a town.
_OWN_WORD = "旧新元前現故後約年月日市区町村県府州国駅氏君様者答"
_LONGER_JA = re.compile(r"大学|駅|空港|銀行|新聞|語|タワー|ホテル")


def _in_longer_word(folded: str, start: int, end: int) -> bool:
    """Whether kanji beside it make it another name: 東京都 is not 京都, 京都大学 not the town."""
    ahead = _KANJI_BEFORE.search(folded[max(0, start - 2) : start])
    if ahead and ahead[0] not in _OWN_WORD:
        return True
    return _LONGER_JA.match(folded, end) is not None


def _stands_alone(folded: str, start: int, end: int) -> bool:
    """Whether no word runs on over either edge; scripts without spaces have no edges."""
    before, after = folded[start - 1 : start], folded[end : end + 1]
    if _OPPOSITE.search(folded[max(0, start - 5) : start]):
        return False
    if _KANJI.match(folded, start) and _in_longer_word(folded, start, end):
        return False
    first, last = folded[start], folded[end - 1]
    if before and is_word(before) and is_word(first) and not is_cjk(first):
        return False
    if before == "'" and start > 1 and is_word(folded[start - 2]):
        return False  # O'Brien is not Brien
    noted = end - start > 3 and is_letter(last) and _FOOTNOTE.match(folded, end)
    if after and is_word(after) and is_word(last) and not is_cjk(last):
        runs_on = end - start > 8 and " " in folded[start:end] and _RUN_ON.match(folded, end)
        if not (noted or runs_on):
            return False
    return not re.match(r"'(?!s\b)\w", folded[end : end + 3])
