"""Names and phrases that a text gives in part, in another order or with other endings.

Used only where neither the gold value nor the superseded one stands in the text in full.

| the name                       | is also met by                                                  |
|--------------------------------|-----------------------------------------------------------------|
| Élodie Rose Marchetti          | Élodie Marchetti: two of three words, in any order, close by    |
| Élodie Marchetti               | Marchetti, where no other name stands beside it                 |
| the Port Authority (of Aldmoor) | Port Authorities: brackets, articles and plurals do not count  |
| Aldmoor, Norland               | Aldmoor: what follows one comma only says where it is           |
| pyloric valve                  | pyloric: in a common noun the first word tells it from others   |
| blue and silver                | nothing less: what is listed is asked for whole                 |

Words are compared folded and in the singular. "New York" is not met by "York", nor "Élodie
Marchetti" by "Élodie Moretti" or "Tomas Marchetti".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from factlab.grading.names import fold, in_longer_place
from factlab.grading.number_words import SMALL
from factlab.grading.text import flatten, is_cjk, word_set
from factlab.grading.units import singular

# A word, without the number of a footnote behind it.
_WORD = re.compile(r"[^\W\d_]{3,}(?=\d{1,3}[.,;])|[^\W_]+(?:'[^\W_]+)*")
_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_LISTED = re.compile(r"\band\b|&|\+|;|,.*,|\bor\b", re.IGNORECASE)
# Words that tell no name from another: grammar, titles, and what half the map is called.
_EMPTY = word_set(
    "a an the of in on at to by for from with and or is was are were its his her their be it that "
    "as into about between around during circa mr mrs ms dr sir jr jnr "
    "sr st saint"
)
_TITLES = word_set(
    "mayor president king queen prince princess lord lady captain general doctor professor senator "
    "governor judge justice minister chancellor emperor pope chief director coach"
)
_COMMON = _TITLES | word_set(
    "new north south east west northern southern eastern western central upper lower great "
    "mount mt lake river cape port fort island city county state university republic kingdom "
    "all early late other season first second third last old young big little"
)
_ORDINALS = re.findall(
    r"\w+",
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth",
)
_ROMAN = ["", "", "II", "III", "IV", "", "VI", "VII", "VIII", "IX"]  # I, V and X are initials
_SPREAD = 12  # words that may stand between the parts of one name


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of running text: folded singular, and where it stands."""

    key: str
    start: int
    end: int
    capital: bool


@dataclass(frozen=True, slots=True)
class _Name:
    """The distinctive words of a name, how many of them must be met, and which may stand alone."""

    keys: frozenset[str]
    required: frozenset[str]  # all figures, and the last word of a proper name
    enough: int
    proper: bool
    alone: dict[str, bool]  # word → whether it must be written with a capital


def find_partial(
    text: str, names: Iterable[str], *, others: Iterable[str] = ()
) -> list[tuple[int, int]]:
    """Find where enough of a name is said; the first such place for each name.

    Args:
        text: The running text.
        names: The name and its aliases.
        others: Names that must not be mistaken for it: a word of theirs never stands alone.
    """
    words = _words(text)
    shared = {word.key for name in others for word in _words(name)}
    spellings = {spelling for name in names for spelling in (name, name.replace("-", ""))}
    found = (_place(text, words, _read(name), shared) for name in spellings)
    return sorted({place for place in found if place})


def _words(text: str) -> list[_Word]:
    plain = flatten(text)
    return [
        _Word(_key(hit[0]), hit.start(), hit.end(), hit[0][0].isupper() or hit[0][0].isdigit())
        for hit in _WORD.finditer(plain)
        if not is_cjk(hit[0][0])
    ]


def _key(word: str) -> str:
    """What a word is compared by: folded, in the singular, numbers in figures."""
    if word in _ROMAN:
        return str(_ROMAN.index(word))
    folded = re.sub(r"'s?$|(?<=\d)(?:st|nd|rd|th)$", "", fold(word))
    if folded in _ORDINALS:
        return str(_ORDINALS.index(folded))
    if folded in SMALL:
        return str(SMALL[folded])
    return singular(folded) if len(folded) > 3 else folded


