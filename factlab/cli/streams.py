"""The streams of the command line: whatever is written to them is shown as what it is.

What factlab prints goes through `output.py`. What libraries print, and Python for a bug, ends at
these streams all the same, so that nothing reaches a terminal in another way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO

from factlab.display.characters import visible_lines


class ShownStream:
    """A text stream whose control, bidi and invisible characters are shown as what they are."""

    def __init__(self, beneath: TextIO) -> None:
        self.beneath = beneath

    def write(self, text: str) -> int:
        """Write text of any origin."""
        self.beneath.write(visible_lines(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts of any origin."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name in ("buffer", "detach"):  # bytes would go past `write`
            raise AttributeError(name)
        return getattr(self.beneath, name)


def guard_streams() -> None:
    """Put a `ShownStream` before stdout and stderr; what they cannot encode is escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or isinstance(stream, ShownStream):
            continue
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, ShownStream(stream))


def beneath(stream: TextIO) -> TextIO:
    """The stream itself, for rich, whose styles are sequences: give it visible text only."""
    return stream.beneath if isinstance(stream, ShownStream) else stream
