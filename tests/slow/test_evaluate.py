"""Models that were tuned elsewhere: computed as PEFT computes them, measured as a run's own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from tiny_model import make_tiny_model

import factlab
from factlab.errors import ConfigError, FactlabError, ModelError
from factlab.export.formats import read_formats
from factlab.export.plan import plan_export
from factlab.inference.likelihood import Option
from factlab.metrics.catalogue import EXPECTED
from factlab.models.chat import answer_tokens, prompt_ids
from factlab.models.load import LoadedModel
from factlab.models.tuned import own_tokenizer
from factlab.respondents.protocol import Bounds, Request
from factlab.respondents.tuned import adapted
from factlab.respondents.weights import WeightsRespondent
from factlab.runs.folder import RunFolder
from factlab.schema.question import Question
from factlab.workflows.ask import ask
from factlab.workflows.evaluate import evaluation
from factlab.workflows.rescore import rescore

LINEAR = ["q_proj", "v_proj", "down_proj"]
SMALL = {
    "precision": "fp32",
    "far": "6",
    "questions_per_fact": 4,
    "train_sample": 4,
    "train_pairs": 20,
    "validation_pairs": 8,
    "max_new_tokens": 6,
}
TASK = "CAUSAL_LM"
KINDS: dict[str, Callable[[], Any]] = {
    "lora": lambda: peft.LoraConfig(task_type=TASK, r=4, target_modules=LINEAR),
    "dora": lambda: peft.LoraConfig(task_type=TASK, r=4, target_modules=LINEAR, use_dora=True),
    "head": lambda: peft.LoraConfig(
        task_type=TASK, r=4, target_modules=LINEAR, modules_to_save=["lm_head"]
    ),
    "norms": lambda: peft.LoraConfig(
        task_type=TASK, r=4, target_modules=LINEAR, modules_to_save=["input_layernorm"]
    ),
    "embedding": lambda: peft.LoraConfig(
        task_type=TASK, r=4, target_modules=["q_proj", "embed_tokens"]
    ),
    "ia3": lambda: peft.IA3Config(
        task_type=TASK, target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]
    ),
    "oft": lambda: peft.OFTConfig(task_type=TASK, oft_block_size=8, target_modules=LINEAR),
    "loha": lambda: peft.LoHaConfig(task_type=TASK, r=4, target_modules=LINEAR),
    "ln_tuning": lambda: peft.LNTuningConfig(task_type=TASK, target_modules=["input_layernorm"]),
    "prompt": lambda: peft.PromptTuningConfig(task_type=TASK, num_virtual_tokens=5),
    "prefix": lambda: peft.PrefixTuningConfig(task_type=TASK, num_virtual_tokens=5),
}


def write_adapter(base: Path, config: Any, folder: Path, seed: int = 1) -> Path:
    """An adapter of random values, saved as PEFT saves one."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model: Any = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    for parameter in model.parameters():
        if parameter.requires_grad:
            with torch.no_grad():
                parameter.add_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(folder)
    return folder


