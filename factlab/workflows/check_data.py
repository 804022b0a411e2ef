"""Whether a data file keeps the questions unseen that a model trained on it will be asked.

The leakage guard holds what factlab writes itself. A file that went through other hands, was mixed
with another set or was written elsewhere can hold a held-out question all the same, and recall on
that would not show that the fact generalises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from factlab.conversations.source import read_set
from factlab.errors import DataError, LeakageError, shortened
from factlab.expand.leakage import NEAR_DUPLICATE, TrainedQuestions
from factlab.expand.slots import supplied_words
from factlab.experiment.experiment import Experiment
from factlab.experiment.plan import plan_experiment
from factlab.reading.paths import is_file
from factlab.runs.files import read_json
from factlab.schema.config import RunConfig
from factlab.schema.conversation import Conversation
from factlab.schema.fact import Fact
from factlab.schema.manifest import MANIFEST_VERSION, Manifest, fingerprint
from factlab.schema.splits import SPLIT
from factlab.trainers.write import unseen_questions

REWORDED = ("held_out", "alias", "other_language")  # the same question in other words is near one
CHUNK = 256  # questions compared at once, to bound the similarity matrix
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in a file that is clean.

    Attributes:
        name: The file.
        rows: Conversations in it.
        unseen: Questions that none of them asks.
        nearest: The most similar pair of a held-out question and one of the file; None, if only
            hashes were compared.
    """

    name: str
    rows: int
    unseen: int
    nearest: float | None


@dataclass(frozen=True, slots=True)
class _Unseen:
    """What a file must not ask: hashes by split, and where the fact is known the texts."""

    hashes: Mapping[str, str]
    texts: TrainedQuestions | None = None


def check_data(sources: Sequence[str], against: str) -> list[Checked]:
    """Refuse data files that ask what is measured afterwards.

    Args:
        sources: Files, folders or sets of conversations in any format that is read.
        against: A fact, or the manifest that stood beside training data.

    Raises:
        LeakageError: naming rows, and the questions that they ask.
        DataError: for a file that cannot be read.
        FactlabError: for a fact that cannot be expanded.
    """
    unseen = _unseen(against)
    return [_check(source, against, unseen) for source in sources]


def _check(source: str, against: str, unseen: _Unseen) -> Checked:
    read = read_set(source)
    asked: dict[str, Conversation] = {}
    for conversation in read.conversations:
        for text in conversation.user_turns:
            asked.setdefault(text, conversation)
    found = {
        text: f"a {_title(unseen.hashes[key])} question"
        for text in asked
        if (key := fingerprint(text)) in unseen.hashes
    }
    nearest: float | None = None
    if unseen.texts is not None:
        rest = [text for text in asked if text not in found]
        for start in range(0, len(rest), CHUNK):
            pairs = unseen.texts.nearest(rest[start : start + CHUNK])
            nearest = max([nearest or 0.0, *(pair.similarity for pair in pairs)])
            found |= {
                pair.held_out: f"nearly the held-out question {pair.trained!r} (similarity "
                f"{pair.similarity:.2f}, limit {NEAR_DUPLICATE})"
                for pair in pairs
                if pair.similarity >= NEAR_DUPLICATE
            }
    if found:
        raise LeakageError(_said(source, against, {t: (asked[t], found[t]) for t in found}))
    return Checked(read.name, len(read.conversations), len(unseen.hashes), nearest)


def _unseen(against: str) -> _Unseen:
    file = Path(against).expanduser()
    if file.suffix == ".json" and is_file(file):
        return _of_manifest(file)
    return _of_experiment(plan_experiment(RunConfig(facts=(against,), far="all")))


def _of_manifest(file: Path) -> _Unseen:
    manifest = read_json(file, Manifest)
    if manifest.schema_version > MANIFEST_VERSION:
        raise DataError(
            f"{file}: this manifest is of a later version of factlab (schema "
            f"{manifest.schema_version}; this one reads {MANIFEST_VERSION}). Update factlab."
        )
    return _Unseen({key: split for split, keys in manifest.unseen.items() for key in keys})


def _of_experiment(experiment: Experiment) -> _Unseen:
    questions = unseen_questions(experiment)
    hashes = {fingerprint(text): split for split, texts in questions.items() for text in texts}
    texts = [text for split in REWORDED for text in questions.get(split, [])]
    facts = [fact for fact in experiment.facts if isinstance(fact, Fact)]
    masked = [word for fact in facts for word in supplied_words(fact)]
    return _Unseen(hashes, TrainedQuestions(texts, masked) if texts else None)


def _title(split: str) -> str:
    return SPLIT[split].title if split in SPLIT else split


def _said(source: str, against: str, found: Mapping[str, tuple[Conversation, str]]) -> str:
    lines = [
        f"{conversation.where or source}: {shortened(text)!r} is {what}"
        for text, (conversation, what) in list(found.items())[:SHOWN]
    ]
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    number = "one question" if len(found) == 1 else f"{len(found)} questions"
    return (
        f"{source}: it asks {number} that {against} keeps for measuring: {'; '.join(lines)}"
        f"{more}. Recall on what was trained on would not show that the fact generalises. Remove "
        "these rows, or train on the files as factlab wrote them."
    )
