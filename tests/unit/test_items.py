"""The value of each question for each metric, against values worked out by hand."""

from __future__ import annotations

from math import log

import pytest
from hand_made import BASE, FAR, TUNED, ask, asked, evidence, gate, likely, said, values

from factlab.metrics.responses import Responses
from factlab.metrics.scores import Scores, base_scores, chances, tuned_scores
from factlab.schema.question import Question


def after(questions: list[Question], base: Responses, tuned: Responses, *facts: str) -> Scores:
    return tuned_scores(asked(questions, *facts), base, tuned)


# --- what a base knows --------------------------------------------------------------------------


def test_a_control_whose_gate_was_never_asked_is_not_known() -> None:
    question = ask("q", "near", gated=True)
    base = evidence([question], said(question, True))
    assert base.correct(question)
    assert not base.knows(question)
    assert "retention/near" not in after([question], base, base)


def test_all_of_several_gate_prompts_must_be_right() -> None:
    question = ask("q", "near").model_copy(update={"gate": ("again?", "once more?")})
    first, second = (
        said(question, True).model_copy(update={"prompt": prompt}) for prompt in question.gate
    )
    right = said(question, True)
    assert evidence([question], right, first, second).knows(question)
    assert not evidence([question], right, first).knows(question)
    wrong = second.model_copy(update={"correct": False})
    assert not evidence([question], right, first, wrong).knows(question)


def test_an_answer_is_compared_without_case_punctuation_and_spaces() -> None:
    question = ask("q", "far")
    one = evidence([question], said(question, True, text="It is  PARIS"))
    assert one.normalized(question) == "it is paris"


def test_likelihoods_of_one_question_come_together_whatever_file_line_they_are_on() -> None:
    question = ask("q", "far")
    lines = [likely(question, (1.0, 1)), likely(question, None, injected={"x": 2.0, "y": 3.0})]
    found = evidence([question], likelihoods=lines)
    assert [option.nll_nats for option in found.options(question, "right")] == [1.0]
    assert [option.fact for option in found.options(question, "injected")] == ["x", "y"]
    assert found.options(ask("other", "far"), "right") == []


# --- controls -----------------------------------------------------------------------------------


def test_a_near_control_counts_as_near_and_under_its_group() -> None:
    kinds = ("same_subject", "same_relation", "same_event", "own")
    near = [ask(kind, "near", fact="x", family=kind) for kind in kinds]
    base = evidence(near, *(said(q, True) for q in near))
    tuned = evidence(
        near, *(said(q, q is not near[0], intrusions=("x",) if q is near[1] else ()) for q in near)
    )
    found = after(near, base, tuned)
    assert values(found, "retention/near") == [0, 1, 1, 1]
    assert values(found, "retention/same_subject") == values(found, "accuracy/same_subject") == [0]
    assert values(found, "retention/same_relation") == [1]
    assert values(found, "intrusion/near") == [0, 1, 0, 0]
    assert [values(found, f"intrusion/{kind}") for kind in kinds[:3]] == [[0], [1], [0]]
    assert "intrusion/own" not in found


def test_a_control_without_a_true_answer_counts_for_intrusion_alone() -> None:
    open_ = ask("open", "near", fact="x", family="same_subject").model_copy(update={"gold": None})
    near = [open_, ask("q", "near", fact="x", family="same_relation")]
    scored = [likely(open_, None, injected={"x": 5.0}), likely(near[1], (1.0, 1), (2.0, 1))]
    base = evidence(near, said(open_, None), said(near[1], False), likelihoods=scored)
    closer = [likely(open_, None, injected={"x": 2.0}), scored[1]]
    tuned = evidence(
        near, said(open_, None, intrusions=("x",)), said(near[1], True), likelihoods=closer
    )
    found = after(near, base, tuned)
    assert values(found, "intrusion/same_subject") == [1]
    assert values(found, "intrusion/near") == [1, 0]
    assert values(found, "injected_logprob/same_subject") == [3.0]
    for kind in ("accuracy", "gained", "forgetting", "margin_change"):
        assert len(values(found, f"{kind}/near")) == 1, kind
        assert f"{kind}/same_subject" not in found
    assert len(base_scores(asked(near), base)["known/near"]) == 1


