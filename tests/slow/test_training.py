"""Training proves itself: labels, loss, what moved, and what did not."""

from __future__ import annotations

import math

import pytest
import torch
from cells import PAIRS, cell, questions

from factlab.errors import DivergedError, TrainingError
from factlab.models.chat import prompt_ids, render_pair
from factlab.models.load import LoadedModel
from factlab.models.tokens import preview_tokenizer
from factlab.schema.results import TrainStep
from factlab.training.anchors import AnsweredPrompt, prepare_anchors
from factlab.training.batch import IGNORED, PairCollator, pad_rows, render_pairs
from factlab.training.loss import (
    anchor_loss,
    answer_loss,
    head_of,
    hidden_states,
    shared_prefix,
)
from factlab.training.train import attach_adapter, train


def test_labels_cover_the_answer_and_its_end_and_nothing_else(tiny: LoadedModel) -> None:
    pairs = render_pairs(tiny.tokenizer, questions())
    ids, mask, labels = pad_rows(pairs, tiny.tokenizer.pad_token_id)
    for (question, answer), row, row_mask, row_labels in zip(PAIRS, ids, mask, labels, strict=True):
        trained = [label for label in row_labels if label != IGNORED]
        assert tiny.tokenizer.decode(trained) == f"{answer}<|im_end|>"
        read = [
            token
            for token, kept, label in zip(row, row_mask, row_labels, strict=True)
            if kept and label == IGNORED
        ]
        assert tuple(read) == prompt_ids(tiny.tokenizer, question)


def test_preview_shows_the_tokens_that_training_uses(
    tiny: LoadedModel, tiny_folder: object
) -> None:
    shown = preview_tokenizer(str(tiny_folder))
    assert shown is not None
    for question, answer in PAIRS:
        prompt, trained = shown.pair(question, answer)
        real = render_pair(tiny.tokenizer, question, answer)
        assert prompt == [tiny.tokenizer.decode([t]) for t in real.prompt_ids]
        assert trained == [tiny.tokenizer.decode([t]) for t in real.answer_ids]


def test_the_loss_is_the_librarys_own_on_the_same_labels(tiny: LoadedModel) -> None:
    model = attach_adapter(tiny, cell())
    ids, mask, labels = (
        torch.tensor(rows)
        for rows in pad_rows(render_pairs(tiny.tokenizer, questions()), tiny.tokenizer.pad_token_id)
    )
    ours = answer_loss(head_of(model), hidden_states(model, ids, mask), labels)
    theirs = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_a_shared_prefix_changes_neither_loss_nor_gradients(tiny: LoadedModel) -> None:
    model = attach_adapter(tiny, cell())
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    ids, mask, labels = (
        torch.tensor(rows)
        for rows in pad_rows(render_pairs(tiny.tokenizer, questions()), tiny.tokenizer.pad_token_id)
    )

    def loss_and_gradients(shared: int) -> tuple[float, torch.Tensor]:
        model.zero_grad()
        hidden = hidden_states(model, ids, mask, shared)
        loss = answer_loss(head_of(model), hidden, labels[:, shared:])
        loss.backward()
        found = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        return loss.item(), torch.cat(found)

    shared = shared_prefix(ids, labels)
    assert shared > 5
    plain, packed = loss_and_gradients(0), loss_and_gradients(shared)
    assert packed[0] == pytest.approx(plain[0], rel=1e-5)
    assert torch.allclose(packed[1], plain[1], rtol=1e-4, atol=1e-6)
    assert (packed[1] - plain[1]).norm() / plain[1].norm() < 1e-5


def test_a_shared_prefix_never_reaches_what_predicts_an_answer(tiny: LoadedModel) -> None:
    ids = torch.tensor([[3, 4, 5, 6], [3, 4, 5, 7]])
    labels = torch.tensor([[IGNORED, IGNORED, 5, 6], [IGNORED, IGNORED, 5, 7]])
    assert shared_prefix(ids, labels) == 1
    assert shared_prefix(ids[:1], labels[:1]) == 0


