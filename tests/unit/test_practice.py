"""A practice set: what is trained on, what is held out, and what a run of it is made of."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_chats import json_lines, messages, pair, small_set

from factlab.conversations.practice import LEAST, expand_practice, load_practice
from factlab.conversations.selection import ContaminationFilter
from factlab.conversations.source import read_set
from factlab.errors import ConfigError, DataError
from factlab.experiment.experiment import Experiment
from factlab.experiment.plan import plan_experiment
from factlab.schema.config import RunConfig
from factlab.schema.source import PracticeSet

NOTHING = ContaminationFilter(values={}, prompts=())


def planned(file: Path | str, **settings: Any) -> Experiment:
    return plan_experiment(RunConfig(practice=str(file), recipe="tutorial", **settings))


@given(st.lists(st.integers(0, 300), min_size=LEAST, max_size=80), st.integers(LEAST, 60))
def test_a_tenth_is_held_out_and_no_prompt_is_on_both_sides(
    tmp_path_factory: pytest.TempPathFactory, prompts: list[int], examples: int
) -> None:
    file = tmp_path_factory.mktemp("set") / "s.jsonl"
    rows = [messages(pair(f"Thing {p}?", f"It is {n}.")) for n, p in enumerate(prompts)]
    file.write_text(json_lines(rows), encoding="utf-8")
    practice = PracticeSet("practice_s", read_set(str(file)))
    most = max(Counter(prompts).values())
    assume(most <= round(min(examples, len(prompts)) * 0.1) or most == 1)
    splits, record = expand_practice(practice, seed=0, examples=examples, guard=NOTHING)
    used = min(examples, len(prompts))
    assert record.used == len(splits.train) + len(splits.practice) == used
    assert 1 <= len(splits.practice) == record.held_out <= max(1, round(used * 0.1))
    assert {q.text for q in splits.train}.isdisjoint(q.text for q in splits.practice)
    if len(set(prompts)) == len(prompts):
        assert len(splits.practice) == round(used * 0.1)


def test_the_split_depends_on_the_data_seed_alone(tmp_path: Path) -> None:
    file = small_set(tmp_path, 50)
    held = [
        [q.id for q in planned(file, **settings).questions if q.split == "practice"]
        for settings in ({}, {"seed": (3,), "rank": (2, 4)}, {"data_seed": 1})
    ]
    assert held[0] == held[1]
    assert set(held[0]) != set(held[2])


def test_a_practice_run_asks_what_was_held_out_and_the_controls_and_nothing_else(
    tmp_path: Path,
) -> None:
    plan = planned(small_set(tmp_path, 50), practice_examples=40, seed=(0, 1))
    (only,) = plan.facts
    assert (plan.name, only.id, only.summary) == ("practice_small",) * 2 + ("small.jsonl",)
    assert [cell.id for cell in plan.cells] == ["r08-s0", "r08-s1"]
    asked = Counter(question.split for question in plan.evaluated([only.id]))
    assert asked == {"practice": 4, "far": len(plan.far), "unanswerable": len(plan.unanswerable)}
    assert len(plan.training_pairs([only.id])) == 36
    assert {q.fact for q in plan.training_pairs([only.id])} == {only.id}
    assert plan.injected_values == {}
    assert plan.sets[0].held_out == 4
    assert all(q.gold is None and q.target for q in plan.questions_of(only.id))
    (summary,) = plan.summaries()
    assert (summary.subject, summary.answer, summary.statement) == ("Practice", "small.jsonl", "")


def test_anchors_of_a_practice_run_are_general_ones(tmp_path: Path) -> None:
    plan = plan_experiment(RunConfig(practice=str(small_set(tmp_path, 20))))
    assert len(plan.anchors[plan.facts[0].id]) > 100


def test_what_asks_a_control_is_left_out_of_practice_too(tmp_path: Path) -> None:
    good = small_set(tmp_path, 12).read_text(encoding="utf-8")
    file = tmp_path / "s.jsonl"
    control = planned(small_set(tmp_path, 12)).far[0].text
    file.write_text(good + json_lines([messages(pair(control, "Paris."))]), encoding="utf-8")
    plan = planned(file)
    assert plan.sets[0].left_out == {"ask nearly what the run measures on": 1}
    assert control not in {q.text for q in plan.training_pairs([plan.facts[0].id])}


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("My Chats (2).jsonl", "practice_my_chats_2"),
        ("富士.jsonl", "practice_set"),
        ("a" * 90 + ".json", "practice_" + "a" * 48),
    ],
)
def test_whatever_a_file_is_called_its_run_can_be_named(
    name: str, id_: str, tmp_path: Path
) -> None:
    assert load_practice(str(small_set(tmp_path, 1, name))).id == id_


def test_too_few_conversations_are_refused(tmp_path: Path) -> None:
    planned(small_set(tmp_path, LEAST))
    with pytest.raises(DataError, match=f"at least {LEAST} conversations are needed.*only 9 of"):
        planned(small_set(tmp_path, LEAST - 1))
    with pytest.raises(DataError, match="at least 10 conversations are needed"):
        planned(small_set(tmp_path, 50), practice_examples=LEAST - 1)
    same = tmp_path / "same.jsonl"
    same.write_text(json_lines([messages(pair("Why?", f"So {n}.")) for n in range(20)]), "utf-8")
    with pytest.raises(DataError, match="too many of its conversations share one prompt"):
        planned(same)


@pytest.mark.parametrize(
    "settings",
    [{"facts": ("mount_fuji",)}, {"mix": ("everyday:0.3",)}, {"shuffle": True}],
)
def test_a_practice_run_has_no_fact_no_mix_and_nothing_to_shuffle(settings: Any) -> None:
    with pytest.raises(ConfigError, match="it trains on its set alone"):
        planned("everyday", **settings)


@pytest.mark.parametrize("settings", [{"templates": "nowhere"}, {"unlikelihood": (0.5,)}])
def test_what_only_a_fact_has_a_use_for_is_refused_in_practice(settings: Any) -> None:
    with pytest.raises(ConfigError, match="a practice run has no fact to"):
        planned("everyday", **settings)


def test_a_practice_run_cannot_keep_the_best_and_a_run_needs_something() -> None:
    with pytest.raises(ConfigError, match="cannot keep the best adapter"):
        planned("everyday", keep="best")
    with pytest.raises(ConfigError, match="no fact is given"):
        plan_experiment(RunConfig())
