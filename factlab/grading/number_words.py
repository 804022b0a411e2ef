"""Numbers written out: English words, and kanji numerals with or without digits mixed in.

Used by `numbers` and `dates`, which find the runs of words in a text.
"""

from __future__ import annotations

import re
from decimal import Decimal

_ONES = re.findall(
    r"\w+",
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen",
)
_TENS = re.findall(r"\w+", "twenty thirty forty fifty sixty seventy eighty ninety")
SMALL = {word: value for value, word in enumerate(_ONES)}
SMALL |= {word: 10 * value for value, word in enumerate(_TENS, start=2)}
SCALES = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 10**3,
    "lakh": 10**5,
    "million": 10**6,
    "crore": 10**7,
    "billion": 10**9,
    "trillion": 10**12,
}
_ANY = "|".join(sorted([*SMALL, *SCALES], key=len, reverse=True))

PARTS = {"half": Decimal("0.5"), "quarter": Decimal("0.25"), "three quarters": Decimal("0.75")}
_PART = r"(?:(?:an? |one[- ]))?(half|quarter)|(three[ -]quarters)"
# Behind a number: 1 and a half, one and three quarters; and what it may be multiplied by.
AND_PART = re.compile(rf" and (?:{_PART})(?: ({'|'.join(SCALES)}))?\b", re.IGNORECASE)

# A run of number words; "a" and "and" belong to it only where they touch a number word.
WORD_RUN = re.compile(
    rf"(?<![\w-])(?:(?:minus|negative) )?(?:half (?=an? ))?(?:an? (?={'|'.join(SCALES)}))?"
    rf"(?:{_ANY})(?:(?!,? and (?:three[ -]quarters|one[- ](?:half|quarter)))"
    rf"(?:(?:, ?| ?- ?| )(?:and )?|,? and )(?:{_ANY})"
    rf"| point(?: (?:{'|'.join(_ONES[:10])}))+)*"
    rf"(?:{AND_PART.pattern})?(?![\w])",
    re.IGNORECASE,
)

_SHARES = {
    "half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6,
    "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "hundredth": 100,
}  # fmt: skip
# Two thirds, three-quarters, one-half; "a third" only where no noun follows (a third man).
FRACTION_WORDS = re.compile(
    rf"(?<![\w-])(?P<top>an?|{'|'.join(_ONES[1:10])})[ -](?P<bottom>{'|'.join(_SHARES)})"
    r"(?P<many>s?)(?![\w-])(?P<alone>(?= of\b|\s*(?:[.,;!?)*]|$)))?",
    re.IGNORECASE,
)

SCALE_BEHIND = re.compile(rf" ({'|'.join(SCALES)})\b", re.IGNORECASE)

_KANJI_DIGITS = {char: value for value, char in enumerate("〇一二三四五六七八九")}
_KANJI_DIGITS |= {"零": 0, "壱": 1, "壹": 1, "弐": 2, "貳": 2, "参": 3, "參": 3, "伍": 5}
_KANJI_SCALES = {"十": 10, "拾": 10, "百": 100, "千": 1000}
_KANJI_MYRIADS = {"万": 10**4, "萬": 10**4, "億": 10**8, "兆": 10**12}
_KANJI = "".join([*_KANJI_DIGITS, *_KANJI_SCALES, *_KANJI_MYRIADS])
KANJI_RUN = re.compile(
    # Bounded, and begun at the first digit only: long runs of digits are read in linear time.
    rf"(?:(?<![\d,.])\d[\d,]{{0,20}}(?:\.\d{{1,20}})?)?"
    rf"[{_KANJI}](?:[{_KANJI}]|\d[\d,]{{0,20}}(?:\.\d{{1,20}})?)*"
    rf"(?:・[{''.join(_KANJI_DIGITS)}]+)?"
)

# Every number in words has one of these; most texts have none, and need no further look.
_WORDS = tuple(sorted({*SMALL, *SCALES, *_SHARES}))
_WORD = re.compile(rf"[{_KANJI}]|\b(?:{'|'.join(_WORDS)})", re.IGNORECASE)


def may_hold_words(plain: str) -> bool:
    """Whether a flattened text has a word or sign of numbers in words; some are of none."""
    if plain.isascii():  # finding plain words one by one takes a tenth of the time
        low = plain.lower()
        if not any(word in low for word in _WORDS):
            return False
    return _WORD.search(plain) is not None


