"""What factlab knows of a language in words: how values, questions and sentences are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from factlab.grading.languages.grammar import Grammar

if TYPE_CHECKING:
    from factlab.grading.dates import PartialDate


Ways = tuple[str, ...]  # true ways to write a value, first as a sentence has it


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a question asks for, as far as its question word depends on it.

    Attributes:
        type: Of the answer: number, quantity, date, entity or text.
        kind: What an entity is, in the author's noun; empty where it is not given.
        unit: Of a quantity.
        precision: Of a date: 1 year, 2 month, 3 day.
        relation: The relation in words.
    """

    type: str
    kind: str = ""
    unit: str = ""
    precision: int = 3
    relation: str = ""


@dataclass(frozen=True, slots=True)
class Language:
    """One language: a module of this package, beside its folders in `templates/` and `evals/`.

    Attributes:
        code: ISO 639-1; the name of its folders.
        name: In English.
        number: A number → ways to write it.
        quantity: A number and the symbol or word of its unit → ways to write both together.
        date: A date → ways to write it.
        question: A lexicon's question → the same standing by itself, with its mark.
        sentence: A claim → a sentence.
        question_word: What the slot `question_word` holds.
        event_stems: What an event is called by in any form: the beginnings of its words.
        phrase: An answer of type text → the same within a sentence.
        months: Their names, for dates such as 10. Oktober 2025; the English ones stand in `dates`.
        spaced: Whether words stand apart; if not, a noun may be the end of a longer one.
        articles: What a name may begin with that is no part of it, with a space behind it.
        common: Frequent words by which a text in Latin letters shows its language; none occurs in
            another language's list.
        scripts: Ranges of characters that only this language has, of those that are known here.
        cues: Kind of cue → regular expression, for the matcher. Used with `re.VERBOSE`: a space is
            written as a class or escaped. The English ones stand beside the functions that use
            them.
        grammar: What its nouns say of a fact, where `templates/<code>/subjects.yaml` makes use of
            it.
    """

    code: str
    name: str
    number: Callable[[Decimal], Ways]
    quantity: Callable[[Decimal, str], Ways]
    date: Callable[[PartialDate], Ways]
    question: Callable[[str], str]
    sentence: Callable[[str], str]
    question_word: Callable[[Wanted], str]
    event_stems: Callable[[str], Ways]
    phrase: Callable[[str], str] = str.strip
    months: tuple[str, ...] = ()
    spaced: bool = True
    articles: tuple[str, ...] = ()
    common: frozenset[str] = frozenset()
    scripts: tuple[tuple[str, str], ...] = ()
    cues: Mapping[str, str] = field(default_factory=dict)
    grammar: Grammar = field(default_factory=Grammar)


_STEM = 5  # letters: erupt-ed, erupt-ion; ausge-brochen


def as_question(text: str) -> str:
    """A lexicon's question by itself, in languages of Latin letters."""
    return f"{capitalised(text)}?"


def as_sentence(text: str) -> str:
    """A claim as a sentence, likewise."""
    return f"{capitalised(text)}."


def word_stems(event: str) -> Ways:
    """The beginnings of an event's words, where words stand apart."""
    return tuple(word[:_STEM] for word in event.lower().split() if len(word) >= _STEM)


def by_kind(
    wanted: Wanted, persons: frozenset[str], places: frozenset[str], words: tuple[str, str, str]
) -> str:
    """The question word for an entity by the last word of its kind; the last one for all else.

    Args:
        wanted: What is asked for.
        persons: Nouns of people.
        places: Nouns of places.
        words: Who, where, what.
    """
    who, where, what = words
    noun = wanted.kind.lower().split()[-1:] if wanted.type == "entity" else []
    return who if persons & {*noun} else where if places & {*noun} else what


def capitalised(text: str) -> str:
    """The text with a capital first letter, the others as they were."""
    return text[:1].upper() + text[1:]


def grouped(value: Decimal) -> str:
    """The number with commas between thousands: 4,889."""
    return f"{value:,f}" if abs(value) >= 1000 else f"{value:f}"
