"""Prompts that anchored training holds the model to its own answers on.

Four kinds, taken in turn as the recipe asks: general ones; the fact's own question put to other
subjects; ones about the fact's subject that ask for something else; and ones about other subjects
of its kind that ask for something else. None is a control, or retention would be measured on what
was trained:

- a far control that is a near twin of a general anchor, or of one of any shipped relation, is never
  asked (`near_anchors`). That depends on neither recipe nor fact, so that runs have the same far
  controls;
- any other anchor that is a near twin of a far control is left out, and so is one whose subject a
  near control of the fact names, or that nearly is a near or unanswerable one.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

from pydantic import Field

from factlab.errors import TemplateError
from factlab.expand.leakage import NEAR_DUPLICATE, NEAR_TWIN, Reference
from factlab.expand.sampling import one_of_each
from factlab.expand.wording import Wording, wording_of
from factlab.grading.languages import language_of
from factlab.grading.languages.language import Wanted
from factlab.grading.names import find_name, fold
from factlab.reading.bounds import Several
from factlab.record import Record
from factlab.schema.control import load_prompts, suite_file
from factlab.schema.fact import Fact
from factlab.schema.phrasing import SLOTS, Phrasing, fill
from factlab.schema.question import Question
from factlab.schema.recipe import AnchorChoice, AnchorKind
from factlab.schema.shipped import shipped
from factlab.schema.source import TrainingSource
from factlab.schema.template import (
    Relation,
    kind_of,
    relation_names,
    relation_words,
)
from factlab.schema.yaml import read_yaml

CHECKED = 256  # prompts that are held against the controls at once


class AnchorFile(Record):
    """templates/<language>/anchors.yaml."""

    prompts: Several[Phrasing] = Field(description="Prompts with the slots subject, date, event.")


def anchor_questions(
    fact: TrainingSource,
    kinds: Sequence[AnchorKind],
    *,
    seed: int,
    controls: Sequence[Question],
    prompts: int | None = None,
) -> list[Question]:
    """The anchor prompts of one fact, in the order that training takes them.

    Only a fact has a subject and one question; the anchors of all else are general ones.

    Args:
        fact: What is to be trained.
        kinds: Which anchors the recipe wants.
        seed: Of the order.
        controls: Questions of the run that must stay unseen.
        prompts: At most so many; without it all.
    """
    rng = random.Random(f"{seed}/{fact.id}/anchors")
    asked = [text for c in controls if c.split == "near" for text in (c.text, *c.gate)]
    columns = [_prompts(fact, kind, asked) for kind in kinds]
    for column in columns:
        rng.shuffle(column)
    mixed = list(one_of_each(columns))
    far = [control.text for control in controls if control.split in ("far", "extra")]
    others = [control.text for control in controls if control.split not in ("far", "extra")]
    kept: dict[str, str] = {}
    for start in range(0, len(mixed), CHECKED):
        part = [text for text in mixed[start : start + CHECKED] if not _says_it(text, fact)]
        near = _within(NEAR_TWIN, part, far) | _within(NEAR_DUPLICATE, part, others)
        for prompt in part:
            if prompt not in near:
                kept.setdefault(fold(prompt), prompt)
        if prompts is not None and len(kept) >= prompts:
            break
    return [
        Question(
            id=f"{fact.id}/anchor/{i}", split="anchor", family="anchor", text=text, fact=fact.id
        )
        for i, text in enumerate(islice(kept.values(), prompts))
    ]


def anchor_orders(
    fact: TrainingSource,
    choices: Mapping[AnchorChoice, int | None],
    *,
    seed: int,
    controls: Sequence[Question],
) -> dict[AnchorChoice, tuple[Question, ...]]:
    """The anchor prompts of each choice; a prompt has one id in all of them.

    Args:
        fact: What is to be trained.
        choices: What each recipe of the run wants, and how many of them training draws of a fact
            at most; None: it has a use for all.
        seed: Of the order.
        controls: Questions of the run that must stay unseen.
    """
    by_text: dict[str, Question] = {}
    found = {}
    for choice, drawn_at_most in choices.items():
        kinds = choice.kinds
        bounds = [most for most in (choice.prompts, drawn_at_most) if most is not None]
        prompts = min(bounds, default=None)
        drawn = anchor_questions(fact, kinds, seed=seed, controls=controls, prompts=prompts)
        for question in drawn:
            id_ = f"{fact.id}/anchor/{len(by_text)}"
            by_text.setdefault(question.text, question.model_copy(update={"id": id_}))
        found[choice] = tuple(by_text[question.text] for question in drawn)
    return found


def _says_it(prompt: str, fact: TrainingSource) -> bool:
    """Whether a prompt holds the new value, which an anchor must not push the model away from."""
    return isinstance(fact, Fact) and bool(fact.answer.find(prompt))


def near_controls(texts: Sequence[str], controls: Sequence[str]) -> set[str]:
    """The texts that are near duplicates of a control, and may be no anchor of its adapter."""
    return _within(NEAR_DUPLICATE, texts, controls)


def _within(limit: float, texts: Sequence[str], others: Sequence[str]) -> set[str]:
    """The texts that are at least so similar to one of the others."""
    reference = _reference(tuple(others))
    parts = [texts[start : start + CHECKED] for start in range(0, len(texts), CHECKED)]
    return {text for part in parts for text in reference.near(part, limit)}


@lru_cache(maxsize=4)
def _reference(texts: tuple[str, ...]) -> Reference:
    return Reference(texts)


def near_anchors(questions: Sequence[Question], language: str) -> set[str]:
    """Ids of the questions that are near twins of an anchor that some recipe and fact may train.

    Those of a relation without a file of its own, and those about a fact's subject, are not among
    them: they depend on the fact.
    """
    texts = tuple(question.text for question in questions)
    near = _near_anchors(texts, _anchors_of(shipped("templates"), shipped("evals"), language))
    return {question.id for question in questions if question.text in near}


@lru_cache(maxsize=8)
def _near_anchors(texts: tuple[str, ...], anchors: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_within(NEAR_TWIN, texts, anchors))


@lru_cache(maxsize=8)
def _anchors_of(templates: Path, evals: Path, language: str) -> tuple[str, ...]:  # noqa: ARG001
    """The general anchors of a language, and those of its relations; read once per process."""
    files = sorted((templates / language / "relations").glob("[!_]*.yaml"))
    relations = [
        read_yaml(file, TemplateError).parse(Relation, "A relation file") for file in files
    ]
    others = [
        text
        for one in relations
        for text in _of_others(one, one.others, language, _words_for(one, language))
    ]
    return tuple(dict.fromkeys((*_general(language), *others)))


def _prompts(fact: TrainingSource, kind: AnchorKind, asked: Sequence[str]) -> list[str]:
    """The anchors of a kind.

    Args:
        fact: What is to be trained.
        kind: Which.
        asked: Texts of the fact's near controls, whose subjects are no anchor's.
    """
    if kind == "general":
        names = fact.subject.names if isinstance(fact, Fact) else ()
        return [text for text in _general(fact.language) if not find_name(text, names)]
    if not isinstance(fact, Fact):
        return []
    if kind == "subject":
        return _about_subject(fact)
    if kind == "others":
        return _other_subjects(fact, asked)
    return _siblings(fact, asked)


def _general(language: str) -> list[str]:
    suite = load_prompts(suite_file("anchors", language))
    return [item.question for group in suite.groups for item in group.questions]


def _about_subject(fact: Fact) -> list[str]:
    file = shipped("templates") / fact.language / "anchors.yaml"
    phrasings: Sequence[str] = ()
    if file.is_file():  # a language may have none yet
        phrasings = read_yaml(file, TemplateError).parse(AnchorFile, "An anchor file").prompts
    slots = wording_of(fact).slots(fact.subject.name)
    stems = _event_stems(fact)
    own = [
        question
        for question in _asks(fact, about=False)
        if not any(stem in question.lower() for stem in stems)
    ]
    return [text for phrasing in (*phrasings, *own) for text, _ in fill(phrasing, slots, SLOTS)]


def _event_stems(fact: Fact) -> list[str]:
    """Beginnings of the words of a fact's event, which the base does not know of."""
    return list(language_of(fact.language).event_stems(fact.event.what)) if fact.event else []


