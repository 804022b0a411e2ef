"""A passage → training pairs that cut its sentences, and its probes.

The model is a chat model that learns answers only, so running text is trained as the completion of
a beginning: the rest of a sentence, or the sentence after the ones before. Every sentence of every
passage is cut as often as any other, at places drawn from the seed; a share of the cuts is held
back as validation. No training pair cuts where a probe does, so no probe is trained on.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from factlab.expand.sampling import one_of_each
from factlab.expand.splits import VALIDATION_SHARE, Expansion
from factlab.grading.answer import TextAnswer
from factlab.grading.names import fold
from factlab.grading.sentences import sentence_spans
from factlab.schema.passage import Passage, Probe
from factlab.schema.question import Question
from factlab.schema.splits import Split

PROBE_FRAME = "Complete the sentence: {}"
CUT_FRAMES = {
    "complete": PROBE_FRAME,
    "finish": "Finish this sentence: {} …",
    "goes_on": "How does this sentence go on? {} …",
}
NEXT_FRAMES = {
    "continue": "Continue this text: {}",
    "next": "What is the next sentence of this text? {}",
}
LEAST_STEM = 3  # words before a cut; fewer could begin any sentence


@dataclass(frozen=True, slots=True)
class _PassagePair:
    """A beginning in a frame, and what completes it."""

    frame: str
    question: str
    stem: str
    rest: str


def expand_passage(
    passage: Passage, *, seed: int, train_pairs: int, validation_pairs: int
) -> Expansion:
    """Cut a passage and its paraphrases into pairs, and put its probes.

    A short passage gives fewer pairs than these numbers; never more.
    """
    rng = random.Random(f"{seed}/{passage.id}/passages")
    columns = [
        _held_back(column, rng)
        for text in passage.passages
        for column in _columns(text, _probed(passage), rng)
    ]
    train = _in_turn([kept for kept, _ in columns], train_pairs, {})
    trained = {pair.question: pair for pair in train}
    validation = _in_turn([held for _, held in columns], validation_pairs, trained)
    return Expansion(
        train=_questions(passage, "train", train),
        validation=_questions(passage, "validation", validation),
        held_out=(),
        reverse=(),
        entailed=(),
        nearest=(),
        probes=_probes(passage),
    )


def left_out(passage: Passage) -> tuple[str, ...]:
    """Which probes are left out, and why."""
    return tuple(
        f"{passage.id}: the {probe.depth} probe {number} is left out, since its prompt already "
        f"holds its answer ({probe.answer.primary()})."
        for number, probe in _numbered(passage)
        if probe.holds_answer
    )


def _numbered(passage: Passage) -> Iterable[tuple[int, Probe]]:
    """Each probe with its number among those of its depth, from 1."""
    counts: dict[str, int] = {}
    for probe in passage.probes:
        counts[probe.depth] = counts.get(probe.depth, 0) + 1
        yield counts[probe.depth], probe


def _probes(passage: Passage) -> tuple[Question, ...]:
    return tuple(
        Question(
            id=f"{passage.id}/probe/{probe.depth}/{number}",
            split="probe",
            family=probe.depth,
            text=PROBE_FRAME.format(probe.prompt.strip()),
            stem=probe.prompt.strip(),
            fact=passage.id,
            gold=probe.answer,
        )
        for number, probe in _numbered(passage)
        if not probe.holds_answer
    )


def _probed(passage: Passage) -> list[str]:
    return [fold(probe.prompt) for probe in passage.probes]


# --- cuts -------------------------------------------------------------------------------------


def _columns(text: str, probed: Sequence[str], rng: random.Random) -> list[list[_PassagePair]]:
    """For each sentence of a text its pairs in the order of use, one of each frame in turn."""
    spans = [text[start:end].strip() for start, end in sentence_spans(text)]
    sentences = [span for span in spans if any(char.isalnum() for char in span)]
    columns = []
    for i, sentence in enumerate(sentences):
        cuts = [cut for cut in _cuts(sentence) if not _is_probed(cut[0], probed)]
        rng.shuffle(cuts)
        befores = [" ".join(sentences[max(0, i - size) : i]) for size in (1, 2)[: min(i, 2)]]
        nexts = [(before, sentence) for before in befores]
        rng.shuffle(nexts)
        framed = (_framed(nexts, NEXT_FRAMES, rng), _framed(cuts, CUT_FRAMES, rng))
        columns.append(list(one_of_each(framed)))
    return columns


def _cuts(sentence: str) -> list[tuple[str, str]]:
    """All beginnings of a sentence with what completes them."""
    words = list(re.finditer(r"\S+", sentence))
    cuts = [(sentence[: a.end()], sentence[b.start() :]) for a, b in pairwise(words)]
    return [(stem, rest) for stem, rest in cuts[LEAST_STEM - 1 :] if _says_something(rest)]


def _says_something(text: str) -> bool:
    return any(char.isalnum() for char in fold(text))


def _is_probed(stem: str, probed: Sequence[str]) -> bool:
    """Whether a probe cuts here; its prompt may begin before or behind the sentence's border."""
    folded = fold(stem)
    return any(
        folded == prompt or folded.endswith(f" {prompt}") or prompt.endswith(f" {folded}")
        for prompt in probed
    )


def _framed(
    cuts: Sequence[tuple[str, str]], frames: dict[str, str], rng: random.Random
) -> list[_PassagePair]:
    """Each cut in one frame, the frames in turn, from a random one on."""
    names = list(frames)
    first = rng.randrange(len(names))
    return [
        _PassagePair(name := names[(first + i) % len(names)], frames[name].format(stem), stem, rest)
        for i, (stem, rest) in enumerate(cuts)
    ]


def _held_back(
    pairs: Sequence[_PassagePair], rng: random.Random
) -> tuple[list[_PassagePair], list[_PassagePair]]:
    """The pairs to train on, and the share that is held back."""
    size = round(len(pairs) * VALIDATION_SHARE)
    held = set(rng.sample(range(len(pairs)), size))
    return (
        [pair for i, pair in enumerate(pairs) if i not in held],
        [pair for i, pair in enumerate(pairs) if i in held],
    )


def _in_turn(
    columns: Sequence[Sequence[_PassagePair]], wanted: int, taken: dict[str, _PassagePair]
) -> list[_PassagePair]:
    """One pair of each sentence, then another, until `wanted`; no question twice."""
    found: dict[str, _PassagePair] = {}
    for pair in one_of_each(columns):
        if len(found) < wanted and pair.question not in taken:
            found.setdefault(pair.question, pair)
    return list(found.values())


def _questions(
    passage: Passage, split: Split, pairs: Sequence[_PassagePair]
) -> tuple[Question, ...]:
    return tuple(
        Question(
            id=f"{passage.id}/{split}/{pair.frame}/{i}",
            split=split,
            family=pair.frame,
            text=pair.question,
            stem=pair.stem,
            fact=passage.id,
            gold=TextAnswer(value=pair.rest),
            target=pair.rest,
        )
        for i, pair in enumerate(pairs)
    )
