"""A value as a statement writes it → a typed answer, by the readers of the matcher."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal

from factlab.drafting.reading import iso
from factlab.grading.dates import find_dates, parse_date
from factlab.grading.quantities import FoundQuantity, find_quantities
from factlab.grading.units import convert, known_unit

# Properties whose value is a phrase, or a date, whatever it looks like.
_PHRASES = re.compile(
    r"\b(?:motto|slogan|anthem|animal|flower|bird|tree|colou?r|flavou?r|ingredient|mascot|nickname"
    r"|name|title|password|abbreviation|symbol|logo|drink|dish|food|meaning|genre)$"
)
_DATES = re.compile(r"\b(?:date|day|deadline)\b|\byear$|日$")
_PERSONS = re.compile(
    r"\b(?:ceo|cfo|cto|coo|president|prime minister|minister|mayor|king|queen|monarch|pope|captain"
    r"|coach|chair|chairman|chairwoman|chairperson|head|head of state|chief|founder|governor"
    r"|chancellor|editor|principal|dean|rector|secretary|general|judge|winner|champion|holder|host"
    r"|boss|[a-z]*(?:painter|author|writer|director|discoverer|inventor|designer|composer"
    r"|architect|conductor|leader|manager|singer|climber|ruler|commander|curator|sculptor"
    r"|photographer|translator|teacher|owner|chef|keeper|librarian|engineer|officer|spokesman"
    r"|spokeswoman|ambassador|speaker|trainer|president))(?: general| officer)?$"
)
_OWNERS = re.compile(r"\b(?:owner|manufacturer|publisher|sponsor|operator|developer|builder)$")
_CITIES = re.compile(
    r"\b(?:capital|headquarters|head office|host city|seat|city|home port|place of (?:birth|death)"
    r"|birthplace|venue|burial place)$"
)
_PERSON_JA = re.compile(
    r"(?:社長|会長|代表|首相|大統領|市長|町長|知事|監督|学長|校長|館長|総長|総裁|主将|作者|作家|画家|作曲者|創業者"
    r"|発見者|責任者|大臣|CEO|ceo)$"
)
_CITY_JA = re.compile(r"(?:首都|本社|本部|所在地|開催地|開催都市|母港|出身地|生誕地)$")
_MONEY = re.compile(
    r"\b(?:price|cost|fee|fare|fine|wage|salary|rent|toll|budget|revenue|income|tax|turnover|worth)s?$"
)
_NAME = re.compile(r"[^\W\d_a-z][\w'’.-]{0,40}(?: [\w'’.-]{1,40}){1,8}")
# Units that the matcher reads by their word alone: of data, of what a counter of Japanese measures.
_UNIT_BEHIND = re.compile(
    r" ?([kKMGTP]i?[Bb]|[kMGT]?Hz|[mkMG]?[AWV]h|[mkMG]?bps|[日年週]間?)(?!\w)"
)
_COUNTERS = {"日": "d", "年": "yr", "週": "wk", "日間": "d", "年間": "yr", "週間": "wk"}
_LAST_UNIT = re.compile(r"\d ?([^\W\d]+)$")
_ROUNDING = Decimal("1e-9")
_LED_BY = (
    *(
        "",
        "a",
        "an",
        "about",
        "around",
        "exactly",
        "only",
        "at",
        "us",
        "a total of",
        "just",
        "some",
    ),
    *("nearly", "over", "more than", "up to", "approximately", "roughly", "almost"),
    *(
        "約",
        "およそ",
        "時給",
        "日給",
        "月給",
        "年収",
        "月額",
        "年額",
        "総額",
        "税込",
        "税込みで",
        "税抜きで",
        "計",
    ),
)
_QUOTES = "\"'“”‘’「」『』"


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed answer before it is written: its type, and the keys that a fact file gives it.

    Attributes:
        type: number, quantity, date, entity or text.
        value: As the file has it.
        unit: Of a quantity.
        kind: What an entity is, where the property says so.
        aliases: Other right answers that follow from the value.
        unsure: What is a guess, by key.
    """

    type: str
    value: str
    unit: str = ""
    kind: str = ""
    aliases: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


