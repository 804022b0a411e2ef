"""Anchors hold a model to its own answers, so none may be a control, or ask for the new value."""

from __future__ import annotations

from functools import cache

import pytest
from helpers import make_fact

from factlab.expand.anchors import anchor_questions
from factlab.expand.controls import near_questions, unanswerable_questions
from factlab.expand.leakage import NEAR_DUPLICATE, NEAR_TWIN, nearest_trained
from factlab.experiment.far_controls import choose_far
from factlab.grading.names import find_name, fold
from factlab.schema.fact import Fact, load_fact, shipped_facts
from factlab.schema.question import Question
from factlab.schema.template import load_phrasebook

KINDS = ("general", "others", "subject")
FACTS = {name: load_fact(file) for name, file in shipped_facts().items()}


def controls(fact: Fact) -> list[Question]:
    return [*near_questions(fact), *shared_controls()]


@cache
def shared_controls() -> tuple[Question, ...]:
    return (*choose_far(("en",), 100).questions, *unanswerable_questions())


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
def test_no_anchor_is_a_control_or_near_twin_of_a_far_one_or_says_the_new_value(name: str) -> None:
    prompts = [anchor.text for anchor in shipped_anchors(name)]
    near = [control for control in controls(FACTS[name]) if control.split != "far"]
    assert nearest_trained(prompts, [c.text for c in near], [])[0].similarity < NEAR_DUPLICATE
    far = [control.text for control in shared_controls() if control.split == "far"]
    assert nearest_trained(prompts, far, [])[0].similarity < NEAR_TWIN
    assert [text for text in prompts if FACTS[name].answer.find(text)] == []
    assert all("{{" not in text for text in prompts)


@pytest.mark.parametrize("name", FACTS)
def test_no_near_control_names_the_subject_of_an_anchor(name: str) -> None:
    fact = FACTS[name]
    others = load_phrasebook(fact.relation, fact.language).relation.others
    trained = " ".join(
        a.text for a in anchor_questions(fact, ["others"], seed=0, controls=controls(fact))
    )
    asked = " ".join(text for q in near_questions(fact) for text in (q.text, *q.gate))
    shared = [o for o in others if find_name(asked, [o]) and find_name(trained, [o])]
    assert shared == []


def test_no_far_control_that_a_run_may_ask_is_a_near_twin_of_an_anchor_of_any_fact() -> None:
    """Whatever the recipe, so that all have the same; a far control costs no anchor its place."""
    trained = {
        anchor.text
        for fact in FACTS.values()
        for anchor in anchor_questions(fact, ["general", "others"], seed=0, controls=[])
    }
    asked = [control.text for control in choose_far(("en",), "all").questions]
    assert len(asked) >= 500
    assert nearest_trained(asked, sorted(trained), [])[0].similarity < NEAR_TWIN


def test_an_anchor_whose_subject_a_near_control_names_is_left_out() -> None:
    fuji = FACTS["mount_fuji"]
    control = Question(id="c", split="near", family="same_event", text="Who climbed Annapurna?")
    free = [a.text for a in anchor_questions(fuji, ["others"], seed=0, controls=[])]
    left = [a.text for a in anchor_questions(fuji, ["others"], seed=0, controls=[control])]
    assert any("Annapurna" in text for text in free)
    assert left
    assert not any("Annapurna" in text for text in left)


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
