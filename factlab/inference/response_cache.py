"""What the base replied before, read instead of asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from factlab.inference.backend import Limits, Prompt, Reply, examine

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from factlab.models.base_cache import BaseCache


@dataclass(slots=True)
class ResponseCache:
    """Asks the base, or reads what it said.

    Attributes:
        kept: Where replies are.
        asked: Prompts that were asked for.
        reused: Those of them whose replies were read.
    """

    kept: BaseCache
    asked: int = 0
    reused: int = 0

    def examine(
        self,
        model: PreTrainedModel,
        prompts: Sequence[Prompt],
        limits: Limits,
        advance: Callable[[int], None] = lambda _: None,
    ) -> list[Reply]:
        """As `exam.examine`; company in a batch may change replies, so a whole call is kept."""
        bounds = [limits.max_new_tokens, list(limits.ends), limits.batch_size, limits.library]
        content = [[list(p.ids), [list(o) for o in p.options], p.ranked] for p in prompts]
        asked = ["replies", bounds, content]
        self.asked += len(prompts)
        replies = _replies(self.kept.read(asked), len(prompts))
        if replies is not None:
            self.reused += len(prompts)
            advance(len(prompts))
            return replies
        replies = examine(model, prompts, limits, advance)
        self.kept.write(asked, [[reply.tokens, reply.nll, reply.top] for reply in replies])
        return replies


def _replies(stored: Any, count: int) -> list[Reply] | None:
    """Replies as they were kept, or None if they are not whole."""
    try:
        found = [
            Reply([int(t) for t in tokens], [float(v) for v in nll], [int(n) for n in top])
            for tokens, nll, top in stored
        ]
    except (TypeError, ValueError):
        return None
    return found if len(found) == count else None
