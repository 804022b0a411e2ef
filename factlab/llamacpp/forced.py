"""llama.cpp held to given tokens: what the model alone would have made of each of them.

A grammar of single tokens leaves the sampler one choice at each place. The log-probability that is
told of a token is that of the model's own distribution, before the grammar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_LEAST, _ROUNDING = -1e39, 1e-6  # what servers tell of the impossible; above 0


def forced_request(prompt: Sequence[int], tokens: Sequence[int]) -> dict[str, Any]:
    """The body of a request to /completion."""
    return {
        "prompt": list(prompt),
        "n_predict": len(tokens),
        "n_probs": 1,
        "grammar": "root ::= " + " ".join(f"<[{token}]>" for token in tokens),
        "samplers": ["top_k"],
        "top_k": 1,
        "temperature": 0.0,
        "cache_prompt": False,
        "return_tokens": True,
    }


def read_forced(found: Any, tokens: Sequence[int]) -> tuple[float, ...]:
    """Negative log-likelihood of each token, in nats.

    Raises:
        ValueError: what is wrong with the reply, without a full stop.
    """
    told = found.get("completion_probabilities")
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise ValueError("it tells no probabilities")
    if [one.get("id") for one in told] != list(tokens):
        raise ValueError("it tells probabilities of other tokens")
    return tuple(nll_of(one.get("logprob")) for one in told)


def nll_of(told: Any) -> float:
    """The negative of a log-probability as a server tells it, in nats.

    Raises:
        ValueError: for what is none: no number, not finite, or of more than certainty.
    """
    number = isinstance(told, int | float) and not isinstance(told, bool)
    if not number or not _LEAST <= told <= _ROUNDING:  # of NaN neither holds
        raise ValueError("it tells no log-probabilities")
    return -float(told)
