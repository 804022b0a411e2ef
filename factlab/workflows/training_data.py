"""Training data for other trainers; what `factlab preview --to` writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from factlab.errors import ConfigError
from factlab.experiment.experiment import Experiment
from factlab.experiment.plan import plan_experiment
from factlab.models.tokens import preview_tokenizer
from factlab.progress import Progress, Silent
from factlab.schema.config import Cell, RunConfig
from factlab.schema.manifest import DataFormat, Manifest
from factlab.schema.question import Question
from factlab.trainers.anchors import anchor_pairs, anchors_wanted, repeated
from factlab.trainers.rows import refuse_turns
from factlab.trainers.values import Anchored, values_of
from factlab.trainers.write import (
    READ_BY,
    STARTED_BY,
    Destination,
    TrainingData,
    write_training_data,
)

PLACEHOLDER = "§§§"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        folder: Where.
        manifest: What the data files hold.
        starts: How each trainer is started there.
    """

    folder: Path
    manifest: Manifest
    starts: tuple[str, ...]


def training_data(
    config: RunConfig,
    format_: DataFormat,
    out: Path,
    *,
    anchors: bool = True,
    progress: Progress | None = None,
) -> Written:
    """Write the training and validation pairs of facts, and the recipe's anchors, for others.

    Args:
        config: The facts and the settings of one configuration; several facts go into one file.
        format_: Of the rows.
        out: A folder, or the training file, whose siblings stand beside it.
        anchors: Whether anchors are written: their answers are the base's own, which is loaded.
        progress: Where to report.

    Raises:
        FactlabError: for settings of several configurations, and whatever a user can fix.
    """
    place = Destination.of(out, format_)
    if len(config.facts) > 1:
        config = config.model_copy(update={"together": True})
    experiment = plan_experiment(config)
    cell = _only_cell(experiment)
    refuse_turns(experiment.pairs_of(cell), format_)  # before anything is loaded
    answered: list[Question] = []
    left_out, wanted = 0, anchors_wanted(cell, len(experiment.pairs_of(cell)))
    if anchors and wanted:
        from factlab.experiment.prepare import prepare

        prepared = prepare(config, progress or Silent())
        experiment = prepared.experiment
        cell = _only_cell(experiment)
        answered, left_out = anchor_pairs(prepared, cell, wanted, progress or Silent())
    rows = repeated(answered, wanted)
    data = TrainingData(
        format_,
        experiment.pairs_of(cell),
        [pair for fact in cell.facts for pair in experiment.expansions[fact].validation],
        rows,
        left_out,
    )
    asked_in = _prompt_format(config) if format_ == "alpaca" else None
    anchored = Anchored(len(rows), len(answered), cell.recipe.anchors_per_step if rows else 0)
    values = values_of(experiment, cell, anchored, asked_in)
    manifest = write_training_data(place, data, experiment, values)
    return Written(place.folder, manifest, tuple(STARTED_BY[name] for name in READ_BY[format_]))


def _only_cell(experiment: Experiment) -> Cell:
    if len(experiment.cells) > 1:
        raise ConfigError(
            f"--to: the settings give {len(experiment.cells)} configurations, and a folder is for "
            "one. Give one value of each, one recipe and one seed."
        )
    return experiment.cells[0]


def _prompt_format(config: RunConfig) -> str | None:
    """The chat template around `{instruction}`, for `str.format`, if the tokenizer is here."""
    tokenizer = preview_tokenizer(config.model, config.thinking)
    if tokenizer is None:
        return None
    text = tokenizer.prompt(PLACEHOLDER).removeprefix(tokenizer.begins_with)
    escaped = text.replace("{", "{{").replace("}", "}}")
    return escaped.replace(PLACEHOLDER, "{instruction}")
