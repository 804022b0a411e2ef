"""How a question becomes tokens: one renderer for training and for evaluation.

All cells of a run have the same training pairs and the same questions, so what was rendered
is remembered, up to a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from factlab.errors import ModelError
from factlab.models.files import said
from factlab.models.thinking import answer_part
from factlab.schema.question import Turn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

REMEMBERED = 16_384  # prompts, and as many answers: about 50 MB if there are as many


@dataclass(frozen=True, slots=True)
class RenderedPair:
    """A question, or a whole conversation up to it, and its answer as tokens.

    Attributes:
        prompt_ids: Tokens of everything before the answer; exactly what generation starts from.
        answer_ids: Tokens that are trained on: the answer and the end of the turn.
    """

    prompt_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]


def prompt_text(
    tokenizer: PreTrainedTokenizerBase, question: str, before: Sequence[Turn] = ()
) -> str:
    """The text that the model continues with its answer.

    Args:
        tokenizer: The model's own.
        question: The user's turn.
        before: The turns before it, if it is not the first.

    Raises:
        ModelError: if the model's chat template does not take these turns.
    """
    if tokenizer.chat_template is None:
        asked = [*before, Turn(role="user", content=question)]
        return "\n".join([*(PLAIN[turn.role].format(turn.content) for turn in asked), "Answer:"])
    return _rendered(tokenizer, [*before, Turn(role="user", content=question)], open_turn=True)


PLAIN = {"system": "{}", "user": "Question: {}", "assistant": "Answer: {}"}


def prompt_ids(
    tokenizer: PreTrainedTokenizerBase, question: str, before: Sequence[Turn] = ()
) -> tuple[int, ...]:
    """The tokens that generation starts from."""
    return _prompt_ids(tokenizer, str(tokenizer.chat_template), question, tuple(before))


def answer_tokens(
    tokenizer: PreTrainedTokenizerBase, question: str, answer: str, before: Sequence[Turn] = ()
) -> tuple[int, ...]:
    """The tokens of an answer as the assistant's turn, without the end of the turn."""
    ids = _answer_ids(tokenizer, str(tokenizer.chat_template), question, answer, tuple(before))
    return ids[:-1] if ids and ids[-1] == tokenizer.eos_token_id else ids


def render_pair(
    tokenizer: PreTrainedTokenizerBase, question: str, answer: str, before: Sequence[Turn] = ()
) -> RenderedPair:
    """Render a training pair so that its prompt is token for token the one that is evaluated.

    Raises:
        ModelError: if the chat template writes an answered question unlike an open one.
    """
    ids = _answer_ids(tokenizer, str(tokenizer.chat_template), question, answer, tuple(before))
    return RenderedPair(prompt_ids(tokenizer, question, before), ids)


@lru_cache(REMEMBERED)
def _prompt_ids(
    tokenizer: PreTrainedTokenizerBase, template: str, question: str, before: tuple[Turn, ...]
) -> tuple[int, ...]:
    del template  # tells apart what one tokenizer renders by several
    special = tokenizer.chat_template is None  # a chat template writes its own special tokens
    text = prompt_text(tokenizer, question, before)
    return tuple(tokenizer(text, add_special_tokens=special)["input_ids"])


@lru_cache(REMEMBERED)
def _answer_ids(
    tokenizer: PreTrainedTokenizerBase,
    template: str,
    question: str,
    answer: str,
    before: tuple[Turn, ...],
) -> tuple[int, ...]:
    del template
    ids = tokenizer(_answer_text(tokenizer, question, answer, before), add_special_tokens=False)
    answer_ids = list(ids["input_ids"])
    end = tokenizer.eos_token_id
    if end in answer_ids:
        answer_ids = answer_ids[: answer_ids.index(end) + 1]
    elif end is not None:
        answer_ids.append(end)
    return tuple(answer_ids)


def raw_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """A text as it is, without a chat template, after what the tokenizer puts before any text."""
    return tuple(tokenizer(text)["input_ids"])


def continuation_ids(
    tokenizer: PreTrainedTokenizerBase, text: str, continuation: str
) -> tuple[int, ...]:
    """The tokens that a continuation adds to a text, a space between them.

    Where the last word of the text is split otherwise with it, those of the continuation alone.
    """
    before, whole = raw_ids(tokenizer, text), raw_ids(tokenizer, f"{text} {continuation}")
    if whole[: len(before)] == before:
        return whole[len(before) :]
    return tuple(tokenizer(f" {continuation}", add_special_tokens=False)["input_ids"])


def forget_rendered() -> None:
    """Render anew from here on: for whoever times it, and once a tokenizer is done with."""
    _prompt_ids.cache_clear()
    _answer_ids.cache_clear()


def _answer_text(
    tokenizer: PreTrainedTokenizerBase, question: str, answer: str, before: Sequence[Turn]
) -> str:
    if tokenizer.chat_template is None:
        return f" {answer}"
    turns = [Turn(role="user", content=question), Turn(role="assistant", content=answer)]
    whole = _rendered(tokenizer, [*before, *turns], open_turn=False)
    opened = prompt_text(tokenizer, question, before)
    answer_text = answer_part(opened, whole)
    if answer_text is None:
        raise ModelError(
            "this model's chat template renders an answered question unlike an open one, so "
            "training and evaluation would see different prompts. Its template begins the answer "
            f"with {opened[-40:]!r}."
        )
    return answer_text


def _rendered(tokenizer: PreTrainedTokenizerBase, turns: Sequence[Turn], *, open_turn: bool) -> str:
    messages = [{"role": turn.role, "content": turn.content} for turn in turns]
    try:
        text = tokenizer.apply_chat_template(
            messages, add_generation_prompt=open_turn, tokenize=False
        )
    except Exception as problem:  # a template may fail in any way
        raise refusal([turn.role for turn in turns], problem) from None
    return str(text)


def refusal(roles: Sequence[str], problem: Exception) -> ModelError:
    """What to say where a chat template does not take turns of these roles."""
    return ModelError(
        f"this model's chat template refuses a conversation of {', '.join(roles)} "
        f"({said(problem)}). Remove such conversations, or choose another model."
    )
