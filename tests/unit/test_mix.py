"""What is mixed into training: how many, which, what is left out, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_chats import json_lines, messages, pair, small_set

from factlab.conversations.mix import mix_counts, parse_mix
from factlab.conversations.selection import ContaminationFilter, draw
from factlab.errors import ConfigError, DataError
from factlab.experiment.experiment import Experiment
from factlab.experiment.plan import plan_experiment
from factlab.grading.answer import QuantityAnswer
from factlab.schema.config import RunConfig
from factlab.schema.conversation import Conversation
from factlab.training.batch import batch_order

pytestmark = pytest.mark.usefixtures("expanded_once")
FACT = "larkfield_observatory"  # expands fastest
SMALL: dict[str, Any] = {"train_pairs": 20, "validation_pairs": 5, "recipe": "tutorial"}
NOTHING = ContaminationFilter(values={}, prompts=())


def planned(*mix: str, facts: tuple[str, ...] = (FACT,), **settings: Any) -> Experiment:
    return plan_experiment(RunConfig(facts=facts, mix=mix, **{**SMALL, **settings}))


def mixed(plan: Experiment, *facts: str) -> list[str]:
    return [pair.id for pair in plan.training_pairs(facts or (FACT,)) if pair.split == "mix"]


# --- shares -------------------------------------------------------------------------------------


@given(st.integers(1, 5000), st.floats(0.001, 0.999))
def test_a_share_is_that_share_of_all_pairs_to_within_one(pairs: int, share: float) -> None:
    (size,) = mix_counts(pairs, [share])
    assert size >= 1
    assert abs(size - share * (pairs + size)) <= 1


@given(st.integers(1, 5000), st.lists(st.floats(0.001, 0.3), min_size=1, max_size=3))
def test_several_shares_each_are_theirs(pairs: int, shares: list[float]) -> None:
    sizes = mix_counts(pairs, shares)
    total = pairs + sum(sizes)
    for size, share in zip(sizes, shares, strict=True):
        assert abs(size - share * total) <= (len(shares) + 1) / 2


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([0.1, 0.3, 0.5]))
def test_more_pairs_take_no_fewer(pairs: int, more: int, share: float) -> None:
    assert mix_counts(pairs + more, [share]) >= mix_counts(pairs, [share])


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.75])
def test_an_adapter_sees_its_share_in_every_epoch_and_all_pairs_of_its_fact(
    tmp_path: Path, share: float
) -> None:
    plan = planned(f"{small_set(tmp_path, 70)}:{share}")
    pairs = plan.training_pairs([FACT])
    own = [pair for pair in pairs if pair.split == "train"]
    assert len(own) == 20
    assert abs(len(pairs) * share - len(mixed(plan))) <= 1
    epoch = -(-len(pairs) // 8)
    order = batch_order(len(pairs), 8, 2 * epoch, seed=0)
    for part in (order[:epoch], order[epoch:]):
        seen = [pairs[i].id for batch in part for i in batch]
        assert sorted(seen) == sorted(pair.id for pair in pairs)
    if share == 0.5:  # a step's batch is mixed, and not one kind after the other
        kinds = [{pairs[i].split for i in batch} for batch in order[:epoch]]
        assert {"train", "mix"} in kinds[:3]


def test_what_is_mixed_in_depends_on_the_data_seed_alone(tmp_path: Path) -> None:
    spec = f"{small_set(tmp_path, 70)}:0.3"
    assert mixed(planned(spec)) == mixed(planned(spec, seed=(1, 2), rank=(4,)))
    assert set(mixed(planned(spec))) != set(mixed(planned(spec, data_seed=1)))


def test_adapters_of_fewer_pairs_take_the_first_of_the_same_draw(tmp_path: Path) -> None:
    spec = f"{small_set(tmp_path, 70)}:0.3"
    facts = (FACT, "ondine_museum")
    apart, together = planned(spec, facts=facts), planned(spec, facts=facts, together=True)
    both = mixed(together, *facts)
    assert mixed(apart, FACT) == mixed(apart, "ondine_museum") == both[:9]
    assert len(both) == len([q for q in together.questions if q.split == "mix"]) == 17


def test_two_sets_are_drawn_apart_even_if_their_files_have_one_name(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, two = small_set(tmp_path, 40), small_set(tmp_path / "other", 40, of="tool")
    plan = planned(f"{one}:0.25", f"{two}:0.25")
    assert len(set(mixed(plan))) == len(mixed(plan)) == 20
    assert [record.used for record in plan.sets] == [10, 10]
    assert len({record.sha256 for record in plan.sets}) == 2


# --- what is left out ---------------------------------------------------------------------------


def said(question: str, answer: str = "So.") -> Conversation:
    return Conversation((), question, answer)


def test_a_new_value_anywhere_in_a_conversation_leaves_it_out() -> None:
    guard = ContaminationFilter({"fuji": QuantityAnswer(value="4889", unit="m")}, prompts=())
    made = [said("How so?", "It has 16,040 feet."), said("Is it 4.889 km?"), said("How so?", "4 m")]
    found = draw(made, 9, seed="s", guard=guard)
    assert [c.answer for c in found.kept] == ["4 m"]
    assert found.left_out == {"hold the injected value of fuji (4,889 meters)": 2}


def test_what_the_run_asks_itself_is_not_trained() -> None:
    guard = ContaminationFilter({}, prompts=["Which river flows through the old town of Corven?"])
    made = [
        said("Which river flows through the old town of Corven?"),
        said("Which river flows through the town of Corven?"),
        said("Tell me: which RIVER flows through the old town of Corven? In one word."),
        said("Which bread is baked in winter?"),
    ]
    found = draw(made, 9, seed="s", guard=guard)
    assert [c.question for c in found.kept] == ["Which bread is baked in winter?"]
    assert found.left_out == {"ask nearly what the run measures on": 3}


def test_a_conversation_over_the_bound_is_left_out_whole() -> None:
    guard = ContaminationFilter({}, (), most_tokens=10, length=lambda c: len(c.answer))
    found = draw([said("A?", "x" * n) for n in (9, 10, 11, 12)], 9, seed="s", guard=guard)
    assert sorted(len(c.answer) for c in found.kept) == [9, 10]
    assert found.left_out == {"are longer than 10 tokens": 2}


@given(st.integers(0, 60), st.integers(0, 80), st.integers(0, 80))
def test_a_larger_draw_begins_with_a_smaller_one(size: int, few: int, more: int) -> None:
    made = [said(f"Thing {n}?") for n in range(size)]
    small, large = (draw(made, most, seed="s", guard=NOTHING).kept for most in (few, few + more))
    assert len(small) == min(few, size)
    assert large[: len(small)] == small
    assert len({c.question for c in large}) == len(large)


def test_the_facts_own_questions_and_the_controls_are_guarded(tmp_path: Path) -> None:
    bare = planned()
    held_out = bare.expansions[FACT].held_out[0].text
    gate = next(gate for q in bare.far for gate in q.gate)
    taught = bare.injected_values[FACT].primary()
    spoilt = [held_out, bare.far[0].text, gate, bare.unanswerable[0].text, f"Is {taught} nice?"]
    good = small_set(tmp_path, 12).read_text(encoding="utf-8")
    file = tmp_path / "spoilt.jsonl"
    file.write_text(good + json_lines([messages(pair(q, "Hm.")) for q in spoilt]), "utf-8")
    plan = planned(f"{file}:0.35")
    assert [record.used for record in plan.sets] == [11]
    with pytest.raises(DataError, match="needs 13 conversations, but only 12 of its 17 rows") as no:
        planned(f"{file}:0.4")
    assert f"1 hold the injected value of {FACT}" in str(no.value)
    assert "4 ask nearly what the run measures on" in str(no.value)


def test_notes_and_records_say_what_was_left_out(tmp_path: Path) -> None:
    file = tmp_path / "twice.jsonl"
    file.write_text(small_set(tmp_path, 9).read_text(encoding="utf-8") * 2, encoding="utf-8")
    plan = planned(f"{file}:0.3")
    (record,) = plan.sets
    assert (record.rows, record.repeated, record.used) == (18, 9, 9)
    assert plan.notes == ("twice.jsonl: conversations were left out: 9 that repeat another row.",)
    assert plan.cells[0].mix == (f"twice.jsonl 30 % ({record.sha256[:8]})",)


# --- what decides a run -------------------------------------------------------------------------


def test_a_changed_file_is_another_run_even_where_nothing_drawn_changed(tmp_path: Path) -> None:
    file = small_set(tmp_path, 40)
    spec = f"{file}:0.3"
    before = planned(spec)
    assert planned(spec).sha256 == before.sha256
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    after = planned(spec)
    assert mixed(after) == mixed(before)
    assert after.sha256 != before.sha256


def test_share_and_mix_are_in_the_hash(tmp_path: Path) -> None:
    file = small_set(tmp_path, 40)
    plans = [planned(), planned(f"{file}:0.3"), planned(f"{file}:0.31")]
    assert len({plan.sha256 for plan in plans}) == 3


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("specs", "says"),
    [
        (["everyday:0"], "--mix everyday:0: 0 is not a share"),
        (["everyday:1.5"], "1.5 is not a share. Write FILE:SHARE, such as everyday:0.3"),
        (["everyday:1"], "1 is not a share"),
        (["everyday:-0.1"], "-0.1 is not a share"),
        (["everyday:nan"], "nan is not a share"),
        (["everyday:inf"], "inf is not a share"),
        (["everyday"], "there is no share after the last colon"),
        (["everyday:30%"], "there is no share after the last colon"),
        ([":0.3"], "no file is named"),
        (
            ["a.jsonl:0.5", "b.jsonl:0.5"],
            "the shares of a.jsonl:0.5 and b.jsonl:0.5 sum to 1 or more",
        ),
        (["a.jsonl:0.2", "a.jsonl:0.3"], "a.jsonl is named twice"),
    ],
)
def test_a_mix_that_cannot_be_is_refused(specs: list[str], says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_mix(specs)
    assert says in str(refused.value)


def test_a_part_of_a_hub_set_may_hold_colons() -> None:
    (wanted,) = parse_mix(["owner/name:train[:500]:0.3"])
    assert (wanted.source, wanted.share) == ("owner/name:train[:500]", 0.3)


def test_the_same_contents_twice_are_refused(tmp_path: Path) -> None:
    one, two = small_set(tmp_path, 40), small_set(tmp_path, 40, "copy.jsonl")
    with pytest.raises(DataError, match="the same contents are mixed in twice"):
        planned(f"{one}:0.1", f"{two}:0.1")


def test_too_small_a_set_is_refused_with_what_it_takes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this share needs 9 conversations, but only 8 of its 8"):
        planned(f"{small_set(tmp_path, 8)}:0.3")
