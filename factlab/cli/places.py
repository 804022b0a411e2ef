"""Where in a configuration file a setting stands that an error is about."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from factlab.errors import ConfigError, ControlsError, DataError, FactError, FactlabError
from factlab.schema.config import RunConfig
from factlab.schema.options import flag_of
from factlab.schema.yaml import Document, read_yaml

_ABOUT_SETTINGS = (ConfigError, ControlsError, DataError, FactError)
_PLACED = re.compile(r"[^\n]{0,4096}?:\d+:\d+: ")


@contextmanager
def naming_settings(file: Path | None, given: Collection[str]) -> Iterator[None]:
    """Put file, line and column in front of an error about a setting of a configuration file.

    Settings are checked together, wherever they come from, and messages name their flags.

    Args:
        file: The configuration file, if there is one.
        given: Settings that the command line gives instead.

    Raises:
        FactlabError: the same error, with its place if it is about a setting of the file.
    """
    try:
        yield
    except _ABOUT_SETTINGS as error:
        if file is None or _PLACED.match(str(error)):
            raise
        raise _placed(error, file, given) from None


def _placed(error: FactlabError, file: Path, given: Collection[str]) -> FactlabError:
    try:
        document = read_yaml(file, ConfigError)
    except FactlabError:
        return error
    keys = [key for key in document.data if key not in given]
    named = [(place, key) for key in keys if (place := _place(str(error), key, document)) >= 0]
    if not named:
        return error
    return type(error)(str(document.fail((min(named)[1],), str(error))))


def _place(message: str, key: str, document: Document) -> int:
    """Where a message names a setting by its flag, or begins with its value; -1 if nowhere."""
    value = document.data[key]
    values = value if isinstance(value, list) else [value]
    if any(isinstance(one, str) and one and message.startswith(f"{one}: ") for one in values):
        return 0
    found = re.search(rf"{re.escape(flag_of(RunConfig, key))}(?![\w-])", message)
    return found.start() if found else -1
