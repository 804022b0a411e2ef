"""The loss of a step's answers: a plain mean over their tokens, and what a mix changes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from factlab.training.batch import Text


@dataclass(frozen=True, slots=True)
class AnswerLoss:
    """Mean NLL per answer token, in nats.

    Attributes:
        whole: What is trained on.
        facts: Of the facts' own pairs; None without a mix, or if the step has none.
        mix: Of what is mixed in, likewise.
    """

    whole: torch.Tensor
    facts: torch.Tensor | None = None
    mix: torch.Tensor | None = None

    def logged(self) -> dict[str, float]:
        """As `TrainStep` keeps it."""
        parts = {"loss_nats": self.whole, "fact_loss_nats": self.facts, "mix_loss_nats": self.mix}
        return {name: part.item() for name, part in parts.items() if part is not None}


def answer_loss(nll: torch.Tensor, texts: Sequence[Text]) -> AnswerLoss:
    """The loss of a step's pairs.

    Without a mix, the mean over all answer tokens. With one, the mean over the facts' tokens and
    that over the mix's, each weighted by its share of the step's pairs: mixed-in answers are often
    ten times as long as a fact's, and in one mean over all tokens the fact would hardly count.

    Args:
        nll: Of each answer token, text by text, shape (targets,).
        texts: The step's pairs.
    """
    mixed = [text.mixed for text in texts]
    if not any(mixed):
        return AnswerLoss(nll.mean())
    parts = nll.split([len(text.targets) for text in texts])
    facts, mix = (
        _mean([part for part, is_mixed in zip(parts, mixed, strict=True) if is_mixed is wanted])
        for wanted in (False, True)
    )
    share = sum(mixed) / len(mixed)
    if facts is None or mix is None:
        return AnswerLoss(nll.mean(), facts, mix)
    return AnswerLoss((1 - share) * facts + share * mix, facts, mix)


def unlearned(nll: torch.Tensor, texts: Sequence[Text], below: float) -> torch.Tensor:
    """What is left to learn: the NLL above a floor on facts' tokens, all of it on mixed-in ones.

    A token below the floor has no gradient, so that what is known is not driven on.

    Args:
        nll: Of each answer token, text by text, shape (targets,).
        texts: The step's pairs.
        below: The floor, in nats; 0 leaves the NLL as it is.
    """
    import torch

    if not below:
        return nll
    own = torch.tensor([not t.mixed for t in texts for _ in t.targets], device=nll.device)
    return torch.where(own, (nll - below).clamp_min(0), nll)


def _mean(parts: Sequence[torch.Tensor]) -> torch.Tensor | None:
    import torch

    return torch.cat(list(parts)).mean() if parts else None
