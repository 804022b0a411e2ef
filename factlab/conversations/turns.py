"""A list of turns, in any of the shapes that people's files have → turns with a role and a text."""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from factlab.conversations.marked import Marked, marked_turns
from factlab.conversations.roles import TOOL_ROLES, known_roles, role_of
from factlab.errors import quoted
from factlab.reading.json_text import NotJsonError, check_depth, parse
from factlab.schema.conversation import RowError, UnusableRowError
from factlab.schema.question import Turn

Fields = Mapping[str, Any]
Rounds = Callable[[Fields], list[Turn] | None]
ROLE_KEYS = ("role", "from", "speaker", "author", "sender")
CONTENT_KEYS = ("content", "value", "text", "message", "parts", "body")
TOOL_KEYS = ("tool_calls", "function_call", "tool_call_id")
THOUGHTS = {"thinking", "reasoning", "redacted_thinking", "thought"}  # of the model, left out
TEXTS = {"text", "input_text", "output_text", "refusal"}
TOOL_PARTS = {"tool_use", "tool_result", "tool_call", "tool_response"}
USES_TOOLS = "use tools"
MOST_CELL = 200_000  # characters of a Python list in a cell of a table
_SEAM = re.compile(r"\s")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_OTHER = re.compile(r"[\W_]+")


