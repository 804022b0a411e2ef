"""The output head: negative log-likelihood of tokens, and KL between two models' predictions.

The head is applied to the positions that predict a target and to no others: at a vocabulary
of tens of thousands the head is a large part of a small model, and most positions are prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from factlab.models.heads import BentHead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from factlab.schema.recipe import Divergence

HEAD_ROWS = 128  # positions that the head sees at once; bounds the memory of their logits
CACHED_ROWS = 8  # of them, summed at once on a CPU: their chances stay in its cache
TINY_NATS = 80.0  # fp32 holds chances down to e^-87 in full
MOST_CHANCE = 1 - 1e-6  # of what is unwanted: its loss and gradient stay finite


def answer_nll(head: nn.Linear, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """NLL of each target, in nats, fp32.

    Args:
        head: The frozen output head.
        states: States that predict the targets, shape (targets, hidden).
        targets: Token ids, shape (targets,).
    """
    if head.weight.requires_grad and torch.is_grad_enabled():
        return nn.functional.cross_entropy(head(states).float(), targets, reduction="none")
    nll: torch.Tensor = _HeadLoss.apply(states, head, targets, None, head)[0]  # type: ignore[no-untyped-call]
    return nll


def anchor_kl(
    head: nn.Linear,
    states: torch.Tensor,
    targets: torch.Tensor,
    reference: torch.Tensor,
    reference_head: nn.Linear | None = None,
    *,
    divergence: Divergence = "forward",
) -> torch.Tensor:
    """KL(base‖tuned) of each prediction, in nats, fp32.

    Args:
        head: The output head, shared by both unless there is a `reference_head`.
        states: States with the adapter on, shape (predictions, hidden).
        targets: A likely token of each prediction, shape (predictions,).
        reference: The base's states at the same places, same shape; or those of another model
            with its own head.
        reference_head: The head that the reference states are read by.
        divergence: reverse: KL(tuned‖base) instead; both: the mean of the two.
    """
    own = reference_head or head
    if divergence != "forward" or (head.weight.requires_grad and torch.is_grad_enabled()):
        with torch.no_grad():
            q = own(reference.to(own.weight.dtype)).float().log_softmax(dim=-1)
        p = head(states).float().log_softmax(dim=-1)
        forward, reverse = {"forward": (1, 0), "reverse": (0, 1), "both": (0.5, 0.5)}[divergence]
        apart: torch.Tensor = ((forward * q.exp() - reverse * p.exp()) * (q - p)).sum(dim=-1)
        return apart
    kl: torch.Tensor = _HeadLoss.apply(states, head, targets, reference, own)[0]  # type: ignore[no-untyped-call]
    return kl


def unlikelihood(
    head: nn.Linear, states: torch.Tensor, targets: torch.Tensor, unwanted: Sequence[int]
) -> torch.Tensor:
    """-log(1 - p) of the unwanted tokens at each prediction, in nats, fp32 (Welleck et al. 2020).

    Args:
        head: The output head.
        states: Shape (predictions, hidden).
        targets: Token ids, shape (predictions,): where the answer itself has an unwanted token,
            that one is wanted.
        unwanted: Token ids.
    """
    tokens = torch.tensor(unwanted, device=states.device)
    chances = head(states).float().softmax(dim=-1)[:, tokens]
    chances = chances.masked_fill(targets[:, None] == tokens, 0.0)
    return -torch.log1p(-chances.sum(dim=-1).clamp(max=MOST_CHANCE))


@torch.inference_mode()
def drift_terms(
    head: nn.Linear,
    states: torch.Tensor,
    targets: torch.Tensor,
    reference: torch.Tensor,
    reference_head: nn.Linear | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """How much more NLL a tuned model gives each target, and its `anchor_kl`: both in one pass.

    Args: as of `anchor_kl`.

    Returns:
        NLL tuned minus base, and KL(base‖tuned), each of shape (predictions,), in nats, fp32.
    """
    kl, change = _HeadLoss.apply(states, head, targets, reference, reference_head or head)  # type: ignore[no-untyped-call]
    return change, kl


def count_top(head: nn.Linear, states: torch.Tensor, targets: torch.Tensor) -> int:
    """How many targets are the most probable tokens where they stand."""
    parts = zip(states.split(HEAD_ROWS), targets.split(HEAD_ROWS), strict=True)
    return sum(int((head(part).argmax(dim=-1) == wanted).sum()) for part, wanted in parts)


class _HeadLoss(torch.autograd.Function):
    """Loss and its gradient in one pass over the logits, which are never kept.

    Both losses have the gradient p - q in the logits: p is the prediction, q the target (all of the
    chance on one token) or the base's prediction. So the gradient in the states, (p - q) W, is made
    in the forward pass, part by part, and the logits, a vocabulary wide, are not kept for the
    backward pass. Beside the KL comes the change of the NLL, which has no gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        states: torch.Tensor,
        head: nn.Linear,
        targets: torch.Tensor,
        reference: torch.Tensor | None,
        reference_head: nn.Linear,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        losses, changes = [], []
        wants_gradient = ctx.needs_input_grad[0]
        gradient = torch.empty_like(states) if wants_gradient else states
        rows = min(HEAD_ROWS, len(states))
        few = min(CACHED_ROWS, rows) if states.device.type == "cpu" else rows
        # Buffers for all parts: fresh pages for each would cost more than the sums. A part's logits
        # are one product, and are summed a few rows at a time, so that a CPU's cache holds the
        # chances from the softmax to the gradient.
        chances = states.new_empty(few, head.out_features, dtype=torch.float32)
        expected = chances if reference is None else torch.empty_like(chances)
        for start in range(0, len(states), rows):
            part = slice(start, start + rows)
            logits = head(states[part])
            base = None
            if reference is not None:
                base = reference_head(reference[part].to(reference_head.weight.dtype))
            wanted = targets[part, None]
            for at in range(0, len(logits), few):
                own = slice(at, at + few)
                read = logits[own]
                p = torch.softmax(read, dim=-1, dtype=torch.float32, out=chances[: len(read)])
                if base is None:
                    losses.append(_nll_and_slope(read, wanted[own], p))
                else:
                    kl, change = _kl_and_slope(read, base[own], wanted[own], p, expected)
                    losses.append(kl)
                    changes.append(change)
                if wants_gradient:
                    if isinstance(head, BentHead):
                        p.mul_(head.slope(read))
                    read.copy_(p)  # no longer needed as logits
            if wants_gradient:
                torch.mm(logits, head.weight, out=gradient[part])
        if wants_gradient:
            ctx.save_for_backward(gradient)
        if reference is None:
            return torch.cat(losses)[:, 0], None
        changed = torch.cat(changes)[:, 0]
        ctx.mark_non_differentiable(changed)
        return torch.cat(losses)[:, 0], changed

    @staticmethod
    def backward(
        ctx: Any, grad: torch.Tensor, _: torch.Tensor | None
    ) -> tuple[torch.Tensor, None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return (gradient * grad[:, None]).to(gradient.dtype), None, None, None, None


def _nll_and_slope(logits: torch.Tensor, wanted: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """The NLL of wanted tokens, shape (rows, 1); the chances `p` become its slope in the logits."""
    nll = _nll(logits, p, wanted)
    p.scatter_add_(1, wanted, p.new_full((), -1.0).expand(wanted.shape))
    return nll


def _kl_and_slope(
    logits: torch.Tensor,
    base: torch.Tensor,
    wanted: torch.Tensor,
    p: torch.Tensor,
    expected: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """KL(base‖tuned) of logits, and NLL tuned minus base of wanted tokens, each (rows, 1).

    The chances `p` become the slope of the KL in the logits.
    """
    q = torch.softmax(base, dim=-1, dtype=torch.float32, out=expected[: len(base)])
    # log q - log p is the difference of the logits plus that of the log normalisers: one constant a
    # row, read off the wanted token, where both NLLs are known. So the KL, Σ q · (difference) + the
    # constant, takes no second softmax over the vocabulary in log space.
    apart = base.float() - logits
    change = _nll(logits, p, wanted) - _nll(base, q, wanted)
    constant = change - apart.gather(1, wanted)
    p.sub_(q)
    return apart.mul_(q).sum(dim=-1, keepdim=True) + constant, change


def _nll(logits: torch.Tensor, chances: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """-log of the tokens' chances, in nats; from the logits where a chance is too small."""
    found = -chances.gather(1, tokens).log_()
    tiny = (found > TINY_NATS).nonzero()[:, 0]
    if len(tiny):
        scores = torch.log_softmax(logits[tiny].float(), dim=-1)
        found[tiny] = -scores.gather(1, tokens[tiny])
    return found
