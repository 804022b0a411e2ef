"""Parameters and bytes from a config alone: published counts, the arithmetic, and refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from helpers import run_factlab

from factlab.errors import ConfigError, ModelError
from factlab.memory.activations import Batch, StepMemory, saved_activations
from factlab.memory.known import KNOWN, SHORT, known_name
from factlab.memory.machine import MemoryBudget
from factlab.memory.named_shape import named_shape
from factlab.memory.predict import AHEAD, OPTIMIZERS, STORAGE, Memory, Workload, predict_memory
from factlab.memory.rows import training_rows
from factlab.memory.shapes import ModelShape, shape_of
from factlab.memory.tutorials import ABOUT_7B, claims
from factlab.models.process_memory import CHUNK_BYTES
from factlab.schema.config import Precision
from factlab.schema.recipe import Optimizer

# As the makers and the hub's pages count them.
PUBLISHED = {
    "smollm2-135m": 134_515_008,
    "gemma-3-270m": 268_098_176,
    "smollm2-360m": 361_821_120,
    "qwen2-0.5b": 494_032_768,
    "tinyllama-1.1b": 1_100_048_384,
    "llama-3.2-1b": 1_235_814_400,
    "smollm2-1.7b": 1_711_376_384,
    "llama-3.2-3b": 3_212_749_824,
    "phi-3-mini": 3_821_079_552,
    "llama-2-7b": 6_738_415_616,
    "mistral-7b": 7_241_732_096,
    "qwen2-7b": 7_615_616_512,
    "llama-3-8b": 8_030_261_248,
    "qwen3-8b": 8_190_735_360,
    "gemma-2-9b": 9_241_705_984,
    "llama-2-13b": 13_015_864_320,
    "llama-2-70b": 68_976_648_192,
    "llama-3-70b": 70_553_706_496,
}
TINY: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
}
SETUP = Workload(method="lora", precision="bf16", device="cpu", batch=Batch(texts=1, length=512))


def shape(name: str) -> ModelShape:
    return named_shape(name).shape


def test_parameters_are_those_that_the_makers_publish() -> None:
    assert {name: shape(name).parameters for name in KNOWN} == PUBLISHED


def test_a_size_or_a_short_name_is_a_well_known_model() -> None:
    assert set(SHORT.values()) <= set(KNOWN)
    assert known_name("7B") == "llama-2-7b"
    assert known_name("Llama-8B") == "llama-3-8b"
    assert known_name("8c") is None


def test_every_precision_and_optimizer_of_the_settings_has_its_bytes() -> None:
    assert set(STORAGE) == set(get_args(Precision))
    assert set(OPTIMIZERS) == set(get_args(Optimizer))


def test_an_adapter_is_counted_as_peft_counts_it() -> None:
    # 7B, rank 8 on queries and values: the 4,194,304 of every tutorial.
    seven = shape("7b")
    on_qv = sum(linear.low_rank(8) for linear in seven.adapted("qv")) * seven.layers
    assert on_qv == 4_194_304
    assert [x.name for x in seven.adapted("up_proj+o_proj")] == ["o_proj", "up_proj"]
    assert seven.adapted("all-linear") == seven.linears
    fused = shape("phi-3-mini")
    assert [x.name for x in fused.adapted("attention")] == ["qkv_proj", "o_proj"]


def test_full_training_of_a_7b_is_sixteen_bytes_a_parameter() -> None:
    seven = shape("7b")
    found = predict_memory(seven, replace(SETUP, method="full", precision="fp32"))
    assert found.weights == found.gradients == 4 * seven.parameters
    assert found.optimizer == 8 * seven.parameters
    assert found.activations + found.workspace < found.gradients
    assert found.peak == 16 * seven.parameters + AHEAD


def test_four_bits_take_half_a_byte_and_an_eighth_of_a_bit() -> None:
    seven = shape("7b")
    found = predict_memory(seven, replace(SETUP, precision="nf4", device="cuda"))
    rest = 2 * (seven.parameters - seven.trunk_weights)
    assert found.weights - rest == pytest.approx(seven.trunk_weights * 4.127 / 8, rel=1e-4)
    on_cpu = predict_memory(seven, replace(SETUP, precision="nf4"))
    assert on_cpu.weights == 2 * seven.parameters


@pytest.mark.parametrize(
    ("optimizer", "each"),
    [("adamw", 8), ("paged-adamw", 8), ("paged-adamw-8bit", 2.03125), ("sgd", 0)],
)
def test_an_optimizer_holds_two_states(optimizer: str, each: float) -> None:
    found = predict_memory(shape("1b"), replace(SETUP, optimizer=optimizer))
    assert found.optimizer == round(found.adapter / 4 * each)


def test_the_peak_has_activations_or_gradients_not_both() -> None:
    part = {"weights": 100, "adapter": 10, "optimizer": 20}
    assert Memory(**part, gradients=5, activations=30, workspace=7).peak == 167
    assert Memory(**part, gradients=50, activations=30, workspace=7).peak == 180


def test_what_is_taken_ahead_is_what_the_allocator_is_told_to_take() -> None:
    assert AHEAD == CHUNK_BYTES
    on_gpu = predict_memory(shape("1b"), replace(SETUP, device="cuda"))
    assert predict_memory(shape("1b"), SETUP).ahead == AHEAD
    assert on_gpu.ahead == 0


def test_more_tokens_texts_and_layers_keep_more_and_checkpointing_keeps_less() -> None:
    def activations(**changes: Any) -> int:
        return predict_memory(shape("1b"), replace(SETUP, **changes)).activations

    once = activations()
    assert activations(batch=Batch(texts=2, length=512)) > 1.9 * once
    assert activations(batch=Batch(texts=1, length=1024)) > 2 * once  # attention grows as n²
    assert activations(checkpointing=True) < once / 4
    assert activations(targets="qv") < once
    assert activations(precision="fp32") > 1.9 * once


def test_shared_first_tokens_are_kept_once() -> None:
    small = shape("1b")
    apart = StepMemory(small, Batch(texts=8, length=60), 2, "packed", small.linears, 8)
    shared = replace(apart, batch=Batch(texts=8, length=60, shared=40))
    assert shared.tokens == 40 + 8 * 20
    assert saved_activations(shared) < 0.6 * saved_activations(apart)


def test_the_library_keeps_more_than_the_packed_decoder() -> None:
    ways = {
        way: predict_memory(shape("1b"), replace(SETUP, backend=way)) for way in ("packed", "eager")
    }
    assert ways["eager"].activations > 1.5 * ways["packed"].activations


def test_a_run_takes_the_way_that_training_takes() -> None:
    def way(name: str, **changes: Any) -> str:
        return replace(SETUP, **changes).backend_on(shape(name))

    assert way("1b") == "packed"
    assert way("1b", checkpointing=True) == "eager"
    assert way("1b", method="full", device="cuda") == "sdpa"
    assert way("1b", precision="int8", device="cuda") == "sdpa"
    assert SETUP.backend_on(shape_of({**TINY, "hidden_act": "relu"}, "x")) == "eager"


def test_what_the_packed_decoder_does_not_compute_is_known_from_the_config() -> None:
    assert shape_of({**TINY, "model_type": "mistral", "sliding_window": 4096}, "x").packed
    assert shape_of({**TINY, "rope_scaling": {"type": "yarn"}}, "x").packed
    gemma = {**TINY, "model_type": "gemma3_text", "hidden_activation": "gelu_pytorch_tanh"}
    assert shape_of(gemma, "x").packed
    assert not shape_of({**gemma, "hidden_activation": "relu"}, "x").packed
    assert not shape_of({**TINY, "rope_scaling": {"type": "dynamic"}}, "x").packed
    by_type = {"full_attention": {"rope_type": "dynamic"}, "sliding_attention": {}}
    assert not shape_of({**gemma, "rope_parameters": by_type}, "x").packed
    assert not shape_of({**TINY, "layer_types": ["chunked_attention"] * 2}, "x").packed
    assert not shape_of({**TINY, "attention_dropout": 0.1}, "x").packed


def test_the_tutorials_table_stands_beside_a_7b() -> None:
    seven = shape("7b")
    assert seven.parameters in ABOUT_7B
    full, lora, qlora = claims(seven, SETUP)
    assert full.plain.peak / 1e9 == pytest.approx(107.8, abs=0.1)
    assert 16 < lora.plain.peak / 1e9 < 20
    assert 6 < qlora.plain.peak / 1e9 < 12
    assert qlora.checkpointed.peak / 1e9 < 6


def test_rows_are_all_weights_and_an_adapter_at_each_precision() -> None:
    rows = training_rows(shape("1b"), SETUP, ("fp32", "int8", "nf4"))
    assert [row.name for row in rows] == ["full, fp32", "LoRA, fp32", "LoRA, int8", "QLoRA, nf4"]


def test_all_weights_are_trained_in_fp32_and_a_tied_embedding_has_three_gradients() -> None:
    one = shape("1b")
    found = predict_memory(one, replace(SETUP, method="full", precision="bf16"))
    assert found.weights == 4 * one.parameters
    assert found.gradients == 4 * (one.parameters + 2 * one.embedding)
    assert found.optimizer == 8 * one.parameters


def test_memory_that_is_not_known_holds_nothing_and_refuses_nothing() -> None:
    assert MemoryBudget("cuda", None, "not known").holds(10**9) is None
    assert MemoryBudget("cuda", 2 * 10**9, "as given").holds(10**9)
    assert not MemoryBudget("cpu", 2 * 10**9, "as given").holds(
        15 * 10**8
    )  # the libraries take a GB


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "gpt2"}, "model_type 'gpt2'.* Known: .*llama, mistral"),
        ({"model_type": None}, "no model_type"),
        ({"hidden_size": None}, "no 'hidden_size'"),
        ({"vocab_size": "many"}, "'vocab_size' in its config is 'many'"),
        ({"num_hidden_layers": 0}, "a whole number above 0 is wanted"),
        ({"num_key_value_heads": 3}, "no multiple of num_key_value_heads 3"),
        ({"model_type": "mistral", "num_key_value_heads": None}, "no 'num_key_value_heads'"),
    ],
)
def test_a_config_that_cannot_be_counted_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        shape_of({**TINY, **changes}, "x")


def test_targets_that_a_model_does_not_have_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no linear layer 'q_porj'. Did you mean 'q_proj'"):
        shape_of(TINY, "x").adapted("q_porj")
    with pytest.raises(ConfigError, match="a phi3 model has no linear layer 'q_proj'"):
        shape("phi-3-mini").adapted("qv")


REFUSED = {
    "plan 8bb": "8bb: no such model. Did you mean '8b'? Known by name or size: smollm2-135m,",
    "plan 7b --rank 0": "--rank 0: give a whole number above 0.",
    "plan 7b --seq 0": "--seq 0: give a whole number above 0.",
    "plan 7b --batch -1": "--batch -1: give a whole number above 0.",
    "plan 7b --memory 0": "--memory 0: give gigabytes above 0.",
    "plan 7b --optimizer adam": "--optimizer adam: not known. Did you mean 'adamw'?",
    "plan 7b --precision nf3": "--precision nf3: not known. Did you mean 'nf4'?",
    "plan 7b --device tpu": "--device tpu: not known. Did you mean 'cpu'? Known: cpu, cuda.",
    "plan 7b --targets heads": "--targets heads: a llama model has no linear layer 'heads'",
    "plan 7b --attention packed": "--attention packed: not known. Known: auto, eager, sdpa, flash",
    "plan none.json": "none.json: no such model.",
    "plan empty": "empty: a folder with config.json, or with one .gguf file, is wanted.",
    "plan list.json": "list.json: an object is wanted, with settings by name.",
    "plan torn.json": "torn.json: cannot be read as JSON",
    "plan torn.gguf": "torn.gguf cannot be read as a GGUF file",
}


def test_what_cannot_be_planned_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "torn.json").write_text('{"model_type": "lla')
    (tmp_path / "torn.gguf").write_bytes(b"GGUF\x03\x00")
    done = run_factlab([command.split() for command in REFUSED], cwd=tmp_path)
    for command, end in zip(REFUSED, done, strict=True):
        assert end.code == 2, (command, end)
        assert end.is_one_paragraph, (command, end)
        assert REFUSED[command] in end.err, (command, end)


# --- the command --------------------------------------------------------------------------------


def test_a_plan_needs_no_weights_and_no_torch(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(TINY))
    commands = ["plan 70b --device cuda", "plan .", "plan config.json --json", "list models"]
    cache = {"FACTLAB_CACHE": str(tmp_path / "cache")}
    done = run_factlab(
        [command.split() for command in (*commands, "plan smollm2-135m-instruct")],
        cwd=tmp_path,
        env=cache,
    )
    for end in done:
        assert (end.code, end.err, end.heavy) == (0, "", ""), end
    assert "70,553,706,496 parameters" in done[0].out
    found = json.loads(done[2].out)
    assert found["parameters"] == shape_of(TINY, "x").parameters
    assert {row["name"] for row in found["training"]} >= {"full, fp32", "LoRA, bf16", "QLoRA, nf4"}
    assert found["training"][0]["peak_bytes"] > found["training"][0]["weights_bytes"] > 0
    assert "llama-3-70b" in done[3].out
    assert "134,515,008 parameters" in done[4].out


def test_a_7b_is_set_beside_the_tutorials_and_within_100_columns(tmp_path: Path) -> None:
    (done,) = run_factlab([["plan", "7b", "--memory", "24"]], cwd=tmp_path)
    assert "28 + 28 + 56 = 112" in done.out
    assert "26.95 + 26.95 + 53.91 = 107.8" in done.out
    tables = [line for line in done.out.splitlines() if "  " in line.strip()]
    assert max(len(line.rstrip()) for line in tables) <= 100
