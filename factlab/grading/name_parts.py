"""Names and phrases taken apart: which of their words tell them from others.

Used by `partial_names`, which looks for these words in a text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from factlab.grading.names import fold
from factlab.grading.number_words import SMALL
from factlab.grading.text import flatten, is_cjk, word_set
from factlab.grading.units import singular

# A word, without the number of a footnote behind it.
_WORD = re.compile(r"[^\W\d_]{3,}(?=\d{1,3}[.,;])|[^\W_]+(?:'[^\W_]+)*")
_BRACKETS = re.compile(r"\([^)]{0,200}\)|\[[^\]]{0,200}\]")
_LISTED = re.compile(r"\band\b|&|\+|;|,.*,|\bor\b", re.IGNORECASE)
# Words that tell no name from another: grammar, titles, and what half the map is called.
EMPTY = word_set(
    "a an the of in on at to by for from with and or is was are were its his her their be it that "
    "as into about between around during circa beneath below under above adjacent near inside "
    "outside along across behind within through usually typically generally approximately mr mrs "
    "ms dr sir jr jnr sr saint"
)
PARTICLES = word_set("van von de da di du del della la le der den ten ter bin ibn dos das y e")
TITLES = word_set(
    "mayor president king queen prince princess lord lady captain general doctor professor senator "
    "governor judge justice minister chancellor emperor pope chief director coach baron baroness "
    "count countess duke duchess earl marquis viscount sultan tsar czar kaiser sheikh rabbi father "
    "reverend sister brother colonel major sergeant lieutenant admiral marshal cardinal bishop "
    "archbishop chairman empress"
)
# A name of two words is met by the other one: Lake Aldmoor is Aldmoor, the University of Varo Varo.
_KINDS = TITLES | word_set("mount lake river university")
_COMMON = TITLES | word_set(
    "new north south east west northern southern eastern western central upper lower great "
    "mount lake river cape port fort island city county state university republic kingdom "
    "all early late other season first second third last old young big little"
)
# What stands for a kind of place or thing, so that it alone never stands for the name.
THINGS = word_set(
    "bay sea ocean mountain street road bridge tower park line railway station airport palace "
    "castle house hall church cathedral temple museum theatre theater stadium college school "
    "hospital bank company corporation club party league cup prize award war battle treaty peace "
    "revolution empire dynasty desert valley forest falls canal channel strait gulf peninsula hill "
    "coast cave plain plateau wall gate square avenue act court council society dam volcano"
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


@dataclass(frozen=True, slots=True)
class Word:
    """A word of running text: folded singular, and where it stands."""

    key: str
    start: int
    end: int
    capital: bool


@dataclass(frozen=True, slots=True)
class Name:
    """What of a name must be met.

    Attributes:
        keys: Its distinctive words.
        required: Those that must be met: all figures, and the last word of a proper name.
        enough: How many must be met.
        proper: Whether all are written with a capital.
        alone: Word → whether it must be written with a capital, for those that may stand alone.
        initials: Letters that stand for first names.
        objects: Word → the preposition in front of it, in a phrase.
        place: The words of the place behind a comma that may be left off: Aldmoor, Norland.
        tight: Whether its words stand side by side: the two of a proper name.
        only: The word itself, folded, where there is just one.
        ends: The first and the last of three or more words of a proper name.
    """

    keys: frozenset[str]
    required: frozenset[str]
    enough: int
    proper: bool
    alone: dict[str, bool]
    initials: frozenset[str] = frozenset()
    objects: dict[str, str] = field(default_factory=dict)
    place: frozenset[str] = frozenset()
    tight: bool = False
    ends: tuple[str, ...] = ()
    only: str = ""


@lru_cache(maxsize=1024)
def spellings(names: tuple[str, ...], *, asked: bool = False) -> tuple[Name, ...]:
    """All ways to write a name, taken apart; `asked` says that the question is known.

    An alias that adds to another spelling is not met by what it adds: the name of the yen is not
    given by the first word of "Japanese yen". Nor does the first noun of an alias stand alone:
    a fire is no fire brigade. With the question, its own words are excluded instead.
    """
    ways = {
        way: None
        for name in names
        for way in (name, name.replace("-", ""), *_head(name), *_without_description(name))
    }
    read = [_read(way) for way in ways]
    value = (names[0], names[0].replace("-", ""))
    return tuple(
        replace(name, alone=_of_alias(name, read, free=asked or way in value))
        for way, name in zip(ways, read, strict=True)
    )


_ADJECTIVE = re.compile(r"(?:ic|al|ous|ive|ary|ed|ing|ar|an|ese|ful|less|ble|ish)$")


def _of_alias(name: Name, read: list[Name], *, free: bool) -> dict[str, bool]:
    """The words that may stand alone, once the other spellings are known."""
    if any(other.keys and other.keys < name.keys for other in read):
        return {}
    if free or name.proper:
        return name.alone
    return {word: capital for word, capital in name.alone.items() if _ADJECTIVE.search(word)}


_DESCRIBED = re.compile(
    r".*?\b(?P<noun>[^\W\d_]+),? (?P<name>[A-Z][\w'-]+(?: [A-Z][\w'.-]*){0,2} [A-Z][\w'-]+)"
)


def _without_description(name: str) -> tuple[str, ...]:
    """The name behind what a person is: the botanist Carl Linnaeus; not the Battle of New Varo."""
    found = _DESCRIBED.fullmatch(name)
    if not found:
        return ()
    noun = found["noun"]
    describes = noun.islower() and noun not in EMPTY | PARTICLES and len(noun) > 3
    return (found["name"],) if describes or noun.lower() in TITLES else ()


def _head(name: str) -> tuple[str, ...]:
    """The United States, of the United States of America; not the Republic of Norland."""
    head, of, _ = name.partition(" of ")
    words = [word.key for word in words_of(head) if word.key not in EMPTY]
    telling = len(words) > 1 and not set(words) <= _COMMON and "republic" not in words
    return (head,) if of and telling and all(word[:1].isupper() for word in head.split()) else ()


def words_of(text: str) -> list[Word]:
    """The words of a text with their places, without those of Japanese."""
    plain = flatten(text)
    return [_word(plain, hit) for hit in _WORD.finditer(plain) if not is_cjk(hit[0][0])]


# The second year of a span, written short: 1979–80.
_SHORT_YEAR = re.compile(r"(?<!\d)(\d\d)\d\d ?[-–/]$")


def _word(plain: str, hit: re.Match[str]) -> Word:
    """One word of a text: folded, in the singular, a year of a span in full."""
    written = hit[0]
    if len(written) == 2 and written.isdigit():
        span = _SHORT_YEAR.search(plain[max(0, hit.start() - 6) : hit.start()])
        written = span[1] + written if span else written
    key = _opposite(plain, hit.start()) + key_of(written)
    return Word(key, hit.start(), hit.end(), written[0].isupper() or written[0].isdigit())


def _opposite(plain: str, start: int) -> str:
    """What makes a word another one: non-gravitational."""
    return "non-" if plain[max(0, start - 4) : start].lower() == "non-" else ""


def key_of(word: str) -> str:
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
def _read(name: str) -> Name:
    """Take a name apart; one without distinctive words is met by nothing."""
    bare = _BRACKETS.sub(" ", name)
    head, comma, place = bare.partition(",")
    listed = bool(_LISTED.search(bare))
    behind: frozenset[str] = frozenset()
    if comma and not listed and len(place.split()) <= 3:
        bare, behind = head, frozenset(word.key for word in words_of(place))
    distinctive = [
        word
        for word in _numbered(bare, words_of(bare))
        if word.key not in EMPTY and (word.capital or word.key not in PARTICLES)
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
        return Name(frozenset(), frozenset(), 0, proper, {})  # IV alone is no 4
    alone = {} if listed or figures else _standing_alone(distinctive, proper, bare, initials)
    if initials and len(keys) == 1:
        enough = 2  # the surname stands alone only where no other first name is in front
    objects = {} if proper else _objects(bare)
    tight = proper and not (listed or figures) and len(keys) == 2
    ends: tuple[str, ...] = ()
    if proper and len(keys) > 2 and not (listed or figures):
        ends = (distinctive[0].key, distinctive[-1].key)
    only = fold(bare[distinctive[0].start : distinctive[0].end]) if len(distinctive) == 1 else ""
    return Name(keys, required, enough, proper, alone, initials, objects, behind, tight, ends, only)


def _numbered(name: str, words: list[Word]) -> list[Word]:
    """The words of a name, with the number that ends it read as one: George V."""
    last = words[-1:]
    roman = name[last[0].start : last[0].end] if last else ""
    if len(words) < 2 or roman not in _LAST_ROMAN or name[last[0].end :].strip():
        return words
    return [*words[:-1], replace(last[0], key=_LAST_ROMAN[roman])]


LED = re.compile(r"\b(from|for|with|against|on|in|into|by|at|of) (?:the |an? )?([^\W\d_]+)")


def _objects(name: str) -> dict[str, str]:
    """Each word of a phrase that a preposition leads to: storm → from."""
    return {key_of(word): preposition for preposition, word in LED.findall(fold(name))}


def _standing_alone(
    distinctive: list[Word], proper: bool, name: str, initials: frozenset[str]
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
    return {word.key: proper for word in chosen if len(word.key) > 2 and word.key not in THINGS}
