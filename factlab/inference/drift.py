"""Drift: how far a tuned model has moved from its base on fixed neutral text.

Both figures compare next-token predictions at the same places of the same text. KL(base‖tuned)
counts any change; the cross-entropy may rise at one place and fall at another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factlab.schema.results import DriftWindow

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from torch import nn
    from transformers import PreTrainedModel

    from factlab.models.base_cache import BaseCache

WINDOW = 256  # tokens; each window is read from its own beginning, which bounds memory
HEAD_ROWS = 128  # predictions whose probabilities are held at once


@dataclass(frozen=True, slots=True)
class NeutralText:
    """The neutral text, and what the base makes of it: worked out once for all cells.

    Attributes:
        windows: Tokens, each window read from its own beginning.
        states: The base's states that predict each next token, shape (predictions, hidden).
    """

    windows: Sequence[tuple[int, ...]]
    states: torch.Tensor


@dataclass(frozen=True, slots=True)
class Drift:
    """Change on neutral text, adapter on against adapter off, same loaded weights.

    Attributes:
        ce: Mean cross-entropy tuned minus base, nats per token; positive is worse.
        kl: Mean KL(base‖tuned), nats per token; 0 only if every prediction is the same.
        windows: The same token by token, by window, to six digits.
    """

    ce: float
    kl: float
    windows: tuple[DriftWindow, ...]


def read_neutral_text(
    model: PreTrainedModel | PeftModel, token_ids: Sequence[int], cache: BaseCache | None = None
) -> NeutralText:
    """Read the neutral text with the base, or take what it made of it before.

    No adapter may be on.
    """
    starts = range(0, len(token_ids) - 1, WINDOW)
    windows = [tuple(token_ids[start : start + WINDOW + 1]) for start in starts]
    if cache is None:
        return NeutralText(windows, _states(model, windows))
    found = cache.tensor(["neutral text", windows], lambda: _states(model, windows))
    return NeutralText(windows, found.to(next(model.parameters()).device))


def measure_drift(
    model: PreTrainedModel | PeftModel, text: NeutralText, base_head: nn.Linear | None = None
) -> Drift:
    """Compare a model with an adapter on with its base.

    An adapter that was never trained gives exactly 0 for both.

    Args:
        model: The base with its adapter, in evaluation mode.
        text: As the base read it.
        base_head: The base's output head, where training changed it.
    """
    import torch

    from factlab.inference.decoder.head import drift_terms
    from factlab.models.heads import head_of

    tuned = _states(model, text.windows)
    targets = torch.tensor([t for window in text.windows for t in window[1:]], device=tuned.device)
    change, kl = drift_terms(head_of(model), tuned, targets, text.states, base_head)
    sizes = [len(window) - 1 for window in text.windows]
    windows = [
        DriftWindow(window=place, ce_nats=_digits(ce), kl_nats=_digits(own))
        for place, (ce, own) in enumerate(zip(change.split(sizes), kl.split(sizes), strict=True))
    ]
    return Drift(
        ce=float(change.double().mean()), kl=float(kl.double().mean()), windows=tuple(windows)
    )


def _digits(values: torch.Tensor) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values.tolist())


@dataclass(frozen=True, slots=True)
class Divergence:
    """How far predictions of the same weights at two precisions differ on the neutral text.

    Attributes:
        kl: Mean KL(reference‖other), nats per token.
        same_top: Share of the predictions in which both find the same token most probable.
        tokens: Predicted tokens.
    """

    kl: float
    same_top: float
    tokens: int


def measure_divergence(
    head: nn.Linear,
    reference: torch.Tensor,
    other: torch.Tensor,
    rounded: torch.dtype | None = None,
) -> Divergence:
    """Compare the predictions of one model at two precisions.

    Args:
        head: The reference's output head. The other's is the same, rounded: no precision
            quantises the head.
        reference: The reference's states, shape (predictions, hidden).
        other: The other's at the same places, same shape.
        rounded: What the other's head is rounded to; None: its states' type.
    """
    import torch
    from torch.nn.functional import linear

    kl = same = 0.0
    with torch.inference_mode():
        own = head.weight.to(rounded or other.dtype).to(other.dtype)
        parts = zip(reference.split(HEAD_ROWS), other.split(HEAD_ROWS), strict=True)
        for before, after in parts:
            p = head(before).float().log_softmax(dim=-1)
            q = linear(after, own).float().log_softmax(dim=-1)
            same += float((p.argmax(dim=-1) == q.argmax(dim=-1)).sum())
            kl += float((p.exp() * (p - q)).sum(dim=-1).double().sum())
    return Divergence(kl / len(reference), same / len(reference), len(reference))


def _states(model: PreTrainedModel | PeftModel, windows: Sequence[tuple[int, ...]]) -> torch.Tensor:
    import torch

    from factlab.inference.backend import choose_backend

    with torch.inference_mode():
        backend = choose_backend(model)
        return torch.cat([backend.text_states(window[:-1]) for window in windows])
