"""Free greedy generation, batched, to the model's own end of turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factlab.models.chat import prompt_ids
from factlab.scoring.exam import Limits, Prompt, examine

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Generated:
    """One generated answer.

    Attributes:
        text: The answer without special tokens, stripped.
        tokens: Tokens generated, the end of turn included.
        finished: Whether the model ended its turn before the limit.
    """

    text: str
    tokens: int
    finished: bool


def generate(
    model: PreTrainedModel | PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[str],
    *,
    max_new_tokens: int,
    batch_size: int,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Generated]:
    """Answer every question greedily, in the order given.

    Args:
        model: A causal language model, in evaluation mode.
        tokenizer: Its tokenizer, with a pad token.
        questions: User turns, before the chat template.
        max_new_tokens: Limit per answer, in tokens.
        batch_size: Most questions per batch.
        advance: Called with the number of questions answered since the last call.
    """
    ends = end_tokens(model, tokenizer)
    replies = examine(
        model,
        [Prompt(prompt_ids(tokenizer, question)) for question in questions],
        Limits(batch_size, max_new_tokens, ends),
        advance,
    )
    return [read_answer(tokenizer, reply.tokens, ends) for reply in replies]


def end_tokens(model: PreTrainedModel | PeftModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Tokens that end a turn: the tokenizer's, and those the model's settings name."""
    named = getattr(model.generation_config, "eos_token_id", None)
    ends = {tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])}
    return sorted(end for end in ends if end is not None)


def read_answer(
    tokenizer: PreTrainedTokenizerBase, row: list[int], ends: Sequence[int]
) -> Generated:
    """An answer's tokens as text."""
    finished = bool(row) and row[-1] in ends
    kept = row[:-1] if finished else row
    text = str(tokenizer.decode(kept, skip_special_tokens=True)).strip()
    return Generated(text, len(row), finished)
