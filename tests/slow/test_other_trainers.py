"""Other trainers read what factlab writes for them, with the base's own answers among it."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from small import SMALL
from tiny_model import TEMPLATE

from factlab.conversations.source import read_set
from factlab.models.load import LoadedModel
from factlab.schema.config import RunConfig
from factlab.schema.manifest import DataFormat
from factlab.trainers import anchors
from factlab.workflows.training_data import Written, training_data

CPU = {"use_cpu": True, "max_steps": 2, "bf16": False, "per_device_train_batch_size": 4}
RECIPE = "extends: default\nanchors_per_step: 4\nbatch_size: 8\nepochs: 1\n"


def write(folder: Path, model: Path, format_: DataFormat) -> Written:
    recipe = folder.parent / "mine.yaml"
    recipe.write_text(RECIPE)
    facts = {k: v for k, v in SMALL.items() if k in RunConfig.model_fields}
    config = RunConfig.model_validate(
        {**facts, "facts": ("mount_fuji",), "model": str(model), "recipe": str(recipe),
         "precision": ("fp32",), "train_pairs": 16, "validation_pairs": 4, "far": "all"}
    )  # fmt: skip
    return training_data(config, format_, folder)


@pytest.fixture(scope="module")
def answers() -> dict[str, str]:
    """What the base is made to say, since a random one ends no answer."""
    return {}


@pytest.fixture(autouse=True)
def _spoken(monkeypatch: pytest.MonkeyPatch, answers: dict[str, str]) -> None:
    """Anchors are answered by the loaded base; its answers count as ended, all but the third."""

    def load(*args: Any, **more: Any) -> Any:
        evaluator = loaded(*args, **more)

        def answer(*given: Any, **options: Any) -> list[Any]:
            said = evaluator.answers(*given, **options)
            ended = [
                one.model_copy(update={"finished": n != 2, "text": one.text or "Yes"})
                for n, one in enumerate(said)
            ]
            answers.update({one.prompt: one.text.strip() or "Yes" for one in ended})
            return ended

        return SimpleNamespace(answers=answer, base=evaluator.base)

    loaded = anchors.load_evaluator  # type: ignore[attr-defined]
    monkeypatch.setattr(anchors, "load_evaluator", load)
    monkeypatch.setattr(anchors, "MOST_TOKENS", 4)


def test_anchors_are_the_bases_own_ended_answers_as_many_as_a_pass_draws(
    tmp_path: Path, tiny_folder: Path, answers: dict[str, str]
) -> None:
    written = write(tmp_path / "out", tiny_folder, "chat")
    manifest = written.manifest
    assert manifest.files["train.jsonl"].rows == 16
    assert manifest.files["anchors.jsonl"].rows == 8  # 16 pairs · 4 anchors ÷ 8 pairs a step
    assert manifest.anchors_left_out >= 1  # then others are repeated
    read = read_set(str(tmp_path / "out" / "anchors.jsonl")).conversations
    assert read
    for one in read:
        assert answers[one.question].split() == one.answer.split()
    told = yaml.safe_load((tmp_path / "out" / "axolotl.yaml").read_text())
    assert [data["path"] for data in told["datasets"]] == ["train.jsonl", "anchors.jsonl"]
    assert (told["micro_batch_size"], told["max_steps"]) == (12, 2)


def trained_on(row: dict[str, Any]) -> list[int]:
    """The tokens of a row that its loss is computed on."""
    return [label for label in row["labels"] if label != -100]


def test_trls_own_parser_reads_the_configuration_and_its_trainer_the_files(
    tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, tiny: LoadedModel
) -> None:
    from datasets import load_dataset
    from trl import SFTTrainer, get_peft_config
    from trl.scripts.sft import make_parser

    write(tmp_path / "out", tiny_folder, "prompt-completion")
    monkeypatch.chdir(tmp_path / "out")
    words = ["--config", "trl.yaml", "--use_cpu", "true"]
    script, training, model, _ = make_parser().parse_args_and_config(words)
    assert (model.lora_r, model.lora_alpha, model.use_peft) == (8, 32, True)
    assert model.lora_target_modules == "all-linear"
    assert (training.learning_rate, training.max_steps) == (1e-3, 2)
    data: Any = load_dataset(script.dataset_name)
    assert {name: len(part) for name, part in data.items()} == {"train": 24, "validation": 4}
    trainer = SFTTrainer(
        model=str(tiny_folder), args=training, peft_config=get_peft_config(model),
        train_dataset=data[script.dataset_train_split],
        eval_dataset=data[script.dataset_test_split],
    )  # fmt: skip
    row = trainer.train_dataset[0]
    said = str(tiny.tokenizer.decode(trained_on(row)))
    assert said.rstrip() == f"{data['train'][0]['completion'][0]['content']}<|im_end|>"
    assert trainer.train().global_step == 2


def test_trls_trainer_reads_chats_as_they_are(
    tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets import load_dataset
    from transformers import AutoTokenizer
    from trl import SFTTrainer
    from trl.scripts.sft import make_parser

    write(tmp_path / "out", tiny_folder, "chat")
    monkeypatch.chdir(tmp_path / "out")
    words = ["--config", "trl.yaml", "--use_cpu", "true", "--eval_strategy", "no"]
    script, training, _, _ = make_parser().parse_args_and_config(words)
    assert training.assistant_only_loss
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    said = "{{ m['content'] }}<|im_end|>\n"
    marked = "{% if m['role'] == 'assistant' %}{% generation %}" + said + "{% endgeneration %}"
    tokenizer.chat_template = TEMPLATE.replace(said, marked + "{% else %}" + said + "{% endif %}")
    trainer = SFTTrainer(
        model=str(tiny_folder), args=training, processing_class=tokenizer,
        train_dataset=load_dataset(script.dataset_name, split="train"),
    )  # fmt: skip
    assert trainer.train().global_step == 2


@pytest.mark.parametrize("format_", ["alpaca", "sharegpt"])
def test_the_scripts_train_on_answers_only(
    tmp_path: Path,
    tiny_folder: Path,
    tiny: LoadedModel,
    monkeypatch: pytest.MonkeyPatch,
    format_: DataFormat,
) -> None:
    import trl

    write(tmp_path / "out", tiny_folder, format_)
    monkeypatch.chdir(tmp_path / "out")
    config = trl.SFTConfig
    monkeypatch.setattr(trl, "SFTConfig", lambda **given: config(**{**given, **CPU}))
    made = runpy.run_path("trl_sft.py")
    assert made["trainer"].state.global_step == 2
    assert (tmp_path / "out" / "adapter" / "adapter_config.json").is_file()
    row = made["trainer"].train_dataset[0]
    said = str(tiny.tokenizer.decode(trained_on(row)))
    assert said.rstrip() == f"{row['completion'][0]['content']}<|im_end|>"
    parts: dict[str, str] = {}
    for name, module in unsloth_stand_in(tiny_folder, parts).items():
        monkeypatch.setitem(sys.modules, name, module)
    made = runpy.run_path("unsloth_sft.py")
    assert made["trainer"].state.global_step == 2
    question, answer = made["data"]["train"][0]["text"].split(parts["response_part"])
    assert question.startswith(parts["instruction_part"])
    assert answer.endswith("<|im_end|>\n")


def unsloth_stand_in(base: Path, parts: dict[str, str]) -> dict[str, ModuleType]:
    """What the script calls of Unsloth, which needs a GPU, by transformers and PEFT."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    def load(model_name: str, **given: Any) -> tuple[Any, Any]:
        assert Path(model_name) == base
        assert given["load_in_4bit"] is False
        tokenizer = AutoTokenizer.from_pretrained(model_name)
        return AutoModelForCausalLM.from_pretrained(model_name, dtype=given["dtype"]), tokenizer

    def adapt(model: Any, random_state: int, **given: Any) -> Any:
        assert random_state == 0
        return get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **given))

    def on_responses(trainer: Any, **given: str) -> Any:
        parts.update(given)
        return trainer

    unsloth: Any
    chats: Any
    unsloth, chats = ModuleType("unsloth"), ModuleType("unsloth.chat_templates")
    unsloth.FastLanguageModel = SimpleNamespace(from_pretrained=load, get_peft_model=adapt)
    chats.train_on_responses_only = on_responses
    return {"unsloth": unsloth, "unsloth.chat_templates": chats}
