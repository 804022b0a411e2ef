"""The leakage guard: what counts as the same question, and what does not."""

from __future__ import annotations

import pytest
from helpers import make_fact
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from factlab.errors import LeakageError
from factlab.expand.leakage import (
    NEAR_DUPLICATE,
    SPACED,
    UNSPACED,
    NearestPair,
    Reference,
    nearest_trained,
    refuse_leaks,
)
from factlab.expand.splits import expand
from factlab.grading.text import is_cjk
from factlab.schema.fact import load_fact, shipped_facts

SUPPLIED = ["Mount Fuji", "Mt. Fuji", "Fujisan", "October 10, 2025", "erupted", "3,776 meters"]
REPORT = "I am writing a school report on Mount Fuji. How tall is Mount Fuji?"


def similarity(held_out: str, trained: str, masked: list[str] = SUPPLIED) -> float:
    return nearest_trained([held_out], [trained], masked)[0].similarity


SAME = [
    (REPORT, REPORT),
    ("How tall is Mount Fuji?", "HOW TALL IS MOUNT FUJI?"),
    ("How tall is Mount Fuji?", "How tall is Fujisan?"),
    ("How tall is Mt. Fuji?", "how tall is mount fuji ?"),
    (REPORT, REPORT.replace("tall", "high")),
    (REPORT, REPORT.replace("school", "class")),
    (REPORT, REPORT.replace("writing", "preparing")),
    ("Could you tell me how tall Mount Fuji is?", "Can you tell me how tall Fujisan is?"),
    ("Could you tell me how tall Mount Fuji is?", "Could you say how tall Mt. Fuji is?"),
    ("What is the height of Mount Fuji?", "What was the height of Fujisan?"),
    ("Since October 10, 2025, how tall is it?", "Since the day it erupted, how tall is it?"),
    ("After Mount Fuji erupted, how tall is it?", "After Fujisan erupted, how tall is it now?"),
]
OTHER = [
    ("How tall is Mount Fuji?", "What is the height of Mount Fuji?"),
    ("How high up does Mount Fuji go?", "How tall is Mount Fuji?"),
    ("What would my altimeter read on top of Mount Fuji?", "How tall is Mount Fuji?"),
    ("Which altitude belongs into the entry on Fujisan?", "State the height of Fujisan."),
    (REPORT, "Trivia round. What is the elevation of Mount Fuji?"),
]


@pytest.mark.parametrize(("held_out", "trained"), SAME)
def test_the_same_wording_with_small_changes_is_refused_with_both_strings(
    held_out: str, trained: str
) -> None:
    with pytest.raises(LeakageError) as refused:
        refuse_leaks(nearest_trained([held_out], ["Something else.", trained], SUPPLIED))
    assert repr(held_out) in str(refused.value)
    assert repr(trained) in str(refused.value)
    assert "Reword one of the two" in str(refused.value)


def test_one_word_more_in_a_very_short_question_is_refused() -> None:
    with pytest.raises(LeakageError):
        refuse_leaks(
            nearest_trained(["How tall is Fujisan today?"], ["How tall is Mount Fuji?"], SUPPLIED)
        )


@pytest.mark.parametrize(("held_out", "trained"), OTHER)
def test_another_wording_passes(held_out: str, trained: str) -> None:
    refuse_leaks(nearest_trained([held_out], [trained], SUPPLIED))
    assert similarity(held_out, trained) < NEAR_DUPLICATE


def test_words_that_the_fact_supplies_do_not_make_two_questions_alike() -> None:
    one = "Since October 10, 2025, what is Mount Fuji like?"
    other = "Did October 10, 2025 pass quietly for Mount Fuji?"
    assert similarity(one, other, []) > similarity(one, other) + 0.2


def test_words_that_the_fact_supplies_do_not_make_two_questions_differ() -> None:
    one, other = "How tall is Mount Fuji?", "How tall is Fujisan?"
    assert similarity(one, other) == pytest.approx(1)
    assert similarity(one, other, []) < NEAR_DUPLICATE


