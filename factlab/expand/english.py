"""How English agrees: number of names and nouns, verbs and pronouns, dates, names of relations.

Agreement works on forms before they are filled ("how tall is {{ subject }}"), so that no text of a
name is ever changed.
"""

from __future__ import annotations

import re
from functools import lru_cache

from factlab.expand import english_words as words
from factlab.grading.dates import PartialDate
from factlab.grading.languages.en import spell_date

_ODD_CASE = {"ph": "pH", "imdb": "IMDb", "iphone": "iPhone"}
_SHORT = {
    "max": "maximum",
    "min": "minimum",
    "avg": "average",
    "num": "number",
    "no": "number",
    "nr": "number",
    "temp": "temperature",
    "qty": "quantity",
    "approx": "approximate",
    "hq": "headquarters",
    "dob": "date of birth",
    "tel": "telephone number",
    "addr": "address",
    "pop": "population",
    "vol": "volume",
    "freq": "frequency",
    "dept": "department",
    "mgr": "manager",
    "govt": "government",
    "dir": "director",
}
# Sorts whose plural names take a plural verb: "The Pale Lanterns have".
_PLURAL_SORTS = frozenset({"performers", "team", "product", "living", "sky", "artwork"})
_PREPOSITIONS = (
    "of|for|in|at|by|to|on|with|from|behind|against|about|as|near|under|than|between|into|over|"
    "since|until|after|before|through|around|across|like|inside|below|above|beside|without|within|"
    "via|per"
)
_SUBJECT = r"\{\{ subject(?: \| cap)? \}\}"
_RELATION = r"\{\{ relation(?: \| cap)? \}\}"
_VERBS = {"is": "are", "was": "were", "has": "have", "does": "do", "goes": "go"}


def relation_words(relation: str) -> str:
    """A relation's name as words: `number_of_employees`, `CEO`, `maxSpeed`, `has_capital`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", relation)
    parts = re.sub(r"[_\-\s]+", " ", spaced).strip().split(" ")
    if len(parts) > 1 and parts[0].lower() in words.LED_IN:
        parts = parts[1:]
    return " ".join(_word(part, alone=len(parts) == 1) for part in parts) or relation


def _word(word: str, *, alone: bool) -> str:
    low = word.lower()
    if low in _ODD_CASE:
        return _ODD_CASE[low]
    if low in _SHORT and (not alone or low not in ("no", "min", "max")):
        return _SHORT[low]
    if low in words.UPPER:
        return low.upper()
    return word if not (word.isupper() and len(word) > 4) else low


def key_of(relation: str) -> str:
    """One key for all ways to write a relation's name: `Release date` is `release_date`."""
    return relation_words(relation).lower().replace(" ", "_").replace("'", "")


@lru_cache(maxsize=8192)
def plural_noun(noun: str) -> bool:
    """Whether a noun phrase is in the plural, by its head: the last word before a preposition."""
    head = re.split(rf" (?:{_PREPOSITIONS}) ", noun.strip())[0].split(" ")[-1]
    low = head.lower().strip("'\"“”‘’.,")
    if low in words.IRREGULAR_PLURALS:
        return True
    return len(low) > 3 and low.endswith("s") and not _singular_s(low)


def _singular_s(low: str) -> bool:
    return low in words.NOT_PLURAL or low.endswith(("ss", "us", "is", "'s", "ics"))


@lru_cache(maxsize=8192)
def plural_name(name: str, sort: str | None) -> bool:
    """Whether a subject's name takes a plural verb."""
    head = re.split(rf",| (?:{_PREPOSITIONS}) ", name.strip())[0].split(" ")
    last = head[-1].strip("'\"“”‘’.")
    if not last.isalpha() or not plural_noun(last):
        return False
    if last.islower():
        return True
    # "the planet Mars": a noun in lower case names the sort, and Mars is its name.
    named = head[0].lower() == "the" and all(word[:1].isupper() for word in head[1:])
    return named and (last.lower() in words.PLURAL_NAMES or sort in _PLURAL_SORTS)


@lru_cache(maxsize=8192)
def agreed(form: str, *, plural: bool, person: bool, plural_relation: bool) -> str:
    """A lexicon form that agrees with its subject and its relation.

    Args:
        form: With the slot `subject`, and perhaps `relation`.
        plural: The subject's name takes a plural verb.
        person: The subject is a person: their, not its.
        plural_relation: The relation's name is a plural: opening hours.
    """
    if plural_relation:
        form = re.sub(
            rf"\b(is|was|has|does)((?: known to be| given as| stated as| listed as| named as"
            rf"| on record as)?(?: the| its)? {_RELATION})",
            _as_plural,
            form,
        )
        form = re.sub(
            rf"({_RELATION}(?: (?:of|at|in|for|given for) {_SUBJECT})?)( )"
            rf"(is|was|has|does)\b(?! {_SUBJECT})",
            lambda m: f"{m[1]} {_VERBS[m[3]]}",
            form,
        )
    if plural:
        form = re.sub(rf"\b(is|was|has|does)( {_SUBJECT})(?!'s)", _as_plural, form)
        asks = re.match(rf"(?:(?:{_PREPOSITIONS}) )?(?:wh\w+|how)\b", form)
        leads = rf"(\b(?:{_PREPOSITIONS}) )?" if asks else r"(^|, )"
        form = re.sub(rf"{leads}({_SUBJECT}) (\w+s)\b", _follows, form)
    if plural or person:
        form = re.sub(r"\bits\b", "their", form)
        form = re.sub(r"\bitself\b", "themselves", form)
    return form


