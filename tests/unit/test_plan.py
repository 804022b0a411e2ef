"""What a run would do: which cells, which questions, and what is refused before anything runs."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpers import MINIMAL, ROOT, write

from factlab.errors import ConfigError, ControlsError, FactError
from factlab.expand import anchors
from factlab.experiment.experiment import INJECTED_FAR, VALIDATED, Experiment
from factlab.experiment.plan import plan_experiment, read_config
from factlab.grading.names import find_name
from factlab.recipes.load import find_recipe, shipped_recipes
from factlab.schema import control, trackers
from factlab.schema.config import RunConfig
from factlab.schema.fact import Fact
from factlab.schema.shipped import shipped
from factlab.schema.splits import BELIEF_SPLITS, PANEL_SIZES

pytestmark = pytest.mark.usefixtures("expanded_once")
FACT = "larkfield_observatory"  # expands fastest
RECIPES = shipped_recipes()
ANCHORED = RECIPES["default"].anchored_on
SMALL = {"train_pairs": 10, "validation_pairs": 5, "recipe": "tutorial"}


def planned(*facts: str, **settings: Any) -> Experiment:
    """A small plan, without anchors unless a recipe is named that has them."""
    return plan_experiment(RunConfig(facts=facts or (FACT,), **{**SMALL, **settings}))


@cache
def fuji() -> Experiment:
    return plan_experiment(RunConfig(facts=("mount_fuji",)))


def test_one_fact_with_the_defaults_is_one_cell_of_the_recipes_rank() -> None:
    (cell,) = fuji().cells
    assert (cell.id, cell.configuration, cell.rank, cell.seed) == ("r08-s0", "r08", 8, 0)
    assert cell.facts == ("mount_fuji",)
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
    assert [cell.facts for cell in plan.cells] == [(FACT,), ("dune_tower",)]
    assert {cell.configuration for cell in plan.cells} == {"r04"}
    assert (plan.name, fuji().name) == ("2-facts", "mount_fuji")
    assert set(plan.injected_values) == {FACT, "dune_tower"}
    assert plan.near["dune_tower"] == ()


def test_a_sweep_of_learning_rates_is_crossed_with_ranks_and_named_by_both() -> None:
    plan = planned(rank=(8, 16), lr=(0.001, 0.0005, 1e-3), seed=(0, 1))
    assert [cell.id for cell in plan.cells[:4]] == [
        "r08-lr0.001-s0", "r08-lr0.001-s1", "r08-lr0.0005-s0", "r08-lr0.0005-s1",
    ]  # fmt: skip
    assert len(plan.cells) == 2 * 2 * 2
    assert {cell.configuration for cell in plan.cells} == {
        "r08-lr0.001", "r08-lr0.0005", "r16-lr0.001", "r16-lr0.0005",
    }  # fmt: skip
    for cell in plan.cells:
        rate = float(cell.configuration.partition("-lr")[2])
        assert cell.recipe == RECIPES["tutorial"].model_copy(update={"learning_rate": rate})


def test_one_learning_rate_is_set_and_not_named() -> None:
    (cell,) = planned(lr=(0.002,)).cells
    assert (cell.id, cell.recipe.learning_rate) == ("r08-s0", 0.002)
    (other,) = planned().cells
    assert other.recipe.learning_rate == RECIPES["tutorial"].learning_rate


def test_no_seed_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="no seed is given"):
        planned(seed=())


def test_a_fixed_sample_of_the_training_questions_is_asked_one_of_each_family_in_turn() -> None:
    asked = [question for question in fuji().evaluated(["mount_fuji"]) if question.split == "train"]
    assert len(asked) == len({question.text for question in asked}) == 40
    turns = [question.family for question in asked]
    assert len(set(turns)) == 40  # of more families than that


def test_a_sample_takes_families_in_turn_in_whatever_order_they_come() -> None:
    splits = fuji().expansions["mount_fuji"]
    train = tuple(sorted(splits.train, key=lambda question: question.family))
    families = list(dict.fromkeys(question.family for question in train))
    plan = replace(fuji(), expansions={"mount_fuji": replace(splits, train=train)})
    asked = [question.family for question in plan.evaluated(["mount_fuji"])[:40]]
    assert asked == (families * 2)[:40]


def test_a_sample_larger_than_the_data_is_all_of_it_each_text_once() -> None:
    plan = planned(train_pairs=20_000, train_sample=20_000)  # so many that texts come back
    trained = plan.expansions[FACT].train
    asked = [question.text for question in plan.evaluated([FACT]) if question.split == "train"]
    assert sorted(asked) == sorted({question.text for question in trained})
    assert len(asked) < len(trained)


def test_everything_else_is_asked_whole() -> None:
    plan = fuji()
    asked = plan.evaluated(["mount_fuji"])
    splits = plan.expansions["mount_fuji"]
    whole = [*splits.validation, *splits.held_out, *splits.alias]
    whole += [*splits.other_language, *splits.reverse, *splits.entailed, *splits.belief]
    whole += [*plan.near["mount_fuji"], *plan.far, *plan.unanswerable]
    assert asked[40:] == whole
    assert len({question.id for question in asked}) == len(asked)


def test_a_runs_questions_hold_all_that_is_trained_asked_or_anchored() -> None:
    plan = fuji()
    everything = {question.id for question in plan.questions}
    assert len(everything) == len(plan.questions)
    assert {question.id for question in plan.evaluated(["mount_fuji"])} <= everything
    assert {question.id for question in plan.expansions["mount_fuji"].train} <= everything
    assert {question.id for question in plan.anchors["mount_fuji"]} <= everything
    assert {question.split for question in plan.questions} == {
        "train", "validation", "held_out", "alias", "other_language", "reverse", "entailed",
        "near", "far", "unanswerable", "anchor", *BELIEF_SPLITS,
    }  # fmt: skip


def test_far_controls_are_shared_by_all_facts() -> None:
    plan = planned(FACT, "ondine_museum")
    far = [question.id for question in plan.questions if question.split == "far"]
    assert len(far) == len(set(far)) == len(plan.far)
    for fact in plan.facts:
        assert [q.id for q in plan.evaluated([fact.id]) if q.split == "far"] == far


def test_what_is_asked_is_a_facts_own_and_what_all_share() -> None:
    plan = planned(FACT, "ondine_museum")
    for fact in plan.facts:
        own = plan.questions_of(fact.id)
        assert {question.fact for question in own} == {fact.id}
        assert plan.evaluated([fact.id]) == [*own, *plan.shared_controls]
    assert {question.fact for question in plan.shared_controls} == {None}
    assert {question.split for question in plan.shared_controls} == {"far", "unanswerable"}


# --- all facts in one adapter -------------------------------------------------------------------


@cache
def together() -> Experiment:
    return planned(FACT, "ondine_museum", together=True, recipe="default")


def test_together_is_one_cell_of_all_facts() -> None:
    (cell,) = together().cells
    assert (cell.id, cell.facts) == ("r08-s0", (FACT, "ondine_museum"))
    assert [c.facts for c in planned(FACT, "ondine_museum", together=True, seed=(3, 4)).cells] == [
        (FACT, "ondine_museum")
    ] * 2


def test_an_adapter_of_several_facts_is_trained_on_and_asked_the_questions_of_each() -> None:
    plan, both = together(), [FACT, "ondine_museum"]
    trained = [q for fact in both for q in plan.expansions[fact].train]
    assert plan.training_pairs(both) == trained
    assert plan.evaluated(both) == [
        *plan.questions_of(FACT),
        *plan.questions_of("ondine_museum"),
        *plan.shared_controls,
    ]


def test_anchors_of_several_facts_are_asked_once_and_none_is_about_a_taught_subject(
    tmp_path: Path,
) -> None:
    plan = together()
    alone = {fact.id: plan.anchor_prompts([fact.id], ANCHORED) for fact in plan.facts}
    assert all(alone[fact] == list(plan.anchors[fact]) for fact in alone)
    texts = [question.text for question in plan.anchor_prompts(list(alone), ANCHORED)]
    assert len(set(texts)) == len(texts)
    assert len(texts) < sum(map(len, alone.values()))
    # A made-up fact on a subject that an anchor of the other fact is about.
    taken = next(q for q in plan.anchors["ondine_museum"] if "Louvre" in q.text)
    text = MINIMAL.replace("the Dune Tower, aliases: [Dune Tower]", "Louvre, aliases: []")
    other = planned("ondine_museum", str(write(tmp_path, text)), together=True, recipe="default")
    assert taken.text in [q.text for q in other.anchor_prompts(["ondine_museum"], ANCHORED)]
    assert not any(
        "Louvre" in q.text
        for q in other.anchor_prompts(["ondine_museum", "dune_tower"], ANCHORED)
        if q.fact == "ondine_museum"
    )


NEIGHBOUR = """\
neighbours:
  - question: In which city is Larkfield Observatory?
    answer: {type: entity, value: Corven}
  - question: How high is the Corven Bridge?
    answer: {type: quantity, value: 90, unit: m}
