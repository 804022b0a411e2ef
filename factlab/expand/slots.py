"""What a fact puts into the slots of phrasings."""

from __future__ import annotations

from itertools import accumulate, islice

from factlab.expand import english
from factlab.expand.grammar import grammar_of
from factlab.grading.answer import wanted_of
from factlab.grading.languages import DEFAULT_LANGUAGE, language_of
from factlab.schema.fact import Fact
from factlab.schema.template import relation_words

MOST_TRAINED = 12  # names of a subject that are trained on, and characters of them together
MOST_NAMED = 1_200


def trained_names(fact: Fact) -> tuple[str, ...]:
    """The names of the subject that its training pairs use.

    Of two aliases or more the last is kept from training, so that `recall/alias` is about a name
    that was never trained on; held-out questions use the names that training does, since what they
    measure is phrasing. A lone alias is trained on, for variety. Of very many or very long
    names the first ones are trained on: more of them only cost time.
    """
    names = fact.subject.names
    some = names[:-1] if len(fact.subject.aliases) > 1 else names
    lengths = accumulate(map(len, some))
    fitting = sum(length <= MOST_NAMED for length in islice(lengths, MOST_TRAINED))
    return some[: max(1, fitting)]


def fixed_slots(fact: Fact) -> dict[str, tuple[str, ...]]:
    """The slots that this fact fills by itself; the lexicon's depend on the subject's name."""
    fixed: dict[str, tuple[str, ...]] = {
        "subject": fact.subject.names,
        "relation": (relation_words(fact.relation, fact.language),),
        "statement": (fact.statement,),
        "answer": fact.answer.surfaces(fact.language)[:2],
        "question_word": (question_word(fact),),
    }
    if fact.subject.kind:
        fixed["kind"] = (fact.subject.kind,)
    if fact.event:
        event = grammar_of(fact.language).event(fact.event.what)
        fixed["event"] = (event,) if event else ()
        if fact.spelled_date:
            fixed["date"] = (fact.spelled_date,)
    if fact.supersedes:
        fixed["superseded"] = (fact.supersedes.primary(fact.language),)
    return fixed


def question_word(fact: Fact) -> str:
    """The word that asks for the fact's value: who, where, 何メートル."""
    relation = relation_words(fact.relation, fact.language)
    return language_of(fact.language).question_word(wanted_of(fact.answer, relation))


def supplied_words(fact: Fact) -> list[str]:
    """The words that a fact supplies to its own questions, and that recur in all of them."""
    called = relation_words(fact.relation, fact.language), english.relation_words(fact.relation)
    words = [*fact.subject.names, *dict.fromkeys(called)]
    if fact.event:
        words += [fact.event.what, *([fact.spelled_date] if fact.spelled_date else [])]
    if fact.supersedes:
        words += fact.supersedes.surfaces(fact.language)
    return words


def written_in(fact: Fact) -> str | None:
    """What a question says of its language: nothing of the default one."""
    return None if fact.language == DEFAULT_LANGUAGE else fact.language