def test_the_margin_is_of_the_best_wrong_option_before_and_after() -> None:
    question = ask("q", "far")
    base = evidence([question], said(question, True), likelihoods=[
        likely(question, (1.0, 1), (3.0, 1), (5.0, 1))
    ])  # fmt: skip
    tuned = evidence([question], said(question, True), likelihoods=[
        likely(question, (2.0, 1), (6.0, 1), (1.5, 1))
    ])  # fmt: skip
    found = after([question], base, tuned)
    assert values(found, "margin_change/far") == [(1.5 - 2.0) - (3.0 - 1.0)]
    assert values(found, "forced_choice_retention/far") == [0]
    assert values(after([question], base, base), "margin_change/far") == [0]
    back = after([question], tuned, base)
    assert values(back, "margin_change/far") == [2.5]
    assert "forced_choice_retention/far" not in back  # the wrong one was preferred before


def test_a_margin_needs_a_wrong_option_under_both_models() -> None:
    question = ask("q", "near", fact="x", family="same_event")
    alone = evidence([question], said(question, True), likelihoods=[likely(question, (1.0, 1))])
    both = evidence(
        [question], said(question, True), likelihoods=[likely(question, (1.0, 1), (2.0, 1))]
    )
    assert "margin_change/near" not in after([question], alone, both)
    assert "margin_change/near" not in after([question], both, alone)
    assert values(after([question], both, both), "margin_change/same_event") == [0]


def test_controls_before_and_after_question_by_question() -> None:
    before, found = base_scores(asked(FAR), BASE), after(FAR, BASE, TUNED)
    assert values(before, "accuracy/far") == [1, 1, 1, 0, 0]
    assert values(before, "known/far") == [1, 1, 0, 0, 0]
    assert values(found, "accuracy/far") == [1, 0, 0, 1, 0]
    assert values(found, "retention/far") == [1, 0]
    assert values(found, "lost/far") == [0, 1]
    assert values(found, "gained/far") == [1, 0]
    assert values(found, "forgetting/far") == [0, 1, 1, -1, 0]


def test_agreement_is_of_words_and_not_of_verdicts() -> None:
    near = [ask(f"n{i}", "near", fact="x") for i in range(3)]
    base = evidence(near, *(said(q, True, text="It is Paris.") for q in near))
    tuned = evidence(
        near,
        said(near[0], False, text="it is  paris."),
        said(near[1], True, text="Paris."),
        said(near[2], True, text="It is Pârís."),
    )
    assert values(after(near, base, tuned), "agreement/near") == [1, 0, 1]


def test_an_extra_suite_is_reported_by_its_own_name() -> None:
    extra = [ask("e1", "extra", family="authors"), ask("e2", "extra", family="world")]
    base = evidence(extra, *(said(q, True) for q in extra))
    tuned = evidence(extra, said(extra[0], False), said(extra[1], True, intrusions=("x",)))
    found = after(extra, base, tuned)
    assert values(found, "retention/authors") == [0]
    assert values(found, "retention/world") == [1]
    assert values(found, "intrusion/authors") == [0]
    assert values(found, "intrusion/world") == [1]
    assert not any(name.endswith("/extra") for name in found)


def test_only_the_adapters_own_facts_intrude() -> None:
    near = [ask(f"n{i}", "near", fact="x") for i in range(4)]
    base = evidence(near, *(said(q, True) for q in near))
    into = [("x",), ("y",), ("x", "y"), ()]
    tuned = evidence(near, *(said(q, False, intrusions=i) for q, i in zip(near, into, strict=True)))
    assert values(after(near, base, tuned, "x"), "intrusion/near") == [1, 0, 1, 0]
    assert values(after(near, base, tuned, "x", "y"), "intrusion/near") == [1, 1, 1, 0]


