"""The formats that conversations are written in, recognised by the keys of a row.

`FORMATS` is the one table of them; the first that a row is of is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from factlab.conversations.cleaning import MEDIA, cleaned
from factlab.conversations.keys import (
    MEDIA_KEYS,
    OTHER_TURN_KEYS,
    TURN_KEYS,
    Fields,
    fields,
    is_blank,
)
from factlab.conversations.marked import Marked, marked_turns
from factlab.conversations.marks import SHOWN
from factlab.conversations.pairs import pair_keys, pair_turns, round_turns, system_turns
from factlab.conversations.preferences import is_preference, preference_turns, refuse_bad_label
from factlab.conversations.turns import listed_in, sound, texts_of, turn_list, turns_of
from factlab.errors import shortened
from factlab.schema.conversation import Conversation, RowError, UnusableRowError, conversation_of
from factlab.schema.question import Turn

MOST_KEYS = 4  # that a message lists
LONGEST_KEY = 24  # characters of one
MOST_SEARCHED = 24  # keys that are looked through for turns under a name that is not known
Read = tuple[str, list[Turn]]  # the name of the format, and the turns


@dataclass(frozen=True, slots=True)
class ConversationFormat:
    """A format.

    Attributes:
        name: What it is; results name some by their keys.
        shape: What a row of it looks like, for messages; empty, if another row says it.
        fits: Whether a row is of it, by its keys and the kinds of its values.
        read: The turns of a row that is.
    """

    name: str
    shape: str
    fits: Callable[[Fields], bool]
    read: Callable[[Fields], Read]


# --- lists of turns -------------------------------------------------------------------------------


def _turns_key(given: Fields) -> str | None:
    """The usual key that holds a list of turns with roles."""
    return next((k for k in (*TURN_KEYS, *OTHER_TURN_KEYS) if turn_list(given.get(k))), None)


def _list_key(given: Fields) -> str | None:
    """The usual key that holds turns in another shape, or that should hold them."""
    for key in (*TURN_KEYS, *OTHER_TURN_KEYS):
        value = given.get(key)
        if is_blank(value) or (key == "data" and texts_of(value) is None):
            continue
        if listed_in(value) is not None or _marked_in(value) is not None:
            return key
    return next((key for key in TURN_KEYS if key in given), None)


def _other_key(given: Fields) -> str | None:
    """Any key that holds a list of turns with roles."""
    names = list(given)[:MOST_SEARCHED]
    return next((key for key in names if turn_list(given[key]) is not None), None)


def _read_turns(find: Callable[[Fields], str | None]) -> Callable[[Fields], Read]:
    def read(given: Fields) -> Read:
        key = find(given) or TURN_KEYS[0]
        return turns_of(given[key], key, round_turns, trained_on=True)

    return read


# --- texts with marked turns ----------------------------------------------------------------------


def _marked_in(value: object) -> Marked | None:
    """The marked turns of a text; None, if it has none, or one of an unknown role."""
    try:
        return marked_turns(value) if isinstance(value, str) else None
    except RowError:
        return None


def _is_template(given: Fields) -> bool:
    """Whether `text` is a whole conversation by a chat template, and the columns say less."""
    marked = _marked_in(given.get("text"))
    if marked is None or not marked.strong or not marked.whole:
        return False
    if pair_keys(given) is None:
        return True
    try:
        same = conversation_of(pair_turns(given)[1]) == conversation_of(marked.turns)
    except RowError:
        return True
    return not same


def _template_key(given: Fields) -> str | None:
    """Any key whose text is a whole conversation by a chat template."""
    for key in list(given)[:MOST_SEARCHED]:
        marked = _marked_in(given[key])
        if marked is not None and marked.strong and marked.whole:
            return key
    return None


def _read_text(given: Fields, key: str = "text") -> Read:
    value = given[key]
    if isinstance(value, str) and (marked := marked_turns(value)):
        return marked.kind, sound(marked)
    if listed_in(value) is not None:
        return turns_of(value, key, round_turns)
    raise RowError("are text without turns", f"'{key}' has no markers of turns; known: {SHOWN}")


def _read_template(given: Fields) -> Read:
    return _read_text(given, _template_key(given) or "text")


FORMATS = (
    ConversationFormat("preference", '{"prompt": …, "chosen": …}', is_preference, preference_turns),
    ConversationFormat(
        "messages",
        '{"messages": [{"role": …, "content": …}, …]}',
        lambda given: _turns_key(given) is not None,
        _read_turns(_turns_key),
    ),
    ConversationFormat("text", "", _is_template, _read_text),
    ConversationFormat(
        "prompt_completion",
        '{"prompt": …, "completion": …}',
        lambda given: pair_keys(given) is not None,
        pair_turns,
    ),
    ConversationFormat(
        "text",
        '{"text": …} with marked turns',
        lambda given: "text" in given and _marked_in(given["text"]) is not None,
        _read_text,
    ),
    ConversationFormat(
        "conversations",
        '{"conversations": [{"from": …, "value": …}, …]}',
        lambda given: _list_key(given) is not None,
        _read_turns(_list_key),
    ),
    ConversationFormat(
        "turns", "", lambda given: _other_key(given) is not None, _read_turns(_other_key)
    ),
    ConversationFormat("text", "", lambda given: _template_key(given) is not None, _read_template),
    ConversationFormat("text", "", lambda given: "text" in given, _read_text),
)
KNOWN = "; ".join(
    [
        *(one.shape for one in FORMATS if one.shape),
        *('{"instruction": …, "input": …, "output": …}', '{"question": …, "answer": …}'),
        "and the like",
    ]
)


def recognised(row: Mapping[Any, Any]) -> str | None:
    """The format of a row by its keys, in a word; None if it is of none."""
    found = _format(fields(row))
    return found.name if found else None


def is_row(found: Mapping[Any, Any], *, line: bool = False) -> bool:
    """Whether an object that is a file of its own is a row, and not what holds the rows.

    Args:
        found: The object.
        line: It is the one line of a file of lines, where a row is more usual.
    """
    kind = _format(fields(found))
    nested = any(isinstance(value, Mapping | list) for value in found.values())
    if kind is None:
        return not nested
    if kind.name in ("messages", "preference", "prompt_completion", "text"):
        return kind.name == "messages" or _reads(found) or not nested
    lists = [value for value in found.values() if isinstance(value, list) and value]
    if any(isinstance(value[0], Mapping) and recognised(value[0]) for value in lists):
        return line and _reads(found)
    return _reads(found) or any(turn_list(value) is not None for value in lists)


def _reads(found: Mapping[Any, Any]) -> bool:
    try:
        understood(found)
    except UnusableRowError:
        return not any(isinstance(value, Mapping) for value in found.values())
    except RowError:
        return False
    return True


def _format(given: Fields) -> ConversationFormat | None:
    return next((one for one in FORMATS if one.fits(given)), None)


def understood(row: object, where: str = "", number: int = 0) -> Conversation:
    """Read a row of any format; a key without a value counts as absent, as tables write it.

    Args:
        row: What was parsed, or the error, if it could not be.
        where: File and line.
        number: Which row it is, from 1 on.

    Raises:
        RowError: with its reason and what is wrong; UnusableRowError, for a sound row that is
            nothing to train on.
    """
    if isinstance(row, RowError):
        raise row
    if isinstance(row, list) and row and all(isinstance(turn, dict) for turn in row):
        row = {"messages": row}
    if not isinstance(row, Mapping):
        raise RowError("are no objects with keys", "expected an object with keys")
    given = fields(row)
    kind = _format(given)
    if kind is None:
        raise _unknown(row)
    name = kind.name
    try:
        if media := next((key for key in MEDIA_KEYS if given.get(key)), None):
            raise UnusableRowError(MEDIA, f"it has a value in '{media}'")
        refuse_bad_label(given)
        name, turns = kind.read(given)
        texts, notes = cleaned([*system_turns(given, turns), *turns])
        return replace(conversation_of(texts), kind=name, where=where, number=number, notes=notes)
    except UnusableRowError:
        raise
    except RowError as problem:
        raise RowError(problem.reason, f"{problem.said} (read as {name})") from None


def _unknown(row: Mapping[Any, Any]) -> RowError:
    """What is wrong with a row that is of no format."""
    if pair := pair_keys(fields(dict.fromkeys(row, True))):
        return RowError("have a key without a value", f"'{pair[0]}' or '{pair[1]}' has no value")
    keys = ", ".join(shortened(str(key), LONGEST_KEY) for key in list(row)[:MOST_KEYS])
    return RowError(
        "are of an unknown format",
        f"unknown format; keys found: {keys or 'none'}. Known formats: {KNOWN}",
    )
