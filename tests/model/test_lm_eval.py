"""Our likelihoods against lm-evaluation-harness, on the same items in the same process, in fp32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from factlab.expand.controls import extra_questions, far_questions
from factlab.inference.likelihood import own_options, score_options
from factlab.models.chat import answer_tokens, prompt_ids
from factlab.models.load import LoadedModel, load_model
from factlab.models.resolve import resolve_model
from factlab.schema.config import EMBEDDED_MODEL
from factlab.schema.question import LikelihoodRecord, Question

TOFU = Path(__file__).resolve().parents[3] / "shared" / "data" / "tofu"
NATS_PER_TOKEN = 1e-3
ITEMS = 12


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load_model(resolve_model(EMBEDDED_MODEL), "fp32")


def questions(source: str) -> list[Question]:
    if source == "far":
        return list(far_questions()[:: len(far_questions()) // ITEMS])
    file = TOFU / source
    if not file.is_file():
        pytest.skip(f"{file} is not here; it holds TOFU's questions, which are not ours to carry")
    return list(extra_questions([file])[0])[:ITEMS]


def ours(loaded: LoadedModel, asked: list[Question]) -> list[LikelihoodRecord]:
    pairs = [(question, own_options(question)) for question in asked]
    return score_options(loaded.model, loaded.tokenizer, pairs, batch_size=8)


def harness(loaded: LoadedModel) -> Any:
    huggingface = pytest.importorskip("lm_eval.models.huggingface")
    return huggingface.HFLM(
        pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=8, device="cpu"
    )


def differences(records: list[LikelihoodRecord], theirs: list[tuple[float, bool]]) -> list[float]:
    options = [option for record in records for option in record.options]
    assert len(options) == len(theirs) > ITEMS
    return [
        abs(option.nll_nats + likelihood) / option.tokens
        for option, (likelihood, _) in zip(options, theirs, strict=True)
    ]


@pytest.mark.parametrize(
    "source", ["far", "world_facts_perturbed.json", "real_authors_perturbed.json"]
)
def test_likelihoods_of_whole_texts_are_those_of_the_harness(
    source: str, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = pytest.importorskip("lm_eval.api.instance")
    # Without a chat template both sides see the same strings: "Question: …", "Answer: …".
    monkeypatch.setattr(loaded.tokenizer, "chat_template", None)
    asked = questions(source)
    requests = [
        instance.Instance(
            request_type="loglikelihood",
            doc={},
            arguments=(f"Question: {question.text}\nAnswer:", f" {option.text}"),
            idx=0,
        )
        for question in asked
        for option in own_options(question)
    ]
    theirs = harness(loaded).loglikelihood(requests, disable_tqdm=True)
    assert max(differences(ours(loaded, asked), theirs)) < NATS_PER_TOKEN


def test_likelihoods_in_a_chat_are_those_of_the_harness_on_the_same_tokens(
    loaded: LoadedModel,
) -> None:
    asked = questions("far")
    requests = [
        (
            (question.text, option.text),
            list(prompt_ids(loaded.tokenizer, question.text)),
            list(answer_tokens(loaded.tokenizer, question.text, option.text)),
        )
        for question in asked
        for option in own_options(question)
    ]
    theirs = harness(loaded)._loglikelihood_tokens(requests, disable_tqdm=True)
    assert max(differences(ours(loaded, asked), theirs)) < NATS_PER_TOKEN
