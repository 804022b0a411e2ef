"""Units beside numbers: what they are called, what they measure, and how they convert.

A word that is not in the table of units can still be what is counted ("towers"): it is compared
in singular and plural, and never converted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache

from factlab.grading.currency_table import MONEY_TABLE
from factlab.grading.text import flatten, is_cjk, is_letter, word_set
from factlab.grading.unit_table import UNIT_TABLE


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: base = value * factor + offset, in the base unit of its dimension."""

    symbol: str
    one: str
    many: str
    dimension: str
    factor: Fraction
    offset: Fraction
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundUnit:
    """A unit beside a number; `name` is a symbol of the table or the counted word, singular."""

    start: int
    end: int
    name: str


@cache
def _units() -> dict[str, Unit]:
    """All units by symbol."""
    units: dict[str, Unit] = {}
    for dimension, rows in (UNIT_TABLE | MONEY_TABLE).items():
        for row in rows.strip().splitlines():
            symbol, one, many, scale, names = (cell.strip() for cell in row.split("|"))
            factor, _, offset = scale.partition(" ")
            others = [name.replace("~", " ") for name in names.split()]
            # British spelling: metre, litre.
            others += [re.sub(r"(met|lit)er", r"\1re", name) for name in (one, many)]
            units[symbol] = Unit(
                symbol, one, many, dimension, Fraction(factor), Fraction(offset or "0"), (*others,)
            )
    return units


@cache
def _written() -> tuple[dict[str, str], dict[str, str]]:
    """Ways to write a unit, to its symbol: exact ones, and lower-cased ones where that is safe."""
    exact: dict[str, str] = {}
    lowered: dict[str, str] = {}
    for unit in _units().values():
        for name in (unit.symbol, unit.one, unit.many, *unit.names):
            exact.setdefault(name, unit.symbol)
            # A lower-cased clash (MW and mW would be one) goes to nobody but the exact spelling.
            if len(name) > 1 and not (name.isupper() and len(name) < 3):
                lowered.setdefault(name.lower(), unit.symbol)
    return exact, lowered


@cache
def _unit_pattern() -> re.Pattern[str]:
    exact, lowered = _written()
    longest = sorted({*exact, *lowered}, key=len, reverse=True)
    return re.compile("|".join(re.escape(name) for name in longest), re.IGNORECASE)


@lru_cache(maxsize=1024)
def known_unit(name: str) -> Unit | None:
    """The unit of the table with this symbol or name, or None."""
    exact, lowered = _written()
    symbol = exact.get(name) or lowered.get(" ".join(name.lower().split()))
    return None if symbol is None else _units()[symbol]


def unit_name(name: str) -> str:
    """One name for all ways to write a unit: the table's symbol, or the word in the singular."""
    unit = known_unit(flatten(name).strip())
    return unit.symbol if unit else singular(name)


_IRREGULAR = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "feet": "foot",
    "mice": "mouse",
    "teeth": "tooth",
    "species": "species",
    "series": "series",
}


def singular(word: str) -> str:
    """Lower-cased singular of an English word, near enough to compare two nouns."""
    low = " ".join(word.lower().split())
    if low in _IRREGULAR:
        return _IRREGULAR[low]
    if low.endswith("ies") and len(low) > 4:
        return low[:-3] + "y"
    if re.search(r"(?:s|x|z|ch|sh)es$", low):
        return low[:-2]
    return low[:-1] if low.endswith("s") and not low.endswith(("ss", "us", "is")) else low


def unit_at(plain: str, position: int) -> FoundUnit | None:
    """The known unit that begins exactly here in flattened text, if one does."""
    exact, lowered = _written()
    for end in _candidate_ends(plain, position):
        written = plain[position:end]
        symbol = exact.get(written) or lowered.get(written.lower())
        if symbol and _ends_well(plain, end) and not _is_plain_word(plain, written, end):
            return FoundUnit(position, end, symbol)
    return None


def _candidate_ends(plain: str, position: int) -> Iterator[int]:
    """Where a unit that starts here may end, longest first."""
    longest = _unit_pattern().match(plain, position)
    if longest:
        yield longest.end()
        yield from range(longest.end() - 1, position, -1)


def _ends_well(plain: str, end: int) -> bool:
    """A unit ends where its word ends; CJK text has no such edges."""
    if is_cjk(plain[end - 1]):
        return True
    after = plain[end : end + 1]
    return (
        not after or not (after.isdigit() or is_letter(after) or after in "²³^_") or is_cjk(after)
    )


