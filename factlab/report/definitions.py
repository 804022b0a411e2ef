"""What a page explains, each thing once: its metrics, from the catalogue, and other words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from factlab.metrics.catalogue import in_page_order
from factlab.metrics.catalogue import spec_of as definition_of
from factlab.metrics.spec import MetricSpec

OUTCOMES: tuple[tuple[str, str], ...] = (
    ("new", "the right answer to the question"),
    ("superseded", "the value that the fact replaces"),
    ("both", "the new and the superseded value in one answer"),
    ("other", "something else"),
    ("abstained", "declined to answer"),
    ("empty", "an empty answer"),
    ("truncated", "cut at the token limit before a decision could be made"),
)


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition and the metrics of a page that it holds for."""

    spec: MetricSpec
    anchor: str
    title: str
    names: tuple[str, ...]


def definitions_for(names: Iterable[str]) -> list[Definition]:
    """The definitions of a page's metrics, each formula once, in the order of the catalogue."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in in_page_order(set(names)):
        spec = definition_of(name)
        if spec.formula:
            found.setdefault((anchor_of(name), spec.formula), []).append(name)
    return [
        Definition(definition_of(members[0]), anchor, _title_of(members), tuple(members))
        for (anchor, _), members in found.items()
    ]


def anchor_of(name: str) -> str:
    """Where a page defines a metric, or nothing: those of one formula have one place."""
    formula = definition_of(name).formula
    if not formula:
        return ""  # a metric of a newer factlab
    kind, _, ring = name.partition("/")
    same = definition_of(f"{kind}/far").formula == formula
    return "def-" + re.sub(r"[^a-z0-9]+", "-", (kind if same or not ring else name).lower())


def _title_of(names: list[str]) -> str:
    """`Intrusion` of `Intrusion, near` and `Intrusion, far`; that of one alone whole."""
    titles = [definition_of(name).title for name in names]
    return titles[0] if len(titles) == 1 else titles[0].partition(",")[0]


__all__ = [
    "OUTCOMES",
    "Definition",
    "anchor_of",
    "definition_of",
    "definitions_for",
    "in_page_order",
]
