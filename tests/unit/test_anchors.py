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
from factlab.schema.control import load_prompts
from factlab.schema.fact import Fact, load_fact, shipped_facts
from factlab.schema.phrasing import SLOTS, fill, slots_of
from factlab.schema.question import Question
from factlab.schema.shipped import shipped
from factlab.schema.template import DEFAULT_KIND, kind_of, load_kinds, load_phrasebook

KINDS = ("general", "others", "subject", "siblings")
LANGUAGES = ("en", "ja")
FACTS = {name: load_fact(file) for name, file in shipped_facts().items()}


def controls(fact: Fact) -> list[Question]:
    return [*near_controls(fact.id), *shared_controls()]


@cache
def near_controls(name: str) -> tuple[Question, ...]:
    return tuple(near_questions(FACTS[name]))


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
    assert len(anchors) >= 400
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
    kind = kind_of(fact.subject.kind, fact.language)
    assert kind is not None
    others = {*load_phrasebook(fact.relation, fact.language).relation.others, *kind.others}
    drawn = anchor_questions(fact, ["others", "siblings"], seed=0, controls=controls(fact))
    trained = " ".join(anchor.text for anchor in drawn)
    asked = " ".join(text for q in near_controls(name) for text in (q.text, *q.gate))
    wordings = " ".join(q for ask in kind.asks for q in ask.questions)  # "heavier than gold?"
    longer = [other for other in others if " " in other]  # "the mile" and "the mile run"
    free = [
        other
        for other in others
        if not find_name(wordings, [other])
        and not any(find_name(name, [other]) for name in longer if name != other)
    ]
    assert [o for o in free if find_name(asked, [o]) and find_name(trained, [o])] == []


@pytest.mark.parametrize(("language", "enough"), [("en", 500), ("ja", 400), ("de", 50)])
def test_no_far_control_that_a_run_may_ask_is_a_near_twin_of_an_anchor_of_any_fact(
    language: str, enough: int
) -> None:
    """Whatever the recipe, so that all have the same; a far control costs no anchor its place.

    Those that a kind of subject adds depend on the fact, and give way themselves.
    """
    suite = load_prompts(shipped("evals") / language / "anchors.yaml")
    trained = {item.question for group in suite.groups for item in group.questions}
    asked = [control.text for control in choose_far((language,), "all").questions]
    assert len(asked) >= enough
    assert nearest_trained(asked, sorted(trained), [])[0].similarity < NEAR_TWIN


@pytest.mark.parametrize("name", FACTS)
def test_no_general_anchor_names_the_subject_of_a_fact(name: str) -> None:
    """Or it could ask what the fact teaches, and hold the model to the old answer."""
    general = anchor_questions(FACTS[name], ["general"], seed=0, controls=[])
    assert [a.text for a in general if find_name(a.text, FACTS[name].subject.names)] == []


def test_an_anchor_whose_subject_a_near_control_names_is_left_out() -> None:
    fuji = FACTS["mount_fuji"]
    control = Question(id="c", split="near", family="same_event", text="Who climbed Annapurna?")
    free = [a.text for a in anchor_questions(fuji, ["others"], seed=0, controls=[])]
    left = [a.text for a in anchor_questions(fuji, ["others"], seed=0, controls=[control])]
    assert any("Annapurna" in text for text in free)
    assert left
    assert not any("Annapurna" in text for text in left)


def test_a_general_anchor_about_the_subject_is_left_out() -> None:
    fact = make_fact(subject={"name": "Lake Baikal", "kind": "lake"})
    texts = [a.text for a in anchor_questions(fact, ["general"], seed=0, controls=[])]
    assert texts
    assert not any("Baikal" in text for text in texts)


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


def test_the_kinds_take_turns_and_a_smaller_number_is_the_beginning_of_a_larger() -> None:
    fuji = FACTS["mount_fuji"]
    by_kind = [
        {anchor.text for anchor in anchor_questions(fuji, [kind], seed=0, controls=[])}
        for kind in KINDS
    ]
    few, more = (
        [a.text for a in anchor_questions(fuji, KINDS, seed=0, controls=[], prompts=n)]
        for n in (40, 80)
    )
    assert [len({*few} & texts) for texts in by_kind] == [10, 10, 10, 10]
    assert len(more) == 80
    assert more[:40] == few


@pytest.mark.parametrize("name", FACTS)
def test_no_anchor_about_the_subject_asks_for_the_fact_or_its_event(name: str) -> None:
    fact = FACTS[name]
    kind = kind_of(fact.subject.kind, "en")
    assert kind is not None
    about = [q for ask in kind.asks if ask.about == fact.relation for q in ask.questions]
    slots = {"subject": (fact.subject.name,)}
    asked = {text for q in about for text, _ in fill(q, slots, SLOTS)}
    drawn = anchor_questions(fact, ["subject"], seed=0, controls=[])
    assert asked.isdisjoint(anchor.text for anchor in drawn)
    if fact.id == "mount_fuji":
        dated = [a.text for a in drawn if "Mount Fuji" in a.text]
        assert not any("erupt" in text for text in dated)


