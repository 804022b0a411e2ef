"""Several recipes in one run: crossed like ranks, told apart in ids, recorded, and drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_run import GOOD, WRECK, Behaviour, write_fake_run
from helpers import write
from small_runs import Made, write_run

import factlab.api
from factlab.cli.dry_run import show_dry_run
from factlab.comparison.differing import recipe_values
from factlab.comparison.pool import by_configuration
from factlab.comparison.runs import compare_runs
from factlab.errors import ConfigError
from factlab.experiment.experiment import Experiment
from factlab.experiment.grid import cells_of
from factlab.experiment.plan import plan_experiment, read_config
from factlab.recipes.load import find_recipes, shipped_recipes
from factlab.report.load import labels, load_report_data
from factlab.report.page import render_report
from factlab.report.sections import side_by_side
from factlab.runs.config_file import config_yaml
from factlab.runs.folder import RunFolder
from factlab.schema.config import Cell, RunConfig

FACT = "larkfield_observatory"  # expands fastest
RECIPES = shipped_recipes()


def planned(**settings: Any) -> Experiment:
    return plan_experiment(RunConfig(facts=(FACT,), train_pairs=10, validation_pairs=5, **settings))


def crossed(*recipes: str, facts: tuple[str, ...] = (FACT,), **settings: Any) -> tuple[Cell, ...]:
    return cells_of(RunConfig(facts=facts, **settings), find_recipes(recipes), facts)


# --- cells --------------------------------------------------------------------------------------


def test_each_recipe_trains_by_its_own_values() -> None:
    cells = crossed("tutorial", "lora-without-regret")
    assert [cell.id for cell in cells] == ["tutorial-r08-s0", "lora-without-regret-r256-s0"]
    assert [(c.rank, c.precision, c.alpha) for c in cells] == [(8, "int8", 32), (256, "bf16", 32)]
    assert [cell.recipe for cell in cells] == [RECIPES["tutorial"], RECIPES["lora-without-regret"]]
    assert [cell.overrides for cell in cells] == [{}, {}]


def test_recipes_are_crossed_with_ranks_seeds_and_overrides() -> None:
    cells = crossed(
        "tutorial", "plain", rank=(4, 8), epochs=(2, 5), precision="bf16", lr=1e-4, seed=(0, 1)
    )
    assert [cell.id for cell in cells][:4] == [
        "tutorial-r04-ep2-s0", "tutorial-r04-ep2-s1", "tutorial-r04-ep5-s0", "tutorial-r04-ep5-s1",
    ]  # fmt: skip
    assert len(cells) == len({cell.id for cell in cells}) == 2 * 2 * 2 * 2
    assert {(cell.precision, cell.recipe.learning_rate) for cell in cells} == {("bf16", 1e-4)}
    assert {cell.recipe.batch_size for cell in cells if "tutorial" in cell.id} == {1}
    # What a recipe has anyway is no override of it.
    assert {c.configuration: c.overrides for c in cells if c.rank == 4} == {
        "tutorial-r04-ep2": {"epochs": "2"}, "tutorial-r04-ep5": {"epochs": "5"},
        "plain-r04-ep2": {}, "plain-r04-ep5": {"epochs": "5"},
    }  # fmt: skip


def test_one_recipe_is_not_named_in_ids_however_often_it_is_given() -> None:
    for given in (("plain",), ("plain", "plain")):
        assert [cell.id for cell in crossed(*given)] == ["r08-s0"]
    assert RunConfig(recipe=["plain"]).recipe == "plain"


def test_a_recipe_is_not_crossed_with_what_only_another_has_a_use_for() -> None:
    cells = crossed("plain", "default", anchors_per_step=(4, 8), temperature=(1, 2))
    assert [cell.configuration for cell in cells] == [
        "plain-r08", "default-r08-anchors4", "default-r08-anchors8",
    ]  # fmt: skip
    weighed = crossed("plain", "default", anchor_weight=(0, 1), anchors_per_step=(4, 8))
    assert [c.configuration for c in weighed if c.recipe.name == "default"] == [
        "default-r08-kl0", "default-r08-kl1-anchors4", "default-r08-kl1-anchors8",
    ]  # fmt: skip


def test_two_of_one_name_and_names_that_no_folder_can_have_are_refused(tmp_path: Path) -> None:
    one = write(tmp_path, "extends: default\nepochs: 3\n", "mine.yaml")
    (tmp_path / "sub").mkdir()
    two = write(tmp_path / "sub", "extends: default\nepochs: 4\n", "Mine.yaml")
    with pytest.raises(ConfigError, match="two recipes are named 'Mine'"):
        find_recipes([str(one), str(two)])
    odd = write(tmp_path, "name: a/b\nextends: default\n", "odd.yaml")
    assert [recipe.name for recipe in find_recipes([str(odd)])] == ["a/b"]
    with pytest.raises(ConfigError, match=r"'a/b' cannot\. Rename the file, or add a `name:`"):
        find_recipes(["default", str(odd)])


def test_facts_and_recipes_whose_names_run_together_are_refused(tmp_path: Path) -> None:
    b, a_b = (
        str(write(tmp_path, f"extends: plain\nepochs: {n}\n", f"{name}.yaml"))
        for n, name in enumerate(("b", "a-b"), start=3)
    )
    assert len(crossed(b, a_b, facts=("x", "y"))) == 4
    with pytest.raises(ConfigError, match=r"two cells the id x-a-b-r08-s0\. Rename the recipe"):
        crossed(b, a_b, facts=("x", "x-a"))


def test_what_only_some_recipes_use_is_checked_by_cell() -> None:
    assert planned(recipe="plain,distill", temperature=2).cells[0].recipe.temperature == 1
    with pytest.raises(ConfigError, match=r"--pack 2: .*tutorial-r08-s0 \(recipe 'tutorial'\)"):
        planned(recipe="default,tutorial", pack=2)
    with pytest.raises(ConfigError, match="no anchors to weigh with recipe 'plain'"):
        planned(recipe="default,plain", anchor_weight=1)
    with pytest.raises(ConfigError, match="--temperature is of a distillation"):
        planned(recipe="default,plain", temperature=2)


# --- how they are given, and what is recorded ---------------------------------------------------


def test_several_are_given_with_commas_or_as_a_list_in_a_file_and_in_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for line in ("[plain, tutorial]", "plain,tutorial", "\n- plain\n- tutorial"):
        file = write(tmp_path, f"facts: [{FACT}]\nrecipe: {line}\n", "run.yaml")
        assert read_config(file)["recipe"] == ("plain", "tutorial")
    given: list[RunConfig] = []
    monkeypatch.setattr(factlab.api, "_carry_out", lambda config, **_: given.append(config))
    factlab.api.run(FACT, recipe=("plain", Path("my.yaml")))
    assert given[0].recipe == ("plain", "my.yaml")
    with pytest.raises(ConfigError, match="no recipe is given"):
        factlab.api.run(FACT, recipe=())


def test_a_wrong_value_in_a_list_of_recipes_is_refused_at_its_line(tmp_path: Path) -> None:
    text = f"facts: [{FACT}]\nrecipe:\n- plain\n- name: mine\n  epoch: 3\n"
    with pytest.raises(ConfigError, match=r"run\.yaml:5:3: unknown key 'epoch'\. Did you mean 'ep"):
        read_config(write(tmp_path, text, "run.yaml"))


def test_a_run_of_several_is_repeated_from_its_settings_alone(tmp_path: Path) -> None:
    file = write(tmp_path, "extends: default\nepochs: 3\nabout: 'a: b # c'\n", "mine.yaml")
    plan = planned(recipe=f"{file},plain")
    assert [cell.id for cell in plan.cells] == ["mine-r08-s0", "plain-r08-s0"]
    recorded = write(tmp_path, config_yaml(plan.config, plan.recipes), "config.resolved.yaml")
    file.unlink()
    again = plan_experiment(RunConfig.model_validate(read_config(recorded)))
    assert (again.recipes, again.sha256) == (plan.recipes, plan.sha256)
    assert '#   name: "plain"' in recorded.read_text(encoding="utf-8")
    assert planned(recipe="plain").sha256 != plan.sha256


def test_a_dry_run_lists_the_cells_and_each_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    config = RunConfig(facts=(FACT,), recipe="tutorial,plain", model="owner/name")
    show_dry_run(config, out=None, as_json=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert "2 cells: tutorial-r08-s0, plain-r08-s0" in shown
    assert "recipe: tutorial. The settings" in shown
    assert "recipe: plain. Batched" in shown


# --- what comes of them -------------------------------------------------------------------------


def test_configurations_keep_the_order_in_which_recipes_were_given(tmp_path: Path) -> None:
    cells = [
        Named(recipe="tutorial", rank=8), Named(recipe="default", rank=4, recalled=10),
        Named(recipe="default", rank=8, into_near=3),
    ]  # fmt: skip
    folder = RunFolder(write_run(tmp_path / "run", *cells))
    config = RunConfig(facts=("fuji",), recipe="tutorial,default")
    folder.config_file.write_text(config_yaml(config, find_recipes(config.recipes)))
    wanted = ["tutorial-r08", "default-r04", "default-r08"]
    assert list(by_configuration(folder.finished_cells())) == wanted
    found = compare_runs([folder.path])
    assert [c.id for c in found.configurations] == wanted
    assert set(found.differs["recipe"].values()) == {"tutorial", "default"}
    assert found.differs["batch size of the recipe"]["tutorial-r08"] == "1"
    # A shipped recipe that has changed since is not quoted.
    then = folder.config_file.read_text().replace("dropout: 0.1", "dropout: 0.2")
    folder.config_file.write_text(then)
    assert list(recipe_values(folder)) == ["default"]


class Named(Made):
    """A cell whose id has its recipe's name."""

    @property
    def configuration(self) -> str:
        return f"{self.recipe}-r{self.rank:02d}"


