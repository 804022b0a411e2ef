"""The output head: negative log-likelihood of tokens, and KL between two models' predictions.

The head is applied to the positions that predict a target and to no others: at a vocabulary
of tens of thousands the head is a large part of a small model, and most positions are prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from factlab.errors import ModelError

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

HEAD_ROWS = 64  # positions that the head sees at once; their logits stay in the cache of a CPU


def head_of(model: PreTrainedModel | PeftModel) -> nn.Linear:
    """The output head that turns hidden states into logits."""
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Linear):
        raise ModelError(
            "this model has no linear output head, so it can be neither trained nor scored."
        )
    return head


def answer_nll(head: nn.Linear, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """NLL of each target, in nats, fp32.

    Args:
        head: The frozen output head.
        states: States that predict the targets, shape (targets, hidden).
        targets: Token ids, shape (targets,).
    """
    nll: torch.Tensor = _HeadLoss.apply(states, head, targets, None)  # type: ignore[no-untyped-call]
    return nll


def anchor_kl(head: nn.Linear, states: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """KL(base‖tuned) of each prediction, in nats, fp32.

    Args:
        head: The frozen output head, shared by both.
        states: States with the adapter on, shape (predictions, hidden).
        reference: The base's states at the same places, same shape.
    """
    kl: torch.Tensor = _HeadLoss.apply(states, head, None, reference)  # type: ignore[no-untyped-call]
    return kl


class _HeadLoss(torch.autograd.Function):
    """Loss and its gradient in one pass over the logits, which are never kept.

    Both losses have the gradient p - q in the logits: q is the target, or the base's prediction.
    """

    @staticmethod
    def forward(
        ctx: Any,
        states: torch.Tensor,
        head: nn.Linear,
        targets: torch.Tensor | None,
        reference: torch.Tensor | None,
    ) -> torch.Tensor:
        losses = []
        wants_gradient = ctx.needs_input_grad[0]
        gradient = torch.empty_like(states) if wants_gradient else states
        rows = min(HEAD_ROWS, len(states))
        # One buffer for all parts: fresh pages for each would cost more than the sums.
        chances = states.new_empty(rows, head.out_features, dtype=torch.float32)
        expected = chances if reference is None else torch.empty_like(chances)
        slopes = states.new_empty(rows, head.out_features) if wants_gradient else states
        for start in range(0, len(states), rows):
            part = slice(start, start + rows)
            logits = head(states[part])
            size = len(logits)
            p = torch.softmax(logits, dim=-1, dtype=torch.float32, out=chances[:size])
            whole = _log_sum(logits, p)
            if targets is not None:
                wanted = targets[part, None]
                losses.append(whole - logits.gather(1, wanted).float())
                p.scatter_add_(1, wanted, p.new_full((), -1.0).expand(wanted.shape))
            elif reference is not None:
                base = head(reference[part].to(states.dtype))
                q = torch.softmax(base, dim=-1, dtype=torch.float32, out=expected[:size])
                apart = base.float().sub_(logits).mul_(q).sum(dim=-1, keepdim=True)
                losses.append(apart + whole - _log_sum(base, q))
                p.sub_(q)
            if wants_gradient:
                torch.mm(slopes[:size].copy_(p), head.weight, out=gradient[part])
        if wants_gradient:
            ctx.save_for_backward(gradient)
        return torch.cat(losses)[:, 0]

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return (gradient * grad[:, None]).to(gradient.dtype), None, None, None


def _log_sum(logits: torch.Tensor, chances: torch.Tensor) -> torch.Tensor:
    """Log of the sum of exponentials, from the most probable token: its chance is never tiny."""
    top, at = logits.max(dim=-1, keepdim=True)
    return top.float() - chances.gather(1, at).log()
