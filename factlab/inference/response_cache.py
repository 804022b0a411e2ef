"""Completions that an earlier process made, read instead of computed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from factlab.inference.backend import complete
from factlab.inference.prompts import Completion, Limits, Prompt

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from factlab.models.base_cache import BaseCache


@dataclass(slots=True)
class ResponseCache:
    """Completes prompts by a model, or reads what it completed before.

    Attributes:
        cache: Where completions are.
        requested: Prompts that were to be completed.
        reused: Those of them whose completions were read.
    """

    cache: BaseCache
    requested: int = 0
    reused: int = 0

    def complete(
        self,
        model: PreTrainedModel | PeftModel,
        prompts: Sequence[Prompt],
        limits: Limits,
        advance: Callable[[int], None] = lambda _: None,
    ) -> list[Completion]:
        """As `backend.complete`; company in a batch may change answers, so a call is one entry."""
        bounds = [limits.max_new_tokens, list(limits.ends), limits.batch_size, limits.library]
        content = [[list(p.ids), [list(o) for o in p.options], p.ranked] for p in prompts]
        key = ["replies", bounds, content]
        self.requested += len(prompts)
        completions = _completions(self.cache.read(key), len(prompts))
        if completions is not None:
            self.reused += len(prompts)
            advance(len(prompts))
            return completions
        completions = complete(model, prompts, limits, advance)
        self.cache.write(key, [[one.tokens, one.nll, one.top] for one in completions])
        return completions


def _completions(stored: Any, count: int) -> list[Completion] | None:
    """Completions as they were stored, or None if they are not whole."""
    try:
        found = [
            Completion([int(t) for t in tokens], [float(v) for v in nll], [int(n) for n in top])
            for tokens, nll, top in stored
        ]
    except (TypeError, ValueError):
        return None
    return found if len(found) == count else None
