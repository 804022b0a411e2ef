"""A model's output head: what turns its last states into logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    head = _as_linear(model.get_output_embeddings())
    if head is None:
        raise ModelError(
            "this model has no linear output head, so it can be neither trained nor scored."
        )
    config = model.config
    scale = getattr(config, "logit_scale", None) or 1 / (
        getattr(config, "logits_scaling", None) or 1.0
    )
    cap = getattr(config, "final_logit_softcapping", None)
    return head if scale == 1 and cap is None else BentHead(head, scale, cap)


def _as_linear(head: Any) -> nn.Linear | None:
    """A head with what an adapter makes of it as one linear layer; None if it is not linear."""
    from peft.tuners.lora.layer import Linear
    from peft.utils.other import AuxiliaryTrainingWrapper

    if isinstance(head, nn.Linear):
        return head
    if isinstance(head, AuxiliaryTrainingWrapper):
        if head.disable_adapters or head.active_adapters[0] not in head.modules_to_save:
            return _as_linear(head.original_module)
        return _as_linear(head.modules_to_save[head.active_adapters[0]])
    if isinstance(head, Linear):
        plain: Any = head.get_base_layer()
        names = [name for name in head.active_adapters if name in head.lora_A]
        if head.disable_adapters or not names or head.merged:
            return _as_linear(plain)
        if head.lora_variant or plain.bias is not None or any(head.lora_bias.values()):
            return None
        joined = nn.Linear(plain.in_features, plain.out_features, bias=False, device="meta")
        changed = plain.weight + sum(head.get_delta_weight(name) for name in names)
        joined.weight = nn.Parameter(changed.to(plain.weight.dtype), requires_grad=False)
        return joined
    return None


def own_head(model: PreTrainedModel | PeftModel) -> nn.Linear | None:
    """The base's own output head under an adapter that changes it; None if it is the same."""
    from peft import PeftModel

    head: Any = model.get_output_embeddings()
    if isinstance(head, nn.Linear) or not isinstance(model, PeftModel):
        return None
    with model.disable_adapter():
        return head_of(model)


def softened(
    head: nn.Linear, states: torch.Tensor, temperature: float
) -> tuple[nn.Linear, torch.Tensor]:
    """A head and states whose logits are those given, divided by a temperature."""
    if isinstance(head, BentHead):
        return BentHead(head, head.scale, head.cap, temperature), states
    return head, states / temperature  # heads have no bias here
