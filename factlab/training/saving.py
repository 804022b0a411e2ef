"""When training is saved, and where it goes on that was stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from factlab.training.state import TrainingState

States = Callable[[], Sequence[TrainingState]]


class Stop(Protocol):
    """Says whether the user, or a cluster, wants the process to end."""

    @property
    def stop(self) -> bool:
        """Whether it is to end after this step."""

    def let_through(self) -> AbstractContextManager[None]:
        """Where it may be ended anywhere."""


@dataclass(slots=True)
class Saving:
    """Saves training between steps: as often as was asked for, and when it is to stop.

    Attributes:
        write: Keeps the states of the adapters that are trained side by side.
        minutes: Save when so much time has passed since the last; None: never by time.
        steps: Save after so many steps; None: never by steps.
        ending: Whether the process is to end; None: nothing is saved then.
        states: Of training that was stopped: it goes on after their step. Empty: it begins. They
            are let go of once they are taken up.
        seconds: What the training took that is gone on with.
        done: Steps that were made before.
    """

    write: Callable[[Sequence[TrainingState]], None]
    minutes: float | None = None
    steps: int | None = None
    ending: Stop | None = None
    states: Sequence[TrainingState] = ()
    seconds: float = field(init=False)
    done: int = field(init=False)
    _last: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Remember where it goes on."""
        self.done = self.states[0].step if self.states else 0
        self.seconds = self.states[0].plain["steps"][-1]["seconds"] if self.states else 0.0

    def after(self, step: int, states: States) -> None:
        """Save if it is time to, or if the process is to end.

        Raises:
            KeyboardInterrupt: if it is to end; training is saved then, however young the last is.
        """
        ends = self.ending is not None and self.ending.stop
        if ends or self._is_due(step):
            self.write(states())
            self._last = time.monotonic()
        if ends:
            raise KeyboardInterrupt

    def breakable(self) -> AbstractContextManager[None]:
        """Where the process may be ended at once: `cut_off` keeps the training then."""
        return self.ending.let_through() if self.ending else nullcontext()

    def cut_off(self, states: States) -> None:
        """Keep the training where measuring in between was broken off."""
        if self.ending is not None:
            self.write(states())

    def _is_due(self, step: int) -> bool:
        by_steps = self.steps is not None and step % self.steps == 0
        waited = (time.monotonic() - self._last) / 60
        return by_steps or (self.minutes is not None and waited >= self.minutes)
