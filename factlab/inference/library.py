"""The library's own forward pass: for models that the packed decoder does not compute.

Rows are padded, and adapters are computed one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from factlab.errors import TrainingError
from factlab.inference.options import add_option_scores
from factlab.inference.prompts import (
    Completion,
    Groups,
    Limits,
    Prompt,
    TargetText,
    Tokens,
    batches,
)
from factlab.inference.virtual import (
    has_virtual_tokens,
    opened_cache,
    refuse_virtual_tokens,
)
from factlab.models.heads import head_of

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

Rows = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class LibraryBackend:
    """Computes a model by its own forward pass; see `backend.Backend`.

    Attributes:
        model: The model, adapters and all.
        adapters: Names of those that complete prompts, one after the other; None: the active one.
    """

    model: PreTrainedModel | PeftModel
    adapters: Sequence[str | None] | None = None
    packed: bool = False

    def predicting_states(self, groups: Groups) -> torch.Tensor:
        """Of the active adapter, rows padded on the right."""
        if len(groups) > 1:
            raise TrainingError("this model trains one adapter at a time; use --pack 1.")
        return padded_states(self.model, groups[0])

    def text_states(self, tokens: Tokens) -> torch.Tensor:
        """In one row."""
        trunk: Any = self.model.get_decoder()
        ids = torch.tensor([tokens], device=next(self.model.parameters()).device)
        if has_virtual_tokens(self.model):
            cache, _ = opened_cache(self.model, 1)
            read: Any = trunk(input_ids=ids, past_key_values=cache, use_cache=True)
        else:
            read = trunk(input_ids=ids, use_cache=False)
        states: torch.Tensor = read.last_hidden_state[0]
        return states

    def complete(
        self, prompts: Sequence[Prompt], limits: Limits, advance: Callable[[int], None]
    ) -> list[list[Completion]]:
        """Batch by batch, each by all adapters before the next."""
        names: Sequence[str | None] = (None,) if self.adapters is None else self.adapters
        found: list[dict[int, Completion]] = [{} for _ in names]
        for batch in batches(prompts, limits, len(names)):
            chosen = [prompts[i] for i in batch]
            for name, own in zip(names, found, strict=True):
                with nullcontext() if self.adapters is None else _active(self.model, name):
                    own.update(zip(batch, complete_batch(self.model, chosen, limits), strict=True))
            advance(len(batch))
        return [[own[i] for i in range(len(prompts))] for own in found]


@contextmanager
def _active(model: Any, name: str | None) -> Iterator[None]:
    """One adapter on, which stays on; or for the moment none."""
    if name is None:
        with model.disable_adapter():
            yield
    else:
        model.set_adapter(name)
        yield


def padded_states(model: PreTrainedModel | PeftModel, texts: Sequence[TargetText]) -> torch.Tensor:
    """The states that predict each text's targets, rows padded on the right."""
    refuse_virtual_tokens(model)
    trunk: Any = model.get_decoder()
    device = next(model.parameters()).device
    width = max(len(text.tokens) for text in texts)
    ids = torch.zeros(len(texts), width, dtype=torch.long)
    mask = torch.zeros(len(texts), width, dtype=torch.long)
    wanted = torch.zeros(len(texts), width, dtype=torch.bool)
    for row, text in enumerate(texts):
        ids[row, : len(text.tokens)] = torch.tensor(text.tokens)
        mask[row, : len(text.tokens)] = 1
        wanted[row, text.first : text.first + len(text.targets)] = True
    states: torch.Tensor = trunk(
        input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False
    ).last_hidden_state
    return states[wanted.to(device)]


def complete_batch(
    model: PreTrainedModel | PeftModel, prompts: Sequence[Prompt], limits: Limits
) -> list[Completion]:
    """The completions of a few prompts by what is active."""
    ids = [prompt.ids for prompt in prompts]
    limit = limits.max_new_tokens
    answers = greedy(model, ids, limit, limits.ends) if limit else [[] for _ in ids]
    completions = [Completion(tokens, []) for tokens in answers]
    scored = [prompt for prompt in prompts if prompt.options]
    if scored:
        states = option_states(model, [p.ids for p in scored], [p.options for p in scored])
        add_option_scores(head_of(model), states, prompts, completions)
    return completions


def greedy(
    model: PreTrainedModel | PeftModel, prompts: Rows, max_new_tokens: int, ends: Sequence[int]
) -> list[list[int]]:
    """Continue each prompt by its most probable token until an end token or the limit.

    Returns:
        The tokens of each row, the end token included.
    """
    trunk: Any = model.get_decoder()
    head = head_of(model)
    ids, mask = _padded_left(model, prompts)
    stop = torch.tensor(list(ends), device=ids.device)
    cache, virtual = opened_cache(model, len(prompts))
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0) + virtual
    mask = torch.cat([mask.new_ones(len(prompts), virtual), mask], dim=1)
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
        cache, virtual = opened_cache(model, len(prompts))
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0) + virtual
        mask = torch.cat([mask.new_ones(len(prompts), virtual), mask], dim=1)
        states = trunk(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
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
    device = next(model.parameters()).device
    width = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
    return ids, mask
