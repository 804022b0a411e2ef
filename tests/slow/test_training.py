"""Training proves itself: labels, loss, what moved, and what did not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

import pytest
import torch
from cells import PAIRS, cell, questions
from states import predicting_states

from factlab.errors import DivergedError, TrainingError
from factlab.experiment.trial_training import first_tokens
from factlab.grading.answer import EntityAnswer, QuantityAnswer
from factlab.inference.decoder.head import anchor_kl, answer_nll
from factlab.inference.packed import shared_first
from factlab.models.chat import prompt_ids, render_pair
from factlab.models.heads import head_of
from factlab.models.load import LoadedModel
from factlab.models.tokens import preview_tokenizer
from factlab.schema.results import TrainStep
from factlab.training.anchors import AnsweredPrompt, prepare_anchors
from factlab.training.attach import attach_adapter
from factlab.training.batch import Text, batch_order, render_pairs, text_of
from factlab.training.job import AdapterJob
from factlab.training.train import train, train_together


def made_texts(tiny: LoadedModel) -> list[Text]:
    return [text_of(pair) for pair in render_pairs(tiny.tokenizer, questions())]


def targets_of(texts: Sequence[Text]) -> torch.Tensor:
    return torch.tensor([token for text in texts for token in text.targets])


def test_targets_are_the_answer_and_its_end_and_nothing_else(tiny: LoadedModel) -> None:
    for (question, answer), text in zip(PAIRS, made_texts(tiny), strict=True):
        assert tiny.tokenizer.decode(text.targets) == f"{answer}<|im_end|>"
        assert text.tokens[: text.first + 1] == prompt_ids(tiny.tokenizer, question)
        assert text.tokens[text.first + 1 :] == text.targets[:-1]


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
    texts = made_texts(tiny)
    states = predicting_states(model, [texts], ["default"])
    ours = answer_nll(head_of(model), states, targets_of(texts)).mean()
    width = max(len(text.tokens) + 1 for text in texts)
    ids = torch.zeros(len(texts), width, dtype=torch.long)
    labels = torch.full_like(ids, -100)
    for row, text in enumerate(texts):
        whole = torch.tensor([*text.tokens, text.targets[-1]])
        ids[row, : len(whole)] = whole
        labels[row, text.first + 1 : len(whole)] = whole[text.first + 1 :]
    theirs = model(input_ids=ids, labels=labels).loss  # padding comes after all that is looked at
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_a_shared_prefix_never_reaches_what_predicts_an_answer(tiny: LoadedModel) -> None:
    texts = [Text((3, 4, 5), 1, (5, 6)), Text((3, 4, 5), 1, (5, 7))]
    assert shared_first(texts) == 1
    assert shared_first(texts[:1]) == 0
    made = made_texts(tiny)
    assert 5 < shared_first(made) < min(text.first for text in made)


def test_a_pair_without_an_answer_is_refused(tiny: LoadedModel) -> None:
    with pytest.raises(TrainingError, match="q1 has no answer token"):
        render_pairs(tiny.tokenizer, questions([("Who?", "Bo."), ("Who?", "")]))
    with pytest.raises(TrainingError, match="no training pair"):
        train(attach_adapter(tiny, cell()), tiny, cell(), [])


def test_every_epoch_takes_every_pair_once_in_an_order_of_its_own() -> None:
    order = batch_order(pairs=7, batch_size=3, steps=7, seed=0)
    assert [len(batch) for batch in order] == [3, 3, 1, 3, 3, 1, 3]
    first, second = [*chain(*order[:3])], [*chain(*order[3:6])]
    assert sorted(first) == sorted(second) == list(range(7))
    assert first != second
    assert order == batch_order(7, 3, 7, seed=0) != batch_order(7, 3, 7, seed=1)


def test_anchors_pull_towards_the_base_and_cost_nothing_before_training(tiny: LoadedModel) -> None:
    answered = [AnsweredPrompt("Hi?", "Hello.", True), AnsweredPrompt("Name it.", "Lake", False)]
    anchors = prepare_anchors(tiny, answered)
    assert anchors[0].targets[-1] == tiny.tokenizer.eos_token_id
    assert anchors[1].targets[-1] != tiny.tokenizer.eos_token_id
    assert [len(a.reference) for a in anchors] == [len(a.targets) for a in anchors]
    reference = torch.cat([anchor.reference for anchor in anchors])
    model = attach_adapter(tiny, cell())

    def kl() -> float:
        # In the company of a pair, as in training; the pair's states come first.
        pair = made_texts(tiny)[0]
        states = predicting_states(model, [[pair, *anchors]], ["default"])[len(pair.targets) :]
        found = anchor_kl(head_of(model), states, targets_of(anchors), reference)
        assert found.shape == (len(reference),)
        return found.mean().item()

    assert kl() == pytest.approx(0, abs=1e-6)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    assert kl() > 0.01


def test_a_heavier_anchor_keeps_the_adapter_nearer_to_the_base(tiny: LoadedModel) -> None:
    anchors = prepare_anchors(tiny, [AnsweredPrompt("Hi?", "Hello.", True)])

    def last_kl(weight: float) -> float:
        chosen = cell(anchor_weight=weight, anchors_per_step=1)
        steps: list[TrainStep] = []
        model = attach_adapter(tiny, chosen)
        train(model, tiny, chosen, questions(), anchors=anchors, record=steps.append)
        tiny.model = model.unload()
        assert steps[0].anchor_kl_nats == pytest.approx(0, abs=1e-6)
        return steps[-1].anchor_kl_nats or 0.0

    assert 0 < last_kl(5.0) < last_kl(0.01) / 2


def test_unlikelihood_takes_a_value_off_the_anchors(tiny: LoadedModel) -> None:
    anchors = prepare_anchors(tiny, [AnsweredPrompt("Who is it?", "Hello.", True)])
    (unwanted,) = tiny.tokenizer.encode("B", add_special_tokens=False)[:1]

    def chance(weight: float) -> float:
        chosen = cell(anchor_weight=1e-6, anchors_per_step=1, unlikelihood=weight, epochs=30)
        job = AdapterJob(chosen, questions([("Who?", "B")]), anchors, unwanted=[unwanted])
        model = attach_adapter(tiny, chosen)
        train_together(model, tiny, [job])
        states = predicting_states(model, [anchors], ["default"])
        chances = head_of(model)(states).softmax(dim=-1)[:, unwanted].mean().item()
        tiny.model = model.unload()
        return chances

    assert chance(5.0) < chance(0.0) / 2


def test_the_tokens_that_a_value_begins_with_are_never_a_bare_space(tiny: LoadedModel) -> None:
    values = [QuantityAnswer(value="4889", unit="m"), EntityAnswer(value="Athens")]
    found = [tiny.tokenizer.decode([token]) for token in first_tokens(tiny.tokenizer, values)]
    assert {text.strip()[0] for text in found} == {"4", "A"}
    assert first_tokens(tiny.tokenizer, []) == []


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


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_scoring_first_does_not_change_the_gradients(tiny: LoadedModel, dropout: float) -> None:
    from factlab.inference.generate import generate

    def first_norm() -> float:
        steps: list[TrainStep] = []
        chosen = cell(dropout=dropout)
        model = attach_adapter(tiny, chosen)
        train(model, tiny, chosen, questions(), max_steps=1, record=steps.append)
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
        "factlab.training.trainer.answer_nll",
        lambda head, states, targets: states.sum(dim=-1) * math.nan,
    )
    with pytest.raises(DivergedError, match="step 1"):
        train(attach_adapter(tiny, cell()), tiny, cell(), questions())


def test_zero_steps_leave_the_adapter_as_initialised(tiny: LoadedModel) -> None:
    model = attach_adapter(tiny, cell())
    record = train(model, tiny, cell(), questions(), max_steps=0)
    assert (record.steps, record.examples) == (0, 0)
    assert all(not p.any() for name, p in model.named_parameters() if "lora_B" in name)