def typed(value: str, relation: str) -> Typed:
    """The typed answer that a value is, for a property in words.

    Args:
        value: As the statement writes it.
        relation: The property, which tells a year from a count and a person from a city.
    """
    plain = value.strip().strip(_QUOTES).strip()
    quoted = plain != value.strip()
    property_ = relation.lower()
    if not quoted and not _PHRASES.search(property_):
        if (date := parse_date(plain)) is not None and (
            _DATES.search(property_) or not plain.isdigit()
        ):
            return Typed("date", iso(date))
        if (number := _amount(plain)) is not None:
            money = number.unit == "lb" and _MONEY.search(property_)
            return replace(number, unit="GBP") if money else number
    if quoted or _PHRASES.search(property_) or not plain[:1].isalpha() or plain[:1].islower():
        return Typed("text", plain, unsure=() if quoted else ("type",))
    return _entity(plain, property_)


def _amount(text: str) -> Typed | None:
    """A number or a quantity, if the text gives one and hardly anything else."""
    found = find_quantities(text) or find_quantities(text, labels=True)
    if len(found) != 1 or find_dates(text):
        return None
    amount = found[0]
    rest = (text[: amount.start] + text[amount.end :]).strip(" ,.")
    if len(rest.split()) > 4 or not text[:1] or (rest and not _is_led_by(text, amount)):
        return None
    behind = _UNIT_BEHIND.match(text, amount.end) if amount.unit is None else None
    if behind is not None:  # 256 GB, 14.7日
        rest = (text[: amount.start] + text[behind.end() :]).strip(" ,.")
    unsure = ("value",) if rest else ()
    name = _COUNTERS.get(behind[1], behind[1]) if behind is not None else amount.unit
    if name is None:
        return Typed("number", written(amount.value), unsure=unsure)
    unit = known_unit(name)
    if unit is None:  # moons, or another word for what is counted
        guess = unsure if behind is not None else (*unsure, "unit")
        return Typed("quantity", written(amount.value), unit=name, unsure=guess)
    if behind is not None and behind[1] in ("日", "年", "週"):  # or a day of a month
        unsure = (*unsure, "unit")
    value, symbol = _in_whole(text[amount.start : amount.end], amount.value, unit.symbol)
    return Typed("quantity", written(value), unit=symbol, unsure=unsure)


def written(value: Decimal) -> str:
    """A number as a file has it: 3500000000, not 3500000000.0 or 3.5E+9; 14.20 stays."""
    return f"{value:.0f}" if value == value.to_integral_value() else f"{value:f}"


def _in_whole(text: str, value: Decimal, unit: str) -> tuple[Decimal, str]:
    """5 ft 11 in as 71 in: an amount in two units in the smaller one, if it is whole there."""
    smaller = _LAST_UNIT.search(text)
    known = known_unit(smaller[1]) if smaller is not None else None
    if known is None or known.symbol == unit:
        return value, unit
    converted = convert(value, unit, known.symbol)
    if converted is None:
        return value, unit
    whole = converted.to_integral_value()
    return (whole, known.symbol) if abs(converted - whole) < _ROUNDING else (value, unit)


def _is_led_by(text: str, amount: FoundQuantity) -> bool:
    """Whether the amount begins the text: "312 meters at high tide", not "Apollo 11"."""
    ahead = text[: amount.start].strip().lower()
    return ahead in _LED_BY


def _entity(value: str, relation: str) -> Typed:
    name = value.removesuffix(".")
    if _CITIES.search(relation) or _CITY_JA.search(relation):
        return Typed("entity", name, kind="city", unsure=("kind",))
    if _OWNERS.search(relation):
        return Typed("entity", name, kind="company", unsure=("kind",))
    if _PERSONS.search(relation) or _PERSON_JA.search(relation):
        return Typed("entity", name, kind="person", aliases=_surname(name))
    return Typed("entity", name, unsure=("type",))


def _surname(name: str) -> tuple[str, ...]:
    words = re.split(r"[ ・]", name)
    if len(words) < 2 or any(char.isdigit() for char in name) or " of " in name:
        return ()
    given = _NAME.fullmatch(name) or "・" in name
    return (words[-1],) if given and len(words[-1]) > 2 else ()
