"""By what grammar a fact is read: the English one stands here, others with their languages."""

from __future__ import annotations

from factlab.expand import english
from factlab.grading.languages import DEFAULT_LANGUAGE, language_of
from factlab.grading.languages.grammar import Grammar
from factlab.schema.fact import Fact
from factlab.schema.template import relation_words

_ENGLISH = Grammar(
    names_person=english.names_person,
    names_maker=english.names_maker,
    names_place=english.names_place,
    names_money=english.names_money,
    names_date=english.names_date,
    names_saying=english.names_saying,
    is_settlement=english.is_settlement,
    is_plural=english.plural_noun,
    counted_noun=english.counted_noun,
    happening=english.happening,
    dated=english.dated,
    date_of=lambda relation: f"{relation} date",
    asks_for_day=english.asks_for_day,
    heads=english.heads,
    to_come=english.to_come,
)


def grammar_of(language: str) -> Grammar:
    """The grammar of a language; one that says nothing where it has none."""
    return _ENGLISH if language == DEFAULT_LANGUAGE else language_of(language).grammar


def relation_of(fact: Fact) -> str:
    """A fact's relation in words: number of employees, 標高."""
    if fact.language == DEFAULT_LANGUAGE:
        return english.relation_words(fact.relation)
    return relation_words(fact.relation, fact.language)


def key_of(relation: str, language: str) -> str:
    """One key for all ways to write a relation's name."""
    return english.key_of(relation) if language == DEFAULT_LANGUAGE else relation.replace(" ", "_")