@lru_cache(maxsize=4096)
def _read(name: str) -> _Name:
    """Take a name apart; one without distinctive words is met by nothing."""
    bare = _BRACKETS.sub(" ", name)
    head, comma, place = bare.partition(",")
    listed = bool(_LISTED.search(bare))
    if comma and not listed and len(place.split()) <= 3:
        bare = head
    distinctive = [word for word in _words(bare) if word.key not in _EMPTY]
    keys = frozenset(word.key for word in distinctive)
    enough = len(keys) if listed or len(keys) < 3 else -(-2 * len(keys) // 3)
    required = figures = frozenset(key for key in keys if key[0].isdigit())
    proper = all(word.capital for word in distinctive)
    if proper and len(keys) > 2 and not listed:
        required |= {distinctive[-1].key}
    if keys == figures and not any(char.isdigit() for char in bare):
        return _Name(frozenset(), frozenset(), 0, proper, {})  # IV alone is no 4
    alone = (
        {} if listed or figures or len(keys) != 2 else _standing_alone(distinctive, proper, bare)
    )
    return _Name(keys, required, enough, proper, alone)


def _standing_alone(distinctive: list[_Word], proper: bool, name: str) -> dict[str, bool]:
    """Either word of a proper name, the last of "Treaty of Aldmoor", the first of a common noun."""
    if {word.key for word in distinctive} & _COMMON:
        return {}
    chosen = distinctive if proper else distinctive[:1]
    if proper and " of " in name:
        chosen = distinctive[-1:]
    return {word.key: proper for word in chosen if len(word.key) > 2}


def _place(text: str, words: list[_Word], name: _Name, shared: set[str]) -> tuple[int, int] | None:
    if not name.keys:
        return None
    hits = [
        place
        for place, word in enumerate(words)
        if word.key in name.keys
        and (words[place - 1].key in name.keys or not in_longer_place(text, word.start))
    ]
    for first in hits:
        near = [place for place in hits if first <= place <= first + name.enough + _SPREAD]
        met = {words[place].key for place in near}
        if len(met) < name.enough or not name.required <= met or met <= shared:
            continue
        whole = met == name.keys or not name.proper
        if whole or not _follows_another(text, words, first, name.keys):
            return words[first].start, words[_last_needed(words, near, met)].end
    for place in hits:
        word = words[place]
        if word.key not in name.alone or word.key in shared:
            continue
        if _has_neighbour(text, words, place, name.keys - {word.key}):
            continue
        if word.capital or not name.alone[word.key] or text.islower():
            return word.start, word.end
    return None


def _last_needed(words: list[_Word], near: list[int], met: set[str]) -> int:
    """The place by which all words that are met nearby have been met once."""
    seen: set[str] = set()
    for place in near:
        seen.add(words[place].key)
        if seen == met:
            return place
    return near[-1]


def _has_neighbour(text: str, words: list[_Word], place: int, rest: frozenset[str]) -> bool:
    """Whether a capitalised word right beside this one makes it another name.

    A short form or an initial of the rest of the name in front does not: Dave for David, E. for
    Élodie.
    """
    behind = words[place + 1 : place + 2]
    if behind and behind[0].capital and _touch(text, words[place], behind[0]):
        return True
    return _follows_another(text, words, place, rest)


def _follows_another(text: str, words: list[_Word], place: int, rest: frozenset[str]) -> bool:
    """Whether a capitalised word that is no title, and none of the rest, stands right in front."""
    ahead = words[place - 1] if place else None
    if ahead is None or not ahead.capital or not _touch(text, ahead, words[place]):
        return False
    return ahead.key not in _EMPTY | _TITLES and not any(_is_short(ahead.key, key) for key in rest)


def _touch(text: str, first: _Word, second: _Word) -> bool:
    return re.fullmatch(r"[ .\-]{1,2}", text[first.end : second.start]) is not None


def _is_short(word: str, key: str) -> bool:
    return word[:3] == key[:3] or (len(word) == 1 and word == key[0])
