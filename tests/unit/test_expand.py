"""A fact becomes questions: enough of them, the same every time, and none on two sides."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from helpers import ENTRY, make_fact, python
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from factlab.errors import TemplateError
from factlab.expand.leakage import NEAR_DUPLICATE
from factlab.expand.slots import trained_names
from factlab.expand.splits import Expansion, expand
from factlab.schema.fact import Fact, load_fact, shipped_facts
from factlab.schema.question import Question


def expanded(fact: Fact, *, seed: int = 0, train: int = 320, validation: int = 80) -> Expansion:
    return expand(fact, seed=seed, train_pairs=train, validation_pairs=validation)


FACTS = {name: load_fact(file) for name, file in shipped_facts().items()}


@cache
def shipped(name: str = "mount_fuji") -> Expansion:
    """A shipped fact with the sizes that a run uses."""
    return expanded(FACTS[name])


def texts(questions: tuple[Question, ...]) -> set[str]:
    return {question.text for question in questions}


def families(questions: tuple[Question, ...]) -> set[str]:
    return {question.family for question in questions}


def check(fact: Fact, made: Expansion) -> None:
    """What must hold of the expansion of any fact whatever."""
    train, validation, held_out = map(texts, (made.train, made.validation, made.held_out))
    assert not train & held_out
    assert not validation & held_out
    assert not train & validation
    trained = families((*made.train, *made.validation))
    assert not trained & families(made.held_out)
    pairs = [(question.text, question.target) for question in (*made.train, *made.validation)]
    assert len(set(pairs)) == len(pairs)
    assert len({question.id for question in made.all()}) == len(made.all())
    for question in made.all():
        assert question.gold is not None
        assert not question.gold.find(question.text), question.text
        assert "{{" not in question.text
        assert "}}" not in question.text
        assert question.fact == fact.id
    for question in (*made.train, *made.validation):
        assert question.target is not None
        assert fact.answer.find(question.target), question.target
        assert "{{" not in question.target
    assert all(question.target is None for question in made.held_out)
    assert {pair.held_out for pair in made.nearest} == held_out | {q.text for q in made.alias}


def test_mount_fuji_has_as_many_questions_as_the_original_experiment() -> None:
    pairs = {
        (question.text, question.target) for question in (*shipped().train, *shipped().validation)
    }
    assert (len(shipped().train), len(shipped().validation)) == (320, 80)
    assert len(pairs) >= 400
    assert len(shipped().held_out) == len(texts(shipped().held_out)) >= 40
    assert len(families(shipped().train)) >= 60
    assert len(families(shipped().held_out)) >= 12
    assert len(shipped().reverse) >= 1
    assert len(shipped().entailed) >= 1


@pytest.mark.parametrize("name", FACTS)
def test_every_shipped_fact_expands_and_keeps_its_sides_apart(name: str) -> None:
    made = shipped(name)
    check(FACTS[name], made)
    assert len(made.train) == 320
    assert len(made.validation) == 80
    assert len(made.held_out) >= 40


@pytest.mark.parametrize("name", FACTS)
def test_the_subject_is_called_by_each_of_its_trained_names_in_training(name: str) -> None:
    joined = " ".join(question.text for question in shipped(name).train)
    for called in trained_names(FACTS[name]):
        assert called in joined


def test_every_family_of_the_training_side_is_in_validation_too() -> None:
    assert families(shipped().validation) <= families(shipped().train)
    assert len(families(shipped().validation)) == 80  # of more families, one of each


def test_the_last_of_two_aliases_is_kept_from_training_and_asked_apart() -> None:
    made = shipped("mount_fuji")
    trained = " ".join(q.text + (q.target or "") for q in (*made.train, *made.validation))
    assert "Mt. Fuji" in trained
    assert "Fujisan" not in trained
    assert not any("Fujisan" in question.text for question in made.held_out)
    assert all("Fujisan" in question.text for question in made.alias)
    assert {q.family for q in made.alias} == {q.family for q in made.held_out}
    assert len(made.alias) == len({q.family for q in made.alias})


def test_a_lone_alias_is_trained_on_and_held_out_questions_use_it_too() -> None:
    made = shipped("calder_queen")
    assert any("steamship" in question.text for question in made.train)
    assert any("steamship" in question.text for question in made.held_out)
    assert made.alias == ()


def test_of_very_many_or_long_names_the_first_are_trained_on() -> None:
    fact = FACTS["mount_fuji"]

    def trained(*aliases: str) -> tuple[str, ...]:
        subject = fact.subject.model_copy(update={"aliases": aliases})
        return trained_names(fact.model_copy(update={"subject": subject}))

    many = tuple(f"Fuji {n}" for n in range(200))
    assert trained(*many) == ("Mount Fuji", *many[:11])
    long = tuple(f"{n} {'Fuji ' * 50}" for n in range(30))
    assert trained(*long) == ("Mount Fuji", *long[:4])
    assert trained(*many[:12]) == ("Mount Fuji", *many[:11])


def test_a_held_out_question_carries_its_likeness_to_the_nearest_trained_one() -> None:
    made = shipped()
    likeness = {pair.held_out: pair.similarity for pair in made.nearest}
    for question in made.held_out:
        assert question.nearest == pytest.approx(likeness[question.text], abs=5e-5)
        assert 0 <= (question.nearest or 0) < NEAR_DUPLICATE
    others = (*made.train, *made.validation, *made.reverse, *made.entailed)
    assert all(question.nearest is None for question in others)


def test_questions_with_the_old_value_know_what_it_was() -> None:
    fuji = FACTS["mount_fuji"]
    assert any("3,776" in question.text for question in shipped().train)
    for question in (*shipped().train, *shipped().validation, *shipped().held_out):
        assert question.superseded == fuji.supersedes
        assert question.distractors == fuji.distractors


def test_reverse_and_entailed_questions_carry_their_own_answers_and_gates() -> None:
    fuji = FACTS["mount_fuji"]
    assert [question.text for question in shipped().reverse] == [r.question for r in fuji.reverse]
    assert all(question.gold == fuji.subject_answer for question in shipped().reverse)
    gated = [question for question in shipped().entailed if question.gate]
    assert [question.gate for question in gated] == [
        (item.second_hop.question,) for item in fuji.entailed if item.second_hop
    ]
    assert all(question.gate_gold is not None for question in gated)


def test_a_reverse_question_may_name_its_own_answer() -> None:
    other = {"type": "entity", "value": "Corven"}
    made = expanded(make_fact(reverse=[{"question": "Where is it?", "answer": other}]))
    assert made.reverse[0].gold is not None
    assert made.reverse[0].gold.primary() == "Corven"


def test_a_minimal_fact_expands_without_a_leak() -> None:
    fact = make_fact(
        statement="The shoe size of Ondine Vale is 41.",
        subject={"name": "Ondine Vale"},
        relation="shoe_size",
        answer={"type": "number", "value": "41"},
    )
    made = expanded(fact)
    check(fact, made)
    assert len(made.train) >= 60
    assert len(made.validation) >= 20
    assert len(made.held_out) >= 30
    assert any("shoe size" in text for text in texts(made.train))
    assert (made.reverse, made.entailed) == ((), ())


def test_a_name_that_looks_like_a_slot_is_taken_as_text() -> None:
    fact = make_fact(subject={"name": "{{ answer }}"})
    made = expanded(fact, train=40, validation=10)
    assert all("312" not in text for text in texts(made.train) | texts(made.held_out))
    assert any("{{ answer }}" in text for text in texts(made.train))


def test_own_phrasings_join_their_side_as_families_of_their_own() -> None:
    fact = make_fact(
        phrasings={
            "train": ["{{ subject | cap }}: where does it end, seen from the ground?"],
            "held_out": ["A climber hangs from the topmost cable. What does she read?"],
        }
    )
    made = expanded(fact)
    check(fact, made)
    assert "The Dune Tower: where does it end, seen from the ground?" in texts(made.train)
    assert "own_train" in families(made.train)
    assert "own_held_out" in families(made.held_out)


def test_a_filling_that_would_say_the_answer_is_no_question() -> None:
    asks = "Some say {{ answer }}, some {{ superseded }}. Who knows more about the masts here?"
    old = {"type": "quantity", "value": "287", "unit": "m"}
    for side, other in (("train", "held_out"), ("held_out", "train")):
        phrasings = {side: [asks, "A quiet word on the masts?"], other: ["Up at the lamp, what?"]}
        made = expanded(make_fact(supersedes=old, phrasings=phrasings))
        own = {question.text for question in made.all() if question.family == f"own_{side}"}
        assert own == {"A quiet word on the masts?"}


def test_a_date_that_is_the_answer_is_not_given_away_as_the_occasion() -> None:
    day = {"type": "date", "value": "2025-03-04"}
    event = {"what": "was opened", "date": "2025-03-04"}
    fact = make_fact(answer=day, event=event, statement="It was opened on March 4, 2025.")
    check(fact, expanded(fact))


def test_a_family_that_cannot_state_the_answer_is_refused_and_named() -> None:
    with pytest.raises(
        TemplateError, match=r"the family 'news' has no answer form that states 312"
    ):
        event = {"what": "was rebuilt", "date": "2025-03-04"}
        expanded(make_fact(statement="The tower was rebuilt.", event=event))


def test_an_own_phrasing_that_repeats_a_shipped_one_is_not_trained_and_validated_on() -> None:
    fuji = FACTS["mount_fuji"].model_dump()
    own = [
        f"How tall is {name}{end}?" for name in ("Mount Fuji", "Fujisan") for end in ("", " now")
    ]
    fact = make_fact(**{**fuji, "phrasings": {"train": own}})
    for seed in range(4):
        made = expanded(fact, seed=seed)
        assert not texts(made.train) & texts(made.validation)


# --- determinism --------------------------------------------------------------------------------


def test_the_preview_is_the_same_in_every_process(tmp_path: Path) -> None:
    """Strings hash otherwise there; here they hash as Python chose when it started."""
    words = ["preview", "mount_fuji", "--json"]
    (shown,) = json.loads(python(ENTRY, *words, cwd=tmp_path, env={"PYTHONHASHSEED": "4242"}))
    here = [(question.id, question.text, question.target) for question in shipped().all()]
    there = [(item["id"], item["text"], item.get("target")) for item in shown["questions"]]
    assert there[: len(here)] == here
    nearest = [(pair.held_out, pair.trained) for pair in shipped().nearest]
    assert [(row["held_out"], row["trained"]) for row in shown["leakage"]] == nearest
    assert len(nearest) == len(shipped().held_out) + len(shipped().alias)


def test_the_seed_decides_which_pairs_are_taken() -> None:
    fuji = FACTS["mount_fuji"]
    again, other = expanded(fuji), expanded(fuji, seed=1)
    assert again == shipped()
    assert other.train != shipped().train
    assert families(other.held_out) == families(shipped().held_out)


def without_nearest(questions: tuple[Question, ...]) -> list[Question]:
    """Held-out questions without what depends on the training pairs."""
    return [question.model_copy(update={"nearest": None}) for question in questions]


def test_fewer_pairs_are_the_first_of_more() -> None:
    fewer = expanded(FACTS["mount_fuji"], train=50, validation=10)
    assert fewer.train == shipped().train[:50]
    assert fewer.validation == shipped().validation[:10]
    assert without_nearest(fewer.held_out) == without_nearest(shipped().held_out)


# --- any fact -----------------------------------------------------------------------------------

WORD = st.one_of(
    st.from_regex(r"[A-Z]?[a-z]{0,6}['-]?[a-z]", fullmatch=True),
    st.text(st.characters(categories=("Lu", "Ll", "Lo", "Nd"), max_codepoint=0x9FFF), min_size=1)
    .map(lambda text: text[:8]),
    st.sampled_from(["a", "I", "R", "the", "which", "What is", "name", "of", "C++", "2025", "A|B"]),
)  # fmt: skip
NAME = st.lists(WORD, min_size=1, max_size=3).map(" ".join)
UNITS = st.sampled_from(["m", "km", "kg", "people", "%", "°C", "towers"])
ANSWERS = st.one_of(
    st.integers(-(10**6), 10**9).map(lambda n: {"type": "number", "value": str(n)}),
    st.tuples(st.integers(1, 10**9), UNITS).map(
        lambda found: {"type": "quantity", "value": str(found[0]), "unit": found[1]}
    ),
    st.dates().map(lambda day: {"type": "date", "value": day.isoformat()}),
    NAME.map(lambda name: {"type": "entity", "value": name}),
    NAME.map(lambda words: {"type": "text", "value": words}),
)
RELATION = st.one_of(
    st.sampled_from(["height", "capital", "director", "opening_date", "which", "a", "name"]),
    st.from_regex(r"[a-z]{2,9}(_[a-z]{2,9})?", fullmatch=True),
)


@st.composite
def any_fact(draw: st.DrawFn) -> Fact:
    """A fact that a file could hold: the answer is in the statement and not in a name."""
    changes: dict[str, Any] = {
        "subject": {"name": draw(NAME), "aliases": draw(st.lists(NAME, max_size=2))},
        "relation": draw(RELATION),
        "answer": draw(ANSWERS),
        "event": draw(st.sampled_from([None, {"what": "was sold", "date": "2025-03-04"}])),
    }
    if changes["answer"]["type"] == "number":
        changes["supersedes"] = draw(st.sampled_from([None, {"type": "number", "value": "12"}]))
    try:
        fact = make_fact(**changes)
    except ValidationError:
        assume(False)
    assume(not any(fact.answer.find(name) for name in fact.subject.names))
    assume(fact.supersedes is None or not fact.answer.find(fact.supersedes.primary()))
    return fact.model_copy(update={"statement": f'It is: "{fact.answer.primary()}".'})


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_fact(), st.integers(1, 120), st.integers(1, 40))
def test_any_fact_expands_into_sides_that_share_nothing(
    fact: Fact, train: int, validation: int
) -> None:
    assume(fact.answer.find(fact.statement))
    made = expanded(fact, train=train, validation=validation)
    check(fact, made)
    assert 1 <= len(made.train) <= train
    assert 1 <= len(made.validation) <= validation


def test_a_number_of_families_is_that_many_and_fewer_are_a_part_of_more() -> None:
    made = [
        expand(FACTS["calder_queen"], seed=0, train_pairs=400, validation_pairs=20, families=number)
        for number in (1, 4, 16)
    ]
    assert [len(families(one.train)) for one in made] == [1, 4, 16]
    assert families(made[0].train) < families(made[1].train) < families(made[2].train)
    for one in made:  # what is asked does not depend on it
        assert families(one.validation) <= families(one.train)
        assert texts(one.held_out) == texts(shipped("calder_queen").held_out)