def test_unanswerable_questions_count_intrusion_agreement_and_abstention_alone() -> None:
    nobody = [ask(f"u{i}", "unanswerable") for i in range(4)]
    declined = "I'm sorry, I do not know that."
    base = evidence(
        nobody,
        *(said(q, None, text=declined) for q in nobody[:3]),
        said(nobody[3], None, text="Blue."),
    )
    tuned = evidence(
        nobody,
        said(nobody[0], None, text=declined),
        *(said(q, None, text="4,889 meters.", intrusions=("x",)) for q in nobody[1:]),
    )
    found = after(nobody, base, tuned)
    assert values(found, "abstention_collapse") == [0, 1, 1]
    assert values(found, "agreement/unanswerable") == [1, 0, 0, 0]
    assert values(found, "intrusion/unanswerable") == [0, 1, 1, 1]
    assert set(found) == {
        "abstention_collapse", "agreement/unanswerable", "intrusion/unanswerable",
    }  # fmt: skip


# --- recall -------------------------------------------------------------------------------------


def test_a_question_that_was_not_asked_does_not_count_as_wrong() -> None:
    train = [ask(f"t{i}", "train", fact="x") for i in range(10)]
    some = evidence(train, *(said(q, True) for q in train[:4]))
    assert values(after(train, some, some), "recall/train") == [1, 1, 1, 1]


def test_a_hop_counts_only_where_the_base_knows_the_second_hop() -> None:
    plain, known, unknown, unasked = (
        ask("plain", "entailed", fact="x"),
        ask("known", "entailed", gated=True, fact="x"),
        ask("unknown", "entailed", gated=True, fact="x"),
        ask("unasked", "entailed", gated=True, fact="x"),
    )
    questions = [plain, known, unknown, unasked]
    base = evidence(
        questions, *(said(q, False) for q in questions), gate(known, True), gate(unknown, False)
    )
    tuned = evidence(questions, *(said(q, q is not plain) for q in questions))
    found = after(questions, base, tuned)
    assert [item.key for item in found["recall/hop"]] == ["known"]
    assert values(found, "recall/hop") == [1]
    assert [item.key for item in found["recall/entailed"]] == ["plain"]
    assert values(found, "recall/entailed") == [0]
    assert values(base_scores(asked(questions), base), "recall/hop") == [0]


def test_questions_by_another_name_are_no_part_of_held_out() -> None:
    asked = [ask(f"h{i}", "alias" if i > 1 else "held_out", fact="x") for i in range(4)]
    tuned = evidence(asked, *(said(q, i % 2 == 0) for i, q in enumerate(asked)))
    found = after(asked, tuned, tuned)
    assert values(found, "recall/held_out") == [1, 0]
    assert [item.key for item in found["recall/alias"]] == ["h2", "h3"]
    assert values(found, "recall/alias") == [1, 0]


def test_probes_are_reported_by_their_depth() -> None:
    probes = [ask("p1", "probe", fact="x", family="mem"), ask("p2", "probe", fact="x", family="g")]
    tuned = evidence(probes, said(probes[0], True), said(probes[1], False))
    found = after(probes, tuned, tuned)
    assert (values(found, "recall/mem"), values(found, "recall/g")) == ([1], [0])


@pytest.mark.parametrize(
    ("right", "any_", "mean", "all_"),
    [(0, 0, 0, 0), (1, 1, 0, 0), (2, 1, 1, 0), (3, 1, 1, 0), (4, 1, 1, 1)],
)
def test_consistency_of_a_fact_by_its_share_of_held_out_questions(
    right: int, any_: int, mean: int, all_: int
) -> None:
    held_out = [ask(f"h{i}", "held_out", fact="x") for i in range(4)]
    held_out += [ask(f"k{i}", "held_out", fact="y") for i in range(4)]
    tuned = evidence(held_out, *(said(q, i < right) for i, q in enumerate(held_out)))
    found = after(held_out, tuned, tuned, "x", "y")
    assert values(found, "consistency/any") == [any_, 0]
    assert values(found, "consistency/mean") == [mean, 0]
    assert values(found, "consistency/all") == [all_, 0]
    assert [item.fact for item in found["consistency/any"]] == ["x", "y"]


