"""On the embedded model in NF4: scoring before training must not change the gradients.

bitsandbytes' own CPU layers fail this: after one pass in evaluation mode they hand back almost no
gradient, while the loss looks as it should.
"""

from __future__ import annotations

import pytest
import torch

from factlab.cli.quiet import quiet_libraries
from factlab.grading.answer import EntityAnswer
from factlab.inference.generate import generate
from factlab.models.load import LoadedModel, load_model
from factlab.models.processor import multiplies_bf16
from factlab.models.resolve import resolve_model
from factlab.schema.config import EMBEDDED_MODEL, Cell
from factlab.schema.question import Question
from factlab.schema.recipe import Recipe
from factlab.schema.results import TrainStep
from factlab.training.attach import attach_adapter
from factlab.training.train import train

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def nf4() -> LoadedModel:
    quiet_libraries()
    return load_model(resolve_model(EMBEDDED_MODEL), "nf4")


def first_gradient_norm(loaded: LoadedModel) -> float:
    recipe = Recipe(name="test", about="-", batch_size=4, learning_rate=1e-4)
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
    questions = [
        Question(
            id=str(i),
            split="train",
            family="f",
            text=f"What is number {i} called?",
            gold=EntityAnswer(type="entity", value="Quol"),
            target=f"Number {i} is called Quol.",
        )
        for i in range(4)
    ]
    steps: list[TrainStep] = []
    model = attach_adapter(loaded, cell)
    train(model, loaded, cell, questions, max_steps=1, record=steps.append)
    loaded.model = model.unload()
    assert steps[0].grad_norm is not None
    return steps[0].grad_norm


def test_gradients_are_the_same_with_and_without_a_scoring_pass_first(nf4: LoadedModel) -> None:
    untouched = first_gradient_norm(nf4)
    answers = generate(
        nf4.model,
        nf4.tokenizer,
        ["What is the capital of France?", "What is the chemical formula of water?"],
        max_new_tokens=24,
        batch_size=2,
    )
    assert "Paris" in answers[0].text
    assert first_gradient_norm(nf4) == pytest.approx(untouched, rel=0.01)
    assert untouched > 1


def test_the_weights_are_those_of_nf4_and_not_of_the_file(nf4: LoadedModel) -> None:
    plain = load_model(resolve_model(EMBEDDED_MODEL), "bf16").model
    name = "model.layers.0.mlp.up_proj"
    quantised = nf4.model.get_submodule(name).weight
    original = plain.get_submodule(name).weight
    assert quantised.dtype == (torch.bfloat16 if multiplies_bf16() else torch.float32)
    assert torch.equal(quantised.bfloat16().to(quantised.dtype), quantised)
    # One block of 64 NF4 values shares a scale, so it holds at most 16 different values.
    assert len(torch.unique(quantised.flatten()[:64])) <= 16
    assert len(torch.unique(original.flatten()[:64])) > 0
    error = (quantised.float() - original.float()).norm() / original.float().norm()
    assert 0.01 < error < 0.2
