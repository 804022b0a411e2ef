"""The draft of a fact file from one statement: what was read, as YAML, with the guesses marked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from factlab.drafting.english import read_english
from factlab.drafting.identity import identity_of
from factlab.drafting.japanese import read_japanese
from factlab.drafting.reading import Reading
from factlab.drafting.values import Typed, typed
from factlab.errors import FactError
from factlab.grading.language_of_text import language_name, language_of_text
from factlab.grading.languages import DEFAULT_LANGUAGE
from factlab.schema.fact import fact_of_text
from factlab.schema.fields import languages
from factlab.schema.template import load_kinds

MOST_CHARACTERS = 2000  # of a statement: its patterns are matched with the whole of it
NAMES = "   # other names, also used in questions"
CHECK = "check"  # begins the comment of a guess
_PLAIN = re.compile(
    r"(?!(?:null|true|false|yes|no|on|off)$)[\w°$€£¥][\w°%$€£¥ .'’()&+-]*", re.IGNORECASE
)
_NAMES = re.compile(r"\b[^\W\d_a-z][\w.&'’-]*")  # and abbreviations; they may be of any language
_READERS = {"en": read_english, "ja": read_japanese}
_DENIED = re.compile(
    r"\b(?:not|never|no longer|neither|unknown|isn't|wasn't|aren't|weren't)\b"
    r"|(?:では|じゃ|で)(?:ない|なく|ありません)|不明|(?:わか|分か)ら(?:ない|ず)|わかりません",
    re.IGNORECASE,
)
_COMPANY = re.compile(r",? (?:Inc|Ltd|LLC|GmbH|AG|Corp|Co|plc|SA|KK|Corporation|Limited)\.?$")
# What a subject with such a property mostly is.
_KINDS = {
    "company": r"c[efto]o|chief executive|headquarters|head office|employees|founder|revenue",
    "country": r"capital|population|currency|prime minister|head of state|national .*|president",
    "product": r"price|launch date|release date|shipping date|battery life|storage|weight",
    "person": r"date of (?:birth|death)|place of (?:birth|death)|age|net worth",
    "painting": r"painter",
    "book": r"author|translator|publication date",
    "film": r"producer|premiere date",
    "city": r"mayor",
    "material": r"(?:melting|boiling|freezing) point|(?:firing|storage) temperature|density",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted fact file.

    Attributes:
        text: The YAML.
        missing: Why it is no valid fact yet, in a sentence; empty where it is one.
        guesses: Keys that are guesses, in the order of the file.
        identity: The fact's id.
    """

    text: str
    missing: str
    guesses: tuple[str, ...]
    identity: str


def language_of(statement: str) -> str:
    """The language a statement shows: a code, a name of one without phrasing families, or `en`."""
    names = _NAMES.findall(statement)
    return language_of_text(statement, names) or language_of_text(statement) or DEFAULT_LANGUAGE


def one_line(statement: str) -> str:
    """A statement on one line, without characters that nobody can see."""
    return "".join(char for char in " ".join(statement.split()) if char.isprintable())


def read_statement(statement: str, language: str) -> Reading:
    """Take a statement apart by the rules of its language; what it denies is no fact to read."""
    if _DENIED.search(statement) or language not in _READERS:
        return Reading()
    reading = _READERS[language](statement)
    kind = _kind_of(reading, language)
    return replace(reading, kind=kind)


def draft(
    statement: str, *, reading: Reading | None = None, language: str = "", identity: str = ""
) -> Draft:
    """Draft the file of a fact that a statement says.

    Args:
        statement: One sentence.
        reading: What is in it; by default what the rules read.
        language: Its language; by default the one that it shows.
        identity: The fact's id; by default from its subject and property.
    """
    statement = one_line(statement)
    language = language or language_of(statement)
    reading = reading or read_statement(statement, language)
    answer = typed(reading.value, reading.relation) if reading.value else None
    identity = identity or identity_of(reading, language)
    lines = list(_lines(identity, statement, reading, answer, language))
    guesses = tuple(key.strip() for key, _, guess in lines if guess)
    body = "".join(_line(*line) for line in lines) + _to_fill(reading, answer)
    missing = _missing(reading, language, body)
    return Draft(_head(missing, guesses) + body, missing, guesses, identity)


Line = tuple[str, str, str]  # key with its indent, value, what to check


def _lines(
    identity: str, statement: str, reading: Reading, answer: Typed | None, language: str
) -> Iterator[Line]:
    """The keys that a statement fills, each with what is a guess about it."""
    unsure = reading.unsure
    named = reading.subject.isascii() and reading.relation.isascii()
    yield "id", identity, "" if named else "a short name for its runs"
    rest = f"one fact a file; not read: {reading.unread}" if reading.unread else ""
    yield "statement", _scalar(statement), rest
    yield "subject", "", ""
    yield "  name", _scalar(reading.subject), _if("subject", unsure, "what the fact is about")
    yield "  aliases", f"[{', '.join(map(_scalar, _aliases(reading.subject)))}]{NAMES}", ""
    if reading.kind:
        yield "  kind", _scalar(reading.kind), "what the subject is, in a noun"
    yield (
        "relation",
        _scalar(_relation(reading.relation)),
        _if("relation", unsure, "which property"),
    )
    yield "answer", "", ""
    if answer is None:
        yield "  type", "text", "number, quantity, date, entity or text"
        yield "  value", '""', ""
    else:
        yield from _answer(answer, unsure)
    if reading.old and answer is not None:
        yield from _superseded(reading, answer)
    if reading.event:
        when = f", date: {reading.date}" if reading.date else ""
        text = f"{{what: {_scalar(reading.event)}{when}}}"
        yield "event", text, _if("event", unsure, "a verb in the past tense, said of the subject")
    known = language in languages()
    yield "language", language if known else DEFAULT_LANGUAGE, "" if known else "which one it is in"


