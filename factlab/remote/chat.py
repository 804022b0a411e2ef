"""Turns → the body of a chat request; its reply → an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from factlab.models.thinking import CLOSE, OPEN
from factlab.remote.transport import EndpointError
from factlab.schema.question import Response, Turn

SEED = 0
BAD_REQUESTS = (400, 422)
# What some servers refuse, and what is sent in its place; nothing, where there is nothing like it.
_INSTEAD = {
    "chat_template_kwargs": None,
    "seed": None,
    "max_tokens": "max_completion_tokens",
    "temperature": None,
}
_DRAWN = "temperature 0 is refused there, so answers are drawn and differ from time to time"


@dataclass(slots=True)
class Dialect:
    """What a server takes in a request; found out by its refusals.

    Attributes:
        thinking: Whether a model that can think may.
        refused: Names that are no longer sent.
    """

    thinking: bool = False
    refused: set[str] = field(default_factory=set)

    def body(self, model: str, turns: Sequence[Turn], limit: int) -> dict[str, Any]:
        """A request for one greedy answer."""
        wanted = {
            "model": model,
            "messages": [{"role": turn.role, "content": turn.content} for turn in turns],
            "temperature": 0,
            "seed": SEED,
            "max_tokens": limit,
            "stream": False,
            # What vLLM and llama.cpp hand to the chat template; others pass over it.
            "chat_template_kwargs": {"enable_thinking": self.thinking},
        }
        sent = {}
        for name, value in wanted.items():
            here = _INSTEAD.get(name) if name in self.refused else name
            if here is not None:
                sent[here] = value
        return sent

    def learn(self, refusal: EndpointError) -> bool:
        """Leave out what a server refused.

        Returns:
            Whether the request is now another one.
        """
        if refusal.status not in BAD_REQUESTS:
            return False
        for name in _INSTEAD:
            if name in refusal.said and name not in self.refused:
                self.refused.add(name)
                return True
        return False

    @property
    def notes(self) -> tuple[str, ...]:
        """What of it a reader of the results should know, as sentences without a full stop."""
        return (_DRAWN,) if "temperature" in self.refused else ()


@dataclass(frozen=True, slots=True)
class ChatReply:
    """One answer as it came.

    Attributes:
        text: The message.
        finish: Why it ended, in the server's word; None: it does not say.
        tokens: Generated, as the server counts; None: it does not say.
    """

    text: str
    finish: str | None
    tokens: int | None

    def response(self, limit: int) -> Response:
        """The answer after its thought, if it has one; empty if it was cut while it thought."""
        finished = self.finish != "length"
        if self.finish is None and self.tokens is not None:
            finished = self.tokens < limit
        text = self.text.strip()
        before, end, after = text.partition(CLOSE)
        if end:
            text = after.strip()
        elif before.startswith(OPEN):
            text, finished = "", False
        return Response(text, self.tokens or 0, finished)


def read_reply(found: Any) -> ChatReply:
    """The answer in an object of `/chat/completions`.

    Raises:
        ValueError: what is wrong with it, without a full stop.
    """
    choices = found.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        error = found.get("error")
        raise ValueError(f"it says {str(error)[:200]!r}" if error else "it has no choices")
    choice = choices[0]
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ValueError("its first choice has no message")
    finish = choice.get("finish_reason")
    if not isinstance(finish, str | None):
        raise ValueError("its finish_reason is no text")
    usage = found.get("usage")
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0:
        tokens = None
    return ChatReply(_text(message, finish), finish, tokens)


def _text(message: dict[str, Any], finish: str | None) -> str:
    content = message.get("content")
    if isinstance(content, list):  # of parts, where only text is asked for
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    if content is None:
        if isinstance(message.get("refusal"), str):
            return str(message["refusal"])
        # Cut before the answer began: a server that keeps the thought apart, or a filter.
        if finish in ("length", "content_filter"):
            return ""
        raise ValueError("the message has no content")
    if not isinstance(content, str):
        raise ValueError("the message's content is no text")
    return content
