"""Text → value → verdict: the typed matcher. Needs no torch, and nothing else of factlab.

`from factlab.grading import match` grades one answer.
"""

from __future__ import annotations

from factlab.grading.matcher import Match, match, mentions

__all__ = ["Match", "match", "mentions"]
