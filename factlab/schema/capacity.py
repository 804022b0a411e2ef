"""What `factlab capacity` measures: `capacity.json`."""

from __future__ import annotations

from pydantic import Field

from factlab.reading.paths import PlainName
from factlab.record import Record
from factlab.schema.config import RunConfig
from factlab.schema.results import Metric, Status


class CapacityRow(Record):
    """One configuration that holds so many facts in one adapter; means over its seeds."""

    facts: int = Field(description="Facts in the adapter.")
    configuration: str
    rank: int
    run: PlainName = Field(description="Run folder, below that of capacity.json.")
    trainable_parameters: int
    seconds: float = Field(description="Of training one adapter.")
    recall: Metric = Field(description="recall/held_out.")
    metrics: dict[str, Metric] = Field(description="What it cost, by name.")
    base: dict[str, float] = Field(
        description="The same of the base, where it has them: values that turn up by chance."
    )

    @property
    def recalled(self) -> float:
        """Facts recalled: facts times the share of held-out questions answered rightly."""
        return self.facts * self.recall.value

    @property
    def per_million(self) -> float:
        """Facts recalled per million trained parameters."""
        return self.recalled / self.trainable_parameters * 1e6


class Saturation(Record):
    """Where one configuration holds its facts, and where more facts no longer add."""

    configuration: str
    holds: int | None = Field(
        description="Most facts measured up to which recall stays at 90 % or above; none: nowhere."
    )
    full_after: int | None = Field(
        default=None,
        description="The last number of facts before less than half of those added are gained.",
    )
    full_at: int | None = Field(default=None, description="The next number measured.")
    sure: bool = Field(
        default=False, description="Whether that holds at the favourable ends of both intervals."
    )
    sentence: str


class CapacityResult(Record):
    """`capacity.json`: the settings, one row per number of facts and configuration, and limits."""

    status: Status
    numbers: tuple[int, ...]
    model: str | None = None
    config: RunConfig = Field(description="Settings that all runs share.")
    source: str = Field(description="Where the facts are from.")
    failed: dict[str, str] = Field(
        default_factory=dict, description="Run and configuration → why there is no row."
    )
    rows: tuple[CapacityRow, ...] = ()
    saturation: tuple[Saturation, ...] = ()
