"""The folder that another trainer is started in: data files, settings, manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from factlab.errors import ConfigError
from factlab.expand.leakage import NEAR_DUPLICATE
from factlab.experiment.experiment import Experiment
from factlab.reading.paths import check_place, is_folder
from factlab.runs.environment import versions
from factlab.runs.files import sha256_text, write_json, write_text
from factlab.schema.config import Cell
from factlab.schema.manifest import (
    MANIFEST,
    DataFile,
    DataFormat,
    Guard,
    Manifest,
    fingerprints,
)
from factlab.schema.question import Question
from factlab.schema.splits import TRAINED_SPLITS
from factlab.trainers.configs import (
    DataNames,
    axolotl,
    card,
    dataset_info,
    llamafactory,
    trl,
)
from factlab.trainers.rows import lines_of
from factlab.trainers.scripts import trl_script, unsloth_script
from factlab.trainers.values import Values

LINES = ".jsonl"
SIMILARITY = (
    "cosine of binary character 3- to 5-gram counts (2- to 4-grams in Japanese), within words, the "
    "words that the fact supplies masked"
)
READ_BY = {
    "chat": ("trl_sft.py", "unsloth_sft.py", "trl.yaml", "axolotl.yaml", "llamafactory.yaml"),
    "prompt-completion": ("trl_sft.py", "unsloth_sft.py", "trl.yaml"),
    "alpaca": ("trl_sft.py", "unsloth_sft.py", "axolotl.yaml", "llamafactory.yaml"),
    "sharegpt": ("trl_sft.py", "unsloth_sft.py", "axolotl.yaml", "llamafactory.yaml"),
}
STARTED_BY = {
    "trl.yaml": "trl sft --config trl.yaml",
    "trl_sft.py": "python trl_sft.py",
    "unsloth_sft.py": "python unsloth_sft.py",
    "axolotl.yaml": "axolotl train axolotl.yaml",
    "llamafactory.yaml": "llamafactory-cli train llamafactory.yaml",
}


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What is written.

    Attributes:
        format: Of the rows.
        train: Training pairs, what is mixed in among them.
        validation: Pairs of the trained families that are not trained on.
        anchors: Prompts with the base's own answers, repeated as often as they stand in the file.
        left_out: Anchors that are none of them.
    """

    format: DataFormat
    train: Sequence[Question]
    validation: Sequence[Question]
    anchors: Sequence[Question] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Destination:
    """Where it is written.

    Attributes:
        folder: The folder.
        train: The name of the training file in it.
    """

    folder: Path
    train: str = f"train{LINES}"

    @classmethod
    def of(cls, given: Path, format_: DataFormat) -> Destination:
        """A folder, or the training file whose siblings stand beside it.

        Raises:
            ConfigError: for a file of another kind, or where one of the files is there already.
            RunFolderError: for what is no folder and can be none.
        """
        is_file = bool(given.suffix) and not is_folder(given)
        if is_file and given.suffix != LINES:
            raise ConfigError(
                f"{given}: training data are written as JSON lines. Name a file that ends in "
                f"{LINES}, or a folder."
            )
        place = cls(given.parent, given.name) if is_file else cls(given)
        check_place(place.folder if place.folder.name else place.folder.resolve())
        others = ("validation.jsonl", "anchors.jsonl", MANIFEST, "dataset_info.json", "README.md")
        there = [
            name
            for name in (place.train, *others, *READ_BY[format_])
            if (place.folder / name).exists()
        ]
        if place.train in others:
            raise ConfigError(f"{given}: another of the files has this name. Choose another one.")
        if there:
            raise ConfigError(
                f"{place.folder / there[0]} is there already, and nothing is written over. Name "
                "another folder, or remove what is in this one."
            )
        return place


def write_training_data(
    place: Destination, data: TrainingData, experiment: Experiment, values: Values
) -> Manifest:
    """Write data files, the settings of each trainer that reads them, and last the manifest.

    Args:
        place: Where.
        data: The rows.
        experiment: Whose they are.
        values: The recipe in other trainers' words.

    Raises:
        RunFolderError: if a file cannot be written.
    """
    names = DataNames(
        place.folder.resolve().name,
        place.train,
        "validation.jsonl" if data.validation else None,
        "anchors.jsonl" if data.anchors else None,
    )
    rows = {names.train: (data.train, "training pairs")}
    if names.validation:
        rows[names.validation] = (data.validation, "validation pairs")
    if names.anchors:
        rows[names.anchors] = (data.anchors, "other prompts with the base's own answers")
    files: dict[str, DataFile] = {}
    for name, (pairs, about) in rows.items():
        text = lines_of(pairs, data.format)
        write_text(place.folder / name, text)
        files[name] = DataFile(sha256=sha256_text(text), rows=len(pairs), about=about)
    settings = _settings(values, names, data.format)
    starts = [STARTED_BY[name] for name in READ_BY[data.format]]
    facts = [" ".join(fact.statement.split()) or fact.id for fact in experiment.facts]
    settings["README.md"] = card(values, names, starts, facts)
    for name, text in settings.items():
        write_text(place.folder / name, text)
    manifest = manifest_of(data, experiment, values.cell, files)
    write_json(place.folder / MANIFEST, manifest)
    return manifest


def _settings(values: Values, names: DataNames, format_: DataFormat) -> dict[str, str]:
    made = {
        "trl_sft.py": lambda: trl_script(values, names, format_),
        "unsloth_sft.py": lambda: unsloth_script(values, names, format_),
        "trl.yaml": lambda: trl(values, names, format_),
        "axolotl.yaml": lambda: axolotl(values, names, format_),
        "llamafactory.yaml": lambda: llamafactory(values, names),
    }
    found = {name: made[name]() for name in READ_BY[format_]}
    if "llamafactory.yaml" in found:
        found["dataset_info.json"] = dataset_info(names, format_)
    return found


def unseen_questions(experiment: Experiment) -> dict[str, list[str]]:
    """Split → what the run asks and must not be trained on, with gate prompts and first turns."""
    found: dict[str, list[str]] = {}
    for question in experiment.questions:
        if question.split not in (*TRAINED_SPLITS, "anchor", "mix", "placebo"):
            found.setdefault(question.split, []).extend(question.prompts)
    return found


def manifest_of(
    data: TrainingData, experiment: Experiment, cell: Cell, files: Mapping[str, DataFile]
) -> Manifest:
    """What stands beside the files."""
    expansions = [experiment.expansions[fact] for fact in cell.facts]
    nearest = [pair.similarity for own in expansions for pair in own.nearest[:1]]
    return Manifest(
        factlab=versions(["factlab"])["factlab"],
        format=data.format,
        facts={fact.id: fact.statement for fact in experiment.facts},
        recipe=cell.recipe.name,
        model=experiment.config.model,
        precision=cell.precision,
        data_seed=experiment.config.data_seed,
        families={
            side: tuple(sorted({q.family for own in expansions for q in getattr(own, side)}))
            for side in ("train", "held_out")
        },
        guard=Guard(
            similarity=SIMILARITY,
            limit=NEAR_DUPLICATE,
            nearest=round(max(nearest), 4) if nearest else None,
        ),
        files=dict(files),
        anchors_left_out=data.left_out,
        unseen={
            split: fingerprints(texts) for split, texts in unseen_questions(experiment).items()
        },
    )
