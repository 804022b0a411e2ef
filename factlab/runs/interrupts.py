"""Ctrl-C and SIGTERM while work is under way that ends well only between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_seen: list[int] = []  # of this process


def is_first_signal(number: int) -> bool:
    """Take note of a signal that is to end the process, and say whether it is the first."""
    _seen.append(number)
    return len(_seen) == 1


@dataclass(slots=True)
class HeldSignals:
    """Signals that are held back until the step under way is done.

    Attributes:
        stop: Whether one came: the process is to end after this step.
        passes: Whether one that comes now is not held back: none is after the first.
    """

    stop: bool = False
    passes: bool = False

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """Hold none back meanwhile: what is done here may be broken off anywhere.

        Raises:
            KeyboardInterrupt: for one that was held back, or comes.
        """
        if self.stop:
            raise KeyboardInterrupt
        self.passes = True
        try:
            yield
        finally:
            self.passes = self.stop


@contextmanager
def signals_held_back() -> Iterator[HeldSignals]:
    """Hold the first signal back; a second one acts at once, as it would without this.

    Python has signals in its main thread alone: in another one nothing changes.

    Raises:
        KeyboardInterrupt: at the end, for a signal that was held back and not answered.
    """
    holding = HeldSignals()
    if threading.current_thread() is not threading.main_thread():
        yield holding
        return
    usual = {one: signal.getsignal(one) for one in SIGNALS}

    def hold(number: int, frame: FrameType | None) -> None:
        act = usual[signal.Signals(number)]
        if holding.passes and callable(act):
            act(number, frame)
        else:
            is_first_signal(number)
        holding.stop = holding.passes = True

    # One that is ignored, as by nohup, stays ignored; one that ends the process still does.
    ours = [one for one, act in usual.items() if callable(act)]
    for one in ours:
        signal.signal(one, hold)
    try:
        yield holding
    finally:
        for one in ours:
            signal.signal(one, usual[one])
    if holding.stop:
        raise KeyboardInterrupt
