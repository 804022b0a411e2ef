"""Each family of models by the packed decoder and by the library's own forward pass.

Random weights of one small shape, so that families are compared and not sizes. Seconds are those of
the processor, which other work on the machine changes little.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from benchmarks.common import Reading, Settings, median, show

SIZES: dict[str, Any] = {
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "pad_token_id": 0,
    "max_position_embeddings": 2048,
}
VOCABULARIES = (16_000, 262_144)  # a usual one, and Gemma 3's
LARGE = ("gemma3_text",)  # families whose vocabulary is that large
TEXTS, SHARED, LENGTHS, TARGETS = 16, 20, (30, 60), 6  # about a step of the default recipe
QUESTIONS, NEW_TOKENS = 48, 12


def measure(settings: Settings, reading: Reading) -> None:
    """Time a training step and answers of each family, and add the ratios to the reading."""
    from factlab.models.families import FAMILIES

    rows = []
    for name in [family for family, known in FAMILIES.items() if known.decoder]:
        model = _adapted(name, VOCABULARIES[name in LARGE])
        step = _in_turns(settings.repeats, lambda way, one=model: _step(one, library=way))
        answers = _in_turns(settings.repeats, lambda way, one=model: _answers(one, library=way))
        for part, (ours, theirs) in (("training", step), ("answering", answers)):
            reading.ratio(f"{name}, {part}, against the library's pass", theirs, ours, "same work")
        rows.append((name, 1000 * step[0], step[1] / step[0], answers[1] / answers[0]))
    columns = ["family", "ms a step", "library: steps, times", "library: answers, times"]
    show("The library's own forward pass against the packed decoder", columns, rows)


def _in_turns(repeats: int, work: Callable[[bool], object]) -> tuple[float, float]:
    """Median processor seconds by the decoder and by the library, after one call of each."""
    found: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(repeats + 1):
        for library in (False, True):
            started = time.process_time()
            work(library)
            if turn:
                found[library].append(time.process_time() - started)
    return median(found[False]), median(found[True])


def _adapted(family: str, vocabulary: int) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **SIZES, vocab_size=vocabulary)
    model: Any = AutoModelForCausalLM.from_config(config).to(torch.bfloat16).requires_grad_(False)
    adapted: Any = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear"))
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return adapted


def _texts() -> list[Any]:
    from factlab.training.batch import Text

    draw = random.Random(0)
    found = []
    for _ in range(TEXTS):
        own = [draw.randrange(100, 15_000) for _ in range(draw.randint(*LENGTHS) - SHARED)]
        tokens = (*range(1, SHARED + 1), *own)
        found.append(Text(tokens, len(tokens) - TARGETS, tokens[-TARGETS:]))
    return found


def _step(model: Any, *, library: bool) -> None:
    import torch

    from factlab.inference.backend import choose_backend
    from factlab.inference.decoder.head import answer_nll
    from factlab.models.heads import head_of
    from factlab.training.library_state import eager_attention

    texts = _texts()
    model.train()
    backend = choose_backend(model, ["default"], library=library)
    assert backend.packed is not library
    wanted = torch.tensor([token for text in texts for token in text.targets])
    with eager_attention(model) if library else nullcontext():  # as a run trains on a CPU
        states = backend.predicting_states([texts])
        answer_nll(head_of(model), states, wanted).mean().backward()
    model.zero_grad(set_to_none=True)


def _answers(model: Any, *, library: bool) -> None:
    from factlab.inference.backend import complete
    from factlab.inference.prompts import Limits, Prompt

    model.eval()
    draw = random.Random(1)
    prompts = [
        Prompt((*range(1, SHARED + 1), *(draw.randrange(100, 15_000) for _ in range(15))))
        for _ in range(QUESTIONS)
    ]
    complete(model, prompts, Limits(QUESTIONS, NEW_TOKENS, library=library))
