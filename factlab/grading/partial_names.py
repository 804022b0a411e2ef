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
from dataclasses import replace

from factlab.grading.alike import key_like
from factlab.grading.name_parts import (
    EMPTY,
    LED,
    PARTICLES,
    THINGS,
    TITLES,
    Name,
    Word,
    key_of,
    spellings,
    words_of,
)
from factlab.grading.names import fold, goes_on, in_longer_place

_SPREAD = 12  # words that may stand between the parts of a phrase


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
    words = words_of(text)
    shared = {word.key for name in others for word in words_of(name)}
    found = (
        _place(text, words, name, shared, _known(name, asked))
        for name in spellings(tuple(names), asked=bool(asked))
    )
    return sorted({place for place in found if place})


def _known(name: Name, asked: Collection[str]) -> frozenset[str]:
    """The words of a name that the question holds."""
    return name.keys & frozenset(asked)


def _place(
    text: str, words: list[Word], name: Name, shared: set[str], known: frozenset[str]
) -> tuple[int, int] | None:
    if not name.keys:
        return None
    forms = _adjusted(words, name)
    return _together(text, forms, name, shared, known, _hits(text, forms, name)) or _alone(
        text, words, name, shared | known, _hits(text, words, name)
    )


def _hits(text: str, words: list[Word], name: Name) -> list[int]:
    """Where words of the name stand that do not belong to a longer one."""
    return [
        place
        for place, word in enumerate(words)
        if word.key in name.keys
        and (words[place - 1].key in name.keys or not in_longer_place(text, word.start))
    ]


def _adjusted(words: list[Word], name: Name) -> list[Word]:
    """The words of the text, with other forms of the name's words taken for these."""
    keys = [key for key in name.keys if not key[0].isdigit()]
    return [
        word
        if word.key in name.keys or (name.proper and not word.capital) or len(word.key) < 4
        else replace(word, key=key_like(word.key, keys, proper=name.proper) or word.key)
        for word in words
    ]


def _together(
    text: str,
    words: list[Word],
    name: Name,
    shared: set[str],
    known: frozenset[str],
    hits: list[int],
) -> tuple[int, int] | None:
    """Where enough words of a name stand close together."""
    for first in hits:
        near = _run(text, words, name, first, hits)
        met = {words[place].key for place in near}
        if not (_is_enough(name, met, known) or _has_both_ends(words, name, near)):
            continue
        if name.only and fold(text[words[first].start :][:2]) != name.only[:2]:
            continue  # mouses are no mice
        if met <= shared or (met != name.keys and met <= shared | known):
            continue
        if met != name.keys and _is_another(text, words, name, near, met):
            continue
        last = near[_last_needed(words, near, met)]
        start, end = words[first].start, words[last].end
        if not (_goes_elsewhere(text, words, name, last) or _is_longer(text, start, end, name)):
            return start, end
    return None


def _is_enough(name: Name, met: set[str], known: frozenset[str]) -> bool:
    """Whether enough words are met: two in three, or two that are all the question leaves open."""
    if not name.required <= met:
        return False
    telling = name.keys - known
    return len(met) >= name.enough or (not name.proper and len(telling) > 1 and telling <= met)


def _has_both_ends(words: list[Word], name: Name, near: list[int]) -> bool:
    """Whether the first and the last word stand side by side: Élodie Marchetti, of four names."""
    if not name.ends or len(near) < 2:
        return False
    first, last = name.ends
    return words[near[0]].key == first and words[near[0] + 1].key == last


def _run(text: str, words: list[Word], name: Name, first: int, hits: list[int]) -> list[int]:
    """The places from the first one on that can belong to one name: in a phrase, those nearby."""
    near = [place for place in hits if first <= place <= first + name.enough + _SPREAD]
    if not name.tight:
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


