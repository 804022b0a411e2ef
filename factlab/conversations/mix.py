"""Conversations mixed into the training pairs of facts, by share.

A share counts examples: the part of all pairs of an epoch that comes from the set. The pairs of the
facts stay as many as without a mix, so an epoch grows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from factlab.conversations.selection import ContaminationFilter, draw, record_of, usable
from factlab.conversations.source import read_set
from factlab.errors import ConfigError, DataError, shortened
from factlab.schema.config import OnBadRow
from factlab.schema.conversation import ConversationSet, SetRecord
from factlab.schema.question import Question

SHAPE = "Write FILE:SHARE, such as everyday:0.3, with a share above 0 and below 1."


@dataclass(frozen=True, slots=True)
class MixShare:
    """A set and the share of the training pairs that is to come from it."""

    source: str
    share: float


@dataclass(frozen=True, slots=True)
class MixedSet:
    """A set that is mixed in.

    Attributes:
        share: Of all training pairs of an adapter.
        pairs: In the order of the draw; an adapter takes the first ones, as many as its share is.
        record: Its record in the results.
    """

    share: float
    pairs: tuple[Question, ...]
    record: SetRecord


def parse_mix(specs: Sequence[str]) -> tuple[MixShare, ...]:
    """Read `FILE:SHARE` of each.

    Raises:
        ConfigError: for a share out of range, shares that sum to 1 or more, or a set named twice.
    """
    found = tuple(_wanted(spec) for spec in specs)
    if sum(wanted.share for wanted in found) >= 1:
        raise ConfigError(
            f"--mix: the shares of {shortened(' and '.join(specs))} sum to 1 or more and leave "
            "nothing for the facts. Lower them."
        )
    sources = [wanted.source for wanted in found]
    for source in sources:
        if sources.count(source) > 1:
            raise ConfigError(
                f"--mix: {shortened(source)} is named twice. Name it once, with the whole share."
            )
    return found


def _wanted(spec: str) -> MixShare:
    source, _, said = spec.rpartition(":")
    try:
        share = float(said)
    except ValueError:
        raise ConfigError(
            f"--mix {shortened(spec)}: there is no share after the last colon. {SHAPE}"
        ) from None
    if not source:
        raise ConfigError(f"--mix {shortened(spec)}: no file is named. {SHAPE}")
    if not 0 < share < 1:
        raise ConfigError(f"--mix {shortened(spec)}: {shortened(said)} is not a share. {SHAPE}")
    return MixShare(source, share)


def mix_counts(pairs: int, shares: Sequence[float]) -> list[int]:
    """How many pairs of each set are mixed with `pairs` pairs of the facts; at least one.

    With shares s and S their sum, `pairs` are the share 1 - S of all, so a set gives
    pairs · s / (1 - S), rounded.
    """
    rest = 1 - math.fsum(shares)
    return [max(1, round(pairs * share / rest)) for share in shares]


def load_mix(
    wanted: Sequence[MixShare],
    pairs: Sequence[int],
    *,
    seed: int,
    guard: ContaminationFilter,
    on_bad_row: OnBadRow | None = None,
) -> tuple[MixedSet, ...]:
    """Load each set and select what the adapters of a run take from it.

    Args:
        wanted: Sets and shares.
        pairs: Training pairs of its facts, for each adapter.
        seed: Of the data.
        guard: What is left out.
        on_bad_row: What is done about a row that cannot be read.

    Raises:
        DataError: for a set that cannot be read, or has too few usable conversations.
    """
    most = mix_counts(max(pairs, default=0), [one.share for one in wanted])
    found: list[MixedSet] = []
    for place, (one, size) in enumerate(zip(wanted, most, strict=True), start=1):
        read = read_set(one.source, on_bad_row)
        mixed = _drawn(one, read, size, f"{seed}/mix/{place}", guard, place)
        if any(mixed.record.sha256 == other.record.sha256 for other in found):
            raise DataError(f"--mix {one.source}: the same contents are mixed in twice.")
        found.append(mixed)
    return tuple(found)


def _drawn(
    wanted: MixShare,
    read: ConversationSet,
    size: int,
    seed: str,
    guard: ContaminationFilter,
    place: int,
) -> MixedSet:
    found = draw(read.conversations, size, seed=seed, guard=guard)
    record = record_of(read, found, share=wanted.share)
    if len(found.kept) < size:
        raise DataError(
            f"--mix {wanted.source}:{wanted.share:g}: this share needs {size:,} conversations, but "
            f"{usable(record)}. Give a larger set or a smaller share."
        )
    pairs = tuple(c.as_question("mix", f"{place}-{read.name}") for c in found.kept)
    return MixedSet(wanted.share, pairs, record)
