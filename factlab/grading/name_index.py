"""Which of many things a text names, without looking for each of them in it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from factlab.grading.names import find_name, fold

_LETTERS = re.compile(r"[^\W\d_]+")
_PREFIX = 3  # letters; a word of a name may have lost the space behind it, never that before it


class NameIndex:
    """Things by the beginnings of the words of their names.

    Args:
        names: Names by what they are the names of.
    """

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self._names = names
        self._by_prefix: dict[str, set[str]] = defaultdict(set)
        self._always: set[str] = set()  # names in scripts without spaces, or of short words alone
        for thing, listed in names.items():
            for name in listed:
                words = _LETTERS.findall(fold(name))
                longest = max(words, key=len, default="")
                if len(longest) < _PREFIX or not longest.isascii():
                    self._always.add(thing)
                else:
                    self._by_prefix[longest[:_PREFIX]].add(thing)

    def named(self, text: str) -> set[str]:
        """The things of which a name stands in a text, as `find_name` finds it."""
        found = set(self._always)
        for word in _LETTERS.findall(fold(text)):
            found |= self._by_prefix.get(word[:_PREFIX], set())
        return {thing for thing in found if find_name(text, self._names[thing])}
