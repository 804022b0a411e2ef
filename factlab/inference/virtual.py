"""Virtual tokens: what prompt and prefix tuning put before every text, as keys and values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from factlab.errors import ModelError

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import DynamicCache, PreTrainedModel


def has_virtual_tokens(model: PreTrainedModel | PeftModel) -> bool:
    """Whether the active adapter puts tokens of its own before every text."""
    from peft import PeftModel

    if not isinstance(model, PeftModel) or model._adapters_disabled:
        return False
    return bool(model.active_peft_config.is_prompt_learning)


def opened_cache(model: PreTrainedModel | PeftModel, rows: int) -> tuple[DynamicCache, int]:
    """A cache that texts are read into, and the virtual tokens that stand in it already.

    Args:
        model: In evaluation mode.
        rows: Texts that are read side by side; each has the same virtual tokens before it.
    """
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    if not has_virtual_tokens(model):
        return cache, 0
    adapted: Any = model
    prompt = adapted.get_prompt(batch_size=1)
    if isinstance(prompt, DynamicCache):
        cache = prompt
    else:
        trunk = adapted.get_decoder()
        given = prompt.to(trunk.get_input_embeddings().weight.dtype)
        trunk(inputs_embeds=given, past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(rows)
    return cache, int(cache.get_seq_length())


def refuse_virtual_tokens(model: PreTrainedModel | PeftModel) -> None:
    """Refuse to read a text without them.

    Raises:
        ModelError: for a model that has some.
    """
    if has_virtual_tokens(model):
        raise ModelError("an adapter with virtual tokens is evaluated and not trained here.")