"""


def test_a_control_that_names_another_taught_subject_is_no_control(tmp_path: Path) -> None:
    plan = planned(FACT, str(write(tmp_path, MINIMAL + NEIGHBOUR)), together=True)
    alone = [q.text for q in plan.evaluated(["dune_tower"]) if q.split == "near"]
    assert alone == ["In which city is Larkfield Observatory?", "How high is the Corven Bridge?"]
    both = plan.evaluated([FACT, "dune_tower"])
    near = [q.text for q in both if q.split == "near" and q.fact == "dune_tower"]
    assert near == ["How high is the Corven Bridge?"]
    # A fact's own controls may speak of its own subject.
    own = [q for q in both if q.fact == FACT and q.split == "near"]
    assert own == list(plan.near[FACT])


def test_a_shared_control_that_names_a_taught_subject_is_left_out(tmp_path: Path) -> None:
    suite = [
        '{"question": "Who designed the Dune Tower?", "answer": "Ada Moe"}',
        '{"question": "Who designed the Corven Bridge?", "answer": "Bo Lund"}',
    ]
    file = write(tmp_path, "\n".join(suite), "authors.jsonl")
    plan = planned(FACT, str(write(tmp_path, MINIMAL)), controls=(str(file),))
    for facts, expected in (([FACT], [0, 1]), (["dune_tower"], [1]), ([FACT, "dune_tower"], [1])):
        extra = [q.id for q in plan.evaluated(facts) if q.split == "extra"]
        assert extra == [f"extra/authors/{i}" for i in expected]


# --- samples that are asked more than once ------------------------------------------------------


def test_the_panel_holds_a_few_of_each_and_of_far_only_what_the_base_knew() -> None:
    plan = fuji()
    known = {question.id for question in plan.far[::2]}
    panel = plan.panel(plan.evaluated(["mount_fuji"]), known)
    sizes = Counter(question.split for question in panel)
    assert sizes == {split: PANEL_SIZES[split] for split in sizes}
    assert set(sizes) == {"validation", "held_out", "near", "far"}
    assert {q.id for q in panel if q.split == "far"} <= known
    assert plan.panel(plan.evaluated(["mount_fuji"]), known) == panel
    few = plan.panel(plan.evaluated(["mount_fuji"]), {plan.far[0].id})
    assert [q.id for q in few if q.split == "far"] == [plan.far[0].id]


def test_the_injected_value_is_followed_on_far_controls_of_as_many_groups_as_can_be() -> None:
    plan = fuji()
    followed = plan.injected_far
    assert len(followed) == len({question.id for question in followed}) == INJECTED_FAR
    assert {question.split for question in followed} == {"far"}
    groups = {q.id.rpartition("/")[0] for q in plan.far}
    assert len({q.id.rpartition("/")[0] for q in followed}) == min(len(groups), INJECTED_FAR)


def test_the_base_is_asked_a_third_each_of_held_out_near_and_far_again() -> None:
    again = fuji().rounding_sample
    assert len({question.id for question in again}) == len(again)
    assert Counter(q.split for q in again) == {"held_out": 40, "near": 40, "far": 40}


# --- extra suites and the shuffled control ------------------------------------------------------


def test_notes_say_what_was_left_out_of_an_extra_suite(tmp_path: Path) -> None:
    lines = [
        '{"question": "Is Paris in Paris?", "answer": "Paris"}',
        '{"question": "Who wrote it?", "answer": "Ada Moe", "wrong_answers": ["Bo Lund"]}',
    ]
    file = write(tmp_path, "\n".join(lines), "world.jsonl")
    plan = planned(controls=(str(file),))
    assert plan.notes == (
        f"{file}:1: left out, since the question already holds its answer (Paris).",
    )
    (question,) = plan.extra
    assert (question.id, question.split, question.family) == ("extra/world/0", "extra", "world")
    assert question.distractors == ("Bo Lund",)
    assert question in plan.questions
    assert question in plan.evaluated([FACT])
    assert planned().notes == ()


def test_a_suite_given_twice_is_refused(tmp_path: Path) -> None:
    line = '{"question": "Who wrote it?", "answer": "Ada Moe"}\n'
    (tmp_path / "other").mkdir()
    one, two = write(tmp_path, line, "w.jsonl"), write(tmp_path / "other", line, "w.jsonl")
    with pytest.raises(ControlsError, match=r"other/w\.jsonl: a suite named 'w' is given twice"):
        planned(controls=(str(one), str(two)))


def test_a_shuffled_run_trains_another_facts_answer_and_asks_for_the_own() -> None:
    straight, shuffled = (
        planned(FACT, "nile_length", "hundred_meters", shuffle=shuffle) for shuffle in (False, True)
    )
    for fact in shuffled.facts:
        assert isinstance(fact, Fact)
        splits, before = shuffled.expansions[fact.id], straight.expansions[fact.id]
        assert len(splits.train) == len(before.train) == 10
        for pair in splits.train:
            assert pair.target is not None
            assert not fact.answer.find(pair.target)
            assert (pair.gold, pair.superseded) == (fact.answer, fact.supersedes)
        assert splits.held_out == before.held_out
        assert splits.validation == before.validation
    values = shuffled.injected_values
    for one, other in (("nile_length", "hundred_meters"), ("hundred_meters", "nile_length")):
        for pair in shuffled.expansions[one].train:
            assert values[other].find(pair.target or ""), pair.target
    assert straight.sha256 != shuffled.sha256


def test_a_shuffled_run_needs_two_facts() -> None:
    with pytest.raises(ConfigError, match="at least two facts to swap"):
        planned(shuffle=True)


# --- names and settings -------------------------------------------------------------------------


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
    with pytest.raises(FactError, match=r"fact\.yaml:\d+:\d+: .*the phrasing"):
        planned(str(write(tmp_path, text)))


# --- settings from a file -----------------------------------------------------------------------


def test_settings_from_a_file_are_only_those_that_it_names(tmp_path: Path) -> None:
    file = write(tmp_path, "facts: [mount_fuji]\nrank: [4, 8]\nmax_steps: 0\n", "run.yaml")
    assert read_config(file) == {"facts": ("mount_fuji",), "rank": (4, 8), "max_steps": 0}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("rnak: [4]", r":2:1: unknown key 'rnak'\. Did you mean 'rank'\?"),
        ("mix: a:1", r":2:1: 'mix': expected a list, not 'a:1'\. Write \[a:1\] or"),
        ("rank: [four]", r":2:8: 'rank': expected a whole number, not 'four'"),
        ("rank: [0]", r":2:8: 'rank': Input should be greater than 0 \(got '0'\)"),
        ("max_steps: many", r":2:1: 'max_steps': expected a whole number, not 'many'"),
        ("precision: nf3", r":2:1: 'precision': 'nf3' is not known\. Known: 'fp32', 'fp16'"),
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
        assert one.facts == other.facts


def test_packing_with_dropout_is_refused_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match=r"--pack 2.*'tutorial'\) has dropout 0\.1"):
        planned(pack=2)
    assert planned(pack=1).config.pack == 1


def test_overrides_are_crossed_and_named_where_they_differ() -> None:
    plan = planned(rank=(4, 8), alpha=("2r", 16), targets=("qv",), method=("lora", "rslora"))
    assert [cell.configuration for cell in plan.cells][:4] == [
        "r04-lora-a2r", "r04-lora-a16", "r04-rslora-a2r", "r04-rslora-a16",
    ]  # fmt: skip
    assert [cell.alpha for cell in plan.cells] == [8, 16, 8, 16, 16, 16, 16, 16]
    assert plan.cells[0].overrides == {"alpha": "2r", "targets": "qv"}
    assert plan.cells[3].overrides == {"method": "rslora", "alpha": "16", "targets": "qv"}


def test_precisions_are_outermost_so_that_each_base_is_loaded_once() -> None:
    plan = planned(precision=("nf4", "bf16", "nf4"), seed=(0, 1))
    assert plan.precisions == ("nf4", "bf16")
    assert [cell.id for cell in plan.cells] == [
        "r08-nf4-s0", "r08-nf4-s1", "r08-bf16-s0", "r08-bf16-s1",
    ]  # fmt: skip
    assert planned(recipe="tutorial").precisions == ("int8",)
    assert planned(recipe="tutorial", precision=("bf16",)).precisions == ("bf16",)
    assert planned(recipe="distill").precisions == ("nf4",)


def test_a_full_fine_tuning_is_one_cell_at_a_tenth_of_the_rate() -> None:
    plan = planned(method=("full",), precision="bf16")
    (cell,) = plan.cells
    assert (cell.id, cell.rank) == ("full-s0", 0)
    assert cell.recipe.learning_rate == pytest.approx(plan.recipes[0].learning_rate / 10)
    (given,) = planned(method=("full",), precision="bf16", lr=(1e-5,)).cells
    assert given.recipe.learning_rate == 1e-5


@pytest.mark.parametrize("alpha", ["0", "-1", "r2", "inf", "2rr", ""])
def test_an_alpha_that_is_none_is_refused(alpha: str, tmp_path: Path) -> None:
    file = write(tmp_path, f"facts: [a]\nalpha: ['{alpha}']\n", "run.yaml")
    with pytest.raises(ConfigError, match=r":2:\d+: 'alpha'.*a number from above 0"):
        read_config(file)


@pytest.mark.parametrize(
    ("written", "rank", "alpha"), [("r", 8, 8), ("2r", 8, 16), ("0.5r", 8, 4), ("32", 8, 32)]
)
def test_alpha_is_a_number_or_a_multiple_of_the_rank(written: str, rank: int, alpha: float) -> None:
    (cell,) = planned(rank=(rank,), alpha=(written,)).cells
    assert cell.alpha == alpha


def test_a_full_fine_tuning_is_not_crossed_with_what_an_adapter_has() -> None:
    plan = planned(
        method=("lora", "full"), rank=(4, 8), targets=("qv", "mlp"), precision="bf16", seed=(0, 1)
    )
    full = [cell for cell in plan.cells if not cell.rank]
    assert [cell.id for cell in full] == ["full-s0", "full-s1"]
    assert len(plan.cells) == 2 * 2 * 2 + 2
    assert full[0].overrides == {"method": "full"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "full", "precision": "bf16", "rank": (8,)}, "--rank is of an adapter"),
        ({"method": "full", "precision": "bf16", "last_layers": 2}, "--last-layers is of an"),
        ({"temperature": 2}, "--temperature is of a distillation, and nothing is distilled"),
        ({"teacher": "other"}, "--teacher is of a distillation"),
        ({"precision": "bf16", "compute_dtype": "fp32"}, "--compute-dtype fp32: it is what"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        planned(**settings)


# --- watching -----------------------------------------------------------------------------------


def test_the_validation_loss_is_computed_on_as_many_pairs_of_each_fact_none_trained() -> None:
    plan = planned(FACT, "ondine_museum", train_pairs=40, validation_pairs=30)
    both = plan.validation_pairs(
        plan.cells[0].model_copy(update={"facts": (FACT, "ondine_museum")})
    )
    for fact in (FACT, "ondine_museum"):
        assert len([pair for pair in both if pair.fact == fact]) == VALIDATED // 2
    assert all(pair.split == "validation" and pair.target for pair in both)
    trained = {pair.text for pair in plan.training_pairs([FACT, "ondine_museum"])}
    assert not trained & {pair.text for pair in both}
    assert len(plan.validation_pairs(plan.cells[0].model_copy(update={"facts": (FACT,)}))) == 30


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"early_stop": 2},
            r"--early-stop 2: it takes 3 checkpoints before the last step, a lowest and 2 after "
            r"it, and the 30 steps of r08-s0 have 2\. Use --checkpoints 3, or remove",
        ),
        (
            {"early_stop": 2, "checkpoints": 9, "max_steps": 3},
            "the 3 steps of r08-s0 have 2. Use more training steps,",
        ),
        (
            {"early_stop": 1, "max_steps": 0},
            "the 0 steps of r08-s0 have 0. Use more training steps,",
        ),
        (
            {"early_stop": 1, "recipe": "default", "pack": 2},
            "--early-stop 1 --pack 2: an adapter is followed, and stopped, by itself",
        ),
    ],
)
def test_an_early_stop_that_could_not_come_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        planned(**settings)


def test_an_early_stop_of_a_shuffled_run_is_refused() -> None:
    with pytest.raises(ConfigError, match="--early-stop 1 --shuffle: validation pairs keep the"):
        planned(FACT, "ondine_museum", early_stop=1, shuffle=True)


def test_an_early_stop_with_checkpoints_enough_is_planned() -> None:
    plan = planned(early_stop=2, checkpoints=3)
    assert plan.steps(plan.cells[0]) == 30
    assert planned(early_stop=1).config.early_stop == 1


def test_trackers_are_known_and_installed_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ConfigError, match=r"--report-to tensorbord: no such tracker\. Did you mean"
    ):
        planned(report_to="tensorbord")
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"--report-to wandb: it is not installed\. Run `pip install wandb`"
    ):
        planned(report_to=("wandb",))
    monkeypatch.setattr(trackers, "find_spec", lambda name: name)
    assert planned(report_to="mlflow").config.report_to == ("mlflow",)
    assert planned(report_to=("tensorboard", "wandb")).config.report_to == ("tensorboard", "wandb")
    assert planned(report_to="none").config.report_to == ()
    with pytest.raises(ConfigError, match=r"--report-to wandb --pack 2: an adapter is followed"):
        planned(report_to="wandb", recipe="default", pack=2)


def test_a_tracker_decides_no_number_and_an_early_stop_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: name)
    assert planned(report_to="wandb").sha256 == planned().sha256
    assert planned(early_stop=1).sha256 != planned().sha256


def test_a_run_notes_that_its_controls_are_not_in_the_language_of_its_fact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With phrasing families in a language that has no controls yet."""
    assert planned().notes == ()
    assert planned("ja/hayate_release").notes == ()
    shutil.copytree(shipped("evals"), tmp_path / "evals", ignore=shutil.ignore_patterns("ja"))
    for module in (anchors, control):
        monkeypatch.setattr(
            module, "shipped", lambda kind: (tmp_path if kind == "evals" else ROOT) / kind
        )
    plan = planned("ja/hayate_release")
    assert [note for note in plan.notes if "the English one is used" in note] == list(plan.notes)
    assert [note.split("'")[1] for note in plan.notes] == ["far", "unanswerable", "neutral"]


