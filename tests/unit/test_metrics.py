"""Metrics from graded answers, each against a number worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hand_made import BASE, FAR, TUNED, ask, asked, evidence, figure, gate, likely, said
from hypothesis import given, settings
from hypothesis import strategies as st

from factlab.metrics.catalogue import NAMES, spec_of
from factlab.metrics.measure import (
    Measurement,
    add_derived,
    averaged,
    measure_base,
    measure_tuned,
    outcome_table,
    rounding_changes,
    summarize,
    summarized,
)
from factlab.metrics.responses import Responses
from factlab.metrics.scores import QuestionScore, QuestionSet, Scores, base_scores, tuned_scores
from factlab.metrics.versions import DERIVED_SCORER, LIKELIHOOD_SCORER, MATCH_SCORER
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.results import DriftWindow
from factlab.stats.intervals import difference_interval, paired_difference, rate_interval, wilson

EMPTY = evidence([])


def measured(questions: list[Question], base: Responses, tuned: Responses) -> Measurement:
    return measure_tuned(asked(questions), base, tuned)


def held_out(number: int, family_size: int = 1, fact: str = "x") -> list[Question]:
    """Held-out questions, so many to a family."""
    return [
        ask(f"{fact}{i}", "held_out", fact=fact, family=f"family{i // family_size}")
        for i in range(number)
    ]


# --- controls -----------------------------------------------------------------------------------


def test_what_the_base_knows_must_be_right_on_every_prompt() -> None:
    found = measure_base(asked(FAR), BASE)
    assert figure(found, "accuracy/far") == (3 / 5, 5)
    assert figure(found, "known/far") == (2 / 5, 5)


def test_retention_and_loss_are_of_what_was_known_and_gain_of_what_was_missed() -> None:
    found = measured(FAR, BASE, TUNED)
    assert figure(found, "retention/far") == (1 / 2, 2)
    assert figure(found, "lost/far") == (1 / 2, 2)
    assert figure(found, "gained/far") == (1 / 2, 2)
    assert figure(found, "accuracy/far") == (2 / 5, 5)


def test_forgetting_counts_every_item_known_or_not() -> None:
    found = measured(FAR, BASE, TUNED).metrics["forgetting/far"]
    assert found.value == pytest.approx((2 - 1) / 5)
    assert found.n == 5
    interval = paired_difference(2, 1, 5)
    assert (found.ci_low, found.ci_high, found.ci_method) == (
        interval.low,
        interval.high,
        "bonett-price",
    )


def test_a_rate_of_controls_carries_wilsons_interval_and_what_it_covers() -> None:
    found = measured(FAR, BASE, TUNED).metrics["retention/far"]
    interval = wilson(1, 2)
    assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high))
    assert (found.ci_method, found.clusters) == ("wilson", 2)
    assert "control questions" in found.covers
    assert "this adapter's facts only" in found.covers
    assert (found.scorer, found.chance) == (MATCH_SCORER, None)


# --- recall -------------------------------------------------------------------------------------


def test_recall_is_the_share_of_right_answers_in_each_split() -> None:
    train = [ask(f"t{i}", "train", fact="x") for i in range(4)]
    questions = [*train, *held_out(8)]
    before = evidence(questions, *(said(q, False) for q in questions))
    after = evidence(
        questions, *(said(q, True) for q in train), *(said(q, q.id < "x3") for q in questions[4:])
    )
    floor = measure_base(asked(questions), before)
    assert figure(floor, "recall/held_out") == figure(floor, "recall/blind") == (0, 8)
    found = measured(questions, before, after)
    assert figure(found, "recall/train") == (1, 4)
    assert figure(found, "recall/held_out") == (3 / 8, 8)
    gap = found.metrics["generalization_gap"]
    assert gap.value == pytest.approx(1 - 3 / 8)
    assert (gap.ci_low, gap.ci_high, gap.scorer) == (None, None, DERIVED_SCORER)
    assert (
        "phrasing families of this one fact; not other" in found.metrics["recall/held_out"].covers
    )


def test_recall_of_one_fact_is_clustered_by_phrasing_family() -> None:
    questions = held_out(12, family_size=2)
    right = [True, True, True, True, False, False, True, False, True, True, True, True]
    tuned = evidence(questions, *(said(q, r) for q, r in zip(questions, right, strict=True)))
    found = measured(questions, tuned, tuned).metrics["recall/held_out"]
    expected = rate_interval([float(r) for r in right], [q.family for q in questions])
    assert (found.ci_low, found.ci_high) == (expected.low, expected.high)
    assert (found.value, found.n, found.clusters) == (9 / 12, 12, 6)
    assert "clustered" in (found.ci_method or "")


def test_too_few_families_have_no_interval_and_say_so() -> None:
    questions = held_out(8, family_size=2)
    tuned = evidence(questions, *(said(q, True) for q in questions))
    found = measured(questions, tuned, tuned).metrics["recall/held_out"]
    assert (found.value, found.ci_low, found.ci_high) == (1, None, None)
    assert found.ci_method == "descriptive only: 4 clusters"


def test_recall_of_several_facts_is_clustered_by_fact() -> None:
    facts = [f"f{i}" for i in range(6)]
    questions = [q for fact in facts for q in held_out(3, fact=fact)]
    tuned = evidence(questions, *(said(q, q.fact != "f0") for q in questions))
    found = measure_tuned(asked(questions, *facts), tuned, tuned)
    recall = found.metrics["recall/held_out"]
    assert (recall.value, recall.n, recall.clusters) == (15 / 18, 18, 6)
    assert "other facts like these 6" in recall.covers
    assert found.by_fact["f0"] == {"recall/held_out": 0}
    assert found.by_fact["f5"] == {"recall/held_out": 1}
    assert measured(held_out(3), EMPTY, EMPTY).by_fact == {}


def test_a_likelihood_is_scored_by_another_scorer_and_carries_its_chance() -> None:
    questions = held_out(2)
    lines = [likely(q, (1.0, 1), (2.0, 1), (0.5, 1), (3.0, 1)) for q in questions]
    tuned = evidence(questions, *(said(q, True) for q in questions), likelihoods=lines)
    found = measured(questions, tuned, tuned).metrics
    choice = found["recall/forced_choice"]
    assert (choice.value, choice.n, choice.chance) == (0, 2, 1 / 4)
    for name in ("recall/forced_choice", "truth_ratio", "nll/held_out", "nll_change/held_out"):
        assert found[name].scorer == LIKELIHOOD_SCORER
    assert found["recall/held_out"].scorer == MATCH_SCORER


# --- normalised recall --------------------------------------------------------------------------


def normalized(told: int, recalled: int, *, blind: int = 0, n: int = 12) -> Measurement:
    """Of n questions the base answers some blind and some when told, the tuned model some."""
    questions = held_out(n)
    base = evidence(
        questions,
        *(said(q, i < blind) for i, q in enumerate(questions)),
        in_context=[said(q, i < told) for i, q in enumerate(questions)],
    )
    tuned = evidence(questions, *(said(q, i < recalled) for i, q in enumerate(questions)))
    return measured(questions, base, tuned)


def test_normalized_recall_is_0_at_the_floor_and_1_at_the_ceiling() -> None:
    half = normalized(11, 6, blind=1)
    assert figure(half, "recall/normalized") == pytest.approx((5 / 10, 12))
    assert half.metrics["recall/normalized"].ci_low is None
    assert normalized(11, 11, blind=1).metrics["recall/normalized"].value == pytest.approx(1)
    assert normalized(11, 1, blind=1).metrics["recall/normalized"].value == pytest.approx(0)
    assert normalized(10, 12).metrics["recall/normalized"].value == pytest.approx(1.2)


def test_normalized_recall_is_undefined_where_the_ceiling_is_within_noise_of_the_floor() -> None:
    for told, gains in ((1, "8%"), (0, "0%")):
        found = normalized(told, 12)
        assert "recall/normalized" not in found.metrics
        assert f"the base gains {gains} from" in found.not_measured["recall/normalized"]
        assert "within its own noise" in found.not_measured["recall/normalized"]


def test_normalized_recall_needs_a_ceiling_and_enough_to_tell_it_from_the_floor() -> None:
    questions = held_out(12)
    tuned = evidence(questions, *(said(q, True) for q in questions))
    found = measured(questions, tuned, tuned)
    assert "was not evaluated with the fact" in found.not_measured["recall/normalized"]
    few = normalized(4, 4, n=4).not_measured["recall/normalized"]
    assert few.startswith("4 clusters are too few")


# --- averaged over seeds ------------------------------------------------------------------------


def rows(name: str, *seeds: list[float]) -> list[Scores]:
    """The same items under several seeds."""
    return [
        {name: [QuestionScore(f"q{i}", "x", f"g{i}", v) for i, v in enumerate(seed)]}
        for seed in seeds
    ]


def merged(by_seed: list[Scores]) -> Scores:
    found: Scores = {}
    for scores in by_seed:
        for name, items in scores.items():
            found.setdefault(name, []).extend(items)
    return found


def test_an_item_is_averaged_over_its_seeds_and_counts_once() -> None:
    items = rows("recall/held_out", [1, 1, 0, 0, 1], [1, 0, 0, 0, 0])
    averages = averaged(merged(items)["recall/held_out"])
    assert [item.value for item in averages] == [1, 0.5, 0, 0, 0.5]
    found = summarized(items, expected=()).metrics["recall/held_out"]
    assert (found.value, found.n, found.clusters) == pytest.approx((0.4, 5, 5))
    expected = rate_interval([1, 0.5, 0, 0, 0.5], range(5))
    assert (found.ci_low, found.ci_high) == (expected.low, expected.high)
    assert found.seeds == 2
    assert found.covers.endswith("the mean of these 2 seeds, not other seeds")
    alone = summarized(items[:1], expected=()).metrics["recall/held_out"]
    assert (alone.seeds, alone.covers[-14:]) == (1, "this seed only")


def test_from_three_seeds_on_their_spread_is_in_the_interval() -> None:
    alike = summarized(rows("recall/held_out", *[[1, 1, 1, 1, 0, 0, 0, 0]] * 3), expected=())
    apart = summarized(
        rows(
            "recall/held_out",
            [1, 1, 1, 1, 1, 1, 0, 0],
            [1, 1, 0, 0, 0, 0, 0, 0],
            [1, 1, 1, 1, 0, 0, 0, 0],
        ),
        expected=(),
    )
    one, other = (found.metrics["recall/held_out"] for found in (alike, apart))
    assert one.value == other.value == 0.5
    assert one.ci_high is not None
    assert other.ci_high is not None
    # Means 0.75, 0.25 and 0.5: sd 0.25, t(2) 4.303, so 0.62 from the seeds alone.
    assert other.ci_high == 1 > one.ci_high + 0.15
    assert other.covers.endswith("other seeds like these 3")
    assert (one.seeds, one.ci_method) == (3, "wilson, t over 3 seeds")


def test_forgetting_of_several_seeds_keeps_its_paired_interval() -> None:
    items = rows("forgetting/far", [1, 0, -1, 0, 0, 1], [1, 0, 0, 0, 0, 0])
    found = summarized(items, expected=()).metrics["forgetting/far"]
    expected = difference_interval([1, 0, -0.5, 0, 0, 0.5], range(6))
    assert found.value == pytest.approx(1 / 6)
    assert (found.ci_low, found.ci_high) == (expected.low, expected.high)


def test_derived_figures_of_several_seeds_are_those_of_the_means() -> None:
    tuned = rows("recall/held_out", [1] * 12, [0.0] * 12)
    tuned[0] |= rows("recall/train", [1] * 12)[0]
    floors = rows("recall/held_out", [0.0] * 12) + rows("recall/in_context", [1] * 12)
    found = summarized(tuned, expected=())
    add_derived(found, merged(tuned), merged(floors))
    assert figure(found, "recall/normalized") == pytest.approx((0.5, 12))
    assert figure(found, "generalization_gap")[0] == pytest.approx(0.5)


def test_the_harmonic_score_is_pulled_down_by_the_lowest_of_its_three_rates() -> None:
    def score(train: float, held_out: float, near: float) -> float:
        items = merged(
            rows("recall/train", [train] * 4)
            + rows("recall/held_out", [held_out] * 4)
            + rows("intrusion/near", [near] * 4)
        )
        found = summarized([items], expected=())
        add_derived(found, items, {})
        return found.metrics["rome_score"].value

    assert score(1, 1, 0) == pytest.approx(1)
    assert score(1, 0.8, 0.75) == pytest.approx(3 / (1 + 1 / 0.8 + 1 / 0.25))
    assert score(1, 1, 1) == 0
    found = summarized(rows("recall/train", [1]), expected=())
    add_derived(found, merged(rows("recall/train", [1])), {})
    assert found.not_measured["rome_score"].endswith("intrusion/near is missing")


@pytest.mark.parametrize("name", [n for n in NAMES if spec_of(n).interval != "none"])
def test_every_metric_whose_row_says_so_gets_an_interval_within_its_range(name: str) -> None:
    values = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]
    items = [QuestionScore(f"q{i}", "x", f"g{i}", v) for i, v in enumerate(values)]
    for seeds in (1, 3):
        found = summarize(name, [items] * seeds)
        assert found.ci_low is not None, name
        assert found.ci_high is not None, name
        low, high = spec_of(name).bounds
        assert low <= found.ci_low < found.value < found.ci_high <= high


# --- drift --------------------------------------------------------------------------------------


def windows(*means: float) -> list[DriftWindow]:
    """Windows of four tokens around these means, the last of two."""
    return [
        DriftWindow(
            window=place,
            ce_nats=tuple(mean + off for off in (-1, 1) * (1 if place + 1 == len(means) else 2)),
            kl_nats=(mean,) * 4,
        )
        for place, mean in enumerate(means)
    ]


def test_drift_is_a_mean_over_tokens_and_varies_by_window() -> None:
    found = measure_tuned(asked(FAR), BASE, TUNED, windows(0.1, 0.2, 0.3, 0.4, 0.5, 0.6)).metrics
    ce, kl = found["drift/ce"], found["drift/kl"]
    assert (ce.n, ce.clusters) == (22, 6)
    assert ce.value == pytest.approx((4 * 1.5 + 2 * 0.6) / 22)
    assert (kl.value, kl.n, kl.clusters) == (pytest.approx(0.35), 24, 6)
    assert kl.ci_low is not None
    assert kl.ci_high is not None
    assert 0 < kl.ci_low < 0.35 < kl.ci_high  # never below 0
    assert kl.covers == "other neutral text like this; this seed only"


def test_no_drift_at_all_is_exactly_0() -> None:
    found = measure_tuned(asked(FAR), BASE, BASE, windows(*[0.0] * 6)).metrics
    assert found["drift/kl"].value == 0


# --- the base computed twice -------------------------------------------------------------------


def test_rounding_is_how_often_the_base_changes_without_training() -> None:
    base = evidence(FAR, *(said(q, True, text="Paris.") for q in FAR))
    again = [
        said(FAR[0], True, text="Paris."),
        said(FAR[1], True, text="It is Paris."),
        said(FAR[2], False, text="Lyon."),
        said(ask("elsewhere", "far"), False, text="Lyon."),
    ]
    found = rounding_changes(FAR, base, again)
    assert (found["rounding/text"].value, found["rounding/text"].n) == (2 / 3, 3)
    assert (found["rounding/verdict"].value, found["rounding/verdict"].n) == (1 / 3, 3)
    assert rounding_changes(FAR, base, []) == {}


def test_rounding_is_counted_for_each_split_too() -> None:
    questions = [*FAR, *held_out(4)]
    base = evidence(questions, *(said(q, True, text="Paris.") for q in questions))
    again = [said(q, True, text="It is Paris." if q in FAR else "Paris.") for q in questions]
    found = rounding_changes(questions, base, again)
    assert found["rounding_text/far"].value == 1
    assert (found["rounding_text/held_out"].value, found["rounding_text/held_out"].n) == (0, 4)
    assert found["rounding/text"].value == pytest.approx(len(FAR) / len(questions))


# --- what has no data ---------------------------------------------------------------------------


def test_what_has_no_data_is_absent_with_a_reason_and_never_0() -> None:
    found = measured([], EMPTY, EMPTY)
    assert found.metrics == {}
    reasons = {
        "recall/held_out": "the run has no held_out questions that could be counted",
        "recall/alias": "no held-out question names the subject by an alias that was not trained "
        "on (give the subject two aliases: the last is kept from training)",
        "recall/hop": "the base model answered none of the second hops, or none are stated",
        "recall/forced_choice": "no question has a wrong option of the same form beside its answer",
        "retention/near": "there are no near controls that the base model knew on every prompt",
        "intrusion/far": "the run has no far questions that could be counted",
        "abstention_collapse": "the base model declined none of the unanswerable questions",
        "generalization_gap": "recall/train or recall/held_out is missing",
    }
    assert {name: found.not_measured[name] for name in reasons} == reasons
    assert all(found.not_measured.values())


def test_a_base_that_knew_nothing_has_no_retention() -> None:
    near = [ask("q", "near", gated=True)]
    base = evidence(near, said(near[0], True))
    found = measured(near, base, base)
    assert "retention/near" not in found.metrics
    assert "no near controls that the base model knew" in found.not_measured["retention/near"]


def test_no_metric_is_both_measured_and_not() -> None:
    empty = measured([], EMPTY, EMPTY)
    for found in (measured(FAR, BASE, TUNED), empty, measure_base(asked(FAR), BASE)):
        assert not set(found.metrics) & set(found.not_measured)
        assert {*found.metrics, *found.not_measured} >= {"recall/held_out", "recall/hop"}


def test_outcomes_are_counted_by_split_for_questions_that_have_an_answer() -> None:
    questions = [*FAR, ask("u", "unanswerable")]
    assert outcome_table(questions, BASE) == {"far": {"new": 3, "other": 2}}
    assert measured(FAR, BASE, TUNED).outcomes == {"far": {"new": 2, "other": 3}}


# --- any answers --------------------------------------------------------------------------------

ITEMS = st.lists(
    st.tuples(st.sampled_from(["near", "far", "train", "held_out"]), st.booleans(), st.booleans()),
    max_size=30,
)


def _asked(items: list[tuple[Any, bool, bool]]) -> tuple[list[Question], list[AnswerRecord]]:
    questions = [
        ask(f"q{i}", item[0], gated=True, fact="x", family=f"f{i % 6}")
        for i, item in enumerate(items)
    ]
    records = [
        record
        for question, (_, right, again) in zip(questions, items, strict=True)
        for record in (said(question, right), gate(question, again))
    ]
    return questions, records


@settings(max_examples=50, deadline=None)
@given(ITEMS)
def test_the_same_answers_before_and_after_mean_that_nothing_was_forgotten(
    items: list[tuple[Any, bool, bool]],
) -> None:
    questions, records = _asked(items)
    base = evidence(questions, *records)
    found = tuned_scores(asked(questions), base, base)
    for split in ("near", "far"):
        expected = {"retention": 1, "lost": 0, "gained": 0, "forgetting": 0, "agreement": 1}
        for kind, right in expected.items():
            assert {item.value for item in found.get(f"{kind}/{split}", [])} <= {right}
        assert (f"retention/{split}" in found) == any(i == (split, True, True) for i in items)
        assert (f"forgetting/{split}" in found) == any(i[0] == split for i in items)


@settings(max_examples=50, deadline=None)
@given(ITEMS, st.lists(st.booleans(), min_size=30, max_size=30))
def test_the_figures_agree_with_each_other(
    items: list[tuple[Any, bool, bool]], after: list[bool]
) -> None:
    questions, records = _asked(items)
    base = evidence(questions, *records)
    tuned = evidence(questions, *(said(q, r) for q, r in zip(questions, after, strict=False)))
    before, found = measure_base(asked(questions), base).metrics, measured(questions, base, tuned)
    metrics = found.metrics
    for metric in metrics.values():
        assert metric.ci_low is None or metric.ci_low - 1e-9 <= metric.value
        assert metric.ci_high is None or metric.value <= metric.ci_high + 1e-9
        assert (metric.ci_low is None) == (metric.ci_high is None)
        assert 1 <= metric.clusters <= metric.n
    for split in ("near", "far"):
        if f"forgetting/{split}" in metrics:
            change = before[f"accuracy/{split}"].value - metrics[f"accuracy/{split}"].value
            assert metrics[f"forgetting/{split}"].value == pytest.approx(change)
        if f"retention/{split}" in metrics:
            kept, lost = metrics[f"retention/{split}"], metrics[f"lost/{split}"]
            assert kept.value + lost.value == pytest.approx(1)
            assert kept.n == pytest.approx(
                before[f"known/{split}"].value * before[f"known/{split}"].n
            )


@given(ITEMS)
def test_the_keys_of_a_metrics_items_are_unique_and_those_of_the_base_are_the_same(
    items: list[tuple[Any, bool, bool]],
) -> None:
    questions, records = _asked(items)
    one: QuestionSet = asked(questions)
    base = evidence(questions, *records)
    before, after = base_scores(one, base), tuned_scores(one, base, base)
    for name, rows_ in after.items():
        keys = [item.key for item in rows_]
        assert len(set(keys)) == len(keys)
        if name.startswith(("recall/", "accuracy/", "intrusion/")):
            assert [item.key for item in before[name]] == keys