def fields(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Keys in small letters with _ between words; a key without a value counts as absent."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        empty = value is None or (isinstance(value, float) and math.isnan(value))
        if not empty:
            found.setdefault(_name(str(key)[:200]), value)
    return found


@lru_cache(4096)
def _name(key: str) -> str:
    return _OTHER.sub("_", _HUMP.sub("_", key).lower()).strip("_")


def listed_in(value: object) -> list[Any] | None:
    """A list of turns, if this is one: as it is, as JSON or Python in a cell, or by columns.

    A turn alone is a list of one.
    """
    if isinstance(value, str):
        value = _from_cell(value)
    if isinstance(value, Mapping):
        columns = {key: column for key, column in value.items() if isinstance(column, list)}
        if columns and len(columns) == len(value) and len(set(map(len, columns.values()))) == 1:
            return [
                dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ]
        return [value] if _first(fields(value), ROLE_KEYS) is not None else None
    return value if isinstance(value, list) else None


def _from_cell(text: str) -> object:
    beginning = text.lstrip()[:1]
    if beginning not in ("[", "{"):
        return text
    try:
        return parse(text)
    except NotJsonError:
        pass
    try:  # as Python writes a list, and so pandas into a table
        if len(text) <= MOST_CELL:
            check_depth(text, 0, len(text))
            with warnings.catch_warnings():  # of backslashes that are no escapes
                warnings.simplefilter("ignore")
                return ast.literal_eval(text.strip())
    except (NotJsonError, ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    return text


def turns_of(
    value: object, key: str, rounds: Rounds, *, trained_on: bool = False
) -> tuple[str, list[Turn]]:
    """The turns of a list, and what they are written as.

    Args:
        value: A list of turns, or a text that holds one, or a text with markers.
        key: Where it stands, for messages; it names the kind of turns with role and content.
        rounds: Reads an item without a role that holds a question and its answer.
        trained_on: Whether to end with the last answer that its trainer is told to train on.

    Raises:
        RowError: with what is wrong in which turn.
    """
    items = listed_in(value)
    if items is None and isinstance(value, str) and (marked := marked_turns(value)):
        return marked.kind, _sound(marked)
    if not items:
        raise RowError("hold no list of turns", f"'{key}' is not a list of turns")
    if all(isinstance(item, str) for item in items):
        return "alternating", _alternating(items)
    kind, trained = key, 0
    found: list[Turn] = []
    for number, item in enumerate(items, start=1):
        given = fields(item) if isinstance(item, Mapping) else {}
        if (role := _first(given, ROLE_KEYS)) is None and (pair := rounds(given)):
            kind, trained = "rounds", len(found) + len(pair)
            found += pair
            continue
        turn = _turn(given, role, number, key)
        found.append(turn)
        if turn.role == "assistant" and _is_trained(given):
            trained = len(found)
        if "from" in given and "value" in given:
            kind = "sharegpt"
        elif "parts" in given:
            kind = "gemini"
    if trained_on and any(turn.role == "assistant" for turn in found[trained:]):
        found = found[:trained]
        if not found:
            raise UnusableRowError(
                "have no answer to train on", "none of its answers is trained on"
            )
    return kind, found


def _is_trained(given: Fields) -> bool:
    """Whether an answer is to be trained on, as trainers are told with each turn."""
    weight = given.get("weight", 1)
    marks = [given.get(key, True) for key in ("train", "training", "trainable")]
    return weight not in (0, "0") and all(mark not in (False, 0) for mark in marks)


def _turn(given: Fields, role: object, number: int, key: str) -> Turn:
    if isinstance(role, Mapping):  # {"author": {"role": …}}
        role = fields(role).get("role")
    if not isinstance(role, str):
        raise RowError(
            "have turns without a role", f"turn {number} of '{key}' has no role and content"
        )
    named = role_of(role)
    if role.strip().lower() in TOOL_ROLES or any(given.get(tool) for tool in TOOL_KEYS):
        raise UnusableRowError(USES_TOOLS, f"turn {number} calls a tool, or is one's answer")
    if named is None:
        raise RowError(
            "have a role that is not known",
            f"turn {number} has the role {quoted(role)}; known roles: {known_roles()}",
        )
    held = next((name for name in CONTENT_KEYS if name in given), "content")
    return Turn(role=named, content=content_of(given.get(held), f"'{held}' of turn {number}"))


def _first(given: Fields, keys: Sequence[str]) -> Any:
    return next((given[key] for key in keys if key in given), None)


def _alternating(items: Sequence[str]) -> list[Turn]:
    """Texts alone: a question, its answer, and so on."""
    return [
        Turn(role="assistant" if place % 2 else "user", content=text)
        for place, text in enumerate(items)
    ]


def _sound(marked: Marked) -> list[Turn]:
    """The turns of a marked text, if none is a tool's."""
    if marked.tools:
        raise UnusableRowError(USES_TOOLS, "it calls a tool, or holds one's answer")
    return list(marked.turns)


def content_of(value: object, named: str) -> str:
    """The text of a turn: as it is, or in parts.

    Parts are put together as they are, and in lines of their own if nothing separates them. What
    the model thought is left out.

    Raises:
        RowError: if it is no text; UnusableRowError, if it is an image or the like.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        inner = fields(value)
        value = inner["parts"] if isinstance(inner.get("parts"), list) else [value]
    if not isinstance(value, list):
        raise RowError("hold a value that is not text", f"{named} is not text")
    text = ""
    for part in value:
        piece = _part(part, named)
        glued = text and piece and not _SEAM.match(text[-1]) and not _SEAM.match(piece[0])
        text += ("\n" if glued else "") + piece
    return text


def _part(part: object, named: str) -> str:
    if isinstance(part, str):
        return part
    given = fields(part) if isinstance(part, Mapping) else {}
    kind = str(given.get("type", "text")).lower()
    if kind in THOUGHTS:
        return ""
    if kind in TOOL_PARTS or any(key in given for key in ("function_call", "function_response")):
        raise UnusableRowError(USES_TOOLS, f"{named} calls a tool, or holds one's answer")
    text = given.get("text")
    if isinstance(text, Mapping):
        text = fields(text).get("value")
    if kind in TEXTS and isinstance(text, str):
        return text
    if kind in TEXTS and not (media := [key for key in given if key != "type"]):
        raise RowError("hold a value that is not text", f"{named} has a part that is not text")
    what = kind if kind not in TEXTS else media[0]
    raise UnusableRowError(
        "hold images or other media", f"{named} has a part of the kind {quoted(what)}"
    )
