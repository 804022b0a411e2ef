"""Free greedy generation, batched, to the model's own end of turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from factlab.inference.backend import complete, complete_each
from factlab.inference.prompts import Limits, Prompt, Tokens
from factlab.models.chat import prompt_ids
from factlab.models.thinking import after_thought
from factlab.schema.question import Response

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase


# As tokenizers write a line's end: as it is, as a byte-level one, as a byte.
_NEW_LINE = ("\n", "Ċ", "<0x0A>")


def generate(
    model: PreTrainedModel | PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[str],
    *,
    max_new_tokens: int,
    batch_size: int,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Response]:
    """Answer every question greedily, in the order given.

    Args:
        model: A causal language model, in evaluation mode.
        tokenizer: Its tokenizer, with a pad token.
        questions: User turns, before the chat template.
        max_new_tokens: Limit per answer, in tokens.
        batch_size: Most questions per batch.
        advance: Called with the number of questions answered since the last call.
    """
    prompts = [prompt_ids(tokenizer, question) for question in questions]
    limits = Limits(batch_size, max_new_tokens, end_tokens(model, tokenizer))
    return continued(model, tokenizer, prompts, limits, advance)


def continued(
    model: PreTrainedModel | PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Tokens],
    limits: Limits,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Response]:
    """Answer every prompt of tokens greedily, in the order given."""
    found = complete(model, [Prompt(prompt) for prompt in prompts], limits, advance)
    return [read_answer(tokenizer, completion.tokens, limits.ends) for completion in found]


def generate_each(
    model: PeftModel,
    adapters: Mapping[str | None, int],
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[str],
    *,
    batch_size: int,
    advance: Callable[[int], None] = lambda _: None,
) -> list[list[Response]]:
    """`generate` by several adapters of one base, side by side in one batch.

    Args:
        model: The base with the adapters, in evaluation mode.
        adapters: The name of each (None: the base) and its limit per answer, in tokens.
        tokenizer: Its tokenizer, with a pad token.
        questions: User turns, before the chat template.
        batch_size: Most questions per batch.
        advance: Called with the number of questions answered since the last call.

    Returns:
        The answers of each, in the order of `adapters`.
    """
    ends = end_tokens(model, tokenizer)
    completions = complete_each(
        model,
        list(adapters),
        [Prompt(prompt_ids(tokenizer, question)) for question in questions],
        Limits(batch_size, max(adapters.values()), ends),
        advance,
    )
    return [
        [read_answer(tokenizer, completion.tokens[:limit], ends) for completion in own]
        for own, limit in zip(completions, adapters.values(), strict=True)
    ]


def end_tokens(
    model: PreTrainedModel | PeftModel | None, tokenizer: PreTrainedTokenizerBase
) -> list[int]:
    """Tokens that end a turn: the tokenizer's, and those the model's settings name.

    Without a chat template an answer is a line, so a token that begins a new one ends it.
    """
    return _ends(getattr(model, "generation_config", None), tokenizer)


def end_tokens_in(folder: Path, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The same of a model that is not loaded."""
    from transformers import AutoConfig, GenerationConfig

    try:
        settings = GenerationConfig.from_pretrained(folder)
    except OSError:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        settings = GenerationConfig.from_model_config(config)
    return _ends(settings, tokenizer)


def _ends(settings: GenerationConfig | None, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    named = getattr(settings, "eos_token_id", None)
    ends = {tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])}
    if tokenizer.chat_template is None:
        vocabulary = tokenizer.get_vocab()
        ends |= {number for token, number in vocabulary.items() if token.startswith(_NEW_LINE)}
    return sorted(end for end in ends if end is not None)


def read_answer(
    tokenizer: PreTrainedTokenizerBase, row: list[int], ends: Sequence[int]
) -> Response:
    """An answer's tokens as text, read after a thought; empty if it was cut while it thought."""
    finished = bool(row) and row[-1] in ends
    kept = row[:-1] if finished else row
    text = after_thought(str(tokenizer.decode(kept, skip_special_tokens=True)).strip(), tokenizer)
    return Response(text or "", len(row), finished and text is not None)
