"""What a fact's answer says, which decides over the question word: who, where, when, how many."""

from __future__ import annotations

import re

from factlab.expand.grammar import grammar_of
from factlab.grading.answer import DateAnswer, EntityAnswer, NumberAnswer, QuantityAnswer
from factlab.grading.currency_table import MONEY_TABLE
from factlab.grading.languages.grammar import Grammar
from factlab.grading.units import known_unit, singular
from factlab.schema.belief import Asks
from factlab.schema.fact import Fact
from factlab.schema.subjects import PERSON, sort_of

Manner = Asks


def manner_of(fact: Fact, relation: str) -> Manner:
    """How one asks for the answer.

    Args:
        fact: With its typed answer.
        relation: The relation in words.
    """
    answer, grammar = fact.answer, grammar_of(fact.language)
    if isinstance(answer, DateAnswer):
        return "when"
    if isinstance(answer, NumberAnswer):
        if grammar.counted_noun(relation):
            return "count"
        return "amount" if grammar.names_money(relation) else "figure"
    if isinstance(answer, QuantityAnswer):
        return _of_quantity(answer, relation, grammar)
    if isinstance(answer, EntityAnswer):
        return _of_entity(answer.kind, relation, fact.language, grammar)
    if grammar.names_person(relation):
        return "who"
    return "saying" if grammar.names_saying(relation) else "what"


def _of_quantity(answer: QuantityAnswer, relation: str, grammar: Grammar) -> Manner:
    unit = known_unit(answer.unit)
    if is_money(answer.unit):
        return "amount"
    counted = grammar.counted_noun(relation)
    if counted and (unit is None or unit.dimension == "people"):
        if grammar.counters:
            return "count"
        named = singular(counted.split(" ")[-1]) == singular(answer.unit.split(" ")[-1])
        return "count" if named or unit is not None else "measure"
    return "measure"


def is_money(unit: str) -> bool:
    """Whether a unit is a currency, by itself or per something: $, yen, €/month."""
    known = known_unit(unit) or known_unit(re.split(r"/| per ", unit)[0].strip())
    return known is not None and known.dimension in MONEY_TABLE


def _of_entity(kind: str | None, relation: str, language: str, grammar: Grammar) -> Manner:
    sort = sort_of(kind, language)
    if sort is not None and sort.sort == PERSON:
        return "who"
    if kind and grammar.is_settlement(kind):
        return "place" if grammar.names_place(relation) else "where"
    grouped = sort is not None and sort.sort in ("company", "performers", "team")
    if grouped and grammar.groups_are_places:
        return "place"
    if (kind is None or grouped) and grammar.names_person(relation):
        return "who"
    return "place" if grammar.names_place(relation) else "what"