def _other_subjects(fact: Fact, asked: Sequence[str]) -> list[str]:
    wording = wording_of(fact)
    relation = wording.book.relation
    siblings = _siblings_of(fact, asked)
    named = {fold(other) for other in relation.others}  # with and without an accent: once
    more = [other for other in siblings if fold(other) not in named]
    own = _unasked(fact, relation.others, asked)
    asking = [_put_to(wording, others, fact.language) for others in (own, more)]
    return [*asking[0], *asking[1], *_put(_asks(fact, about=True), siblings)]


def _siblings(fact: Fact, asked: Sequence[str]) -> list[str]:
    """Each question about a kind's other properties, put to two other subjects of that kind."""
    rng, others = random.Random(f"{fact.id}/siblings"), _siblings_of(fact, asked)
    drawn = [
        (question, rng.sample(others, min(2, len(others)))) for question in _asks(fact, about=False)
    ]
    return [text for question, names in drawn for text in _put([question], names)]


def _asks(fact: Fact, *, about: bool) -> list[str]:
    """What subjects of the fact's kind are asked: for what the fact is about, or for all else."""
    kind = kind_of(fact.subject.kind, fact.language)
    called = relation_names(fact.relation, fact.language)
    asks, names = kind.asks if kind else (), {*wording_of(fact).names, *called}
    return [q for ask in asks if (ask.about in names) is about for q in ask.questions]