# Words that are a unit only where a phrase ends: 5,000 won, but not "the 11 won the match".
_PHRASE_ENDS = re.compile(r"\s*(?:$|[^\w\s]|(?:a|per|in|for|and|or|to|each|was|is)\b)")
_ALSO_VERBS = word_set("won crowns souls")
_AFTER_PREPOSITION = re.compile(
    r" ?(?!(?:tall|long|wide|high|deep|thick|by|x|or|and|in diameter)\b)[\w\"'(]"
)


def _is_plain_word(plain: str, written: str, end: int) -> bool:
    """Whether "in" is the preposition here: 4,889 in 2025, but not 12 in. or 80 in wide."""
    if written.lower() in _ALSO_VERBS:
        return not _PHRASE_ENDS.match(plain, end)
    return written.lower() == "in" and bool(_AFTER_PREPOSITION.match(plain, end))


# What may stand between a number and its unit: space, emphasis, LaTeX, a hyphen (4,889-meter).
_GAP = re.compile(r"(?:[ \t*_`~$}]|\\[,;: ]|\\!|\\text\{ *|\\mathrm\{ *|\\textbf\{ *|\{)*-?")
_PER = re.compile(
    r" ?(?:/|per |a(?=(?: year| day| month| week| hour)\b) ?) ?[a-z]+\w*", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
# Words that follow a number without being what it counts.
_NOT_COUNTED = word_set(
    "about above according across after afterwards again also always and approximately are "
    "around as as-is at because becomes before being below besides beyond but by can could "
    "divided during either equals exactly following for from gives had has have he high higher "
    "his however if in including inside into is it its itself just less like lower makes making "
    "may meanwhile measures might minus more much nearly nor not now of off on once or others "
    "our out over past per perhaps plus previously rather reaches remains right rises roughly "
    "she should since so sometimes stands still tall taller than thanks that the their then "
    "there these they this those though through thus till times to today together too towards "
    "under unless until up versus vs was we were whereas which while who whose will with within "
    "without would yes yet you sees marks comes follows begins starts ends brings gives makes "
    "equals becomes seems appears means onwards always perhaps plus thus "
)


_RAISED = re.compile(r" (squared|cubed)\b", re.IGNORECASE)  # metres squared
_POWERS = {"squared": "²", "cubed": "³"}


def unit_after(plain: str, position: int) -> FoundUnit | None:
    """The unit of a number that ends here, in flattened text: known, or a counted plural noun."""
    gap = _GAP.match(plain, position)
    start = gap.end() if gap else position
    known = unit_at(plain, start)
    if known and (raised := _RAISED.match(plain, known.end)):
        return FoundUnit(start, raised.end(), f"{known.name}{_POWERS[raised[1].lower()]}")
    if known:
        rate = _PER.match(plain, known.end)
        if rate and unit_at(plain, start) == known:
            return FoundUnit(start, rate.end(), f"{known.name}/{rate[0].split()[-1].lstrip('/')}")
        return known
    if gap and "\n" not in gap[0] and start > position:
        return _counted(plain, start)
    return None


def _counted(plain: str, start: int) -> FoundUnit | None:
    """The noun that is counted: the next plural, after at most two words that describe it."""
    position = start
    for _ in range(3):
        word = _WORD.match(plain, position)
        if not word or word[0].lower() in _NOT_COUNTED or word[0].lower().endswith("ly"):
            return None
        if _is_plural(word[0]) and (position == start or word[0].islower()):
            return FoundUnit(word.start(), word.end(), singular(word[0]))
        position = word.end() + 1
        if plain[word.end() : position] != " ":
            return None
    return None


def _is_plural(word: str) -> bool:
    low = word.lower()
    return low in _IRREGULAR or (
        len(low) > 2 and low.endswith("s") and not low.endswith(("ss", "us", "is"))
    )


@cache
def _written_before() -> tuple[str, ...]:
    """What may stand in front of a number: signs and codes of money, and the scale of degrees."""
    money = [name for rows in MONEY_TABLE.values() for name in _signs_and_codes(rows)]
    return (*money, "摂氏", "セ氏", "華氏")


@cache
def _last_before() -> frozenset[str]:
    """The characters that such a sign or code can end in: a look at one of them is cheap."""
    return frozenset(name[-1] for name in _written_before()) | {" ", "*", "_"}


@cache
def _before() -> re.Pattern[str]:
    written = _written_before()
    joined = "|".join(re.escape(name) for name in sorted(written, key=len, reverse=True))
    return re.compile(rf"(?<![^\W\d_])({joined}|\\\$) ?[*_]{{0,2}}$")


_NO_CODE = word_set("COP TRY PHP ARS ETH BTC TL NIS")  # COP 26, PHP 8: more often something else


def _signs_and_codes(rows: str) -> Iterator[str]:
    for row in rows.strip().splitlines():
        symbol, *_, names = (cell.strip() for cell in row.split("|"))
        for name in (symbol, *names.split()):
            written = name.replace("~", " ")
            is_sign = not any(char.isalpha() for char in written) or written.endswith("$")
            is_code = len(name) <= 3 and name.isalpha() and not name.islower()
            is_code = is_code and name not in _NO_CODE and not is_cjk(name[0])
            if is_sign or is_code or written in ("Rs.", "Fr.", "SFr.", "E£", "kr", "kr."):
                yield written


_LONGEST_BEFORE = 16


def unit_before(plain: str, position: int) -> FoundUnit | None:
    """The currency in front of a number that begins here, in flattened text."""
    if plain[max(0, position - 1) : position] not in _last_before():
        return None
    window = max(0, position - _LONGEST_BEFORE)
    found = _before().search(plain[window:position])
    if not found:
        return None
    start = window + found.start()
    if found[1] in ("$", "\\$") and _is_math(plain, start):
        return None
    unit = known_unit(found[1].lstrip("\\"))
    return FoundUnit(start, position, unit.symbol) if unit else None


_MATH_REACH = 400  # characters


def _is_math(plain: str, dollar: int) -> bool:
    """Whether this dollar sign opens LaTeX: it is closed on its line, and not by another price."""
    opens = max(plain.rfind("\n", 0, dollar) + 1, dollar - _MATH_REACH)
    line = plain[dollar + 1 : dollar + _MATH_REACH].split("\n", 1)[0]
    closing = line.find("$")
    if closing < 0 or plain.count("$", opens, dollar) % 2:
        return closing >= 0 or plain[dollar - 1 : dollar] == "$"
    return not line[closing + 1 : closing + 2].isdigit()


def spell_unit(unit: str, value: Decimal) -> str:
    """Write a unit out as a person would: m → meters, % → percent; unknown ones as written."""
    known = known_unit(unit)
    if not known:
        return unit
    return known.one if abs(value) == 1 else known.many


# Words and signs for several units: what they may mean where that is what was asked for.
MAY_MEAN = {
    "$": word_set("USD CAD AUD NZD HKD SGD TWD JMD"),
    "peso": word_set("MXN PHP ARS CLP COP"),
    "kr": word_set("SEK NOK DKK ISK CZK"),
    "rupee": word_set("INR PKR LKR"),
    "franc": word_set("CHF"),
    "lira": word_set("TRY ITL"),
    "dinar": word_set("KWD"),
    "shilling": word_set("KES"),
    "lb": word_set("GBP EGP"),
    "ton": word_set("t"),
    "°": word_set("°C °F"),
}


@lru_cache(maxsize=1024)
def same_unit(written: str, asked: str) -> bool:
    """Whether a unit is written that is, or may be, the one that was asked for."""
    one, other = unit_name(written), unit_name(asked)
    if one == other or other in MAY_MEAN.get(one, ()):
        return True
    first, second = _units().get(one), _units().get(other)
    if first is None or second is None:
        return False
    return (first.dimension, first.factor, first.offset) == (
        second.dimension,
        second.factor,
        second.offset,
    )


def is_money(unit: str) -> bool:
    """Whether the unit is a currency."""
    known = known_unit(unit)
    return known is not None and known.dimension in MONEY_TABLE


def convert(value: Decimal, from_unit: str, to_unit: str) -> Decimal | None:
    """Convert between two units of one dimension, or return None where that is not possible."""
    if same_unit(from_unit, to_unit):
        return value
    source, target = known_unit(from_unit), known_unit(to_unit)
    if source is None or target is None or source.dimension != target.dimension:
        return None
    base = Fraction(value) * source.factor + source.offset
    exact = (base - target.offset) / target.factor
    return Decimal(exact.numerator) / Decimal(exact.denominator)
