"""Progress bars with an estimate on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from factlab.cli.output import rich_console, tell
from factlab.cli.streams import guard_streams
from factlab.display.characters import visible

LINE_EVERY_SECONDS = 15.0
TELLING = 0.05  # share done before an estimate says anything: the first answers come late
interrupted = threading.Event()  # set by Ctrl-C


def make_progress() -> Bars | Lines:
    """The progress that fits where stderr goes."""
    return Bars() if sys.stderr.isatty() else Lines()


def go_on() -> None:
    """Raise a Ctrl-C that was lost in a destructor.

    Raises:
        KeyboardInterrupt: if there was one.
    """
    if interrupted.is_set():
        interrupted.clear()
        raise KeyboardInterrupt


class _Face:
    """What bars and lines share: they remember the run folder, for the command that resumes."""

    folder: str | None = None

    def begin(self, folder: str) -> None:
        """Say where the run goes."""
        self.folder = folder
        self.say(f"run folder: {folder}")

    def note(self, message: str) -> None:
        """Something that stops nothing."""
        self.say(f"note: {message}")

    def say(self, message: str) -> None:
        """One line."""
        tell(message)


class Bars(_Face):
    """A live bar per stage."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """Begin a stage of `total` units."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description:<34}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=rich_console(stderr=True)) as bars:
            guard_streams()  # what is printed below a bar goes through rich, which put itself there
            task = bars.add_task(visible(name), total=total)

            def advance(done: int) -> None:
                bars.advance(task, done)
                go_on()

            go_on()
            yield advance


class Lines(_Face):
    """A line when a stage begins, now and then while it lasts, and when it ends."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """Begin a stage of `total` units."""
        started = said = time.monotonic()
        done = 0

        def advance(units: int) -> None:
            nonlocal done, said
            done += units
            now = time.monotonic()
            if now - said >= LINE_EVERY_SECONDS and done < total:
                said = now
                left = ""
                if done >= TELLING * total:
                    left = f", about {(now - started) / done * (total - done):.0f} s left"
                self.say(f"{name}: {done}/{total}{left}")
            go_on()

        go_on()
        yield advance
        self.say(f"{name}: done in {time.monotonic() - started:.1f} s")
