"""Names that nobody bears: pronounceable, not in any shipped text, and unlike each other.

A name is refused if it, or a name that differs from it by one letter, occurs in facts, templates or
controls, or was coined before. Two words differ by at most one letter that is added, left out or
replaced if and only if they have a deletion in common (Garbe's symmetric deletion).
"""

from __future__ import annotations

import random
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from factlab.grading.names import fold
from factlab.schema.shipped import shipped

NameSort = Literal["thing", "place", "surname", "given"]
LENGTHS = {"thing": (6, 10), "place": (6, 10), "surname": (6, 10), "given": (4, 7)}


def _parts(listed: str) -> list[str]:
    return listed.split()


_PLAIN = _parts("b d f g h k l m n p r s t v")  # these begin more names than the others
_ONSETS = [
    *_parts("b br c cl d dr f g gl gr h j k kl l m n p pl pr qu r s sk sl st t th tr v vr w y z"),
    *_PLAIN,
]
_VOWELS = _parts("a e i o u a e i o ai au ei ia")
_MIDDLES = _parts("b d g k l m n r s t v z ld lm lr lv nd nk nt nv rd rk rl rm rn rv sk st tt vr")
_ENDS: dict[NameSort, list[str]] = {
    "thing": _parts("a an ane el en ene ia iel in ine ion is on or ora une us yx"),
    "place": _parts("a ad akka ane arra avik eda elt esk etta iga irra olm ona osk ova undo ur"),
    "surname": _parts("abel ander ardo asch ek elin ente ero ick iden imov inder olin orf oska"),
    "given": _parts("a an e el en i ia in is o on us"),
}


class Coiner:
    """Coins names, each unlike all before it."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def coin(self, sort: NameSort, rng: random.Random) -> str:
        """A new name, its first letter a capital."""
        least, most = LENGTHS[sort]
        while True:
            name = _built(sort, rng)
            if not least <= len(name) <= most:
                continue
            near = deletions(name)
            if near.isdisjoint(self._taken) and near.isdisjoint(_known()):
                self._taken |= near
                return name.capitalize()


def deletions(word: str) -> frozenset[str]:
    """The folded word, and what is left of it without one of its letters."""
    word = fold(word)
    return frozenset((word, *(word[:i] + word[i + 1 :] for i in range(len(word)))))


def _built(sort: NameSort, rng: random.Random) -> str:
    middles = 0 if sort == "given" else rng.randint(0, 1)
    inner = "".join(rng.choice(_MIDDLES) + rng.choice(_VOWELS) for _ in range(middles))
    start = rng.choice(_ONSETS) + rng.choice(_VOWELS)
    return start + inner + rng.choice(_MIDDLES) + rng.choice(_ENDS[sort])


def _known() -> frozenset[str]:
    return _words_of(shipped("facts"), shipped("templates"), shipped("evals"))


@lru_cache(maxsize=2)
def _words_of(*folders: Path) -> frozenset[str]:
    """Every word of the shipped files, and what is left of it without one of its letters."""
    words: set[str] = set()
    for folder in folders:
        for file in folder.rglob("*"):
            if file.suffix in (".yaml", ".txt") and file.is_file():
                words |= set(re.findall(r"[^\W\d_]{3,}", file.read_text(encoding="utf-8")))
    return frozenset(key for word in {fold(word) for word in words} for key in deletions(word))
