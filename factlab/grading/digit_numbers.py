"""Numbers in digits: grouping, signs, fractions, powers of ten, and scales behind them.

Used by `numbers`, whose table says how the forms are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from math import gcd

from factlab.grading.number_words import AND_PART, SCALES, add_part
from factlab.grading.text import is_cjk, is_letter
from factlab.grading.units import unit_at, unit_before

# Start, end and value in flattened text; None where the place holds no number.
Hit = tuple[int, int, Decimal | None]

# Every run of digits and what may sit between digits is taken as one token first, and read (or
# refused) as a whole afterwards: so 889 can never be found inside 4,889.
_SEPARATOR = r"(?:\{,\}|\\,|[,.'_/:])"
_TOKEN = re.compile(rf"(?:\.(?=\d))?\d+(?:{_SEPARATOR}\d+)*(?:[eE][+-]?\d+(?![a-zA-Z]))?")
_SPACED = re.compile(r"\d{1,3}(?: \d{3})+(?:\.\d+)?(?![\d])(?!{?,\d)")
_SPACED_COMMA = re.compile(r"\d{1,3}(?: \d{3})+,\d{1,2}(?![\d,.])")
_SHAPES = (
    re.compile(r"(?P<whole>\d+)(?P<rest>(?:\.\d+)?)"),
    re.compile(
        r"(?P<whole>\d{1,3}(?P<sep>,|'|_| |\{,\}|\\,)\d{3}(?:(?P=sep)\d{3})*)(?P<rest>(?:\.\d+)?)"
    ),
    re.compile(r"(?P<whole>\d{1,2}(?:,\d{2})+,\d{3})(?P<rest>(?:\.\d+)?)"),
    re.compile(r"(?P<whole>\d{1,3}(?:\.\d{3}){2,})(?P<rest>)"),
    re.compile(r"(?P<whole>)(?P<rest>\.\d+)"),
)
# A decimal comma where it can be nothing else: 1.234,56; 1 234,56; and 20,00 before a unit.
_COMMA_SHAPE = re.compile(r"(?P<whole>\d{1,3}(?:(?:\.\d{3})+|(?: \d{3})+)),(?P<rest>\d{1,2})")
_COMMA_BEFORE_UNIT = re.compile(r"(?P<whole>\d{1,400}),(?P<rest>\d{1,2})")
_EXPONENT = re.compile(r"[eE]([+-]?\d{1,3})$")
_LONGEST = 400  # digits; a longer token is no number that anyone means

_SCALE_AFTER = re.compile(rf" ?-?({'|'.join(SCALES)})s?\b", re.IGNORECASE)
_MONEY_SCALE = re.compile(r" ?(k|m|mn|mio|b|bn|tn)(?![a-z])", re.IGNORECASE)
_GLUED_SCALE = re.compile(r"(?:([kKMB])| ?(mn|mio|bn|tn))(?![A-Za-z])")
_FACTORS = {"k": 3, "m": 6, "mn": 6, "mio": 6, "b": 9, "bn": 9, "tn": 12}
_ORDINAL = re.compile(r"(?:st|nd|rd|th|s)\b", re.IGNORECASE)


def read_digits(token: str) -> Decimal | None:
    """Value of one unsigned digit token, or None if its separators make no sense."""
    if len(token) > _LONGEST:
        return None
    exponent = _EXPONENT.search(token)
    body = token[: exponent.start()] if exponent else token
    for shape in _SHAPES:
        hit = shape.fullmatch(body)
        if hit:
            digits = re.sub(r"\D", "", hit["whole"]) or "0"
            return Decimal(f"{digits}{hit['rest']}").scaleb(int(exponent[1]) if exponent else 0)
    comma = _COMMA_SHAPE.fullmatch(token)
    return _with_comma(comma) if comma else None


def _with_comma(hit: re.Match[str]) -> Decimal:
    return Decimal(f"{re.sub(r'[. ]', '', hit['whole'])}.{hit['rest']}")


def digit_numbers(raw: str, plain: str, *, kelvin: bool = False) -> Iterator[Hit]:
    """All digit tokens with their value, None for a token that must not be read as a number.

    Args:
        raw: The text as written, for its superscripts.
        plain: The same, flattened.
        kelvin: Read a capital K right behind digits as the unit, not as thousands.
    """
    position = 0
    while token := _TOKEN.search(plain, position):
        end, begin = _token_end(plain, token), token.start()
        if plain[begin] == "." and unit_before(plain, begin + 1):
            begin += 1  # Rs.500
        start, sign = signed_start(plain, begin)
        hit = _value(raw, plain, begin, end, kelvin=kelvin)
        position = max(end, hit[0])
        yield start, position, None if hit[1] is None else sign * hit[1]


def _token_end(plain: str, token: re.Match[str]) -> int:
    spaced = _SPACED.match(plain, token.start()) or _SPACED_COMMA.match(plain, token.start())
    return max(token.end(), spaced.end()) if spaced else token.end()


def _value(
    raw: str, plain: str, start: int, end: int, *, kelvin: bool
) -> tuple[int, Decimal | None]:
    """End and value of the number whose token stands here."""
    token = plain[start:end]
    value = read_digits(token)
    if value is None:
        comma = _COMMA_BEFORE_UNIT.fullmatch(token) if len(token) < _LONGEST else None
        if comma and (
            unit_before(plain, start) or unit_at(plain, end + (plain[end : end + 1] == " "))
        ):
            value = _with_comma(comma)
    if value is None and (fraction := _FRACTION.fullmatch(token)):
        value = _fraction(fraction)
    if value is None or not _may_stand_here(plain, start, end, kelvin=kelvin):
        return end, None
    power = _power(raw, plain, end, value)
    if power:
        return power
    if value == value.to_integral_value() and (mixed := _mixed(plain, end)):
        return mixed[0], value + mixed[1]
    return _with_part(plain, end, *_scaled(plain, start, end, value, kelvin=kelvin))


# Simple fractions in lowest terms; 4/10 is a mark more often than a number, 9/11 a day.
_FRACTION = re.compile(r"(\d{1,2})/(\d{1,4})")
_MIXED = re.compile(r"(?: |-| and )(\d{1,2})/(\d{1,2})(?![\d/.,]*\d)")
_DENOMINATORS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 20, 32, 64, 100, 1000)


def _fraction(hit: re.Match[str]) -> Decimal | None:
    top, bottom = int(hit[1]), int(hit[2])
    if not 0 < top < bottom or bottom not in _DENOMINATORS or gcd(top, bottom) > 1:
        return None
    return Decimal(top) / bottom


def _mixed(plain: str, end: int) -> tuple[int, Decimal] | None:
    """The fraction behind a whole number: 1 1/2, 5-3/4."""
    hit = _MIXED.match(plain, end)
    value = _fraction(hit) if hit else None
    return None if hit is None or value is None else (hit.end(), value)


_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻−–", "0123456789+---")
_RAISED = (
    r"(?:\s?\^\s?\{?\s?(?P<caret>[-+−–]?\d{1,3})\s?\}?(?!\d)|\*\*(?P<stars>[-+]?\d{1,3})(?!\d)"
    r"|(?P<raised>[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})"
    r"| to the power (?:of )?(?P<word>[-−]?\d{1,3})(?!\d))"
)
_TIMES_TEN = re.compile(rf"\s?(?:[×xX*·⋅∙]|\\times|\\cdot|times)\s?10{_RAISED}")
_POWER = re.compile(_RAISED)
_EQUALS = re.compile(r"\s{0,20}(?:=|is\b|equals\b)")


def _power(raw: str, plain: str, end: int, value: Decimal) -> tuple[int, Decimal | None] | None:
    """5 × 10^6, 5·10⁶ and 10^6; any other power, and one that "=" follows, is an operand."""
    times = _TIMES_TEN.match(raw, end)
    hit = times or _POWER.match(raw, end)
    if not hit:
        return None
    written = hit["caret"] or hit["stars"] or hit["raised"] or hit["word"]
    if not times and hit["raised"] and value != 10:  # the mark of a footnote, or a square
        squared = written in "²³" and _EQUALS.match(plain, hit.end())
        return (hit.end(), None) if squared else None
    if not times and (value != 10 or _EQUALS.match(plain, hit.end())):
        return hit.end(), None
    exponent = int(written.translate(_SUPERSCRIPT))
    return hit.end(), (value if times else Decimal(1)).scaleb(exponent)


_MINUS = re.compile(r"(?:マイナス|氷点下|零下|(?<![A-Za-z])(?:minus|negative)[ -])$", re.IGNORECASE)
# A minus between two values takes away: 20 minus 12, 7 apples minus 2.
_MINUEND = re.compile(r"[\d)²³%°](?: ?[^\W\d]+)?\.? $")
_RANGE_JA = re.compile(r"\d\D{0,4}$")


def signed_start(plain: str, start: int) -> tuple[int, int]:
    """Take in a sign before the digits; after a digit or letter a hyphen is a dash, not a sign."""
    word = _MINUS.search(plain[max(0, start - 10) : start])
    if word:
        begins = start - len(word[0])
        taken_away = word[0][0] in "mM" and _MINUEND.search(plain[max(0, begins - 16) : begins])
        return (start, 1) if taken_away else (begins, -1)
    before, earlier = plain[max(0, start - 1) : start], plain[max(0, start - 2) : max(0, start - 1)]
    if before not in ("-", "+", "–", "‐", "‑") or before == "":
        return start, 1
    if earlier and (earlier in "-–+%°)]" or (earlier.isalnum() and not is_cjk(earlier))):
        return start, 1
    if is_cjk(earlier or "x") and _RANGE_JA.search(plain[max(0, start - 6) : start - 1]):
        return start, 1  # 9時-12時
    return start - 1, 1 if before == "+" else -1


_LEADING_COMMA = re.compile(r"(?:^|[\s(]),$")


def _may_stand_here(plain: str, start: int, end: int, *, kelvin: bool) -> bool:
    """Whether the surroundings allow a number: not B12, COVID-19, 3rd, 1970s, ±5, ",89"."""
    before, earlier = plain[start - 1 : start], plain[max(0, start - 2) : max(0, start - 1)]
    if before == "_" and earlier.isalnum():
        return False
    if before and is_letter(before) and not unit_before(plain, start):  # but GBP200
        return False
    if before == "-" and earlier and is_letter(earlier):
        return False
    if before == "±" or plain[max(0, start - 2) : start] == "± ":
        return False
    if before == "," and _LEADING_COMMA.search(plain[max(0, start - 2) : start]):
        return False
    if _ORDINAL.match(plain, end) and not (plain[end] == "s" and end - start != 4):
        return False
    return not _glued_word(plain, end, kelvin=kelvin)


def _glued_word(plain: str, end: int, *, kelvin: bool) -> bool:
    """Whether letters that are no unit follow without a space: 3D, 4889abc."""
    after = plain[end : end + 1]
    if not after or not is_letter(after):
        return False
    if _SCALE_AFTER.match(plain, end) or _MONEY_SCALE.match(plain, end):
        return False
    if _GLUED_SCALE.match(plain, end) and not (kelvin and after == "K"):
        return False
    return unit_at(plain, end) is None


_TAIL = re.compile(
    r" (\d{1,3}(?:,\d{3})*)(?![\d.,/:]*\d)(?![%°]| (?:year|month|week|day|hour|minute|times))"
)


def _scaled(
    plain: str, start: int, end: int, value: Decimal, *, kelvin: bool
) -> tuple[int, Decimal]:
    """Multiply by what is written behind the digits: 3.5 million, 4.9k, 124K, and $3M."""
    scale = Decimal(1)
    while word := _SCALE_AFTER.match(plain, end):
        scale *= SCALES[word[1].lower()]
        end = word.end()
    if scale > 1:
        return _with_tail(plain, end, value * scale, scale)
    money = _MONEY_SCALE.match(plain, end)
    if money and unit_before(plain, start):
        return money.end(), value.scaleb(_FACTORS[money[1].lower()])
    glued = _GLUED_SCALE.match(plain, end)
    if glued and not (kelvin and glued[1] == "K"):
        return glued.end(), value.scaleb(_FACTORS[(glued[1] or glued[2]).lower()])
    return end, value


def _with_tail(plain: str, end: int, value: Decimal, scale: Decimal) -> tuple[int, Decimal]:
    """Add what goes on below a scale word: 4 thousand 889, 1 million 200 thousand."""
    while scale > 100 and (tail := _TAIL.match(plain, end)):
        added, behind = Decimal(tail[1].replace(",", "")), tail.end()
        word = _SCALE_AFTER.match(plain, behind)
        below = Decimal(SCALES[word[1].lower()]) if word else Decimal(1)
        if not 0 < added * below < scale or (below == 1 and scale > 1000 and added < 100):
            break
        end, value, scale = word.end() if word else behind, value + added * below, below
    return end, value


_SIGNS = {
    "½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5",
    "⅘": "4/5", "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8",
}  # fmt: skip
FRACTION_SIGNS = "".join(_SIGNS)
_SIGN = re.compile(f" ?([{FRACTION_SIGNS}])")
_LONE_SIGN = re.compile(rf"(?<!\d)(?<!\d )([{FRACTION_SIGNS}])")
_FRAC = re.compile(r"\\[dt]?frac\{(\d{1,2})\}\{(\d{1,4})\}")


def fraction_signs(plain: str) -> Iterator[Hit]:
    r"""Fractions of one sign and of LaTeX that stand alone: ½, \frac{1}{4}."""
    for hit in _LONE_SIGN.finditer(plain):
        yield hit.start(1), hit.end(), _sign_value(hit[1])
    for hit in _FRAC.finditer(plain):
        yield hit.start(), hit.end(), _fraction(hit)


def _sign_value(sign: str) -> Decimal:
    top, bottom = _SIGNS[sign].split("/")
    return Decimal(top) / Decimal(bottom)


def _with_part(plain: str, digits_end: int, end: int, value: Decimal) -> tuple[int, Decimal]:
    """Add what is written behind digits: 1½, 1 and a half, 2 and a half million."""
    sign = _SIGN.match(plain, digits_end)
    if sign:
        value, scale = value + _sign_value(sign[1]), _SCALE_AFTER.match(plain, sign.end())
        factor = SCALES[scale[1].lower()] if scale else 1
        return scale.end() if scale else sign.end(), value * factor
    part = AND_PART.match(plain, end)
    added = add_part(value, plain[max(0, end - 20) : end], part) if part else None
    return (part.end(), added) if part and added is not None else (end, value)
