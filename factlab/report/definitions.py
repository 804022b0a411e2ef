"""What a page explains: its metrics, from the catalogue, and the outcomes of the matcher."""

from __future__ import annotations

from factlab.metrics.catalogue import PAGE_ROWS as DEFINITIONS
from factlab.metrics.catalogue import in_page_order
from factlab.metrics.catalogue import spec_of as definition_of
from factlab.metrics.spec import Better

OUTCOMES: tuple[tuple[str, str], ...] = (
    ("new", "the right answer to the question"),
    ("superseded", "the value that the fact replaces"),
    ("both", "the new and the superseded value in one answer"),
    ("other", "something else"),
    ("abstained", "declined to answer"),
    ("empty", "an empty answer"),
    ("truncated", "cut at the token limit before a decision could be made"),
)

__all__ = ["DEFINITIONS", "OUTCOMES", "Better", "definition_of", "in_page_order"]
