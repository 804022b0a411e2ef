"""Which adapters the packed decoder computes: those that add low-rank updates, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import nn
    from transformers import PreTrainedModel


def adds_updates_alone(model: PreTrainedModel | PeftModel, base: nn.Module) -> bool:
    """Whether adapters add low-rank updates and do nothing else: no layer of another kind is read.

    What replaces a whole layer, scales its output or stands before the text looks, through the
    attributes it passes on, like the layer that it stands on.
    """
    from peft.tuners.lora import LoraLayer
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    if any(config.peft_type != "LORA" for config in getattr(model, "peft_config", {}).values()):
        return False
    trunk: Any = base.get_decoder()  # type: ignore[operator]
    return not any(
        isinstance(module, AuxiliaryTrainingWrapper)
        or (isinstance(module, BaseTunerLayer) and not isinstance(module, LoraLayer))
        for module in trunk.modules()
    )
