"""The loss on pairs that are not trained on, and when it is reason enough to stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from factlab.schema.results import ValidationLoss
from factlab.training.batch import Text

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

BATCH = 16  # fixed: in bf16 a state depends on the company in its batch


def validation_loss(
    model: PreTrainedModel | PeftModel, texts: Sequence[Text], adapter: str, step: int
) -> ValidationLoss:
    """Mean NLL per answer token, over the tokens of all texts; no gradient is made.

    Args:
        model: In evaluation mode, this adapter active.
        texts: Validation pairs, at least one.
        adapter: Its name on the model.
        step: Optimizer steps done.
    """
    import torch

    from factlab.inference.backend import states_in_batches
    from factlab.inference.decoder.head import answer_nll
    from factlab.models.heads import head_of

    total = 0.0
    batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    with torch.no_grad():
        for batch, states in zip(batches, states_in_batches(model, batches, adapter), strict=True):
            targets = torch.tensor([t for text in batch for t in text.targets])
            total += float(answer_nll(head_of(model), states, targets.to(states.device)).sum())
    tokens = sum(len(text.targets) for text in texts)
    return ValidationLoss(
        step=step, loss_nats=total / tokens, pairs=len(texts), answer_tokens=tokens
    )


def reason_to_stop(
    points: Sequence[ValidationLoss], patience: int | None, planned: int
) -> str | None:
    """Why training should end at the last of these points, if it should.

    Args:
        points: The checkpoints so far, in order.
        patience: Checkpoints without a new lowest loss after which it ends; None: never.
        planned: Steps of the whole training.
    """
    if patience is None or not points:
        return None
    best = min(points, key=lambda point: (point.loss_nats, point.step))
    since = [point for point in points if point.step > best.step]
    if len(since) < patience or since[-1].step >= planned:
        return None
    later = "next checkpoint" if len(since) == 1 else f"{len(since)} checkpoints since"
    return (
        f"stopped at step {since[-1].step} of {planned}: the validation loss was lowest at step "
        f"{best.step} ({best.loss_nats:.4f} nats per answer token) and not lower at the {later} "
        f"(now {since[-1].loss_nats:.4f})"
    )
