"""The formats that conversations are written in: one reader each, recognised by their keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from factlab.errors import DataError, quoted, shortened
from factlab.schema.conversation import Conversation, conversation_of
from factlab.schema.question import Turn

Row = Mapping[str, Any]
ROLES = get_args(Turn.model_fields["role"].annotation)
MARKERS = re.compile(r"###[ \t]*(Human|Assistant)[ \t]*:")
MOST_KEYS = 8  # that a message lists


@dataclass(frozen=True, slots=True)
class ConversationFormat:
    """A format.

    Attributes:
        name: What results call it.
        keys: Keys that a row of it has; others are ignored.
        shape: What such a row looks like, for messages.
        read: Reads a row with these keys; ValueError says what is wrong in it.
    """

    name: str
    keys: tuple[str, ...]
    shape: str
    read: Callable[[Row], list[Turn]]


def _messages(row: Row) -> list[Turn]:
    found = row["messages"]
    if not isinstance(found, list) or not found:
        raise ValueError("'messages' is not a list of turns")
    return [_turn(item, number) for number, item in enumerate(found, start=1)]


def _turn(item: object, number: int) -> Turn:
    if not isinstance(item, dict) or not isinstance(item.get("role"), str):
        raise ValueError(f"turn {number} of 'messages' has no role and content")
    if item["role"] not in ROLES:
        raise ValueError(
            f"turn {number} has the role {quoted(item['role'])}; known roles: {', '.join(ROLES)}"
        )
    return Turn(role=item["role"], content=_text(item, "content", f" of turn {number}"))


def _prompt_completion(row: Row) -> list[Turn]:
    return _pair(_text(row, "prompt"), _text(row, "completion"))


def _alpaca(row: Row) -> list[Turn]:
    given = _text(row, "input") if row.get("input") is not None else ""
    parts = [part for part in (_text(row, "instruction").strip(), given.strip()) if part]
    return _pair("\n\n".join(parts), _text(row, "output"))


def _guanaco(row: Row) -> list[Turn]:
    opening, *rest = MARKERS.split(_text(row, "text"))
    if opening.strip() or not rest:
        raise ValueError("'text' does not begin with '### Human:'")
    roles = {"Human": "user", "Assistant": "assistant"}
    return [
        Turn.model_validate({"role": roles[marker], "content": text})
        for marker, text in zip(rest[::2], rest[1::2], strict=True)
    ]


def _pair(question: str, answer: str) -> list[Turn]:
    return [Turn(role="user", content=question), Turn(role="assistant", content=answer)]


def _text(row: Row, key: str, of: str = "") -> str:
    found = row.get(key)
    if not isinstance(found, str):
        raise ValueError(f"'{key}'{of} is not text")
    return found


FORMATS = (
    ConversationFormat(
        "messages", ("messages",), '{"messages": [{"role": …, "content": …}, …]}', _messages
    ),
    ConversationFormat(
        "prompt_completion",
        ("prompt", "completion"),
        '{"prompt": …, "completion": …}',
        _prompt_completion,
    ),
    ConversationFormat(
        "alpaca",
        ("instruction", "output"),
        '{"instruction": …, "input": …, "output": …} (input may be missing)',
        _alpaca,
    ),
    ConversationFormat("guanaco", ("text",), '{"text": "### Human: … ### Assistant: …"}', _guanaco),
)
KNOWN = "; ".join(f.shape for f in FORMATS)


def read_row(row: object, where: str, number: int) -> Conversation:
    """Read a row of any format; a key without a value counts as absent, as tables write it.

    Args:
        row: What was parsed.
        where: File and line, for messages.
        number: Which row it is, from 1 on.

    Raises:
        DataError: with the place, for a row of no format that is known, or broken in its own.
    """
    if not isinstance(row, dict):
        raise DataError(f"{where}: expected an object with keys. Known formats: {KNOWN}.")
    there = {key for key, value in row.items() if value is not None}
    known = next((f for f in FORMATS if there.issuperset(f.keys)), None)
    if known is None:
        keys = ", ".join(shortened(str(key)) for key in list(row)[:MOST_KEYS]) or "none"
        raise DataError(f"{where}: unknown format; keys found: {keys}. Known formats: {KNOWN}.")
    try:
        found = conversation_of(known.read(row))
    except ValueError as problem:
        raise DataError(
            f"{where}: {problem}. Read as {known.name}: {known.shape}. Fix this row, or remove it."
        ) from None
    return replace(found, kind=known.name, where=where, number=number)
