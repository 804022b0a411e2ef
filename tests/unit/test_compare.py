"""Configurations pooled, compared pair by pair, and chosen from; runs that may not be compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import run_factlab
from hypothesis import given
from hypothesis import strategies as st
from small_runs import FAR, HELD_OUT, NEAR, Made, write_run

import factlab
from factlab.comparison import RunComparison, compare_run, compare_runs
from factlab.comparison.pairs import (
    ENDPOINT_OF,
    Pairs,
    compare_pairs,
    compare_two,
    distinguishable,
    turned,
)
from factlab.comparison.pool import Pooled
from factlab.comparison.responses import RunResponses
from factlab.comparison.rule import pareto_front
from factlab.comparison.wording import percent, points, signed
from factlab.errors import ConfigError, RunFolderError
from factlab.metrics.scores import QuestionScore
from factlab.runs.folder import RunFolder
from factlab.schema.results import Comparison, Configuration, Metric, RunResult

RECALL = "recall/held_out"


def compared(folder: Path, *cells: Made) -> RunComparison:
    return compare_runs([write_run(folder / "run", *cells)])


def three_seeds(*cells: Made) -> list[Made]:
    """Each cell as three seeds that come out the same: enough seeds, and nothing that they add."""
    return [replace(cell, seed=seed) for cell in cells for seed in range(3)]


def configuration(found: RunComparison, id_: str) -> Configuration:
    return next(c for c in found.configurations if c.id == id_)


def pair(found: RunComparison, metric: str, a: str, b: str) -> Comparison:
    return next(c for c in found.comparisons if (c.metric, c.a, c.b) == (metric, a, b))


def pooled_of(id_: str, items: dict[int, list[QuestionScore]], metric: str = RECALL) -> Pooled:
    arm = Configuration(
        id=id_,
        rank=8,
        alpha=32,
        precision="nf4",
        recipe="default",
        learning_rate=5e-4,
        cells=("one",),
        facts=("fuji",),
        seeds=tuple(items),
    )
    return Pooled(arm, {metric: items})


def item(key: str, value: float, fact: str = "fuji") -> QuestionScore:
    return QuestionScore(key, fact, key, value)


def comparison(
    low: float | None, high: float | None, *, p: float | None = 0.01, descriptive: bool = False
) -> Comparison:
    return Comparison(
        metric=RECALL,
        a="a",
        b="b",
        difference=((low or 0) + (high or 0)) / 2,
        ci_low=low,
        ci_high=high,
        ci_method="made",
        p=p,
        p_adjusted=p,
        p_method="made",
        n=20,
        clusters=20,
        detectable=None,
        descriptive=descriptive,
        covers="",
    )


# --- pooling ----------------------------------------------------------------------------------


def test_pooled_values_are_means_over_questions_of_means_over_seeds(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        Made(facts=("fuji",), seed=0, recalled=20, forgot_far=4, into_near=5, drift=0.1),
        Made(facts=("fuji",), seed=1, recalled=10, forgot_far=0, into_near=0, drift=0.2),
        Made(facts=("etna",), seed=0, recalled=4, forgot_far=8, into_near=1, drift=0.3),
        Made(facts=("etna",), seed=1, recalled=6, forgot_far=0, into_near=0, drift=0.4),
    )
    (only,) = found.configurations
    metrics = only.metrics
    assert (only.facts, only.seeds, len(only.cells)) == (("etna", "fuji"), (0, 1), 4)
    assert metrics[RECALL].value == pytest.approx((20 + 10 + 4 + 6) / (4 * HELD_OUT))
    assert (metrics[RECALL].n, metrics[RECALL].clusters) == (2 * HELD_OUT, 2)
    assert metrics["retention/far"].value == pytest.approx(1 - (4 + 0 + 8 + 0) / (4 * FAR))
    assert metrics["retention/far"].n == 2 * FAR  # each adapter was asked the same far controls
    assert metrics["intrusion/near"].value == pytest.approx((5 + 0 + 1 + 0) / (4 * NEAR))
    assert metrics["drift/ce"].value == pytest.approx(0.25)
    assert (metrics["drift/ce"].n, metrics["drift/ce"].clusters) == (4, 2)
    assert "2 seeds" in metrics[RECALL].covers


def test_one_fact_and_seed_claims_phrasings_only(tmp_path: Path) -> None:
    found = compared(tmp_path, Made(rank=4), Made(rank=8, recalled=15))
    covers = configuration(found, "r08").metrics[RECALL].covers
    assert "phrasing families of this one fact; not other facts; this seed" in covers
    assert pair(found, RECALL, "r04", "r08").covers == covers
    assert configuration(found, "r08").metrics[RECALL].clusters == HELD_OUT // 2


def test_a_diverged_cell_is_not_pooled_and_its_configuration_not_chosen(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        Made(rank=8, recalled=18, seed=0),
        Made(rank=8, recalled=18, seed=1),
        Made(rank=32, recalled=20, seed=0),
        Made(rank=32, seed=1, status="diverged"),
    )
    assert configuration(found, "r32").metrics[RECALL].value == 1
    assert configuration(found, "r32").seeds == (0,)
    assert found.choice is not None
    assert found.choice.chosen == "r08"
    assert "r32 is not considered" in found.choice.sentence
    assert any("fuji-r32-s1 diverged" in note for note in found.notes)


def test_a_configuration_that_only_diverged_says_so_in_place_of_numbers(tmp_path: Path) -> None:
    found = compared(tmp_path, Made(rank=8), Made(rank=32, status="diverged"))
    wreck = configuration(found, "r32")
    assert wreck.metrics == {}
    assert "diverged" in wreck.not_measured[RECALL]
    assert all("r32" not in (c.a, c.b) for c in found.comparisons)


def test_a_cell_without_its_answers_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", Made())
    RunFolder(run).cell(Made().id).answers_file.unlink()
    with pytest.raises(RunFolderError, match=r"answers\.jsonl: no answers"):
        compare_runs([run])


def test_without_the_base_there_is_no_before(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", Made())
    RunFolder(run).base().answers_file.unlink()
    with pytest.raises(RunFolderError, match="no before"):
        compare_runs([run])


# --- pairs ------------------------------------------------------------------------------------


def test_items_are_paired_by_key_at_seeds_that_both_have() -> None:
    a = pooled_of("a", {0: [item("q1", 1)], 1: [item(f"q{n}", 0) for n in range(1, 9)]})
    b = pooled_of(
        "b",
        {
            1: [item(f"q{n}", float(n <= 3)) for n in range(7, 0, -1)],  # q8 is missing
            2: [item("q1", 1)],
        },
    )
    found = compare_two(ENDPOINT_OF[RECALL], a, b)
    assert found is not None
    assert found.n == 7
    assert found.difference == pytest.approx(3 / 7)
    assert "only seed 1, which both have" in found.covers
    assert "only the 7 of 8 items that both have" in found.covers


def test_a_difference_is_averaged_over_seeds_before_it_is_tested() -> None:
    a = pooled_of("a", {s: [item(f"q{n}", 0) for n in range(10)] for s in (0, 1)})
    b = pooled_of(
        "b", {0: [item(f"q{n}", 1) for n in range(10)], 1: [item(f"q{n}", 0) for n in range(10)]}
    )
    found = compare_two(ENDPOINT_OF[RECALL], a, b)
    assert found is not None
    assert (found.n, found.difference) == (10, pytest.approx(0.5))


def test_runs_of_other_seeds_are_not_paired_and_that_is_said(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", Made(rank=4, seed=0))
    two = write_run(tmp_path / "two", Made(rank=8, seed=1))
    found = compare_runs([one, two])
    assert found.comparisons == ()
    assert any("r04 and r08" in note for note in found.notes)
    assert found.choice is not None
    assert "seeds and questions" in found.choice.sentence


def test_one_adapter_for_all_facts_is_paired_by_question(tmp_path: Path) -> None:
    facts = tuple("abcdefgh")
    alone = write_run(tmp_path / "alone", *(Made(rank=4, facts=(f,)) for f in facts))
    together = write_run(tmp_path / "all", Made(rank=8, facts=facts, forgot_far=FAR // 2))
    found = compare_runs([alone, together])
    far = pair(found, "retention/far", "r04", "r08")
    assert (far.n, far.clusters) == (FAR, FAR)
    assert far.difference == pytest.approx(-0.5)
    assert pair(found, RECALL, "r04", "r08").n == len(facts) * HELD_OUT
    assert found.differs["facts per adapter"] == {"r04": "1", "r08": "8"}


@pytest.mark.parametrize(
    ("metric", "low", "high", "not_worse"),
    [
        ("retention/far", -0.04, 0.1, True),
        ("retention/far", -0.06, 0.1, False),
        ("intrusion/near", -0.3, 0.04, True),
        ("intrusion/near", -0.3, 0.06, False),
        ("forgetting/far", None, None, None),
    ],
)
def test_not_worse_is_judged_by_the_interval_and_the_direction_of_the_metric(
    metric: str, low: float | None, high: float | None, not_worse: bool | None
) -> None:
    assert ENDPOINT_OF[metric].not_worse(low, high) is not_worse


def test_holm_is_over_the_pairs_of_each_endpoint(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        *three_seeds(
            Made(rank=4, forgot_far=0),
            Made(rank=8, forgot_far=7),
            Made(rank=16, forgot_far=15),
            Made(rank=32, forgot_far=16),
        ),
    )
    measured = {c.metric for c in found.comparisons}
    assert {"recall/held_out", "retention/far", "intrusion/near"} <= measured <= set(ENDPOINT_OF)
    for metric in measured:
        pairs = sorted((c for c in found.comparisons if c.metric == metric), key=lambda c: c.p or 0)
        assert len(pairs) == 6
        running = 0.0
        for place, one in enumerate(pairs):
            assert one.p is not None
            running = min(1.0, max(running, (6 - place) * one.p))
            assert one.p_adjusted == pytest.approx(running)
    # Bonett and Price: 7/22 is 2.69 errors of √((9/22 − (7/22)²) / 22).
    assert pair(found, "retention/far", "r04", "r08").p == pytest.approx(0.00715, abs=5e-5)


@pytest.mark.parametrize(
    ("seeds", "lacks"), [(1, "one seed, and at least 3"), (2, "2 seeds, and at least 3"), (3, None)]
)
def test_below_three_seeds_a_comparison_describes_these_seeds_only(
    tmp_path: Path, seeds: int, lacks: str | None
) -> None:
    cells = [
        Made(rank=rank, seed=seed, forgot_far=lost)
        for rank, lost in ((4, 0), (8, 14))
        for seed in range(seeds)
    ]
    made = compared(tmp_path, *cells)
    found = pair(made, "retention/far", "r04", "r08")
    assert (found.seeds, found.descriptive) == (seeds, lacks is not None)
    assert (found.lacks or "").startswith(lacks or "")
    assert found.ci_high is not None
    assert found.ci_high < 0  # of these questions, at these seeds
    assert [found.p is None, found.not_worse is None, found.detectable is None] == [bool(lacks)] * 3
    assert distinguishable(found) is (lacks is None)
    assert distinguishable(turned(found)) is (lacks is None)
    assert turned(found).not_worse is (None if lacks else True)


def test_too_few_seeds_are_said_with_what_enough_would_take(tmp_path: Path) -> None:
    few = compared(tmp_path / "few", Made(rank=4), Made(rank=8))
    (note,) = few.notes
    assert note.startswith("With one seed, differences between configurations are described and")
    assert "--seeds 3 tests them, with 6 cells instead of 2" in note
    assert compared(tmp_path / "enough", *three_seeds(Made(rank=4), Made(rank=8))).notes == ()
    assert compared(tmp_path / "one", Made(rank=4)).notes == ()


def test_what_seeds_differ_by_is_not_a_difference_of_configurations() -> None:
    """45, 35 and 10 of 150 against 60, 30 and 30: a t test over the seeds has p = .32."""

    def arm(name: str, *hits: int) -> Pooled:
        return pooled_of(
            name,
            {
                seed: [item(f"q{n}", float(n < found)) for n in range(150)]
                for seed, found in enumerate(hits)
            },
            "intrusion/near",
        )

    found = compare_two(ENDPOINT_OF["intrusion/near"], arm("a", 45, 35, 10), arm("b", 60, 30, 30))
    assert found is not None
    assert found.p is not None
    assert found.ci_low is not None
    assert found.ci_low < 0 < found.difference
    assert 0.3 < found.p < 0.4
    assert not distinguishable(found)


def test_too_few_clusters_are_descriptive_and_get_no_p() -> None:
    rows = [QuestionScore(f"q{n}", "fuji", "one family", float(n % 2)) for n in range(8)]
    found = compare_pairs([pooled_of("a", {0: rows}), pooled_of("b", {0: rows})])
    assert [(c.descriptive, c.p, c.p_adjusted, c.not_worse) for c in found] == [
        (True, None, None, None)
    ]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (comparison(0.01, 0.2), True),
        (comparison(-0.2, -0.01), True),
        (comparison(-0.01, 0.2), False),
        (comparison(0.0, 0.2), False),
        (comparison(0.01, 0.2, p=0.06), False),
        (comparison(None, None), False),
        (comparison(0.01, 0.2, descriptive=True), False),
    ],
)
def test_only_an_interval_without_0_tells_two_apart(made: Comparison, expected: bool) -> None:
    assert distinguishable(made) is expected


def test_a_comparison_can_be_read_from_both_sides() -> None:
    made = comparison(-0.01, 0.2)
    back = turned(made)
    assert (back.a, back.difference, back.ci_low, back.ci_high) == ("b", -0.095, -0.2, 0.01)
    assert back.not_worse is False
    one, two = pooled_of("a", {}).configuration, pooled_of("b", {}).configuration
    assert Pairs([made]).of(RECALL, two, one) == back
    assert Pairs([made]).of("intrusion/far", one, two) is None


# --- choosing ---------------------------------------------------------------------------------


def test_a_run_is_chosen_from_by_its_answers(tmp_path: Path) -> None:
    cells = (Made(rank=8, recalled=19), Made(rank=32, forgot_far=10, into_near=NEAR))
    choice = compared(tmp_path, *cells).choice
    assert choice is not None
    assert choice.chosen == "r08"
    assert choice.sentence.startswith("Take r08 because it is the only one that learned (90 %")
    assert "Excluded as destructive: r32 (far retention 50 %, limit 70 %" in choice.sentence
    assert choice.pareto == ("r08", "r32")


def test_all_that_is_right_is_compared_only_across_bases() -> None:
    items = {0: [item(f"q{i}", float(i % 2)) for i in range(20)]}
    pair_of = [pooled_of(name, items, "accuracy/far") for name in ("a", "b")]
    assert compare_pairs(pair_of) == ()
    other = pair_of[1].configuration.model_copy(update={"precision": "bf16"})
    found = compare_pairs([pair_of[0], replace(pair_of[1], configuration=other)])
    assert [c.metric for c in found] == ["accuracy/far"]


def test_one_configuration_is_no_choice(tmp_path: Path) -> None:
    found = compared(tmp_path, Made(seed=0), Made(seed=1))
    assert (len(found.configurations), found.comparisons, found.choice) == (1, (), None)


PLACES = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2),
    st.tuples(st.integers(0, 4).map(lambda n: n / 4), st.integers(0, 4).map(lambda n: n / 4)),
    min_size=1,
)


@given(PLACES)
def test_the_pareto_front_is_what_none_beats(places: dict[str, tuple[float, float]]) -> None:
    def beats(a: str, b: str) -> bool:
        (recall, cost), (other, price) = places[a], places[b]
        return recall >= other and cost <= price and places[a] != places[b]

    front = pareto_front(places)
    assert front
    assert not any(beats(a, b) for a in front for b in front)
    assert all(any(beats(a, b) for a in front) for b in places if b not in front)


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.96, "96 %"), (1, "100 %"), (0.996, "99.6 %"), (0, "0 %"), (-1, "−100 %")],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share: float, shown: str) -> None:
    assert percent(share) == shown


def test_differences_are_said_in_points() -> None:
    assert (points(0.01), points(-0.034), points(0.123)) == ("1 point", "3.4 points", "12 points")
    assert (signed(0.031), signed(-0.01), signed(0.0001)) == ("+3.1", "−1.0", "0")


# --- several runs -----------------------------------------------------------------------------


def test_colliding_ids_get_their_run_in_front_and_settings_that_differ_are_listed(
    tmp_path: Path,
) -> None:
    one = write_run(tmp_path / "fuji-1a2b", Made(rank=8), Made(rank=32))
    two = write_run(tmp_path / "fuji-3c4d", Made(rank=8, recipe="distill", recalled=15))
    found = factlab.compare(one, str(two))
    assert [c.id for c in found.configurations] == ["fuji-1a2b/r08", "r32", "fuji-3c4d/r08"]
    assert pair(found, RECALL, "fuji-1a2b/r08", "fuji-3c4d/r08").difference == -0.25
    assert found.differs["recipe"]["fuji-3c4d/r08"] == "distill"
    assert found.differs["alpha/rank"]["r32"] == "1"
    assert "learning rate" not in found.differs


def test_settings_of_runs_that_differ_are_listed(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "one", Made(rank=4)), write_run(tmp_path / "two", Made(rank=8))]
    for run, pairs in zip(runs, (320, 160), strict=True):
        text = f"facts: [fuji]\nseed: [0]\ntrain_pairs: {pairs}\n"
        RunFolder(run).config_file.write_text(text, encoding="utf-8")
    found = compare_runs(runs)
    assert found.differs["train pairs"] == {"r04": "320", "r08": "160"}
    assert found.differs.keys() == {"rank", "alpha/rank", "train pairs"}


def test_runs_are_compared_on_the_facts_they_share(tmp_path: Path) -> None:
    one = write_run(
        tmp_path / "one", Made(rank=4, facts=("fuji",)), Made(rank=4, facts=("etna",), recalled=0)
    )
    two = write_run(tmp_path / "two", Made(rank=8, facts=("fuji",)))
    found = compare_runs([one, two])
    assert found.facts == ("fuji",)
    assert configuration(found, "r04").metrics[RECALL].value == 1
    assert any("left out" in note for note in found.notes)


def test_runs_that_were_computed_otherwise_are_compared_with_a_note(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, Made(rank=4)) for name in ("one", "two", "three")]
    assert compare_runs(runs).notes == ()
    file = RunFolder(runs[1]).record_file
    file.write_text(file.read_text().replace('"precision_note": "nf4"', '"precision_note": "nf4!"'))
    (note,) = compare_runs(runs).notes
    assert note.startswith("At nf4 not all was computed alike")
    assert "one, three nf4, on cpu; two nf4!, on cpu." in note


def test_an_unfinished_run_is_compared_with_a_note(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", Made(rank=4), Made(rank=8), status="interrupted")
    found = compare_runs([run])
    assert any("interrupted; its 2 finished cells" in note for note in found.notes)


def test_a_configuration_that_lacks_a_fact_is_not_chosen(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        Made(rank=4, facts=("fuji",), recalled=18),
        Made(rank=4, facts=("etna",), recalled=18),
        Made(rank=8, facts=("fuji",), recalled=20),
    )
    assert found.choice is not None
    assert found.choice.chosen == "r04"


REFUSED = {
    "an older matcher": (Made(rank=8, scorer="match 0"), {}, r"factlab rescore .*two"),
    "other weights": (Made(rank=8), {"weights": "cd" * 32}, "different base models"),
    "other questions": (Made(rank=8), {"asks": "What is {}'s height?"}, "20 differ in held_out"),
    "other facts": (Made(rank=8, facts=("etna",)), {}, "share no fact"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_unlike_runs_are_refused_in_words(tmp_path: Path, what: str) -> None:
    cell, other, message = REFUSED[what]
    one = write_run(tmp_path / "one", Made(rank=4))
    two = write_run(tmp_path / "two", cell, **other)
    with pytest.raises((ConfigError, RunFolderError), match=message):
        compare_runs([one, two])


def test_a_run_is_not_compared_with_itself_or_nothing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", Made())
    with pytest.raises(ConfigError, match="named twice"):
        compare_runs([run, run / ".." / "run"])
    with pytest.raises(ConfigError, match="no run is named"):
        compare_runs([])
    with pytest.raises(RunFolderError, match=r"no run\.json"):
        compare_runs([tmp_path / "nowhere"])
    with pytest.raises(RunFolderError, match="no cell of this run is finished"):
        compare_runs([write_run(tmp_path / "empty", status="failed")])


def test_the_end_of_a_run_gets_the_same_as_a_later_comparison(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", Made(rank=4), Made(rank=8, forgot_far=9))
    folder = RunFolder(run)
    configurations, comparisons, choice = compare_run(
        RunResponses.read(folder), folder.finished_cells()
    )
    later = compare_runs([run])
    assert configurations == later.configurations
    assert comparisons == later.comparisons
    assert choice == later.choice
    assert RunResult.model_fields.keys() >= {"configurations", "comparisons", "choice"}


# --- the command ------------------------------------------------------------------------------


def test_the_command_prints_the_choice_the_tables_and_loads_no_torch(tmp_path: Path) -> None:
    write_run(tmp_path / "run", Made(rank=8), Made(rank=32, into_near=NEAR))
    text, document, gate = run_factlab(
        [
            ["compare", "run"],
            ["compare", "run", "--json"],
            ["compare", "run", "--fail-if", "intrusion/near>0.5", "--fail-if", "recall/hop<0.5"],
        ],
        cwd=tmp_path,
    )
    assert (text.code, text.heavy) == (0, ""), text.err
    assert "Take r08" in text.out
    assert max(map(len, text.out.splitlines())) <= 100
    parsed = json.loads(document.out)
    assert parsed["choice"]["chosen"] == "r08"
    assert parsed["failed_gates"] == []
    assert gate.code == 1
    assert "r32: intrusion/near is 1" in gate.err
    assert "r08: recall/hop was not measured" in gate.err
    assert "Take r08" in gate.out


def test_practice_runs_are_compared_by_their_loss(capsys: pytest.CaptureFixture[str]) -> None:
    """None trains a fact, so columns of recall and intrusion would be dashes."""
    from factlab.cli.compare import _show
    from factlab.comparison.choose import choose

    made = []
    for id_, loss in (("r08", 3.08), ("r16", 2.91)):
        arm = pooled_of(id_, {0: []}).configuration
        found = {
            name: Metric(value=value, n=19, clusters=19, covers="", scorer="s")
            for name, value in (("nll/practice", loss), ("token_accuracy/practice", 0.39))
        }
        made.append(Pooled(arm.model_copy(update={"metrics": found})))
    _show(
        RunComparison(
            runs=(),
            facts=(),
            differs={},
            notes=(),
            configurations=tuple(one.configuration for one in made),
            comparisons=(),
            choice=choose(made, ()),
        )
    )
    out = " ".join(capsys.readouterr().out.split())
    assert "a run that practises trains no fact, and the rule needs recall" in out
    assert "3.080" in out
    assert "2.910" in out
    assert "39 (no interval)" in out
    assert "intrusion" not in out


def test_long_ids_of_runs_stay_readable_at_100_columns(tmp_path: Path) -> None:
    write_run(tmp_path / "mount_fuji-1a2b3c4d", Made(rank=8), Made(rank=32, into_near=6))
    write_run(tmp_path / "mount_fuji-5e6f7a8b", Made(rank=8, recipe="distill", forgot_far=9))
    (done,) = run_factlab([["compare", "mount_fuji-1a2b3c4d", "mount_fuji-5e6f7a8b"]], cwd=tmp_path)
    assert max(map(len, done.out.splitlines())) <= 100
    assert "B is mount_fuji-5e6f7a8b." in done.out
    assert "A/r08 → B/r08" in done.out


def test_the_command_refuses_in_one_paragraph(tmp_path: Path) -> None:
    write_run(tmp_path / "run", Made())
    for done in run_factlab(
        [
            ["compare", "nowhere"],
            ["compare", "run", "--fail-if", "recall"],
            ["compare", "run", "--against", "run"],
        ],
        cwd=tmp_path,
    ):
        assert done.code == 2
        assert done.is_one_paragraph, done.err
