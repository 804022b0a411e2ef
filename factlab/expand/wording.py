"""How one fact is worded: the phrasebook that suits it, and what fills the slots of its phrasings.

Relation file, question word, verb and pronoun follow from a fact's relation, the type of its answer
and the sort of its subject. In a language without sorts its relation's file alone words it, with
all wordings of all families.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from factlab.expand import english
from factlab.expand.grammar import grammar_of, key_of, relation_of
from factlab.expand.manner import Manner, is_money, manner_of
from factlab.expand.slots import fixed_slots, question_word
from factlab.grading.answer import Answer, DateAnswer, EntityAnswer, QuantityAnswer, TextAnswer
from factlab.grading.currency_table import sign_of_money
from factlab.grading.dates import parse_date
from factlab.grading.languages import DEFAULT_LANGUAGE, language_of
from factlab.grading.languages.grammar import Grammar
from factlab.grading.units import known_unit
from factlab.schema.fact import Fact
from factlab.schema.phrasing import CONDITIONS, SLOTS, fill, slots_of
from factlab.schema.relations import IndexedRelation, Tense, has_index, indexed
from factlab.schema.subjects import PERSON, has_sorts, sort_of
from factlab.schema.template import (
    Phrasebook,
    PhrasingFamily,
    Side,
    endings,
    load_phrasebook,
    relation_words,
)

TRUE = ("",)  # fills a condition: one text, which is empty
SIDES: tuple[Side, ...] = ("train", "held_out")
LEXICON_PARTS = ("noun", "question", "indirect", "stem")
_FROM_LEXICON = frozenset({*LEXICON_PARTS, "plain", "claim_superseded"})
# Conditions of what is done with a subject that hold for no fact of a language without sorts.
_OF_SORTS = frozenset(
    f"if_{done}" for done in ("met", "bought", "used", "run", "joined", "enjoyed", "attended")
) | {"if_heard", "if_applied"}
_PRONOUNS = {"its": ("its",), "it": ("it",), "them": ("it",)}
_MANY = {"its": ("their",), "it": ("they",), "them": ("them",)}
_ASKS = {"who": "who", "where": "where", "when": "when"}
# What cannot be done with a subject that is yet to come.
_NEEDS_SUBJECT = frozenset(
    {"visited", "near", "bought", "used", "enjoyed", "heard", "attended", "run", "applied"}
)
_CHANGES: frozenset[Manner] = frozenset({"who", "count", "amount"})


@dataclass(frozen=True, slots=True)
class Wording:
    """What words one fact."""

    book: Phrasebook
    english: bool  # agreement is known
    relation: str  # in words
    names: frozenset[str]  # what the relation is called where anchors are looked up
    tense: Tense
    manner: Manner
    sort: str | None
    done: frozenset[str]
    plural: bool | None  # said by the fact
    precision: int  # of an answer that is a date; 3 for any other
    fixed: Mapping[str, tuple[str, ...]]
    grammar: Grammar
    # What fills a phrasing's slots, by side, name and the parts of the lexicon that it names.
    filled: dict[tuple[Side, str, frozenset[str]], dict[str, tuple[str, ...]]] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )

    def families(self, side: Side) -> tuple[PhrasingFamily, ...]:
        """Families of one side that this fact may use, with the wordings that suit its answer."""
        families = self.book.families(side)
        if self.precision == 3:
            return families
        own = {family.id for family in self.book.relation.families}
        return tuple(_without_days(f, self.grammar) if f.id in own else f for f in families)

    def slots(self, name: str) -> dict[str, tuple[str, ...]]:
        """What fills the slots of a phrasing that speaks of the subject by one name."""
        slots = {**self.fixed, "subject": (name,)}
        clauses = [self.grammar.event_clause(name, event) for event in slots.get("event", ())]
        slots["subject_event"] = tuple(clause for clause in clauses if clause)
        if not self.english:
            return slots | _PRONOUNS | {"was": ("was",)}
        plural = self._is_plural(name)
        pronouns = _MANY if plural or self.sort == PERSON else _PRONOUNS
        return slots | pronouns | {"was": ("were" if plural else "was",)}

    def forms(self, side: Side, part: str, slots: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """The filled forms of one part of the lexicon: nouns, questions."""
        forms = getattr(self.book.lexicon(side), part)
        if self.english:
            forms = [self._agreed(form, slots["subject"][0]) for form in forms]
        forms = [self.grammar.dated(form, self.precision) for form in forms]
        return tuple(dict.fromkeys(text for form in forms for text, _ in fill(form, slots, SLOTS)))

    def phrasing(self, wording: str) -> str:
        """A wording of a family that agrees with the noun of the relation."""
        if not self.english:
            return wording
        if self.manner == "saying":
            wording = english.quoted_answer(wording)
        plural = english.plural_noun(self.relation) and self.manner != "count"
        return english.noun_agreed(wording, plural=plural, person=self.manner == "who")

    def _is_plural(self, name: str) -> bool:
        return english.plural_name(name, self.sort) if self.plural is None else self.plural

    def _agreed(self, form: str, name: str) -> str:
        return english.agreed(
            form,
            plural=self._is_plural(name),
            person=self.sort == PERSON,
            plural_relation=english.plural_noun(self.relation),
        )


def _without_days(family: PhrasingFamily, grammar: Grammar) -> PhrasingFamily:
    """A family of a relation of dates without wordings that want a day, where none is known."""
    questions = tuple(text for text in family.questions if not grammar.asks_for_day(text))
    return family.model_copy(update={"questions": questions})


@lru_cache(maxsize=64)
def wording_of(fact: Fact) -> Wording:
    """How a fact is worded.

    Raises:
        TemplateError: for templates that cannot be used.
    """
    return _by_kind(fact) if has_sorts(fact.language) else _as_written(fact)


def _as_written(fact: Fact) -> Wording:
    """By the relation's own file; all conditions hold that are about no sort of subject."""
    wording = Wording(
        book=_with_words(load_phrasebook(fact.relation, fact.language), fact),
        english=fact.language == "en",
        relation=relation_words(fact.relation, fact.language),
        names=frozenset({fact.relation}),
        tense="lasting",
        manner="what",
        sort=None,
        done=frozenset(),
        plural=None,
        precision=3,
        fixed={},
        grammar=grammar_of(fact.language),
    )
    conditions = {name: TRUE for name in CONDITIONS if name not in _OF_SORTS}
    return replace(wording, fixed=conditions | _said_by(fact, wording.relation))


