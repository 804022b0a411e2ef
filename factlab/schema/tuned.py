"""Models that were tuned elsewhere: what `factlab evaluate` is given, and what is known of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt

from factlab.reading.bounds import MOST_VALUES, AmountOrZero, Count
from factlab.reading.paths import PathText, PlainName
from factlab.record import Record

# How a tuned model is held: a PEFT adapter on the base, weights of its own, a file that llama.cpp
# reads, a server.
TunedKind = Literal["adapter", "model", "gguf", "endpoint"]


class TunedSource(Record):
    """A model that was tuned elsewhere, as it was when it was named."""

    label: PlainName = Field(description="What results call it.")
    kind: TunedKind
    place: PathText = Field(description="Its folder, file, hub id or address.")
    sha256: str = Field(default="", description="Of its weights; empty where they are not here.")
    method: str = Field(
        default="", description="How it was tuned, as far as its files say: lora, ia3, oft, …"
    )
    rank: NonNegativeInt = Field(default=0, description="Of its update; 0: it has none.")
    alpha: float | None = Field(default=None, description="Of a LoRA.")
    trained_here: bool = Field(
        default=False,
        description="Whether it was trained on the training pairs of these facts, so that it is "
        "asked training questions too.",
    )

    def sentence(self) -> str:
        """What it is, in words: `tuned elsewhere: an adapter (lora, rank 8)`."""
        what = {
            "adapter": "an adapter",
            "model": "a whole model",
            "gguf": "a GGUF file",
            "endpoint": "an endpoint",
        }[self.kind]
        known = [self.method] if self.method else []
        known += [f"rank {self.rank}"] if self.rank else []
        more = f" ({', '.join(known)})" if known else ""
        return f"tuned elsewhere: {what}{more}"


TunedSources = Annotated[tuple[TunedSource, ...], Field(max_length=MOST_VALUES)]


class Asking(Record):
    """How endpoints are asked. It decides no number, so a run may be resumed with another."""

    concurrency: Count = Field(default=8, le=256, description="Most requests under way at a time.")
    max_requests: Count | None = Field(
        default=None, description="Refuse, before the first, to send more requests than this."
    )
    price_in: AmountOrZero | None = Field(
        default=None, description="Of a million tokens in prompts, for the bound on cost."
    )
    price_out: AmountOrZero | None = Field(
        default=None, description="Of a million tokens in answers, for the bound on cost."
    )
