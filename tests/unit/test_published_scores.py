"""The scores of published sets, on numbers so small that they can be worked out on paper."""

from __future__ import annotations

import math

import pytest
from hand_made import ask, asked, evidence, likely, said

from factlab.metrics.measure import measure_base
from factlab.metrics.scores import base_scores, tuned_scores
from factlab.schema.question import LikelihoodRecord, Question

# Mean NLL per token: right 1, wrong 2 after summing 2 tokens and 1.
BETTER, WORSE = ((2.0, 2), (2.0, 1)), ((2.0, 1), (2.0, 2))


def cloze(fact: str, part: str, number: int = 0) -> Question:
    return ask(f"{fact}/{part}/{number}", "cloze", fact=fact, family=part)


def case(name: str, fact: str, number: int, *needs: str) -> Question:
    question = ask(f"{fact}/{name}/{number}", "entailed", fact=fact)
    return question.model_copy(update={"case": name, "needs": needs})


def scored(
    *pairs: tuple[Question, tuple[tuple[float, int], tuple[float, int]]],
) -> tuple[list[Question], list[LikelihoodRecord]]:
    return [q for q, _ in pairs], [likely(q, right, wrong) for q, (right, wrong) in pairs]


def test_romes_scores_compare_means_per_token_and_average_over_facts() -> None:
    questions, likelihoods = scored(
        (cloze("x", "rewrite"), BETTER),
        (cloze("x", "paraphrase", 0), BETTER),
        (cloze("x", "paraphrase", 1), WORSE),
        (cloze("y", "rewrite"), WORSE),
        (cloze("y", "paraphrase"), BETTER),
        (cloze("x", "neighborhood"), BETTER),
    )
    found = measure_base(asked(questions, "x", "y"), evidence(questions, likelihoods=likelihoods))
    values = {name: m.value for name, m in found.metrics.items() if name.startswith("rome/")}
    difference = math.exp(-1) - math.exp(-2)
    assert values == pytest.approx(
        {
            "rome/efficacy": 0.5,
            "rome/paraphrase": 0.75,  # a half of x, all of y; 2/3 of the prompts
            "rome/neighborhood": 1.0,
            "rome/efficacy_magnitude": 0.0,
            "rome/paraphrase_magnitude": difference / 2,
            "rome/neighborhood_magnitude": difference,
            "rome/score": 3 / (1 / 0.5 + 1 / 0.75 + 1),
        }
    )
    assert found.metrics["rome/paraphrase"].n == 2


def test_without_one_of_the_three_there_is_no_s_and_without_prompts_no_score() -> None:
    questions, likelihoods = scored((cloze("x", "rewrite"), BETTER))
    found = measure_base(asked(questions, "x"), evidence(questions, likelihoods=likelihoods))
    assert "rome/score" not in found.metrics
    plain = ask("x/held", "held_out", fact="x")
    found = measure_base(asked([plain], "x"), evidence([plain], said(plain, True)))
    assert not [name for name in found.metrics if name.startswith(("rome/", "mquake/"))]


def test_prompts_without_a_chat_template_count_as_no_other_questions_likelihood() -> None:
    questions, likelihoods = scored((cloze("x", "rewrite"), BETTER))
    found = base_scores(asked(questions, "x"), evidence(questions, likelihoods=likelihoods))
    assert sorted(found) == ["rome/efficacy", "rome/efficacy_magnitude"]


def test_a_case_is_solved_by_any_of_its_wordings() -> None:
    questions = [case("1", "x", 0), case("1", "x", 1), case("2", "x", 0)]
    model = evidence(questions, *(said(q, q.id == "x/1/1") for q in questions))
    found = base_scores(asked(questions, "x"), model)
    assert [item.value for item in found["mquake/multi_hop"]] == [1.0, 0.0]


def test_what_follows_from_several_facts_counts_where_an_adapter_holds_them_all() -> None:
    questions = [case("1", "x", 0, "y")]
    model = evidence(questions, said(questions[0], True))
    alone = tuned_scores(asked(questions, "x"), model, model)
    assert not {"mquake/multi_hop", "recall/entailed"} & alone.keys()
    together = tuned_scores(asked(questions, "x", "y"), model, model)
    assert [item.value for item in together["mquake/multi_hop"]] == [1.0]
    assert len(together["recall/entailed"]) == 1
