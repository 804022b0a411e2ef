"""A list of turns, in any of the shapes that people's files have → turns with a role and a text."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from factlab.conversations.cleaning import MEDIA, USES_TOOLS
from factlab.conversations.keys import (
    CONTENT_KEYS,
    MEDIA_KEYS,
    ROLE_KEYS,
    TOOL_KEYS,
    Fields,
    fields,
    filled,
    is_blank,
)
from factlab.conversations.marked import MOST_MARKERS, Marked, marked_turns
from factlab.conversations.roles import TOOL_ROLES, known_roles, role_of
from factlab.errors import quoted
from factlab.reading.json_text import NotJsonError, check_depth, parse
from factlab.schema.conversation import RowError, UnusableRowError
from factlab.schema.question import Turn

Rounds = Callable[[Fields], list[Turn] | None]
THOUGHTS = {"thinking", "reasoning", "redacted_thinking", "thought", "reasoning_content"}
TEXTS = {"text", "input_text", "output_text", "refusal", "str", "string", "markdown"}
TEXT_KEYS = ("text", "content", "value", "body", "message", "answer", "response", "output")
TOOL_PARTS = {"tool_use", "tool_result", "tool_call", "tool_response", "server_tool_use"}
MEDIA_PARTS = re.compile(r"image|video|audio|file|document|media|inline_?data|photo|picture|blob")
MOST_CELL = 200_000  # characters of a Python list in a cell of a table
_SEAM = re.compile(r"\s")
_SPEAKERS = {0: "user", 1: "assistant"}  # of sets that number them


def listed_in(value: object) -> list[Any] | None:
    """A list of turns, if this is one: as it is, as JSON or Python in a cell, or by columns.

    A turn alone is a list of one; a tree of messages is the path to its current one.
    """
    if isinstance(value, str):
        value = _from_cell(value)
    if isinstance(value, Mapping):
        columns = {key: column for key, column in value.items() if isinstance(column, list)}
        if columns and len(columns) == len(value) and len(set(map(len, columns.values()))) == 1:
            return [
                dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ]
        if (path := _path(value)) is not None:
            return path
        return [value] if role_in(turn_fields(value)) is not None else None
    return value if isinstance(value, list) else None


def turn_list(value: object) -> list[Any] | None:
    """A list of turns with roles, if this is one."""
    items = listed_in(value)
    if items and all(isinstance(item, Mapping) for item in items):
        given = turn_fields(items[0])
        if role_in(given) is not None and any(key in given for key in CONTENT_KEYS):
            return items
    return None


def texts_of(value: object) -> list[str] | None:
    """A list of two texts or more, if this is one."""
    items = value if isinstance(value, list) else None
    good = items is not None and len(items) > 1 and all(isinstance(item, str) for item in items)
    return items if good else None


def _path(tree: Mapping[Any, Any]) -> list[Any] | None:
    """The messages from the first of a tree to its last, where each node names its parent."""
    nodes = {key: node for key, node in tree.items() if isinstance(node, Mapping)}
    if not nodes or len(nodes) < len(tree) or not all("parent" in n for n in nodes.values()):
        return None
    parents = {str(node["parent"]) for node in nodes.values()}
    place: object = next((key for key in reversed(nodes) if str(key) not in parents), None)
    found: list[Any] = []
    for _ in nodes:
        node = nodes.get(place) if isinstance(place, str) else None
        if node is None:
            break
        message = node.get("message")
        if isinstance(message, Mapping) and not _says_nothing(message):
            found.append(message)
        place = node["parent"]
    return found[::-1]


def _says_nothing(message: Mapping[Any, Any]) -> bool:
    """A message that its export has for its own use: hidden, or without a text."""
    content = message.get("content")
    parts = content.get("parts") if isinstance(content, Mapping) else content
    return is_blank(parts) or parts is None or parts == [""]


def turn_fields(item: Mapping[Any, Any]) -> Fields:
    """The fields of a turn; those within an envelope (`data`, `kwargs`, `message`) beside them."""
    given = fields(item)
    for name in ("data", "kwargs", "message"):
        inner = given.get(name)
        if isinstance(inner, Mapping):
            given = {**fields(inner), **{k: v for k, v in given.items() if k != name}}
            if name == "kwargs" and isinstance(kinds := given.get("id"), list) and kinds:
                given = {**given, "role": str(kinds[-1])}  # the class that it is made of
    return given


def role_in(given: Fields) -> object:
    """What says whose turn it is; None without it."""
    key = next((key for key in ROLE_KEYS if key in given), None)
    if key is not None:
        return given[key]
    kind = given.get("type")
    known = isinstance(kind, str) and (role_of(kind) or kind.lower() in TOOL_ROLES)
    return kind if known else None


def _from_cell(text: str) -> object:
    beginning = text.lstrip()[:1]
    if beginning not in ("[", "{"):
        return text
    try:
        return parse(text, nan_as_none=True)
    except NotJsonError:
        pass
    try:  # as Python writes a list, and so pandas into a table
        if len(text) <= MOST_CELL:
            check_depth(text, 0, len(text))
            with warnings.catch_warnings():  # of backslashes that are no escapes
                warnings.simplefilter("ignore")
                return ast.literal_eval(text.strip())
    except (NotJsonError, ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
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
        return marked.kind, sound(marked)
    if not items:
        raise RowError("hold no list of turns", f"'{key}' is not a list of turns")
    if len(items) > MOST_MARKERS:
        raise RowError("hold too many turns", f"'{key}' holds more than {MOST_MARKERS:,} turns")
    if all(isinstance(item, str) for item in items):
        return "alternating", alternating(items)
    kind = key
    found: list[Turn] = []
    marks: list[bool] = []  # whether each is to be trained on
    for number, item in enumerate(items, start=1):
        given = turn_fields(item) if isinstance(item, Mapping) else {}
        if (role := role_in(given)) is None and (pair := rounds(given)):
            kind = "rounds"
            found += pair
        else:
            found.append(_turn(given, role, number, key))
            kind = _written_as(given) or kind
        marks += [_is_trained(given)] * (len(found) - len(marks))
    found = _of_a_service(found)
    return kind, _up_to_trained(found, marks) if trained_on else found


def _up_to_trained(turns: list[Turn], marks: Sequence[bool]) -> list[Turn]:
    """The turns up to the last answer that is to be trained on."""
    answers = [place for place, turn in enumerate(turns) if turn.role == "assistant"]
    trained = [place for place in answers if marks[place]]
    if answers and not trained:
        raise UnusableRowError("have no answer to train on", "none of its answers is trained on")
    return turns if not answers or trained[-1] == answers[-1] else turns[: trained[-1] + 1]


def _written_as(given: Fields) -> str | None:
    if "from" in given and "value" in given:
        return "sharegpt"
    if "parts" in given:
        return "gemini"
    if "lc" in given or ("type" in given and not any(key in given for key in ROLE_KEYS)):
        return "langchain"
    return None


def _of_a_service(turns: list[Turn]) -> list[Turn]:
    """The turns; where a system alone answers the user, it is the assistant."""
    roles = [turn.role for turn in turns]
    if "assistant" in roles or roles[:1] != ["user"] or "system" not in roles:
        return turns
    return [
        turn.model_copy(update={"role": "assistant"}) if turn.role == "system" else turn
        for turn in turns
    ]


def _is_trained(given: Fields) -> bool:
    """Whether an answer is to be trained on, as trainers are told with each turn."""
    weight = given.get("weight", 1)
    marks = [given.get(key, True) for key in ("train", "training", "trainable")]
    return weight not in (0, "0") and all(mark not in (False, 0) for mark in marks)


def _turn(given: Fields, role: object, number: int, key: str) -> Turn:
    if isinstance(role, Mapping):  # {"author": {"role": …}}
        role = fields(role).get("role")
    if isinstance(role, int) and not isinstance(role, bool):
        role = _SPEAKERS.get(role, str(role))
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
    if media := next((one for one in (*MEDIA_KEYS, "attachments", "files") if given.get(one)), ""):
        raise UnusableRowError(MEDIA, f"turn {number} has a value in '{media}'")
    held = filled(given, CONTENT_KEYS) or "content"
    return Turn(role=named, content=content_of(given.get(held), f"'{held}' of turn {number}"))


def alternating(items: Sequence[str]) -> list[Turn]:
    """Texts alone: a question, its answer, and so on."""
    return [
        Turn(role="assistant" if place % 2 else "user", content=text)
        for place, text in enumerate(items)
    ]


def sound(marked: Marked) -> list[Turn]:
    """The turns of a marked text, if none is a tool's."""
    if marked.tools:
        raise UnusableRowError(USES_TOOLS, "it calls a tool, or holds one's answer")
    return list(marked.turns)