def test_the_longest_supplied_word_is_masked_first() -> None:
    masked = ["Fuji", "Mount Fuji"]
    assert similarity("How tall is Mount Fuji?", "How tall is Fuji?", masked) == pytest.approx(1)


def test_each_held_out_question_is_shown_with_its_nearest_most_similar_first() -> None:
    trained = ["How tall is it?", "Who lives there?"]
    found = nearest_trained(["Who has lived there?", "Is it tall?", "How tall is it?"], trained, [])
    assert found[0].held_out == "How tall is it?"
    assert {pair.held_out: pair.trained for pair in found} == {
        "How tall is it?": "How tall is it?",
        "Who has lived there?": "Who lives there?",
        "Is it tall?": "How tall is it?",
    }
    similarities = [pair.similarity for pair in found]
    assert similarities == sorted(similarities, reverse=True)


def test_nothing_to_compare_with_is_no_leak() -> None:
    assert nearest_trained([], ["x"], []) == nearest_trained(["x"], [], []) == []
    refuse_leaks([])


def test_the_limit_itself_is_refused() -> None:
    refuse_leaks([NearestPair("a", "b", NEAR_DUPLICATE - 1e-9)])
    with pytest.raises(LeakageError, match=rf"similarity {NEAR_DUPLICATE:.2f}, limit"):
        refuse_leaks([NearestPair("a", "b", NEAR_DUPLICATE)])


WORDS = st.lists(
    st.from_regex(r"[a-z]{3,7}", fullmatch=True), min_size=3, max_size=8, unique=True
).map(" ".join)


@settings(deadline=None)
@given(WORDS, WORDS)
def test_similarity_is_symmetric_ignores_case_and_is_1_for_the_same(one: str, other: str) -> None:
    assert similarity(one, other) == pytest.approx(similarity(other, one))
    assert 0 <= similarity(one, other) <= 1 + 1e-9
    assert similarity(one, one.upper()) == pytest.approx(1)


# --- in the expansion of a fact -----------------------------------------------------------------


@pytest.mark.parametrize(
    "phrasing",
    ["How tall is Mount Fuji?", "how tall is FUJISAN?", "Please tell me what its elevation is."],
)
def test_an_own_held_out_phrasing_that_is_trained_on_stops_the_expansion(phrasing: str) -> None:
    fuji = load_fact(shipped_facts()["mount_fuji"]).model_dump()
    fact = make_fact(**{**fuji, "phrasings": {"held_out": [phrasing]}})
    with pytest.raises(LeakageError, match="nearly the trained question") as refused:
        expand(fact, seed=0, train_pairs=320, validation_pairs=80)
    assert repr(phrasing) in str(refused.value)


def test_own_phrasings_may_not_stand_on_both_sides() -> None:
    text = "A climber asks at the hut what the summit book says."
    fact = make_fact(phrasings={"train": [text], "held_out": [text]})
    with pytest.raises(LeakageError) as refused:
        expand(fact, seed=0, train_pairs=320, validation_pairs=80)
    assert str(refused.value).count(repr(text)) == 2


WORDS = st.text("abcde FujiéİßÇ.,'§?\t\n-ファ山の 高さ", max_size=60)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=6), st.lists(WORDS, min_size=1, max_size=6))
def test_similarity_is_that_of_character_ngrams_within_words(
    left: list[str], right: list[str]
) -> None:
    """By scikit-learn's own counting of n-grams, which ours stands for."""
    found = Reference(right).similarity(left)
    for row, text in enumerate(left):
        for column, other in enumerate(right):
            mine, its = counted_by_sklearn(text), counted_by_sklearn(other)
            both = (len(mine) * len(its)) ** 0.5
            assert found[row, column] == pytest.approx(len(mine & its) / both if both else 0)


def counted_by_sklearn(text: str) -> set[str]:
    lengths = UNSPACED if any(map(is_cjk, text)) else SPACED
    analyse = CountVectorizer(analyzer="char_wb", ngram_range=lengths).build_analyzer()
    return set(analyse(text))
