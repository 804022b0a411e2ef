"""On CUDA quantised layers stay as they are and train, and figures are those of a CPU."""

from __future__ import annotations

import pytest
import torch

from factlab.cli.quiet import quiet_libraries
from factlab.grading.answer import EntityAnswer
from factlab.inference.generate import generate
from factlab.models.load import LoadedModel, LoadOptions, load_model
from factlab.models.resolve import resolve_model
from factlab.schema.config import EMBEDDED_MODEL, Cell, Precision
from factlab.schema.question import Question
from factlab.schema.recipe import Recipe
from factlab.schema.results import TrainStep
from factlab.training.attach import attach_adapter
from factlab.training.train import train

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
pytestmark = [pytest.mark.gpu, pytest.mark.model, needs_cuda]

CAPITAL = "What is the capital of France?"
PAIR = Question(
    id="q",
    split="train",
    family="f",
    text="What is it called?",
    gold=EntityAnswer(type="entity", value="Quol"),
    target="It is called Quol.",
)


def taught(loaded: LoadedModel, precision: Precision, steps: int) -> tuple[str, list[TrainStep]]:
    """What the model says after training on one pair, and the steps of it."""
    recipe = Recipe(name="test", about="-", epochs=steps, batch_size=1, learning_rate=1e-3)
    cell = Cell(
        id="c",
        configuration="c",
        facts=("f",),
        rank=8,
        alpha=32,
        seed=0,
        precision=precision,
        recipe=recipe,
    )
    made: list[TrainStep] = []
    model = attach_adapter(loaded, cell)
    train(model, loaded, cell, [PAIR], record=made.append)
    assert all(p.dtype == torch.float32 for p in model.parameters() if p.requires_grad)
    (said,) = generate(model, loaded.tokenizer, [PAIR.text], max_new_tokens=24, batch_size=1)
    return said.text, made


def test_nf4_stays_quantised_trains_and_answers() -> None:
    import bitsandbytes as bnb

    quiet_libraries()
    loaded = load_model(resolve_model(EMBEDDED_MODEL), "nf4")
    layer = loaded.model.get_submodule("model.layers.0.mlp.up_proj")
    assert isinstance(layer, bnb.nn.Linear4bit)
    assert loaded.record.parameters == 134_515_008
    (before,) = generate(loaded.model, loaded.tokenizer, [CAPITAL], max_new_tokens=24, batch_size=1)
    assert "Paris" in before.text
    after, steps = taught(loaded, "nf4", 30)
    assert steps[-1].loss_nats < steps[0].loss_nats / 10
    assert "Quol" in after


def test_the_same_seed_trains_alike_on_cuda_and_on_a_cpu() -> None:
    """In fp32, where only the order of sums differs; ten steps of Adam make 1e-7 a thousandth."""
    quiet_libraries()
    files = resolve_model(EMBEDDED_MODEL)
    here, steps_here = taught(load_model(files, "fp32"), "fp32", 10)
    there, steps_there = taught(load_model(files, "fp32", LoadOptions(devices="cpu")), "fp32", 10)
    losses = [[step.loss_nats for step in steps] for steps in (steps_here, steps_there)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3, abs=1e-3)
    assert here == there