def _is_another(text: str, words: list[Word], name: Name, near: list[int], met: set[str]) -> bool:
    """Whether what is said in place of the missing words makes it another name or phrase."""
    missing = name.keys - met
    if not name.proper:
        behind = fold(text[words[near[0]].end :][:200])
        return any(
            preposition == name.objects.get(key) and key_of(found) != key
            for key in missing & name.objects.keys()
            for preposition, found in LED.findall(behind)
        )
    rest = name.keys | name.initials
    if any(
        _follows_another(text, words, place, rest)
        for place in near
        if place == near[0] or words[place].key in THINGS
    ):
        return True
    rest = missing | name.initials
    if not _WITHIN_NAME.fullmatch(text[words[near[0]].end : words[near[-1]].start]):
        return False
    return any(
        words[place].capital
        and words[place].key not in name.keys | EMPTY | TITLES
        and not any(_is_short(words[place].key, key) for key in rest)
        for place in range(near[0], near[-1])
    )


def _goes_elsewhere(text: str, words: list[Word], name: Name, last: int) -> bool:
    """Whether "of" and another place follow: the United States of Mexico."""
    behind = words[last + 1 : last + 4]
    if not name.proper or not re.match(r" of (?:the )?[A-Z]", text[words[last].end :][:9]):
        return False
    return bool(behind) and not any(word.key in name.keys | name.place for word in behind)


def _alone(
    text: str, words: list[Word], name: Name, shared: set[str], hits: list[int]
) -> tuple[int, int] | None:
    """Where one word stands for the whole name."""
    for place in hits:
        word = words[place]
        rest = name.keys - {word.key} | name.initials
        if word.key not in name.alone or word.key in shared:
            continue
        if _has_neighbour(text, words, place, rest) or _is_of_another(text, words, rest):
            continue
        if _is_longer(text, word.start, word.end, name):
            continue
        if word.capital or not name.alone[word.key] or text.islower():
            return word.start, word.end
    return None


def _is_longer(text: str, start: int, end: int, name: Name) -> bool:
    """Whether a longer name begins here, or another place than the one that was left off."""
    if name.place and _OTHER_PLACE.search(text[:start]):
        return True
    return name.proper and goes_on(text, start, end, name.keys)


_OTHER_PLACE = re.compile(r"\b(?:state|province|county|country|region|river|lake) of $", re.I)


def _is_of_another(text: str, words: list[Word], rest: frozenset[str]) -> bool:
    """Whether a thing of the name's kind has another name: the Brandenburg Wall in Berlin."""
    return any(
        word.key in rest & THINGS and word.capital and _follows_another(text, words, place, rest)
        for place, word in enumerate(words)
    )


def _last_needed(words: list[Word], near: list[int], met: set[str]) -> int:
    """By which of these places all words that are met nearby have been met once."""
    seen: set[str] = set()
    for index, place in enumerate(near):
        seen.add(words[place].key)
        if seen == met:
            return index
    return len(near) - 1


def _has_neighbour(text: str, words: list[Word], place: int, rest: frozenset[str]) -> bool:
    """Whether a capitalised word right beside this one makes it another name.

    A short form or an initial of the rest of the name in front does not: Dave for David, E. for
    Élodie.
    """
    behind = words[place + 1 : place + 2]
    if behind and behind[0].capital and _touch(text, words[place], behind[0]):
        return True
    return _follows_another(text, words, place, rest)


def _follows_another(text: str, words: list[Word], place: int, rest: frozenset[str]) -> bool:
    """Whether a capitalised word that is no title, and none of the rest, stands right in front."""
    while place and words[place - 1].key in PARTICLES and not words[place - 1].capital:
        place -= 1
    ahead = words[place - 1] if place else None
    if ahead is None or not ahead.capital or not _touch(text, ahead, words[place]):
        return False
    if ahead.key in EMPTY | TITLES:
        return False
    return not (any(_is_short(ahead.key, key) for key in rest) or _are_initials(ahead.key, rest))


def _touch(text: str, first: Word, second: Word) -> bool:
    return re.fullmatch(r"[ .\-]{1,2}", text[first.end : second.start]) is not None


def _is_short(word: str, key: str) -> bool:
    return word[:3] == key[:3] or (len(word) == 1 and word == key[0]) or key == word[0]


def _are_initials(word: str, rest: frozenset[str]) -> bool:
    """Whether the word is made of the initials of first names: JRR."""
    return 1 < len(word) < 4 and set(word) <= {key[0] for key in rest}
