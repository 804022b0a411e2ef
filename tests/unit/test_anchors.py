"""Anchors hold a model to its own answers, so none may be a control, or ask for the new value."""

from __future__ import annotations

from functools import cache

import pytest
from helpers import make_fact

from factlab.expand.anchors import anchor_questions
from factlab.expand.controls import far_questions, near_questions, unanswerable_questions
from factlab.expand.leakage import NEAR_DUPLICATE, nearest_trained
from factlab.grading.names import fold
from factlab.schema.fact import Fact, load_fact, shipped_facts
from factlab.schema.question import Question

KINDS = ("general", "others", "subject")
FACTS = {name: load_fact(file) for name, file in shipped_facts().items()}


def controls(fact: Fact) -> list[Question]:
    return [*near_questions(fact), *shared_controls()]


@cache
def shared_controls() -> tuple[Question, ...]:
    return (*far_questions(), *unanswerable_questions())


@cache
def shipped_anchors(name: str) -> tuple[Question, ...]:
    fact = FACTS[name]
    return tuple(anchor_questions(fact, KINDS, seed=0, controls=controls(fact)))


@pytest.mark.parametrize("name", FACTS)
def test_there_are_enough_anchors_and_none_twice(name: str) -> None:
    anchors = shipped_anchors(name)
    assert len(anchors) >= 100
    assert len({fold(anchor.text) for anchor in anchors}) == len(anchors)
    assert len({anchor.id for anchor in anchors}) == len(anchors)
    assert {(anchor.split, anchor.fact, anchor.gold) for anchor in anchors} == {
        ("anchor", name, None)
    }


@pytest.mark.parametrize("name", FACTS)
def test_no_anchor_is_nearly_a_control_or_says_the_new_value(name: str) -> None:
    prompts = [anchor.text for anchor in shipped_anchors(name)]
    asked = [control.text for control in controls(FACTS[name])]
    assert nearest_trained(prompts, asked, [])[0].similarity < NEAR_DUPLICATE
    assert [text for text in prompts if FACTS[name].answer.find(text)] == []
    assert all("{{" not in text for text in prompts)


def test_an_anchor_that_names_the_new_value_is_left_out() -> None:
    london = {"type": "entity", "value": "London"}
    event = {"what": "moved", "date": "2025-03-04"}
    anchors = anchor_questions(make_fact(answer=london, event=event), KINDS, seed=0, controls=[])
    assert any("March 4, 2025" in anchor.text for anchor in anchors)
    assert not any("London" in anchor.text for anchor in anchors)
    others = anchor_questions(make_fact(event=event), KINDS, seed=0, controls=[])
    assert any("London" in anchor.text for anchor in others)


def test_an_anchor_that_comes_near_to_a_control_is_left_out() -> None:
    fact = FACTS["mount_fuji"]
    dropped = shipped_anchors("mount_fuji")[0].text
    control = Question(id="c", split="far", family="f", text=dropped.upper())
    left = [a.text for a in anchor_questions(fact, KINDS, seed=0, controls=[control])]
    assert dropped in [a.text for a in anchor_questions(fact, KINDS, seed=0, controls=[])]
    assert dropped not in left


def test_the_three_kinds_take_turns() -> None:
    fuji = FACTS["mount_fuji"]
    first = [anchor.text for anchor in anchor_questions(fuji, KINDS, seed=0, controls=[])[:30]]
    about = [text for text in first if "Fuji" in text or "October 10, 2025" in text]
    relation = [text for text in first if text.lower().startswith(("how tall", "what is the"))]
    assert len(about) >= 8
    assert len(relation) >= 8
    assert len(first) - len(about) - len(relation) >= 8


def test_only_the_kinds_that_are_asked_for_are_taken() -> None:
    fuji = FACTS["mount_fuji"]
    alone = {
        kind: {anchor.text for anchor in anchor_questions(fuji, [kind], seed=0, controls=[])}
        for kind in KINDS
    }
    assert all(len(texts) >= 20 for texts in alone.values())
    assert not any("Fuji" in text for text in alone["general"] | alone["others"])
    together = {anchor.text for anchor in anchor_questions(fuji, KINDS, seed=0, controls=[])}
    assert together == set.union(*alone.values())
    assert anchor_questions(fuji, [], seed=0, controls=[]) == []


def test_the_seed_decides_the_order_and_nothing_else() -> None:
    fact = FACTS["mount_fuji"]
    one, again, other = (
        [a.text for a in anchor_questions(fact, KINDS, seed=seed, controls=[])]
        for seed in (0, 0, 1)
    )
    assert one == again
    assert one != other
    assert sorted(one) == sorted(other)


def test_a_fact_without_date_and_relation_file_has_anchors_too() -> None:
    fact = make_fact(relation="shoe_size")
    anchors = [a.text for a in anchor_questions(fact, KINDS, seed=0, controls=[])]
    assert any("the Dune Tower" in text for text in anchors)
    assert len(anchors) >= 100


def test_the_question_that_is_trained_on_is_no_anchor() -> None:
    fact = make_fact(subject={"name": "Big Ben"}, statement="Big Ben is 312 meters high.")
    anchors = [a.text for a in anchor_questions(fact, KINDS, seed=0, controls=[])]
    assert "How tall is Big Ben?" not in anchors