def _by_kind(fact: Fact) -> Wording:
    grammar = grammar_of(fact.language)
    relation = relation_of(fact)
    key = key_of(fact.relation, fact.language)
    nouns = [fact.subject.kind] if fact.subject.kind else []
    nouns += [noun for name in fact.subject.names for noun in grammar.heads(name)]
    sort = next((s for s in (sort_of(noun, fact.language) for noun in nouns) if s), None)
    subject = tuple(w for noun in nouns for w in endings(noun, fact.language))
    row = indexed(key, fact.language, (*subject, *([sort.sort] if sort else [])))
    manner = manner_of(fact, relation)
    date = fact.answer.date if isinstance(fact.answer, DateAnswer) else None
    if manner == "when" and (row is None or _is_to_come(fact)):
        relation = relation if grammar.names_date(relation) else grammar.date_of(relation)
        row = None if _is_to_come(fact) else row
    relation = grammar.named(relation, date.precision) if date else relation
    wording = Wording(
        book=_with_words(
            load_phrasebook(_file(row, key, fact), fact.language, manner=manner), fact
        ),
        english=fact.language == "en",
        relation=relation,
        names=frozenset(
            {fact.relation, key, *(row.names if row else ()), *([row.file] if row else [])}
        ),
        tense=(fact.words and fact.words.tense)
        or (row.tense if row else _tense(manner, relation, grammar)),
        manner=manner,
        sort=sort.sort if sort else _sort_by_relation(row.subjects if row else ()),
        done=frozenset(sort.done) - _too_early(fact) if sort else frozenset(),
        plural=fact.subject.plural,
        precision=date.precision if date else 3,
        fixed={},
        grammar=grammar,
    )
    said = _conditions(fact, wording) | _said_by(fact, relation)
    asks = {"question_word": (_ASKS.get(manner, "what"),)} if wording.english else {}
    return replace(wording, fixed=said | asks)


