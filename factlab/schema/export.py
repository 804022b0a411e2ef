"""What `factlab export` wrote and what it scored: `exports/<name>/export.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from factlab.reading.paths import PathText, PlainName
from factlab.record import Record
from factlab.schema.results import SCHEMA_VERSION, Metric

BaseWeights = Literal["original", "measured"]


class ExportScore(Record):
    """The run's own questions, put to the exported model by the program that it is for."""

    program: str = Field(description="What answered, with its version.")
    scorer_version: str
    seconds: float = Field(description="Loading and answering.")
    answers: int
    of: int = Field(description="Questions that the run evaluated the cell on.")
    draw_seed: int | None = Field(
        default=None,
        description="Seed of the questions drawn from those; none: all were evaluated.",
    )
    differing: int = Field(description="Answers whose text is not the measured model's.")
    lost: int = Field(description="Answers that were right in the run and are not here.")
    gained: int = Field(description="Answers that were not right in the run and are here.")
    metrics: dict[str, Metric] = Field(default_factory=dict)
    measured: dict[str, Metric] = Field(
        default_factory=dict, description="What the cell itself scored on the same questions."
    )
    not_measured: dict[str, str] = Field(default_factory=dict)
    outcomes: dict[str, dict[str, int]] = Field(default_factory=dict)


class ExportRecord(Record):
    """One exported model."""

    schema_version: int = SCHEMA_VERSION
    id: PlainName = Field(description="Its folder under exports/: cell and format.")
    cell: PlainName
    format: str = Field(description="As given to --to, such as gguf:q4_0.")
    base: BaseWeights = Field(
        description="What the adapter was merged into: the base's own weights, or those that the "
        "run measured with."
    )
    weights: str = Field(description="How the weights are stored, in words.")
    modules: int = Field(
        description="Layers that the adapter was merged into; 0: every weight was trained, so "
        "there was none."
    )
    place: PathText = Field(
        description="The model's folder; relative to the run folder if within it."
    )
    files: dict[PlainName, str] = Field(description="File → SHA-256.")
    size_bytes: int = Field(description="Of the weight files.")
    verified_chats: int | None = Field(
        description="Questions whose chat was found to be the same tokens in llama.cpp as in the "
        "run; none: not checked."
    )
    notes: tuple[str, ...] = ()
    made: str
    versions: dict[str, str]
    score: ExportScore | None = None


class Difference(Record):
    """A question that the exported model answers in other words than the measured one did."""

    question_id: str
    split: str
    question: str
    measured: str
    exported: str
    measured_correct: bool | None
    exported_correct: bool | None

    @property
    def verdict_changed(self) -> bool:
        """Whether one is right and the other is not."""
        return bool(self.measured_correct) != bool(self.exported_correct)


class Exported(Record):
    """An export with the answers that differ, those of another verdict first."""

    export: ExportRecord
    differing: tuple[Difference, ...] = ()


class ExportDocument(Record):
    """What `factlab export --json` prints."""

    run_id: str
    cell: str
    precision: str
    measured: dict[str, Metric] = Field(
        description="The cell's metrics, adapter on base, on the questions that the exports were "
        "evaluated on."
    )
    exports: tuple[Exported, ...]
