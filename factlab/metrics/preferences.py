"""What one question's scored options say: which a model prefers, by how much, how surely. Pure."""

from __future__ import annotations

import math

from factlab.metrics.responses import Responses
from factlab.schema.question import Question


def right_nll(model: Responses, question: Question) -> tuple[float, float]:
    """NLL of the right answer in nats: summed, and per token."""
    option = model.options(question, "right")[0]
    return option.nll_nats, option.nll_nats / option.tokens


def top_share(model: Responses, question: Question) -> float:
    """Share of the answer's tokens that are the most probable where they stand."""
    option = model.options(question, "right")[0]
    return (option.top or 0) / option.tokens


def prefers_right(model: Responses, question: Question) -> bool:
    """Whether the right answer has a lower summed NLL than every wrong option."""
    right = model.options(question, "right")[0].nll_nats
    return all(right < wrong.nll_nats for wrong in model.options(question, "wrong"))


def margin(model: Responses, question: Question) -> float:
    """Log-probability of the right answer minus that of the best wrong option, in nats."""
    right = model.options(question, "right")[0].nll_nats
    return min(wrong.nll_nats for wrong in model.options(question, "wrong")) - right


def brier(model: Responses, question: Question) -> float:
    """Squared distance of the options' probabilities from 1 for the right one and 0 for others."""
    right = model.options(question, "right")[0].nll_nats
    # Relative to the likeliest option, so that no power underflows to nothing.
    options = [right, *(option.nll_nats for option in model.options(question, "wrong"))]
    powers = [math.exp(min(options) - nll) for nll in options]
    first, *others = (power / sum(powers) for power in powers)
    return (1 - first) ** 2 + sum(other**2 for other in others)


def truth_ratio(model: Responses, question: Question) -> float:
    """P(right) ÷ (P(right) + mean P(wrong)), P = exp(−mean token NLL)."""
    right = math.exp(-right_nll(model, question)[1])
    wrong = [math.exp(-o.nll_nats / o.tokens) for o in model.options(question, "wrong")]
    return right / (right + sum(wrong) / len(wrong))


def wrong_change(base: Responses, tuned: Responses, question: Question) -> float | None:
    """Mean change of the wrong options' summed log-probability in nats; None: there are none."""
    both = zip(base.options(question, "wrong"), tuned.options(question, "wrong"), strict=False)
    changes = [
        before.nll_nats - after.nll_nats for before, after in both if before.text == after.text
    ]
    return sum(changes) / len(changes) if changes else None