def _file(row: IndexedRelation | None, key: str, fact: Fact) -> str:
    """The relation file; none for a relation that no row has, where there is an index."""
    return row.file if row else "" if has_index(fact.language) else key


def _with_words(book: Phrasebook, fact: Fact) -> Phrasebook:
    """A phrasebook with the words that a fact brings along for its relation."""
    return replace(book, relation=fact.words.over(book.relation)) if fact.words else book


def _tense(manner: Manner, relation: str, grammar: Grammar) -> Tense:
    """That of a relation without a row: dates and makers are settled, holders of posts change."""
    if manner == "when" or (manner == "who" and grammar.names_maker(relation)):
        return "past"
    return "changing" if manner in _CHANGES else "lasting"


def _sort_by_relation(subjects: tuple[str, ...]) -> str | None:
    """The sort that a relation file is for, where a fact says no kind: who is born is a person."""
    return subjects[0] if len(subjects) == 1 else None


def _too_early(fact: Fact) -> frozenset[str]:
    """What is done with a subject only when there is one: not before the date that is asked for."""
    dated = isinstance(fact.answer, DateAnswer) and _is_to_come(fact)
    return _NEEDS_SUBJECT if dated else frozenset()


def _is_to_come(fact: Fact) -> bool:
    """Whether the statement speaks of something that has not happened yet."""
    return grammar_of(fact.language).to_come(fact.statement, isinstance(fact.answer, DateAnswer))


def _tells_event(fact: Fact) -> bool:
    """Whether the statement answers what happened."""
    if fact.event is None:
        return False
    if fact.language == DEFAULT_LANGUAGE:
        return fact.event.what.lower() in fact.statement.lower()
    stems = language_of(fact.language).event_stems(fact.event.what)
    return any(stem in fact.statement for stem in stems)


def _conditions(fact: Fact, wording: Wording) -> dict[str, tuple[str, ...]]:
    """The conditions that hold for a fact, filled."""
    event = parse_date(fact.event.date) if fact.event and fact.event.date else None
    state = wording.tense != "past"
    changed = fact.supersedes is not None
    kind = fact.subject.kind
    person = wording.sort == PERSON
    alive = wording.grammar.is_alive(question_word(fact))
    holds = {
        "if_change": changed,
        "if_told": _tells_event(fact),
        "if_news": _tells_event(fact) or (changed and state),
        "if_day": event is not None and event.precision == 3,
        "if_state": state,
        "if_now": state and (changed or wording.tense == "changing"),
        "if_figure": not isinstance(fact.answer, EntityAnswer | TextAnswer),
        "if_what": wording.manner != "who",
        "if_kind": kind is not None,
        "if_one_kind": kind is not None and not wording.grammar.is_plural(kind),
        "if_alive": alive,
        "if_lifeless": not alive,
        "if_not_met": not person,
        "if_met": person,
        **{f"if_{done}": True for done in wording.done},
    }
    return {name: TRUE for name, is_so in holds.items() if is_so}


