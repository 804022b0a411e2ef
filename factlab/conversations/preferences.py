"""Several answers of which one is the better: chosen and rejected, two sides and a winner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from factlab.conversations.keys import PROMPT_KEYS, Fields, filled, key_name
from factlab.conversations.marked import Marked, marked_turns
from factlab.conversations.pairs import answered_turns, asked_turns, history_turns, round_turns
from factlab.conversations.turns import alternating, listed_in, sound, turn_list, turns_of
from factlab.grading.names import fold
from factlab.schema.conversation import RowError, UnusableRowError
from factlab.schema.question import Turn

CHOSEN_KEYS = ("chosen", "preferred_output", "chosen_response", "chosen_answer", "preferred")
LABEL_KEYS = ("label", "kto_tag")
_BAD_LABELS = ("false", "0", "0.0", "undesirable", "bad")
# Answers that stand side by side: response_a and response_b, conversation_a and conversation_b, …
_SIDED = (
    *("conversation", "messages", "response", "answer", "output", "completion", "generation"),
    *("chat", "reply", "model_response", "assistant", "response_model", "text"),
)
_SIDES = (("a", "b"), ("0", "1"), ("1", "2"))
_WINNER_KEYS = (
    *("winner", "chosen", "preferred", "preference", "better_response_id", "better_response"),
    *("better", "overall_preference", "human_preference", "choice", "selected", "vote"),
)
_NO_DIFFERENCE = ("tie", "draw", "both", "equal", "same", "both_good", "tie_both_good")
_NONE = ("tie_bothbad", "tie_both_bad", "bothbad", "both_bad", "neither", "none")
_BAD = "are labelled as bad answers"


def is_preference(given: Fields) -> bool:
    """Whether a row holds answers of which one is the better."""
    return _chosen_key(given) is not None or _compared(given) is not None


def refuse_bad_label(given: Fields) -> None:
    """Refuse a row whose label says that its answer is not wanted.

    Raises:
        UnusableRowError: always then.
    """
    if any(str(given.get(key)).strip().lower() in _BAD_LABELS for key in LABEL_KEYS):
        raise UnusableRowError(_BAD, "its label is false")


def preference_turns(given: Fields) -> tuple[str, list[Turn]]:
    """The conversation with its better answer, and what it is written as."""
    if sides := _compared(given):
        key = _winning(given, sides)
        return "arena" if "conversation" in key else "preference", _side(given, key)
    key = _chosen_key(given) or "chosen"
    return "preference", _chosen(given, given[key], key)


def _chosen_key(given: Fields) -> str | None:
    kinds = (str, list, dict)
    return next((k for k in CHOSEN_KEYS if given.get(k) and isinstance(given[k], kinds)), None)


def _chosen(given: Fields, value: object, key: str) -> list[Turn]:
    """The chosen side. It may be the answer alone, or the whole conversation."""
    prompt = filled(given, [name for name in PROMPT_KEYS if name != key])
    marked = marked_turns(value) if isinstance(value, str) else None
    if marked is not None and _is_conversation(marked, given, prompt):
        chosen = sound(marked)
    elif isinstance(value, str):
        chosen = [Turn(role="assistant", content=value)]
    else:
        chosen = answered_turns(value, key)
    if any(turn.role == "user" for turn in chosen):
        return chosen
    turns = next((name for name in given if name != key and _is_before(given, name)), None)
    if turns is not None:
        return [*turns_of(given[turns], turns, round_turns)[1], *chosen]
    if prompt is None:
        raise RowError("have no question", f"'{key}' has no question, and no key holds its prompt")
    return [*history_turns(given), *asked_turns(given, prompt, key), *chosen]


def _is_before(given: Fields, name: str) -> bool:
    """Whether a key holds the turns before the answer."""
    others = ("rejected", "non_preferred_output", "rejected_response", *PROMPT_KEYS)
    return (
        name not in others
        and not name.startswith("rejected")
        and turn_list(given[name]) is not None
    )


def _is_conversation(marked: Marked, given: Fields, prompt: str | None) -> bool:
    """Whether a marked text is the conversation, and not an answer that quotes one.

    It is, unless its prompt stands in another key and not in it.
    """
    asked = [fold(turn.content) for turn in marked.turns if turn.role == "user"]
    if not asked or prompt is None:
        return True
    turns = asked_turns(given, prompt)
    said = fold(" ".join(turn.content for turn in turns))
    last = fold(turns[-1].content) if turns else ""
    return bool(last) and any(last in one or one in said for one in asked if one)


# --- two sides ------------------------------------------------------------------------------------


def _compared(given: Fields) -> dict[str, str] | None:
    """The key of each of two answers by its side, if something says which is the better."""
    if not any(key in given for key in (*_WINNER_KEYS, "winner_model_a")):
        return None
    for stem in _SIDED:
        for sides in _SIDES:
            for seam in ("_", ""):
                keys = {side: f"{stem}{seam}{side}" for side in sides}
                if all(key in given for key in keys.values()):
                    return keys
    return None


def _winning(given: Fields, keys: Mapping[str, str]) -> str:
    """The key of the better answer; of two that are equal the first."""
    first, second = keys
    if "winner_model_a" in given:
        won = [str(given.get(f"winner_model_{side}", 0)) in ("1", "1.0", "True") for side in "ab"]
        return keys[second] if won[1] else keys[first]
    name = next(key for key in _WINNER_KEYS if key in given)
    value = given[name]
    if name == "overall_preference" and isinstance(value, int | float):
        return keys[first] if value <= 0 else keys[second]
    said = key_name(str(value))
    if said in given and said in keys.values():
        return said
    if said in _NO_DIFFERENCE:
        return keys[first]
    if said in _NONE:
        raise UnusableRowError(_BAD, f"'{name}' says that neither answer is good")
    side = said.rpartition("_")[2]
    if side not in keys and said[-1:] in keys and said[:-1].isalpha():
        side = said[-1:]
    if side not in keys:
        raise RowError(
            "do not say which answer is better", f"'{name}' names neither of its answers"
        )
    return keys[side]


def _side(given: Fields, key: str) -> list[Turn]:
    value = given[key]
    listed = listed_in(value)
    if turn_list(value) is not None:
        turns = turns_of(value, key, round_turns)[1]
        if any(turn.role == "user" for turn in turns):
            return turns
    elif listed is not None and all(isinstance(one, str) for one in listed):
        return _rounds_of(given, listed, key)
    return _chosen(given, value, key)


def _rounds_of(given: Fields, answers: list[Any], key: str) -> list[Turn]:
    """Answers in a list, beside their questions in another."""
    prompt = filled(given, PROMPT_KEYS)
    asked = listed_in(given[prompt]) if prompt else None
    if not asked or len(asked) != len(answers) or not all(isinstance(one, str) for one in asked):
        raise RowError("have no question", f"'{key}' and its prompts are not equally many")
    return alternating([text for both in zip(asked, answers, strict=True) for text in both])
