"""Every setting is declared once: flag, help and keys in files follow from the schema."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from helpers import python, run_factlab, write

from factlab.cli import app
from factlab.cli.complete import complete_facts, complete_recipes, complete_runs
from factlab.cli.options import read_setting
from factlab.cli.run import build_config
from factlab.errors import ConfigError
from factlab.experiment.plan import plan_experiment, read_config
from factlab.recipes.load import find_recipe, load_recipe, shipped_names, shipped_recipe
from factlab.runs.config_file import config_yaml
from factlab.schema.combine import AdapterSource
from factlab.schema.config import RunConfig
from factlab.schema.options import settings_of
from factlab.schema.recipe import OVERRIDES, Recipe

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
SETTINGS = settings_of(RunConfig)
OTHERWISE = {"facts", "practice", "combine", "asking", "tuned"}  # of commands
TEXTS = {"name", "about", "source"}  # say what a recipe is
pytestmark = pytest.mark.usefixtures("expanded_once")
FACT = "larkfield_observatory"  # expands fastest

# A value of each setting that is not its default, as the command line has it and as it is read.
GIVEN: dict[str, tuple[str, object]] = {
    "rank": ("4,16", (4, 16)),
    "precision": ("fp32,bf16", ("fp32", "bf16")),
    "method": ("rslora", ("rslora",)),
    "alpha": ("2r,8", ("2r", 8.0)),
    "dropout": ("0,0.5", (0.0, 0.5)),
    "bias": ("all", ("all",)),
    "init": ("gaussian", ("gaussian",)),
    "targets": ("qv,q_proj+v_proj", ("qv", "q_proj+v_proj")),
    "last_layers": ("2", (2,)),
    "epochs": ("3,0.5", (3.0, 0.5)),
    "batch_size": ("4", (4,)),
    "learning_rate": ("1e-4", (1e-4,)),
    "schedule": ("cosine,constant", ("cosine", "constant")),
    "warmup_share": ("0.2", (0.2,)),
    "optimizer": ("sgd", ("sgd",)),
    "weight_decay": ("0.01", (0.01,)),
    "max_grad_norm": ("0.3", (0.3,)),
    "anchor_weight": ("1", (1.0,)),
    "anchor_kinds": ("general,general+others", (("general",), ("general", "others"))),
    "anchors_per_step": ("2", (2,)),
    "anchor_prompts": ("120,480", (120, 480)),
    "anchor_tokens": ("8,24", (8, 24)),
    "mining": ("0,3", (0, 3)),
    "anchor_divergence": ("reverse,both", ("reverse", "both")),
    "anchor_schedule": ("rising,falling", ("rising", "falling")),
    "unlikelihood": ("0,0.5", (0.0, 0.5)),
    "learned_below": ("0.1", (0.1,)),
    "distill_weight": ("0.5", (0.5,)),
    "temperature": ("2", (2.0,)),
    "benchmarks": ("arc_easy,hellaswag", ("arc_easy", "hellaswag")),
    "benchmark_data": ("sets", "sets"),
    "benchmark_limit": ("50", 50),
    "quick": ("", True),
    "model": ("other", "other"),
    "compute_dtype": ("fp32", "fp32"),
    "attention": ("eager", "eager"),
    "device_map": ("cpu", "cpu"),
    "gradient_checkpointing": ("", True),
    "recipe": ("plain,tutorial", ("plain", "tutorial")),
    "thinking": ("on", "on"),
    "accept_license": ("", True),
    "teacher": ("other", "other"),
    "together": ("", True),
    "shuffle": ("", True),
    "controls": ("a.jsonl", ("a.jsonl",)),
    "templates": ("mine", "mine"),
    "far": ("30", 30),
    "families": ("4", 4),
    "mix": ("everyday:0.3", ("everyday:0.3",)),
    "practice_examples": ("20", 20),
    "max_example_tokens": ("99", 99),
    "on_bad_row": ("skip", "skip"),
    "seed": ("0,3", (0, 3)),
    "seeds": ("3", 3),
    "data_seed": ("7", 7),
    "train_pairs": ("40", 40),
    "validation_pairs": ("8", 8),
    "placebo": ("", True),
    "questions_per_fact": ("6", 6),
    "belief_questions": ("4", 4),
    "train_sample": ("5", 5),
    "max_steps": ("0", 0),
    "checkpoints": ("4", 4),
    "keep": ("best", "best"),
    "early_stop": ("2", 2),
    "report_to": ("tensorboard", ("tensorboard",)),
    "save_every": ("50", "50"),
    "pack": ("1", 1),
    "max_new_tokens": ("9", 9),
    "generation_batch": ("3", 3),
}


def test_a_number_of_seeds_stands_for_the_list_from_0_on(tmp_path: Path) -> None:
    assert build_config({"seeds": 3}, facts=[FACT]).seed == (0, 1, 2)
    assert RunConfig(facts=(FACT,)).seed == (0,)
    with pytest.raises(ConfigError, match="seeds 0 to 2, and others are listed"):
        build_config({"seeds": 3, "seed": (0, 7)}, facts=[FACT])
    with pytest.raises(ConfigError, match="--seeds 0"):
        build_config({"seeds": 0}, facts=[FACT])
    # What a run records is read back, and the command line stands above a file.
    text = config_yaml(build_config({"seeds": 3}, facts=[FACT]), ())
    recorded = write(tmp_path, text, "run.yaml")
    assert build_config({}, file=recorded).seed == (0, 1, 2)
    assert build_config({"seed": (5,)}, file=recorded).seed == (5,)
    assert build_config({"seeds": 2}, file=recorded).seed == (0, 1)


def test_every_field_of_a_run_and_of_a_recipe_is_an_option() -> None:
    assert set(SETTINGS) == set(RunConfig.model_fields) - OTHERWISE
    assert set(OVERRIDES) == set(Recipe.model_fields) - TEXTS
    assert set(GIVEN) == set(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_has_a_flag_with_help_and_its_value_reaches_the_configuration(name: str) -> None:
    setting = SETTINGS[name]
    assert setting.option.commands
    for command in setting.option.commands:
        (option,) = [p for p in COMMANDS[command].params if p.name == name]
        assert list(option.opts) == list(setting.flags)
        assert option.help.startswith(setting.help)
        assert setting.help.endswith(".")
        text, value = GIVEN[name]
        words = ["set" if command == "practice" else FACT, setting.flags[0], *filter(None, [text])]
        context = COMMANDS[command].make_context(command, words)
        read = read_setting(setting, context.params[name])
        assert getattr(build_config({name: read}, facts=[FACT]), name) == value


@pytest.mark.parametrize("name", SETTINGS)
def test_a_configuration_file_takes_a_setting_under_the_same_name(
    name: str, tmp_path: Path
) -> None:
    _, value = GIVEN[name]
    config = RunConfig.model_validate({"facts": [FACT], name: value})
    file = write(tmp_path, config_yaml(config, ()), "run.yaml")
    assert RunConfig.model_validate(read_config(file)) == config


@pytest.mark.parametrize("name", OVERRIDES)
def test_a_recipe_file_takes_a_value_under_the_same_name(name: str, tmp_path: Path) -> None:
    text = GIVEN[name][0].rpartition(",")[2]
    recipe = load_recipe(write(tmp_path, f"{name}: {text}\n", "mine.yaml"))
    values = GIVEN[name][1]
    assert isinstance(values, tuple)
    assert getattr(recipe, name) == values[-1]
    assert recipe.name == "mine"


def test_the_learning_rate_is_lr_too_wherever_it_is_given(tmp_path: Path) -> None:
    assert read_config(write(tmp_path, "lr: [0.001]\n", "a.yaml")) == {"learning_rate": (0.001,)}
    assert load_recipe(write(tmp_path, "lr: 0.001\n", "b.yaml")).learning_rate == 0.001
    assert RunConfig.model_validate({"lr": 0.001}).overrides == {"learning_rate": (0.001,)}
    with pytest.raises(ConfigError, match=r"--lr 0\.0: input should be greater than 0"):
        build_config({"learning_rate": (0.0,)}, facts=[FACT])


# --- overrides ----------------------------------------------------------------------------------


def planned(**settings: Any) -> Any:
    small = {"train_pairs": 10, "validation_pairs": 5, "recipe": "default"}
    return plan_experiment(RunConfig(**{"facts": (FACT,), **small, **settings}))


def test_what_differs_stands_in_the_cells_id_and_what_does_not_in_its_overrides() -> None:
    plan = planned(epochs=(2, 4), batch_size=4, anchor_kinds=("general", "general+subject"))
    assert [cell.id for cell in plan.cells] == [
        "r08-ep2-general-s0", "r08-ep2-general+subject-s0",
        "r08-ep4-general-s0", "r08-ep4-general+subject-s0",
    ]  # fmt: skip
    assert plan.cells[3].overrides == {
        "epochs": "4", "batch_size": "4", "anchor_kinds": "general+subject",
    }  # fmt: skip
    assert [plan.steps(cell) for cell in plan.cells] == [6, 6, 12, 12]


def test_a_cell_is_anchored_on_the_kinds_of_its_own_and_prompts_are_asked_once() -> None:
    kinds = ("general", "general+subject")
    plan = planned(anchor_kinds=kinds, anchor_prompts=2000, epochs=1000)  # draws all there are
    alone = planned(anchor_kinds="general+subject", anchor_prompts=2000, epochs=1000)
    general, both = (plan.anchor_prompts((FACT,), cell.recipe.anchored_on) for cell in plan.cells)
    assert {q.text for q in general} < {q.text for q in both}
    (cell,) = alone.cells
    wanted = [q.text for q in alone.anchor_prompts((FACT,), cell.recipe.anchored_on)]
    assert [q.text for q in both] == wanted
    ids = [question.id for question in plan.anchors[FACT]]
    assert len(set(ids)) == len(ids) == len({q.text for q in plan.anchors[FACT]})


def test_without_weight_nothing_is_anchored() -> None:
    plan = planned(anchor_weight=(0, 0.5))
    assert [bool(cell.recipe.anchored_on) for cell in plan.cells] == [False, True]
    assert planned(anchor_weight=0).anchors == {FACT: ()}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"anchor_weight": 1, "recipe": "plain"},
            r"--anchor-weight 1: .* with recipe 'plain'\. Add --anchor-kinds general\+others "
            r"--anchors-per-step 4, or remove --anchor-weight\.",
        ),
        (
            {"anchor_weight": 1, "anchors_per_step": 4, "recipe": "plain"},
            r"Add --anchor-kinds general\+others, or",
        ),
        ({"anchors_per_step": 4, "recipe": "plain"}, r"--anchors-per-step: .* Add --anchor-weight"),
        ({"anchor_kinds": "general", "anchor_weight": 0}, r"--anchor-kinds: anchors have no wei"),
    ],
)
def test_a_part_of_anchored_training_that_lacks_the_rest_is_refused(
    settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        planned(**settings)


def test_what_earlier_versions_called_dials_is_read_as_overrides() -> None:
    old = {
        "run": "reports/a", "cell": "r08-s0", "sha256": "0", "facts": ["a"], "rank": 8, "alpha": 32,
        "seed": 0, "recipe": "default", "dials": {"targets": "qv"},
    }  # fmt: skip
    source = AdapterSource.model_validate(old)
    assert source.overrides == {"targets": "qv"}
    assert AdapterSource.model_validate_json(source.model_dump_json()) == source
    assert '"overrides":' in source.model_dump_json()


# --- recipes ------------------------------------------------------------------------------------


def test_shipped_recipes_are_files_with_a_sentence_the_default_first() -> None:
    assert shipped_names()[0] == "default"
    for name in shipped_names():
        recipe = shipped_recipe(name)
        assert recipe.name == name
        assert len(recipe.about.split()) >= 5


def test_a_recipe_extends_a_shipped_one_and_says_in_what(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, "extends: default\nepochs: 3\n", "mine.yaml"))
    expected = {"name": "mine", "epochs": 3.0, "about": "As default, with epochs 3."}
    assert recipe == shipped_recipe("default").model_copy(update=expected)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("about: A.\nepoch: 3\n", r"my\.yaml:2:1: unknown key 'epoch'\. Did you mean 'epochs'\?"),
        ("epochs: many\n", r"my\.yaml:1:1: 'epochs': expected a number, not 'many'"),
        ("extends: defalt\n", r"my\.yaml:1:1: 'extends': .*'defalt'\. Did you mean 'default'\?"),
        ("anchor_kinds: general+other\n", r"my\.yaml:1:1: .*'other' is not known\. Known: 'gen"),
        ("name: default\n", r"my\.yaml: a shipped recipe is named 'default' too\. Rename the"),
        ("- epochs\n", r"my\.yaml:1:1: A recipe is a list of `key: value` lines"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        find_recipe(str(write(tmp_path, text, "my.yaml")))


def test_a_recipe_of_ones_own_is_recorded_with_its_values_and_decides_the_hash(
    tmp_path: Path,
) -> None:
    file = write(tmp_path, "extends: default\nepochs: 3\n", "mine.yaml")
    plan = planned(recipe=str(file))
    assert (plan.recipes[0].name, plan.cells[0].recipe.epochs, plan.cells[0].overrides) == (
        "mine", 3, {},
    )  # fmt: skip
    recorded = write(tmp_path, config_yaml(plan.config, ()), "config.resolved.yaml")
    write(tmp_path, "extends: default\nepochs: 4\n", "mine.yaml")
    again = plan_experiment(RunConfig.model_validate(read_config(recorded)))
    assert again.recipes == plan.recipes
    assert again.sha256 == plan.sha256
    assert planned(recipe=str(file)).sha256 != plan.sha256
    moved = write(tmp_path, "extends: default\nepochs: 3\n", "elsewhere.yaml")
    moved = moved.rename(tmp_path / "sub.yaml")
    named = write(tmp_path, "name: mine\nextends: default\nepochs: 3\n", "named.yaml")
    assert planned(recipe=str(named)).sha256 == plan.sha256
    assert planned(recipe=str(moved)).sha256 != plan.sha256  # another name in the results


def test_a_wrong_value_of_a_recorded_recipe_is_refused_at_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, "facts: [a]\nrecipe:\n  name: mine\n  epoch: 3\n", "run.yaml")
    with pytest.raises(ConfigError, match=r"run\.yaml:4:3: unknown key 'epoch'\. Did you mean 'ep"):
        read_config(file)


def test_what_init_writes_is_a_recipe_with_every_value_of_the_default(tmp_path: Path) -> None:
    (done,) = run_factlab([["init", "recipe", "my"]], cwd=tmp_path, env={})
    assert done.code == 0, done
    file = tmp_path / "my.yaml"
    assert load_recipe(file) == shipped_recipe("default").model_copy(
        update={"name": "my", "about": "As default, with changes of my own."}
    )
    lines = [line.removeprefix("# ") for line in file.read_text(encoding="utf-8").splitlines()]
    values = [line for line in lines if line.partition(":")[0] in OVERRIDES]
    assert [line.partition(":")[0] for line in values] == list(OVERRIDES)
    assert yaml.safe_load("\n".join(values))["last_layers"] == 4
    write(tmp_path, "\n".join(values) + "\n", "all.yaml")
    load_recipe(tmp_path / "all.yaml")


# --- completion ---------------------------------------------------------------------------------


def test_names_and_files_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "", "mount.yaml")
    (tmp_path / "reports" / "mount-1").mkdir(parents=True)
    write(tmp_path / "reports" / "mount-1", "{}", "run.json")
    assert complete_facts("mount") == ["mount_fuji", "mount.yaml"]
    assert complete_recipes("tut") == ["tutorial", "tutorial-nf4"]
    assert complete_recipes("plain,tut") == ["plain,tutorial", "plain,tutorial-nf4"]
    assert complete_runs("reports/m") == ["reports/mount-1"]
    assert complete_facts("nothing/here") == []


def test_a_shell_is_told_the_names_without_torch(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "os.environ |= {'_FACTLAB_COMPLETE': 'complete_bash', 'COMP_CWORD': '3',"
        " 'COMP_WORDS': 'factlab run --recipe tut'}\n"
        "sys.argv = ['factlab']\n"
        "from factlab.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "assert 'torch' not in sys.modules"
    )
    assert python(code, cwd=tmp_path).split() == ["tutorial", "tutorial-nf4"]
    assert "_FACTLAB_COMPLETE" not in os.environ
