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
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
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
    "sr saint"
)
_PARTICLES = word_set("van von de da di du del della la le der den ten ter bin ibn dos das y e")
_TITLES = word_set(
    "mayor president king queen prince princess lord lady captain general doctor professor senator "
    "governor judge justice minister chancellor emperor pope chief director coach"
)
# A name of two words is met by the other one: Lake Aldmoor is Aldmoor, the University of Varo Varo.
_KINDS = _TITLES | word_set("mount lake river university")
_COMMON = _TITLES | word_set(
    "new north south east west northern southern eastern western central upper lower great "
    "mount lake river cape port fort island city county state university republic kingdom "
    "all early late other season first second third last old young big little"
)
# What stands for a kind of place or thing, so that it alone never stands for the name.
_THINGS = word_set(
    "bay sea ocean mountain street road bridge tower park line railway station airport palace "
    "castle house hall church cathedral temple museum theatre theater stadium college school "
    "hospital bank company corporation club party league cup prize award war battle treaty peace "
    "revolution empire dynasty desert valley forest falls canal channel strait gulf peninsula coast "
    "hill cave plain plateau wall gate square avenue act court council society dam volcano"
)
_SHORT_FORMS = {
    "mt": "mount", "mtn": "mountain", "st": "saint", "ft": "fort", "utd": "united",
    "univ": "university", "pres": "president", "prof": "professor", "gov": "governor",
    "sen": "senator", "gen": "general", "capt": "captain", "bros": "brother", "govt": "government",
}  # fmt: skip
_ORDINALS = re.findall(
    r"\w+",
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth",
)
_ROMAN = ["", "", "II", "III", "IV", "", "VI", "VII", "VIII", "IX"]  # I, V and X are initials
_LAST_ROMAN = {"I": "1", "V": "5", "X": "10"}  # behind the last word of a name: George V
_SPREAD = 12  # words that may stand between the parts of a phrase


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of running text: folded singular, and where it stands."""

    key: str
    start: int
    end: int
    capital: bool


@dataclass(frozen=True, slots=True)
class _Name:
    """What of a name must be met.

    Attributes:
        keys: Its distinctive words.
        required: Those that must be met: all figures, and the last word of a proper name.
        enough: How many must be met.
        proper: Whether all are written with a capital.
        alone: Word → whether it must be written with a capital, for those that may stand alone.
        initials: Letters that stand for first names.
        objects: Word → the preposition in front of it, in a phrase.
        placed: Whether a place behind a comma was left off: Aldmoor, Norland.
    """

    keys: frozenset[str]
    required: frozenset[str]
    enough: int
    proper: bool
    alone: dict[str, bool]
    initials: frozenset[str] = frozenset()
    objects: dict[str, str] = field(default_factory=dict)
    placed: bool = False


def find_partial(
    text: str,
    names: Iterable[str],
    *,
    others: Iterable[str] = (),
    asked: Collection[str] = (),
) -> list[tuple[int, int]]:
    """Find where enough of a name is said; the first such place for each name.

    Args:
        text: The running text.
        names: The name and its aliases.
        others: Names that must not be mistaken for it: a word of theirs never stands alone.
        asked: Words of the question, which tell nothing.
    """
    words = _words(text)
    shared = {word.key for name in others for word in _words(name)} | set(asked)
    found = (_place(text, words, name, shared) for name in _spellings(tuple(names)))
    return sorted({place for place in found if place})


@lru_cache(maxsize=1024)
def _spellings(names: tuple[str, ...]) -> tuple[_Name, ...]:
    """All ways to write a name, taken apart.

    An alias that adds to another spelling is not met by what it adds: the name of the yen is not
    given by "Japanese", from "Japanese yen". Nor is an alias that is a common noun by its first word.
    """
    ways = {way: None for name in names for way in (name, name.replace("-", ""), *_head(name))}
    read = [_read(way) for way in ways]
    return tuple(
        replace(name, alone={})
        if any(other.keys and other.keys < name.keys for other in read)
        or (way not in (names[0], names[0].replace("-", "")) and not name.proper)
        else name
        for way, name in zip(ways, read, strict=True)
    )


def _head(name: str) -> tuple[str, ...]:
    """The United States, of the United States of America; not the Republic of Norland."""
    head, of, _ = name.partition(" of ")
    words = [word.key for word in _words(head) if word.key not in _EMPTY]
    telling = len(words) > 1 and not set(words) <= _COMMON and "republic" not in words
    return (head,) if of and telling and all(word[:1].isupper() for word in head.split()) else ()


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
    return _SHORT_FORMS.get(folded) or (singular(folded) if len(folded) > 3 else folded)


@lru_cache(maxsize=4096)
def _read(name: str) -> _Name:
    """Take a name apart; one without distinctive words is met by nothing."""
    bare = _BRACKETS.sub(" ", name)
    head, comma, place = bare.partition(",")
    listed = bool(_LISTED.search(bare))
    placed = bool(comma) and not listed and len(place.split()) <= 3
    if placed:
        bare = head
    distinctive = [
        word
        for word in _numbered(bare, _words(bare))
        if word.key not in _EMPTY and (word.capital or word.key not in _PARTICLES)
    ]
    proper = all(word.capital for word in distinctive)
    initials = frozenset(
        word.key for word in distinctive if proper and len(word.key) == 1 and word.key.isalpha()
    )
    if len(initials) == len(distinctive):
        initials = frozenset()
    distinctive = [word for word in distinctive if word.key not in initials]
    keys = frozenset(word.key for word in distinctive)
    enough = len(keys) if listed or len(keys) < 3 else -(-2 * len(keys) // 3)
    required = figures = frozenset(key for key in keys if key[0].isdigit())
    if proper and len(keys) > 2 and not listed:
        required |= {distinctive[-1].key}
    if keys == figures and not any(char.isdigit() for char in bare):
        return _Name(frozenset(), frozenset(), 0, proper, {})  # IV alone is no 4
    alone = {} if listed or figures else _standing_alone(distinctive, proper, bare, initials)
    if initials and len(keys) == 1:
        enough = 2  # the surname stands alone only where no other first name is in front
    return _Name(keys, required, enough, proper, alone, initials, _objects(bare, proper), placed)


def _numbered(name: str, words: list[_Word]) -> list[_Word]:
    """The words of a name, with the number that ends it read as one: George V."""
    last = words[-1:]
    roman = name[last[0].start : last[0].end] if last else ""
    if len(words) < 2 or roman not in _LAST_ROMAN or name[last[0].end :].strip():
        return words
    return [*words[:-1], replace(last[0], key=_LAST_ROMAN[roman])]


def _objects(name: str, proper: bool) -> dict[str, str]:
    """Each word of a phrase that a preposition leads to: storm → from."""
    if proper:
        return {}
    found = re.findall(
        r"\b(from|for|with|against|on|in|into|by|at|of) (?:the |an? )?([^\W\d_]+)", fold(name)
    )
    return {_key(word): preposition for preposition, word in found}


def _standing_alone(
    distinctive: list[_Word], proper: bool, name: str, initials: frozenset[str]
) -> dict[str, bool]:
    """Either word of a proper name, the last of "Treaty of Aldmoor", the first of a common noun."""
    keys = {word.key for word in distinctive}
    if len(keys) != 2 and not (proper and initials and len(keys) == 1):
        return {}
    chosen = distinctive if proper else distinctive[:1]
    if proper and keys & _KINDS:
        chosen = [word for word in distinctive if word.key not in _COMMON]
    elif keys & _COMMON:
        return {}
    elif proper and " of " in name:
        chosen = distinctive[-1:]
    return {word.key: proper for word in chosen if len(word.key) > 2 and word.key not in _THINGS}


def _place(text: str, words: list[_Word], name: _Name, shared: set[str]) -> tuple[int, int] | None:
    if not name.keys:
        return None
    hits = [
        place
        for place, word in enumerate(words)
        if word.key in name.keys
        and (words[place - 1].key in name.keys or not in_longer_place(text, word.start))
    ]
    return _together(text, words, name, shared, hits) or _alone(text, words, name, shared, hits)


def _together(
    text: str, words: list[_Word], name: _Name, shared: set[str], hits: list[int]
) -> tuple[int, int] | None:
    """Where enough words of a name stand close together."""
    for first in hits:
        near = _run(text, words, name, first, hits)
        met = {words[place].key for place in near}
        if len(met) < name.enough or not name.required <= met or met <= shared:
            continue
        if met != name.keys and _is_another(text, words, name, near, met):
            continue
        last = near[_last_needed(words, near, met)]
        if not _goes_elsewhere(text, words, name, last):
            return words[first].start, words[last].end
    return None


def _run(text: str, words: list[_Word], name: _Name, first: int, hits: list[int]) -> list[int]:
    """The places from the first one on that can belong to one name: in a phrase, those nearby."""
    near = [place for place in hits if first <= place <= first + name.enough + _SPREAD]
    if not name.proper:
        return near
    run = near[:1]
    for place in near[1:]:
        between = text[words[run[-1]].end : words[place].start]
        if not _WITHIN_NAME.fullmatch(between):
            break
        run.append(place)
    return run


# What may stand between two words of a proper name: a comma, an initial, of, one more name or two.
_WITHIN_NAME = re.compile(
    r"[\s.,'\"()*_-]*(?:(?:of|the|de|la|da|di|del|van|von|der|den|and|&|[A-Z][\w']*\.?)[\s.,'\"()*_-]+)"
    r"{0,4}"
)


def _is_another(text: str, words: list[_Word], name: _Name, near: list[int], met: set[str]) -> bool:
    """Whether what is said in place of the missing words makes it another name or phrase."""
    missing = name.keys - met
    if not name.proper:
        behind = fold(text[words[near[0]].end :][:200])
        return any(
            preposition == name.objects.get(key) and _key(found) != key
            for key in missing & name.objects.keys()
            for preposition, found in re.findall(
                r"\b(from|for|with|against|on|in|into|by|at|of) (?:the |an? )?([^\W\d_]+)", behind
            )
        )
    if _follows_another(text, words, near[0], name.keys | name.initials):
        return True
    rest = missing | name.initials
    return any(
        words[place].capital
        and words[place].key not in name.keys | _EMPTY | _TITLES
        and not any(_is_short(words[place].key, key) for key in rest)
        for place in range(near[0], near[-1])
    )


def _goes_elsewhere(text: str, words: list[_Word], name: _Name, last: int) -> bool:
    """Whether "of" and another place follow: the United States of Mexico."""
    behind = words[last + 1 : last + 4]
    if not name.proper or not re.match(r" of (?:the )?[A-Z]", text[words[last].end :][:9]):
        return False
    return bool(behind) and not any(word.key in name.keys for word in behind)


def _alone(
    text: str, words: list[_Word], name: _Name, shared: set[str], hits: list[int]
) -> tuple[int, int] | None:
    """Where one word stands for the whole name."""
    for place in hits:
        word = words[place]
        rest = name.keys - {word.key} | name.initials
        if word.key not in name.alone or word.key in shared:
            continue
        if _has_neighbour(text, words, place, rest) or _is_of_another(text, words, rest):
            continue
        if name.placed and _OTHER_PLACE.search(text[: word.start]):
            continue
        if word.capital or not name.alone[word.key] or text.islower():
            return word.start, word.end
    return None


_OTHER_PLACE = re.compile(r"\b(?:state|province|county|country|region|river|lake) of $", re.I)


def _is_of_another(text: str, words: list[_Word], rest: frozenset[str]) -> bool:
    """Whether a thing of the name's kind has another name: the Brandenburg Wall in Berlin."""
    return any(
        word.key in rest & _THINGS and word.capital and _follows_another(text, words, place, rest)
        for place, word in enumerate(words)
    )


def _last_needed(words: list[_Word], near: list[int], met: set[str]) -> int:
    """By which of these places all words that are met nearby have been met once."""
    seen: set[str] = set()
    for index, place in enumerate(near):
        seen.add(words[place].key)
        if seen == met:
            return index
    return len(near) - 1


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
    while place and words[place - 1].key in _PARTICLES and not words[place - 1].capital:
        place -= 1
    ahead = words[place - 1] if place else None
    if ahead is None or not ahead.capital or not _touch(text, ahead, words[place]):
        return False
    if ahead.key in _EMPTY | _TITLES:
        return False
    return not (any(_is_short(ahead.key, key) for key in rest) or _are_initials(ahead.key, rest))


def _touch(text: str, first: _Word, second: _Word) -> bool:
    return re.fullmatch(r"[ .\-]{1,2}", text[first.end : second.start]) is not None


def _is_short(word: str, key: str) -> bool:
    return word[:3] == key[:3] or (len(word) == 1 and word == key[0]) or key == word[0]


def _are_initials(word: str, rest: frozenset[str]) -> bool:
    """Whether the word is made of the initials of first names: JRR."""
    return 1 < len(word) < 4 and set(word) <= {key[0] for key in rest}
