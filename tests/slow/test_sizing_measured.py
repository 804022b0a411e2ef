"""The counted shapes are transformers' own, and the counted bytes are what a step really takes."""

from __future__ import annotations

import gc
import random
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from factlab.memory.activations import (
    CACHED_ROWS,
    AttentionBackend,
    Batch,
    StepMemory,
    saved_activations,
    workspace,
)
from factlab.memory.named_shape import named_shape
from factlab.memory.predict import (
    STORAGE,
    Workload,
    adapter_parameters,
    predict_memory,
    weight_bytes,
)
from factlab.memory.shapes import shape_of
from factlab.models.families import FAMILIES
from factlab.models.load import load_model
from factlab.models.processor import multiplies_bf16
from factlab.models.resolve import resolve_model
from factlab.schema.config import QUANTISED, Precision
from factlab.schema.targets import TARGETS as GROUPS
from factlab.training.batch import Text

SIZES: dict[str, Any] = {
    "hidden_size": 256,
    "intermediate_size": 704,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "vocab_size": 2000,
}
TARGETS = 8  # of each text


# --- shapes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("changes", [{}, {"attention_bias": True, "tie_word_embeddings": True}])
def test_a_family_has_the_layers_that_transformers_builds(
    family: str, changes: dict[str, Any]
) -> None:
    from torch import nn
    from transformers import AutoConfig, AutoModelForCausalLM

    given = {**SIZES, "pad_token_id": 0, **changes}
    config = AutoConfig.for_model(family, **given)
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config)
    counted = shape_of({"model_type": family, **given}, "x")
    assert counted.parameters == sum(p.numel() for p in model.parameters())
    block = model.get_decoder().layers[1]
    built = {
        name.rpartition(".")[2]: (part.in_features, part.out_features, part.bias is not None)
        for name, part in block.named_modules()
        if isinstance(part, nn.Linear)
    }
    assert {x.name: (x.inputs, x.outputs, x.bias) for x in counted.linears} == built
    # A config that says everything, as saved ones do, is counted alike.
    assert shape_of(config.to_dict(), "x").parameters == counted.parameters


def test_an_adapter_has_the_parameters_that_peft_gives_it() -> None:
    model = adapted(small("fp32"), rank=5, targets=["q_proj", "down_proj"])
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    shape = shape_of(model.config.to_dict(), "x")
    assert adapter_parameters(shape, 5, shape.adapted("q_proj+down_proj")) == trained


@pytest.mark.parametrize("precision", [*QUANTISED, "bf16"])
def test_weights_take_the_bytes_that_are_counted(precision: Precision, tiny_folder: Path) -> None:
    record = load_model(resolve_model(str(tiny_folder)), precision).record
    held = named_shape(str(tiny_folder)).shape
    counted = weight_bytes(held, STORAGE[precision])
    # A 4-bit layer's own tables, a kilobyte with double quantisation, are left out of the count.
    tables = {"nf4": 1100, "fp4": 1100, "nf4-single": 64}.get(precision, 0)
    layers = held.layers * len(held.linears)
    found = record.quantised_bytes or record.weights_bytes
    assert found == pytest.approx(counted + layers * tables, rel=0.02)


# --- bytes of a step ----------------------------------------------------------------------------


def small(precision: str, way: AttentionBackend = "packed", **changes: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    if precision != "fp32" and not multiplies_bf16():
        pytest.skip("nothing is computed in bf16 on this processor")
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**{**SIZES, "tie_word_embeddings": True, **changes}))
    model.set_attn_implementation("eager" if way == "packed" else way)
    return model.to(torch.float32 if precision == "fp32" else torch.bfloat16)


def adapted(model: Any, rank: int = 8, targets: Any = "all-linear") -> Any:
    from peft import LoraConfig, get_peft_model

    model.requires_grad_(False)
    found = get_peft_model(model, LoraConfig(r=rank, target_modules=targets, task_type="CAUSAL_LM"))
    for parameter in found.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()  # as the trainer does
    return found


def texts(batch: Batch, vocabulary: int) -> list[Text]:
    draw = random.Random(0)
    found = []
    for number in range(batch.texts):
        own = [draw.randrange(vocabulary) for _ in range(batch.length - batch.shared - 1)]
        tokens = (*range(batch.shared), 1000 + number, *own)
        found.append(Text(tokens, batch.length - TARGETS, tokens[-TARGETS:]))
    return found


def loss_of(model: Any, batch: Batch, way: AttentionBackend) -> torch.Tensor:
    from factlab.inference.backend import choose_backend
    from factlab.inference.decoder.head import answer_nll
    from factlab.models.heads import head_of

    read = texts(batch, 1000)
    backend = choose_backend(model, ["default"], library=way != "packed")
    assert backend.packed == (way == "packed")
    states = backend.predicting_states([read])
    wanted = torch.tensor([token for text in read for token in text.targets])
    return answer_nll(head_of(model), states, wanted).mean()


class Saved:
    """What autograd keeps of an operation; gone when the operation is."""

    __slots__ = ("__weakref__", "tensor")

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


def kept_bytes(model: Any, batch: Batch, way: AttentionBackend) -> int:
    """Bytes that wait for the backward pass, by the hooks of autograd."""
    alive: weakref.WeakSet[Saved] = weakref.WeakSet()

    def pack(tensor: torch.Tensor) -> Saved:
        saved = Saved(tensor)
        alive.add(saved)
        return saved

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved.tensor):
        loss = loss_of(model, batch, way)
    gc.collect()
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    stores = [saved.tensor.untyped_storage() for saved in alive]
    found = {store.data_ptr(): store.nbytes() for store in stores}
    del loss
    return sum(size for place, size in found.items() if place not in weights)


