"""What a question tells the matcher: its own values and words, and what it asks for.

Used by `competing_values`, `counts` and `partial_names`. A value that stands in the question is not
what was asked for ("Half of 20 is 10."), a name of the question is no other answer, and a number
of legs does not answer how many wings there are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from factlab.grading.dates import PartialDate, find_dates
from factlab.grading.names import fold
from factlab.grading.quantities import find_quantities
from factlab.grading.text import flatten, word_set
from factlab.grading.units import known_unit, singular


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of the question; all empty where none was given.

    Attributes:
        numbers: The numbers in it, whatever they count.
        dates: The dates in it.
        words: Its words, folded and in the singular.
        counted: What it asks the number of, in the singular: "side" for "How many sides …".
        described: The words that describe what is counted: "permanent" for "permanent members".
        when: Whether it asks when something was, or in which year, and not for the day.
        limit: Whether it asks for a bound: the minimum number, how many can sit.
        several: Whether it asks for several things: name the four; what are the ways.
        rank: Whether it asks for a place in an order: in which season, which number.
    """

    numbers: frozenset[Decimal] = frozenset()
    dates: frozenset[PartialDate] = frozenset()
    words: frozenset[str] = frozenset()
    counted: str | None = None
    described: frozenset[str] = frozenset()
    when: bool = False
    limit: bool = False
    several: bool = False
    rank: bool = False


NOTHING = Asked()

_COUNT_OF = re.compile(
    r"\b(?:how many|(?:what|which)(?: is| was| are| were|'s)?(?: the)?(?: total| exact)? number of"
    r"|the number of)\s+(?:of\s+)?(?:the\s+|its\s+|their\s+|different\s+)*",
    re.IGNORECASE,
)
# Words that end what is counted: How many legs | does an insect have?
_COUNT_ENDS = word_set(
    "do does did is are was were be been has have had can could will would may might must should "
    "of in on at to for from by with per within there make makes made fit fits form forms it he "
    "she they you we that which who and or as out into under over between during won played"
)
_WHEN = re.compile(
    r"^(?!.*\b(?:exact|date|day|month)\b).*\b(?:when|(?:what|which) year)\b",
    re.IGNORECASE | re.DOTALL,
)
_LIMIT = re.compile(
    r"\b(?:minimum|maximum|min\.?|max\.?|at least|at most|limit|limits|can|could|allowed|capacity"
    r"|up to|fewest|most|least|hold|holds|seat|seats|range)\b",
    re.IGNORECASE,
)
_RANK = re.compile(
    r"\b(?:(?:what|which)(?: \w+)? (?:number|season|episode|place|position|rank|chapter|version"
    r"|round|page|week|grade|level|seed|century|step|volume|phase|floor)|seeded|ranked|rank"
    r"|finish(?:ed)?|in what order)\b",
    re.IGNORECASE,
)


_SEVERAL = re.compile(
    r"^\W*(?:name|list|give)\b|\b(?:what|who|which)(?: of)?(?: the)? (?:are|were)\b|\bdifferent\b"
    r"|\bexamples?\b|\bsome\b|\b(?:two|three|four|five|six|seven|eight|both) [^\W\d_]+s\b",
    re.IGNORECASE,
)


def read_question(question: str | None) -> Asked:
    """What the question tells, or `NOTHING` without one."""
    return _read(question) if question and question.strip() else NOTHING


@lru_cache(maxsize=1024)
def _read(question: str) -> Asked:
    plain = flatten(question)
    counted, described = _counted(plain)
    return Asked(
        numbers=frozenset(found.value for found in find_quantities(plain)),
        dates=frozenset(found.value for found in find_dates(plain)),
        words=words_in(plain),
        counted=counted,
        described=described,
        when=bool(_WHEN.search(plain)),
        limit=bool(_LIMIT.search(plain)),
        several=bool(_SEVERAL.search(plain)),
        rank=bool(_RANK.search(plain)),
    )


def without_counted(text: str, asked: Asked) -> str:
    """The text without what a measured length or time is counted in, where the question says so.

    "How many one-meter steps …?" is answered by "4,889 steps" as well as by "4,889 m". What is
    taken out is replaced by spaces, so that places stay. A word that is a unit stays.
    """
    if asked.counted is None or known_unit(asked.counted) is not None:
        return text
    own = "|".join(re.escape(word) for word in sorted(asked.described))
    before = rf"(?:(?:{own}) )?" if own else ""
    noun = re.compile(rf"(?<=\d) {before}{re.escape(asked.counted)}(?:s|es)?\b", re.IGNORECASE)
    return noun.sub(lambda found: " " * len(found[0]), text)


def words_in(text: str) -> frozenset[str]:
    """The words of a text, folded and in the singular."""
    return frozenset(singular(word) for word in re.findall(r"[^\W\d_]+|\d+", fold(text)))


def _counted(plain: str) -> tuple[str | None, frozenset[str]]:
    """What the question asks the number of, and the words that describe it."""
    found = _COUNT_OF.search(plain)
    if not found:
        return None, frozenset()
    words: list[str] = []
    for word in re.findall(r"[^\W\d_]+(?:[-'][^\W\d_]+)*|[^\w\s]", plain[found.end() :])[:5]:
        if not word[0].isalpha() or word.lower() in _COUNT_ENDS:
            break
        words.append(word.lower())
    plurals = [place for place, word in enumerate(words) if singular(word) != word]
    last = plurals[-1] if plurals else len(words) - 1
    if last < 0:
        return None, frozenset()
    return singular(words[last]), frozenset(map(singular, words[:last]))