def _as_plural(match: re.Match[str]) -> str:
    return _VERBS[match[1]] + match[2]


def _follows(match: re.Match[str]) -> str:
    """A verb behind the subject, unless the subject stands behind a preposition."""
    before, subject, verb = match[1] or "", match[2], match[3]
    if verb in words.NO_VERBS or re.fullmatch(_PREPOSITIONS, before.strip()):
        return match[0]
    return f"{before}{subject} {_plural_verb(verb)}"


def _plural_verb(verb: str) -> str:
    if verb in _VERBS:
        return _VERBS[verb]
    if verb.endswith("ies") and len(verb) > 4:
        return verb[:-3] + "y"
    return verb[:-2] if re.search(r"(?:s|x|z|ch|sh|o)es$", verb) else verb[:-1]


_UNITS_OF_TIME = {1: "year", 2: "month"}


@lru_cache(maxsize=8192)
def dated(form: str, precision: int) -> str:
    """A lexicon form that asks for a year or a month where the answer is no more than that.

    Args:
        form: As it asks for a day.
        precision: 1 for a year, 2 for a month, 3 for a day.
    """
    if precision == 3:
        return form
    unit = _UNITS_OF_TIME[precision]
    form = re.sub(r"\b(date|day)\b", unit, form)
    form = re.sub(rf"\b(on|On)(?= (?:which|what|the|a) (?:exact )?{unit}\b)", _in, form)
    form = re.sub(rf"\b(day|date), month and year\b|\b{unit}, month and year\b", unit, form)
    form = re.sub(r"\bbirthday\b", f"{unit} of birth", form)
    return re.sub(r"\bon(?=$| \{\{ value \}\})", "in", form)


def _in(match: re.Match[str]) -> str:
    return "in" if match[1] == "on" else "In"


def asks_for_day(wording: str) -> bool:
    """Whether a wording takes the answer to be a day."""
    return bool(re.search(r"\b(?:day|date|dates|birthday|dated|month)\b", wording))


def on_date(date: PartialDate) -> str:
    """When something happened: on October 10, 2025; in October 2025; in 2025."""
    return f"{'on' if date.precision == 3 else 'in'} {spell_date(date)}"


def heads(name: str) -> tuple[str, ...]:
    """The noun in a name that says what it names: the Corven Bridge, Lake Tarn."""
    before = name.split(" of ", maxsplit=1)[0]
    parts = before.removeprefix("the ").removeprefix("The ").split(" ")
    if len(parts) > 1 and parts[0] in ("Lake", "Mount", "Mt.", "Cape", "Loch", "River", "Port"):
        first = parts[0]
        return ({"Mt.": "mountain", "Mount": "mountain", "Port": "town"}.get(first, first),)
    return (" ".join(parts[-2:]),) if len(parts) > 1 or before != name else ()


_TO_COME = ("will", "is to", "are to", *(
    f"{be} {sign}" for be in ("is", "are")
    for sign in ("due", "planned", "scheduled", "set", "expected")
))  # fmt: skip
_PRESENT = ("opens", "launches", "starts", "begins", "closes", "goes on sale", "comes out", "ships")


def to_come(statement: str, dated: bool) -> bool:
    """Whether a statement, of a date or of something else, speaks of what is still to come."""
    said = f" {statement.lower()} "
    # A date in the present tense is one that is fixed: the line opens on 3 October.
    return any(f" {sign} " in said for sign in (*_TO_COME, *(_PRESENT if dated else ())))


# --- what an answer is, by the name of its relation ---------------------------------------------


def last_word(relation: str) -> str:
    """The head of a relation's words: what stands before `of` and the like, its last word."""
    return re.split(rf" (?:{_PREPOSITIONS}) ", relation)[0].split(" ")[-1].lower()


def names_person(relation: str) -> bool:
    """Whether a relation's name is a role: CEO, drummer, author."""
    head = last_word(relation)
    if head in words.ROLES:
        return True
    return (
        head.endswith(("er", "or", "ist", "ian")) and len(head) > 5 and head not in words.NOT_ROLES
    )


def names_maker(relation: str) -> bool:
    """Whether a relation's name is a role that was played once: author, founder."""
    return last_word(relation) in words.SETTLED


