"""How far a tuned model has moved from its base on fixed neutral text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from peft import PeftModel

WINDOW = 256  # tokens; each window is read from its own beginning
COVERS_TEXT = "this text only; no interval"


@dataclass(frozen=True, slots=True)
class Drift:
    """Change on neutral text, adapter on against adapter off, same loaded weights.

    Attributes:
        ce: Mean cross-entropy tuned minus base, nats per token; positive is worse.
        kl: Mean KL(base‖tuned), nats per token; 0 only if every prediction is the same.
        tokens: Predicted tokens that the means are taken over.
    """

    ce: float
    kl: float
    tokens: int


def measure_drift(model: PeftModel, token_ids: Sequence[int]) -> Drift:
    """Compare the model with its adapter on and off.

    An adapter that was never trained gives exactly 0 for both.

    Args:
        model: The base with its adapter, in evaluation mode.
        token_ids: The neutral text as tokens.
    """
    import torch

    device = next(model.parameters()).device
    ce = kl = 0.0
    count = 0
    for start in range(0, len(token_ids) - 1, WINDOW):
        window = torch.tensor([list(token_ids[start : start + WINDOW + 1])], device=device)
        with torch.inference_mode():
            tuned = _log_probabilities(model, window)
            with model.disable_adapter():
                base = _log_probabilities(model, window)
        targets = window[0, 1:, None]
        ce += float((base.gather(1, targets) - tuned.gather(1, targets)).double().sum())
        kl += float((base.exp() * (base - tuned)).double().sum())
        count += len(targets)
    return Drift(ce / count, kl / count, count)


def _log_probabilities(model: PeftModel, window: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of each next token, shape (window - 1, vocabulary), fp32."""
    trunk: Any = model.get_decoder()
    head: Any = model.get_output_embeddings()
    hidden = trunk(input_ids=window[:, :-1], use_cache=False).last_hidden_state[0]
    scores: torch.Tensor = head(hidden).float().log_softmax(dim=-1)
    return scores