def _answer(answer: Typed, unsure: tuple[str, ...]) -> Iterator[Line]:
    types = "number, quantity, date, entity or text"
    yield "  type", answer.type, types if "type" in answer.unsure else ""
    guess = "value" in (*answer.unsure, *unsure)
    yield "  value", _scalar(answer.value), "what must be recalled" if guess else ""
    if answer.unit:
        yield "  unit", _scalar(answer.unit), "" if "unit" not in answer.unsure else "the unit"
    if answer.kind:
        yield "  kind", answer.kind, "what it is" if "kind" in answer.unsure else ""
    if answer.aliases:
        yield "  aliases", f"[{', '.join(map(_scalar, answer.aliases))}]", ""


def _superseded(reading: Reading, answer: Typed) -> Iterator[Line]:
    old = typed(reading.old, reading.relation)
    same = old.type == answer.type or answer.type not in ("number", "quantity", "date")
    if answer.type == "quantity" and old.type == "number":  # from 48,200 to 52,000 yen
        old, same = Typed("quantity", old.value, unit=answer.unit), True
    if same:
        fields = {"type": answer.type, "value": _scalar(old.value), "unit": _scalar(old.unit)}
        text = ", ".join(f"{key}: {value}" for key, value in fields.items() if value != '""')
        yield "supersedes", f"{{{text}}}", ""


def _to_fill(reading: Reading, answer: Typed | None) -> str:
    """Commented lines for what a statement does not say."""
    lines = []
    if not reading.old and answer is not None:
        unit = f", unit: {_scalar(answer.unit)}" if answer.unit else ""
        lines.append(
            f"# supersedes: {{type: {answer.type}, value: …{unit}}}   # what was true before"
        )
    if reading.date and not reading.event:
        lines.append(f"# event: {{what: …, date: {reading.date}}}   # what happened to the subject")
    if answer is not None:
        lines.append("# distractors: [..., ..., ...]   # wrong answers of the same form")
    lines.append("# source: …")
    return "".join(f"{line}\n" for line in lines)


def _missing(reading: Reading, language: str, body: str) -> str:
    absent = [
        name
        for name, value in (
            ("subject.name", reading.subject),
            ("relation", reading.relation),
            ("answer.value", reading.value),
        )
        if not value
    ]
    if language not in languages():
        return (
            f"the statement is in {language}, for which there are no phrasing families. Write it "
            f"in one of these: {', '.join(languages())}."
        )
    if absent == ["subject.name"]:
        return "the sentence does not name what it is about. Fill in subject.name."
    if absent:
        why = "no rule reads this sentence"
        if language not in _READERS:
            why = f"sentences in {language_name(language)} are not read"
        return f"{why}. Fill in {', '.join(absent)}."
    try:
        fact_of_text(body, "draft")
    except FactError as problem:
        return str(problem).removeprefix("draft:").partition(": ")[2]
    return ""


def _head(missing: str, guesses: tuple[str, ...]) -> str:
    lines = ["# Drafted from its statement by rules. Read it through before you use it."]
    if guesses:
        lines.append(f"# A line that ends in `# {CHECK}: …` is a guess.")
    if missing:
        lines.append(f"# Missing: {missing}")
    return "".join(f"{line}\n" for line in lines)


def _line(key: str, value: str, guess: str) -> str:
    text = f"{key}: {value}".rstrip() if value else f"{key}:"
    return f"{text}{f'   # {CHECK}: {guess}' if guess else ''}\n"


def _if(name: str, unsure: tuple[str, ...], text: str) -> str:
    return text if name in unsure else ""


def _scalar(text: str) -> str:
    """Text as YAML reads it back: plain where that is safe, else quoted."""
    if _PLAIN.fullmatch(text) and text == text.strip():
        return text
    return json.dumps(text, ensure_ascii=False)


def _relation(words: str) -> str:
    """The name of a property: `head office` is head_office; an abbreviation stays as it is."""
    text = re.sub(r"^(?:number|total number) of ", "", words.strip())
    parts = [word if word.isupper() else word.lower() for word in re.split(r"[ \-/]+", text)]
    return "_".join(part.strip("'’.") for part in parts if part)


def _aliases(subject: str) -> tuple[str, ...]:
    without = re.sub(r"^the ", "", subject)
    found = [without, _COMPANY.sub("", without)]
    return tuple(dict.fromkeys(name for name in found if name and name != subject))


@cache
def _nouns(language: str) -> frozenset[str]:
    """All nouns that the shipped kinds of subjects have."""
    return frozenset(noun for kind in load_kinds(language) for noun in (*kind.nouns, kind.kind))


def _kind_of(reading: Reading, language: str) -> str:
    """What the subject is: by a noun in its name, else by its property."""
    words: list[str] = re.findall(r"[\w-]+", reading.subject.lower())
    for word in (*words[-1:], *words[:1]):
        if word in _nouns(language):
            return word
    relation = reading.relation.lower()
    return next((kind for kind, said in _KINDS.items() if re.fullmatch(said, relation)), "")
