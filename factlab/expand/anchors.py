"""Prompts that anchored training holds the model to its own answers on.

Three kinds, taken in turn as the recipe asks: general ones; the fact's own question put to other
subjects; and ones about the fact's subject that ask for something else. None is a control, and one
that comes near to a control of the run is left out: otherwise retention would be measured on what
was trained.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from pydantic import Field

from factlab.errors import TemplateError
from factlab.expand.leakage import NEAR_DUPLICATE, nearest_trained
from factlab.expand.render import fill
from factlab.expand.splits import SLOTS, fixed_slots
from factlab.grading.names import find_name
from factlab.record import Record
from factlab.schema.control import load_prompts, suite_file
from factlab.schema.fact import Fact
from factlab.schema.question import Question
from factlab.schema.recipe import AnchorKind
from factlab.schema.shipped import shipped
from factlab.schema.source import TrainingSource
from factlab.schema.template import load_phrasebook
from factlab.schema.yaml import read_yaml


class AnchorFile(Record):
    """templates/<language>/anchors.yaml."""

    prompts: tuple[str, ...] = Field(description="Prompts with the slots subject, date, event.")


def anchor_questions(
    fact: TrainingSource,
    kinds: Sequence[AnchorKind],
    *,
    seed: int,
    controls: Sequence[Question],
) -> list[Question]:
    """The anchor prompts of one fact, in the order that training takes them.

    Only a fact has a subject and one question; the anchors of all else are general ones.

    Args:
        fact: What is to be trained.
        kinds: Which anchors the recipe wants.
        seed: Of the order.
        controls: Questions of the run that must stay unseen.
    """
    rng = random.Random(f"{seed}/{fact.id}/anchors")
    columns = [_prompts(fact, kind) for kind in kinds]
    for prompts in columns:
        rng.shuffle(prompts)
    mixed = [prompt for row in zip_longest(*columns) for prompt in row if prompt]
    allowed = [prompt for prompt in mixed if not _says_it(prompt, fact)]
    near = {
        pair.held_out
        for pair in nearest_trained(allowed, [c.text for c in controls], masked=())
        if pair.similarity >= NEAR_DUPLICATE
    }
    kept = [prompt for prompt in allowed if prompt not in near]
    return [
        Question(
            id=f"{fact.id}/anchor/{i}", split="anchor", family="anchor", text=text, fact=fact.id
        )
        for i, text in enumerate(dict.fromkeys(kept))
    ]


def anchor_orders(
    fact: TrainingSource,
    selections: Iterable[tuple[AnchorKind, ...]],
    *,
    seed: int,
    controls: Sequence[Question],
) -> dict[tuple[AnchorKind, ...], tuple[Question, ...]]:
    """The anchor prompts of each selection of kinds; a prompt has one id in all of them.

    Args:
        fact: What is to be trained.
        selections: Which kinds each recipe of the run wants.
        seed: Of the order.
        controls: Questions of the run that must stay unseen.
    """
    by_text: dict[str, Question] = {}
    found = {}
    for kinds in dict.fromkeys(selections):
        drawn = anchor_questions(fact, kinds, seed=seed, controls=controls)
        for question in drawn:
            id_ = f"{fact.id}/anchor/{len(by_text)}"
            by_text.setdefault(question.text, question.model_copy(update={"id": id_}))
        found[kinds] = tuple(by_text[question.text] for question in drawn)
    return found


def _says_it(prompt: str, fact: TrainingSource) -> bool:
    """Whether a prompt holds the new value, which an anchor must not push the model away from."""
    return isinstance(fact, Fact) and bool(fact.answer.find(prompt))


def _prompts(fact: TrainingSource, kind: AnchorKind) -> list[str]:
    if kind == "general":
        return _general(fact.language)
    if not isinstance(fact, Fact):
        return []
    return _other_subjects(fact) if kind == "others" else _about_subject(fact)


def _general(language: str) -> list[str]:
    suite = load_prompts(suite_file("anchors", language))
    return [item.question for group in suite.groups for item in group.questions]


def _about_subject(fact: Fact) -> list[str]:
    file = shipped("templates") / fact.language / "anchors.yaml"
    phrasings = read_yaml(file, TemplateError).parse(AnchorFile, "An anchor file").prompts
    slots = {**fixed_slots(fact), "subject": (fact.subject.name,)}
    return [text for phrasing in phrasings for text, _ in fill(phrasing, slots, SLOTS)]


def _other_subjects(fact: Fact) -> list[str]:
    book = load_phrasebook(fact.relation, fact.language)
    others = tuple(o for o in book.relation.others if not find_name(o, fact.subject.names))
    slots = {"subject": others, "relation": (fact.relation.replace("_", " "),)}
    texts = [text for form in book.relation.train.question for text, _ in fill(form, slots, SLOTS)]
    return [f"{text[:1].upper()}{text[1:]}?" for text in texts]