# Japanese facts call a relation by a name of their language; kinds, by that of its file.
ASKED = {
    "ja/mount_fuji": "の標高を教えて",
    "ja/nintendo_headquarters": "の本社所在地",
    "ja/shirao_seiki_ceo": "のCEO",
    "ja/hokuto_kanimeshi_price": "の値段",
    "ja/hayate_release": "の発売日",
    "ja/aomine_glaze": "の温度",
    "ja/pluto_moons": "の衛星の数",
    "ja/tone_gakuen_motto": "の標語を教えて。",
}


@pytest.mark.parametrize("name", ASKED)
def test_what_a_japanese_fact_tells_is_asked_of_others_and_not_of_its_subject(name: str) -> None:
    fact = load_fact(shipped_facts("ja")[name])
    drawn, others = (
        [anchor.text for anchor in anchor_questions(fact, [kind], seed=0, controls=[])]
        for kind in ("subject", "others")
    )
    assert len(drawn) >= 80
    assert f"{fact.subject.name}{ASKED[name]}" not in drawn
    assert any(text.endswith(ASKED[name]) for text in others)
    assert not any(name in text for name in fact.subject.names for text in others)
    assert not any("噴火" in text for text in drawn if "富士山" in text)


def test_a_japanese_fact_has_as_many_anchors_as_an_english_one_and_none_is_a_control() -> None:
    fact = load_fact(shipped_facts("ja")["ja/mount_fuji"])
    far = choose_far(("ja",), 100).questions
    near = (*near_questions(fact), *unanswerable_questions(("ja",)))
    anchors = anchor_questions(fact, KINDS, seed=0, controls=(*near, *far), prompts=600)
    prompts = [anchor.text for anchor in anchors]
    assert len({fold(text) for text in prompts}) == 600
    assert nearest_trained(prompts, [c.text for c in near], [])[0].similarity < NEAR_DUPLICATE
    assert nearest_trained(prompts, [c.text for c in far], [])[0].similarity < NEAR_TWIN


def test_no_anchor_is_nearly_a_held_out_question_of_its_fact() -> None:
    fuji = FACTS["mount_fuji"]
    prompt = next(
        a.text for a in anchor_questions(fuji, ["subject"], seed=0, controls=[]) if "Fuji" in a.text
    )
    held = Question(id="h", split="held_out", family="f", text=f"{prompt} Well?")
    left = [a.text for a in anchor_questions(fuji, ["subject"], seed=0, controls=[held])]
    assert prompt not in left


@pytest.mark.parametrize("language", LANGUAGES)
def test_kinds_share_no_noun_and_repeat_no_wording_or_name(language: str) -> None:
    kinds = load_kinds(language)
    nouns = [noun for kind in kinds for noun in kind.nouns]
    assert len(nouns) == len({*nouns})
    assert all(kind.kind in kind.nouns for kind in kinds if kind.kind != DEFAULT_KIND)
    for kind in kinds:
        asked = [q for ask in kind.asks for q in ask.questions]
        assert len({fold(q) for q in asked}) == len(asked), kind.kind
        assert len({fold(o) for o in kind.others}) == len(kind.others), kind.kind
        assert len({ask.about for ask in kind.asks}) == len(kind.asks), kind.kind
        assert all(slots_of(q) == {"subject"} for q in asked), kind.kind


def test_kinds_are_the_same_in_every_language() -> None:
    kinds = {language: {kind.kind for kind in load_kinds(language)} for language in LANGUAGES}
    assert kinds["en"] <= kinds["ja"]


@pytest.mark.parametrize(
    ("noun", "kind"),
    [
        ("山", "mountain"),
        ("成層火山", "mountain"),
        ("ゲーム会社", "company"),
        ("準惑星", "planet"),
        ("私立の学校", "university"),
        ("mountain", "mountain"),
        ("何か", DEFAULT_KIND),
    ],
)
def test_a_japanese_noun_names_a_kind(noun: str, kind: str) -> None:
    found = kind_of(noun, "ja")
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize(
    ("noun", "kind"),
    [
        ("mountain", "mountain"),
        ("Volcano", "mountain"),
        ("active stratovolcanic peak", "mountain"),
        ("theme park", "theme park"),
        ("flat-pack wardrobe", DEFAULT_KIND),
        (None, DEFAULT_KIND),
    ],
)
def test_a_noun_names_a_kind_by_itself_or_by_its_last_word(noun: str | None, kind: str) -> None:
    found = kind_of(noun, "en")
    assert found is not None
    assert found.kind == kind
    assert kind_of(noun, "xx") is None


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
