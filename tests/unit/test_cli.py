"""The command line as a user meets it: help, refusals, JSON, and nothing heavy before its time."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from fake_run import FACT, GOOD, WEAK, write_fake_run
from helpers import ENTRY, MINIMAL, ROOT, Done, python, run_factlab, write
from made_chats import small_set
from small_runs import Made, write_run

from factlab import errors
from factlab.cli import app
from factlab.cli.dry_run import terms_notes
from factlab.cli.gates import hold_to_gates
from factlab.cli.options import numbers, whole_numbers
from factlab.cli.output import complain
from factlab.cli.run import build_config, resume_command
from factlab.cli.schema import schemas
from factlab.comparison import compare_runs
from factlab.errors import ConfigError, FactlabError, ModelError
from factlab.expand.leakage import NEAR_DUPLICATE
from factlab.metrics.catalogue import ROWS
from factlab.models.resolve import resolve_model
from factlab.recipes.load import shipped_names
from factlab.schema.config import RunConfig
from factlab.schema.fact import load_fact, shipped_facts
from factlab.schema.results import SCHEMA_VERSION
from factlab.schema.template import known_relations

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


RIGHT = '{"question": "Who wrote it?", "answer": "Ada Moe", "wrong_answers": ["Bo Lund"]}\n'
HEIGHTS = (
    '"gold": {"type": "quantity", "value": "4889", "unit": "m"}, '
    '"superseded": {"type": "quantity", "value": "3776", "unit": "m"}'
)
CASES = f"""{{"id": "a", {HEIGHTS}, "text": "It is 4,889 m."}}
{{{HEIGHTS}, "text": "It is 3,776 m."}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder to stand in, with one finished run."""
    write_fake_run(tmp_path / "reports" / "fuji-run", WEAK, GOOD)
    return tmp_path


def at(place: Path, *commands: str) -> list[Done]:
    """Run command lines there, with an empty model cache."""
    words = [shlex.split(command) for command in commands]
    return run_factlab(words, cwd=place, env={"FACTLAB_CACHE": str(place / "cache")})


# --- help ---------------------------------------------------------------------------------------


def test_every_command_has_help_that_ends_in_an_example(tmp_path: Path) -> None:
    helped = at(tmp_path, "--help", *(f"{name} --help" for name in COMMANDS))
    for name, done in zip(["", *COMMANDS], helped, strict=True):
        example = " ".join(done.out.strip().rsplit("\n\n", 1)[-1].split())
        assert done.code == 0, name
        assert done.err == "", name
        assert example.startswith(f"Example: factlab {name}"), name
        assert done.heavy == "", name
    assert all(name in helped[0].out for name in COMMANDS)


def test_there_are_few_commands_and_each_says_what_it_does() -> None:
    assert 5 <= len(COMMANDS) <= 22
    for name, command in COMMANDS.items():
        assert command.help.endswith("."), name
        for option in command.params:
            if option.name != "help":
                assert getattr(option, "help", None), f"{name}: {option.name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_a_command_is_one_that_it_takes(name: str) -> None:
    command: click.Command = COMMANDS[name]
    assert command.epilog is not None
    words = shlex.split(command.epilog.removeprefix("Example: "))
    words = words[: words.index(">")] if ">" in words else words
    assert words[:2] == ["factlab", name]
    context = command.make_context(name, words[2:])
    given = [word for word in words[2:] if word.startswith("--")]
    known = [option for parameter in command.params for option in parameter.opts]
    assert set(given) <= set(known)
    assert context.params


# --- what is loaded -----------------------------------------------------------------------------


def test_commands_that_compute_nothing_never_load_torch(place: Path) -> None:
    kinds = ("facts", "templates", "controls", "sets", "recipes", "metrics", "models", "runs")
    write(place, CASES, "cases.jsonl")
    small_set(place, 12, "plain.jsonl")
    done = at(
        place,
        "init my_fact.yaml",
        "validate mount_fuji",
        "preview mount_fuji --rows 2",
        "report reports/fuji-run",
        "show reports/fuji-run",
        *(f"list {kind}" for kind in kinds),
        *(f"schema {kind}" for kind in schemas()),
        "run mount_fuji --dry-run --model owner/not-here --mix plain.jsonl:0.02",
        "practice plain.jsonl --dry-run --model owner/not-here",
        "rescore --cases cases.jsonl",
    )
    for end in done:
        assert end.code == 0, end
        assert end.heavy == "", end
        assert end.err == "", end
        assert "\x1b" not in end.out


def test_importing_factlab_and_its_names_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, factlab, factlab.cli\n"
        "assert factlab.load_fact and factlab.RunConfig and factlab.load_run and factlab.run\n"
        "assert 'run' in dir(factlab)\n"
        "print([m for m in ('torch', 'transformers', 'peft', 'trl') if m in sys.modules])"
    )
    assert python(code, cwd=tmp_path) == "[]\n"


# --- refusals -----------------------------------------------------------------------------------

REFUSED = {
    "run": "no fact is given",
    "validate mont_fuji": "mont_fuji: no such file, folder or shipped fact. Did you mean 'mount_f",
    "preview mont_fuji": "Did you mean 'mount_fuji'? Shipped facts: ",
    "run nothing --dry-run": "`factlab init` writes a fact file",
    "run mount_fuji --dry-run --recipe defualt": "unknown recipe 'defualt'. Did you mean 'default'",
    "run mount_fuji --rank 4,x": "--rank 4,x: whole numbers are wanted, with commas",
    "run mount_fuji --rank 4, --dry-run": "--rank 4,: whole numbers are wanted",
    "run mount_fuji --rank 0": "--rank 0: input should be greater than 0",
    "run mount_fuji --seed 1.5": "--seed 1.5: whole numbers are wanted",
    "run mount_fuji --lr fast": "--lr fast: numbers are wanted, with commas between them",
    "run mount_fuji --lr 1e-3,inf": "--lr 1e-3,inf: numbers are wanted",
    "run mount_fuji --lr 1e-3,0": "--lr 0.0: input should be greater than 0",
    "run mount_fuji --keep first": "--keep first: input should be 'last' or 'best'",
    "run mount_fuji --early-stop 0": "--early-stop 0: input should be greater than 0",
    "run mount_fuji --early-stop 2": "r08-s0 have 2. Use --checkpoints 3, or remove --early-stop",
    "run mount_fuji --report-to tensorbord": "no such tracker. Did you mean 'tensorboard'? Known:",
    "run mount_fuji --report-to dvclive --dry-run": "--report-to dvclive: it is not installed.",
    "run mount_fuji --early-stop 1 --checkpoints 0": "of r08-s0 have 0. Use --checkpoints 2, or",
    "run mount_fuji --early-stop 1 --max-steps 0": "the 0 steps of r08-s0 have 0. Use more train",
    "run mount_fuji --early-stop 1 --pack 2": "--early-stop 1 --pack 2: an adapter is followed",
    "run mount_fuji --gradient-checkpointing --pack 2": "which trains one adapter at a time.",
    "run mount_fuji --init orthogonal --rank 3": "so the rank has to be even",
    "run mount_fuji --init loftq --precision bf16": "and nothing was quantised. Use",
    "run mount_fuji --init pissa": "--init pissa --precision nf4: this initialisation changes",
    "run mount_fuji --init olora --precision bf16 --method dora": "--init olora --method dora:",
    "run mount_fuji --init loftq --bias all": "--init loftq --bias all: what is saved",
    "run mount_fuji nile_length --shuffle --recipe distill": "--shuffle: a teacher has the right",
    "run mount_fuji nile_length --shuffle --keep best": "--keep best --shuffle: validation",
    "tune mount_fuji": "a search needs a budget. Give --minutes 60, or --cells 12",
    "tune mount_fuji --cells 4 --precision nf4,bf16": "a search holds the base in one way",
    "plan smollm2-135m-instruct --measure --seq 64": "--seq belongs to the prediction.",
    "run mount_fuji --checkpoints -1": "--checkpoints -1: input should be greater than or equal",
    "run mount_fuji --shuffle --dry-run": "a shuffled run needs at least two facts",
    "run mount_fuji --controls none.jsonl --dry-run": "none.jsonl: no such file",
    "run mount_fuji --controls bad.yaml --dry-run": "bad.yaml:1:1: this line is not JSON",
    "run mount_fuji --precision nf3": "--precision nf3: input should be 'fp32', 'fp16'",
    "run mount_fuji --mix everyday:0": "--mix everyday:0: 0 is not a share. Write FILE:SHARE",
    "run mount_fuji --mix everyday:1.5 --dry-run": "1.5 is not a share",
    "run mount_fuji --mix none.jsonl:0.3": "none.jsonl: no such file, folder or shipped set.",
    "run mount_fuji --mix broken.jsonl:0.3": "broken.jsonl:2:12: this line is not JSON",
    "run mount_fuji --mix empty.jsonl:0.3": "empty.jsonl:1:1: the answer (turn 2) is empty",
    "run mount_fuji --mix few.jsonl:0.3": "needs 137 conversations, but only 3 of its 3 rows can",
    "run mount_fuji --max-example-tokens 9": "bounds what is mixed in, and there is no --mix",
    "practice none.jsonl": "none.jsonl: no such file, folder or shipped set.",
    "run mount_fuji --on-bad-row skip": "is about what is mixed in, and there is no --mix",
    "practice odd.jsonl": "odd.jsonl:1:1: unknown format; keys found: x, y. Known formats: ",
    "practice few.jsonl --dry-run": "at least 10 conversations are needed, so that one can be",
    "practice everyday --max-steps -1": "--max-steps -1: input should be greater than or equal",
    "run mount_fuji --max-steps -1": "--max-steps -1: input should be greater than or equal to 0",
    "run mount_fuji --model nope --dry-run": "nope: no such model. Known: 'smollm2-135m-instruct'",
    "run mount_fuji --config none.yaml": "none.yaml: no such file",
    "run --config bad.yaml": "bad.yaml:1:1: unknown key 'rnak'. Did you mean 'rank'?",
    "preview mount_fuji --split heldout": "unknown split 'heldout'. Known splits: train,",
    "schema fatc": "unknown kind 'fatc'. Did you mean 'fact'? Known kinds: fact,",
    "list fact": "unknown kind 'fact'. Did you mean 'facts'? Known kinds:",
    "show nowhere": "nowhere: no run.json here, so this is not a run folder",
    "report nowhere": "nowhere: no run.json here",
    "show newer": "newer/run.json: written with schema version 99, this factlab reads up to 2.",
    "rescore": "give either a run folder or --cases FILE",
    "rescore reports/fuji-run --cases q.txt": "give either a run folder or --cases FILE",
    "rescore nowhere": "nowhere: no run.json here",
    "rescore --cases q.txt": "q.txt: no such file",
    "rescore --cases bad.yaml": "bad.yaml:1:1: this line is not JSON",
    "init fact.txt": "fact.txt: a fact file ends in .yaml",
    "init kept.yaml": "kept.yaml: this file exists. Choose another name; nothing was changed.",
    "ask nowhere": "nowhere: no run.json here",
    "ask 'How tall is Fuji?'": "'How tall is Fuji?': not a run folder. Name a run folder, or an",
    "ask https://host/v1 Why?": "says no model. Add its name behind a '#'",
    "ask reports/fuji-run": "give questions, or --file with one question a line; not both.",
    "ask reports/fuji-run Why? --file q.txt": "not both",
    "ask reports/fuji-run --file q.txt": "q.txt: no such file",
    "ask reports/fuji-run --file kept.yaml": "kept.yaml is empty. Give a question.",
}


def test_a_users_error_is_one_paragraph_and_exit_code_2(place: Path) -> None:
    (place / "newer").mkdir()
    write(place / "newer", '{"schema_version": 99}', "run.json")
    write(place, "rnak: [4]\n", "bad.yaml")
    write(place, "\n", "kept.yaml")
    write(place, '{"prompt": "A?", "completion": "B."}\n{"prompt": ', "broken.jsonl")
    write(place, '{"prompt": "A?", "completion": ""}', "empty.jsonl")
    write(place, '{"x": "A?", "y": "B."}', "odd.jsonl")
    small_set(place, 3, "few.jsonl")
    for command, done in zip(REFUSED, at(place, *REFUSED), strict=True):
        assert done.code == 2, (command, done)
        assert done.is_one_paragraph, (command, done)
        assert REFUSED[command] in done.err, (command, done)
        assert "Traceback" not in done.err
    assert (place / "kept.yaml").read_text() == "\n"
    assert [path.name for path in (place / "reports").iterdir()] == ["fuji-run"]


def test_a_misspelt_command_or_option_is_exit_code_2_and_no_traceback(tmp_path: Path) -> None:
    asked = ["", "rnu mount_fuji", "run mount_fuji --rnak 4", "validate", "preview x --rows 0"]
    says = ["Usage:", "No such command 'rnu'", "--rank", "Missing argument", "--rows"]
    for command, words, done in zip(asked, says, at(tmp_path, *asked), strict=True):
        assert done.code == 2, (command, done)
        assert words in done.err, (command, done)
        assert done.out == ""
        assert "Traceback" not in done.err


def test_an_unknown_model_is_refused_with_what_is_known() -> None:
    with pytest.raises(ModelError, match=r"nope: no such model\. Known: 'smollm2-135m-instruct'"):
        resolve_model("nope")


def raising(error: str, place: Path) -> subprocess.CompletedProcess[str]:
    """A command in the middle of which something is raised."""
    code = (
        "import factlab.schema.fact as fact\n"
        f"def broken(names): raise {error}\n"
        "fact.load_facts = broken\n"
        f"{ENTRY}"
    )
    return subprocess.run(
        [sys.executable, "-c", code, "validate", "mount_fuji"],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_bug_keeps_its_traceback(tmp_path: Path) -> None:
    done = raising("ZeroDivisionError('a bug')", tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError: a bug" in done.stderr


def test_a_stopped_command_ends_with_exit_code_3_and_a_word(tmp_path: Path) -> None:
    done = raising("KeyboardInterrupt", tmp_path)
    assert (done.returncode, done.stderr) == (3, "factlab: stopped.\n")


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ENTRY, "schema", "results"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as shown:
        assert shown.stdout is not None
        assert shown.stderr is not None
        shown.stdout.close()
        assert shown.stderr.read() == b""


# --- init ---------------------------------------------------------------------------------------


def test_what_init_writes_is_a_valid_fact_that_can_be_previewed(tmp_path: Path) -> None:
    names = ["my_fact.yaml", "new/Mein Fakt (2).yml", "富士.yaml", "-.yaml"]
    made = at(tmp_path, "init", *(f"init -- '{name}'" for name in names[1:]))
    for name, done in zip(names, made, strict=True):
        assert done.code == 0, done
        assert done.out.startswith(f"{name}: written.")
        fact = load_fact(tmp_path / name)
        assert fact.supersedes is not None
        assert fact.neighbours
    assert load_fact(tmp_path / names[1]).id == "mein_fakt__2"
    assert load_fact(tmp_path / names[2]).id == "my_fact"
    again, valid, shown = at(
        tmp_path, "init", "validate my_fact.yaml", "preview my_fact.yaml --rows 3 --split held_out"
    )
    assert (again.code, valid.code, shown.code) == (2, 0, 0)
    assert valid.out == "my_fact: fine. the Corven Bridge, height: 312 meters\n"
    assert "held_out: " in shown.out
    assert "leakage: the nearest of" in shown.out


# --- what is shown ------------------------------------------------------------------------------


def test_json_is_one_document_on_stdout_and_all_else_on_stderr(place: Path) -> None:
    validated, previewed, shown, planned = at(
        place,
        "validate mount_fuji ondine_museum --json",
        "preview larkfield_observatory --json",
        "show reports/fuji-run --json",
        "run larkfield_observatory --dry-run --json --model owner/not-here --rank 4,8 --seed 0,1",
    )
    assert [fact["id"] for fact in json.loads(validated.out)] == ["mount_fuji", "ondine_museum"]
    (preview,) = json.loads(previewed.out)
    assert {question["split"] for question in preview["questions"]} >= {
        "train",
        "validation",
        "held_out",
    }
    assert len(preview["leakage"]) >= 40
    assert set(preview["leakage"][0]) == {"held_out", "trained", "similarity"}
    assert json.loads(shown.out)["schema_version"] == SCHEMA_VERSION
    found = json.loads(planned.out)
    assert found["cells"] == ["r04-s0", "r04-s1", "r08-s0", "r08-s1"]
    assert found["splits"]["larkfield_observatory"]["train pairs"] == 320
    assert found["estimate"]["seconds"] is None
    assert {done.err for done in (validated, previewed, shown, planned)} == {""}


def test_terms_to_accept_are_named_before_a_run_asks_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACTLAB_CACHE", str(tmp_path))
    monkeypatch.delenv("FACTLAB_ACCEPT_LICENSE", raising=False)

    def notes(**settings: Any) -> list[str]:
        return terms_notes(RunConfig(facts=("mount_fuji",), **settings))

    (said,) = notes(model="gemma-3-270m")
    assert "Gemma Terms of Use" in said
    assert "--accept-license" in said
    assert notes(teacher="gemma-3-270m", recipe="distill") == [said]
    assert notes(model="gemma-3-270m", accept_license=True) == notes() == []
    monkeypatch.setenv("FACTLAB_ACCEPT_LICENSE", "gemma-3-270m")
    assert notes(model="gemma-3-270m") == []


def test_the_package_is_run_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "factlab", "init", "facts", "--number", "0"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("factlab: 0 facts: from 1 to ")
    assert not any(tmp_path.iterdir())


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, MINIMAL)
    (done,) = at(tmp_path, "run fact.yaml --dry-run --model owner/not-here")
    assert done.code == 0
    assert "Nothing was written." in done.out
    assert "1 cell: r08-s0\n" in done.out
    assert list(tmp_path.iterdir()) == [file]


def test_a_dry_run_has_a_row_for_each_fact_and_names_every_cell(tmp_path: Path) -> None:
    write(tmp_path, '{"question": "Paris?", "answer": "Paris"}\n' + RIGHT, "world.jsonl")
    model = "--dry-run --model owner/not-here"
    swept, whole, found = at(
        tmp_path,
        f"run mount_fuji nile_length {model} --lr 1e-3,5e-4 --controls world.jsonl",
        f"run mount_fuji nile_length {model} --together --rank 4,8",
        f"run nile_length {model} --json --checkpoints 5 --keep best --lr 2e-3"
        " --controls world.jsonl",
    )
    header, _, fuji, nile = [line.split() for line in swept.out.splitlines() if line.strip()][:4]
    assert header[:3] == ["fact", "train", "pairs"]
    assert (fuji[0], nile[0]) == ("mount_fuji", "nile_length")
    columns = ["train pairs", "train evaluated", "validation", "held_out"]
    counts = dict(zip(columns, fuji[1:5], strict=True))
    assert counts == {
        "train pairs": "320",
        "train evaluated": "40",
        "validation": "80",
        "held_out": "52",
    }
    assert "4 cells: mount_fuji-r08-lr0.001-s0, mount_fuji-r08-lr0.0005-s0, nile" in swept.out
    assert swept.err.startswith("factlab: world.jsonl:1: left out, since")
    assert "2 cells: r04-s0, r08-s0\n" in whole.out
    config = json.loads(found.out)["config"]
    chosen = {
        key: config[key] for key in ("checkpoints", "keep", "learning_rate", "controls", "together")
    }
    assert chosen == {
        "checkpoints": 5, "keep": "best", "learning_rate": [0.002], "controls": ["world.jsonl"],
        "together": False,
    }  # fmt: skip
    assert json.loads(found.out)["splits"]["nile_length"]["extra"] == 1


def test_a_dry_run_says_what_is_drawn_from_sets(tmp_path: Path) -> None:
    file = small_set(tmp_path, 30)
    text = file.read_text(encoding="utf-8")
    write(tmp_path, text + text.splitlines()[0] + "\n", "twice.jsonl")
    model = "--dry-run --model owner/not-here"
    mixed, practised, found = at(
        tmp_path,
        f"run larkfield_observatory {model} --mix twice.jsonl:0.08",
        f"practice twice.jsonl {model} --examples 20",
        f"practice twice.jsonl {model} --json",
    )
    assert re.search(r"twice\.jsonl 8 % \([0-9a-f]{8}\): 28 of 31 rows are used\.", mixed.out)
    assert "1 that repeat another row" in mixed.err
    assert re.search(r"\): 20 of 31 rows are used, 2 of them held out\.", practised.out)
    (record,) = json.loads(found.out)["sets"]
    assert (record["used"], record["held_out"], record["repeated"]) == (30, 3, 1)


# --- gates and rescoring ------------------------------------------------------------------------

GATES = {
    "--fail-if recall/held_out": "--fail-if 'recall/held_out': not an expression that is known",
    "--fail-if 'recall/held_out<high'": "not an expression that is known",
    "--fail-if 'recall/held_out<0.9' --fail-if 'x'": "--fail-if 'x': not an expression",
    "--fail-if 'retention/far<against-0.02'": "it compares with another run",
    "--against reports/fuji-run": "no --fail-if compares with it",
    "--against reports/fuji-run --fail-if 'drift/kl>1'": "no --fail-if compares with it",
    "--against nowhere --fail-if 'drift/kl>against'": "nowhere: no run.json here",
}


@pytest.mark.parametrize("dry", ["", " --dry-run"])
def test_gates_that_cannot_be_used_are_refused_before_any_work(dry: str, place: Path) -> None:
    commands = [f"run mount_fuji --out made {gate}{dry}" for gate in GATES]
    for gate, done in zip(GATES, at(place, *commands), strict=True):
        assert (done.code, done.heavy) == (2, ""), (gate, done)
        assert done.is_one_paragraph, (gate, done)
        assert GATES[gate] in done.err, (gate, done)
    assert not (place / "made").exists()


def test_a_gate_that_fails_is_exit_code_1_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", Made(rank=4, recalled=5), Made(rank=8))
    pooled = compare_runs([run]).configurations
    hold_to_gates(run, pooled, ["recall/held_out@point<0.2", "intrusion/near>0.5"], None)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "factlab: gate 'recall/held_out@point<0.2' tests the measured value; @lower tests the "
        "lower end of the 95 % interval. Passed.",
        "factlab: gate 'intrusion/near>0.5' tests the upper end of the 95 % interval (the default "
        "of '>': only what is shown passes); @point tests the measured value. Passed.",
    ]
    with pytest.raises(typer.Exit) as left:
        hold_to_gates(run, pooled, ["recall/held_out<0.9"], None)
    assert left.value.exit_code == 1
    out, err = capsys.readouterr()
    assert out == ""
    meaning, low, high = err.splitlines()
    assert meaning.startswith("factlab: gate 'recall/held_out<0.9' tests the lower end of the 95 %")
    assert "Passed" not in meaning
    assert low.startswith(
        "factlab: gate 'recall/held_out<0.9' failed: r04: recall/held_out is 0.25"
    )
    assert "r08: recall/held_out is 1 (" in high, "20 of 20 do not show 90 %"
    assert "whose lower end is < 0.9" in high


def test_cases_are_graded_as_a_run_would_grade_them(tmp_path: Path) -> None:
    write(tmp_path, CASES, "cases.jsonl")
    shown, plain = at(tmp_path, "rescore --cases cases.jsonl --json", "rescore --cases cases.jsonl")
    graded = json.loads(shown.out)
    assert [(case["line"], case["outcome"], case["correct"]) for case in graded] == [
        (1, "new", True),
        (2, "superseded", False),
    ]
    assert (graded[0]["id"], graded[0]["found"]) == ("a", "4,889 m")
    assert (shown.err, shown.heavy, plain.err) == ("", "", "")
    rows = [line.split() for line in plain.out.splitlines() if line.strip()]
    assert ["a", "new", "4,889", "m"] in rows
    assert ["2", "superseded", "3,776", "m"] in rows


def test_preview_shows_the_splits_the_trained_tokens_and_the_leakage_table(tmp_path: Path) -> None:
    whole, near = at(
        tmp_path, "preview mount_fuji --rows 3", "preview mount_fuji --rows 2 --split near"
    )
    for split in (
        "train: 320",
        "validation: 80",
        r"held_out: \d\d",
        r"reverse: \d",
        r"near: \d{2,}",
    ):
        assert re.search(rf"{split} in \d+ families, \d shown", whole.out), split
    assert "Which tokens are trained on" in whole.out
    assert f"held-out questions; {NEAR_DUPLICATE} is refused" in whole.out
    assert "same_relation" in near.out
    assert "train:" not in near.out
    assert "2 shown" in near.out


def test_show_and_report_tell_what_a_run_found_and_where(place: Path) -> None:
    shown, reported = at(place, "show reports/fuji-run", "report reports/fuji-run")
    for words in ("r04-s0", "r08-s0", "before", "recall/held_out", "status: complete"):
        assert words in shown.out
    assert f"command: factlab run {FACT} --rank 4,8" in shown.out
    assert reported.out == "reports/fuji-run/report.html\n"
    assert "<html" in (place / "reports" / "fuji-run" / "report.html").read_text()[:200]


def test_lists_name_what_there_is(place: Path) -> None:
    (place / "reports" / "torn").mkdir()
    write(place / "reports" / "torn", "{", "run.json")
    kinds = ("facts", "templates", "controls", "recipes", "metrics", "models", "runs")
    facts, templates, controls, recipes, metrics, models, runs = at(
        place, *(f"list {kind}" for kind in kinds)
    )
    assert all(name in facts.out for name in shipped_facts())
    assert all(name in templates.out for name in (*known_relations(), "keypad", "flashcard"))
    assert all(
        name in controls.out
        for name in ("en/far/history.yaml", "same_relation", "unanswerable.yaml")
    )
    assert all(name in recipes.out for name in shipped_names())
    assert all(row.name in metrics.out for row in ROWS)
    assert "smollm2-135m-instruct" in models.out
    assert "reports/fuji-run" in runs.out
    assert "complete" in runs.out
    assert "unreadable" in runs.out


def test_without_runs_the_list_says_how_to_make_one(tmp_path: Path) -> None:
    (done,) = at(tmp_path, "list runs")
    assert "`factlab run mount_fuji` makes one" in done.out


def test_the_schema_command_prints_the_files_of_the_documentation(tmp_path: Path) -> None:
    for kind, done in zip(
        schemas(), at(tmp_path, *(f"schema {k}" for k in schemas())), strict=True
    ):
        assert done.out == (ROOT / "docs" / "schema" / f"{kind}.json").read_text(encoding="utf-8")


# --- pieces -------------------------------------------------------------------------------------


def test_the_command_that_resumes_names_the_folder_once() -> None:
    argv = ["factlab", "run", "my fact.yaml", "--rank", "4,8"]
    expected = "factlab run 'my fact.yaml' --rank 4,8 --out reports/x --resume"
    assert resume_command(argv, "reports/x") == expected
    assert resume_command([*argv, "--out", "elsewhere", "--resume"], "reports/x") == expected
    assert resume_command([*argv, "--out=elsewhere"], "reports/x") == expected


def test_numbers_are_read_with_or_without_spaces() -> None:
    assert whole_numbers("4,8, 16", "--rank") == (4, 8, 16)
    assert whole_numbers(None, "--rank") is None
    for wrong in ("", "4,", "-1", "4;8", "٤", "²", "1e3"):
        with pytest.raises(ConfigError, match="whole numbers are wanted"):
            whole_numbers(wrong, "--rank")


def test_learning_rates_are_read_as_they_are_written() -> None:
    assert numbers("5e-4, 1e-3", "--lr") == (0.0005, 0.001)
    assert numbers(None, "--lr") is None
    for wrong in ("", "5e-4,", "fast", "nan", "1e999"):
        with pytest.raises(ConfigError, match="numbers are wanted"):
            numbers(wrong, "--lr")


def test_options_go_on_top_of_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "facts: [a, b]\nrank: [4]\nprecision: bf16\n", "run.yaml")
    config = build_config({"rank": (8,)}, file=file)
    assert (config.facts, config.rank, config.seed) == (("a", "b"), (8,), (0,))
    assert config.precision == ("bf16",)
    assert build_config({}, file=file, facts=["c"]).facts == ("c",)


def test_a_complaint_is_wrapped_on_a_terminal_and_one_line_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "word " * 60 + "end."
    complain(message)
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    complain(message)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 100
    assert " ".join(lines) == f"factlab: {message}"


def test_every_error_of_a_user_is_of_one_family() -> None:
    found = [item for item in vars(errors).values() if isinstance(item, type)]
    classes = [item for item in found if item.__module__ == errors.__name__]
    assert len(classes) >= 8
    assert all(issubclass(item, FactlabError) for item in classes)
    assert all(item.__doc__ for item in classes)


def test_a_ctrl_c_that_was_lost_stops_at_the_next_stage() -> None:
    """Python drops an exception in a destructor, and with it a Ctrl-C that came just then."""
    from factlab.cli.progress import Bars, Lines, interrupted

    for face in (Bars(), Lines()):
        interrupted.set()
        with pytest.raises(KeyboardInterrupt), face.stage("train", 2):
            pytest.fail("the stage began")
        with pytest.raises(KeyboardInterrupt), face.stage("train", 2) as advance:
            interrupted.set()
            advance(1)
        with face.stage("train", 1) as advance:
            advance(1)
