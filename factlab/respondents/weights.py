"""A model whose weights are in memory: the base of a run, or what was tuned from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factlab.inference.likelihood import likelihood_record, option_prompt
from factlab.respondents.protocol import NOTHING, Bounds, Reply, Request
from factlab.schema.config import Precision, RunConfig
from factlab.schema.results import Ability, ModelRecord
from factlab.schema.screening import ScreenedBase

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from factlab.inference.response_cache import ResponseCache
    from factlab.models.load import LoadedModel
    from factlab.models.resolve import ModelFiles


@dataclass(frozen=True, slots=True)
class WeightsRespondent:
    """A model in memory; see `protocol.Respondent`.

    Attributes:
        loaded: The base.
        model: What was tuned from it; None: the base itself. It is not told by the model: a full
            fine-tuning is the base's own object, changed.
        cache: What it answered before, if that may be used again.
    """

    loaded: LoadedModel
    model: PreTrainedModel | PeftModel | None = None
    cache: ResponseCache | None = None

    @property
    def lacks(self) -> Mapping[Ability, str]:
        """Nothing: its predictions are there."""
        return NOTHING

    @property
    def record(self) -> ModelRecord:
        """Of the base."""
        return self.loaded.record

    def respond(
        self,
        requests: Sequence[Request],
        bounds: Bounds,
        advance: Callable[[int], None] = lambda _: None,
    ) -> list[Reply]:
        """Each prompt is read once, for its options and its answer."""
        from factlab.inference.backend import complete
        from factlab.inference.generate import end_tokens, read_answer
        from factlab.inference.prompts import Limits

        model, tokenizer = self.model or self.loaded.model, self.loaded.tokenizer
        ends = end_tokens(model, tokenizer)
        prompts = [
            option_prompt(tokenizer, item.prompt, item.options, item.question) for item in requests
        ]
        limits = Limits(bounds.at_once, bounds.max_new_tokens, ends, bounds.otherwise)
        answer = self.cache.complete if self.cache is not None else complete
        completions = answer(model, prompts, limits, advance)
        return [
            Reply(
                read_answer(tokenizer, completion.tokens, ends) if bounds.max_new_tokens else None,
                likelihood_record(item.question, item.options, prompt.options, completion)
                if item.options
                else None,
            )
            for item, prompt, completion in zip(requests, prompts, completions, strict=True)
        ]

    def close(self) -> None:
        """Nothing: its weights are held by who loaded them."""

    def reuse_note(self, who: str) -> str | None:
        """A sentence on answers that were read from earlier runs, if any were."""
        cache = self.cache
        if cache is None or not cache.reused:
            return None
        return (
            f"Of {cache.requested:,} prompts to {who}, "
            f"{cache.reused:,} had been put to it before, in "
            "the same batches, by the same code and libraries on this kind of processor; its "
            "answers were read from the cache. `--fresh` computes them again."
        )


@dataclass(frozen=True, slots=True)
class BaseWeights:
    """A base whose weights are loaded here; see `protocol.FoundBase`.

    Attributes:
        files: Its files.
        config: How they are loaded.
    """

    files: ModelFiles
    config: RunConfig

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.files.name

    def check_same(self, sha256: str) -> None:
        """Refuse other weights.

        Raises:
            ModelError: for other weights.
        """
        self.files.check_same(sha256)

    def screened(self, precision: Precision, tokens: int) -> ScreenedBase:
        """Its weights and its chat template tell it from others."""
        from factlab.models.load import load_tokenizer

        template = str(load_tokenizer(self.files).chat_template)
        return ScreenedBase(
            model=self.files.name,
            weights=self.files.sha256,
            template=hashlib.sha256(template.encode()).hexdigest()[:12],
            tokens=tokens,
            precision=precision,
        )

    def open(self, precision: Precision, *, fresh: bool) -> WeightsRespondent:
        """Load it.

        Raises:
            ModelError: if it cannot be loaded.
        """
        from factlab.inference.response_cache import ResponseCache
        from factlab.models.base_cache import base_cache
        from factlab.models.load import load_model, load_options

        loaded = load_model(self.files, precision, load_options(self.config))
        cache = None if fresh else ResponseCache(base_cache(loaded, precision))
        return WeightsRespondent(loaded, cache=cache)
