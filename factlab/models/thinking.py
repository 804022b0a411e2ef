"""Models that think before they answer: whether they do, and where their answer begins.

Chat templates of such models have a switch (`enable_thinking`: Qwen3, SmolLM3), or open a thought
wherever an answer is to begin. The setting is written into the template, which every renderer uses.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from factlab.schema.config import Thinking

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

OPEN, CLOSE = "<think>", "</think>"
_SWITCH = "enable_thinking"
_SET = {
    "on": "{% set " + _SWITCH + " = true %}",
    "off": "{% set " + _SWITCH + " = false %}",
}
# After a template that opens a thought whatever is asked of it; the newline is the template's own.
_CLOSED = "{% if add_generation_prompt %}{{ '\\n" + CLOSE + "\\n\\n' }}{% endif %}"


def with_thinking(template: str, thinking: Thinking) -> str:
    """A chat template with thinking switched on or off; one that knows of none is as it was."""
    template = as_it_came(template)
    if _SWITCH in template:
        return _SET[thinking] + template
    if thinking == "off" and _opens(template):
        return template + _CLOSED
    return template


def as_it_came(template: str) -> str:
    """A chat template without what `with_thinking` wrote."""
    for written in _SET.values():
        template = template.removeprefix(written)
    return template.removesuffix(_CLOSED)


def set_thinking(tokenizer: PreTrainedTokenizerBase, thinking: Thinking) -> None:
    """Write the setting into a tokenizer's chat template."""
    if isinstance(tokenizer.chat_template, str):
        tokenizer.chat_template = with_thinking(tokenizer.chat_template, thinking)


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Save a tokenizer whose chat template is as it came: the setting is a run's, not a model's."""
    template = tokenizer.chat_template
    try:
        if isinstance(template, str):
            tokenizer.chat_template = as_it_came(template)
        tokenizer.save_pretrained(str(folder))
    finally:
        tokenizer.chat_template = template


def _opens(template: str) -> bool:
    """Whether a template ends a prompt in an open thought, without a switch."""
    last = template.rfind("add_generation_prompt")
    return last >= 0 and OPEN in template[last:] and CLOSE not in template[last:]


def answer_part(opened: str, whole: str) -> str | None:
    """What an answered question has beyond an open one, which is trained on.

    Where the open one ends in a thought that the answered one leaves out, the answer ends it.

    Args:
        opened: A prompt as the template writes it.
        whole: The same with its answer.

    Returns:
        None if the answered question does not go on from the open one.
    """
    if whole.startswith(opened):
        return whole[len(opened) :]
    place = opened.rfind(OPEN)
    if place < 0 or not whole.startswith(opened[:place]):
        return None
    answer = whole[place:]
    if answer.startswith(OPEN):  # an empty thought of another shape
        answer = answer.partition(CLOSE)[2].lstrip("\n")
    return answer if CLOSE in opened[place:] else f"\n{CLOSE}\n\n{answer}"


def after_thought(text: str, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """A model's answer without the thought before it.

    Args:
        text: What the model wrote.
        tokenizer: Its own; its chat template may open the thought.

    Returns:
        None if it was cut while it thought.
    """
    begun = text.lstrip().startswith(OPEN) or _begun(str(tokenizer.chat_template))
    if not begun:
        return text
    _, end, answer = text.partition(CLOSE)
    return answer.strip() if end else None


@lru_cache(64)
def _begun(template: str) -> bool:
    """Whether prompts of a template end in an open thought."""
    return not template.endswith(_CLOSED) and _SWITCH not in template and _opens(template)
