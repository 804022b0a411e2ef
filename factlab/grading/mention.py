"""Each value that a text mentions, with its surroundings and what the text does with it.

The matcher's second step: `answer` has found the values, this module reads the stance of each, and
`competing_values` then decides which of them is the answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from factlab.grading import denial, stance
from factlab.grading.language_cues import other_cues
from factlab.grading.sentences import sentence_spans
from factlab.grading.text import Span

Role = Literal["gold", "old", "rival"]
Kind = Literal["number", "quantity", "date", "name"]
Stance = Literal[
    "asserted", "attributed", "denied", "former", "start", "change", "compared", "bound", "asked",
    "hedged", "operand", "aside",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mention:
    """One mentioned value.

    Attributes:
        role: The gold value, the superseded one, or a rival of the same kind.
        span: Where it stands.
        sentence: Index of its sentence.
        lead: The sentence up to the value.
        before: The sentence from the value before it (or from its start) up to this one.
        after: The sentence from this value to the next one (or to its end).
        stance: What the text does with the value.
        fits: Whether it has the size and unit of an answer.
        joins: Whether it is tied to the value before it by "or", "to", "and" or a dash.
        restates: Whether it repeats the value before it in brackets or another unit.
    """

    role: Role
    span: Span
    sentence: int
    lead: str
    before: str
    after: str
    stance: Stance
    fits: bool = True
    joins: bool = False
    restates: bool = False


_JOIN = re.compile(
    r"(?:\s+in\s+\d{4})?[\s*_)]*(?:,\s*)?(?:or|and|and/or|to|nor|versus|vs\.?|[-–—/~]|,)(?:\s+(?:maybe|perhaps|possibly"
    r"|even|also|about|around|between|in|on|at|with|by|of|the|as|up to"
    r"|as much as|approximately))*[\s*_($]*",
    re.IGNORECASE,
)
_NEW_CLAUSE = re.compile(r"\s*(?:is|are|was|were) (?:the|its|a)\b")  # and 32 is the number of seats
_JOIN_ELSEWHERE = other_cues("joins")
_RESTATE = re.compile(
    r"[\s*_]*+(?:[(\[/=≈]|,?\s*+or|,)\s*+(?:(?:about|approximately|approx\.?|roughly|nearly|around|or"
    r"|some|equivalent to|that is|i\.e\.,?|~|≈|=)\s*+)*+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Value:
    """A value that was found, before it is known what the text does with it."""

    role: Role
    span: Span
    fits: bool = True


def read_mentions(
    plain: str,
    values: Iterable[Value],
    *,
    kind: Kind,
    changed: bool = True,
    operands: Collection[int] = (),
) -> list[Mention]:
    """Place each value in its sentence of the flattened text and grade its stance.

    Args:
        plain: The flattened text.
        values: What was found in it.
        kind: What the gold answer is.
        changed: Whether the gold value replaced another one; only then can a value be former,
            and a plain number an amount of change ("by 13 years" can be what was asked for).
        operands: Where numbers begin that a calculation starts from.
    """
    ordered = sorted(values, key=lambda value: value.span.start)
    sentences = sentence_spans(plain)
    read: list[Mention] = []
    for index, value in enumerate(ordered):
        previous = ordered[index - 1].span.end if index else 0
        following = ordered[index + 1].span.start if index + 1 < len(ordered) else len(plain)
        place = _sentence_of(sentences, value.span, len(plain))
        room = (previous, following)
        mention = _mention(plain, value, read[-1:], place=place, room=room, kind=kind)
        unchanged = ("former", "change") if kind == "number" else ("former",)
        if not changed and mention.stance in unchanged:
            mention = replace(mention, stance="asserted")
        if not changed and kind == "date" and (value.role, mention.stance) == ("gold", "start"):
            # From 1914; it lasted from 1914 to 1918.
            alone = not re.match(r"[\s*_]*(?:to|until|till|[-–])", mention.after)
            asserts = alone or re.search(r"\w \w+ from\s*$", mention.lead)
            mention = replace(mention, stance="asserted") if asserts else mention
        if mention.stance not in ("denied", "asked") and value.span.start in operands:
            mention = replace(mention, stance="operand")
        read.append(mention)
    return read


def _mention(
    plain: str,
    value: Value,
    last: list[Mention],
    *,
    place: tuple[int, int, int],
    room: tuple[int, int],
    kind: Kind,
) -> Mention:
    """Judge one value; `last` is the mention before it, `room` reaches to its neighbours."""
    span = value.span
    number, start, end = place
    before = plain[max(start, room[0]) : span.start]
    after = plain[span.end : max(span.end, min(end, room[1]))]
    tied = bool(last) and last[0].sentence == number
    joins = tied and bool(_JOIN.fullmatch(before) or _JOIN_ELSEWHERE.fullmatch(before))
    joins = joins and not (before == " and " and _NEW_CLAUSE.match(after))
    judged = _judge(before, after, plain[span.start : span.end], kind)
    if judged == "asserted" and joins and last[0].stance == "denied":
        judged = "denied" if re.search(r"\b(?:or|nor)\b", before) else judged
    if judged == "asserted" and _is_asked(plain[start:end]):
        judged = "asked"
    return Mention(
        role=value.role,
        span=span,
        sentence=number,
        lead=plain[start : span.start],
        before=before,
        after=after,
        stance=judged,
        fits=value.fits,
        joins=joins,
        restates=tied and _RESTATE.fullmatch(before) is not None,
    )


def _sentence_of(sentences: list[tuple[int, int]], span: Span, length: int) -> tuple[int, int, int]:
    """Index, start and end of the sentence that a value stands in."""
    for number, (start, end) in enumerate(sentences):
        if start <= span.start < end:
            return number, start, max(end, span.end)
    return len(sentences), 0, length


_REACH = 400  # characters; cues further away belong to something else


def _judge(before: str, after: str, value: str, kind: Kind) -> Stance:
    """The first cue that applies, in a fixed order, since several often do.

    A denial comes first because it turns whatever else the sentence says ("it was never 4,889 m"
    is denied, not former). Parts of another statement come next: the start of a change, an amount
    of change, a comparison and a bound hold the number without giving it as the answer. Only a
    value given in full can be former, one of several choices, or somebody else's opinion.
    """
    before, after = before[-_REACH:], after[:_REACH]
    amount = kind in ("number", "quantity")
    cues: tuple[tuple[Stance, bool], ...] = (
        ("denied", denial.is_denied(before, after)),
        ("start", " to " not in value and stance.is_start(before, after, counts=amount)),
        ("change", amount and stance.is_change(before, after)),
        ("compared", stance.is_compared(before)),
        ("bound", amount and stance.is_bound(before, after)),
        ("bound", kind == "date" and stance.is_date_bound(before)),
        ("former", stance.is_former(before, after)),
        ("hedged", kind == "name" and stance.is_alternative(before, after, value)),
        ("hedged", denial.is_disputed(after)),
        ("attributed", denial.is_attributed(before, after)),
    )
    return next((name for name, applies in cues if applies), "asserted")


def _is_asked(sentence: str) -> bool:
    """Whether the sentence asks rather than says; "Did you know …?" and tag questions say."""
    asks = sentence.rstrip().rstrip("*_\"')").endswith("?")
    statement = re.search(r"did you know|(?:right|correct|isn't it)\?", sentence, re.IGNORECASE)
    return asks and not statement
