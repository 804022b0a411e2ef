"""Our batched greedy loop against the library's own, one question at a time."""

from __future__ import annotations

import pytest
import torch
from cells import cell

from factlab.inference.backend import complete
from factlab.inference.drift import measure_drift, read_neutral_text
from factlab.inference.generate import end_tokens, generate
from factlab.inference.prompts import Limits, Prompt
from factlab.models.chat import prompt_ids
from factlab.models.load import LoadedModel
from factlab.training.attach import attach_adapter

QUESTIONS = [f"{'So, ' * (i % 5)}what is {i} and {i * 7}?" for i in range(17)]


@pytest.fixture(params=["packed", "plain"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of reading: ours, and the library's for models that ours does not cover."""
    if request.param == "plain":
        monkeypatch.setattr("factlab.inference.backend.uses_library_pass", lambda _: True)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_batched_answers_are_the_librarys_one_at_a_time(tiny: LoadedModel, batch_size: int) -> None:
    ends = end_tokens(tiny.model, tiny.tokenizer)
    ours = generate(tiny.model, tiny.tokenizer, QUESTIONS, max_new_tokens=12, batch_size=batch_size)
    for question, answer in zip(QUESTIONS, ours, strict=True):
        ids = torch.tensor([prompt_ids(tiny.tokenizer, question)])
        row = tiny.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False
        )[0, ids.shape[1] :].tolist()
        text = tiny.tokenizer.decode([t for t in row if t not in ends], skip_special_tokens=True)
        assert answer.text == text.strip()
        assert answer.finished == (row[-1] in ends)
        assert answer.tokens == len(row)


@pytest.mark.usefixtures("way")
def test_a_row_that_ends_leaves_the_others_as_they_were(tiny: LoadedModel) -> None:
    prompts = [Prompt(prompt_ids(tiny.tokenizer, question)) for question in QUESTIONS]

    def said(ends: list[int]) -> list[list[int]]:
        replies = complete(tiny.model, prompts, Limits(len(prompts), 8, ends))
        return [reply.tokens for reply in replies]

    free = said([-1])
    stop = free[0][2]  # a token that some rows write sooner than others
    for whole, cut in zip(free, said([stop]), strict=True):
        assert cut == (whole[: whole.index(stop) + 1] if stop in whole else whole)


def test_progress_counts_every_question_once(tiny: LoadedModel) -> None:
    seen: list[int] = []
    generate(
        tiny.model,
        tiny.tokenizer,
        QUESTIONS,
        max_new_tokens=1,
        batch_size=5,
        advance=seen.append,
    )
    assert sum(seen) == len(QUESTIONS)


@pytest.mark.usefixtures("way")
def test_an_untrained_adapter_drifts_by_exactly_nothing_and_a_moved_one_does(
    tiny: LoadedModel,
) -> None:
    ids = tiny.tokenizer("A page of neutral text. " * 40, add_special_tokens=False)["input_ids"]
    text, first_window = (read_neutral_text(tiny.model, part) for part in (ids, ids[:257]))
    model = attach_adapter(tiny, cell()).eval()
    still = measure_drift(model, text)
    assert (still.ce, still.kl) == (0.0, 0.0)
    assert sum(len(window.kl_nats) for window in still.windows) == len(ids) - 1
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    assert measure_drift(model, text).kl > 0
    logits = model(torch.tensor([ids[:257]])).logits[0, :-1].log_softmax(-1)
    with model.disable_adapter():
        base = model(torch.tensor([ids[:257]])).logits[0, :-1].log_softmax(-1)
    targets = torch.tensor(ids[1:257])
    by_hand = torch.nn.functional.nll_loss(logits, targets) - torch.nn.functional.nll_loss(
        base, targets
    )
    first = measure_drift(model, first_window)
    assert first.ce == pytest.approx(by_hand.item(), rel=1e-4)
    kl = (base.exp() * (base - logits)).sum(-1).mean()
    assert first.kl == pytest.approx(kl.item(), rel=1e-4)
