"""A phrasing: text with `{{ slot }}`, `{{ slot | cap }}` and `{{ slot | lower }}`, and no more.

A phrasing may come from a stranger's fact file, so it is no program: it is cut at its slots in one
pass over its text, and anything beyond slots and the two filters is refused when it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod
from typing import Annotated

from pydantic import AfterValidator

from factlab.errors import TemplateError, quoted
from factlab.reading.bounds import MOST_TEXT, Text

MAX_CHARACTERS = 1_000  # of a filled phrasing
MOST_FILTERS = 4  # of one slot; two do all there is to do
MOST_FILLED = 20_000  # fillings of one phrasing
# A condition is a slot that writes nothing. It is filled where what it says holds, so that a
# wording which begins with it is used for those facts only. The first ones say what a fact has.
CONDITIONS = {
    "if_change": "the fact supersedes a value",
    "if_told": "the fact has an event, and its statement tells it",
    "if_news": "as if_told, or the fact supersedes a value that holds at a time",
    "if_day": "the event's date has a day",
    "if_state": "the relation holds at a time, as that of a capital does, and no painter's",
    "if_now": "the relation holds at a time, and its value is known to change",
    "if_figure": "the answer is a number, a quantity or a date",
    "if_what": "the answer is no person",
    "if_kind": "the fact says of which kind its subject is",
    "if_one_kind": "that kind is a noun in the singular",
    # What is done with a subject of its sort: templates/<language>/subjects.yaml.
    "if_visited": "one travels to the subject",
    "if_near": "one can stand before the subject",
    "if_seen": "a picture can show the subject",
    "if_liked": "the subject has its fans",
    "if_met": "the subject is a person",
    "if_not_met": "the subject is no person",
    "if_bought": "the subject is sold",
    "if_used": "the subject is worked with",
    "if_run": "the subject is a process",
    "if_joined": "the subject employs people",
    "if_enjoyed": "the subject is read, watched, played or heard",
    "if_attended": "the subject is an event with guests",
    "if_heard": "the subject performs",
    "if_applied": "the subject is a rule",
    "if_alive": "what the relation counts lives: 従業員数 (いる)",
    "if_lifeless": "the relation counts nothing that lives (ある)",
}
# Every slot that a fact or its lexicon fills, and those of sentences that facts are made of.
SLOTS = frozenset(
    [
        *CONDITIONS,
        "its",
        "it",
        "them",
        "was",
        "on_date",
        "plain",
        "happened",
        "to_happen",
        "counted",
        "unit",
        "place",
        "subject",
        "kind",
        "relation",
        "noun",
        "question",
        "question_word",
        "indirect",
        "stem",
        "event",
        "subject_event",
        "date",
        "statement",
        "answer",
        "superseded",
        "claim_superseded",
        "value",
    ]
)
# What questions about belief have besides (`schema/belief.py`): the value that is argued for, both
# claims, and what a consequence is computed with.
BELIEF_SLOTS = SLOTS | {"other", "claim_other", "claim_answer", "mark", "step", "year"}
BLUEPRINT_SLOTS = frozenset({"word", "given", "name", "answer", "date"})
_KNOWN = "Known: {{ slot }}, {{ slot | cap }}, {{ slot | lower }}."
_MARKS = re.compile(r"\{\{|\{%|\{#")
_NAME = re.compile(r"[^\W\d]\w*+")


def _cap(text: str) -> str:
    """A capital first, unless the first word has one of its own further on: iPhone, macOS."""
    own = re.match(r"[a-z]+[A-Z]", text)
    return text if own else text[:1].upper() + text[1:]


_FILTERS = {"cap": _cap, "lower": str.lower}


@dataclass(frozen=True, slots=True)
class _Slot:
    name: str
    filters: tuple[str, ...]

    def filled(self, value: str) -> str:
        for name in self.filters:
            value = _FILTERS[name](value)
        return value


@dataclass(frozen=True, slots=True)
class _Cut:
    """A phrasing cut into texts and slots."""

    parts: tuple[str | _Slot, ...]
    names: frozenset[str]

    def filled(self, chosen: Mapping[str, str]) -> str:
        return "".join(p if isinstance(p, str) else p.filled(chosen[p.name]) for p in self.parts)


@lru_cache(maxsize=4096)
def _cut(phrasing: str) -> _Cut:
    if len(phrasing) > MOST_TEXT:
        raise TemplateError(
            f"the phrasing {quoted(phrasing)} is too long; at most {MOST_TEXT:,} are read."
        )
    parts: list[str | _Slot] = []
    place = 0
    while mark := _MARKS.search(phrasing, place):
        if mark[0] != "{{":
            raise _more_than_slots(phrasing)
        end = phrasing.find("}}", mark.end())
        if end < 0:
            raise TemplateError(
                f"the phrasing {quoted(phrasing)} cannot be read: a '{{{{' has no '}}}}' behind it."
            )
        parts += [phrasing[place : mark.start()], _slot(phrasing[mark.end() : end], phrasing)]
        place = end + 2
    parts.append(phrasing[place:].removesuffix("\n"))
    return _Cut(tuple(parts), frozenset(p.name for p in parts if isinstance(p, _Slot)))


def _slot(inside: str, phrasing: str) -> _Slot:
    name, *filters = [part.strip() for part in inside.split("|", MOST_FILTERS + 1)]
    if not name:
        raise TemplateError(
            f"the phrasing {quoted(phrasing)} cannot be read: a slot has no name. {_KNOWN}"
        )
    if not _NAME.fullmatch(name):
        raise _more_than_slots(phrasing)
    for one in filters:
        if one not in _FILTERS:
            found = _NAME.match(one)
            raise TemplateError(
                f"the phrasing {quoted(phrasing)} uses the filter "
                f"{quoted(found[0] if found else one)}. Known: cap, lower."
            )
    if len(filters) > MOST_FILTERS:
        raise _more_than_slots(phrasing)
    return _Slot(name, tuple(filters))


def _more_than_slots(phrasing: str) -> TemplateError:
    return TemplateError(f"the phrasing {quoted(phrasing)} holds more than slots. {_KNOWN}")


def slots_of(phrasing: str, known: frozenset[str] | None = None) -> frozenset[str]:
    """The slots that a phrasing names.

    Args:
        phrasing: Text with slots.
        known: Every slot that exists; None: any name is one.

    Raises:
        TemplateError: for anything beyond slots and filters, or an unknown slot.
    """
    names = _cut(phrasing).names
    if known is not None and (unknown := names - known):
        name = min(unknown)
        # Conditions are many: they are named where one was meant.
        sort = "conditions" if name.startswith("if_") else "slots"
        alike = sorted(n for n in known if n.startswith("if_") == (sort == "conditions"))
        raise TemplateError(
            f"the phrasing {quoted(phrasing)} names the unknown slot {quoted(name)}. "
            f"Known {sort}: {', '.join(alike)}."
        )
    return names


def fill(
    phrasing: str, slots: Mapping[str, Sequence[str]], known: frozenset[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """All fillings of a phrasing, in a fixed order, with the values that were chosen.

    A phrasing that names a slot for which the fact has no value yields nothing.

    Args:
        phrasing: Text with slots.
        slots: Values of each slot that this fact fills.
        known: Every slot that exists, filled or not; another name is a mistake in the phrasing.

    Raises:
        TemplateError: for an unknown slot, a text longer than `MAX_CHARACTERS`, or more fillings
            than `MOST_FILLED`.
    """
    used = sorted(slots_of(phrasing, known))
    cut, values = _cut(phrasing), [slots.get(name, ()) for name in used]
    if (number := prod(map(len, values))) > MOST_FILLED:
        raise TemplateError(
            f"the phrasing {quoted(phrasing)} has {number:,} fillings; at most {MOST_FILLED:,} are "
            "made. Use fewer slots, or give the fact fewer names."
        )
    for one in product(*values):
        chosen = dict(zip(used, one, strict=True))
        text = cut.filled(chosen)
        if len(text) > MAX_CHARACTERS:
            raise TemplateError(
                f"the phrasing {quoted(phrasing)} gives {len(text):,} characters; at most "
                f"{MAX_CHARACTERS:,} are asked. Shorten it, or the fact's names."
            )
        yield text, chosen


def _checked(known: frozenset[str]) -> AfterValidator:
    def check(phrasing: str) -> str:
        try:
            slots_of(phrasing, known)
        except TemplateError as problem:  # the reader adds file, line and column
            raise ValueError(str(problem)) from None
        return phrasing

    return AfterValidator(check)


Phrasing = Annotated[Text, _checked(SLOTS)]
BeliefPhrasing = Annotated[Text, _checked(BELIEF_SLOTS)]
BlueprintPhrasing = Annotated[Text, _checked(BLUEPRINT_SLOTS)]
