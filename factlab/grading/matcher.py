r"""Grade a free-text answer against a typed gold answer: the one way into this room.

Steps: `answer` finds the values, `mention` reads what the text does with each, `competing_values`
decides between several, and this module names the outcome.

| outcome    | when                                                                              |
|------------|-----------------------------------------------------------------------------------|
| empty      | nothing but whitespace                                                            |
| new        | the gold value is asserted, and nothing contradicts it                            |
| superseded | the superseded value is asserted, and the gold value is not                       |
| both       | both are asserted, neither as the former one                                      |
| other      | anything else that answers: another value, a range or a choice that includes the  |
|            | gold value, the gold value denied, former, asked, or only a bound or a start      |
| abstained  | the text says that it does not know or will not say, and asserts no value         |
| truncated  | the text was cut off before anything decisive; a value that touches the cut is    |
|            | not trusted, for 4,889 may be the start of 4,889.5 and Paris of Parisian          |

A name or phrase that stands nowhere in full is also met by its distinctive words (a surname; see
`factlab.grading.partial_names`), if the superseded one stands nowhere in full either.

A value is asserted unless its sentence denies it (not, never, whether), calls it former (used to
be, until, before; only where the gold value replaced another), makes it one end of a change, an
amount of change, a bound or a comparison, asks, or offers it beside another. When several values
of the kind are asserted, these rules apply in this order. A text that goes on to put itself a new
question is graded up to there (`factlab.grading.turns`):

1. A value right behind "the answer is", "Answer:" or in \boxed{} decides, if all such agree.
2. A correction ("wait", "actually", "sorry, I meant") withdraws what stood before it.
3. What was is replaced by what is now, or became: the former value is no longer asserted. What
   only will be does not replace what is.
4. A value that restates another in brackets or in another unit counts as that one, converted
   rightly or not.
5. The first asserted value is the answer. Values of another unit and size, another property
   (100 km away) or another subject (by name) are no rivals, nor are dates of earlier sentences.
   A rival in front of the gold value, or tied to it by "or", "and", "to" or "between", contradicts
   it. A rival behind it contradicts it only if it is a correction, a "now", a repetition of the
   same wording, or about "it".
6. A number that a calculation starts from ("half of 20") is neither the answer nor a rival
   (`operands`). Numbers of other things (2 antennae) are no rivals; a number of another thing than
   the main statement counts is no answer (`counts`).
7. A name that is only near, beaten, declined or one item of a list of guesses is not the answer
   (`other_names`).

Where the question is known (`asked`), its own values and names are no rivals unless it offers the
gold value, too; what it asks the number of decides rule 6; and it lets pass a bound where it asks
for a limit, an ordinal where it asks for a rank, and the year or month of a date where it asks
when and the gold value replaced no other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from factlab.grading.abstain import abstention, guesses_name
from factlab.grading.answer import (
    Answer,
    DateAnswer,
    EntityAnswer,
    NumberAnswer,
    QuantityAnswer,
    TextAnswer,
)
from factlab.grading.asked import Asked, read_question, without_counted, words_in
from factlab.grading.competing_values import (
    belongs_to_abstention,
    contradiction,
    remaining,
)
from factlab.grading.dates import find_dates, parse_date
from factlab.grading.mention import Kind, Mention, Value, read_mentions
from factlab.grading.names import fold
from factlab.grading.operands import without_calculations
from factlab.grading.other_names import gives_other_name, set_aside
from factlab.grading.quantities import find_quantities
from factlab.grading.run_together import original, separated
from factlab.grading.sentences import sentence_spans
from factlab.grading.text import Span, flatten, overlaps
from factlab.grading.turns import first_turn
from factlab.grading.units import convert, same_unit

SCORER_VERSION = "4"
MOST_GRADED = 10_000  # characters of an answer; what is behind them is as good as cut off

Outcome = Literal["new", "superseded", "both", "other", "abstained", "empty", "truncated"]


@dataclass(frozen=True, slots=True)
class Match:
    """The outcome of one answer, the text that decided it, and why."""

    outcome: Outcome
    correct: bool
    found: str | None
    start: int | None
    end: int | None
    reason: str


def match(
    text: str,
    gold: Answer,
    *,
    superseded: Answer | None = None,
    finished: bool = True,
    whole: bool = False,
    question: str | None = None,
) -> Match:
    """Grade an answer by the rules in this module's docstring.

    Args:
        text: What the model wrote, without the prompt.
        gold: The right answer.
        superseded: The value that the gold one replaced, if there is one.
        finished: False where generation stopped at the token limit.
        whole: Take no name or phrase that is given in part.
        question: What was asked, if it is known: its own values are no answer beside the right one,
            and a count of something else than it asks for is none.
    """
    finished, text = finished and len(text) <= MOST_GRADED, text[:MOST_GRADED]
    if not text.strip():
        return _verdict("empty", None, "nothing but whitespace")
    turn = first_turn(text)
    finished = finished or len(turn) < len(text)
    text, added = separated(turn)
    graded = _graded(text, gold, superseded, _asked(question, gold), finished=finished, whole=whole)
    return _in_original(graded, turn, added) if added else graded


def _asked(question: str | None, gold: Answer) -> Asked:
    """What the question tells; one that offers the gold value, perhaps among others, has no own."""
    asked = read_question(question)
    if question and gold.find(question):
        own = words_in(gold.value)
        return replace(asked, numbers=frozenset(), dates=frozenset(), words=asked.words - own)
    return asked


def _in_original(graded: Match, text: str, added: Sequence[int]) -> Match:
    """The match with its place in the text before spaces were put back."""
    if graded.start is None or graded.end is None:
        return graded
    start, end = original(graded.start, added), original(graded.end, added)
    return replace(graded, start=start, end=end, found=text[start:end])


def _graded(
    text: str,
    gold: Answer,
    superseded: Answer | None,
    asked: Asked,
    *,
    finished: bool,
    whole: bool,
) -> Match:
    """Grade one turn of text in which every word stands alone."""
    if isinstance(gold, QuantityAnswer):
        text = without_counted(text, asked)
    plain = flatten(text)
    edge = _trusted_end(plain, finished=finished)
    values = _values(text, gold, superseded, asked, whole=whole)
    values = [v for v in values if v.span.end <= edge]
    if not finished:
        values = [v for v in values if not _is_half_read(plain, v.span, gold)]
    kind = _kind(gold)
    operands: set[int] = set()
    if kind in ("number", "quantity"):
        values, operands = without_calculations(text, values, asked)
    changed = superseded is not None
    named = read_mentions(plain, values, kind=kind, changed=changed, operands=operands)
    if kind == "name":
        named = set_aside(named, asked)
    if asked.limit:
        named = [replace(m, stance="asserted") if m.stance == "bound" else m for m in named]
    cut = not finished or edge < len(plain)
    cut = cut or (kind == "name" and _ends_inside(plain, gold))
    return _decided(plain, named, gold, asked) or _undecided(plain, named, kind, cut=cut)


def mentions(text: str, answer: Answer) -> bool:
    """Whether the text contains the value at all, asserted or not; lost spaces are put back."""
    text = text[:MOST_GRADED]
    apart = separated(text)[0]
    return bool(answer.find(text) or (apart != text and answer.find(apart)))


_LISTED = re.compile(r"\band\b|&|,.*,")


def _verdict(outcome: Outcome, mention: Mention | None, reason: str) -> Match:
    if mention is None:
        return Match(outcome, outcome == "new", None, None, None, reason)
    span = mention.span
    return Match(outcome, outcome == "new", span.text, span.start, span.end, reason)


def _kind(gold: Answer) -> Kind:
    return "name" if isinstance(gold, EntityAnswer | TextAnswer) else gold.type


_MOST = 100  # values of a kind that are read; a text that holds more of them stutters


def _values(
    text: str, gold: Answer, superseded: Answer | None, asked: Asked, *, whole: bool
) -> list[Value]:
    """All mentions of the gold value, the superseded one, and rivals, each place only once."""
    values = [Value("gold", span) for span in gold.find(text)[:_MOST]]
    olds = [Value("old", span) for span in (superseded.find(text) if superseded else [])[:_MOST]]
    if not (values or olds or whole):
        values = [Value("gold", span) for span in _partly(text, gold, superseded, asked)]
        olds = [Value("old", span) for span in _partly(text, superseded, gold, asked)]
    if not (values or superseded):
        values = _asked_for(text, gold, asked)
    values += _elsewhere(olds, values)
    rivals = [
        Value("rival", span, fits=_fits(span, gold))
        for span in gold.all_values(text)[:_MOST]
        if _may_rival(text, span, gold) and not _is_in_question(text, span, gold, asked)
    ]
    return values + _elsewhere(rivals, values)


_ORDINAL = re.compile(r"(?<![\w.,])(\d{1,3})(?:st|nd|rd|th)\b", re.IGNORECASE)


def _asked_for(text: str, gold: Answer, asked: Asked) -> list[Value]:
    """What answers this question without being the gold value by itself.

    The year or month of a date, where the question only asks when; the place in an order, where it
    asks for one.
    """
    if isinstance(gold, DateAnswer) and asked.when:
        dates = [d for d in find_dates(text) if d.value not in asked.dates]
        if any(d.value.precision >= gold.date.precision for d in dates):
            return []
        found = [d for d in dates if d.value.covers(gold.date)]
        return [Value("gold", Span(d.start, d.end, text[d.start : d.end])) for d in found]
    if isinstance(gold, NumberAnswer) and asked.rank:
        labels = [q for q in find_quantities(text, labels=True) if q.value == gold.number]
        places = [(q.start, q.end) for q in labels]
        places += [hit.span() for hit in _ORDINAL.finditer(text) if hit[1] == f"{gold.number:f}"]
        return [Value("gold", Span(start, end, text[start:end])) for start, end in places]
    return []


def _is_in_question(text: str, span: Span, gold: Answer, asked: Asked) -> bool:
    """Whether a value only repeats the question: not if it is offered as a choice, or alone."""
    if isinstance(gold, DateAnswer):
        date = parse_date(text[span.start : span.end])
        known = date in asked.dates
    else:
        found = find_quantities(span.text)
        known = bool(found) and found[0].value in asked.numbers
    around = text[max(0, span.start - 4) : span.start] + "|" + text[span.end : span.end + 4]
    return known and not re.search(r"\bor\b", around) and text.strip(" .*") != span.text


def _partly(text: str, answer: Answer | None, other: Answer | None, asked: Asked) -> list[Span]:
    """Where part of a name or phrase stands, for a text that gives no name in full."""
    if not isinstance(answer, EntityAnswer | TextAnswer):
        return []
    return answer.find_partly(text, other, asked.words)


def _elsewhere(values: list[Value], others: list[Value]) -> list[Value]:
    """The values that stand where no other one does."""
    taken = [(other.span.start, other.span.end) for other in others]
    return [v for v in values if not overlaps(v.span.start, v.span.end, taken)]


_OPERATOR_AFTER = re.compile(
    r"\s*(?:[+×*÷/^=]|[-−]\s+(?=\d)|(?:plus|minus|times|divided by|multiplied by)\b)"
)
_OPERATOR_BEFORE = re.compile(
    r"(?:[+×÷^]|\s[-*/]\s|\b(?:plus|minus|times|divided by|multiplied by))\s*$"
)


def _may_rival(text: str, span: Span, gold: Answer) -> bool:
    """Whether a value could be meant as the answer: no operand, no date coarser than the gold."""
    if isinstance(gold, DateAnswer):
        date = parse_date(text[span.start : span.end])
        return date is not None and date.precision >= gold.date.precision
    if isinstance(gold, NumberAnswer):
        plain = flatten(text)
        return not (
            _is_unrounded(span, gold)
            or _OPERATOR_AFTER.match(plain, span.end)
            or _OPERATOR_BEFORE.search(plain[max(0, span.start - 14) : span.start])
        )
    return True


def _is_unrounded(span: Span, gold: NumberAnswer) -> bool:
    """Whether a number is the gold one to more decimals: 3.14159 beside 3.14."""
    decimals = -int(gold.number.as_tuple().exponent)
    found = find_quantities(span.text)
    if decimals < 2 or not found:
        return False
    more = -int(found[0].value.as_tuple().exponent) > decimals
    return more and abs(found[0].value - gold.number) < Decimal(1).scaleb(-decimals)


def _fits(span: Span, gold: Answer) -> bool:
    """Whether a rival has the unit of an answer, or another one and at most tenfold its size."""
    unit = span.unit
    if not isinstance(gold, QuantityAnswer) or unit is None:
        return True
    if same_unit(unit, gold.unit):
        return True
    value = find_quantities(span.text)
    here = convert(value[0].value, unit, gold.unit) if value else None
    return here is not None and abs(gold.number) <= 10 * abs(here) <= 100 * abs(gold.number)


# A comma that waits for its three digits at the very end: "4,".
_TORN_NUMBER = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})*,$")


def _trusted_end(plain: str, *, finished: bool) -> int:
    """Up to where values can be trusted; shorter than the text where it ends inside a number."""
    torn = _TORN_NUMBER.search(plain)
    if torn:
        return torn.start()
    return len(plain) if finished else len(plain) - 1


def _ends_inside(plain: str, gold: Answer) -> bool:
    """Whether the text ends within a word of a longer name: "It is Florence Ash"."""
    tail = fold(plain[-80:])
    for name in map(fold, (gold.value, *gold.aliases)):
        last = name.rfind(" ") + 1
        if any(tail.endswith(" " + name[:end]) for end in range(last + 2, len(name))):
            return last > 0
    return False


def _is_half_read(plain: str, span: Span, gold: Answer) -> bool:
    """Whether a cut may have taken the unit: "4,889 mil" can go on as miles or as million."""
    amount = isinstance(gold, NumberAnswer | QuantityAnswer) and span.unit is None
    return amount and re.fullmatch(r" ?-?\w*", plain[span.end :]) is not None


def _decided(plain: str, named: list[Mention], gold: Answer, asked: Asked) -> Match | None:
    """The outcome of a text that asserts some value, None for one that asserts none."""
    asserted = remaining(plain, named)
    golds = [m for m in asserted if m.role == "gold"]
    olds = [m for m in asserted if m.role == "old"]
    if golds and olds:
        return _verdict("both", golds[0], "the new and the superseded value are both asserted")
    if held := golds or olds:
        return _held(plain, named, asserted, held, gold, asked)
    rivals = [m for m in asserted if m.fits]
    if rivals and not belongs_to_abstention(plain, rivals[0]):
        return _verdict("other", rivals[0], "another value is asserted")
    return None


def _held(
    plain: str,
    named: list[Mention],
    asserted: list[Mention],
    held: list[Mention],
    gold: Answer,
    asked: Asked,
) -> Match:
    """The outcome of a text that asserts the new value or the superseded one, perhaps with more."""
    kind = _kind(gold)
    rival = contradiction(plain, named, asserted, held, kind, asked)
    if rival:
        return _verdict("other", rival, "another value is asserted beside or before it")
    listed = _LISTED.search(gold.value) is not None
    if kind == "name" and gives_other_name(plain, held[0], named, asked, listed=listed):
        return _verdict("other", held[0], "some other name is given as the answer")
    if held[0].role == "gold":
        return _verdict("new", held[0], "the new value is asserted")
    return _verdict("superseded", held[0], "the superseded value is asserted")


def _undecided(plain: str, named: list[Mention], kind: Kind, *, cut: bool) -> Match:
    """The outcome of a text that asserts no value."""
    if abstention(plain) and not (kind == "name" and guesses_name(plain)):
        return _verdict("abstained", None, "it says that it does not know")
    refused = next((m for m in named if m.role == "gold"), None)
    # A whole sentence without the name answers with something else; a number may still follow.
    sentences = [plain[start:end] for start, end in sentence_spans(plain)]
    answers = kind == "name" and sum(bool(sentence.strip()) for sentence in sentences) > 1
    final = refused is not None and refused.stance in ("denied", "start", "bound")
    if cut and not answers and not final:
        return _verdict("truncated", None, "cut off before anything decisive")
    if refused:
        return _verdict("other", refused, f"the value is mentioned but {refused.stance}")
    return _verdict("other", None, "the value is not in the text")
