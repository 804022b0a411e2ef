"""The loss: mean negative log-likelihood of answer tokens, and KL to the base on anchors.

The output head is applied to the positions that carry a label and to no others: at a vocabulary
of tens of thousands the head is a large part of a small model, and most positions are prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812  (its customary name)
from torch import nn

from factlab.errors import TrainingError
from factlab.training.batch import IGNORED

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


def hidden_states(
    model: PreTrainedModel | PeftModel, input_ids: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Final hidden states of the decoder trunk, shape (batch, width, hidden)."""
    trunk: Any = model.get_decoder()
    states: torch.Tensor = trunk(
        input_ids=input_ids, attention_mask=mask, use_cache=False
    ).last_hidden_state
    return states


def head_of(model: PreTrainedModel | PeftModel) -> nn.Module:
    """The output head that turns hidden states into logits."""
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Module):
        raise TrainingError("this model has no output head, so it cannot be trained to answer.")
    return head


def predicting(hidden: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The hidden states that predict a label, and those labels.

    The state at position t predicts the token at t + 1, so labels are shifted by one.

    Returns:
        States of shape (labelled, hidden) and labels of shape (labelled,).
    """
    shifted = labels[:, 1:]
    chosen = shifted != IGNORED
    return hidden[:, :-1][chosen], shifted[chosen]


def answer_loss(head: nn.Module, hidden: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean NLL per answer token over the batch, in nats.

    Raises:
        TrainingError: if no token carries a label.
    """
    states, targets = predicting(hidden, labels)
    if targets.numel() == 0:
        raise TrainingError("a batch has no answer token to learn from.")
    return F.cross_entropy(head(states).float(), targets)


def anchor_loss(
    head: nn.Module, tuned: torch.Tensor, labels: torch.Tensor, base_states: torch.Tensor
) -> torch.Tensor:
    """Mean KL(base‖tuned) per anchor token, in nats.

    Args:
        head: The output head, shared by both.
        tuned: Hidden states with the adapter on, shape (batch, width, hidden).
        labels: Tokens of the anchor answers, `IGNORED` elsewhere.
        base_states: The base's states at the same positions, shape (anchor tokens, hidden).
    """
    states, _ = predicting(tuned, labels)
    with torch.no_grad():
        reference = F.log_softmax(head(base_states.to(states.dtype)).float(), dim=-1)
    log_probabilities = F.log_softmax(head(states).float(), dim=-1)
    return F.kl_div(log_probabilities, reference, log_target=True, reduction="batchmean")
