"""Which of several asserted values is the answer: rules 1 to 5 of `factlab.grading.matcher`.

The matcher's third step, for a text that asserts a value. `remaining` applies rules 1 to 4,
`contradiction` rule 5.
"""

from __future__ import annotations

import re
from decimal import Context
from itertools import pairwise

from factlab.grading import stance
from factlab.grading.abstain import abstention, is_about_limits, is_guess
from factlab.grading.asked import Asked
from factlab.grading.attributes import attribute, names_in
from factlab.grading.counts import counted, counts_instead, is_part, rivals_of
from factlab.grading.dates import find_dates
from factlab.grading.mention import Kind, Mention
from factlab.grading.names import fold
from factlab.grading.quantities import find_quantities
from factlab.grading.sentences import sentence_spans


def remaining(plain: str, mentions: list[Mention]) -> list[Mention]:
    """The asserted mentions that are left after rules 1 to 4.

    Rule 4 comes first: a conversion in brackets ("4,889 m (16,040 ft)") would otherwise count as a
    rival in all others. A marker ("the answer is") comes before corrections and tenses because
    whoever writes it announces which value is meant. Tenses come last: they compare only values
    that still stand.
    """
    asserted = [m for m in mentions if m.stance in ("asserted", "hedged")]
    asserted = asserted or [m for m in mentions if m.stance == "attributed"]
    asserted = [m for m in asserted if m.role != "old" or not is_part(m.before, m.after)]
    asserted = _without_restatements(mentions, asserted)
    asserted = _only_marked(plain, asserted)
    asserted = _without_withdrawn(plain, asserted)
    asserted = _without_future(asserted)
    known = [m for m in asserted if m.role != "rival"]
    return [
        m
        for m in asserted
        if not any(_is_replaced(m, other) for other in (known if m.role == "rival" else asserted))
    ]


def _without_restatements(mentions: list[Mention], asserted: list[Mention]) -> list[Mention]:
    """Rule 4: a rival beside the gold or superseded value, in another unit or rounded, is that."""
    repeated = set()
    for first, second in pairwise(mentions):
        pair = {first.role, second.role}
        if (
            second.restates
            and len(pair) == 2
            and "rival" in pair
            and (_differ_in_unit(first, second) or _is_rounded(first, second))
        ):
            repeated.add(first.span if first.role == "rival" else second.span)
    return [m for m in asserted if m.span not in repeated]


def _is_rounded(first: Mention, second: Mention) -> bool:
    """Whether one value is the other with fewer decimals: 3.14159, or 3.14."""
    numbers = [find_quantities(mention.span.text) for mention in (first, second)]
    if not all(len(found) == 1 and found[0].unit is None for found in numbers):
        return False
    exact, rounded = sorted(
        (found[0].value for found in numbers), key=lambda value: int(value.as_tuple().exponent)
    )
    decimals = int(rounded.as_tuple().exponent)
    return int(exact.as_tuple().exponent) < decimals < 0 and (
        exact.quantize(rounded, context=_WIDE) == rounded
    )


_WIDE = Context(prec=500)


def _differ_in_unit(first: Mention, second: Mention) -> bool:
    units = (first.span.unit, second.span.unit)
    return None not in units and units[0] != units[1]


_MARKER = re.compile(
    r"(?:\banswer\s*(?:is|was|:|to [^.]{0,40} is)|\banswer:\*\*|\\boxed\{|####)"
    r"(?:\s*(?:that|is|about|approximately|the|a|it|height|of|exactly|therefore|:)\b)*[\s*_$\\(:\"']*$",
    re.IGNORECASE,
)


# A sum that is told with its parts: for 37 in all; a total of 46.
_IN_ALL = re.compile(
    r"[\s*_]{0,20}(?:[^\W\d_]{1,40} )?(?:in all|in total|altogether|all told)\b", re.IGNORECASE
)
_TOTAL = re.compile(
    r"\b(?:for|making|giving|to|brings?|bringing) (?:a|the|it to a|them to a) (?:grand )?total"
    r" (?:of|to)? ?[*_]*$|\bin (?:total|all),? ?[*_]*$",
    re.IGNORECASE,
)


def _only_marked(plain: str, asserted: list[Mention]) -> list[Mention]:
    """Rule 1: only the values behind an answer marker, unless those disagree or are withdrawn."""
    marked = [
        m for m in asserted if _MARKER.search(plain[max(0, m.span.start - 60) : m.span.start])
    ] or [m for m in asserted if _IN_ALL.match(m.after) or _TOTAL.search(m.before)]
    if not marked or len({_value_key(m) for m in marked}) > 1:
        return asserted
    later = [m for m in asserted if m.span.start > marked[-1].span.start]
    if any(stance.retracts(m.before) or m.joins or m.role == "old" for m in later):
        return asserted
    return marked + [m for m in later if m.fits]


def _value_key(mention: Mention) -> str:
    return mention.role if mention.role != "rival" else fold(mention.span.text)


def _without_withdrawn(plain: str, asserted: list[Mention]) -> list[Mention]:
    """Rule 2: drop what a correction takes back."""
    kept: list[Mention] = []
    for mention in asserted:
        between = plain[kept[-1].span.end : mention.span.start] if kept else ""
        corrects = stance.retracts(between[-120:]) and mention.fits
        bare = mention.span.unit is None  # 2 moons, actually 37
        if corrects and (bare or not _differs_in_property(mention, kept[-1])):
            kept = [m for m in kept if _value_key(m) == _value_key(mention)]
        kept.append(mention)
    return kept


