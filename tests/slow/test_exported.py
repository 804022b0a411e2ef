"""Merged folders and GGUF files hold the model that was trained, and other programs read them."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import small
import torch
from exported_models import SHAPES, make_model
from quick_runs import ask_fewer

import factlab
from factlab.errors import ConfigError, ModelError, RunFolderError
from factlab.export.base_weights import HeldBase
from factlab.export.formats import GGUF_TYPES, ExportFormat, read_formats
from factlab.export.gguf import check_convertible, write_gguf
from factlab.export.merge import Merged, adapted_layers, merge, save_merged
from factlab.llamacpp.server import is_installed, serving
from factlab.models.gguf import convert_gguf
from factlab.models.load import load_model
from factlab.models.resolve import ModelFiles, resolve_model
from factlab.runs.files import write_json, write_lines
from factlab.runs.folder import RunFolder
from factlab.schema.question import Turn
from factlab.workflows.export import export
from factlab.workflows.rescore import rescore

needs_llamacpp = pytest.mark.skipif(not is_installed(), reason="xllamacpp is not installed")
SMALL: dict[str, Any] = {**small.SMALL, "max_new_tokens": 6}
TEXTS = [
    "How tall is the hut?",
    "Say 12 or  12\n\n12 cats' tails, été 東京 — 1234",
    "They're at   the\n\n\n3 huts, I'LL say.",
]


# --- an adapter ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    return resolve_model(str(make_model(tmp_path_factory.mktemp("base") / "tied", "tied")))


def adapter_on(files: ModelFiles, folder: Path, **settings: Any) -> Any:
    """The base in fp32 with a random adapter, which is also saved."""
    import torch
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        **{"r": 4, "lora_alpha": 8, "target_modules": "all-linear", **settings},
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(1)
    model = get_peft_model(load_model(files, "fp32").model, config)
    for name, values in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(values, std=0.05)
    model.save_pretrained(folder)
    model.eval()
    return model


def logits(model: Any, ids: list[int]) -> Any:
    import torch

    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0]


@pytest.mark.parametrize(
    "settings", [{}, {"use_rslora": True}, {"use_dora": True}, {"target_modules": ["q_proj"]}]
)
def test_the_merged_model_is_the_adapter_on_its_base(
    base: ModelFiles, tmp_path: Path, settings: dict[str, Any]
) -> None:
    from transformers import AutoModelForCausalLM

    tuned = adapter_on(base, tmp_path / "adapter", **settings)
    merged = merge(base, tmp_path / "adapter", "original", HeldBase("nf4"))
    assert merged.modules == len(adapted_layers(tmp_path / "adapter"))
    assert merged.modules == (2 if settings.get("target_modules") else 14)
    save_merged(merged, tmp_path / "merged", "fp32")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    ids = list(range(3, 60))
    assert abs(logits(loaded, ids) - logits(tuned, ids)).max() < 1e-4
    assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight
    assert not any("lora" in name for name, _ in loaded.named_modules())


def test_merging_takes_the_unquantised_weights_unless_it_is_told_otherwise(
    base: ModelFiles, tmp_path: Path
) -> None:
    from peft import PeftModel

    tuned = adapter_on(base, tmp_path / "adapter")
    measured = PeftModel.from_pretrained(load_model(base, "nf4").model, str(tmp_path / "adapter"))
    ids = list(range(3, 60))
    original = merge(base, tmp_path / "adapter", "original", HeldBase("nf4")).model
    held = merge(base, tmp_path / "adapter", "measured", HeldBase("nf4")).model
    assert abs(logits(original, ids) - logits(tuned, ids)).max() < 1e-4
    # NF4 weights are computed in bf16 there, in fp32 here; they are far from the original ones.
    near = abs(logits(held, ids) - logits(measured, ids).float()).mean()
    far = abs(logits(original, ids) - logits(held, ids)).mean()
    assert near < far / 5


def test_a_merged_folder_loads_where_there_is_no_factlab(base: ModelFiles, tmp_path: Path) -> None:
    tuned = adapter_on(base, tmp_path / "adapter")
    save_merged(
        merge(base, tmp_path / "adapter", "original", HeldBase("fp32")), tmp_path / "out", "fp32"
    )
    code = (
        "import sys, json\n"
        "sys.modules['factlab'] = sys.modules['peft'] = None\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        f"model = AutoModelForCausalLM.from_pretrained({str(tmp_path / 'out')!r})\n"
        f"tokenizer = AutoTokenizer.from_pretrained({str(tmp_path / 'out')!r})\n"
        "ids = tokenizer.apply_chat_template([{'role': 'user', 'content': 'How tall?'}],\n"
        "    add_generation_prompt=True, return_tensors='pt', return_dict=True)\n"
        "print(json.dumps([ids['input_ids'][0].tolist(),\n"
        "    model(**ids).logits[0, -1].argmax().item()]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    ids, token = json.loads(done.stdout.splitlines()[-1])
    assert logits(tuned, ids)[-1].argmax().item() == token


def test_what_would_not_be_the_trained_model_is_not_merged(
    base: ModelFiles, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    adapter_on(base, tmp_path / "good")
    file = "adapter_model.safetensors"
    weights = load_file(tmp_path / "good" / file)

    def refused(change: dict[str, torch.Tensor], said: str) -> None:
        folder = tmp_path / "bad"
        shutil.copytree(tmp_path / "good", folder, dirs_exist_ok=True)
        save_file(change, folder / file)
        with pytest.raises(ModelError, match=said):
            merge(base, folder, "original", HeldBase("fp32"))

    last = [name for name in weights if "lora_B" in name][-1]
    refused({**weights, last: torch.zeros_like(weights[last])}, "13 of 14 layers")
    refused({**weights, last: torch.full_like(weights[last], float("nan"))}, "cannot be merged")
    renamed = {name.replace("layers.1.", "layers.7."): values for name, values in weights.items()}
    refused(renamed, "or of another model")
    refused({**weights, last: torch.zeros(3, 4)}, "cannot be merged")
    upper = {name: values for name, values in weights.items() if "layers.1." not in name}
    refused(upper, "missing adapter keys")
    (tmp_path / "bad" / file).write_bytes((tmp_path / "good" / file).read_bytes()[:-40])
    with pytest.raises(ModelError, match="cut off"):
        merge(base, tmp_path / "bad", "original", HeldBase("fp32"))


def test_an_adapter_on_an_output_layer_that_is_the_embeddings_is_refused(
    base: ModelFiles, tmp_path: Path
) -> None:
    adapter_on(base, tmp_path / "adapter", target_modules=["q_proj", "lm_head"])
    with pytest.raises(ModelError, match="shares the weights of its embeddings"):
        merge(base, tmp_path / "adapter", "original", HeldBase("fp32"))


# --- GGUF -----------------------------------------------------------------------------------------


def plain(files: ModelFiles) -> Merged:
    from transformers import AutoTokenizer

    return Merged(
        load_model(files, "fp32").model, AutoTokenizer.from_pretrained(files.folder), modules=1
    )


def back(name: str, values: Any, shape: str) -> Any:
    """Rows of q and k as transformers has them."""
    heads = {"attn_q": 4, "attn_k": 2}.get(name.split(".")[-2], 0)
    if not heads or SHAPES[shape][0] == "Qwen2":
        return values
    return values.reshape(heads, -1, 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def test_a_note_says_how_much_of_an_update_rounding_leaves(tmp_path: Path) -> None:
    base = plain(resolve_model(str(make_model(tmp_path / "model", "tied"))))
    grid = gguf.GGMLQuantizationType.Q4_1
    updates = {}
    for name, layer in base.model.named_modules():
        if isinstance(layer, torch.nn.Linear) and name != "lm_head":
            held = torch.from_numpy(
                gguf.quants.dequantize(gguf.quants.quantize(layer.weight.numpy(), grid), grid)
            )
            up, down = torch.randn(held.shape[0], 2), torch.randn(2, held.shape[1])
            up *= 0.01 * held.norm() / (up @ down).norm()
            layer.weight.data = held + up @ down
            updates[name] = (up, down)
    merged = Merged(base.model, base.tokenizer, len(updates), updates)

    def left(type_: str) -> tuple[float, str]:
        said = " ".join(write_gguf(merged, tmp_path / f"{type_}.gguf", type_, "a name"))
        found = re.search(r"hold (-?\d+) % of the adapter's update", said)
        return int(found[1]) / 100 if found else math.nan, said

    assert math.isnan(left("f16")[0])
    share, said = left("q8_0")
    assert share == pytest.approx(1, abs=0.1)
    assert "rounded away" not in said
    share, said = left("q4_1")  # the grid that the base lies on
    assert share < 0.5
    assert "rounded away" in said
    assert left("q4_0")[0] > 0.5


@pytest.mark.parametrize("type_", GGUF_TYPES)
@pytest.mark.parametrize("shape", ["tied", "untied"])
def test_a_gguf_file_holds_the_weights_to_within_its_rounding(
    shape: str, type_: str, tmp_path: Path
) -> None:
    files = resolve_model(str(make_model(tmp_path / "model", shape)))
    model = plain(files)
    file = tmp_path / "model.gguf"
    write_gguf(model, file, type_, "a name")
    reader = gguf.GGUFReader(file)
    found = {tensor.name: tensor for tensor in reader.tensors}
    state = model.model.state_dict()
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
    wanted = {
        names.get_name(own, try_suffixes=(".weight",)): values.numpy()
        for own, values in state.items()
        if not (shape == "tied" and own == "lm_head.weight")
    }
    assert set(found) == set(wanted)
    kind = gguf.GGMLQuantizationType[type_.upper()]
    quantised = type_.startswith("q")
    output = "token_embd.weight" if shape == "tied" else "output.weight"
    for name, values in wanted.items():
        tensor = found[name]
        own = kind
        if values.ndim == 1:
            own = gguf.GGMLQuantizationType.F32
        elif quantised and name == output:
            own = gguf.GGMLQuantizationType.Q8_0
        assert tensor.tensor_type == own, name
        read = back(name, gguf.quants.dequantize(tensor.data, own).reshape(values.shape), shape)
        rounded = gguf.quants.dequantize(gguf.quants.quantize(values, own), own)
        assert np.array_equal(read, rounded.reshape(values.shape)), name
        assert abs(read - values).max() <= 0.2 * abs(values).max()
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.name"] == "a name"
    assert (
        fields["general.file_type"]
        == gguf.LlamaFileType["ALL_F32" if type_ == "f32" else f"MOSTLY_{type_.upper()}"]
    )


@pytest.mark.parametrize("shape", SHAPES)
@needs_llamacpp
def test_llamacpp_reads_the_same_tokens_and_finds_the_same_probabilities(
    shape: str, tmp_path: Path
) -> None:
    import torch

    from factlab.models.chat import prompt_ids

    files = resolve_model(str(make_model(tmp_path / "model", shape)))
    check_convertible(files)
    model = plain(files)
    file = tmp_path / "model.gguf"
    write_gguf(model, file, "f32", shape)
    ids = [(7 * i) % 200 + 3 for i in range(150)]
    expected = torch.log_softmax(logits(model.model, ids)[-1].double(), -1)
    # A token that is a whole letter, since nothing is told about halves of one.
    letter = model.tokenizer.convert_tokens_to_ids("a")
    asked = {
        "prompt": ids,
        "n_predict": 1,
        "n_probs": len(expected),
        "logit_bias": [[letter, 1000]],
    }
    with serving(file, longest=200, processes=1) as held:
        for text in TEXTS:
            assert held.chat_tokens([Turn(role="user", content=text)]) == list(
                prompt_ids(model.tokenizer, text)
            )
        reply = held._processes[0].post("/completion", asked)
    found = {p["id"]: p["logprob"] for p in reply["completion_probabilities"][0]["top_logprobs"]}
    assert len(found) == len(expected)
    # llama.cpp keeps keys and values in fp16.
    assert max(abs(value - expected[id_].item()) for id_, value in found.items()) < 5e-3


@needs_llamacpp
def test_what_llamacpp_answers_does_not_depend_on_what_was_asked_before(tmp_path: Path) -> None:
    from factlab.models.chat import prompt_ids

    files = resolve_model(str(make_model(tmp_path / "model", "tied")))
    model = plain(files)
    file = tmp_path / "model.gguf"
    write_gguf(model, file, "q4_0", "tied")
    prompts = [prompt_ids(model.tokenizer, text) for text in [*TEXTS, "How tall is the house?"]]
    alone = []
    for prompt in prompts:
        with serving(file, longest=200, processes=1) as held:
            alone += held.answers([prompt], max_new_tokens=12, ends=[1])
    with serving(file, longest=200, processes=1) as held:
        after = held.answers(prompts, max_new_tokens=12, ends=[1])
        again = held.answers(prompts[::-1], max_new_tokens=12, ends=[1])[::-1]
    with serving(file, longest=200, processes=2) as held:
        spread = held.answers(prompts, max_new_tokens=12, ends=[1])
    assert alone == after == again == spread
    assert len({tuple(answer) for answer in alone}) > 1


@needs_llamacpp
def test_an_answer_ends_at_the_runs_own_end_tokens_and_no_others(tmp_path: Path) -> None:
    """The model says one token for ever; llama.cpp knows it as an end, or the run does."""
    import torch

    files = resolve_model(str(make_model(tmp_path / "model", "untied")))
    model = plain(files)
    end, letter = 1, model.tokenizer.convert_tokens_to_ids("a")

    def answer(token: int, ends: list[int]) -> list[int]:
        with torch.no_grad():
            network: Any = model.model
            network.model.norm.weight.zero_()
            network.model.norm.weight[0] = 1.0
            network.lm_head.weight.zero_()
            network.model.embed_tokens.weight[:, 0] = 5.0
            for layer in network.model.layers:
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
            network.lm_head.weight[token, 0] = 9.0
        file = tmp_path / f"{token}.gguf"
        write_gguf(model, file, "f32", "one token")
        with serving(file, longest=50, processes=1) as held:
            return held.answers([[5, 6, 7]], max_new_tokens=5, ends=ends)[0]

    assert answer(end, [end]) == [end]
    assert answer(end, [letter]) == [end] * 5
    assert answer(letter, [letter]) == [letter]
    assert answer(letter, [end]) == [letter] * 5


@needs_llamacpp
def test_a_file_that_is_cut_off_is_one_sentence(tmp_path: Path) -> None:
    files = resolve_model(str(make_model(tmp_path / "model", "tied")))
    write_gguf(plain(files), tmp_path / "whole.gguf", "f16", "tied")
    cut = tmp_path / "cut.gguf"
    cut.write_bytes((tmp_path / "whole.gguf").read_bytes()[:-3000])
    with pytest.raises(ModelError, match=r"llama\.cpp cannot load this file"), serving(cut, 10):
        pass


def test_converting_a_gguf_file_shows_no_bar_of_the_library(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = resolve_model(str(make_model(tmp_path / "model", "tied")))
    write_gguf(plain(files), tmp_path / "model.gguf", "f32", "tied")
    capfd.readouterr()
    convert_gguf(tmp_path / "model.gguf", tmp_path / "converted")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_act": "gelu"}, "activation 'gelu'"),
        (
            {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}},
            "rotary scaling 'yarn'",
        ),
        ({"architectures": ["GPT2LMHeadModel"]}, "supported: Llama, Mistral, Qwen2"),
    ],
)
def test_a_model_that_is_not_written_is_refused_from_its_settings(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    folder = make_model(tmp_path / "model", "tied")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, **change}))
    with pytest.raises(ModelError, match=said):
        check_convertible(resolve_model(str(folder)))


def test_a_sliding_window_is_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model", "mistral", sliding_window=64)
    with pytest.raises(ModelError, match="sliding window"):
        check_convertible(resolve_model(str(folder)))


def test_a_tokenizer_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model", "tied")
    rules = json.loads((folder / "tokenizer.json").read_text())
    rules["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}
    (folder / "tokenizer.json").write_text(json.dumps(rules))
    with pytest.raises(ModelError, match="cut by Metaspace"):
        check_convertible(resolve_model(str(folder)))


# --- a run --------------------------------------------------------------------------------------


def small_run(out: Path, model: str, **settings: Any) -> Path:
    """A finished run with a dozen controls of each kind."""
    with pytest.MonkeyPatch.context() as patch:
        ask_fewer(patch, lambda bank: bank[:12])
        factlab.run("mount_fuji", model=model, out=out, **{**SMALL, **settings})
    return out


@pytest.fixture(scope="module")
def finished(base: ModelFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a random model."""
    return small_run(tmp_path_factory.mktemp("run") / "run", base.name, rank=[2, 4])


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def test_a_merged_export_of_an_unquantised_run_answers_as_the_run_did(folder: RunFolder) -> None:
    before = folder.results_file.read_bytes()
    document = export(folder.path, read_formats("merged", "fp32"), cell="r04-s0")
    (one,) = document.exports
    score = one.export.score
    assert score is not None
    assert score.answers == len(folder.cell("r04-s0").answers())
    # Adding in another order may tip a token now and then.
    assert score.differing <= score.answers * 0.1
    assert len(one.differing) == score.differing
    assert score.metrics["recall/held_out"].n == document.measured["recall/held_out"].n
    kept = folder.export("r04-s0-merged-fp32")
    assert kept.record() == one.export
    assert (kept.model / "config.json").is_file()
    assert folder.results_file.read_bytes() == before
    page = folder.report_file.read_text(encoding="utf-8")
    assert "Exports: does the fact survive" in page
    assert "r04-s0-merged-fp32" in page
    with pytest.raises(ConfigError, match="scored already"):
        export(folder.path, read_formats("merged", "fp32"), cell="r04-s0")


