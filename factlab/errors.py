"""Every error that a user can fix. Bugs are not caught and keep their traceback.

A message says where, what, what is known, and what to do, in one paragraph. It may be about a file
from a stranger, so what it quotes of it is short (`quoted`), and so is the whole (`bounded`).
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable

MOST_QUOTED = 80  # characters of what was given
MOST_MESSAGE = 1_500
MOST_UNBROKEN = 300  # characters without a space: a path, say
MOST_LISTED = 20  # names that a message lists

_UNBROKEN = re.compile(rf"\S{{{MOST_UNBROKEN + 1},}}")
_reading = reprlib.Repr()
_reading.maxlevel, _reading.maxstring, _reading.maxother = 2, MOST_QUOTED // 2, MOST_QUOTED // 2


def shortened(given: object, most: int = MOST_QUOTED) -> str:
    """What was given, in at most so many characters."""
    text = given if isinstance(given, str) else _repr(given)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def quoted(given: object) -> str:
    """What was given, in quotes if it is text; of a long text the beginning and the length."""
    if not isinstance(given, str):
        return shortened(given)
    if len(given) <= MOST_QUOTED:
        return repr(given)
    return f"{given[: MOST_QUOTED // 2]!r}… ({len(given):,} characters)"


def _repr(given: object) -> str:
    try:
        return _reading.repr(given)
    except ValueError:  # an integer of more digits than Python writes
        return "a very large number"


def listed(names: Iterable[str]) -> str:
    """Known names for a message; of many the first ones."""
    all_ = [shortened(name) for name in names]
    more = len(all_) - MOST_LISTED
    return ", ".join(all_[:MOST_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def bounded(message: str) -> str:
    """A message of at most `MOST_MESSAGE` characters: of a longer one its beginning and end.

    Of a word longer than `MOST_UNBROKEN`, too: a path that somebody gave is read at both ends.
    """
    third = MOST_UNBROKEN // 3
    message = _UNBROKEN.sub(lambda found: f"{found[0][: 2 * third]}…{found[0][-third:]}", message)
    if len(message) <= MOST_MESSAGE:
        return message
    end = MOST_MESSAGE // 4
    return f"{message[: MOST_MESSAGE - end - 3]} … {message[-end:]}"


class FactlabError(Exception):
    """Base of all errors that the command line prints as one paragraph and exit code 2."""

    def __init__(self, message: object = "") -> None:
        super().__init__(bounded(str(message)))


class FactError(FactlabError):
    """A fact file cannot be used as written."""


class TemplateError(FactlabError):
    """A phrasing family or relation lexicon cannot be used as written."""


class ControlsError(FactlabError):
    """A control suite cannot be used as written."""


class DataError(FactlabError):
    """A set of conversations to train on cannot be used as written."""


class LeakageError(FactlabError):
    """A held-out question is, or nearly is, a question that is trained on."""


class ConfigError(FactlabError):
    """The run's options contradict each other or name something unknown."""


class ModelError(FactlabError):
    """A model cannot be found, is damaged, or is of an unsupported kind."""


class TrainingError(FactlabError):
    """Training could not produce a usable adapter."""


class DivergedError(TrainingError):
    """The training loss stopped being a finite number."""


class RunFolderError(FactlabError):
    """A run folder cannot be read, written or shared."""


class HubError(FactlabError):
    """The Hugging Face hub refused an upload, or cannot be reached."""


class OutOfMemoryError(FactlabError):
    """The machine has less memory than the work takes."""
