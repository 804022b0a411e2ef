"""What a number counts, and whether that is what was asked for: rule 5 for answers of type number.

Used by `competing_values`. 2 antennae are no rival of 6 legs, and three straight lines are no
answer beside 5 sides. With the question, what is asked the number of decides; without it, the place
of both numbers in their sentences does.
"""

from __future__ import annotations

import re
from decimal import Decimal

from factlab.grading.asked import Asked
from factlab.grading.mention import Mention
from factlab.grading.quantities import find_quantities
from factlab.grading.text import word_set
from factlab.grading.units import singular

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_COUNTED_LAST = re.compile(
    r" ((?:[a-z-]+ )?)([a-z]{3,})(?=[.,;!?)]|$| (?:on|in|of|and|or|at|with|from)\b)"
)
_FUNCTION = word_set(
    "and are but for has had have its not now per than that the then there they this too was were "
    "who with when which while all more less again only each also ago from times today"
)
_NUMBER_OF = re.compile(
    r"\bnumber of (?:the )?((?:[^\W\d_]+ ){0,2}?)([^\W\d_]+)"
    r"(?: (?:in|of|on|for|per|that|who|which)\b[^.;]*)? (?:is|was|are|were|=|equals)[^.;]{0,20}$",
    re.IGNORECASE,
)
_IS_NUMBER_OF = re.compile(r" (?:is|was) the number of (?:the )?([^\W\d_]+)")
_OF_THESE = re.compile(
    r"[\s*_]{0,20}(?:[^\W\d_]{1,40} )?of (?:which|whom|them|these|those)\b", re.IGNORECASE
)
_OF_THESE_AHEAD = re.compile(
    r"\bof (?:which|whom|them|these|those),?(?: \w+){0,2} $", re.IGNORECASE
)
# The main statement of a sentence: an octagon has 8 …; there are 8 …
_MAIN = re.compile(
    r"^\W*+(?:(?!\b(?:if|when|because|since|with)\b)[^,;:]){0,80}\b(?:has|have|had|is|are|was|were"
    r"|contains?|consists? of|includes?|features?|uses?|number)\b[^,;:]{0,30}$",
    re.IGNORECASE,
)
# Where a number only explains or adds: because of the four sides, each with 6 legs.
_ASIDE = re.compile(
    r"\b(?:because|due to|since|each (?:with|of|having|has)|formed (?:by|from|of)|made (?:up )?of"
    r"|consist\w* of|compos\w* of|divided into|including|such as|for example|e\.g\.|for each of"
    r"|one for each|represent\w*|symboli[sz]\w*|stand(?:s|ing)? for|connected by|bounded by"
    r"|along with|as well as|in addition to|named after)\b[^.;]*$",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"^\W*(?:in|with|of|for|from|out of|among|within|on)\b[^,.;]*$", re.IGNORECASE
)
_SO = re.compile(
    r"\b(?:so|therefore|thus|hence|which means(?: that)?),? (?:there (?:is|are|were)|it (?:is|has)"
    r"|the (?:answer|total|number) is|we have|you (?:have|get))\b[^,.;]{0,20}$",
    re.IGNORECASE,
)


def is_part(before: str, after: str) -> bool:
    """A part of what was counted before: two of which are small; of whom 45,000 are women."""
    return bool(_OF_THESE.match(after) or _OF_THESE_AHEAD.search(before))


def counted(mention: Mention) -> tuple[str | None, frozenset[str]]:
    """What a number counts, in the singular, and the words that describe it there."""
    span = mention.span
    if span.unit is not None:
        words = [word.lower() for word in _WORD.findall(span.text)]
        unit = singular(words[-1]) if words else span.unit
        number = {word for word in words if find_quantities(word)} | {"and"}
        return unit, frozenset(word for word in words[:-1] if word not in number)
    behind = _COUNTED_LAST.match(mention.after)
    if behind and not {behind[2], behind[1].strip()} & _FUNCTION and behind[1].strip() != behind[2]:
        return singular(behind[2]), frozenset(behind[1].split())
    called = _IS_NUMBER_OF.match(mention.after)
    if called:
        return singular(called[1]), frozenset()
    ahead = _NUMBER_OF.search(mention.lead)
    return (
        (singular(ahead[2]), frozenset(ahead[1].lower().split())) if ahead else (None, frozenset())
    )


