"""The formats that conversations are written in, recognised by the keys of a row.

Three kinds of row: a list of turns; a prompt beside its answer; one text with marked turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from factlab.conversations.marked import SHOWN, marked_turns
from factlab.conversations.turns import (
    CONTENT_KEYS,
    ROLE_KEYS,
    Fields,
    content_of,
    fields,
    listed_in,
    turns_of,
)
from factlab.errors import shortened
from factlab.schema.conversation import Conversation, RowError, UnusableRowError, conversation_of
from factlab.schema.question import Turn

MOST_KEYS = 4  # that a message lists
LONGEST_KEY = 24  # characters of one


@dataclass(frozen=True, slots=True)
class ConversationFormat:
    """A format, as messages show it.

    Attributes:
        name: What it is.
        shape: What a row of it looks like.
    """

    name: str
    shape: str


FORMATS = (
    ConversationFormat("messages", '{"messages": [{"role": …, "content": …}, …]}'),
    ConversationFormat("sharegpt", '{"conversations": [{"from": …, "value": …}, …]}'),
    ConversationFormat("prompt_completion", '{"prompt": …, "completion": …}'),
    ConversationFormat("alpaca", '{"instruction": …, "input": …, "output": …}'),
    ConversationFormat("question_answer", '{"question": …, "answer": …} and the like'),
    ConversationFormat("preference", '{"prompt": …, "chosen": …}'),
    ConversationFormat("text", '{"text": …} with marked turns'),
)
KNOWN = "; ".join(f.shape for f in FORMATS)

TURN_KEYS = ("messages", "conversations", "conversation")
OTHER_TURN_KEYS = ("contents", "dialogue", "dialog", "chat", "turns", "items")  # if it is a list
SYSTEM_KEYS = ("system", "system_prompt", "system_message", "system_instruction")
CHOSEN_KEYS = ("chosen", "preferred_output", "chosen_response")
CONTEXT_KEYS = ("input", "context")  # stand below the prompt
PROMPT_KEYS = (
    *("instruction", "prompt", "question", "query", "input", "inputs", "problem", "request"),
    *("user", "human", "user_prompt", "user_message", "user_input", "input_text"),
)
ANSWER_KEYS = (
    *("output", "completion", "response", "answer", "assistant", "target", "targets", "outputs"),
    *("reply", "solution", "assistant_message", "assistant_response", "model_response"),
    *("output_text", "target_text", "answers"),
)
PAIR_KEYS = (
    (PROMPT_KEYS, ANSWER_KEYS),
    (("user", "human"), ("gpt", "bot", "ai", "chatgpt", "chatbot", "model", "agent")),
    (("q",), ("a",)),
    (("message_1",), ("message_2",)),
)
MEDIA_KEYS = ("image", "images", "video", "videos", "audio", "audios")
LABEL_KEYS = ("label", "kto_tag")
CHOICE_KEYS = ("choices", "options")
_LETTERS = {"a", "b", "c"}


def recognised(row: Mapping[Any, Any]) -> str | None:
    """The format of a row by its keys, in a word; None if it is of none."""
    return _recognised(fields(row))


def is_row(found: Mapping[Any, Any]) -> bool:
    """Whether an object that is a file of its own is a row, and not what holds the rows."""
    lists = [value for value in found.values() if isinstance(value, list) and value]
    if any(isinstance(value[0], Mapping) and recognised(value[0]) for value in lists):
        return False
    if any(_turn_list(value) is not None for value in lists):
        return True
    try:
        understood(found)
    except UnusableRowError:
        return not any(isinstance(value, Mapping) for value in found.values())
    except RowError:
        return not any(isinstance(value, Mapping | list) for value in found.values())
    return True


def _recognised(given: Fields) -> str | None:
    if _chosen_key(given):
        return "preference"
    if key := _turn_key(given):
        return key
    if pair := _pair_keys(given):
        return _pair_name(*pair, given)
    return "text" if "text" in given else None


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
    kind = _recognised(given)
    if kind is None and (pair := _pair_keys(fields(dict.fromkeys(row, True)))):
        raise RowError("have a key without a value", f"'{pair[0]}' or '{pair[1]}' has no value")
    if kind is None:
        keys = ", ".join(shortened(str(key), LONGEST_KEY) for key in list(row)[:MOST_KEYS])
        raise RowError(
            "are of an unknown format",
            f"unknown format; keys found: {keys or 'none'}. Known formats: {KNOWN}",
        )
    try:
        kind, turns = _turns(kind, given)
        return replace(conversation_of(turns), kind=kind, where=where, number=number)
    except UnusableRowError:
        raise
    except RowError as problem:
        raise RowError(problem.reason, f"{problem.said} (read as {kind})") from None


def _turns(kind: str, given: Fields) -> tuple[str, list[Turn]]:
    if media := next((key for key in MEDIA_KEYS if given.get(key)), None):
        raise UnusableRowError("hold images or other media", f"it has a value in '{media}'")
    if any(str(given.get(key)).lower() == "false" for key in LABEL_KEYS):
        raise UnusableRowError("are labelled as bad answers", "its label is false")
    if kind == "preference":
        found = _preference(given)
    elif key := _turn_key(given):
        kind, found = turns_of(given[key], key, _round, trained_on=True)
    elif pair := _pair_keys(given):
        kind, found = _pair(kind, *pair, given)
    else:
        kind, found = _marked(given)
    return kind, [*_system(given, found), *found]


def _system(given: Fields, turns: Sequence[Turn]) -> list[Turn]:
    """The system's text, if it stands in a key of its own and not in the turns."""
    key = next((key for key in SYSTEM_KEYS if key in given), None)
    if key is None or any(turn.role == "system" for turn in turns):
        return []
    return [Turn(role="system", content=content_of(given[key], f"'{key}'"))]