def _siblings_of(fact: Fact, asked: Sequence[str]) -> list[str]:
    kind = kind_of(fact.subject.kind, fact.language)
    return _unasked(fact, kind.others if kind else (), asked)


def _unasked(fact: Fact, others: Sequence[str], asked: Sequence[str]) -> list[str]:
    """The other subjects that are not the fact's and that no near control names."""
    said = fold("\n".join(asked))
    return [
        other
        for other in others
        if not find_name(other, fact.subject.names) and fold(other.removeprefix("the ")) not in said
    ]


def _put(questions: Sequence[str], subjects: Sequence[str]) -> list[str]:
    """Each question put to each subject."""
    slots = {"subject": tuple(subjects)}
    return [text for question in questions for text, _ in fill(question, slots, SLOTS)]


def _put_to(wording: Wording, others: Sequence[str], language: str) -> list[str]:
    """The question of a fact put to other subjects."""
    if not wording.english:
        words = {slot: wording.fixed[slot] for slot in ("relation", "question_word")}
        return _of_others(wording.book.relation, others, language, words)
    own = replace(wording, plural=None)
    texts = [t for name in others for t in own.forms("train", "question", own.slots(name))]
    return [language_of(language).question(text) for text in texts]


def _of_others(
    relation: Relation, others: Sequence[str], language: str, words: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """The relation's questions about other subjects.

    Args:
        relation: Whose.
        others: The subjects.
        language: Of both.
        words: What fills the slots relation and question_word.
    """
    slots = {**words, "subject": tuple(others)}
    texts = [text for form in relation.train.question for text, _ in fill(form, slots, SLOTS)]
    return [language_of(language).question(text) for text in texts]


def _words_for(relation: Relation, language: str) -> dict[str, tuple[str, ...]]:
    """What fills a relation's slots where no fact gives the type of the answer."""
    called = relation_words(relation.relation, language)
    asked = Wanted(type="entity", relation=called)
    word = language_of(language).question_word(asked)
    return {"relation": (called,), "question_word": (word,)}