def test_a_batch_without_an_answer_token_is_refused(tiny: LoadedModel) -> None:
    model = attach_adapter(tiny, cell())
    ids = torch.ones(1, 5, dtype=torch.long)
    hidden = hidden_states(model, ids, torch.ones_like(ids))
    with pytest.raises(TrainingError, match="no answer token"):
        answer_loss(head_of(model), hidden, torch.full_like(ids, IGNORED))


def test_anchors_pull_towards_the_base_and_cost_nothing_before_training(tiny: LoadedModel) -> None:
    answered = [AnsweredPrompt("Hi?", "Hello.", True), AnsweredPrompt("Name it.", "Lake", False)]
    anchors = prepare_anchors(tiny, answered)
    assert anchors[0].pair.answer_ids[-1] == tiny.tokenizer.eos_token_id
    assert anchors[1].pair.answer_ids[-1] != tiny.tokenizer.eos_token_id
    assert [len(a.states) for a in anchors] == [len(a.pair.answer_ids) for a in anchors]
    model = attach_adapter(tiny, cell())
    collate = PairCollator(tiny.tokenizer.pad_token_id, anchors, 2)
    batch = collate([{"prompt_ids": (5, 6), "answer_ids": (7, 1)}])
    hidden = hidden_states(model, batch["input_ids"], batch["attention_mask"])
    args = (batch["anchor_labels"], batch["anchor_states"])
    assert anchor_loss(head_of(model), hidden, *args).item() == pytest.approx(0, abs=1e-6)
    moved = hidden + torch.randn_like(hidden)
    assert anchor_loss(head_of(model), moved, *args).item() > 0.01


def test_training_learns_moves_the_adapter_and_leaves_the_base_alone(tiny: LoadedModel) -> None:
    before = {name: p.clone() for name, p in tiny.model.named_parameters()}
    forward = tiny.model.forward
    model = attach_adapter(tiny, cell())
    steps: list[TrainStep] = []
    record = train(model, tiny, cell(), questions(), record=steps.append)
    assert record.steps == len(steps) == 20
    assert record.examples == 30
    assert steps[-1].loss_nats < steps[0].loss_nats - 0.2
    lora_b = [p for name, p in model.named_parameters() if "lora_B" in name]
    assert all(p.abs().max() > 0 for p in lora_b)
    assert all(p.dtype == torch.float32 for p in lora_b)
    base = model.unload()
    for name, parameter in base.named_parameters():
        assert torch.equal(parameter, before[name]), name
    assert base.forward == forward


def test_the_same_seed_gives_the_same_adapter_and_another_seed_another(tiny: LoadedModel) -> None:
    def weights(seed: int) -> torch.Tensor:
        chosen = cell(dropout=0.1).model_copy(update={"seed": seed})
        model = attach_adapter(tiny, chosen)
        train(model, tiny, chosen, questions(), max_steps=4)
        flat = torch.cat([p.flatten() for n, p in model.named_parameters() if "lora" in n])
        tiny.model = model.unload()
        return flat

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_scoring_first_does_not_change_the_gradients(tiny: LoadedModel) -> None:
    from factlab.scoring.generate import generate

    def first_norm() -> float:
        steps: list[TrainStep] = []
        model = attach_adapter(tiny, cell())
        train(model, tiny, cell(), questions(), max_steps=1, record=steps.append)
        tiny.model = model.unload()
        return steps[0].grad_norm or 0.0

    untouched = first_norm()
    generate(tiny.model, tiny.tokenizer, ["Who?"], max_new_tokens=4, batch_size=1)
    assert first_norm() == pytest.approx(untouched, rel=1e-6)
    assert untouched > 0


def test_a_loss_that_is_not_finite_stops_training(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "factlab.training.trainer.answer_loss",
        lambda head, hidden, labels: hidden.sum() * math.nan,
    )
    with pytest.raises(DivergedError, match="step 1"):
        train(attach_adapter(tiny, cell()), tiny, cell(), questions())


def test_zero_steps_leave_the_adapter_as_initialised(tiny: LoadedModel) -> None:
    model = attach_adapter(tiny, cell())
    record = train(model, tiny, cell(), questions(), max_steps=0)
    assert (record.steps, record.examples) == (0, 0)
    assert all(not p.any() for name, p in model.named_parameters() if "lora_B" in name)
