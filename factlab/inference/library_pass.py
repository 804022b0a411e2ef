"""Asking by the library's own forward pass: for models that `decoder` does not compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

Rows = Sequence[Sequence[int]]


def greedy(
    model: PreTrainedModel | PeftModel, prompts: Rows, max_new_tokens: int, ends: Sequence[int]
) -> list[list[int]]:
    """Continue each prompt by its most probable token until an end token or the limit.

    Returns:
        The tokens of each row, the end token included.
    """
    import torch
    from transformers import DynamicCache

    trunk: Any = model.get_decoder()
    head: Any = model.get_output_embeddings()
    ids, mask = _padded_left(model, prompts)
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    stop = torch.tensor(list(ends), device=ids.device)
    cache = DynamicCache(config=model.config)
    live = list(range(len(prompts)))
    rows: list[list[int]] = [[] for _ in prompts]
    with torch.inference_mode():
        for _ in range(max_new_tokens):
            hidden = trunk(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state[:, -1]
            # torch's CPU product would copy the whole head once per row of a strided slice.
            chosen = head(hidden.contiguous()).argmax(dim=-1)
            for row, token in zip(live, chosen.tolist(), strict=True):
                rows[row].append(token)
            going = (~torch.isin(chosen, stop)).nonzero()[:, 0]
            if len(going) == 0:
                break
            if len(going) < len(live):
                cache.batch_select_indices(going)
                mask, positions, chosen = mask[going], positions[going], chosen[going]
                live = [live[i] for i in going.tolist()]
            ids = chosen[:, None]
            mask = torch.cat([mask, mask.new_ones(len(live), 1)], dim=1)
            positions = positions[:, -1:] + 1
    return rows


def option_states(
    model: PreTrainedModel | PeftModel, prompts: Rows, options: Sequence[Rows]
) -> Any:
    """The states that predict each token of each option of each prompt, shape (tokens, hidden).

    Prompts are read once, padded on the left; their keys and values are then repeated for the
    options, padded on the right.
    """
    import torch
    from transformers import DynamicCache

    trunk: Any = model.get_decoder()
    ids, mask = _padded_left(model, prompts)
    owner = [row for row, texts in enumerate(options) for _ in texts]
    flat = [list(text) for texts in options for text in texts]
    length = max(len(text) for text in flat)
    padded = torch.tensor([t + [0] * (length - len(t)) for t in flat], device=ids.device)
    present = torch.tensor(
        [[1] * len(t) + [0] * (length - len(t)) for t in flat], device=ids.device
    )
    rows = torch.tensor(owner, device=ids.device)
    with torch.inference_mode():
        cache = DynamicCache(config=model.config)
        states = trunk(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state[:, -1:][rows]
        if length > 1:
            cache.batch_select_indices(rows)
            lengths = mask.sum(dim=1)[rows]
            later = trunk(
                input_ids=padded[:, :-1],
                attention_mask=torch.cat([mask[rows], present[:, :-1]], dim=1),
                position_ids=lengths[:, None] + torch.arange(length - 1, device=ids.device),
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state
            states = torch.cat([states, later], dim=1)
    return states[present.bool()]


def _padded_left(model: PreTrainedModel | PeftModel, prompts: Rows) -> Any:
    import torch

    device = next(model.parameters()).device
    width = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
    return ids, mask