def _said_by(fact: Fact, relation: str) -> dict[str, tuple[str, ...]]:
    """The slots that a fact fills by itself, with its relation in words."""
    grammar = grammar_of(fact.language)
    fixed = {**fixed_slots(fact), "relation": (relation,)}
    when = parse_date(fact.event.date) if fact.event and fact.event.date else None
    if when:
        fixed["on_date"] = (english.on_date(when),)
    if fact.language == DEFAULT_LANGUAGE:
        fixed["answer"] = _in_sentences(fact.answer)
    counted = grammar.counted_noun(relation)
    if counted:
        fixed["counted"] = (counted,)
    what = grammar.happening(relation) if isinstance(fact.answer, DateAnswer) else None
    if what:
        fixed["to_happen" if _is_to_come(fact) else "happened"] = (what,)
    if isinstance(fact.answer, QuantityAnswer) and not is_money(fact.answer.unit):
        unit = known_unit(fact.answer.unit)
        fixed["unit"] = (unit.many if unit else fact.answer.unit,)
    if isinstance(fact.answer, EntityAnswer) and fact.answer.kind:
        fixed["place"] = (fact.answer.kind,)
    return fixed


def _in_sentences(answer: Answer) -> tuple[str, ...]:
    """The ways to write an answer that suit a sentence: 1,650 yen, no 1,650 JPY, no 1650000."""
    ways = answer.surfaces(DEFAULT_LANGUAGE)[:2]
    if isinstance(answer, QuantityAnswer) and is_money(answer.unit):
        return ways if any(sign_of_money(answer.unit)) else ways[:1]
    led = ways[0].startswith("the ")  # "its currency is Canadian dollar" lacks the article
    ways = tuple(w for w in ways if not led or w.startswith("the "))
    return tuple(w for w in ways if not re.search(r"\d{5}", w)) or ways


def described(fact: Fact) -> str:
    """By what a fact is worded, and one of each of its forms, for `factlab preview`."""
    wording = wording_of(fact)
    slots = wording.slots(fact.subject.name)
    own = " and the fact's own words" if fact.words else ""
    by = f"relations/{wording.book.relation.relation}.yaml{own}"
    forms = [wording.forms(side, part, slots)[:1] for side in SIDES for part in LEXICON_PARTS[1:3]]
    shown = "; ".join(form for texts in forms for form in texts)
    if not has_sorts(fact.language):
        return f"Worded by {by}. {shown}."
    sort = f"of the sort {wording.sort}" if wording.sort else "of no known sort (see subject.kind)"
    return f"Worded by {by}. The subject is {sort}; the relation is {wording.tense}. {shown}."


def fillings(
    wording: Wording, phrasing: str, side: Side, names: tuple[str, ...]
) -> list[tuple[str, dict[str, str]]]:
    """All texts of one phrasing; a text speaks of the subject by one name throughout.

    Args:
        wording: Of the fact.
        phrasing: With slots.
        side: Whose lexicon fills noun, question, indirect and stem.
        names: Of the subject, that may be used.

    Raises:
        TemplateError: for a phrasing that cannot be filled.
    """
    phrasing = wording.phrasing(phrasing)
    wanted = slots_of(phrasing)
    found: list[tuple[str, dict[str, str]]] = []
    for name in names:
        slots = _lexicon_slots(wording, side, name, wanted & _FROM_LEXICON)
        found += [
            (text, {**chosen, "subject": name}) for text, chosen in fill(phrasing, slots, SLOTS)
        ]
    unique = {text: (text, chosen) for text, chosen in reversed(found)}
    return list(reversed(unique.values()))


def _lexicon_slots(
    wording: Wording, side: Side, name: str, wanted: frozenset[str]
) -> dict[str, tuple[str, ...]]:
    """What fills the slots of a phrasing, with the parts of the lexicon that it names."""
    known = wording.filled.get((side, name, wanted))
    if known is not None:
        return known
    slots = wording.slots(name)
    for part in LEXICON_PARTS:
        if part in wanted:
            slots[part] = wording.forms(side, part, slots)
    if "plain" in wanted:
        slots["plain"] = wording.forms(side, "noun", slots)[:1]
    if "superseded" in slots and "claim_superseded" in wanted:
        claims = {**slots, "value": slots["superseded"]}
        slots["claim_superseded"] = wording.forms(side, "claim", claims)
    wording.filled[side, name, wanted] = slots
    return slots
