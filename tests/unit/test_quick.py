"""`--quick` and the help in groups: what a newcomer meets first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from helpers import run_factlab, write

from factlab.cli import app
from factlab.cli.headings import COMMANDS, OPTIONS, REST
from factlab.cli.run import build_config
from factlab.errors import ConfigError
from factlab.experiment.plan import plan_experiment, read_config
from factlab.runs.config_file import config_yaml
from factlab.schema.config import RunConfig
from factlab.schema.quick import QUICK, QUICK_NOTE, QUICK_REPEATED

REGISTERED: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
GROUPED = ("run", "evaluate", "practice", "tune", "capacity")
FACT = "larkfield_observatory"
pytestmark = pytest.mark.usefixtures("expanded_once")

# --- help ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GROUPED)
def test_every_option_stands_once_under_a_heading(name: str, tmp_path: Path) -> None:
    (done,) = run_factlab([[name, "--help"]], cwd=tmp_path)
    headings = re.findall(r"^(\S.*):$", done.out, re.MULTILINE)
    assert headings[1:] == [*(one for one in OPTIONS if one in headings), REST]
    for option in REGISTERED[name].params:
        if option.param_type_name == "option":
            flag = re.escape(option.opts[0])
            assert len(re.findall(rf"^  (?:-h, )?{flag}[ ,]", done.out, re.MULTILINE)) == 1, flag


def test_headings_name_only_what_there_is() -> None:
    options = {option.name for name in GROUPED for option in REGISTERED[name].params}
    named = [name for names in OPTIONS.values() for name in names]
    assert set(named) <= options
    assert len(named) == len(set(named))
    assert sorted(name for names in COMMANDS.values() for name in names) == sorted(REGISTERED)


# --- quick --------------------------------------------------------------------------------------


def test_a_quick_run_is_recorded_with_all_its_values_and_repeats(tmp_path: Path) -> None:
    plan = plan_experiment(build_config({"quick": True}, facts=[FACT]))
    assert {name: getattr(plan.config, name) for name in QUICK} == dict(QUICK)
    assert plan.notes[0].startswith(QUICK_NOTE)
    assert "40 far ones (instead of 200)" in plan.notes[0]
    recorded = write(tmp_path, config_yaml(plan.config, plan.recipes), "config.resolved.yaml")
    again = plan_experiment(RunConfig.model_validate(read_config(recorded)))
    assert again.sha256 == plan.sha256
    whole = plan_experiment(build_config({}, facts=[FACT]))
    assert not any(note.startswith(QUICK_NOTE) for note in whole.notes)
    assert len(plan.questions) < len(whole.questions) / 2
    assert len(plan.rounding_sample) == QUICK_REPEATED < len(whole.rounding_sample)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"far": "200"}, "--quick with --far 200: it stands for --far 40"),
        ({"recipe": "light"}, "--quick with --recipe light: it stands for --recipe default"),
        ({"mining": (3,)}, "--quick with --mining 3: it stands for --mining 0"),
        ({"rank": (4, 8)}, "--quick with --rank 4,8: it trains once"),
        ({"seeds": 3}, "--quick with --seed 0,1,2: it trains once"),
        ({"early_stop": 2}, "--quick with --early-stop 2: it has no checkpoints"),
        ({"keep": "best"}, "--quick with --keep best: it has no checkpoints"),
        ({"thinking": "on"}, "--quick with --thinking on: its answers end after 32 tokens"),
        ({"placebo": True}, "--quick with --placebo True: it stands for --placebo False"),
    ],
)
def test_what_contradicts_a_quick_run_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        build_config({"quick": True, **given}, facts=[FACT])


def test_python_and_a_file_have_the_same_quick_run(tmp_path: Path) -> None:
    """`RunConfig(…)`, which Python calls, and what a file says are completed alike."""
    from_python = RunConfig(facts=(FACT,), quick=True, rank=())
    from_file = read_config(write(tmp_path, f"facts: [{FACT}]\nquick: yes\nmining: []\n", "q.yaml"))
    assert from_python == RunConfig(**from_file)
    assert {name: getattr(from_python, name) for name in QUICK} == dict(QUICK)


def test_what_does_not_contradict_it_is_taken() -> None:
    config = build_config({"quick": True, "rank": (4,), "far": "40", "seed": (7,)}, facts=[FACT])
    assert (config.rank, config.far, config.seed) == ((4,), 40, (7,))


def test_a_file_that_is_quick_contradicts_an_option_all_the_same(tmp_path: Path) -> None:
    file = write(tmp_path, f"facts: [{FACT}]\nquick: true\n", "run.yaml")
    assert build_config({}, file=file).far == QUICK["far"]
    with pytest.raises(ConfigError, match="--quick with --train-pairs 80"):
        build_config({"train_pairs": 80}, file=file)