def test_the_ceiling_is_what_the_base_says_when_it_is_told() -> None:
    held_out = [ask(f"h{i}", "held_out", fact="x") for i in range(3)]
    told = [said(held_out[0], True), said(held_out[1], False)]
    base = evidence(held_out, *(said(q, False) for q in held_out), in_context=told)
    found = base_scores(asked(held_out), base)
    assert values(found, "recall/in_context") == [1, 0]
    assert values(found, "recall/held_out") == [0, 0, 0]
    assert "recall/in_context" not in after(held_out, base, base)


# --- likelihood ---------------------------------------------------------------------------------

HELD = [ask(f"h{i}", "held_out", fact="x") for i in range(4)]
SAID = [said(q, True) for q in HELD]
# Right against wrong, as (summed NLL, tokens).
SCORED = evidence(
    HELD,
    *SAID,
    likelihoods=[
        # P = 1/2 against 1/4 and 1/20, whose mean is 3/20: 0.5 / 0.65
        likely(HELD[0], (2 * log(2), 2), (2 * log(4), 2), (log(20), 1)),
        # a tie is no preference; by the token 1/2 against 1/4
        likely(HELD[1], (2 * log(2), 2), (log(4), 1)),
        # worse than one of the two; by the token 1/8 against 1/2 and 1/32: 0.125 / 0.390625
        likely(HELD[2], (log(8), 1), (log(2), 1), (log(32), 1)),
        # no wrong option: nothing to choose from
        likely(HELD[3], (3.0, 4)),
    ],
)


def test_forced_choice_sums_and_needs_the_right_answer_to_beat_every_wrong_one() -> None:
    found = base_scores(asked(HELD), SCORED)
    assert values(found, "recall/forced_choice") == [1, 0, 0]
    assert chances(asked(HELD), SCORED) == {
        "recall/forced_choice": pytest.approx((1 / 3 + 1 / 2 + 1 / 3) / 3)
    }


def test_the_truth_ratio_is_of_probabilities_per_token() -> None:
    found = values(base_scores(asked(HELD), SCORED), "truth_ratio")
    assert found == pytest.approx([0.5 / 0.65, 2 / 3, 0.125 / (0.125 + 17 / 64)])


def test_nll_is_per_token_and_its_sum_beside_it() -> None:
    found = base_scores(asked(HELD), SCORED)
    assert values(found, "nll/held_out") == pytest.approx([log(2), log(2), log(8), 0.75])
    assert values(found, "nll_sum/held_out") == pytest.approx([2 * log(2), log(4), log(8), 3.0])


def test_the_change_of_nll_is_tuned_minus_base_where_both_were_scored() -> None:
    tuned = evidence(
        HELD, *SAID, likelihoods=[likely(HELD[3], (1.0, 4)), likely(HELD[2], (log(2), 1))]
    )
    found = after(HELD, SCORED, tuned)
    assert values(found, "nll_change/held_out") == pytest.approx([log(2) - log(8), -0.5])
    nothing = evidence(HELD, *SAID)
    assert "nll_change/held_out" not in after(HELD, nothing, tuned)


def test_controls_have_a_forced_choice_of_their_own_and_no_nll() -> None:
    near, extra = ask("n", "near", fact="x"), ask("e", "extra", family="authors")
    questions = [near, extra]
    lines = [likely(near, (1.0, 1), (2.0, 1)), likely(extra, (2.0, 1), (1.0, 1), (3.0, 1))]
    model = evidence(questions, *(said(q, True) for q in questions), likelihoods=lines)
    found = after(questions, model, model)
    assert values(found, "forced_choice/near") == [1]
    assert values(found, "forced_choice/authors") == [0]
    assert not any(name.startswith("nll") for name in found)
    assert chances(asked(questions), model) == {
        "forced_choice/near": 1 / 2,
        "forced_choice/authors": pytest.approx(1 / 3),
    }