def _turn_key(given: Fields) -> str | None:
    """The key that holds a list of turns; of a row of no other format, one that should."""
    keys = (*TURN_KEYS, *OTHER_TURN_KEYS)
    if key := next((key for key in keys if _turn_list(given.get(key)) is not None), None):
        return key
    if _pair_keys(given) or "text" in given:
        return None
    for key in keys:
        value = given.get(key)
        if (value and listed_in(value) is not None) or (
            isinstance(value, str) and marked_turns(value) is not None
        ):
            return key
    return next((key for key in TURN_KEYS if key in given), None)


# --- a prompt beside its answer -------------------------------------------------------------------


def _pair_keys(given: Fields) -> tuple[str, str] | None:
    for prompts, answers in PAIR_KEYS:
        answer = next((key for key in answers if key in given), None)
        prompt = next((key for key in prompts if key in given), None)
        if prompt is not None and answer is not None:
            return prompt, answer
    return None


def _pair_name(prompt: str, answer: str, given: Fields) -> str:
    if (prompt, answer) == ("instruction", "output"):
        return "alpaca"
    if (prompt, answer) == ("instruction", "response") and "context" in given:
        return "dolly"
    return f"{prompt}_{answer}"


def _pair(kind: str, prompt: str, answer: str, given: Fields) -> tuple[str, list[Turn]]:
    if any(key in given for key in CHOICE_KEYS) or given.keys() >= _LETTERS:
        raise UnusableRowError("are multiple-choice questions", "it is a multiple-choice question")
    asked = [*_history(given), *_asked(given, prompt)]
    answered = _answered(given[answer], answer)
    if isinstance(given[prompt], list | dict) or isinstance(given[answer], list | dict):
        kind += "_turns"
    return kind, [*asked, *answered]


def _round(given: Fields) -> list[Turn] | None:
    """A question and its answer within a list of them."""
    pair = _pair_keys(given)
    if pair is None:
        return None
    turns = [*_asked(given, pair[0]), *_answered(given[pair[1]], pair[1])]
    return [*_system(given, turns), *turns]


def _asked(given: Fields, prompt: str) -> list[Turn]:
    """The turns of a prompt: a text with what stands below it, or turns, or a marked text."""
    value = given[prompt]
    if isinstance(value, Mapping) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if (items := _turn_list(value)) is not None:
        return turns_of(items, prompt, _round)[1]
    if isinstance(value, list) and any(isinstance(one, str) for one in value):
        raise RowError("hold a value that is not text", f"'{prompt}' is not text")
    text = content_of(value, f"'{prompt}'")
    if (marked := marked_turns(text)) and marked.open and not marked.tools:
        return list(marked.turns[:-1])
    parts = [text.strip()]
    for key in CONTEXT_KEYS:
        if key != prompt and key in given:
            parts.append(content_of(given[key], f"'{key}'").strip())
    return [Turn(role="user", content="\n\n".join(part for part in parts if part))]


def _answered(value: object, key: str) -> list[Turn]:
    if (items := _turn_list(value)) is not None:
        return turns_of(items, key, _round)[1]
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        value = value["text"]  # as question-answering sets list the places of an answer
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        value = value[0]
    return [Turn(role="assistant", content=content_of(value, f"'{key}'"))]


def _turn_list(value: object) -> list[Any] | None:
    """A list of turns with roles, if this is one."""
    items = listed_in(value)
    if items and all(isinstance(item, Mapping) for item in items):
        given = fields(items[0])
        if any(key in given for key in ROLE_KEYS) and any(key in given for key in CONTENT_KEYS):
            return items
    return None


def _history(given: Fields) -> list[Turn]:
    """Earlier turns: questions with their answers, or turns with roles."""
    items = listed_in(given.get("history"))
    if not items:
        return []
    if all(isinstance(item, list) and len(item) == 2 for item in items):
        items = [text for pair in items for text in pair]
    return turns_of(items, "history", _round)[1]


# --- a chosen answer beside a rejected one --------------------------------------------------------


def _chosen_key(given: Fields) -> str | None:
    kinds = (str, list, dict)
    return next((k for k in CHOSEN_KEYS if given.get(k) and isinstance(given[k], kinds)), None)


def _preference(given: Fields) -> list[Turn]:
    """The chosen side. It may be the answer alone, or the whole conversation."""
    key = _chosen_key(given) or "chosen"
    value = given[key]
    if isinstance(value, str) and (marked := marked_turns(value)) and not marked.tools:
        chosen = list(marked.turns)
    else:
        chosen = _answered(value, key)
    if any(turn.role == "user" for turn in chosen):
        return chosen
    if turns := _turn_key(given):
        return [*turns_of(given[turns], turns, _round)[1], *chosen]
    prompt = next((name for name in PROMPT_KEYS if name in given), None)
    if prompt is None:
        raise RowError("have no question", f"'{key}' has no question, and no key holds its prompt")
    return [*_history(given), *_asked(given, prompt), *chosen]


# --- a text with marked turns ---------------------------------------------------------------------


def _marked(given: Fields) -> tuple[str, list[Turn]]:
    text = content_of(given["text"], "'text'")
    if marked_turns(text) is None:
        raise RowError(
            "are text without turns", f"'text' has no markers of turns; known markers: {SHOWN}"
        )
    return turns_of(text, "text", _round)