def rivals_of(held: Mention, rivals: list[Mention], asked: Asked) -> list[Mention]:
    """The numbers that count the same thing as the held one, or nothing that is named."""
    kept = [r for r in rivals if r.span.unit in (None, held.span.unit) and _is_same(r, held, asked)]
    return [] if _add_up(held, rivals) else kept


def _is_same(rival: Mention, held: Mention, asked: Asked) -> bool:
    """Whether two numbers count one thing: not permanent and other members, not legs and wings."""
    mine, described = counted(rival)
    theirs, held_described = counted(held)
    if mine is None or theirs is None:
        return mine is None or asked.counted is None or mine == asked.counted
    if mine != theirs:
        return False
    only_mine, only_theirs = described - held_described, held_described - described
    if only_mine and only_theirs:
        return False
    return not only_mine or bool(only_mine & asked.words) or rival.joins


def _add_up(held: Mention, rivals: list[Mention]) -> bool:
    """Whether the numbers behind the held one are its parts: 11 cups, 10 red and 1 blue."""
    value = _value(held)
    behind = [r for r in rivals if r.span.start > held.span.start and r.sentence == held.sentence]
    parts = [_value(r) for r in behind]
    return len(parts) > 1 and None not in (value, *parts) and sum(filter(None, parts)) == value


def _value(mention: Mention) -> Decimal | None:
    found = find_quantities(mention.span.text)
    return found[0].value if found else None


def counts_instead(
    plain: str, asserted: list[Mention], held: Mention, asked: Asked
) -> Mention | None:
    """The number that is the answer instead, where the held one counts something else."""
    others = [m for m in asserted if m.role != held.role and m.fits]
    mine, _ = counted(held)
    if asked.counted is not None:
        if mine in (None, asked.counted):
            return None
        meant = (m for m in others if counted(m)[0] == asked.counted)
        return next((m for m in meant if not _is_added(plain, held, m)), None)
    for other in others:
        theirs, _ = counted(other)
        before = other.span.start < held.span.start
        if before and theirs != mine and _is_aside(other, held):
            return other
        if not before and _is_opening(plain, held, other, same=theirs == mine):
            return other
    return None


def _is_added(plain: str, held: Mention, other: Mention) -> bool:
    """Whether a number behind the held one belongs to it: 100 members, two senators per state."""
    between = plain[held.span.end : other.span.start]
    if other.span.start < held.span.start:
        return False
    each = re.match(r"[\s*_]*(?:from|for|in|of|per)? ?(?:each|every|per)\b", other.after)
    return bool(each or re.search(r"\bwith\b", between) or _ASIDE.search(between))


def _is_aside(other: Mention, held: Mention) -> bool:
    """Whether the held number stands in what explains a main statement about the other one."""
    if not _MAIN.match(other.lead):
        return False
    if _ASIDE.search(
        held.lead[len(other.lead) :] if other.sentence == held.sentence else held.lead
    ):
        return True
    named = _NUMBER_OF.search(other.lead)
    return named is not None and counted(held)[0] is not None


def _is_opening(plain: str, held: Mention, other: Mention, *, same: bool) -> bool:
    """Whether the held number only opens the sentence, or a conclusion about the other follows."""
    if _SO.search(plain[max(0, other.span.start - 60) : other.span.start]):
        return True
    opens = (
        _OPENING.match(held.lead) and "," in held.after + plain[held.span.end : other.span.start]
    )
    return bool(opens) and same and other.sentence == held.sentence