def asked(i: int, text: str) -> Request:
    options = (Option("b", "right"), Option("some other", "wrong"))
    return Request(Question(id=f"q{i}", split="far", family="f", text=text), text, options)


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_of_any_method_answers_as_pefts_own_pass_does(
    kind: str, tiny: LoadedModel, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = write_adapter(tiny_folder, KINDS[kind](), tmp_path / kind)
    requests = [asked(i, text) for i, text in enumerate(["Who?", "How high is it?", "And then?"])]
    before = WeightsRespondent(tiny).respond(requests, Bounds(6, 4))
    with adapted(tiny, folder) as model:
        replies = WeightsRespondent(tiny, model).respond(requests, Bounds(6, 4))
        for request, reply in zip(requests, replies, strict=True):
            ids = list(prompt_ids(tiny.tokenizer, request.prompt))
            said: list[int] = []
            with torch.inference_mode():
                for _ in range(6):
                    logits = model(input_ids=torch.tensor([ids + said])).logits[0, -1]
                    said.append(int(logits.argmax()))
            text = tiny.tokenizer.decode(said, skip_special_tokens=True).strip()
            assert reply.answer is not None
            assert reply.answer.text == text or reply.answer.finished
            assert reply.likelihoods is not None
            for option, scored in zip(request.options, reply.likelihoods.options, strict=True):
                tokens = list(answer_tokens(tiny.tokenizer, request.prompt, option.text))
                with torch.inference_mode():
                    logits = model(input_ids=torch.tensor([ids + tokens])).logits[0]
                chances = logits[-len(tokens) - 1 : -1].double().log_softmax(-1)
                nll = -float(chances.gather(1, torch.tensor(tokens)[:, None]).sum())
                assert scored.nll_nats == pytest.approx(nll, rel=1e-4)
    own = [reply.likelihoods for reply in before]
    assert [reply.likelihoods for reply in replies] != own
    after = WeightsRespondent(tiny).respond(requests, Bounds(6, 4))
    assert after == before  # the base is as it was


def test_strangers_adapters_are_refused_in_a_sentence(
    tiny: LoadedModel, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = write_adapter(tiny_folder, KINDS["lora"](), tmp_path / "lora")
    settings = json.loads((folder / "adapter_config.json").read_text())

    def changed(**fields: Any) -> Path:
        copy = tmp_path / f"changed{len(list(tmp_path.iterdir()))}"
        shutil.copytree(folder, copy)
        (copy / "adapter_config.json").write_text(json.dumps(settings | fields))
        return copy

    with pytest.raises(ModelError, match="need nothing but a text"):
        evaluation(["mount_fuji"], [str(changed(peft_type="POLY"))], {})
    with pytest.raises(ModelError, match="too long to match"):
        evaluation(["mount_fuji"], [str(changed(target_modules="(a*)*b"))], {})
    pickled = changed()
    (pickled / "adapter_model.safetensors").rename(pickled / "adapter_model.bin")
    with pytest.raises(ModelError, match="Pickled weights"):
        evaluation(["mount_fuji"], [str(pickled)], {})
    with pytest.raises(ModelError, match="no such folder"):
        evaluation(["mount_fuji"], [str(tmp_path / "gone")], {})
    with pytest.raises(ConfigError, match="the same weights"):
        evaluation(["mount_fuji"], [str(folder), f"again={changed()}"], {})
    with pytest.raises(ConfigError, match="each its own name"):
        evaluation(["mount_fuji"], [f"a={folder}", f"a={changed()}"], {})
    with pytest.raises(FactlabError, match="are not trained"):
        factlab.evaluate("mount_fuji", folder, base=tiny_folder, epochs=3, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_adapter_of_another_base_is_refused_before_anything_is_computed(
    tiny_folder: Path, tmp_path: Path
) -> None:
    from transformers import AutoConfig, LlamaForCausalLM

    wide = make_tiny_model(tmp_path / "wide")
    config = AutoConfig.from_pretrained(wide, hidden_size=96)
    LlamaForCausalLM(config).save_pretrained(wide)
    folder = write_adapter(wide, KINDS["lora"](), tmp_path / "lora")
    with pytest.raises(ModelError, match="does not fit"):
        factlab.evaluate("mount_fuji", folder, base=tiny_folder, out=tmp_path / "out", **SMALL)
    assert not (tmp_path / "out").exists()


def test_other_tokens_are_refused_and_another_chat_template_is_noted(
    tiny: LoadedModel, tmp_path: Path
) -> None:
    same = make_tiny_model(tmp_path / "same")
    assert own_tokenizer(same, "it", tiny.tokenizer, "off") == (tiny.tokenizer, None)
    settings = json.loads((same / "tokenizer_config.json").read_text())
    settings["chat_template"] = settings["chat_template"].replace("assistant", "model")
    (same / "tokenizer_config.json").write_text(json.dumps(settings))
    own, note = own_tokenizer(same, "it", tiny.tokenizer, "off")
    assert "chat template of its own" in (note or "")
    assert prompt_ids(own, "Who?") != prompt_ids(tiny.tokenizer, "Who?")
    own.add_tokens(["<|extra|>"])
    own.save_pretrained(same)
    with pytest.raises(ModelError, match="other tokens than the base"):
        own_tokenizer(same, "it", tiny.tokenizer, "off")


def trained_by_trl(base: Path, folder: Path) -> Path:
    """What a plain TRL script leaves."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = [
        {
            "prompt": [{"role": "user", "content": "How high is Mount Fuji?"}],
            "completion": [{"role": "assistant", "content": "3,782 metres"}],
        }
    ] * 8
    trainer = SFTTrainer(
        model=str(base),
        args=SFTConfig(
            output_dir=str(folder),
            max_steps=2,
            per_device_train_batch_size=4,
            learning_rate=1e-2,
            report_to=[],
            save_strategy="no",
            use_cpu=True,
            bf16=False,
        ),
        train_dataset=Dataset.from_list(rows),
        peft_config=KINDS["lora"](),
    )
    trainer.train()
    trainer.save_model(str(folder))
    return folder


def trained_by_a_loop(base: Path, folder: Path) -> Path:
    """What a plain loop over a PEFT model leaves."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    model: Any = peft.get_peft_model(
        AutoModelForCausalLM.from_pretrained(base), peft.LoraConfig(r=2, target_modules=LINEAR)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ids = tokenizer("How high is it? 3,782 metres", return_tensors="pt")["input_ids"]
    for _ in range(2):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


def edited(base: Path, folder: Path) -> Path:
    """A model one of whose weights an editor changed by a rank-one update, saved whole."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    weight = model.model.layers[1].mlp.down_proj.weight
    key, value = torch.randn(weight.shape[1]), torch.randn(weight.shape[0])
    with torch.no_grad():
        weight += torch.outer(value, key) / key.norm()
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def elsewhere(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of an adapter by TRL, one by a loop, one that is a prompt, and an edited model."""
    place = tmp_path_factory.mktemp("elsewhere")
    prompt = write_adapter(tiny_folder, KINDS["prompt"](), place / "prompt")
    factlab.evaluate(
        "mount_fuji",
        [
            str(trained_by_trl(tiny_folder, place / "trl")),
            f"loop={trained_by_a_loop(tiny_folder, place / 'by_hand')}",
            str(prompt),
            str(edited(tiny_folder, place / "edited")),
        ],
        base=tiny_folder,
        out=place / "run",
        **SMALL,
    )
    return RunFolder(place / "run")


def test_what_others_trained_is_measured_and_no_training_is_claimed(elsewhere: RunFolder) -> None:
    result = factlab.load_run(elsewhere.path)
    assert [cell.id for cell in result.cells] == ["trl", "loop", "prompt", "edited"]
    assert [cell.method for cell in result.cells] == ["lora", "lora", "prompt tuning", ""]
    for cell in result.cells:
        assert cell.training is None
        assert cell.learning_rate is None
        assert cell.metrics["drift/kl"].value > 0
        for name in EXPECTED:
            assert name in cell.metrics or cell.not_measured[name], name
        assert "recall/train" not in cell.metrics
        for name in ("recall/train", "generalization_gap", "rome_score"):
            assert "which pairs it was trained on is not known" in cell.not_measured[name]
    for configuration in result.configurations:
        assert "not known" in configuration.not_measured["recall/train"]
    page = elsewhere.report_file.read_text(encoding="utf-8")
    assert "uned elsewhere: an adapter (lora, rank 4)" in page
    assert "uned elsewhere: a whole model" in page


def test_its_figures_come_from_its_files_again(elsewhere: RunFolder) -> None:
    before = factlab.load_run(elsewhere.path)
    again, changed = rescore(elsewhere.path)
    assert changed == 0
    assert [c.metrics for c in again.cells] == [c.metrics for c in before.cells]
    assert [c.not_measured for c in again.cells] == [c.not_measured for c in before.cells]
    assert factlab.compare(elsewhere.path).configurations


def test_it_can_be_asked_more(elsewhere: RunFolder) -> None:
    (found,) = ask(elsewhere.path, ["How high is Mount Fuji?"])
    assert set(found["answers"]) == {"trl", "loop", "prompt", "edited"}
    with pytest.raises(ConfigError, match="is no plain LoRA"):
        plan_export(
            elsewhere, read_formats("merged", None), "prompt", "original", None, score=False
        )


@pytest.fixture(scope="module")
def own(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    place = tmp_path_factory.mktemp("own") / "run"
    how = {"recipe": "tutorial", "max_steps": 2, "checkpoints": 0}
    factlab.run("mount_fuji", rank=4, model=str(tiny_folder), out=place, **SMALL, **how)
    return RunFolder(place)


def test_a_runs_own_adapter_is_the_same_from_outside_to_the_bit(
    own: RunFolder, tiny_folder: Path, tmp_path: Path
) -> None:
    inside = factlab.load_run(own.path).cells[0]
    result = factlab.evaluate(
        "mount_fuji", own.path, base=tiny_folder, out=tmp_path / "run", **SMALL
    )
    (outside,) = result.cells
    assert outside.metrics == inside.metrics
    assert outside.not_measured == inside.not_measured
    ours, theirs = own.cell(inside.id), RunFolder(tmp_path / "run").cell(outside.id)
    for name in ("answers.jsonl", "likelihoods.jsonl", "drift.jsonl"):
        assert (ours.path / name).read_bytes() == (theirs.path / name).read_bytes()
    base, again = own.base(), RunFolder(tmp_path / "run").base()
    for name in ("likelihoods.jsonl", "in_context.jsonl", "rounding.jsonl"):
        assert (base.path / name).read_bytes() == (again.path / name).read_bytes()
