"""Progress reporting: the protocol that stages call; the command line implements it as bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Something that stages of a run report to."""

    def stage(self, name: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Begin a stage of `total` units; enter it for what is called with the units done."""

    def begin(self, folder: str) -> None:
        """The run folder is known."""

    def note(self, message: str) -> None:
        """Something that the user should know, and that stops nothing."""


class Silent:
    """Reports nothing; the default of the Python interface."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """Begin a stage and say nothing."""
        del name, total
        yield lambda _: None

    def begin(self, folder: str) -> None:
        """Say nothing."""

    def note(self, message: str) -> None:
        """Say nothing."""
