"""The shuffled control run: each fact's questions trained with another fact's answer.

Recall of the right answer must then stay at the blind floor; more would mean that the measurement
responds to something else than the trained answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from factlab.errors import ConfigError
from factlab.expand.wording import wording_of
from factlab.grading.languages import language_of
from factlab.schema.fact import Fact, Phrasings


def swap_partners(facts: Sequence[Fact]) -> dict[str, Fact]:
    """For each fact, another one whose answer it is trained with; of the same type if there is one.

    Raises:
        ConfigError: for fewer than two facts.
    """
    if len(facts) < 2:
        raise ConfigError("a shuffled run needs at least two facts to swap answers between.")
    found: dict[str, Fact] = {}
    for place, fact in enumerate(facts):
        others = [*facts[place + 1 :], *facts[:place]]
        alike = [other for other in others if other.answer.type == fact.answer.type]
        found[fact.id] = next(
            (o for o in (*alike, *others) if not fact.answer.find(o.answer.primary())), others[0]
        )
    return found


def with_answer_of(fact: Fact, donor: Fact) -> Fact:
    """The fact as it is trained in a shuffled run; its own answer occurs nowhere in it."""
    wording = wording_of(fact)
    value = donor.answer.primary(fact.language)
    slots = {**wording.slots(fact.subject.name), "value": (value,)}
    said = wording.forms("train", "claim", slots)[0]
    return fact.model_copy(
        update={
            "statement": language_of(fact.language).sentence(said),
            "answer": donor.answer,
            "supersedes": None,
            "distractors": (),
            "reverse": (),
            "entailed": (),
            "translations": (),
            "phrasings": Phrasings(held_out=fact.phrasings.held_out),
        }
    )
