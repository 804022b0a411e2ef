"""Likelihoods of options in a batch against teacher forcing, one text at a time."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import torch
from cells import cell

from factlab.errors import ModelError
from factlab.grading.answer import EntityAnswer
from factlab.inference.backend import complete
from factlab.inference.likelihood import injected_option, own_options, score_options
from factlab.inference.prompts import Limits, Prompt
from factlab.models.chat import answer_tokens, prompt_ids
from factlab.models.load import LoadedModel
from factlab.schema.question import Question
from factlab.training.attach import attach_adapter

NATS = 1e-4
WORDS = ["So,", "what", "is", "4,889", "meters", "high", "Élodie", "富士山", "?", "and", "Bo"]


def made_rows(seed: int, size: int) -> tuple[list[list[int]], list[list[list[int]]]]:
    """Random prompts of 1–80 tokens with 1–4 continuations of 1–30 tokens each."""
    rng = random.Random(seed)

    def tokens(longest: int) -> list[int]:
        return [rng.randrange(3, 250) for _ in range(rng.randint(1, longest))]

    prompts = [tokens(80) for _ in range(size)]
    return prompts, [[tokens(30) for _ in range(rng.randint(1, 4))] for _ in prompts]


@pytest.fixture(params=["packed", "plain"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of reading: ours, and the library's for models that ours does not cover."""
    if request.param == "plain":
        monkeypatch.setattr("factlab.inference.backend.uses_library_pass", lambda _: True)


def nll(
    model: torch.nn.Module,
    prompts: Sequence[Sequence[int]],
    options: Sequence[Sequence[Sequence[int]]],
) -> list[list[float]]:
    asked = [
        Prompt(tuple(prompt), [tuple(text) for text in texts])
        for prompt, texts in zip(prompts, options, strict=True)
    ]
    replies = complete(model, asked, Limits(len(asked)))
    assert all(reply.tokens == [] for reply in replies)
    return [reply.nll for reply in replies]


def one_at_a_time(model: torch.nn.Module, prompt: Sequence[int], option: Sequence[int]) -> float:
    """Summed NLL of a continuation, from one forward pass over the whole text."""
    ids = torch.tensor([[*prompt, *option]])
    with torch.inference_mode():
        logits = model(input_ids=ids).logits[0, len(prompt) - 1 : -1]
    found = torch.nn.functional.cross_entropy(
        logits.double(), torch.tensor(option), reduction="sum"
    )
    return float(found)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("seed", range(6))
def test_a_batch_scores_what_teacher_forcing_scores_one_at_a_time(
    tiny: LoadedModel, seed: int
) -> None:
    prompts, options = made_rows(seed, size=1 + seed * 3)
    found = nll(tiny.model, prompts, options)
    for prompt, texts, values in zip(prompts, options, found, strict=True):
        expected = [one_at_a_time(tiny.model, prompt, text) for text in texts]
        assert values == pytest.approx(expected, abs=NATS)
        assert min(values) > 1  # a random model finds nothing likely; 0 would be no score at all


@pytest.mark.usefixtures("way")
def test_the_company_in_a_batch_changes_no_score(tiny: LoadedModel) -> None:
    prompts, options = made_rows(seed=9, size=8)
    whole = nll(tiny.model, prompts, options)
    order = list(range(8))
    random.Random(1).shuffle(order)
    shuffled = nll(tiny.model, [prompts[i] for i in order], [options[i] for i in order])
    for place, i in enumerate(order):
        assert shuffled[place] == pytest.approx(whole[i], abs=NATS)
        (alone,) = nll(tiny.model, [prompts[i]], [options[i]])
        assert alone == pytest.approx(whole[i], abs=NATS)
        backwards = nll(tiny.model, [prompts[i]], [options[i][::-1]])
        assert backwards[0] == pytest.approx(whole[i][::-1], abs=NATS)


@pytest.mark.usefixtures("way")
def test_an_adapter_is_scored_as_it_is_and_moved_ones_otherwise(tiny: LoadedModel) -> None:
    prompts, options = made_rows(seed=4, size=5)
    base = nll(tiny.model, prompts, options)
    model = attach_adapter(tiny, cell()).eval()
    still = nll(model, prompts, options)
    for before, after in zip(base, still, strict=True):
        assert after == pytest.approx(before, abs=NATS)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    moved = nll(model, prompts, options)
    for prompt, texts, values in zip(prompts, options, moved, strict=True):
        expected = [one_at_a_time(model, prompt, text) for text in texts]
        assert values == pytest.approx(expected, abs=NATS)
    assert moved[0][0] != pytest.approx(base[0][0], abs=0.01)


@pytest.mark.parametrize("rows", [1, 7])
def test_the_head_sees_a_few_positions_at_a_time_and_scores_the_same(
    tiny: LoadedModel, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts, options = made_rows(seed=2, size=4)
    whole = nll(tiny.model, prompts, options)
    monkeypatch.setattr("factlab.inference.decoder.head.HEAD_ROWS", rows)
    for before, after in zip(whole, nll(tiny.model, prompts, options), strict=True):
        assert after == pytest.approx(before, abs=NATS)


def question(number: int) -> Question:
    rng = random.Random(number)
    return Question(
        id=f"q{number}",
        split="near",
        family="f",
        text=" ".join(rng.choices(WORDS, k=rng.randint(1, 12))),
        gold=EntityAnswer(value="Ada Moe"),
        distractors=("Bo", "Élodie Marchetti"),
    )


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_questions_come_back_in_order_with_each_option_scored(
    tiny: LoadedModel, batch_size: int
) -> None:
    value = injected_option("x", EntityAnswer(value="Corven"), question(0))
    asked = [(q, [*own_options(q), value]) for q in map(question, range(7))]
    asked.insert(3, (question(99), []))  # nothing to score: no record
    seen: list[int] = []
    found = score_options(
        tiny.model, tiny.tokenizer, asked, batch_size=batch_size, advance=seen.append
    )
    assert [record.question_id for record in found] == [f"q{i}" for i in range(7)]
    assert sum(seen) == 7
    for record, (q, options) in zip(found, [a for a in asked if a[1]], strict=True):
        assert [(o.text, o.role, o.fact) for o in record.options] == [
            ("Ada Moe", "right", None),
            ("Bo", "wrong", None),
            ("Élodie Marchetti", "wrong", None),
            ("Corven", "injected", "x"),
        ]
        prompt = prompt_ids(tiny.tokenizer, q.text)
        for option, score in zip(options, record.options, strict=True):
            ids = answer_tokens(tiny.tokenizer, q.text, option.text)
            assert tiny.tokenizer.decode(list(ids)) == option.text
            assert score.tokens == len(ids)
            expected = one_at_a_time(tiny.model, prompt, ids)
            assert score.nll_nats == pytest.approx(expected, abs=NATS)


def test_an_answer_that_begins_with_the_end_of_the_turn_is_refused(tiny: LoadedModel) -> None:
    asked = question(3).model_copy(update={"gold": EntityAnswer(value="<|im_end|> Bo")})
    with pytest.raises(ModelError, match=r"q3: the answer '<\|im_end\|> Bo' has no token to score"):
        score_options(tiny.model, tiny.tokenizer, [(asked, own_options(asked))], batch_size=4)
