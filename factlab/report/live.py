"""Progress in a notebook: one output that is drawn again, with a bar per stage."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from factlab.report.notebook import stages_html

REDRAWN_SECONDS = 0.25
_TELLING = 0.05  # share done before an estimate says anything
_MOST_SHOWN = 8  # stages; earlier ones are counted


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, so that outputs can be drawn again."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


@dataclass(slots=True)
class Stage:
    """One stage of a run as it is shown."""

    name: str
    total: int
    done: int = 0
    said: str = ""


@dataclass(slots=True)
class NotebookProgress:
    """Reports to the output of the cell that runs; `factlab.run` uses it in a notebook.

    Attributes:
        stages: All stages so far, in their order.
        lines: The run folder and the notes.
    """

    stages: list[Stage] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    _handle: Any = None
    _drawn: float = 0.0

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """Begin a stage of `total` units."""
        shown, started = Stage(name, total), time.monotonic()
        self.stages.append(shown)
        self._draw()

        def advance(units: int) -> None:
            shown.done += units
            now = time.monotonic()
            if shown.done >= _TELLING * total and shown.done:
                left = (now - started) / shown.done * (total - shown.done)
                shown.said = f"about {left:.0f} s left"
            if now - self._drawn >= REDRAWN_SECONDS:
                self._draw()

        try:
            yield advance
        finally:
            shown.said = f"{time.monotonic() - started:.1f} s"
            self._draw()

    def begin(self, folder: str) -> None:
        """Say where the run goes."""
        self.lines.append(f"run folder: {folder}")
        self._draw()

    def note(self, message: str) -> None:
        """Something that stops nothing."""
        self.lines.append(message)
        self._draw()

    def _draw(self) -> None:
        from IPython.display import HTML, display

        self._drawn = time.monotonic()
        hidden = max(0, len(self.stages) - _MOST_SHOWN)
        lines = [*self.lines, f"{hidden} earlier stages are done"] if hidden else self.lines
        html = HTML(stages_html(self.stages[hidden:], lines))  # type: ignore[no-untyped-call]
        if self._handle is None:
            self._handle = display(html, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(html)
