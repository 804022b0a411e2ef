"""`--fail-if`: which figures fail a build, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import Made, write_run

from factlab.comparison.gate import parse_gate
from factlab.comparison.gates import compare_with_gates, failed_gates
from factlab.errors import ConfigError
from factlab.schema.results import Configuration, Metric

RECALL = "recall/held_out"


def measured(**values: float) -> Configuration:
    """A configuration of these metrics; `recall_held_out=0.9`."""
    return Configuration(
        id="r08",
        rank=8,
        alpha=32,
        precision="nf4",
        recipe="default",
        learning_rate=5e-4,
        cells=("r08-s0",),
        facts=("fuji",),
        seeds=(0,),
        metrics={
            name.replace("_", "/", 1): Metric(
                value=value, n=40, clusters=20, ci_low=0.7, ci_high=0.97, covers="", scorer="match"
            )
            for name, value in values.items()
        },
        not_measured={"retention/near": "the base model knew none of the near controls"},
    )


def fails(expression: str, value: float, against: float | None = None) -> bool:
    before = None if against is None else {"r08": measured(recall_held_out=against)}
    return bool(failed_gates([parse_gate(expression)], [measured(recall_held_out=value)], before))


@pytest.mark.parametrize(
    ("expression", "metric", "sign", "limit", "against"),
    [
        ("recall/held_out<0.9", RECALL, "<", 0.9, False),
        ("recall/held_out <= .9", RECALL, "<=", 0.9, False),
        ("drift/ce>1e-3", "drift/ce", ">", 0.001, False),
        ("forgetting/far>=-0.1", "forgetting/far", ">=", -0.1, False),
        ("recall/held_out<against", RECALL, "<", 0, True),
        ("recall/held_out<against-0.02", RECALL, "<", -0.02, True),
        ("intrusion/far > against + 0.02", "intrusion/far", ">", 0.02, True),
    ],
)
def test_expressions_are_read(
    expression: str, metric: str, sign: str, limit: float, against: bool
) -> None:
    gate = parse_gate(expression)
    assert (gate.metric, gate.sign, gate.limit, gate.against) == (metric, sign, limit, against)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "recall/held_out",
        "recall/held_out=0.9",
        "<0.9",
        "recall/held_out<90%",
        "a<b",
        "recall/held_out<0.9<1",
        "recall/held_out<against0.02",
        "recall/held_out<against*2",
    ],
)
def test_anything_else_is_refused_with_the_known_forms(expression: str) -> None:
    with pytest.raises(ConfigError, match="METRIC<NUMBER"):
        parse_gate(expression)


@pytest.mark.parametrize(
    ("expression", "bound"),
    [
        ("retention/far<0.9", "lower"),
        ("retention/far<=0.9", "lower"),
        ("intrusion/near>0.1", "upper"),
        ("intrusion/near>=0.1", "upper"),
        ("retention/far@upper<0.9", "upper"),
        ("retention/far @point < 0.9", None),
        ("retention/far@point < 0.9", "point"),
        ("retention/far<against-0.02", "point"),
        ("retention/far@lower<against-0.02", "lower"),
    ],
)
def test_a_gate_tests_the_end_that_shows_something_unless_it_names_another(
    expression: str, bound: str | None
) -> None:
    if bound is None:
        with pytest.raises(ConfigError, match="not an expression"):
            parse_gate(expression)
        return
    gate = parse_gate(expression)
    assert gate.bound == bound
    assert gate.meaning.startswith(
        "tests the measured value" if bound == "point" else f"tests the {bound} end of the 95 %"
    )


def test_what_is_measured_above_the_limit_fails_unless_the_interval_is_above_it_too() -> None:
    one = measured(recall_held_out=0.95)  # 0.7 to 0.97
    (failed,) = failed_gates([parse_gate(f"{RECALL}<0.9")], [one])
    assert failed.tested == "lower"
    assert failed.reason == (
        "recall/held_out is 0.95 (0.7 to 0.97, n = 40), whose lower end is < 0.9"
    )
    for passes in (f"{RECALL}<0.65", f"{RECALL}@point<0.9", f"{RECALL}@upper<0.9"):
        assert failed_gates([parse_gate(passes)], [one]) == ()
    low = measured(intrusion_near=0.75)
    assert failed_gates([parse_gate("intrusion/near>0.9")], [low])
    assert not failed_gates([parse_gate("intrusion/near@lower>0.7")], [low])


def test_a_figure_without_an_interval_fails_and_says_what_to_do() -> None:
    bare = measured(recall_held_out=0.95)
    metric = bare.metrics[RECALL].model_copy(
        update={"ci_low": None, "ci_high": None, "ci_method": "descriptive only: 3 clusters"}
    )
    bare = bare.model_copy(update={"metrics": {RECALL: metric}})
    (failed,) = failed_gates([parse_gate(f"{RECALL}<0.9")], [bare])
    assert "there is no interval (descriptive only: 3 clusters) whose lower end" in failed.reason
    assert f"gate the value: '{RECALL}@point<0.9'" in failed.reason
    assert failed_gates([parse_gate(f"{RECALL}@point<0.9")], [bare]) == ()


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("rome_score<0.6", "has no interval.*'rome_score@point<0.6'"),
        ("recall/normalized@upper>1", "has no interval.*'recall/normalized@point>1'"),
        ("retention/far@mean<0.9", "unknown bound '@mean'.*@lower and @upper"),
        ("retention/far@uper<0.9", "Did you mean 'upper'"),
        ("drift/kl@upper>against", "paired difference, which is measured for recall/held_out"),
        ("nll/far>2", "unknown metric 'nll/far'. Of this kind there are nll/held_out, nll/mem"),
    ],
)
def test_a_bound_that_cannot_be_tested_is_refused_with_what_to_write(
    expression: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_gate(expression)


@pytest.mark.parametrize(
    ("sign", "below", "equal", "above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
    ],
)
def test_each_sign_at_and_beside_the_limit(
    sign: str, below: bool, equal: bool, above: bool
) -> None:
    values = (0.89, 0.9, 0.91)
    assert [fails(f"{RECALL}@point{sign}0.9", value) for value in values] == [below, equal, above]


@given(st.floats(0, 1), st.floats(0, 1).map(lambda x: round(x, 3)))
def test_a_gate_and_its_opposite_never_both_pass(value: float, limit: float) -> None:
    below, above = f"{RECALL}@point<{limit}", f"{RECALL}@point>={limit}"
    assert fails(below, value) != fails(above, value)


def test_a_drop_is_held_against_the_same_configuration_of_the_other_run() -> None:
    expression = f"{RECALL}<against-0.02"
    assert not fails(expression, 0.95, against=0.97)  # 0.97 − 0.02 is not 0.95 in floating point
    assert fails(expression, 0.94, against=0.97)
    assert not fails(expression, 0.99, against=0.97)


def test_a_failure_has_value_interval_and_limit() -> None:
    (failed,) = failed_gates([parse_gate(f"{RECALL}@point<0.95")], [measured(recall_held_out=0.9)])
    assert (failed.configuration, failed.gate) == ("r08", f"{RECALL}@point<0.95")
    assert failed.reason == (
        "recall/held_out is 0.9 (0.7 to 0.97, n = 40), which is < 0.95; the interval includes "
        "that limit"
    )


def test_what_was_not_measured_fails_and_says_why() -> None:
    gates = [parse_gate("retention/near<0.9"), parse_gate("recall/hop<0.1")]
    near, hop = failed_gates(gates, [measured(recall_held_out=1)])
    assert near.reason.endswith("was not measured: the base model knew none of the near controls")
    assert "recall/hop was not measured: " in hop.reason


def test_a_configuration_that_the_other_run_lacks_fails() -> None:
    gate = parse_gate(f"{RECALL}<against")
    (failed,) = failed_gates([gate], [measured(recall_held_out=1)], {})
    assert "no configuration of this id" in failed.reason
    (failed,) = failed_gates([gate], [measured(recall_held_out=1)], {"r08": measured()})
    assert "not measured in the run it is compared with" in failed.reason


def test_a_misspelled_metric_is_no_failed_gate_but_an_error() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'recall/held_out'"):
        failed_gates([parse_gate("recall/heldout<0.9")], [measured(recall_held_out=1)])


def test_every_configuration_is_held_to_every_gate(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", Made(rank=4, recalled=10), Made(rank=8), Made(rank=16))
    _, failed = compare_with_gates([run], [f"{RECALL}<0.6", "retention/far>0.5"])
    assert [(f.gate.partition("/")[0], f.configuration) for f in failed] == [
        ("recall", "r04"),
        ("retention", "r04"),
        ("retention", "r08"),
        ("retention", "r16"),
    ]


def test_a_regression_between_runs(tmp_path: Path) -> None:
    before = write_run(tmp_path / "before", Made(rank=8, recalled=20), Made(rank=4, recalled=18))
    after = write_run(tmp_path / "after", Made(rank=8, recalled=19), Made(rank=4, recalled=18))
    expression = f"{RECALL}<against-0.02"
    _, failed = compare_with_gates([after], [expression], before)
    assert [f.configuration for f in failed] == ["r08"]
    assert "the other run has 1 (" in failed[0].reason
    _, failed = compare_with_gates([before], [expression], after)
    assert failed == ()


def test_an_end_of_the_paired_difference_between_runs_can_be_tested(tmp_path: Path) -> None:
    before = write_run(tmp_path / "before", Made(rank=8))
    alike = write_run(tmp_path / "alike", Made(rank=8))
    worse = write_run(tmp_path / "worse", Made(rank=8, recalled=0))
    gate = f"{RECALL}@upper<against-0.1"
    assert compare_with_gates([alike], [gate], before)[1] == ()
    (failed,) = compare_with_gates([worse], [gate], before)[1]
    assert failed.reason.startswith("recall/held_out differs from the other run by -1 (-1")
    assert failed.reason.endswith("whose upper end is < -0.1")
    both = compare_with_gates([alike, worse], [gate], before)[1]
    assert [one.configuration for one in both] == ["worse/r08"]


def test_a_run_of_fewer_facts_is_nothing_to_be_held_against(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", Made(facts=("fuji",)), Made(facts=("etna",)))
    other = write_run(tmp_path / "other", Made(facts=("fuji",)))
    with pytest.raises(ConfigError, match="lacks etna"):
        compare_with_gates([one], [f"{RECALL}<against"], other)


def test_against_needs_an_expression_and_an_expression_needs_against(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", Made())
    with pytest.raises(ConfigError, match="no --fail-if compares with it"):
        compare_with_gates([run], [f"{RECALL}<0.9"], tmp_path)
    with pytest.raises(ConfigError, match="--against RUN"):
        compare_with_gates([run], [f"{RECALL}<against"])
