"""What training changes about the library's model, and gives back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from factlab.models.forward import uses_library_pass
from factlab.models.process_memory import retain_freed_memory, return_large_blocks

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel


@contextmanager
def own_forward(model: PreTrainedModel | PeftModel) -> Iterator[None]:
    """SFTTrainer replaces the base model's `forward`; give the model its own back afterwards."""
    base = _base(model)
    before = dict(base.__dict__)
    try:
        yield
    finally:
        if "forward" in before:
            base.forward = before["forward"]
        else:
            base.__dict__.pop("forward", None)


@contextmanager
def checkpointing_on(model: PreTrainedModel | PeftModel, *, on_cpu: bool) -> Iterator[None]:
    """Compute activations again in the backward pass; less memory for more time."""
    model.gradient_checkpointing_enable({"use_reentrant": False})
    if on_cpu:
        return_large_blocks()
    try:
        yield
    finally:
        model.gradient_checkpointing_disable()
        if on_cpu:
            retain_freed_memory()


@contextmanager
def eager_attention(model: PreTrainedModel | PeftModel) -> Iterator[None]:
    """Train with attention written out, unless its user chose an implementation.

    On CPU the backward pass of fused attention took a fifth of a training step at our lengths.
    """
    base = _base(model)
    before = base.config._attn_implementation
    if uses_library_pass(base) or before == "eager":
        yield
        return
    base.set_attn_implementation("eager")
    try:
        yield
    finally:
        base.set_attn_implementation(before)


def round_as_before(model: PreTrainedModel, dtype: torch.dtype, rounded: torch.dtype) -> None:
    """Weights that were trained in fp32 as the base's again: rounded, and held in its type.

    Not by `model.to`, which would round the frequencies of rotary positions too: these are fp32
    in a model of any type.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.to(rounded).to(dtype)


def _base(model: PreTrainedModel | PeftModel) -> Any:
    from factlab.inference.decoder.stack import base_of

    return base_of(model)
