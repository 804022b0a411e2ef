"""What a record of a set has under a key, of the kind that its layout says; else it is skipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from factlab.published.published_set import SkippedError
from factlab.reading.bounds import MOST_TEXT

MOST_LISTED = 1_000  # texts or objects of a list; a case has some dozens


def text_of(record: Mapping[str, Any], *keys: str) -> str:
    """The text under the first of some keys that is there, spaces around it removed.

    Raises:
        SkippedError: if there is none, or it is no text, or too long for a question.
    """
    for key in keys:
        if record.get(key) is not None:
            value = record[key]
            if not isinstance(value, str) or not value.strip():
                raise SkippedError(f"'{key}' is no text")
            if len(value) > MOST_TEXT:
                raise SkippedError(f"'{key}' is longer than {MOST_TEXT:,} characters")
            return value.strip()
    raise SkippedError(f"there is no '{keys[0]}'")


def object_of(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under a key.

    Raises:
        SkippedError: if there is none.
    """
    value = record.get(key)
    if not isinstance(value, Mapping):
        raise SkippedError(f"there is no object '{key}'")
    return value


def objects_of(record: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects of a list under a key; none where the key is not there.

    Raises:
        SkippedError: if it is no list of objects.
    """
    value = record.get(key) or []
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise SkippedError(f"'{key}' is no list of objects")
    _bounded(value, key)
    return value


def texts_of(record: Mapping[str, Any], key: str) -> list[str]:
    """The texts of a list under a key, empty ones left out; none where the key is not there.

    Raises:
        SkippedError: if it is no list of texts.
    """
    value = record.get(key) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise SkippedError(f"'{key}' is no list of texts")
    _bounded(value, key)
    return [one.strip() for one in value if one.strip()]


def answers_of(truth: object) -> list[str]:
    """The right answers of a test as KnowEdit writes them: a text, a list, or a list of lists.

    Raises:
        SkippedError: for far more, or far longer ones, than a test has.
    """
    found = list(islice(_answers(truth), MOST_LISTED + 1))
    _bounded(found, "answers")
    return found


def _answers(truth: object) -> Iterator[str]:
    if isinstance(truth, str):
        if text := truth.strip():
            yield text
    elif isinstance(truth, list):
        for one in truth:
            yield from _answers(one)


def _bounded(found: Sequence[object], key: str) -> None:
    if len(found) > MOST_LISTED:
        raise SkippedError(f"'{key}' holds more than {MOST_LISTED:,} items")
    if any(isinstance(one, str) and len(one) > MOST_TEXT for one in found):
        raise SkippedError(f"'{key}' holds a text longer than {MOST_TEXT:,} characters")
