"""Which conversations of a set are used: a seeded order, and what is left out of it and why.

A conversation is left out if training on it would bias the measurement, because it states a fact's
new value or asks nearly what the run measures, or if it is longer than the stated bound.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from factlab.conversations.tally import said_of
from factlab.errors import listed
from factlab.expand.leakage import NEAR_DUPLICATE, nearest_trained
from factlab.grading.answer import Answer
from factlab.grading.names import fold
from factlab.schema.conversation import Conversation, ConversationSet, SetRecord

CHUNK = 256  # conversations compared with the prompts at once, to bound the similarity matrix
# A prompt shorter than this (in characters) is not searched for inside longer turns: short prompts
# occur in unrelated conversations by chance.
LEAST_SHARED = 15
MOST_CHARACTERS = 50_000  # of a conversation: as good as always more tokens than are trained on
Length = Callable[[Conversation], int]


@dataclass(frozen=True, slots=True)
class ContaminationFilter:
    """What a conversation must not hold, so that training on it does not bias the measurement.

    Attributes:
        values: The new value of each fact that is trained.
        prompts: Every prompt that the run measures on.
        masked: Words that the facts supply to their own questions.
        most_tokens: Longest conversation, answer included.
        length: Tokens of a conversation; None without a tokenizer; the bound is not applied then.
    """

    values: Mapping[str, Answer]
    prompts: Sequence[str]
    masked: Sequence[str] = ()
    most_tokens: int = 0
    length: Length | None = None


@dataclass(slots=True)
class Selection:
    """Selected conversations in the order of the draw, and the number left out by reason."""

    kept: list[Conversation] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def draw(
    conversations: Sequence[Conversation], most: int, *, seed: str, guard: ContaminationFilter
) -> Selection:
    """The first usable conversations of a seeded order, at most `most` of them.

    The order depends on the seed and the number of conversations alone, so a larger draw begins
    with a smaller one.
    """
    order = list(conversations)
    random.Random(seed).shuffle(order)
    found = Selection()
    for start in range(0, len(order), CHUNK):
        if len(found.kept) >= most:
            break
        _sort(order[start : start + CHUNK], most, guard, found)
    return found


def record_of(
    read: ConversationSet,
    drawn: Selection,
    *,
    share: float | None = None,
    held_out: int | None = None,
) -> SetRecord:
    """The record of a set in the results."""
    return SetRecord(
        name=read.name,
        share=share,
        sha256=read.sha256,
        formats=dict(read.kinds),
        rows=read.rows,
        repeated=read.repeated,
        used=len(drawn.kept),
        held_out=held_out,
        left_out=dict(drawn.left_out),
        skipped=read.skipped,
        taken_off=dict(read.taken_off),
        passed_over=read.passed_over,
    )


def usable(record: SetRecord) -> str:
    """How many of a set's rows can be used, and what was left out, for sentences."""
    sentence = f"only {record.used:,} of its {record.rows:,} rows can be used"
    reasons = [f"{number:,} {reason}" for reason, number in record.left_out.items()]
    reasons += [f"{one.rows:,} {one.reason}" for one in record.skipped]
    if record.repeated:
        reasons.append(f"{record.repeated:,} repeat another")
    return sentence + (f" ({'; '.join(reasons)})" if reasons else "")


def notes_on(record: SetRecord) -> tuple[str, ...]:
    """What was left out of a set, in sentences."""
    reasons = [f"{number:,} that {reason}" for reason, number in record.left_out.items()]
    if record.repeated:
        reasons.append(f"{record.repeated:,} that repeat another row")
    notes = (
        [f"{record.name}: conversations were left out: {'; '.join(reasons)}."] if reasons else []
    )
    if record.skipped:
        number = sum(one.rows for one in record.skipped)
        notes.append(
            f"{record.name}: {number:,} of {record.rows:,} rows were left out: "
            f"{said_of(record.skipped)}."
        )
    if record.taken_off:
        said = [f"{number:,} rows {what}" for what, number in record.taken_off.items()]
        notes.append(f"{record.name}: in {'; in '.join(said)}.")
    if record.passed_over:
        notes.append(
            f"{record.name}: passed over, since they hold no rows: {listed(record.passed_over)}."
        )
    return tuple(notes)


def _sort(
    chunk: Sequence[Conversation], most: int, guard: ContaminationFilter, found: Selection
) -> None:
    readable = [one for one in chunk if not _is_huge(one)]  # the others are not looked through
    near = _near_a_question(readable, guard)
    for conversation in chunk:
        if len(found.kept) >= most:
            return
        huge = _is_huge(conversation)
        reason = f"are longer than {MOST_CHARACTERS:,} characters" if huge else None
        reason = reason or _holds_value(conversation, guard.values)
        if reason is None and any(text in near for text in conversation.user_turns):
            reason = "ask nearly what the run measures on"
        if reason is None and _is_long(conversation, guard):
            reason = f"are longer than {guard.most_tokens:,} tokens"
        if reason is None:
            found.kept.append(conversation)
        else:
            found.left_out[reason] += 1


def _is_huge(conversation: Conversation) -> bool:
    return sum(map(len, conversation.texts)) > MOST_CHARACTERS


def _is_long(conversation: Conversation, guard: ContaminationFilter) -> bool:
    return guard.length is not None and guard.length(conversation) > guard.most_tokens


def _holds_value(conversation: Conversation, values: Mapping[str, Answer]) -> str | None:
    for fact, answer in values.items():
        if any(answer.find(text) for text in conversation.texts):
            return f"hold the injected value of {fact} ({answer.primary()})"
    return None


def _near_a_question(chunk: Sequence[Conversation], guard: ContaminationFilter) -> set[str]:
    """The user turns that are, nearly are, or hold a prompt that is measured on."""
    turns = list(dict.fromkeys(text for conversation in chunk for text in conversation.user_turns))
    pairs = nearest_trained(turns, guard.prompts, guard.masked)
    near = {pair.held_out for pair in pairs if pair.similarity >= NEAR_DUPLICATE}
    whole = [text for text in map(fold, guard.prompts) if len(text) >= LEAST_SHARED]
    folded = {turn: fold(turn) for turn in turns}
    return near | {turn for turn in turns if any(text in folded[turn] for text in whole)}
