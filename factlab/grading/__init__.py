"""Text → value → verdict: the typed matcher. Needs no torch, and nothing else of factlab.

`from factlab.grading import match` grades one answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from factlab.grading.matcher import Match as Match
    from factlab.grading.matcher import match as match
    from factlab.grading.matcher import mentions as mentions

__all__ = ["Match", "match", "mentions"]


def __getattr__(name: str) -> Any:
    # Loaded when used: its patterns take a fifth of a second, and `--help` needs names alone.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {__all__}")
    from factlab.grading import matcher

    return getattr(matcher, name)
