"""What a run would do: which cells, which questions, and what is refused before anything runs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpers import MINIMAL, write

from factlab.errors import ConfigError, FactError, TemplateError
from factlab.plan import RunPlan, find_recipe, plan_run, read_config
from factlab.schema.config import RunConfig
from factlab.schema.recipes import RECIPES

FACT = "larkfield_observatory"  # expands fastest
SMALL = {"train_pairs": 10, "validation_pairs": 5, "recipe": "tutorial"}


def planned(*facts: str, **settings: Any) -> RunPlan:
    """A small plan, without anchors unless a recipe is named that has them."""
    return plan_run(RunConfig(facts=facts or (FACT,), **{**SMALL, **settings}))


@cache
def fuji() -> RunPlan:
    return plan_run(RunConfig(facts=("mount_fuji",)))


def test_one_fact_with_the_defaults_is_one_cell_of_the_recipes_rank() -> None:
    (cell,) = fuji().cells
    assert (cell.id, cell.fact, cell.rank, cell.seed) == ("r08-s0", "mount_fuji", 8, 0)
    assert cell.recipe == RECIPES["default"]
    assert (cell.alpha, cell.precision) == (RECIPES["default"].alpha, "nf4")


def test_ranks_and_seeds_are_crossed_and_each_counts_once() -> None:
    plan = planned(rank=(4, 16, 4), seed=(0, 1, 0), precision="bf16")
    assert [cell.id for cell in plan.cells] == ["r04-s0", "r04-s1", "r16-s0", "r16-s1"]
    assert {cell.alpha for cell in plan.cells} == {RECIPES["tutorial"].alpha}
    assert {cell.precision for cell in plan.cells} == {"bf16"}


def test_cells_of_several_facts_are_told_apart(tmp_path: Path) -> None:
    plan = planned(FACT, str(write(tmp_path, MINIMAL)), rank=(4,))
    assert [cell.id for cell in plan.cells] == [f"{FACT}-r04-s0", "dune_tower-r04-s0"]
    assert (plan.name, fuji().name) == ("2-facts", "mount_fuji")
    assert set(plan.injected) == {FACT, "dune_tower"}
    assert plan.near["dune_tower"] == ()


def test_no_seed_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="no seed is given"):
        planned(seed=())


def test_a_fixed_sample_of_the_training_questions_is_asked_one_of_each_family_in_turn() -> None:
    asked = [question for question in fuji().asked("mount_fuji") if question.split == "train"]
    assert len(asked) == len({question.text for question in asked}) == 40
    turns = [question.family for question in asked]
    families = len({question.family for question in fuji().expansions["mount_fuji"].train})
    assert len(set(turns[:families])) == families
    assert turns[families:] == turns[: 40 - families]


def test_a_sample_takes_families_in_turn_in_whatever_order_they_come() -> None:
    splits = fuji().expansions["mount_fuji"]
    train = tuple(sorted(splits.train, key=lambda question: question.family))
    families = list(dict.fromkeys(question.family for question in train))
    plan = replace(fuji(), expansions={"mount_fuji": replace(splits, train=train)})
    asked = [question.family for question in plan.asked("mount_fuji")[:40]]
    assert asked == (families * 2)[:40]


def test_a_sample_larger_than_the_data_is_all_of_it_each_text_once() -> None:
    plan = planned(train_pairs=320, train_sample=1000)
    trained = plan.expansions[FACT].train
    asked = [question.text for question in plan.asked(FACT) if question.split == "train"]
    assert sorted(asked) == sorted({question.text for question in trained})
    assert len(asked) < len(trained)


def test_everything_else_is_asked_whole() -> None:
    plan = fuji()
    asked = plan.asked("mount_fuji")
    splits = plan.expansions["mount_fuji"]
    whole = [*splits.validation, *splits.held_out, *splits.reverse, *splits.entailed]
    whole += [*plan.near["mount_fuji"], *plan.far, *plan.unanswerable]
    assert asked[40:] == whole
    assert len({question.id for question in asked}) == len(asked)


def test_a_runs_questions_hold_all_that_is_trained_asked_or_anchored() -> None:
    plan = fuji()
    everything = {question.id for question in plan.questions}
    assert len(everything) == len(plan.questions)
    assert {question.id for question in plan.asked("mount_fuji")} <= everything
    assert {question.id for question in plan.expansions["mount_fuji"].train} <= everything
    assert {question.id for question in plan.anchors["mount_fuji"]} <= everything
    assert {question.split for question in plan.questions} == {
        "train", "validation", "held_out", "reverse", "entailed", "near", "far", "unanswerable",
        "anchor",
    }  # fmt: skip


def test_far_controls_are_shared_by_all_facts() -> None:
    plan = planned(FACT, "ondine_museum")
    far = [question.id for question in plan.questions if question.split == "far"]
    assert len(far) == len(set(far)) == len(plan.far)
    for fact in plan.facts:
        assert [q.id for q in plan.asked(fact.id) if q.split == "far"] == far


def test_anchors_are_planned_only_for_a_recipe_that_uses_them() -> None:
    assert len(fuji().anchors["mount_fuji"]) >= 100
    assert planned().anchors == {FACT: ()}


def test_the_hash_of_a_run_tells_settings_and_data_apart() -> None:
    plans = [planned(), planned(data_seed=1), planned(train_pairs=11), planned("ondine_museum")]
    assert len({plan.sha256 for plan in plans}) == len(plans)
    assert planned().sha256 == plans[0].sha256


def test_a_summary_says_what_a_report_needs_to_know() -> None:
    (summary,) = fuji().summaries()
    assert (summary.id, summary.subject) == ("mount_fuji", "Mount Fuji")
    assert (summary.answer, summary.superseded) == ("4,889 meters", "3,776 meters")
    (other,) = planned().summaries()
    assert other.superseded is None


def test_recipes_are_found_by_name_and_described() -> None:
    assert set(RECIPES) >= {"default", "tutorial"}
    for name, recipe in RECIPES.items():
        assert find_recipe(name) is recipe
        assert recipe.name == name
        assert len(recipe.about.split()) >= 5


def test_an_unknown_recipe_is_refused_before_anything_is_expanded() -> None:
    with pytest.raises(ConfigError, match=r"'tutorail'\. Did you mean 'tutorial'\? Known recipes:"):
        planned("no_such_fact", recipe="tutorail")


def test_an_unknown_fact_is_refused() -> None:
    with pytest.raises(FactError, match="no such file, folder or shipped fact"):
        planned("no_such_fact")


@pytest.mark.parametrize("phrasing", ["{{ subjct }} how high?", "{% for x in y %}", "{{ 1 + 1 }}"])
def test_an_own_phrasing_that_cannot_be_rendered_stops_the_plan(
    phrasing: str, tmp_path: Path
) -> None:
    text = MINIMAL + f"phrasings: {{train: ['{phrasing}']}}\n"
    with pytest.raises(TemplateError, match="the phrasing"):
        planned(str(write(tmp_path, text)))


# --- settings from a file -----------------------------------------------------------------------


def test_settings_from_a_file_are_only_those_that_it_names(tmp_path: Path) -> None:
    file = write(tmp_path, "facts: [mount_fuji]\nrank: [4, 8]\nmax_steps: 0\n", "run.yaml")
    assert read_config(file) == {"facts": ("mount_fuji",), "rank": (4, 8), "max_steps": 0}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("rnak: [4]", r":2:1: unknown key 'rnak'\. Did you mean 'rank'\?"),
        ("rank: 8", r":2:1: 'rank': a list is wanted here, not '8'\. Write \[8\] or"),
        ("rank: [four]", r":2:8: 'rank': a whole number is wanted, not 'four'"),
        ("rank: [0]", r":2:8: 'rank': Input should be greater than 0 \(got '0'\)"),
        ("max_steps: many", r":2:1: 'max_steps': a whole number is wanted, not 'many'"),
        ("precision: nf3", r":2:1: 'precision': 'nf3' is not known\. Known: 'nf4', 'int8'"),
        ("seed:", r":2:1: 'seed' has no value"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_line(line: str, says: str, tmp_path: Path) -> None:
    file = write(tmp_path, f"facts: [mount_fuji]\n{line}\n", "run.yaml")
    with pytest.raises(ConfigError, match=rf"run\.yaml{says}"):
        read_config(file)


def test_every_setting_has_a_sentence() -> None:
    for name, field in RunConfig.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_ranks_share_data_order_and_seed() -> None:
    plan = planned(rank=(2, 4, 8))
    for one, other in pairwise(plan.cells):
        assert one.recipe == other.recipe
        assert one.seed == other.seed
        assert one.fact == other.fact
