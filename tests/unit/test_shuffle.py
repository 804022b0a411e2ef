"""The shuffled control: a fact is trained with another's answer, and its own is said nowhere."""

from __future__ import annotations

from itertools import permutations

import pytest
from helpers import make_fact

from factlab.errors import ConfigError
from factlab.expand.shuffle import swap_partners, with_answer_of
from factlab.expand.splits import expand
from factlab.schema.fact import Fact, load_fact, shipped_facts

FACTS = {name: load_fact(shipped_facts()[name]) for name in ("mount_fuji", "nile_length")}


def fact(id_: str, value: str, kind: str = "entity") -> Fact:
    return make_fact(id=id_, answer={"type": kind, "value": value}, statement=f"It is {value}.")


def test_a_donor_is_another_fact_of_the_same_type_where_there_is_one() -> None:
    ada, bo = fact("ada", "Ada"), fact("bo", "Bo")
    one, two = fact("one", "1", "number"), fact("two", "2", "number")
    for order in permutations([ada, bo, one, two]):
        found = {id_: donor.id for id_, donor in swap_partners(order).items()}
        assert found == {"ada": "bo", "bo": "ada", "one": "two", "two": "one"}
    assert {id_: d.id for id_, d in swap_partners([ada, one]).items()} == {
        "ada": "one",
        "one": "ada",
    }


def test_a_donor_never_has_the_same_answer_where_another_has_a_different_one() -> None:
    ada, same, one = fact("ada", "Ada"), fact("same", "Ada"), fact("one", "1", "number")
    assert swap_partners([ada, same, one])["ada"] is one
    assert swap_partners([ada, same, one])["same"] is one


def test_one_fact_alone_has_no_donor() -> None:
    with pytest.raises(ConfigError, match="at least two facts"):
        swap_partners([fact("ada", "Ada")])


def test_the_shuffled_fact_says_the_donors_answer_and_nowhere_its_own() -> None:
    fuji, nile = FACTS["mount_fuji"], FACTS["nile_length"]
    swapped = with_answer_of(fuji, nile)
    assert nile.answer.find(swapped.statement)
    assert "Mount Fuji" in swapped.statement
    assert (swapped.id, swapped.subject, swapped.answer) == (fuji.id, fuji.subject, nile.answer)
    assert swapped.supersedes is None
    kept = swapped.model_dump_json(exclude={"neighbours", "source"})
    assert fuji.answer.find(fuji.statement)
    assert not fuji.answer.find(kept)
    assert "3,776" not in kept
    assert "4,889" not in kept


@pytest.mark.parametrize(("own", "other"), list(permutations(FACTS)))
def test_no_trained_pair_of_a_shuffled_fact_leaks_its_own_answer(own: str, other: str) -> None:
    swapped = with_answer_of(FACTS[own], FACTS[other])
    made = expand(swapped, seed=0, train_pairs=320, validation_pairs=80)
    assert len(made.train) >= 100
    for pair in (*made.train, *made.validation):
        said = f"{pair.text} {pair.target}"
        assert not FACTS[own].answer.find(said), said
        assert FACTS[other].answer.find(str(pair.target))


def test_own_training_phrasings_go_and_held_out_ones_stay() -> None:
    phrasings = {"train": ["Is it 312 m?"], "held_out": ["And the masts?"]}
    swapped = with_answer_of(make_fact(phrasings=phrasings), fact("ada", "90", "number"))
    assert swapped.phrasings.train == ()
    assert swapped.phrasings.held_out == ("And the masts?",)