KINDS: dict[str, dict[str, Any]] = {
    "rslora": {"method": "rslora"},
    "dora": {"method": "dora"},
    "full": {"method": "full"},
    "pissa": {"init": "pissa"},
    "olora": {"init": "olora"},
    "biases": {"bias": "all", "shape": "biased"},
    "nf4": {"precision": ["fp32", "nf4"]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_of_every_kind_is_exported_as_it_was_measured(kind: str, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    from factlab.models.adapters import load_adapters

    settings = dict(KINDS[kind])
    model = make_model(tmp_path / "model", settings.pop("shape", "tied"))
    rank = [] if kind == "full" else [2]
    out = small_run(tmp_path / "run", str(model), rank=rank, **settings)
    folder = RunFolder(out)
    cell = folder.finished_cells()[-1]
    base = "measured" if kind == "nf4" else "original"
    formats = read_formats("merged", "fp32")
    (one,) = export(out, formats, cell=cell.id, base=base).exports  # type: ignore[arg-type]
    assert one.export.modules == (0 if kind == "full" else 14)
    score = one.export.score
    assert score is not None
    # On all its questions the cell is measured again as it was, against the base at its precision.
    assert score.answers == score.of
    assert score.measured == {name: cell.metrics[name] for name in score.measured}
    assert score.measured.keys() == score.metrics.keys()

    ids = list(range(3, 60))
    loaded = load_model(resolve_model(str(model)), cell.precision)  # type: ignore[arg-type]
    before = logits(loaded.model, ids).float()
    exported = load_model(resolve_model(str(out / one.export.place)), "fp32")
    settings_kept = json.loads((out / one.export.place / "config.json").read_text())
    assert not {"library_forward", "quantised_bytes", "quantization_config"} & set(settings_kept)
    assert settings_kept["use_cache"]
    files = folder.cell(cell.id)
    if kind == "full":
        model_itself = AutoModelForCausalLM.from_pretrained(files.model, dtype="float32")
    else:
        model_itself = load_adapters(loaded, {"one": files.adapter})
    tuned = logits(model_itself, ids).float()
    trained = abs(tuned - before).mean()
    assert trained > 0
    noise = 2 if kind == "nf4" else 5  # NF4 weights are computed in bf16 there, in fp32 here
    assert abs(logits(exported.model, ids) - tuned).mean() < trained / noise


@needs_llamacpp
def test_gguf_exports_are_asked_through_llamacpp(folder: RunFolder) -> None:
    formats = read_formats("gguf:f32,gguf:q4_0", None)
    document = export(folder.path, formats, cell="r02-s0", sample=0)
    exact, rough = (exported.export for exported in document.exports)
    assert exact.score is not None
    assert rough.score is not None
    assert exact.verified_chats == rough.verified_chats == exact.score.answers
    assert exact.score.differing <= exact.score.answers * 0.2
    assert "llama.cpp" in exact.score.program
    assert exact.size_bytes > 3 * rough.size_bytes
    assert rough.notes[1].startswith("The embeddings, also the output layer, are stored as Q8_0")


@needs_llamacpp
def test_llamacpp_is_asked_a_draw_and_the_measured_figures_are_on_the_same(
    folder: RunFolder,
) -> None:
    formats = read_formats("gguf:q8_0,merged", None)
    document = export(folder.path, formats, cell="r02-s0", sample=10)
    first, second = (exported.export.score for exported in document.exports)
    assert first is not None
    assert second is not None
    assert first.draw_seed == 0
    assert first.answers == second.answers < first.of
    assert first.metrics["recall/held_out"].n == 10
    assert document.measured["recall/held_out"].n == 10
    assert "recall/train" not in first.metrics
    assert {name: m.n for name, m in first.measured.items()} == {
        name: m.n for name, m in first.metrics.items()
    }
    page = folder.report_file.read_text(encoding="utf-8")
    assert f"adapter on fp32, {first.answers} drawn of {first.of} questions" in page


def test_without_llamacpp_a_gguf_file_is_written_and_scored_later(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("factlab.llamacpp.server.is_installed", lambda: False)
    formats = read_formats("gguf:q8_0", None)
    out = tmp_path / "elsewhere"
    document = export(folder.path, formats, cell="r02-s0", out=out)
    record = document.exports[0].export
    assert record.score is None
    assert record.verified_chats is None
    assert Path(record.place) == out.resolve()
    (file,) = out.iterdir()
    assert gguf.GGUFReader(file).get_field("general.architecture").contents() == "llama"
    with pytest.raises(ConfigError, match="written already"):
        export(folder.path, formats, cell="r02-s0", out=out, score=False)
    with pytest.raises(ConfigError, match="exported already, to"):
        export(folder.path, formats, cell="r02-s0")
    if is_installed():
        monkeypatch.undo()
        written = file.stat().st_mtime_ns
        document = export(folder.path, formats, cell="r02-s0", out=out)
        assert document.exports[0].export.score is not None
        assert file.stat().st_mtime_ns == written


def test_an_export_that_was_cut_off_since_is_not_scored(folder: RunFolder) -> None:
    formats = read_formats("gguf:f16", None)
    export(folder.path, formats, cell="r02-s0", score=False)
    (file,) = folder.export("r02-s0-gguf-f16").model.iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cut off"):
        export(folder.path, formats, cell="r02-s0")


def without_fingerprints(folder: RunFolder) -> None:
    """Make a run one of a factlab that kept none."""
    folder.change(files={})
    for cell in folder.finished_cells():
        write_json(folder.cell(cell.id).result_file, cell.model_copy(update={"files": {}}))


def test_what_cannot_be_exported_is_refused_before_anything_is_loaded(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from factlab.export import merge as merging

    def loaded(*_: Any) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(merging, "load_in_fp32", loaded)
    q8 = [ExportFormat("gguf", "q8_0")]
    with pytest.raises(ConfigError, match=r"--cell: r02-s0, r04-s0"):
        export(folder.path, q8)
    with pytest.raises(ConfigError, match="Did you mean 'r02-s0'"):
        export(folder.path, q8, cell="r2-s0")
    (tmp_path / "there").mkdir()
    with pytest.raises(ConfigError, match="is there already"):
        export(folder.path, q8, cell="r02-s0", out=tmp_path / "there")
    with pytest.raises(ConfigError, match="takes one format"):
        both = [*q8, ExportFormat("merged", "bf16")]
        export(folder.path, both, cell="r02-s0", out=tmp_path / "new")
    adapter = folder.cell("r02-s0").adapter / "adapter_model.safetensors"
    whole = adapter.read_bytes()
    adapter.write_bytes(whole[:-40])
    with pytest.raises(RunFolderError, match="not as it was written; it may be cut off"):
        export(folder.path, q8, cell="r02-s0")
    without_fingerprints(folder)
    with pytest.raises(ModelError, match="cut off"):
        export(folder.path, q8, cell="r02-s0")
    adapter.write_bytes(whole)
    settings = adapter.with_name("adapter_config.json")
    kept = settings.read_text()
    changed = {**json.loads(kept), "base_model_name_or_path": "someone/another"}
    settings.write_text(json.dumps(changed))
    with pytest.raises(ModelError, match="trained on someone/another"):
        export(folder.path, q8, cell="r02-s0")
    settings.write_text(kept)
    adapter.rename(adapter.with_suffix(".gone"))
    with pytest.raises(RunFolderError, match="nothing to merge"):
        export(folder.path, q8, cell="r02-s0")
    record = folder.record()
    assert record.model is not None
    folder.change(model=record.model.model_copy(update={"sha256": "0" * 64}))
    with pytest.raises(ModelError, match="not the weights that the adapters were trained on"):
        export(folder.path, q8, cell="r04-s0")
    for cell in folder.finished_cells():
        folder.cell(cell.id).result_file.unlink()
    with pytest.raises(RunFolderError, match="no cell is finished"):
        export(folder.path, q8)


def test_an_adapter_that_was_begun_from_the_weights_fits_only_those(folder: RunFolder) -> None:
    without_fingerprints(folder)
    file = folder.cell("r02-s0").adapter / "adapter_config.json"
    settings = json.loads(file.read_text())
    file.write_text(json.dumps({**settings, "init_lora_weights": "pissa"}))
    with pytest.raises(ModelError, match="--base measured"):
        export(folder.path, [ExportFormat("merged", "bf16")], cell="r02-s0")


def test_nothing_is_left_of_an_export_that_failed(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("factlab.export.write.save_merged", full)
    with pytest.raises(RunFolderError, match="No space left"):
        export(folder.path, [ExportFormat("merged", "bf16")], cell="r02-s0")
    assert list(folder.export("r02-s0-merged-bf16").path.iterdir()) == []


def test_rescoring_grades_exports_too(folder: RunFolder) -> None:
    export(folder.path, read_formats("merged", "fp32"), cell="r02-s0")
    kept = folder.export("r02-s0-merged-fp32")
    questions = {question.id: question for question in folder.questions()}
    edited = [
        answer.model_copy(update={"text": "4,889 meters."})
        if questions[answer.question_id].split == "held_out"
        else answer
        for answer in kept.answers()
    ]
    write_lines(kept.answers_file, edited)
    rescore(folder.path)
    record = kept.record()
    assert record is not None
    assert record.score is not None
    assert record.score.metrics["recall/held_out"].value == 1
    assert record.score.gained >= record.score.metrics["recall/held_out"].n
    assert all(a.correct for a in kept.answers() if questions[a.question_id].split == "held_out")
