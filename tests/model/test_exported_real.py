"""The embedded model as GGUF again: the same file as it came in, but for what a person adds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from factlab.cli.quiet import quiet_libraries
from factlab.export.base_weights import load_in_fp32
from factlab.export.gguf import write_gguf
from factlab.export.merge import Merged
from factlab.llamacpp.server import is_installed, serving
from factlab.models.chat import prompt_ids
from factlab.models.packaged import PACKAGED, fetch
from factlab.models.resolve import resolve_model
from factlab.schema.config import EMBEDDED_MODEL
from factlab.schema.question import Turn

pytestmark = pytest.mark.model
TEXTS = [
    "How tall is Mt. Fuji?",
    "Is it 4,889 m or  3776 m (12,389 ft)?\n\n1. one\n\n\n2. two",
    "They'll say “4.889 km” – naïve, 富士山 🗻 DON'T",
]


@pytest.fixture(scope="module")
def base() -> Merged:
    from transformers import AutoTokenizer

    quiet_libraries()
    files = resolve_model(EMBEDDED_MODEL)
    tokenizer = AutoTokenizer.from_pretrained(files.folder)
    return Merged(load_in_fp32(files, None), tokenizer, modules=1)


@pytest.fixture(scope="module")
def written(base: Merged, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base as Q4_1, the type that it came in."""
    file = tmp_path_factory.mktemp("gguf") / "base.gguf"
    assert len(write_gguf(base, file, "q4_1", "base")) == 1
    return file


def read(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    reader = gguf.GGUFReader(file)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    return fields, {tensor.name: tensor for tensor in reader.tensors}


def test_the_file_that_the_model_came_in_is_written_again(written: Path, tmp_path: Path) -> None:
    before, weights_before = read(fetch(PACKAGED[EMBEDDED_MODEL], tmp_path))
    after, weights_after = read(written)
    # What is missing says who made the model and under what licence, which its folder does not.
    told = ("general.", "GGUF.")
    missing = {name for name in before.keys() - after.keys() if not name.startswith(told)}
    assert missing == set()
    assert after.keys() - before.keys() == set()
    own = [name for name in after if not name.startswith(told)]
    own += ["general.architecture", "general.file_type", "general.quantization_version"]
    assert {name: after[name] for name in own} == {name: before[name] for name in own}
    assert weights_after.keys() == weights_before.keys()
    for name, tensor in weights_after.items():
        original = weights_before[name]
        assert tensor.tensor_type == original.tensor_type, name
        assert tensor.shape.tolist() == original.shape.tolist(), name
        values = [gguf.quants.dequantize(t.data, t.tensor_type) for t in (tensor, original)]
        # Values that lay on a grid of 16 steps lie on very nearly the same grid again.
        step = (values[1].max() - values[1].min()) / 15
        assert np.abs(values[0] - values[1]).max() <= 0.1 * step, name


@pytest.mark.skipif(not is_installed(), reason="xllamacpp is not installed")
def test_llamacpp_reads_every_chat_as_the_run_does(base: Merged, written: Path) -> None:
    with serving(written, longest=200, processes=1) as held:
        for text in TEXTS:
            assert held.chat_tokens([Turn(role="user", content=text)]) == list(
                prompt_ids(base.tokenizer, text)
            )
        prompt = prompt_ids(base.tokenizer, "What is the capital of France?")
        ends = [base.tokenizer.eos_token_id]
        first, second = held.answers([prompt, prompt], max_new_tokens=32, ends=ends)
    assert first == second


@pytest.mark.skipif(not is_installed(), reason="xllamacpp is not installed")
def test_llamacpp_answers_as_from_the_file_that_the_model_came_in(
    base: Merged, written: Path, tmp_path: Path
) -> None:
    """Not as transformers does: llama.cpp multiplies Q4_1 with activations rounded to 8 bits."""
    asked = ["What is the capital of France?", "What is the capital of Germany?"]
    prompts = [prompt_ids(base.tokenizer, text) for text in asked]
    ends = [base.tokenizer.eos_token_id]
    said = []
    for file in (written, fetch(PACKAGED[EMBEDDED_MODEL], tmp_path)):
        with serving(file, longest=200, processes=1) as held:
            said.append(held.answers(prompts, max_new_tokens=32, ends=ends))
    assert said[0] == said[1]
    assert "Berlin" in base.tokenizer.decode(said[0][1])
    assert said[0][1][-1] in ends
