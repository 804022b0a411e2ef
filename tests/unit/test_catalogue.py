"""The metric catalogue: complete, gateable, and what the documentation says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_run import GOOD, WEAK, write_fake_run
from hand_made import ask, evidence, likely, said
from small_runs import Made, write_run

from factlab.comparison.gate import parse_gate
from factlab.comparison.gates import compare_with_gates
from factlab.errors import ConfigError
from factlab.grading.answer import NumberAnswer
from factlab.metrics.catalogue import (
    MAIN_METRICS,
    NAMES,
    PAGE_ROWS,
    ROWS,
    find,
    is_likelihood,
    names_of,
    spec_of,
    why_empty,
)
from factlab.metrics.measure import Measurement, measure_base, measure_tuned, rounding_changes
from factlab.metrics.panel import PANEL_METRICS
from factlab.metrics.reference import refreshed, tables, uses
from factlab.metrics.scores import QuestionSet
from factlab.schema.passage import DEPTHS
from factlab.schema.published import ROME_PARTS
from factlab.schema.question import Question, Turn
from factlab.schema.splits import CONTROL_SPLITS, NEAR_GROUPS, PANEL_SIZES, SPLIT, SPLITS

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"


# Splits whose questions have families, or facts, of their own.
UNLIKE = ("probe", "practice", "far", "extra", "cloze")


def everything_asked() -> list[Question]:
    """Questions of every split that is evaluated, of a fact x and of a fact y."""
    own = [
        ask(f"{fact}/{spec.name}", spec.name, fact=fact, alias=True)
        for fact in ("x", "y")
        for spec in SPLITS
        if spec.evaluated != "never" and spec.name not in UNLIKE
    ]
    hop = ask("x/hop", "entailed", fact="x", gated=True)
    own += [ask(f"x/{part}", "cloze", fact="x", family=part) for part in ROME_PARTS]
    own += [ask("x/case", "entailed", fact="x").model_copy(update={"case": "1"})]
    own += [ask(f"x/{group}", "near", fact="x", family=group) for group in NEAR_GROUPS]
    numbered = ask("x/number", "held_out", fact="x").model_copy(
        update={"gold": NumberAnswer(value="4889"), "event_date": "2025-10-10"}
    )
    own = [
        q.model_copy(update={"before": (Turn(role="user", content="first"),)})
        if q.split == "challenged"
        else q
        for q in own
    ]
    far = [ask("far", "far"), ask("far/missed", "far")]
    return [*own, hop, numbered, *far, ask("extra", "extra", family="my_suite")]


MISSED = ("far/missed", "y/near")  # controls that the base answers wrong


def measured(questions: list[Question], *facts: str) -> tuple[Measurement, Measurement]:
    """The base and a tuned model on the same questions, with every likelihood."""
    scored = [
        likely(q, (1.0, 2), (2.0, 2), injected=dict.fromkeys(facts, 3.0))
        for q in questions
        if SPLIT[q.split].scored
    ]
    base = evidence(
        questions,
        *(
            said(
                q, None if q.split == "unanswerable" else q.id not in MISSED, text="I don't know."
            ).model_copy(update={"interference": () if q.split == "held_out" else None})
            for q in questions
        ),
        *(said(q, True).model_copy(update={"prompt": q.gate[0]}) for q in questions if q.gate),
        *(said(q, True).model_copy(update={"prompt": q.opening}) for q in questions if q.opening),
        likelihoods=scored,
        in_context=[said(q, True) for q in questions if SPLIT[q.split].in_context],
    )
    asked_of = QuestionSet(facts, questions)
    on_base = measure_base(asked_of, base)
    on_base.metrics |= rounding_changes(questions, base, list(base.main.values()))
    return on_base, measure_tuned(asked_of, base, base)


def emitted() -> set[str]:
    """Every name that facts, passages and practice sets put into a result."""
    probes = [ask(f"p/{depth}", "probe", fact="p", family=depth) for depth in DEPTHS]
    practice = [ask("s/practice", "practice", fact="s")]
    runs = [
        measured(everything_asked(), "x", "y"),
        measured([*probes, ask("far", "far")], "p"),
        measured(practice, "s"),
    ]
    return {
        name for pair in runs for found in pair for name in (*found.metrics, *found.not_measured)
    }


def test_every_metric_that_is_emitted_has_a_row_and_can_be_gated(tmp_path: Path) -> None:
    names = emitted()
    for file in write_fake_run(tmp_path, GOOD, WEAK, scale=0.3, facts=2).rglob("*.json"):
        for part in _parts(json.loads(file.read_text())):
            names |= part.keys()
    assert len(names) > 80
    for name in names:
        assert find(name) is not None, name
        assert parse_gate(f"{name}@point>0.1").metric == name


def _parts(document: object) -> list[dict[str, object]]:
    """The `metrics` and `not_measured` of a JSON document, wherever they stand."""
    if isinstance(document, list):
        return [part for item in document for part in _parts(item)]
    if not isinstance(document, dict):
        return []
    own = [document[key] for key in ("metrics", "not_measured") if key in document]
    return own + [part for value in document.values() for part in _parts(value)]


def test_the_catalogue_holds_no_name_that_nothing_emits() -> None:
    derived = {"drift/ce", "drift/kl"}  # measured on a loaded model
    assert set(NAMES) - derived - emitted() == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_row_can_be_gated(name: str) -> None:
    assert parse_gate(f"{name}@point<=0.5").metric == name


def test_gates_hold_measured_metrics_to_their_limit_whoever_they_belong_to(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", Made(rank=8))
    _, failed = compare_with_gates([run], ["accuracy/far<=1", "brier/held_out>3", "lost/far<2"])
    assert [one.gate for one in failed] == ["accuracy/far<=1", "brier/held_out>3", "lost/far<2"]
    assert "was not measured" in failed[1].reason


def test_a_metric_of_the_base_is_gated_on_the_base(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path, GOOD, scale=0.3)
    base = json.loads((run / "results.json").read_text())["base"]["metrics"]["known/far"]
    from factlab.comparison.gates import apply_gates
    from factlab.runs.folder import load_run

    pooled = load_run(run).configurations
    facts = pooled[0].facts
    (failed,) = apply_gates([run], pooled, facts, ["known/far@point<1.5"])
    assert f"known/far is {base['value']:.4g}" in failed.reason
    assert apply_gates([run], pooled, facts, ["known/far>1"]) == ()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("recal/held_out", "recall/held_out"),
        ("recall/heldout", "recall/held_out"),
        ("interferrence/held_out", "interference/held_out"),
        ("token_acuracy/practice", "token_accuracy/practice"),
    ],
)
def test_an_unknown_metric_is_refused_with_the_nearest_name(wrong: str, right: str) -> None:
    with pytest.raises(ConfigError, match=f"Did you mean '{right}'.*factlab list metrics"):
        parse_gate(f"{wrong}<0.5")


def test_a_suite_of_the_users_own_can_be_gated_and_a_misspelled_one_is_refused(
    tmp_path: Path,
) -> None:
    assert parse_gate("retention/my_suite<0.9").metric == "retention/my_suite"
    run = write_run(tmp_path / "run", Made(rank=8))
    with pytest.raises(ConfigError, match="unknown metric 'retention/my_suite'"):
        compare_with_gates([run], ["retention/my_suite<0.9"])


def test_names_are_unique_and_each_row_explains_itself() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert sorted(row.name for row in ROWS) == sorted(row.name for row in PAGE_ROWS)
    for row in ROWS:
        assert all((row.title, row.mean_of, row.formula, row.caveat, row.source)), row.name
        assert row.takes_suites or row.splits or not row.is_pattern, row.name


def test_limits_and_endpoints_agree_with_the_direction() -> None:
    for row in ROWS:
        use = row.use
        if use.margin is not None or use.cost or use.blurred is not None:
            assert row.better != "neither", row.name
        if use.blurred is not None and use.destructive is not None:
            assert row.worse(use.destructive - use.blurred), row.name


def test_the_panel_follows_one_metric_for_each_of_its_splits() -> None:
    names = {split for split in PANEL_SIZES if split != "probe"} | set(DEPTHS)
    assert PANEL_METRICS.keys() == names


def test_a_metric_that_is_named_by_a_control_split_is_of_controls() -> None:
    for name in NAMES:
        if name.partition("/")[2] in CONTROL_SPLITS:
            assert not spec_of(name).about_fact, name


def test_main_metrics_are_measured_from_answers_alone() -> None:
    """An export is not asked for likelihoods."""
    assert [name for name in MAIN_METRICS if is_likelihood(name)] == []


def test_a_reason_is_given_for_every_expected_metric() -> None:
    for name in names_of(lambda use: use.expected or use.base_expected):
        assert "{" not in why_empty(name)


def test_an_unknown_metric_is_shown_as_it_is() -> None:
    assert (spec_of("sparkle/far").title, spec_of("sparkle/far").better) == (
        "sparkle/far",
        "neither",
    )


def test_the_documentation_says_what_the_catalogue_says() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert text == refreshed(text), "run: python -m factlab.metrics.reference docs/metrics.md"
    assert [name for name in tables() if f"<!-- table: {name} -->" not in text] == []


def test_what_a_metric_decides_is_said_with_its_limits() -> None:
    assert uses(spec_of("intrusion/far"))[:4] == [
        "endpoint ±0.05",
        "cost",
        "blurred > 0.02",
        "destructive > 0.1",
    ]
    assert uses(spec_of("drift/kl")) == []
