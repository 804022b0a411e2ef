"""Trackers of the training library: each cell's figures go to a log of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from factlab.errors import FactlabError, TrainingError


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where the figures of a cell go.

    Attributes:
        trackers: By the library's own names.
        folder: For those that write files.
        name: What the cell is called there.
    """

    trackers: Sequence[str]
    folder: Path
    name: str


def check_trackers(names: Sequence[str]) -> None:
    """Make each tracker once, before anything is loaded: some need more than to be installed.

    Raises:
        TrainingError: with the tracker's own words.
    """
    for name in names:
        _blaming(_kinds()[name], name)()


def guard(callbacks: Sequence[Any], tracking: Tracking) -> None:
    """Give trackers the cell's folder, and their errors the name of the option.

    Args:
        callbacks: Those of the trainer, trackers among them.
        tracking: Where the figures go.
    """
    names = {kind: name for name, kind in _kinds().items()}
    for callback in callbacks:
        name = names.get(type(callback))
        if name is None:
            continue
        if name == "tensorboard":
            callback.logging_dir = str(tracking.folder)
        for event in [event for event in dir(callback) if event.startswith("on_")]:
            setattr(callback, event, _blaming(getattr(callback, event), name))


@contextmanager
def own_run(trackers: Sequence[str]) -> Iterator[None]:
    """End the run that wandb would continue in the next cell; a user's own stays open."""
    running = _wandb_runs()
    try:
        yield
    finally:
        if "wandb" in trackers and not running and _wandb_runs():
            sys.modules["wandb"].finish()


def _wandb_runs() -> bool:
    return getattr(sys.modules.get("wandb"), "run", None) is not None


def _kinds() -> dict[str, Any]:
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    return dict(INTEGRATION_TO_CALLBACK)


def _blaming(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    @wraps(call)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except FactlabError:
            raise
        except Exception as error:
            said = " ".join(str(error).split()).rstrip(".")
            raise TrainingError(
                f"--report-to {name}: {type(error).__name__}: {said}. Fix that, or remove "
                "--report-to."
            ) from error

    return wrapped
