"""The packed decoder on each family that it covers, against the library's own forward pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from cells import cell, questions
from decoding import (
    SIZES,
    apart,
    loss_and_gradients,
    made_text,
    nll_alone,
    randomise,
    said_alone,
)
from peft import PeftModel
from states import library_states, packs, predicting_states
from transformers import PreTrainedModel

from factlab.errors import ModelError
from factlab.inference.backend import choose_backend, complete
from factlab.inference.prompts import Limits, Prompt
from factlab.models.complete import check_computes
from factlab.models.families import FAMILIES
from factlab.models.forward import use_library_pass
from factlab.models.load import LoadedModel
from factlab.schema.results import TrainStep
from factlab.training.attach import attach_adapter
from factlab.training.train import train

WINDOW = 8  # shorter than every text here
YARN = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4}


GEMMA: dict[str, object] = {
    "layer_types": ["sliding_attention", "full_attention"],
    "sliding_window": WINDOW,
    "query_pre_attn_scalar": 24,
}
PARTIAL = {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.75}
LONG = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "short_factor": [1.0 + 0.1 * place for place in range(8)],
    "long_factor": [2.0 + place for place in range(8)],
    "original_max_position_embeddings": 32,
}


def made(name: str, *, text: bool = False, **settings: object) -> Callable[[], PreTrainedModel]:
    def make() -> PreTrainedModel:
        torch.manual_seed(0)
        kind = getattr(transformers, f"{name}{'Text' if text else ''}Config")
        config = kind(**{**SIZES, **settings})
        model = getattr(transformers, f"{name}ForCausalLM")(config).eval()
        for key, parameter in model.named_parameters():
            if "norm" in key:  # as they are made, an error in them would not show
                parameter.data += 0.3 * torch.randn_like(parameter)
            elif "bias" in key:
                torch.nn.init.normal_(parameter, std=0.1)
        return model.requires_grad_(False)

    return make


MODELS = {
    "qwen3": made("Qwen3"),
    "qwen3, windows and biases": made(
        "Qwen3",
        use_sliding_window=True,
        sliding_window=WINDOW,
        max_window_layers=1,
        attention_bias=True,
    ),
    "qwen3, yarn": made("Qwen3", rope_parameters={**YARN, "original_max_position_embeddings": 32}),
    "qwen2, windows": made(
        "Qwen2", use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1
    ),
    "mistral, a window": made("Mistral", sliding_window=WINDOW),
    "gemma": made("Gemma"),
    "gemma2": made("Gemma2", **GEMMA, attn_logit_softcapping=0.5, final_logit_softcapping=0.5),
    "gemma3": made("Gemma3", text=True, **GEMMA),
    "phi3": made("Phi3", rope_parameters=PARTIAL),
    "phi3, longrope, a window": made("Phi3", sliding_window=WINDOW, rope_parameters=LONG),
    "smollm3": made("SmolLM3", no_rope_layers=[1, 0]),
}
PREFIX = range(5, 17)
TEXTS = [made_text(4, 14, 4, PREFIX), made_text(5, 30, 7, PREFIX), made_text(6, 13, 2, PREFIX)]


@pytest.fixture(params=MODELS)
def adapted(tiny: LoadedModel, request: pytest.FixtureRequest) -> PeftModel:
    tiny.model = MODELS[request.param]()
    model = attach_adapter(tiny, cell())
    randomise(model)
    return model


def test_states_and_gradients_are_the_librarys(adapted: PeftModel) -> None:
    assert packs(adapted)
    packed, ours = loss_and_gradients(adapted, lambda: predicting_states(adapted, [TEXTS]))
    plain, theirs = loss_and_gradients(adapted, lambda: library_states(adapted, TEXTS))
    assert apart(packed, plain) < 1e-5
    assert len(theirs) >= 2 * 4 * 2  # A and B of four layers or more in two blocks
    for name, gradient in theirs.items():
        assert gradient.norm() > 0, name
        assert apart(ours[name], gradient) < 1e-5, name


def test_answers_and_options_are_the_librarys_one_at_a_time(adapted: PeftModel) -> None:
    adapted.eval()
    randomise(adapted, std=0.5)
    texts = [made_text(i, 5 + 6 * i, 9, range(30, 34)) for i in range(4)]
    prompts = [
        Prompt(t.tokens[: t.first + 1], [t.targets[:3], t.targets[3:]], ranked=True) for t in texts
    ]
    for prompt, reply in zip(prompts, complete(adapted, prompts, Limits(3, 12)), strict=True):
        assert reply.tokens == said_alone(adapted, prompt.ids, 12)
        expected = [nll_alone(adapted, prompt.ids, option) for option in prompt.options]
        assert reply.nll == pytest.approx(expected, rel=1e-5)


def test_a_whole_text_has_the_librarys_states(adapted: PeftModel) -> None:
    tokens = TEXTS[1].tokens
    with torch.no_grad():
        ours = choose_backend(adapted).text_states(tokens)
        assert apart(ours, choose_backend(adapted, library=True).text_states(tokens)) < 1e-5


@pytest.mark.parametrize("name", MODELS)
def test_training_has_the_losses_of_the_library(tiny: LoadedModel, name: str) -> None:
    losses = []
    for library in (False, True):
        tiny.model = MODELS[name]()
        use_library_pass(tiny.model, library)
        model = attach_adapter(tiny, cell(epochs=2))
        steps: list[TrainStep] = []
        train(model, tiny, cell(epochs=2), questions(), record=steps.append)
        losses.append([step.loss_nats for step in steps])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0][-1] < losses[0][0]


def test_every_family_that_the_decoder_covers_is_compared_with_the_library() -> None:
    compared = {make().config.model_type for make in MODELS.values()} | {"llama"}
    assert compared == {name for name, family in FAMILIES.items() if family.decoder}


@pytest.mark.parametrize("name", ["Granite", "Cohere"])
def test_a_head_whose_outputs_are_scaled_is_scored_by_what_it_predicts(
    tiny: LoadedModel, name: str
) -> None:
    scale = {"logits_scaling": 0.125} if name == "Granite" else {"logit_scale": 8.0}
    model = made(name, **scale)()
    model.lm_head.weight.data *= 8
    check_computes(model, tiny.tokenizer, Path("x"))
    prompt = Prompt(TEXTS[0].tokens, [(7, 8), (9,)])
    (reply,) = complete(model, [prompt], Limits(1, 0))
    expected = [nll_alone(model, prompt.ids, option) for option in prompt.options]
    assert reply.nll == pytest.approx(expected, rel=1e-5)


def test_a_head_that_is_used_in_an_unknown_way_is_refused(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made("Olmo2")()
    check_computes(model, tiny.tokenizer, Path("x"))
    whole = model.forward

    def tripled(**kwargs: object) -> object:
        output = whole(**kwargs)
        output.logits = 3 * output.logits
        return output

    monkeypatch.setattr(model, "forward", tripled)
    with pytest.raises(ModelError, match="olmo2 model makes its predictions"):
        check_computes(model, tiny.tokenizer, Path("x"))