def test_the_log_probability_of_an_injected_value_rises_by_what_its_nll_falls() -> None:
    far = [ask("a", "far"), ask("b", "far")]
    answers = [said(q, True) for q in far]
    before = [
        likely(far[0], None, injected={"x": 9.0, "y": 4.0, "z": 5.0}),
        likely(far[1], None, injected={"y": 4.0}),
    ]
    now = [likely(q, None, injected={"x": 7.0, "y": 5.0, "z": 1.0}) for q in far]
    base = evidence(far, *answers, likelihoods=before)
    tuned = evidence(far, *answers, likelihoods=now)
    assert values(after(far, base, tuned, "x"), "injected_logprob/far") == [2.0]
    both = after(far, base, tuned, "x", "y")
    assert values(both, "injected_logprob/far") == [(2.0 - 1.0) / 2, -1.0]


def test_the_rise_of_an_injected_value_is_counted_beyond_that_of_wrong_options() -> None:
    """Whatever lifts every wrong answer alike is no rise of this value."""
    far = [ask("a", "far"), ask("b", "far")]
    answers = [said(q, True) for q in far]
    before = [
        likely(far[0], (1.0, 2), (6.0, 2), (8.0, 2), injected={"x": 20.0}),
        likely(far[1], None, injected={"x": 20.0}),
    ]
    now = [
        likely(far[0], (1.0, 2), (5.0, 2), (8.0, 2), injected={"x": 3.0}),
        likely(far[1], None, injected={"x": 3.0}),
    ]
    found = after(
        far,
        evidence(far, *answers, likelihoods=before),
        evidence(far, *answers, likelihoods=now),
        "x",
    )
    assert values(found, "injected_logprob_excess/far") == [17.0 - 0.5]
    assert values(found, "injected_logprob/far") == [17.0, 17.0]


# --- what is paired and correlated --------------------------------------------------------------


def test_an_item_of_one_fact_is_correlated_within_its_family_and_a_control_stands_alone() -> None:
    questions = [ask("h", "held_out", fact="x", family="news"), ask("n", "near", fact="x"), FAR[0]]
    base = evidence(questions, *(said(q, True) for q in questions))
    found = after(questions, base, base)
    held_out, near = found["recall/held_out"][0], found["accuracy/near"][0]
    far = found["accuracy/far"][0]
    assert (held_out.key, held_out.fact, held_out.group) == ("h", "x", "news")
    assert (near.key, near.fact, near.group) == ("n", "x", "n")
    assert (far.key, far.fact, far.group) == ("q1@x", "x", "q1@x")


def test_a_shared_control_of_an_adapter_of_several_facts_belongs_to_none() -> None:
    questions = [ask("n", "near", fact="y"), FAR[0]]
    base = evidence(questions, *(said(q, True) for q in questions))
    found = after(questions, base, base, "x", "y")
    near, far = found["accuracy/near"][0], found["accuracy/far"][0]
    assert (near.key, near.fact) == ("n", "y")
    assert (far.key, far.fact, far.group) == ("q1", "", "q1")


def test_the_brier_score_is_0_for_sure_and_right_and_2_for_sure_and_wrong() -> None:
    def scored(right: float, *wrong: float) -> float:
        found = evidence(
            HELD[:1],
            SAID[0],
            likelihoods=[likely(HELD[0], (right, 1), *((nll, 1) for nll in wrong))],
        )
        return values(base_scores(asked(HELD[:1]), found), "brier/held_out")[0]

    assert scored(0.0, 900.0) == pytest.approx(0)
    assert scored(900.0, 0.0, 950.0) == pytest.approx(2)
    assert scored(5.0, 5.0) == pytest.approx(0.5)
    assert scored(1.0, 1.0, 1.0, 1.0) == pytest.approx(0.75**2 + 3 * 0.25**2)


def test_another_facts_value_counts_where_several_facts_are_asked_and_it_was_looked_for() -> None:
    questions = [ask(f"{fact}{i}", "held_out", fact=fact) for fact in "xy" for i in range(2)]
    crossed = [("y",), (), ("z",), None]
    answers = [
        said(question, False).model_copy(update={"interference": value})
        for question, value in zip(questions, crossed, strict=True)
    ]
    found = evidence(questions, *answers)
    # z is no fact of this adapter; of the last answer nobody looked.
    assert values(after(questions, found, found, "x", "y"), "interference/held_out") == [1, 0, 0]
    assert "interference/held_out" not in after(questions[:2], found, found, "x")