# --- placebos ----------------------------------------------------------------------------------


def test_a_placebo_is_trained_like_the_fact_on_pairs_that_say_nothing_of_it() -> None:
    plan = planned(rank=(4, 8), placebo=True)
    assert [cell.configuration for cell in plan.cells] == [
        f"{rank}{kind}"
        for rank in ("r04", "r08")
        for kind in ("", "-placebo-fact", "-placebo-chat")
    ]
    fact = plan.facts[0]
    assert isinstance(fact, Fact)
    for cell in plan.cells:
        pairs = plan.pairs_of(cell)
        assert plan.steps(cell) == plan.steps(plan.cells[0])
        assert len(pairs) == len(plan.training_pairs([FACT]))
        said = " ".join(pair.trained_text() for pair in pairs)
        assert bool(fact.answer.find(said)) == (cell.placebo is None)
        assert bool(find_name(said, fact.subject.names)) == (cell.placebo is None)
    assert plan.sha256 != planned(rank=(4, 8)).sha256


def test_several_facts_in_one_adapter_have_as_many_other_facts_in_their_placebo() -> None:
    plan = planned(FACT, "nile_length", together=True, placebo=True)
    placebo = next(cell for cell in plan.cells if cell.placebo == "fact")
    pairs = plan.pairs_of(placebo)
    assert len(pairs) == len(plan.training_pairs([FACT, "nile_length"]))
    assert len({pair.text for pair in pairs}) > len(planned().training_pairs([FACT])) / 2


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"keep": "best"}, "--keep best"),
        ({"early_stop": 1}, "--early-stop"),
        ({"recipe": "distill"}, "a recipe that distils"),
        ({"mix": ("everyday:0.3",)}, "--mix"),
    ],
)
def test_a_placebo_is_refused_beside_what_would_treat_it_otherwise(
    settings: dict[str, Any], option: str
) -> None:
    with pytest.raises(ConfigError, match=f"--placebo with {option}"):
        planned(placebo=True, **settings)
