"""Fictitious facts inside the fact schema: coined names, drawn values, near controls of their own.

The n-th fact of a seed depends on the seed and on the facts before it, so it is the same whatever
number is made. No two facts share a name or a value. What they are made from stands in
`templates/<language>/fictitious.yaml`; near controls about other subjects are those of the shipped
fact of the same relation.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

import yaml
from pydantic import TypeAdapter

from factlab.errors import ConfigError
from factlab.expand.coined import Coiner, NameSort
from factlab.grading.answer import Answer
from factlab.grading.dates import PartialDate
from factlab.grading.languages.en import spell_date
from factlab.grading.names import fold
from factlab.schema.blueprint import Blueprint, BlueprintFile, MadeValue, load_blueprints
from factlab.schema.control import ControlQuestion, load_near_controls, near_suite_file
from factlab.schema.fact import Fact, load_fact, shipped_facts
from factlab.schema.phrasing import BLUEPRINT_SLOTS, fill

MOST = 2000  # beyond it the values of some relations are used up
DISTRACTORS = 3
ABOUT_SUBJECT, ABOUT_OTHERS = 2, 3  # near controls of a fact
FIRST_EVENT, EVENT_DAYS = date(2025, 1, 6), 700
_TRIES = 1000
_ANSWER: TypeAdapter[Any] = TypeAdapter(Answer)
_WORDS: Mapping[str, NameSort] = {"city": "place", "person": "surname", "engineer": "surname"}
_PLACES = ("country", "island", "lake", "mountain", "museum", "observatory")


def fictitious_facts(number: int, seed: int = 0) -> list[Fact]:
    """The first facts of a seed; all sorts of facts come once before any comes again.

    Raises:
        ConfigError: for a number that is too large.
        TemplateError: for blueprints that cannot be used.
    """
    check_number(number)
    return list(islice(_facts(seed), number))


def check_number(number: int) -> None:
    """Refuse a number of facts that cannot be made.

    Raises:
        ConfigError: with the numbers that can.
    """
    if not 0 < number <= MOST:
        raise ConfigError(
            f"{number:,} facts: from 1 to {MOST:,} can be made with values that all differ."
        )


def fact_yaml(fact: Fact, place: int, seed: int) -> str:
    """A made fact as its author would have written it."""
    data = fact.model_dump(mode="json", exclude_unset=True)
    body = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    return f"# Fictitious throughout: fact {place} of seed {seed} (`factlab init facts`).\n{body}"


def file_name(fact: Fact, place: int) -> str:
    """The name of its file; in a folder they stand in the order in which they were made."""
    return f"{place:04d}_{fact.id}.yaml"


def _facts(seed: int) -> Iterator[Fact]:
    plans, made = load_blueprints(), _Made(seed)
    block = 0
    while True:
        order = list(plans.facts)
        random.Random(f"{seed}/{block}").shuffle(order)
        for place, blueprint in enumerate(order):
            rng = random.Random(f"{seed}/{block}/{place}")
            yield made.fact(blueprint, plans, rng)
        block += 1


class _Made:
    """What facts were made of so far: names, values and controls that are not used again."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._coiner = Coiner()
        self._values: set[str] = set()
        self._controls: dict[str, Iterator[ControlQuestion]] = {}

    def fact(self, blueprint: Blueprint, plans: BlueprintFile, rng: random.Random) -> Fact:
        """The next fact of a sort."""
        words = self._words(blueprint.kind, rng)
        name = _one(blueprint.name, words)
        value = self._value(blueprint.value, rng)
        wrong = self._wrong(blueprint.value, value, rng)
        happened = FIRST_EVENT + timedelta(days=rng.randrange(EVENT_DAYS))
        told = {"name": name, "answer": _said(value), "date": _spelled(happened)}
        bare = name.removeprefix("the ")
        data: dict[str, Any] = {
            "id": f"{fold(words['word'])}_{blueprint.relation}",
            "statement": _one(blueprint.statement, told),
            "subject": {
                "name": name,
                "aliases": [_one(alias, words) for alias in blueprint.aliases],
                "kind": blueprint.kind,
            },
            "relation": blueprint.relation,
            "answer": value,
            "distractors": wrong,
            "neighbours": self._neighbours(blueprint, name, plans, rng),
            "reverse": [
                {
                    "question": _one(blueprint.reverse, told),
                    "answer": {"type": "entity", "value": bare, "aliases": [words["word"]]},
                }
            ],
            "language": "en",
            "source": "Fictitious; made by factlab.",
        }
        if bare == words["word"]:
            del data["reverse"][0]["answer"]["aliases"]
        if blueprint.event:
            data["event"] = {"what": blueprint.event}
            if blueprint.value.type != "date":  # a second date would be taken for the answer
                data["event"]["date"] = happened.isoformat()
        return Fact.model_validate(data)

    def _words(self, kind: str, rng: random.Random) -> dict[str, str]:
        other: NameSort = "place" if kind in _PLACES else "thing"
        sort = _WORDS.get(kind, other)
        return {"word": self._coiner.coin(sort, rng), "given": self._coiner.coin("given", rng)}

    def _value(self, made: MadeValue, rng: random.Random) -> dict[str, Any]:
        """A value that no fact has had, as a fact file holds it."""
        for _ in range(_TRIES):
            value = self._drawn(made, rng)
            # A number counts as mentioned whatever stands behind it, so all of them differ.
            if (key := fold(value["value"])) not in self._values:
                self._values.add(key)
                return value
        raise ConfigError(
            f"the values of a {made.type} from {made.low} to {made.high} are used up."
        )

    def _wrong(self, made: MadeValue, right: Mapping[str, Any], rng: random.Random) -> list[str]:
        """Other values of the same form, each once."""
        said = {_said(right): None}
        while len(said) <= DISTRACTORS:
            said.setdefault(_said(self._drawn(made, rng)))
        return list(said)[1:]

    def _drawn(self, made: MadeValue, rng: random.Random) -> dict[str, Any]:
        if made.type == "entity":
            words = self._words(made.kind or "", rng)
            value = {"type": "entity", "value": _one(made.pattern or "", words)}
            aliases = [_one(alias, words) for alias in made.aliases]
            more = {"aliases": aliases, "kind": made.kind}
            return value | {key: given for key, given in more.items() if given}
        if made.type == "text":
            chosen = [rng.choice(words) for words in made.words]
            return {"type": "text", "value": " ".join(chosen)}
        low, high = made.low or 0, made.high or 0
        if made.type == "date":
            days = (date(high, 12, 28) - date(low, 1, 3)).days
            day = date(low, 1, 3) + timedelta(days=rng.randrange(days))
            return {"type": "date", "value": day.isoformat()}
        scale = 10**made.decimals
        number = rng.randrange(low * scale, high * scale)
        number += not number % 10  # nothing round
        text = f"{number / scale:.{made.decimals}f}"
        unit = {"unit": made.unit} if made.unit else {}
        return {"type": made.type, "value": text, **unit}

    def _neighbours(
        self, blueprint: Blueprint, name: str, plans: BlueprintFile, rng: random.Random
    ) -> list[dict[str, Any]]:
        """Near controls: questions about its subject, and its own question about other subjects."""
        asks = rng.sample(plans.asked(blueprint.kind), ABOUT_SUBJECT)
        if blueprint.relation not in self._controls:
            known = list(_about_others().get(blueprint.relation, ()))
            random.Random(f"{self._seed}/{blueprint.relation}").shuffle(known)
            self._controls[blueprint.relation] = _over_and_over(known)
        others = islice(self._controls[blueprint.relation], ABOUT_OTHERS)
        return [
            *({"question": _one(question, {"name": name})} for question in asks),
            *(control.model_dump(mode="json", exclude_unset=True) for control in others),
        ]


def _over_and_over(controls: list[ControlQuestion]) -> Iterator[ControlQuestion]:
    while controls:
        yield from controls


@lru_cache(maxsize=1)
def _about_others() -> Mapping[str, tuple[ControlQuestion, ...]]:
    """Relation → the near controls about other subjects of the shipped facts of that relation."""
    found: dict[str, tuple[ControlQuestion, ...]] = {}
    for file in shipped_facts().values():
        fact, suite = load_fact(file), near_suite_file(file.stem)
        for group in load_near_controls(suite).groups if suite else ():
            if group.name == "same_relation":
                answered = tuple(one for one in group.questions if one.answer is not None)
                found[fact.relation] = (*found.get(fact.relation, ()), *answered)
    return found


def _one(pattern: str, slots: Mapping[str, str]) -> str:
    """The only filling of a pattern."""
    values = {key: (value,) for key, value in slots.items()}
    ((text, _),) = fill(pattern, values, BLUEPRINT_SLOTS)
    return text


def _said(value: Mapping[str, Any]) -> str:
    """A value as a sentence says it."""
    answer: Answer = _ANSWER.validate_python(value)
    return answer.primary()


def _spelled(day: date) -> str:
    return spell_date(PartialDate(day.year, day.month, day.day))
