"""Likelihoods of given answers at an endpoint, where its server has a way to tell them.

The interface that all such servers share has none: it tells log-probabilities of tokens that the
model wrote. Two servers tell more. vLLM has the tokens of a chat at /tokenize, and /v1/completions
there reads a prompt back with the log-probability of each token (`echo`). llama.cpp's server has
them at /apply-template and /tokenize, and its /completion can be held to given tokens by a grammar
while it tells what the model alone would have made of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from factlab.llamacpp.forced import forced_request, nll_of, read_forced
from factlab.remote.transport import EndpointError, Transport
from factlab.schema.question import Turn

ABSENT = (
    "the endpoint tells no log-probabilities of given answers; vLLM's and llama.cpp's servers do"
)
Tokens = tuple[int, ...]
Turns = tuple[Turn, ...]
_PROBE = (Turn(role="user", content="How tall is it?"),)
_PROBE_OPTION = "3 m"


class Scorer(Protocol):
    """A way to learn likelihoods."""

    @property
    def name(self) -> str:
        """What notes call it."""

    def nll(self, turns: Turns, text: str) -> tuple[float, ...]:
        """Of each token of a text as the assistant's turn, in nats, the end of the turn left out.

        None of a text that the server cannot be held to.

        Raises:
            EndpointError: if the server does not tell.
        """


def scorers(transport: Transport, thinking: bool) -> dict[str, Scorer]:
    """All ways, by name."""
    ways: tuple[Scorer, ...] = (
        EchoScorer(transport, thinking),
        ForcedScorer(transport, thinking),
    )
    return {way.name: way for way in ways}


def find_scorer(ways: Mapping[str, Scorer]) -> Scorer | str:
    """The way that a server has, or a clause that says that it has none.

    Each way is tried on a short chat.

    Raises:
        EndpointError: if the server is not there, has too much to do or refuses the key.
    """
    for way in ways.values():
        try:
            if way.nll(_PROBE, _PROBE_OPTION):
                return way
        except EndpointError as problem:
            if problem.unheard:
                raise
    return ABSENT


@dataclass(frozen=True, eq=False)
class EchoScorer:
    """VLLM: the prompt is read back by /v1/completions with the log-probability of each token."""

    transport: Transport
    thinking: bool
    name: str = "/v1/completions with echo"

    def nll(self, turns: Turns, text: str) -> tuple[float, ...]:
        """See `Scorer`."""
        prompt, option = self._chat(turns), self._text(text)
        body = {
            "model": self.transport.address.model,
            "prompt": [*prompt, *option],
            "max_tokens": 1,
            "temperature": 0,
            "echo": True,
            "logprobs": 1,
        }
        first, last = len(prompt), len(prompt) + len(option)
        return self.transport.post(
            f"{self.transport.address.url}/completions",
            body,
            lambda found: _echoed(found, first, last),
        )

    @lru_cache(maxsize=4096)  # noqa: B019  (lives as long as the endpoint)
    def _chat(self, turns: Turns) -> Tokens:
        return self._tokens(
            {
                "messages": [turn.model_dump() for turn in turns],
                "add_generation_prompt": True,
                "chat_template_kwargs": {"enable_thinking": self.thinking},
            }
        )

    @lru_cache(maxsize=4096)  # noqa: B019
    def _text(self, text: str) -> Tokens:
        return self._tokens({"prompt": text, "add_special_tokens": False})

    def _tokens(self, body: Mapping[str, Any]) -> Tokens:
        address = self.transport.address
        return self.transport.post(
            f"{address.root}/tokenize", {"model": address.model, **body}, _read_tokens
        )


@dataclass(frozen=True, eq=False)
class ForcedScorer:
    """llama.cpp: /completion is held to the option's tokens, and tells what each was worth."""

    transport: Transport
    thinking: bool
    name: str = "llama.cpp's /completion"

    def nll(self, turns: Turns, text: str) -> tuple[float, ...]:
        """See `Scorer`."""
        option = self._option(text)
        if not option:
            return ()
        root, model = self.transport.address.root, self.transport.address.model
        return self.transport.post(
            f"{root}/completion",
            {"model": model, **forced_request(self._chat(turns), option)},
            lambda found: read_forced(found, option),
        )

    @lru_cache(maxsize=4096)  # noqa: B019
    def _chat(self, turns: Turns) -> Tokens:
        body = {
            "messages": [turn.model_dump() for turn in turns],
            "chat_template_kwargs": {"enable_thinking": self.thinking},
        }
        text = self.transport.post(
            f"{self.transport.address.root}/apply-template", body, _read_prompt
        )
        return self._tokens(text, special=True)

    @lru_cache(maxsize=4096)  # noqa: B019
    def _option(self, text: str) -> Tokens:
        body = {"content": text, "add_special": False, "parse_special": False, "with_pieces": True}
        url = f"{self.transport.address.root}/tokenize"
        return self.transport.post(url, body, _read_whole)

    def _tokens(self, text: str, *, special: bool) -> Tokens:
        body = {"content": text, "add_special": special, "parse_special": special}
        return self.transport.post(f"{self.transport.address.root}/tokenize", body, _read_tokens)


def _read_tokens(found: Any) -> Tokens:
    tokens = found.get("tokens")
    if not isinstance(tokens, list) or not tokens or not all(_is_token(t) for t in tokens):
        raise ValueError("it has no tokens")
    return tuple(tokens)


def _read_whole(found: Any) -> Tokens:
    """Tokens that are whole characters; none where one is not: a grammar cannot ask for halves."""
    pieces = found.get("tokens")
    if not isinstance(pieces, list) or not all(isinstance(one, dict) for one in pieces):
        raise ValueError("it has no tokens with their pieces")
    if not all(isinstance(one.get("piece"), str) for one in pieces):
        return ()
    return _read_tokens({"tokens": [one.get("id") for one in pieces]})


def _is_token(found: Any) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and found >= 0


def _read_prompt(found: Any) -> str:
    if not isinstance(found.get("prompt"), str):
        raise ValueError("it has no prompt")
    return str(found["prompt"])


def _echoed(found: Any, first: int, last: int) -> tuple[float, ...]:
    try:
        values: Sequence[Any] = found["choices"][0]["logprobs"]["token_logprobs"]
        wanted = tuple(nll_of(value) for value in values[first:last])
    except (KeyError, IndexError, TypeError, ValueError):
        raise ValueError("it reads no log-probabilities of the prompt back") from None
    if len(wanted) != last - first:
        raise ValueError("it reads back log-probabilities of another text")
    return wanted
