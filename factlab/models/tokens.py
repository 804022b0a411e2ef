"""A chat's tokens without torch or transformers, for `factlab preview`.

The real renderer is models/chat.py; a test holds this one to it, token for token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment

from factlab.models.chat import refusal
from factlab.models.checked import MOST_TEMPLATE, MOST_TOKENIZER_CONFIG, check_files, small_files
from factlab.models.files import local_path, read_object, reading
from factlab.models.packaged import PACKAGED, packaged_folder
from factlab.models.thinking import answer_part, with_thinking
from factlab.models.trial import try_out
from factlab.reading.records import read_text
from factlab.schema.config import Thinking
from factlab.schema.question import Turn


@dataclass(frozen=True, slots=True)
class PreviewTokenizer:
    """A tokenizer file and its chat template."""

    tokenizer: Any
    template: str
    special: dict[str, str]

    @property
    def begins_with(self) -> str:
        """The token that the tokenizer itself puts before a text, if it does so."""
        begin = self.special["bos_token"]
        found = self.tokenizer.encode("x").tokens
        return begin if begin and found[:1] == [begin] else ""

    def pair(
        self, question: str, answer: str, before: Sequence[Turn] = ()
    ) -> tuple[list[str], list[str]]:
        """The prompt's tokens, and those that are trained on, as text.

        Raises:
            ModelError: if the chat template does not take these turns.
        """
        turns = [turn.model_dump() for turn in (*before, Turn(role="user", content=question))]
        opened = self._render(turns, open_turn=True)
        whole = self._render([*turns, {"role": "assistant", "content": answer}], open_turn=False)
        trained = self._tokens(answer_part(opened, whole) or "")
        end = self.special["eos_token"]
        if end in trained:
            trained = trained[: trained.index(end) + 1]
        return self._tokens(opened), trained

    def prompt(self, question: str) -> str:
        """A question as the chat template puts it, up to where the answer begins.

        Raises:
            ModelError: if the chat template does not take it.
        """
        return self._render([{"role": "user", "content": question}], open_turn=True)

    def _render(self, messages: list[dict[str, str]], *, open_turn: bool) -> str:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        try:
            template = environment.from_string(self.template)
            return template.render(
                messages=messages, add_generation_prompt=open_turn, **self.special
            )
        except Exception as problem:  # a template may fail in any way
            raise refusal([message["role"] for message in messages], problem) from None

    def _tokens(self, text: str) -> list[str]:
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        return [self.tokenizer.decode([token], skip_special_tokens=False) for token in ids]


def preview_tokenizer(model: str, thinking: Thinking = "off") -> PreviewTokenizer | None:
    """The tokenizer of a model that is on this machine, or None if it is not, or has no chat.

    Args:
        model: Its name.
        thinking: Whether it thinks before it answers, if it can.

    Raises:
        ModelError: if its files are damaged or not to be trusted.
    """
    from tokenizers import Tokenizer

    folder = packaged_folder(model) or local_path(model)
    if folder is None or not folder.is_dir():
        return None
    file, config_file = folder / "tokenizer.json", folder / "tokenizer_config.json"
    if not file.exists() or not config_file.exists():
        return None
    if model not in PACKAGED:
        check_files(folder)
        try_out(folder, model, small_files(folder))
    config = read_object(config_file, MOST_TOKENIZER_CONFIG)
    beside = folder / "chat_template.jinja"
    template = config.get("chat_template")
    if beside.is_file():
        with reading(f"{beside}: this chat template cannot be read"):
            template = read_text(beside, MOST_TEMPLATE)
    if not isinstance(template, str):
        return None
    special = {name: _text(config.get(name)) for name in ("bos_token", "eos_token", "pad_token")}
    with reading(f"{file}: this tokenizer cannot be loaded"):
        return PreviewTokenizer(
            Tokenizer.from_file(str(file)), with_thinking(template, thinking), special
        )


def _text(token: Any) -> str:
    """A special token as text; older files write it as a dict."""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")
