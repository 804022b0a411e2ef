"""A model's output head: what turns its last states into logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from factlab.errors import ModelError

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


class BentHead(nn.Linear):
    """A linear head whose outputs a model changes before they are its logits.

    An output x becomes `cap · tanh(scale · x / cap)`, or `scale · x` without a cap, and that is
    divided by the temperature. The weights are those of the head that it is made from.
    """

    def __init__(
        self, linear: nn.Linear, scale: float, cap: float | None, temperature: float = 1.0
    ) -> None:
        super().__init__(linear.in_features, linear.out_features, bias=False, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.scale, self.cap, self.temperature = scale, cap, temperature

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  (the library's name)
        """Logits."""
        found = super().forward(input).mul(self.scale)
        if self.cap is not None:
            found = torch.tanh(found / self.cap) * self.cap
        return found / self.temperature

    def slope(self, logits: torch.Tensor) -> torch.Tensor | float:
        """By how much each logit changes with the linear output."""
        steep = self.scale / self.temperature
        if self.cap is None:
            return steep
        pressed = logits.float() * (self.temperature / self.cap)
        return pressed.square_().neg_().add_(1).mul_(steep)


def head_of(model: PreTrainedModel | PeftModel) -> nn.Linear:
    """The output head that turns hidden states into logits.

    Raises:
        ModelError: if there is none that is linear.
    """
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Linear):
        raise ModelError(
            "this model has no linear output head, so it can be neither trained nor scored."
        )
    config = model.config
    scale = getattr(config, "logit_scale", None) or 1 / (
        getattr(config, "logits_scaling", None) or 1.0
    )
    cap = getattr(config, "final_logit_softcapping", None)
    return head if scale == 1 and cap is None else BentHead(head, scale, cap)


def softened(
    head: nn.Linear, states: torch.Tensor, temperature: float
) -> tuple[nn.Linear, torch.Tensor]:
    """A head and states whose logits are those given, divided by a temperature."""
    if isinstance(head, BentHead):
        return BentHead(head, head.scale, head.cap, temperature), states
    return head, states / temperature  # heads have no bias here