def parse_words(text: str) -> Decimal | None:
    """Read a whole text of English number words, or return None.

    Two numbers side by side that do not combine ("one two") are no number; a pair of two-digit
    groups is read the way years are spoken ("nineteen eighty-four").
    """
    if text.lower().startswith("half a"):  # half a million, half a dozen
        doubled = parse_words(text[len("half ") :])
        return None if doubled is None else doubled / 2
    part = AND_PART.search(text)
    if part and part.end() == len(text):
        return add_part(parse_words(text[: part.start()]), text[: part.start()], part)
    tokens = re.sub(r"[,-]", " ", text.lower()).split()
    sign = -1 if tokens and tokens[0] in ("minus", "negative") else 1
    tokens = tokens[1:] if sign < 0 else tokens
    tenths = ""
    if "point" in tokens:
        cut = tokens.index("point")
        decimals = [SMALL.get(token, 99) for token in tokens[cut + 1 :]]
        if not decimals or max(decimals) > 9:
            return None
        tokens, tenths = tokens[:cut], "." + "".join(map(str, decimals))
    whole = _whole(tokens)
    return None if whole is None else sign * Decimal(f"{whole}{tenths}")


def parse_fraction_words(run: re.Match[str]) -> Decimal | None:
    """The value of a match of `FRACTION_WORDS`, or None where it is an ordinal or a coin."""
    top = SMALL.get(run["top"].lower(), 1)
    bottom = _SHARES[run["bottom"].lower()]
    one = top == 1 and ("-" in run[0] or run["alone"] is not None or bottom == 2)
    return Decimal(top) / bottom if (one or run["many"]) and top < bottom else None


def add_part(value: Decimal | None, written: str, part: re.Match[str]) -> Decimal | None:
    """One and a half is 1.5; one and a half million and a million and a half are 1,500,000."""
    if value is None:
        return None
    share = PARTS[(part[1] or "three quarters").lower()]
    last = written.lower().split()[-1]
    if part[3]:
        return (value + share) * SCALES[part[3].lower()]
    return value + share * (SCALES[last] if SCALES.get(last, 0) >= 1000 else 1)


def _whole(tokens: list[str]) -> int | None:
    """Value of the words of an integer, or None where they do not form one."""
    if len(tokens) > 1 and tokens[0] in ("a", "an") and tokens[1] in SCALES:
        tokens = ["one", *tokens[1:]]
    if not all(_may_be_and(tokens, place) for place, token in enumerate(tokens) if token == "and"):
        return None
    total, group, last_scale = 0, None, 10**15
    for token in tokens:
        if token == "and":
            continue
        if SCALES.get(token, 0) > 100:
            if group is None or SCALES[token] >= last_scale:
                return None
            last_scale = SCALES[token]
            total, group = total + group * last_scale, None
            continue
        group = _extended(group, token)
        if group is None:
            return _spoken_year(tokens)
    return None if group is None and total == 0 else total + (group or 0)


def _may_be_and(tokens: list[str], place: int) -> bool:
    """An "and" stands between a scale word and what it adds: one hundred and one."""
    return 0 < place < len(tokens) - 1 and tokens[place - 1] in SCALES


def _extended(group: int | None, token: str) -> int | None:
    """A group below a thousand with one more word behind it, or None where it does not fit."""
    if token in SMALL:
        return _join(group, SMALL[token])
    if token in SCALES and group is not None and 0 < group < 100:
        return group * SCALES[token]
    return None


def _join(group: int | None, value: int) -> int | None:
    """Put a small number behind what was read so far: eighty + nine, eight hundred + eighty."""
    if group is None:
        return value
    if group % 100 == 0 and group > 0:
        return group + value
    return group + value if group % 10 == 0 and group % 100 >= 20 and 0 < value < 10 else None


def _spoken_year(tokens: list[str]) -> int | None:
    """Nineteen eighty-four: two groups below a hundred, both of two digits."""
    if len(tokens) > 4:  # a model that stutters "one one one …" has not named a year
        return None
    for cut in range(1, len(tokens)):
        first, second = _whole(tokens[:cut]), _whole(tokens[cut:])
        if first and second and 10 <= first < 100 and 10 <= second < 100:
            return first * 100 + second
    return None


def parse_kanji(text: str) -> Decimal | None:
    """Read a whole text of kanji numerals (四千八百八十九, 4千8百, 四八八九), or return None."""
    if not KANJI_RUN.fullmatch(text):
        return None
    text, point, tenths = text.partition("・")
    if point:
        whole = parse_kanji(text)
        decimals = "".join(str(_KANJI_DIGITS[char]) for char in tenths)
        return None if whole is None else whole + Decimal(f"0.{decimals}")
    if all(char in _KANJI_DIGITS for char in text):
        return Decimal("".join(str(_KANJI_DIGITS[char]) for char in text))
    total = section = Decimal(0)
    digits: Decimal | None = None
    for token in re.findall(r"\d[\d,]*(?:\.\d+)?|.", text):
        if token[0].isdecimal():
            digits = Decimal(token.replace(",", ""))
        elif token in _KANJI_DIGITS:
            digits = (digits or Decimal(0)) * 10 + _KANJI_DIGITS[token]
        elif token in _KANJI_SCALES:
            section += (Decimal(1) if digits is None else digits) * _KANJI_SCALES[token]
            digits = None
        else:
            section += digits or Decimal(0)
            total += (section or Decimal(1)) * _KANJI_MYRIADS[token]
            section, digits = Decimal(0), None
    return total + section + (digits or Decimal(0))
