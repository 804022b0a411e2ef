"""A random two-layer model with a chat template, built in a temporary folder in a second."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from quick_runs import ask_fewer, leave_charts_empty, read_less
from small import TEMPLATE

from factlab.cli.quiet import quiet_libraries
from factlab.models.load import LoadedModel, load_model
from factlab.models.resolve import resolve_model

sys.path.insert(0, str(Path(__file__).parent.parent / "unit"))  # for made-up conversations


@pytest.fixture(autouse=True)
def _quick_collections(_libraries_are_here_to_stay: None) -> None: ...


@pytest.fixture(scope="module", autouse=True)
def _quick_runs(expanded_once: None) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        read_less(patch, 2000)
        ask_fewer(patch, lambda bank: bank[:120])  # a bank that is taken whole, unscreened
        yield


@pytest.fixture(autouse=True)
def _empty_charts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts are drawn where a test is marked `charts`, and where a module's own run is made."""
    if request.node.get_closest_marker("charts") is None:
        leave_charts_empty(monkeypatch)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM

    quiet_libraries()
    folder = tmp_path_factory.mktemp("tiny")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    specials = ["<|im_start|>", "<|im_end|>", "<|pad|>"]
    vocab = {token: i for i, token in enumerate([*specials, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "eos_token": "<|im_end|>",
                "pad_token": "<|pad|>",
                "chat_template": TEMPLATE,
            }
        )
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocab),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        eos_token_id=1,
        pad_token_id=2,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def tiny(tiny_folder: Path) -> LoadedModel:
    return load_model(resolve_model(str(tiny_folder)), "fp32")


@pytest.fixture
def few_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dozen controls of each kind: a random model knows none of them anyway."""
    ask_fewer(monkeypatch, lambda bank: bank[:12])