# --- the picture --------------------------------------------------------------------------------

TUTORIAL = replace(WRECK, rank=8, recipe="tutorial")
DEFAULT = replace(GOOD, recipe="default")


def test_a_report_sets_recipes_side_by_side(tmp_path: Path) -> None:
    page = render_report(write_fake_run(tmp_path, TUTORIAL, DEFAULT, scale=0.3))
    section = page.partition('<section id="cost"')[2].partition("</section>")[0]
    assert ">Recipes side by side<" in section
    assert section.index("Recipes side by side") < section.index("One against the other")
    assert "<svg" in section
    for group in ("same subject, other attribute", "other subject, same attribute", "same event"):
        assert f"Injected value named: {group}" in section
    assert "tutorial-r08" in section
    assert "default-r08" in section
    # The same in words: recall is alike, damage is not.
    alternative = section.partition('aria-label="Dot plot.')[2].partition('"')[0]
    assert "not trained: tutorial-r08 100 %; default-r08 93.3 %; Unrelated answers" in alternative


def test_labels_name_the_recipe_where_ranks_differ_too(tmp_path: Path) -> None:
    run = load_report_data(write_fake_run(tmp_path, replace(TUTORIAL, rank=4), DEFAULT, scale=0.1))
    assert list(labels(run.configurations).values()) == ["tutorial-r04", "default-r08"]


