"""The loss: mean negative log-likelihood of answer tokens, and KL to the base on anchors.

The output head is applied to the positions that carry a label and to no others: at a vocabulary
of tens of thousands the head is a large part of a small model, and most positions are prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812  (its customary name)
from torch import nn
from transformers import DynamicCache

from factlab.errors import TrainingError
from factlab.training.batch import IGNORED

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


def hidden_states(
    model: PreTrainedModel | PeftModel, input_ids: torch.Tensor, mask: torch.Tensor, shared: int = 0
) -> torch.Tensor:
    """Final hidden states of the decoder trunk after the first `shared` positions.

    Every chat begins with the same tokens (a system turn, the opening of the user's). They attend
    to nothing that differs, so they are computed once and the rows read them as a cache, gradients
    included: the same numbers, about a third fewer tokens on the embedded model.

    Args:
        model: The model, adapter and all.
        input_ids: Tokens, padded to the right, shape (batch, width).
        mask: 1 on tokens, 0 on padding, same shape.
        shared: Leading tokens that are the same in every row; see `shared_prefix`.

    Returns:
        States of shape (batch, width - shared, hidden).
    """
    trunk: Any = model.get_decoder()
    if not shared:
        states: torch.Tensor = trunk(
            input_ids=input_ids, attention_mask=mask, use_cache=False
        ).last_hidden_state
        return states
    cache = DynamicCache(config=model.config)
    trunk(input_ids=input_ids[:1, :shared], past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(len(input_ids))
    rest: torch.Tensor = trunk(
        input_ids=input_ids[:, shared:], attention_mask=mask, past_key_values=cache, use_cache=True
    ).last_hidden_state
    return rest


def shared_prefix(input_ids: torch.Tensor, *labels: torch.Tensor) -> int:
    """Leading tokens that all rows share and that predict no label."""
    if len(input_ids) == 1:
        return 0
    same = (input_ids == input_ids[0]).all(dim=0).long().cumprod(dim=0).sum()
    labelled = torch.stack([(part != IGNORED).any(dim=0) for part in labels]).any(dim=0)
    first = labelled.long().argmax()  # the state before it predicts it, and must be kept
    return int(min(same, (first - 1).clamp(min=0)))


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
