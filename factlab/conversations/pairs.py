"""A prompt beside its answer, each under a key of its own → turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from factlab.conversations.keys import (
    CONTEXT_KEYS,
    INSTRUCTION_KEYS,
    MISSING,
    OBJECT_KEYS,
    PAIR_KEYS,
    QUESTION_KEYS,
    SYSTEM_KEYS,
    Fields,
    fields,
    filled,
    is_blank,
)
from factlab.conversations.marked import marked_turns
from factlab.conversations.turns import content_of, listed_in, sound, turn_list, turns_of
from factlab.schema.conversation import RowError, UnusableRowError
from factlab.schema.question import Turn

CHOICE_KEYS = ("choices", "options")
_LETTERS = {"a", "b", "c"}
# What says how good one of several answers is, and whether a higher value is better.
RANKS = (
    *(("rank", False), ("ranking", False), ("overall_score", True), ("score", True)),
    *(("pm_score", True), ("rating", True), ("votes", True), ("upvotes", True)),
    *(("is_best", True), ("selected", True), ("reward", True)),
)
_TEXT_OF_ANSWER = ("answer", "response", "text", "output", "content", "completion", "body")


def pair_keys(given: Fields) -> tuple[str, str] | None:
    """The keys of a prompt and its answer, if both are there; such that say something first."""
    for prompts, answers in PAIR_KEYS:
        answer = filled(given, answers)
        prompt = filled(given, [key for key in prompts if key != answer])
        if prompt is not None and answer is not None:
            return prompt, answer
    return None


def pair_name(prompt: str, answer: str, given: Fields) -> str:
    """What results call a prompt beside its answer."""
    if answer == "output" and "instruction" in given and prompt in ("instruction", "input"):
        return "alpaca"
    if (prompt, answer) == ("instruction", "response") and "context" in given:
        return "dolly"
    return f"{prompt}_{answer}"


def pair_turns(given: Fields) -> tuple[str, list[Turn]]:
    """The turns of a row with a prompt beside its answer, and what it is written as."""
    prompt, answer = pair_keys(given) or ("prompt", "completion")
    choices = any(not is_blank(given.get(key, "")) for key in CHOICE_KEYS)
    if choices or given.keys() >= _LETTERS:
        raise UnusableRowError("are multiple-choice questions", "it is a multiple-choice question")
    kind = pair_name(prompt, answer, given)
    if isinstance(given[prompt], list | dict) or isinstance(given[answer], list | dict):
        kind += "_turns"
    asks = asked_turns(given, prompt, answer)
    return kind, [*history_turns(given), *asks, *answered_turns(given[answer], answer)]


def round_turns(given: Fields) -> list[Turn] | None:
    """A question and its answer within a list of them."""
    pair = pair_keys(given)
    if pair is None:
        return None
    turns = [*asked_turns(given, *pair), *answered_turns(given[pair[1]], pair[1])]
    return [*system_turns(given, turns), *turns]


def system_turns(given: Fields, turns: Sequence[Turn]) -> list[Turn]:
    """The system's text, if it stands in a key of its own and not in the turns."""
    key = filled(given, SYSTEM_KEYS)
    if key is None or any(turn.role == "system" and turn.content.strip() for turn in turns):
        return []
    text = content_of(given[key], f"'{key}'").strip().removeprefix("SYSTEM:").strip()
    return [Turn(role="system", content=text)]


def asked_turns(given: Fields, prompt: str, answer: str = "") -> list[Turn]:
    """The turns of a prompt: a text with what stands below it, or turns, or a marked text."""
    value = given[prompt]
    if isinstance(value, Mapping) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if (items := turn_list(value)) is not None:
        turns = turns_of(items, prompt, round_turns)[1]
    elif isinstance(value, list) and any(isinstance(one, str) for one in value):
        raise RowError("hold a value that is not text", f"'{prompt}' is not text")
    else:
        turns = _asked_text(content_of(value, f"'{prompt}'"))
    last = next((n for n in reversed(range(len(turns))) if turns[n].role == "user"), None)
    if last is not None:
        text = "\n\n".join([turns[last].content.strip(), *_below(given, prompt, answer, turns)])
        turns[last] = turns[last].model_copy(update={"content": text.strip()})
    return turns


def _asked_text(text: str) -> list[Turn]:
    marked = marked_turns(text)
    if marked is not None and marked.asks and not marked.tools:
        return marked.asked
    return [Turn(role="user", content=text.strip())]


def _below(given: Fields, prompt: str, answer: str, turns: Sequence[Turn]) -> list[str]:
    """What belongs to a question, and is not in it."""
    keys = OBJECT_KEYS if prompt in INSTRUCTION_KEYS else CONTEXT_KEYS
    if prompt in QUESTION_KEYS and "text" in given:
        keys = (*keys, "text")
    said = "\n\n".join(turn.content for turn in turns).strip()
    found: list[str] = []
    for key in keys:
        if key in (prompt, answer) or key not in given:
            continue
        text = _context(given[key], key).strip()
        if (
            text
            and text not in MISSING
            and (key == "input" or not _repeats(text, key, [said, *found]))
        ):
            found.append(text)
    return found


def _repeats(text: str, key: str, said: Sequence[str]) -> bool:
    """Whether a text is in what was said, or is the whole row again, as it is trained on."""
    if any(text in one for one in said):
        return True
    again = key == "text" or key in QUESTION_KEYS
    if again and said[0] and said[0] in text:
        return True
    marked = marked_turns(text) if key == "text" else None
    return marked is not None and marked.whole


def _context(value: object, key: str) -> str:
    """The text of what a question is about: of one passage, or of several."""
    if isinstance(value, list) and turn_list(value) is None:
        return "\n\n".join(_context(one, key).strip() for one in value)
    return content_of(value, f"'{key}'")


def answered_turns(value: object, key: str) -> list[Turn]:
    """The turns of an answer: a text, turns, a marked text, or the best of several."""
    if (items := turn_list(value)) is not None:
        return turns_of(items, key, round_turns)[1]
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        value = value["text"]  # as question-answering sets list the places of an answer
    if isinstance(value, list) and value:
        if all(isinstance(one, str) for one in value):
            value = value[0]
        elif all(isinstance(one, Mapping) for one in value):
            value = _best(value)
    text = content_of(value, f"'{key}'")
    marked = marked_turns(text) if text.lstrip()[:1] in ("<", "[", "#") else None
    if marked is not None and marked.strong and [t.role for t in marked.turns] == ["assistant"]:
        return sound(marked)
    return [Turn(role="assistant", content=text)]


def _best(answers: Sequence[Mapping[Any, Any]]) -> object:
    """The text of the best of several answers by what says how good each is; else of the first."""
    each = [fields(one) for one in answers]
    for name, higher in RANKS:
        values = [one.get(name) for one in each]
        numbers = [float(value) for value in values if isinstance(value, int | float)]
        if len(numbers) == len(each):
            best = numbers.index(max(numbers) if higher else min(numbers))
            break
    else:
        best = 0
    text = filled(each[best], _TEXT_OF_ANSWER)
    if text is None:
        return [answers[best]]
    return each[best][text]


def history_turns(given: Fields) -> list[Turn]:
    """Earlier turns: questions with their answers, or turns with roles."""
    items = listed_in(given.get("history"))
    if not items:
        return []
    if all(isinstance(item, list) and len(item) == 2 for item in items):
        items = [text for pair in items for text in pair]
    return turns_of(items, "history", round_turns)[1]