def names_place(relation: str) -> bool:
    """Whether a relation's name is itself a place: birthplace, venue, host city."""
    parts = relation.lower().split(" ")
    return last_word(relation) in words.PLACES or parts[0] == "place" or parts[-1] in words.PLACES


def is_settlement(kind: str | None) -> bool:
    """Whether something of this kind holds other things: a city, a country."""
    return bool(kind) and str(kind).lower().split(" ")[-1] in words.SETTLEMENTS


def names_money(relation: str) -> bool:
    """Whether a relation's name is a sum: price, toll."""
    return last_word(relation) in words.MONEY


def names_date(relation: str) -> bool:
    """Whether a relation's name says that it is a date."""
    return any(word in words.DATE_WORDS for word in relation.lower().split(" "))


def happening(relation: str) -> str | None:
    """What takes place on a date, if its name says so: signing of `signing date`."""
    led = re.fullmatch(r"(.+) (?:date|day|year)|(?:date|day|year) of (?:the )?(.+)", relation)
    what = (led[1] or led[2]) if led else relation
    head = what.split(" ")[-1].lower()
    return what if head.endswith("ing") or head in words.HAPPENINGS else None


def names_saying(relation: str) -> bool:
    """Whether a relation's name is something said: motto, slogan."""
    return last_word(relation) in words.SAYINGS


def counted_noun(relation: str) -> str | None:
    """What a relation counts: employees of `number of employees`, `employees`, `employee count`."""
    low = relation.strip()
    led = re.fullmatch(r"(?:total |overall |exact )?(?:number|count|total|amount) of (.+)", low)
    if led:
        return led[1]
    behind = re.fullmatch(r"(.+) (?:count|number|total)", low)
    if behind and behind[1].split(" ")[-1].isalpha():
        return _plural_of(behind[1])
    return low if plural_noun(low) and " of " not in low else None


def _plural_of(noun: str) -> str:
    if plural_noun(noun):
        return noun
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if re.search(r"(?:s|x|z|ch|sh)$", noun) else "s")


_ITS_NOUN = r"(?:\{\{ its \}\}|the|an?) \{\{ noun \}\}"
_QUALIFIED = re.compile(
    r"\b([Ll]atest|[Cc]urrent|newest known|new|correct|right|[Ww]hich) \{\{ noun \}\}"
)
# Behind these words the noun means the person: "name the CEO", "a speech on the CEO".
_MEANS_PERSON = (
    "name|Name|names|Has|Did|after|of|on|about|concerning|mention|mentions|introduce|and|knows|was"
)
_AS_NAME = re.compile(
    r"(?P<before>(?:\b\w+|[^\w\s]|^) ?)(?P<noun>(?:\{\{ its \}\}|[Tt]he) \{\{ noun \}\})"
)


@lru_cache(maxsize=8192)
def noun_agreed(wording: str, *, plural: bool, person: bool) -> str:
    """A wording of a family that agrees with the noun of the relation.

    Args:
        wording: With the slot `noun`.
        plural: The noun is a plural: "what are its {{ noun }}".
        person: The answer is a person: who, not what; what is written down is a name.
    """
    if "{{ noun }}" not in wording:
        return wording
    wording = _QUALIFIED.sub(r"\1 {{ plain }}", wording)
    if plural:
        wording = re.sub(rf"\b(is|was)( {_ITS_NOUN})", _as_plural, wording)
        wording = re.sub(r"(\{\{ (?:noun|plain) \}\}) belongs\b", r"\1 belong", wording)
    if person:
        wording = re.sub(r"\bWhat is the (latest|newest known)", r"Who is the \1", wording)
        wording = wording.replace("What did you say was", "Who did you say was")
        wording = wording.replace("the right {{ plain }} for", "the name of the {{ plain }} of")
        wording = wording.replace("the correct {{ plain }} of", "the name of the {{ plain }} of")
        wording = wording.replace("give me the current", "tell me the name of the current")
        wording = _AS_NAME.sub(_as_name, wording)
    return wording


def _as_name(match: re.Match[str]) -> str:
    if re.fullmatch(_MEANS_PERSON, match["before"].strip()):
        return match[0]
    noun = match["noun"]
    named = (
        "The name of the" if noun.startswith("The") else "the name of " + noun.split(" {{ noun")[0]
    )
    return f"{match['before']}{named} {{{{ noun }}}}"


_STATED = re.compile(r"(\{\{ stem(?: \| cap)? \}\}) (\*\*)?\{\{ answer \}\}(\*\*)?")


@lru_cache(maxsize=4096)
def quoted_answer(form: str) -> str:
    """An answer form that leaves what somebody says as it is written.

    Behind a stem or before other words it stands in quotation marks, alone without a full stop.
    """
    form = re.sub(r"^\{\{ answer(?: \| cap)? \}\}[.!]?$", "{{ answer }}", form)
    form = form.replace("{{ answer | cap }}", "'{{ answer }}'")
    return _STATED.sub(r"\1 \2'{{ answer }}'\3", form)