def test_ranks_are_set_side_by_side_at_most_eight_of_them(tmp_path: Path) -> None:
    ranks = [Behaviour(2**n, 0.9, 0.02 * n, 0.0, 0.0) for n in range(9)]
    run = load_report_data(write_fake_run(tmp_path, *ranks, scale=0.1))
    group = side_by_side.figure_group(run)
    assert group is not None
    (drawn,) = group.figures
    assert drawn.title == "Recall and damage, 8 of 9 configurations"
    (table,) = group.tables
    assert len(table.columns) == 1 + 9
    chosen = run.result.choice
    assert chosen is not None
    assert labels(run.configurations)[chosen.chosen or ""] in drawn.alternative


@pytest.mark.parametrize("cells", [(GOOD,), ()])
def test_one_configuration_or_none_has_nothing_beside_it(
    cells: tuple[Behaviour, ...], tmp_path: Path
) -> None:
    run = write_fake_run(tmp_path, *cells, scale=0.1)
    assert side_by_side.figure_group(load_report_data(run)) is None


def test_what_was_not_measured_is_left_out_of_the_picture(tmp_path: Path) -> None:
    lost = {"intrusion/far": "not asked", "intrusion/same_event": "not asked"}
    cells = (TUTORIAL, DEFAULT)
    run = load_report_data(write_fake_run(tmp_path / "a", *cells, scale=0.2, drop=lost))
    group = side_by_side.figure_group(run)
    assert group is not None
    assert len(group.tables[0].rows) == 4
    bare = write_fake_run(tmp_path / "b", *cells, scale=0.2, drop={"recall/held_out": "none"})
    assert side_by_side.figure_group(load_report_data(bare)) is None