def _without_future(asserted: list[Mention]) -> list[Mention]:
    """Rule 3: what will be does not replace what is; alone, it is the answer."""
    present = [m for m in asserted if not stance.is_future(m.before)]
    return present or asserted


def _is_replaced(mention: Mention, other: Mention) -> bool:
    """Rule 3: whether another value took this one's place."""
    if _value_key(mention) == _value_key(other) or mention.role == other.role:
        return False
    if stance.says_now(mention.before):
        return False
    in_order = mention.span.start < other.span.start
    both_known = "rival" not in (mention.role, other.role)
    becomes = stance.says_newly(other.before) if both_known else stance.says_now(other.before)
    if in_order and becomes:
        return both_known or not _differs_in_property(mention, other)
    present = stance.is_present(other.before) or becomes
    return stance.is_past(mention.before) and present and both_known


def _differs_in_property(rival: Mention, held: Mention) -> bool:
    """Rule 5: whether the two values are of different properties, or of other named subjects."""
    mine, theirs = attribute(rival.before, rival.after), attribute(held.before, held.after)
    if mine != theirs and (mine == "distance" or None not in (mine, theirs)):
        return True
    if rival.span.unit != held.span.unit and None in (rival.span.unit, held.span.unit):
        return True
    names, others = names_in(rival.before), names_in(held.before)
    return bool(names - others) and bool(others - names)


_ABOUT_IT = re.compile(
    r"(?:^|[.!?,;:\n]|\b(?:and|but|so)\b)\W{0,20}(?:it(?:'s|\s+is|\s+was|\s+stands|\s+measures|\s+has\s+a"
    r"|\s+would\s+be)|(?:its|the|his|her)\s+(?:(?:\w+\s+)?(?:height|elevation|altitude|length"
    r"|value|number|total|population|age|date|size|area|depth|weight|mass|temperature|price|cost"
    r"|speed|year|answer|figure|result))(?:\s+of\s+[\w\s]{1,30})?\s+(?:is|was|stands))\b[^.!?;]{0,40}$",
    re.IGNORECASE,
)


def contradiction(
    plain: str,
    mentions: list[Mention],
    asserted: list[Mention],
    held: list[Mention],
    kind: Kind,
    asked: Asked,
) -> Mention | None:
    """Rule 5: the first value that contradicts the held one, so that it is not the answer."""
    hedged = next((m for m in held if m.stance == "hedged"), None)
    if hedged:
        return hedged
    rivals = [m for m in asserted if m.role == "rival" and m.fits]
    if kind in ("number", "quantity"):
        rivals = [m for m in rivals if not is_part(m.before, m.after)]
    if kind == "quantity":  # 32 is the number of seats
        rivals = [m for m in rivals if m.span.unit or counted(m)[0] is None]
    if kind == "number":  # 3 rings are no rival of 5 moons
        instead = counts_instead(plain, rivals, held[0], asked)
        if instead:
            return instead
        rivals = rivals_of(held[0], rivals, asked)
    for rival in rivals:
        if _is_joined(mentions, rival, held) or _precedes_or_repeats(plain, rival, held[0], kind):
            return rival
    return None


def _precedes_or_repeats(plain: str, rival: Mention, first: Mention, kind: Kind) -> bool:
    """Whether a rival that stands apart from the held value is given as the answer, too."""
    uncounted = rival.span.unit is None and first.span.unit is not None
    if uncounted or _differs_in_property(rival, first):
        return False
    if kind == "date" and rival.sentence < first.sentence:
        return False  # a story goes on: founded in 1905; in 1931 gambling was allowed
    return rival.span.start < first.span.start or _answers_again(plain, rival, first, kind)


def _is_joined(mentions: list[Mention], rival: Mention, held: list[Mention]) -> bool:
    """Whether a held value stands next to the rival, tied by or, and, to, or a dash."""
    if attribute(rival.before, rival.after) == "distance":
        return False
    place = mentions.index(rival)
    before, after = mentions[place - 1 : place], mentions[place + 1 : place + 2]
    tied_back = rival.joins and any(m in held and not _is_period(m, rival) for m in before)
    return tied_back or any(m.joins and m in held for m in after)


def _is_period(first: Mention, second: Mention) -> bool:
    """It lasted from 1914 to 1918: either end may have been asked for."""
    if not (first.span.text.isdigit() and find_dates(first.span.text)):
        return False
    return first.lead.rstrip().endswith("from") and second.before.strip() in ("to", "until", "till")


def _answers_again(plain: str, rival: Mention, first: Mention, kind: Kind) -> bool:
    """Whether a rival behind the answer speaks about the same thing once more."""
    if stance.says_now(rival.before) or stance.retracts(
        plain[first.span.end : rival.span.start][-120:]
    ):
        return True
    mine, theirs = fold(rival.lead).split(), fold(first.lead).split()
    if mine == theirs:
        return True
    about_it = _ABOUT_IT.search(plain[max(0, rival.span.start - 120) : rival.span.start])
    return bool(about_it) and kind != "date"


def belongs_to_abstention(plain: str, rival: Mention) -> bool:
    """Whether a rival only belongs to an abstention: "as of 2023 I have no information"."""
    declined = abstention(plain)
    if declined is None:
        return False
    for start, end in sentence_spans(plain):
        if start <= rival.span.start < end:
            return is_about_limits(plain[start:end]) and not (
                rival.span.start > declined[1] and is_guess(plain[declined[1] : rival.span.start])
            )
    return False
