"""Made facts: inside the schema, unlike each other, and the same whatever number is made."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factlab.errors import ConfigError
from factlab.expand.coined import Coiner, deletions
from factlab.expand.fictitious import MOST, fact_yaml, fictitious_facts, file_name
from factlab.expand.splits import expand
from factlab.grading.matcher import match
from factlab.schema.blueprint import load_blueprints
from factlab.schema.fact import load_facts

SORTS = len(load_blueprints().facts)
SEEDS = st.integers(min_value=0, max_value=10**6)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, number=st.integers(min_value=1, max_value=2 * SORTS))
def test_the_facts_of_a_seed_are_distinct_and_each_says_its_answer(seed: int, number: int) -> None:
    facts = fictitious_facts(number, seed)
    assert len({fact.id for fact in facts}) == len(facts) == number
    assert len({fact.answer.primary() for fact in facts}) == number
    names = [name for fact in facts for name in fact.subject.names]
    assert len(set(names)) == len(names)
    for fact in facts:
        assert match(fact.statement, fact.answer).correct
        assert not any(fact.answer.find(name) for name in fact.subject.names)
        assert not any(fact.answer.find(wrong) for wrong in fact.distractors)
        assert fact.answer.find(fact.reverse[0].question)


@settings(max_examples=5, deadline=None)
@given(seed=SEEDS, cut=st.integers(min_value=1, max_value=SORTS))
def test_a_smaller_number_of_facts_is_the_beginning_of_a_larger_one(seed: int, cut: int) -> None:
    assert fictitious_facts(cut, seed) == fictitious_facts(SORTS + 3, seed)[:cut]


def test_another_seed_gives_other_facts() -> None:
    one, other = fictitious_facts(SORTS, 0), fictitious_facts(SORTS, 1)
    assert {fact.subject.name for fact in one}.isdisjoint(fact.subject.name for fact in other)


def test_every_sort_comes_once_before_any_comes_again_and_all_answer_types_are_there() -> None:
    facts = fictitious_facts(SORTS)
    assert len({(fact.subject.kind, fact.relation) for fact in facts}) == SORTS
    assert {fact.answer.type for fact in facts} == {"number", "quantity", "date", "entity", "text"}


def test_written_facts_are_read_back_without_a_clash(tmp_path: Path) -> None:
    facts = fictitious_facts(2 * SORTS)
    for place, fact in enumerate(facts, start=1):
        (tmp_path / file_name(fact, place)).write_text(fact_yaml(fact, place, 0), encoding="utf-8")
    assert load_facts((str(tmp_path),)) == facts


def test_a_made_fact_expands_without_a_leak() -> None:
    wanted = {"home_port", "author", "price", "release_date"}
    for fact in fictitious_facts(SORTS, seed=3):
        if fact.relation in wanted:
            made = expand(fact, seed=0, train_pairs=40, validation_pairs=8)
            assert len(made.train) == 40
            assert len(made.held_out) >= 30


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_coined_names_differ_in_more_than_a_letter(seed: int) -> None:
    coiner, rng = Coiner(), random.Random(seed)
    names = [coiner.coin("place", rng) for _ in range(60)]
    for place, name in enumerate(names):
        assert name.isalpha()
        assert name[0].isupper()
        assert all(deletions(name).isdisjoint(deletions(other)) for other in names[:place])


@pytest.mark.parametrize("number", [0, -1, MOST + 1])
def test_numbers_that_cannot_be_made_are_refused(number: int) -> None:
    with pytest.raises(ConfigError, match="can be made"):
        fictitious_facts(number)
