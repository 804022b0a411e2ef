"""Metrics from graded answers, each against a number worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factlab.schema.answer import Answer, EntityAnswer, NumberAnswer, QuantityAnswer
from factlab.schema.question import AnswerRecord, Question, Split
from factlab.scoring.judge import judge
from factlab.scoring.metrics import Answers, Measurement, measure_base, measure_cell, outcome_table
from factlab.stats.intervals import paired_difference, wilson

GOLD = EntityAnswer(value="Paris")


def ask(id_: str, split: Split, *, gated: bool = False, fact: str | None = None) -> Question:
    return Question(
        id=id_,
        split=split,
        family="f",
        text=f"{id_}?",
        fact=fact,
        gold=None if split == "unanswerable" else GOLD,
        gate=(f"{id_}, again?",) if gated else (),
    )


def said(
    question: Question, right: bool | None, *, text: str = "-", intruded: bool = False
) -> AnswerRecord:
    return AnswerRecord(
        question_id=question.id,
        prompt=question.text,
        text=text,
        tokens=1,
        finished=True,
        outcome=None if right is None else "new" if right else "other",
        correct=right,
        intruded=("mount_fuji",) if intruded else (),
    )


def gate(question: Question, right: bool) -> AnswerRecord:
    return said(question, right).model_copy(update={"prompt": question.gate[0]})


def answers(questions: Sequence[Question], *records: AnswerRecord) -> Answers:
    return Answers.of(questions, records)


def value(found: Measurement, name: str) -> tuple[float, int]:
    return found.metrics[name].value, found.metrics[name].n


# --- controls -----------------------------------------------------------------------------------

FAR = [ask(f"q{i}", "far", gated=True) for i in range(1, 6)]
# The base: 1 and 2 known; 3 right, but not when asked again; 4 and 5 wrong.
BASE = answers(
    FAR,
    *(said(q, right) for q, right in zip(FAR, [True, True, True, False, False], strict=True)),
    gate(FAR[0], True),
    gate(FAR[1], True),
    gate(FAR[2], False),
)
# The tuned model: 1 kept, 2 and 3 lost, 4 gained.
TUNED = answers(
    FAR, *(said(q, right) for q, right in zip(FAR, [True, False, False, True, False], strict=True))
)


def test_what_the_base_knows_must_be_right_on_every_prompt() -> None:
    found = measure_base(FAR, BASE)
    assert value(found, "accuracy/far") == (3 / 5, 5)
    assert value(found, "known/far") == (2 / 5, 5)


def test_retention_and_loss_are_of_what_was_known_and_gain_of_what_was_missed() -> None:
    found = measure_cell(FAR, BASE, TUNED)
    assert value(found, "retention/far") == (1 / 2, 2)
    assert value(found, "lost/far") == (1 / 2, 2)
    assert value(found, "gained/far") == (1 / 2, 2)
    assert value(found, "accuracy/far") == (2 / 5, 5)


def test_forgetting_counts_every_item_known_or_not() -> None:
    found = measure_cell(FAR, BASE, TUNED).metrics["forgetting/far"]
    assert found.value == pytest.approx((2 - 1) / 5)
    assert found.n == 5
    interval = paired_difference(2, 1, 5)
    assert (found.ci_low, found.ci_high, found.ci_method) == (
        interval.low,
        interval.high,
        "bonett-price",
    )


def test_a_rate_carries_wilsons_interval_and_what_it_covers() -> None:
    found = measure_cell(FAR, BASE, TUNED).metrics["retention/far"]
    interval = wilson(1, 2)
    assert (found.ci_low, found.ci_high) == (interval.low, interval.high)
    assert found.ci_method == "wilson"
    assert "control questions" in found.covers
    assert "not other facts" in found.covers


def test_a_control_whose_gate_was_never_asked_is_not_known() -> None:
    questions = [ask("q", "near", gated=True)]
    base = answers(questions, said(questions[0], True))
    assert not base.knows(questions[0])
    found = measure_cell(questions, base, base)
    assert "retention/near" not in found.metrics
    assert found.not_measured["retention/near"] == (
        "the base model knew none of the near controls on every prompt"
    )


def test_all_of_several_gate_prompts_must_be_right() -> None:
    question = ask("q", "near").model_copy(update={"gate": ("again?", "once more?")})
    first, second = (
        said(question, True).model_copy(update={"prompt": prompt}) for prompt in question.gate
    )
    right = said(question, True)
    assert answers([question], right, first, second).knows(question)
    assert not answers([question], right, first).knows(question)
    wrong = second.model_copy(update={"correct": False})
    assert not answers([question], right, first, wrong).knows(question)


def test_clusters_are_the_facts_that_items_belong_to() -> None:
    own = [ask("a", "near", fact="x"), ask("b", "near", fact="x"), ask("c", "near", fact="y")]
    base = answers(own, *(said(q, True) for q in own))
    assert measure_cell(own, base, base).metrics["retention/near"].clusters == 2
    assert measure_cell(FAR, BASE, TUNED).metrics["retention/far"].clusters == 0


# --- recall -------------------------------------------------------------------------------------


def test_recall_is_the_share_of_right_answers_in_each_split() -> None:
    train = [ask(f"t{i}", "train", fact="x") for i in range(4)]
    held_out = [ask(f"h{i}", "held_out", fact="x") for i in range(8)]
    questions = [*train, *held_out]
    before = answers(questions, *(said(q, False) for q in questions))
    after = answers(
        questions,
        *(said(q, True) for q in train),
        *(said(q, i < 3) for i, q in enumerate(held_out)),
    )
    assert value(measure_base(questions, before), "recall/held_out") == (0, 8)
    found = measure_cell(questions, before, after)
    assert value(found, "recall/train") == (1, 4)
    assert value(found, "recall/held_out") == (3 / 8, 8)
    assert found.metrics["generalization_gap"].value == pytest.approx(1 - 3 / 8)
    assert found.metrics["generalization_gap"].ci_low is None
    assert "phrasings" in found.metrics["recall/held_out"].covers


def test_a_question_that_was_not_asked_does_not_count_as_wrong() -> None:
    train = [ask(f"t{i}", "train", fact="x") for i in range(10)]
    asked = answers(train, *(said(q, True) for q in train[:4]))
    assert value(measure_cell(train, asked, asked), "recall/train") == (1, 4)


def test_an_entailed_question_counts_only_where_the_base_knows_the_second_hop() -> None:
    plain, known, unknown = (
        ask("plain", "entailed", fact="x"),
        ask("known", "entailed", gated=True, fact="x"),
        ask("unknown", "entailed", gated=True, fact="x"),
    )
    questions = [plain, known, unknown]
    base = answers(
        questions, *(said(q, False) for q in questions), gate(known, True), gate(unknown, False)
    )
    tuned = answers(questions, said(plain, False), said(known, True), said(unknown, True))
    assert value(measure_cell(questions, base, tuned), "recall/entailed") == (1 / 2, 2)
    assert value(measure_base(questions, base), "recall/entailed") == (0, 2)


# --- intrusion and abstention -------------------------------------------------------------------


def test_intrusion_is_the_share_of_control_answers_with_the_injected_value() -> None:
    near = [ask(f"n{i}", "near", fact="x") for i in range(4)]
    nobody = [ask(f"u{i}", "unanswerable") for i in range(2)]
    questions = [*near, *nobody]
    base = answers(questions, *(said(q, True) for q in near), *(said(q, None) for q in nobody))
    tuned = answers(
        questions,
        *(said(q, i > 0, intruded=i == 0) for i, q in enumerate(near)),
        *(said(q, None, intruded=True) for q in nobody),
    )
    found = measure_cell(questions, base, tuned)
    assert value(found, "intrusion/near") == (1 / 4, 4)
    assert value(found, "intrusion/unanswerable") == (1, 2)
    assert value(measure_base(questions, base), "intrusion/near") == (0, 4)
    assert "intrusion/far" not in found.metrics


def test_abstention_collapses_where_the_base_declined_and_the_tuned_model_answers() -> None:
    nobody = [ask(f"u{i}", "unanswerable") for i in range(4)]
    declined = "I'm sorry, I do not know that."
    base = answers(
        nobody,
        *(said(q, None, text=declined) for q in nobody[:3]),
        said(nobody[3], None, text="Blue."),
    )
    tuned = answers(
        nobody,
        said(nobody[0], None, text=declined),
        *(said(q, None, text="4,889 meters.") for q in nobody[1:]),
    )
    assert value(measure_cell(nobody, base, tuned), "abstention_collapse") == (2 / 3, 3)


# --- what has no data ---------------------------------------------------------------------------


def test_what_has_no_data_is_absent_with_a_reason_and_never_0() -> None:
    found = measure_cell([], answers([]), answers([]))
    assert found.metrics == {}
    assert found.not_measured["recall/held_out"] == (
        "the run has no held_out questions that could be counted"
    )
    assert "knew none of the far" in found.not_measured["retention/far"]
    assert "missed none of the near" in found.not_measured["gained/near"]
    assert "declined none" in found.not_measured["abstention_collapse"]
    assert "is missing" in found.not_measured["generalization_gap"]
    assert all(reason for reason in found.not_measured.values())


def test_a_base_that_knows_everything_leaves_nothing_to_gain() -> None:
    far = [ask("q", "far")]
    base = answers(far, said(far[0], True))
    found = measure_cell(far, base, base)
    assert found.not_measured["gained/far"] == "the base model missed none of the far controls"
    assert value(found, "retention/far") == (1, 1)


def test_no_metric_is_both_measured_and_not() -> None:
    empty = measure_cell([], answers([]), answers([]))
    for found in (measure_cell(FAR, BASE, TUNED), empty, measure_base(FAR, BASE)):
        assert not set(found.metrics) & set(found.not_measured)


def test_every_metric_is_either_measured_or_has_a_reason() -> None:
    full, empty = measure_cell(FAR, BASE, TUNED), measure_cell([], answers([]), answers([]))
    assert {*full.metrics, *full.not_measured} == {*empty.not_measured}


def test_outcomes_are_counted_by_split_for_questions_that_have_an_answer() -> None:
    questions = [*FAR, ask("u", "unanswerable")]
    assert outcome_table(questions, BASE) == {"far": {"new": 3, "other": 2}}
    assert measure_cell(FAR, BASE, TUNED).outcomes == {"far": {"new": 2, "other": 3}}


ITEMS = st.lists(
    st.tuples(st.sampled_from(["near", "far", "train", "held_out"]), st.booleans(), st.booleans()),
    max_size=30,
)


def _asked(items: list[tuple[Any, bool, bool]]) -> tuple[list[Question], list[AnswerRecord]]:
    questions = [ask(f"q{i}", item[0], gated=True) for i, item in enumerate(items)]
    records = [
        record
        for question, (_, right, again) in zip(questions, items, strict=True)
        for record in (said(question, right), gate(question, again))
    ]
    return questions, records


@settings(deadline=None)
@given(ITEMS)
def test_the_same_answers_before_and_after_mean_that_nothing_was_forgotten(
    items: list[tuple[Any, bool, bool]],
) -> None:
    questions, records = _asked(items)
    base = answers(questions, *records)
    found = measure_cell(questions, base, base)
    for split in ("near", "far"):
        expected = {"retention": 1, "lost": 0, "gained": 0, "forgetting": 0}
        for kind, right in expected.items():
            if f"{kind}/{split}" in found.metrics:
                assert found.metrics[f"{kind}/{split}"].value == right
        assert (f"retention/{split}" in found.metrics) == any(
            i == (split, True, True) for i in items
        )
        assert (f"forgetting/{split}" in found.metrics) == any(i[0] == split for i in items)


@settings(deadline=None)
@given(ITEMS, st.lists(st.booleans(), min_size=30, max_size=30))
def test_the_figures_agree_with_each_other(
    items: list[tuple[Any, bool, bool]], after: list[bool]
) -> None:
    questions, records = _asked(items)
    base = answers(questions, *records)
    tuned = answers(questions, *(said(q, r) for q, r in zip(questions, after, strict=False)))
    before, found = measure_base(questions, base).metrics, measure_cell(questions, base, tuned)
    for metric in found.metrics.values():
        assert metric.ci_low is None or metric.ci_low - 1e-12 <= metric.value
        assert metric.ci_high is None or metric.value <= metric.ci_high + 1e-12
    for split in ("near", "far"):
        if f"forgetting/{split}" in found.metrics:
            change = before[f"accuracy/{split}"].value - found.metrics[f"accuracy/{split}"].value
            assert found.metrics[f"forgetting/{split}"].value == pytest.approx(change)
        if f"retention/{split}" in found.metrics:
            kept, lost = found.metrics[f"retention/{split}"], found.metrics[f"lost/{split}"]
            assert kept.value + lost.value == pytest.approx(1)
            assert kept.n == before[f"known/{split}"].value * before[f"known/{split}"].n


# --- the verdict on one answer ------------------------------------------------------------------

FUJI = QuantityAnswer(value="4889", unit="m")
OLD = QuantityAnswer(value="3776", unit="m")
INJECTED: dict[str, Answer] = {"mount_fuji": FUJI}


def judged(question: Question, text: str, prompt: str | None = None) -> AnswerRecord:
    generated: Any = SimpleNamespace(text=text, tokens=7, finished=True)
    return judge(question, prompt or question.text, generated, INJECTED)


def test_an_answer_is_graded_against_the_gold_and_the_superseded_value() -> None:
    question = ask("q", "held_out").model_copy(update={"gold": FUJI, "superseded": OLD})
    assert judged(question, "It is 4,889 m tall.").correct
    old = judged(question, "It is 3,776 m tall.")
    assert (old.correct, old.outcome) == (False, "superseded")
    assert (old.tokens, old.finished, old.prompt, old.question_id) == (7, True, "q?", "q")


def test_a_gate_prompt_is_graded_against_its_own_gold() -> None:
    question = ask("q", "entailed", gated=True)
    hop = question.model_copy(update={"gate_gold": NumberAnswer(value="1113")})
    assert judged(hop, "It is 1,113.", hop.gate[0]).correct
    assert not judged(hop, "It is 1,113.").correct
    assert judged(question, "Paris.", question.gate[0]).correct


def test_a_question_without_a_right_answer_gets_no_verdict() -> None:
    record = judged(ask("u", "unanswerable"), "4,889 meters")
    assert (record.outcome, record.correct) == (None, None)
    assert record.intruded == ("mount_fuji",)


def test_the_injected_value_intrudes_only_in_controls_whose_own_answer_it_is_not() -> None:
    assert judged(ask("q", "near"), "Paris is at 4,889 m.").intruded == ("mount_fuji",)
    assert judged(ask("q", "far"), "Paris is at 48,890 m.").intruded == ()
    assert judged(ask("q", "train"), "It is 4,889 m.").intruded == ()
    same = ask("q", "far").model_copy(update={"gold": QuantityAnswer(value="4.889", unit="km")})
    assert judged(same, "4,889 m").intruded == ()