def peak_bytes(model: Any, batch: Batch, way: AttentionBackend) -> int:
    """The most bytes of tensors that a step holds beyond the model, by torch's profiler."""

    def step() -> None:
        loss_of(model, batch, way).backward()
        model.zero_grad(set_to_none=True)

    step()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def counted(model: Any, batch: Batch, way: AttentionBackend, **changes: Any) -> StepMemory:
    shape = shape_of(model.config.to_dict(), "x")
    value = next(model.parameters()).element_size()
    given: dict[str, Any] = {"adapted": shape.linears, "rank": 8, **changes}
    return StepMemory(shape, batch, value, way, **given)


BATCHES = {
    "a batch": Batch(texts=4, length=32, targets=TARGETS),
    "a long text": Batch(texts=1, length=512, targets=TARGETS),
    "shared first tokens": Batch(texts=16, length=64, shared=20, targets=TARGETS),
}


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("way", ["packed", "eager", "sdpa"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_takes_the_bytes_that_are_counted(
    precision: str, way: AttentionBackend, batch: Batch
) -> None:
    model = adapted(small(precision, way))
    model.train()
    step = counted(model, batch, way)
    assert saved_activations(step) == pytest.approx(kept_bytes(model, batch, way), rel=0.01)
    assert saved_activations(step) + workspace(step) == pytest.approx(
        peak_bytes(model, batch, way), rel=0.05
    )


@pytest.mark.parametrize("family", ["qwen3", "gemma3_text", "phi3"])
def test_a_step_of_another_family_takes_the_bytes_that_are_counted(family: str) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    batch = BATCHES["shared first tokens"]
    config = AutoConfig.for_model(family, **{**SIZES, "head_dim": 32, "pad_token_id": 0})
    model = adapted(AutoModelForCausalLM.from_config(config))
    model.train()
    step = counted(model, batch, "packed")
    assert saved_activations(step) == pytest.approx(kept_bytes(model, batch, "packed"), rel=0.01)
    assert saved_activations(step) + workspace(step) == pytest.approx(
        peak_bytes(model, batch, "packed"), rel=0.05
    )


@pytest.mark.parametrize("targets", ["qv", "mlp"])
@pytest.mark.parametrize("way", ["packed", "eager", "sdpa"])
def test_layers_without_an_adapter_keep_less(way: AttentionBackend, targets: str) -> None:
    batch = BATCHES["a batch"]
    model = adapted(small("bf16", way, num_hidden_layers=12), targets=list(GROUPS[targets]))
    model.train()
    shape = shape_of(model.config.to_dict(), "x")
    step = counted(model, batch, way, adapted=shape.adapted(targets))
    # Before the first adapter nothing is kept, which is not counted: a block's attention at most.
    assert saved_activations(step) == pytest.approx(kept_bytes(model, batch, way), rel=0.04)


@pytest.mark.parametrize("way", ["eager", "sdpa"])
def test_training_all_weights_takes_the_bytes_that_are_counted(way: AttentionBackend) -> None:
    batch = Batch(texts=8, length=64, targets=TARGETS)
    model = small("fp32", way)
    model.train()
    found = predict_memory(
        shape_of(model.config.to_dict(), "x"),
        Workload(method="full", precision="bf16", device="cpu", batch=batch, backend=way),
    )
    logits = 8 * batch.answers * SIZES["vocab_size"]  # kept here, counted as of the moment
    assert found.activations == pytest.approx(kept_bytes(model, batch, way) - logits, rel=0.02)
    held = max(found.activations + found.workspace, found.gradients)
    assert held == pytest.approx(peak_bytes(model, batch, way), rel=0.05)


@pytest.mark.parametrize("tied", [False, True])
def test_gradients_are_the_peak_where_there_is_little_to_read(tied: bool) -> None:
    batch = Batch(texts=1, length=16, targets=TARGETS)
    model = small("fp32", "eager", vocab_size=20_000, tie_word_embeddings=tied)
    model.train()
    found = predict_memory(
        shape_of(model.config.to_dict(), "x"),
        Workload(method="full", precision="fp32", device="cpu", batch=batch, backend="eager"),
    )
    assert found.gradients > found.activations + found.workspace
    assert found.gradients == pytest.approx(peak_bytes(model, batch, "eager"), rel=0.05)


def test_with_a_large_vocabulary_the_head_is_the_greediest_moment() -> None:
    batch = Batch(texts=3, length=32, targets=TARGETS)
    model = adapted(small("bf16", vocab_size=40_000))
    model.train()
    step = counted(model, batch, "packed")
    assert workspace(step) == 40_000 * (2 * batch.answers + 8 * CACHED_ROWS)
    found = peak_bytes(model, batch, "packed")
    assert saved_activations(step) + workspace(step) == pytest.approx(found, rel=0.02)


@pytest.mark.parametrize("way", ["eager", "sdpa"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_checkpointing_takes_the_bytes_that_are_counted(
    precision: str, way: AttentionBackend
) -> None:
    batch = Batch(texts=4, length=64, targets=TARGETS)
    model = adapted(small(precision, way, num_hidden_layers=12))
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.enable_input_require_grads()
    model.train()
    step = counted(model, batch, way)
    held = saved_activations(step, checkpointing=True) + workspace(step)
    assert held == pytest.approx(peak_bytes(model, batch, way), rel=0.07)
    assert held < saved_activations(step) / 3
