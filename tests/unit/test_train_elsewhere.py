"""Training data for other trainers: what they read, what they are told, what stays unseen."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from helpers import run_factlab

from factlab.conversations.source import read_set
from factlab.errors import ConfigError, FactlabError, LeakageError
from factlab.experiment.plan import plan_experiment
from factlab.models.packaged import packaged_folder
from factlab.schema.config import RunConfig
from factlab.schema.manifest import DATA_FORMATS, DataFormat, Manifest
from factlab.schema.recipe import Optimizer
from factlab.trainers.values import OPTIMIZERS
from factlab.workflows import training_data as workflow
from factlab.workflows.check_data import check_data
from factlab.workflows.training_data import training_data

FACT = "larkfield_observatory"
pytestmark = pytest.mark.usefixtures("expanded_once")
SMALL: dict[str, Any] = {"train_pairs": 12, "validation_pairs": 4}


def write(folder: Path, format_: DataFormat = "chat", **settings: Any) -> Manifest:
    config = RunConfig.model_validate({"facts": (FACT,), **SMALL, **settings})
    return training_data(config, format_, folder, anchors=False).manifest


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def settings(file: Path) -> dict[str, Any]:
    found = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("format_", DATA_FORMATS)
def test_each_format_is_read_back_as_the_pairs_that_it_was_written_from(
    tmp_path: Path, format_: DataFormat
) -> None:
    write(tmp_path / "out", format_)
    plan = plan_experiment(RunConfig.model_validate({"facts": (FACT,), **SMALL}))
    for name, pairs in (
        ("train", plan.expansions[FACT].train),
        ("validation", plan.expansions[FACT].validation),
    ):
        read = read_set(str(tmp_path / "out" / f"{name}.jsonl")).conversations
        assert [(one.question, one.answer) for one in read] == [(q.text, q.target) for q in pairs]


def test_rows_have_the_keys_that_trainers_document(tmp_path: Path) -> None:
    found = {}
    for format_ in DATA_FORMATS:
        write(tmp_path / format_, format_)
        found[format_] = rows(tmp_path / format_ / "train.jsonl")[0]
    question, answer = found["alpaca"]["instruction"], found["alpaca"]["output"]
    asked, said = (
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    )
    assert found["alpaca"] == {"instruction": question, "input": "", "output": answer}
    assert found["chat"] == {"messages": [asked, said]}
    assert found["prompt-completion"] == {"prompt": [asked], "completion": [said]}
    assert found["sharegpt"] == {
        "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    }


def test_axolotl_is_told_the_recipe_and_where_the_turns_are(tmp_path: Path) -> None:
    write(tmp_path / "a", "sharegpt", recipe="tutorial-nf4", rank=(16,), learning_rate=(3e-4,))
    told = settings(tmp_path / "a" / "axolotl.yaml")
    (data,) = told["datasets"]
    assert data == {
        "path": "train.jsonl", "ds_type": "json", "split": "train", "type": "chat_template",
        "field_messages": "conversations",
        "message_property_mappings": {"role": "from", "content": "value"},
    }  # fmt: skip
    assert told["test_datasets"] == [{**data, "path": "validation.jsonl"}]
    assert (told["adapter"], told["load_in_4bit"], told["lora_r"]) == ("qlora", True, 16)
    assert told["learning_rate"] == 3e-4
    assert told["train_on_inputs"] is False
    assert told["chat_template"] == "tokenizer_default"


def test_what_a_recipe_says_stands_in_every_configuration(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        "extends: plain\nmethod: rslora\nalpha: 2r\nrank: 4\ntargets: qv\nepochs: 2\n"
        "batch_size: 6\nschedule: constant\nwarmup_share: 0.5\noptimizer: sgd\n"
        "weight_decay: 0.02\nmax_grad_norm: 0.5\nlearning_rate: 0.002\ndropout: 0.1\n"
    )
    chosen = {"recipe": str(recipe), "precision": ("bf16",), "seed": (7,)}
    write(tmp_path / "chat", "chat", **chosen)
    folder = tmp_path / "chat"
    told = settings(folder / "axolotl.yaml")
    factory = settings(folder / "llamafactory.yaml")
    trl = settings(folder / "trl.yaml")
    scripts = [(folder / name).read_text() for name in ("trl_sft.py", "unsloth_sft.py")]
    assert told["lora_r"] == factory["lora_rank"] == trl["lora_r"] == 4
    assert told["lora_alpha"] == factory["lora_alpha"] == trl["lora_alpha"] == 8
    assert told["lora_target_modules"] == trl["lora_target_modules"] == ["q_proj", "v_proj"]
    assert factory["lora_target"] == "q_proj,v_proj"
    assert told["peft_use_rslora"] is factory["use_rslora"] is trl["use_rslora"] is True
    assert told["micro_batch_size"] == factory["per_device_train_batch_size"] == 6
    for one in (told, factory, trl):
        assert (one["max_steps"], one["warmup_steps"], one["seed"]) == (4, 2, 7)
        assert (one["learning_rate"], one["weight_decay"], one["max_grad_norm"]) == (
            2e-3,
            0.02,
            0.5,
        )
        assert one["bf16"] is True
    assert told["lr_scheduler"] == factory["lr_scheduler_type"] == "constant_with_warmup"
    assert told["optimizer"] == trl["optim"] == "sgd"
    assert told["load_in_4bit"] is False
    assert "quantization_bit" not in factory
    for script in scripts:
        ast.parse(script)
        for line in (
            "max_steps=4",
            "learning_rate=0.002",
            "['q_proj', 'v_proj']",
            "use_rslora=True",
        ):
            assert line in script


def test_llamafactory_is_told_of_every_file_in_its_own_keys(tmp_path: Path) -> None:
    for format_, tags in (("chat", "role"), ("sharegpt", "from")):
        folder = tmp_path / format_
        write(folder, format_)  # type: ignore[arg-type]
        info = json.loads((folder / "dataset_info.json").read_text())
        told = settings(folder / "llamafactory.yaml")
        assert {told["dataset"], told["eval_dataset"]} == set(info)
        first = rows(folder / info[told["dataset"]]["file_name"])[0]
        described = info[told["dataset"]]
        assert described["formatting"] == "sharegpt"
        turns = first[described["columns"]["messages"]]
        assert described["tags"]["role_tag"] == tags
        named = [turn[described["tags"]["role_tag"]] for turn in turns]
        assert named == [described["tags"]["user_tag"], described["tags"]["assistant_tag"]]
        assert all(turn[described["tags"]["content_tag"]] for turn in turns)
    write(tmp_path / "alpaca", "alpaca")
    info = json.loads((tmp_path / "alpaca" / "dataset_info.json").read_text())
    first = rows(tmp_path / "alpaca" / "train.jsonl")[0]
    assert set(info["factlab_train"]["columns"].values()) == set(first)
    assert info["factlab_train"]["formatting"] == "alpaca"


def test_alpaca_rows_are_put_to_axolotl_by_the_bases_own_chat_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = "{% for m in messages %}<{{ m.content }}>{}{% endfor %}:"
    monkeypatch.setattr(workflow, "preview_tokenizer", lambda *_: Stub(template))
    write(tmp_path / "alpaca", "alpaca")
    (data,) = settings(tmp_path / "alpaca" / "axolotl.yaml")["datasets"]
    asked = data["type"]["format"].format(instruction="What?", input="")
    assert asked == "<What?>{}:"
    assert data["type"]["no_input_format"] == data["type"]["format"]


class Stub:
    """A tokenizer with a chat template that has braces of its own."""

    begins_with = ""

    def __init__(self, template: str) -> None:
        self.template = template

    def prompt(self, question: str) -> str:
        from jinja2 import Environment

        return Environment().from_string(self.template).render(messages=[{"content": question}])


def test_what_the_others_cannot_do_is_said_in_each_configuration(tmp_path: Path) -> None:
    write(tmp_path / "chat", recipe="default", precision=("fp32",))
    for name in ("axolotl.yaml", "llamafactory.yaml", "trl.yaml", "trl_sft.py", "unsloth_sft.py"):
        comment = " ".join((tmp_path / "chat" / name).read_text().replace("# ", "").split())
        assert "KL of weight 4" in comment
        assert "Mining" in comment
    write(tmp_path / "plain", recipe="plain", precision=("fp32",))
    assert "KL" not in (tmp_path / "plain" / "axolotl.yaml").read_text()


def test_every_optimizer_has_a_name_that_transformers_knows() -> None:
    assert set(OPTIMIZERS) == set(get_args(Optimizer))


def test_a_file_may_be_named_and_nothing_is_written_over(tmp_path: Path) -> None:
    write(tmp_path / "here" / "mine.jsonl")
    assert (tmp_path / "here" / "mine.jsonl").is_file()
    (data,) = settings(tmp_path / "here" / "axolotl.yaml")["datasets"]
    assert data["path"] == "mine.jsonl"
    with pytest.raises(ConfigError, match="there already"):
        write(tmp_path / "here" / "mine.jsonl")
    with pytest.raises(ConfigError, match="there already"):
        write(tmp_path / "here")
    with pytest.raises(ConfigError, match="JSON lines"):
        write(tmp_path / "mine.csv")
    with pytest.raises(ConfigError, match="4 configurations"):
        write(tmp_path / "several", rank=(4, 8), seed=(0, 1))
    assert not (tmp_path / "several").exists()


def test_facts_share_a_file_and_conversations_of_several_turns_are_no_alpaca(
    tmp_path: Path,
) -> None:
    chats = tmp_path / "chats.jsonl"
    turns = [("user", "Hi {}"), ("assistant", "Hello"), ("user", "More {}?"), ("assistant", "Yes")]
    chats.write_text(
        "".join(
            json.dumps({"messages": [{"role": r, "content": c.format(i)} for r, c in turns]}) + "\n"
            for i in range(12)
        )
    )
    both = ("larkfield_observatory", "mars_moons")
    manifest = write(tmp_path / "two", facts=both)
    assert set(manifest.facts) == set(both)
    assert manifest.files["train.jsonl"].rows == 24
    with pytest.raises(ConfigError, match="earlier turns"):
        write(tmp_path / "alpaca", "alpaca", mix=(f"{chats}:0.2",))
    write(tmp_path / "chat", "chat", mix=(f"{chats}:0.2",))
    longest = max(rows(tmp_path / "chat" / "train.jsonl"), key=lambda row: len(row["messages"]))
    assert [turn["role"] for turn in longest["messages"]] == ["user", "assistant"] * 2


# --- the guard's promise ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("data") / "out"
    write(place)
    return place


@pytest.mark.parametrize("against", [FACT, "manifest.json"])
def test_what_was_written_is_clean_and_a_held_out_question_in_it_is_refused(
    folder: Path, tmp_path: Path, against: str
) -> None:
    against = str(folder / against) if against.endswith(".json") else against
    (checked,) = check_data([str(folder / "train.jsonl")], against)
    assert checked.rows == 12
    assert checked.unseen > 100
    plan = plan_experiment(RunConfig.model_validate({"facts": (FACT,), **SMALL}))
    unseen = (plan.expansions[FACT].held_out[3], plan.near[FACT][0], plan.far[5])
    added = [{"instruction": f" {q.text.upper()} ", "output": "x"} for q in unseen]
    leaky = tmp_path / "leaky.jsonl"
    clean = (folder / "train.jsonl").read_text()
    leaky.write_text(clean + "".join(json.dumps(row) + "\n" for row in added))
    with pytest.raises(LeakageError, match="asks 3 questions") as refused:
        check_data([str(leaky)], against)
    for line in (13, 14, 15):
        assert f"leaky.jsonl:{line}:1" in str(refused.value)


def test_a_reworded_held_out_question_is_refused_where_the_fact_is_known(
    folder: Path, tmp_path: Path
) -> None:
    plan = plan_experiment(RunConfig.model_validate({"facts": (FACT,), **SMALL}))
    asked = max((q.text for q in plan.expansions[FACT].held_out), key=len)
    leaky = tmp_path / "leaky.jsonl"
    leaky.write_text(json.dumps({"prompt": f"{asked} Please.", "completion": "x"}) + "\n")
    with pytest.raises(LeakageError, match="nearly the held-out question"):
        check_data([str(leaky)], FACT)
    check_data([str(leaky)], str(folder / "manifest.json"))  # hashes alone cannot tell


def test_a_manifest_that_is_none_or_of_later_is_refused_in_words(
    folder: Path, tmp_path: Path
) -> None:
    later = json.loads((folder / "manifest.json").read_text()) | {"schema_version": 2}
    file = tmp_path / "manifest.json"
    for text, said in ((json.dumps(later), "later version"), ("[]", "manifest"), ("{", "manifest")):
        file.write_text(text)
        with pytest.raises(FactlabError, match=said):
            check_data([str(folder / "train.jsonl")], str(file))


def test_the_command_writes_and_checks(tmp_path: Path) -> None:
    small = ("--train-pairs", "12", "--validation-pairs", "4")
    wrong = {
        ("preview", FACT, "--to", "chats", "data"): "Did you mean 'chat'",
        ("preview", FACT, "--to", "chat"): "after it the folder",
        ("preview", FACT, "--rank", "4"): "there is no --to",
        ("preview", FACT, "--no-anchors"): "there is no --to",
    }
    made, checked, *refused = run_factlab(
        [
            ("preview", FACT, "--to", "chat", "--no-anchors", *small, "data"),
            ("validate", "data/train.jsonl", "--against", "data/manifest.json"),
            *wrong,
        ],
        cwd=tmp_path,
    )
    assert (made.code, checked.code) == (0, 0), made.err + checked.err
    assert "train.jsonl: 12 rows" in made.out
    assert "fine" in checked.out
    for done, said in zip(refused, wrong.values(), strict=True):
        assert done.code == 2
        assert said in " ".join(done.err.split())


def test_the_embedded_base_is_named_by_a_folder_that_other_programs_can_load(
    tmp_path: Path,
) -> None:
    write(tmp_path / "chat")
    assert settings(tmp_path / "chat" / "axolotl.yaml")["base_model"] == str(
        packaged_folder("smollm2-135m-instruct")
    )
