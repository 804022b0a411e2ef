"""On CUDA the quantised layers stay as they are, and train."""

from __future__ import annotations

import pytest
import torch

from factlab.cli.quiet import quiet_libraries
from factlab.models.load import load_model
from factlab.models.resolve import resolve_model
from factlab.schema.answer import EntityAnswer
from factlab.schema.config import EMBEDDED_MODEL, Cell, Recipe
from factlab.schema.question import Question
from factlab.schema.results import TrainStep
from factlab.scoring.generate import generate
from factlab.training.attach import attach_adapter
from factlab.training.train import train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.model,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def test_nf4_stays_quantised_trains_and_answers() -> None:
    import bitsandbytes as bnb

    quiet_libraries()
    loaded = load_model(resolve_model(EMBEDDED_MODEL), "nf4")
    layer = loaded.model.get_submodule("model.layers.0.mlp.up_proj")
    assert isinstance(layer, bnb.nn.Linear4bit)
    assert loaded.record.parameters == 134_515_008
    question = ["What is the capital of France?"]
    args = {"max_new_tokens": 24, "batch_size": 1}
    (before,) = generate(loaded.model, loaded.tokenizer, question, **args)
    assert "Paris" in before.text
    recipe = Recipe(name="test", about="-", epochs=30, batch_size=1, learning_rate=1e-3)
    cell = Cell(
        id="c",
        configuration="c",
        facts=("f",),
        rank=8,
        alpha=32,
        seed=0,
        precision="nf4",
        recipe=recipe,
    )
    gold = EntityAnswer(type="entity", value="Quol")
    pair = Question(
        id="q",
        split="train",
        family="f",
        text="What is it called?",
        gold=gold,
        target="It is called Quol.",
    )
    steps: list[TrainStep] = []
    model = attach_adapter(loaded, cell)
    train(model, loaded, cell, [pair], record=steps.append)
    assert all(p.dtype == torch.float32 for p in model.parameters() if p.requires_grad)
    assert steps[-1].loss_nats < steps[0].loss_nats / 10
    (after,) = generate(model, loaded.tokenizer, [pair.text], **args)
    assert "Quol" in after.text
