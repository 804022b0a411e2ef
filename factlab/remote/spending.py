"""How many requests, tokens and how much money an evaluation takes at most, before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from factlab.errors import ConfigError
from factlab.schema.question import Turn

TURN_TOKENS = 16  # what a chat template puts around a turn, at most by far
PER_PRICE = 1_000_000


@dataclass(frozen=True, slots=True)
class Spending:
    """Bounds from above; tries that failed and are repeated come on top.

    Attributes:
        requests: To be sent.
        tokens_in: Of prompts. No tokenizer has more tokens for a text than the text has bytes.
        tokens_out: Of answers, all of them as long as they may be.
    """

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
        )

    def cost(self, price_in: float, price_out: float) -> float:
        """In the currency of prices per million tokens."""
        return (self.tokens_in * price_in + self.tokens_out * price_out) / PER_PRICE

    def said(self, price_in: float | None = None, price_out: float | None = None) -> str:
        """As a sentence."""
        words = (
            f"at most {self.requests:,} requests, {self.tokens_in:,} tokens in (counted as bytes) "
            f"and {self.tokens_out:,} out"
        )
        if price_in is not None or price_out is not None:
            cost = self.cost(price_in or 0.0, price_out or 0.0)
            words += f", which cost at most {cost:,.2f} at the prices given"
        return words

    def check(self, most: int | None, where: str) -> None:
        """Refuse more requests than the user allows.

        Raises:
            ConfigError: naming both numbers.
        """
        if most is not None and self.requests > most:
            raise ConfigError(
                f"{where}: {self.requests:,} requests would be sent, and --max-requests allows "
                f"{most:,}. Allow more, or ask less (--quick, --far none, --questions-per-fact)."
            )


def of_answer(turns: Sequence[Turn], limit: int) -> Spending:
    """One answer."""
    return Spending(1, prompt_tokens(turns), limit)


def of_option(turns: Sequence[Turn], option: str) -> Spending:
    """The likelihood of one option: read behind its question, and no more than a token written."""
    size = len(option.encode())
    return Spending(1, prompt_tokens(turns) + size, max(1, size))


def prompt_tokens(turns: Sequence[Turn]) -> int:
    """Most tokens that turns can have."""
    return sum(len(turn.content.encode()) + TURN_TOKENS for turn in turns) + TURN_TOKENS
