"""Numbers that a calculation starts from: half of 20 is 10, 12 x 12 = 144, the number after 19.

Used by the matcher: an operand is neither the answer nor another answer beside it. The patterns
are written for a text in which every number is a run of `#` signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from factlab.grading.asked import Asked
from factlab.grading.mention import Value
from factlab.grading.quantities import find_quantities
from factlab.grading.text import Span, flatten

_N = r"(?<!#)#+(?!#)"
_NUMBER_WORDS = r"(?:the\s+)?(?:numbers?\s+|integers?\s+|figures?\s+)?"
_NEXT = rf"(?:\s*,\s*{_N})*(?:,?\s*(?:and|to|by|with|from|&)\s+{_NUMBER_WORDS}{_N})"
_LIST = rf"{_NUMBER_WORDS}{_N}(?:{_NEXT})?"
_PAIR = rf"{_NUMBER_WORDS}{_N}{_NEXT}"
_SIGN = (
    r"(?:[+×·÷^*−]|-(?=\s)|x(?=\s*#)|\*\*|\\times|\\cdot|\\div|plus|minus|times|added\s+to"
    r"|(?:subtracted|taken|deducted)(?:\s+away)?\s+from|multiplied\s+by|(?:is\s+)?divided\s+by|over"
    r"|to\s+the\s+power\s+of|mod(?:ulo)?|squared\s+plus)"
)
_RESULT = (
    r"(?:\s*\)?\s*(?:=|is|are|equals?|makes?|gives?|leaves|comes?\s+to|yields?|you\s+get|we\s+get"
    r"|that\s+is|which\s+is|will\s+be|would\s+be|was|,))"
)
_CHAIN = rf"[(\[]?{_N}[)\]]?(?:\s*{_SIGN}\s*[(\[]?{_N}[)\]]?)+"
_ONE = (
    r"half|thirds?|quarters?|fourths?|fifths?|sixths?|eighths?|tenths?"
    r"|squares?(?:\s+roots?)?|cubes?(?:\s+roots?)?|\w+\s+roots?|roots?|factorial|reciprocal|inverse"
    r"|log(?:arithm)?|factors?|multiples?|divisors?|absolute\s+value|opposite|power|percent|percentage"
    r"|successor|predecessor"
)
_TIMES = r"double|twice|triple|thrice|tripling|doubling|halving|halve|squaring|cubing"
_MANY = (
    r"sum|product|difference|quotient|average|mean|median|total|(?:greatest|largest|highest|lowest"
    r"|least|smallest|biggest)\s+(?:number|value|common\s+\w+)|common\s+\w+|gcd|gcf|hcf|lcm|lcd"
    r"|remainder|result|addition|subtraction|multiplication|division"
)
_DONE = (
    r"add(?:ing|s)?|subtract(?:ing|s)?|multipl(?:y|ying|ies)|divid(?:e|ing|es)|tak(?:e|ing)(?:\s+away)?"
    r"|rais(?:e|ing)|combin(?:e|ing)|summing(?:\s+up)?|deduct(?:ing)?"
)
_OPERANDS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        _CHAIN,
        rf"{_N}\s*/\s*{_N}(?={_RESULT})",
        rf"\b(?:{_ONE})\s+of\s+{_LIST}",
        rf"\b(?:{_TIMES})\s+(?:of\s+)?{_LIST}",
        rf"\b(?:{_MANY})\s+(?:of|between|from|when|for)\s+{_PAIR}",
        rf"\b(?:{_DONE})\s+(?:up\s+|together\s+|both\s+)*{_PAIR}",
        rf"(?:\b(?:sqrt|gcd|lcm|gcf|hcf|log\w*|abs|sin|cos|tan|max|min|mod)\s*\(|[√∛]\s*\(?)\s*{_LIST}",
        rf"\\(?:sqrt|frac)(?:\[{_N}\])?\{{{_N}\}}(?:\{{{_N}\}})?",
        rf"\bround(?:ing|ed|s)?(?:\s+off)?\s+{_N}",
        rf"\bnearest\s+{_N}",
        rf"{_N}\s+(?:more|less|fewer|greater)\s+than\s+{_N}(?={_RESULT})",
        rf"{_N}\s+(?:squared|cubed|doubled|tripled|halved|factorial|choose\s+{_N})(?={_RESULT})",
        rf"{_N}[²³!](?={_RESULT})",
    )
)
_ORDER = re.compile(
    r"\b(?:after|before|following|preceding|succeed(?:s|ing)|follows|precedes)\s+"
    rf"{_NUMBER_WORDS}{_N}",
    re.IGNORECASE,
)
_VERBS = ("come", "make", "give", "equal", "leave")  # read as what is counted: "19 comes"
_PERCENT_OF = re.compile(rf"({_N})(?:\s*percent)?\s+of\s+({_N})", re.IGNORECASE)
_PARTS = re.compile(
    r"(?:%|percent|quarters?|thirds?|fourths?|fifths?|sixths?|eighths?|tenths?|half|halves)$",
    re.IGNORECASE,
)
_REACH = 4000  # characters that are looked through: a calculation stands at the beginning
_CALCULATION = re.compile(rf"{_CHAIN}\s*\)?\s*(?:=|is|equals?|makes|gives)\s*({_N})", re.IGNORECASE)


def without_calculations(
    text: str, values: list[Value], asked: Asked
) -> tuple[list[Value], set[int]]:
    """The values without results that only prove the gold one, and where operands begin.

    9 x 9 = 81 proves that 9 is the root of 81: 81 is no rival then, and if the question gave 81,
    the operand 9 is the answer.
    """
    plain = flatten(text)
    found = find_quantities(text)
    spans = [Span(q.start, q.end, text[q.start : q.end], q.unit) for q in found]
    operands = operand_places(plain, spans)
    golds = {value.span.start for value in values if value.role == "gold"}
    if not operands & golds:
        return values, operands
    proved = _proofs(plain, spans, operands & golds)
    if golds - operands:
        return [v for v in values if v.span.start not in proved or v.role == "gold"], operands
    given = any(q.start in proved and q.value in asked.numbers for q in found)
    return values, operands - golds if given else operands


def _masked(plain: str, spans: Iterable[Span]) -> str:
    """The text with every value as a run of # signs; offsets stay."""
    chars = list(plain.replace("#", " "))
    for span in spans:
        chars[span.start : span.end] = "#" * (span.end - span.start)
    for first, second in pairwise(sorted(spans, key=lambda span: span.start)):
        if first.unit and second.unit and plain[first.end : second.start].strip() == "/":
            chars[first.end : second.start] = "|" * (second.start - first.end)  # 5 km/3.1 mi
    return "".join(chars)


def operand_places(plain: str, spans: list[Span]) -> set[int]:
    """Where the operands among these values begin."""
    if not spans:
        return set()
    text = _masked(plain, spans)[:_REACH]
    places = {
        hit.start() + run.start()
        for pattern in _OPERANDS
        for hit in pattern.finditer(text)
        for run in re.finditer(_N, hit[0])
    }
    uncounted = {span.end for span in spans if span.unit is None or span.unit in _VERBS}
    for hit in _ORDER.finditer(text):
        if hit.end() in uncounted:
            places.add(hit.end() - len(hit[0].rsplit(None, 1)[-1]))
    for hit in _PERCENT_OF.finditer(text):
        if _PARTS.search(plain[: hit.end(1)].rstrip()) or "percent" in hit[0].lower():
            places |= {hit.start(1), hit.start(2)}
    return places


def _proofs(plain: str, spans: list[Span], value: set[int]) -> set[int]:
    """Where results of calculations with the value itself begin: 9 x 9 = 81 for 9."""
    text = _masked(plain, spans)[:_REACH]
    return {
        hit.start(1)
        for hit in _CALCULATION.finditer(text)
        if any(hit.start() <= place < hit.start(1) for place in value)
    }
