"""A loaded model has all its weights and computes; what a library only warns of is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import ModelError, shortened
from factlab.models.chat import prompt_text
from factlab.models.families import FAMILIES
from factlab.models.files import reading

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_QUESTION = "How high is it?"
_MOST_TOKENS = 64
_ROUNDING = 0.05  # of 16 bits, through a head
_BLOCK = re.compile(r"\blayers\.(\d+)\.")


def load_whole(
    where: Path, failure: str, folder: Path | None = None, **how: Any
) -> PreTrainedModel:
    """Load a causal language model from safetensors, or a GGUF file, with all its weights.

    Args:
        where: The folder or file, for messages.
        failure: What a message says if the library cannot load it.
        folder: Where the library looks, if that is another place.
        how: For `from_pretrained`.

    Raises:
        ModelError: if it cannot be loaded, or not whole.
    """
    from transformers import AutoModelForCausalLM

    with reading(failure):
        try:
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder or where, trust_remote_code=False, output_loading_info=True, **how
            )
        except RuntimeError as problem:
            if "ignore_mismatched_sizes" not in str(problem):
                raise
            raise _misshapen(where) from None
    model, found = loaded
    check_complete(found, model.config, where)
    return model  # type: ignore[no-any-return]


def check_complete(found: Mapping[str, Any], config: Any, where: Path) -> None:
    """Refuse a model that lacks weights, or has other ones than its config says.

    transformers fills what is missing with random numbers, and leaves out layers that a config does
    not count.

    Args:
        found: What it tells about loading.
        config: The model's.
        where: The folder or file it came from.

    Raises:
        ModelError: naming the first of them.
    """
    missing = sorted(found.get("missing_keys") or ())
    if missing:
        raise ModelError(
            f"{where}: the model has no {_listed(missing)}. Its weights are not whole."
        )
    if found.get("mismatched_keys"):  # only of a GGUF file; else the library raises
        raise _misshapen(where)
    layers = getattr(config, "num_hidden_layers", None)
    for name in found.get("unexpected_keys") or ():
        block = _BLOCK.search(name)
        if block and isinstance(layers, int) and int(block[1]) >= layers:
            raise ModelError(
                f"{where}: its config has {layers} layers, and there are weights of more "
                f"({shortened(name)}). The config is of another model, or damaged."
            )


def check_computes(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, where: Path) -> None:
    """Have a model read one question, so that settings it cannot compute with are refused here.

    Args:
        model: In evaluation mode.
        tokenizer: Its own.
        where: The folder it came from.

    Raises:
        ModelError: if the tokenizer writes tokens that the model does not have, or nothing comes
            of them.
    """
    import torch

    text = prompt_text(tokenizer, _QUESTION)
    with reading(f"{where}: the tokenizer cannot be used"):
        ids = list(tokenizer(text, add_special_tokens=True)["input_ids"])[:_MOST_TOKENS]
        embedding: Any = model.get_input_embeddings()
        rows = int(embedding.weight.shape[0])
    if not ids:
        raise ModelError(f"{where}: its tokenizer makes no token of a question.")
    if not 0 <= min(ids) <= max(ids) < rows:
        raise ModelError(
            f"{where}: its tokenizer writes token {max(ids):,}, and the model has {rows:,}. They "
            "are of two models."
        )
    with reading(f"{where}: the model cannot compute with the settings of its config"):
        given = torch.tensor([ids], device=embedding.weight.device)
        with torch.inference_mode():
            scores = model(input_ids=given, use_cache=False).logits[0, -1]
        lost = bool(torch.isnan(scores).any())
        strange = not lost and not _head_gives(model, given, scores)
    if lost:
        raise ModelError(
            f"{where}: the model's answer to a question is no number (NaN). Its weights or its "
            "config are damaged."
        )
    if strange:
        raise ModelError(
            f"{where}: a {model.config.model_type} model makes its predictions from its output "
            "head in a way that is not known here, so its losses and likelihoods would be wrong. "
            "Choose a model of another family."
        )


def _head_gives(model: PreTrainedModel, ids: torch.Tensor, scores: torch.Tensor) -> bool:
    """Whether a model's predictions are those that losses are computed from.

    Families that have a file are known: it is measured for the others.

    Args:
        model: In evaluation mode.
        ids: What it reads, shape (1, tokens).
        scores: Its own logits after the last token, shape (vocabulary,).
    """
    import torch

    from factlab.models.heads import head_of

    if model.config.model_type in FAMILIES:
        return True
    with torch.inference_mode():
        trunk: Any = model.get_decoder()
        states = trunk(input_ids=ids, use_cache=False).last_hidden_state[0, -1:]
        found = head_of(model)(states)[0].float()
    return bool((found - scores.float()).norm() <= _ROUNDING * scores.float().norm())


def _misshapen(where: Path) -> ModelError:
    return ModelError(
        f"{where}: its weights have other shapes than its config says. They are of two models, or "
        "damaged."
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    return f"{shortened(names[0])}{more}"
