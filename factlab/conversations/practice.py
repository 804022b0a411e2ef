"""A practice run: conversations are trained on without any fact, and a tenth is held out."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from factlab.conversations.selection import ContaminationFilter, draw, record_of, usable
from factlab.conversations.source import read_set
from factlab.errors import DataError
from factlab.expand.splits import Expansion
from factlab.schema.config import OnBadRow
from factlab.schema.conversation import Conversation, SetRecord
from factlab.schema.question import Question
from factlab.schema.source import PracticeSet
from factlab.schema.splits import Split

HELD_OUT_SHARE = 0.1
ENDINGS = r"\.[a-z]+(\.(gz|bz2|xz|zst|zip))?$"
LEAST = 10  # conversations; a tenth of fewer is less than one


def load_practice(source: str, on_bad_row: OnBadRow | None = None) -> PracticeSet:
    """Read a practice set.

    Args:
        source: Its file, folder or name.
        on_bad_row: What is done about a row that cannot be read.

    Raises:
        DataError: in words, with file and line where there is one.
    """
    read = read_set(source, on_bad_row)
    stem = re.sub(ENDINGS, "", read.name.rpartition("/")[2].lower())
    return PracticeSet(
        "practice_" + (re.sub(r"[^a-z0-9_-]+", "_", stem).strip("_")[:48] or "set"), read
    )


def expand_practice(
    practice: PracticeSet, *, seed: int, examples: int, guard: ContaminationFilter
) -> tuple[Expansion, SetRecord]:
    """Draw the conversations that are used and hold a tenth of them out.

    No prompt is on both sides: conversations with the same one go together.

    Raises:
        DataError: if too few can be used, or nothing can be held out.
    """
    read = practice.read
    drawn = draw(read.conversations, examples, seed=f"{seed}/practice", guard=guard)
    held, trained = _held_out(drawn.kept, random.Random(f"{seed}/practice/held_out"))
    record = record_of(read, drawn, held_out=len(held))
    if len(drawn.kept) < LEAST:
        raise DataError(
            f"{read.name}: at least {LEAST} conversations are needed, so that one can be held out, "
            f"but {usable(record)}."
        )
    if not held or not trained:
        raise DataError(
            f"{read.name}: too many of its conversations share one prompt, so none can be held "
            "out. Give a set with more prompts."
        )
    questions = _questions(practice, "train", trained)
    empty: tuple[Question, ...] = ()
    return (
        Expansion(
            train=questions,
            validation=empty,
            held_out=empty,
            reverse=empty,
            entailed=empty,
            nearest=(),
            practice=_questions(practice, "practice", held),
        ),
        record,
    )


def _held_out(
    kept: Sequence[Conversation], rng: random.Random
) -> tuple[list[Conversation], list[Conversation]]:
    """The tenth that is held out, prompt by prompt, and the rest, each in the order of the draw."""
    wanted = round(len(kept) * HELD_OUT_SHARE)
    prompts: dict[tuple[str, ...], list[Conversation]] = {}
    for conversation in kept:
        prompts.setdefault(conversation.prompt, []).append(conversation)
    chosen: set[tuple[str, ...]] = set()
    size = 0
    for prompt in rng.sample(list(prompts), len(prompts)):
        if size + len(prompts[prompt]) <= wanted:
            chosen.add(prompt)
            size += len(prompts[prompt])
    return (
        [c for c in kept if c.prompt in chosen],
        [c for c in kept if c.prompt not in chosen],
    )


def _questions(
    practice: PracticeSet, split: Split, conversations: Sequence[Conversation]
) -> tuple[Question, ...]:
    return tuple(c.as_question(split, practice.id, practice.id) for c in conversations)