def content_of(value: object, named: str) -> str:
    """The text of a turn: as it is, a number, or in parts.

    Parts are put together as they are, and in lines of their own if nothing separates them. What
    the model thought is left out.

    Raises:
        RowError: if it is no text; UnusableRowError, if it is an image or the like.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping):
        inner = fields(value)
        value = inner["parts"] if isinstance(inner.get("parts"), list) else [value]
    if not isinstance(value, list):
        raise RowError("hold a value that is not text", f"{named} is not text")
    pieces: list[str] = []
    for part in value:
        piece = _part(part, named)
        last = pieces[-1] if pieces else ""
        if last and piece and not _SEAM.match(last[-1]) and not _SEAM.match(piece[0]):
            piece = "\n" + piece
        if piece and not (pieces and _is_thought(part)):
            pieces.append(piece)
    return "".join(pieces)


def _is_thought(part: object) -> bool:
    return isinstance(part, Mapping) and str(part.get("type")).lower() in THOUGHTS


def _part(part: object, named: str) -> str:
    if isinstance(part, str):
        return part
    given = fields(part) if isinstance(part, Mapping) else {}
    kind = str(given.get("type", "text")).lower()
    if kind in THOUGHTS:  # taken off with the others, where it stands before the answer
        return "<think></think>"
    if kind in TOOL_PARTS or any(key in given for key in ("function_call", "function_response")):
        raise UnusableRowError(USES_TOOLS, f"{named} calls a tool, or holds one's answer")
    for key in TEXT_KEYS:
        text = given.get(key)
        if isinstance(text, Mapping):
            text = fields(text).get("value")
        if isinstance(text, str) and (kind in TEXTS or not MEDIA_PARTS.search(kind)):
            return text
    what = next((one for one in (kind, *given) if MEDIA_PARTS.search(one)), None)
    if what is None:
        raise RowError("hold a value that is not text", f"{named} has a part that is not text")
    raise UnusableRowError(MEDIA, f"{named} has a part of the kind {quoted(what)}")
