"""A whole conversation in one text, with markers before its turns → the turns.

Chat templates write such texts, and people's `text` columns hold them. The kind whose marker
stands first in a text is the one that it is read as.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from factlab.conversations.roles import TOOL_ROLES, Role, role_of
from factlab.errors import quoted
from factlab.schema.conversation import RowError
from factlab.schema.question import Turn

Preamble = Literal["system", "dropped", "none"]  # what a text before the first marker is


@dataclass(frozen=True, slots=True)
class MarkedKind:
    """A way of marking turns.

    Attributes:
        name: What results call it.
        marker: What stands before a turn; its first group that matched names the role.
        end: What ends a turn; what stands between it and the next marker is dropped.
        roles: The role by the marker's name in small letters, where it is not one that is known
            everywhere; "more" adds to the turn before, "end" ends the conversation.
        preamble: What a text before the first marker is.
    """

    name: str
    marker: re.Pattern[str]
    end: re.Pattern[str] | None = None
    roles: Mapping[str, Role | Literal["more", "end"]] = field(default_factory=dict)
    preamble: Preamble = "system"


@dataclass(frozen=True, slots=True)
class Marked:
    """What a marked text holds.

    Attributes:
        kind: The name of its kind.
        turns: In order.
        tools: It calls tools.
        open: It ends with the marker of an answer that is to follow.
    """

    kind: str
    turns: tuple[Turn, ...]
    tools: bool = False
    open: bool = False


# Of whole texts, which stand around all turns.
_BEGINNINGS = re.compile(
    r"(?:\s|<s>|<bos>|<\|begin_of_text\|>|<\|startoftext\|>|<\|endoftext\|>|\[gMASK\]|<sop>"
    r"|<｜begin▁of▁sentence｜>|</s>)*+"
)
_ENDINGS = (
    *("</s>", "<s>", "<eos>", "<|endoftext|>", "<|end_of_text|>"),
    *("<|im_end|>", "<|eot_id|>", "<|end|>"),
)


def _lines(name: str, asks: str, answers: str) -> MarkedKind:
    """Words with a colon that begin a line: `Human:` and `Assistant:`."""
    return MarkedKind(
        name,
        re.compile(rf"^[ \t]*({asks}|{answers}|System)[ \t]*:", re.MULTILINE),
        roles={asks.lower(): "user", answers.lower(): "assistant"},
        preamble="none",
    )


KINDS = (
    MarkedKind(
        "chatml",
        re.compile(r"<\|im_start\|>[ \t]*(\w+)[^\S\n]*(?:\n|<\|im_sep\|>)?"),
        re.compile(r"<\|im_end\|>"),
    ),
    MarkedKind(
        "llama3",
        re.compile(r"<\|start_header_id\|>\s*(\w+)\s*<\|end_header_id\|>"),
        re.compile(r"<\|eot_id\|>|<\|eom_id\|>"),
    ),
    MarkedKind("gemma", re.compile(r"<start_of_turn>[ \t]*(\w+)"), re.compile(r"<end_of_turn>")),
    MarkedKind(
        "granite",
        re.compile(r"<\|start_of_role\|>(\w+)<\|end_of_role\|>"),
        re.compile(r"<\|end_of_text\|>"),
    ),
    MarkedKind(
        "deepseek", re.compile(r"<｜(User|Assistant)｜>"), re.compile(r"<｜end▁of▁sentence｜>")
    ),
    MarkedKind(
        "zephyr",  # and Phi-3, Tulu, GLM, OpenAssistant
        re.compile(r"<\|(system|user|assistant|prompter|human|bot|observation|tool)\|>"),
        re.compile(r"</s>|<\|end\|>|<\|endoftext\|>"),
    ),
    MarkedKind(
        "llama2",  # and Mistral
        re.compile(r"\[(/?INST)\]"),
        re.compile(r"</s>"),
        roles={"inst": "user", "/inst": "assistant"},
    ),
    MarkedKind(
        "alpaca_text",
        re.compile(
            r"^[ \t]*###[ \t]*(Instruction|Input|Context|Response|End)[ \t]*(?::|$)",
            re.MULTILINE,
        ),
        roles={
            "instruction": "user",
            "input": "more",
            "context": "more",
            "end": "end",
        },
        preamble="dropped",  # the same in every row: that an instruction follows
    ),
    MarkedKind(
        "guanaco", re.compile(r"###[ \t]*(Human|User|Assistant|System)[ \t]*(?::|$)", re.MULTILINE)
    ),
    MarkedKind(
        "vicuna", re.compile(r"(?:\A|(?<=\s)|(?<=</s>))(USER|ASSISTANT|SYSTEM|FUNCTION RESPONSE):")
    ),
    _lines("dialogue", "Human", "Assistant"),
    _lines("dialogue", "User", "Assistant"),
    _lines("dialogue", "Human", "AI"),
    _lines("dialogue", "User", "Bot"),
    _lines("dialogue", "Question", "Answer"),
    _lines("dialogue", "Q", "A"),
)
SHOWN = "### Human: and ### Assistant:, ChatML, Llama 2 or 3, Vicuna, Alpaca, …"


def marked_turns(text: str) -> Marked | None:
    """The turns of a text with markers; None, if it has none.

    Raises:
        RowError: for a marker of a role that is not known.
    """
    best: tuple[int, int] | None = None
    for place, kind in enumerate(KINDS):
        found = kind.marker.search(text)
        if found and (best is None or found.start() < best[0]) and _may_begin(kind, found, text):
            best = (found.start(), place)
    return _cut(text, KINDS[best[1]]) if best else None


def _may_begin(kind: MarkedKind, found: re.Match[str], text: str) -> bool:
    if kind.preamble != "none":
        return True
    words = set(kind.marker.findall(text))
    answers = {word for word in words if kind.roles.get(word.lower()) == "assistant"}
    return bool(answers) and not _stripped(text[: found.start()])


def _cut(text: str, kind: MarkedKind) -> Marked:
    """The text at its markers."""
    markers = list(kind.marker.finditer(text))
    before = _stripped(text[: markers[0].start()])
    turns: list[Turn] = []
    if before and kind.preamble == "system":
        turns.append(Turn(role="system", content=before))
    for marker, following in zip(markers, [*markers[1:], None], strict=True):
        name = marker[1].lower()
        if name in TOOL_ROLES:
            return Marked(kind.name, tuple(turns), tools=True)
        role = kind.roles.get(name) or role_of(name)
        if role is None:
            raise RowError(
                "have a role that is not known", f"a turn has the role {quoted(marker[1])}"
            )
        if role == "end":
            break
        said = _within(text[marker.end() : following.start() if following else len(text)], kind)
        _add(turns, role, said)
    is_open = bool(turns) and turns[-1].role == "assistant" and not turns[-1].content
    return Marked(kind.name, tuple(turns), open=is_open)


def _within(said: str, kind: MarkedKind) -> str:
    if kind.end is not None:
        said = kind.end.split(said, maxsplit=1)[0]
    return _stripped(said)


def _stripped(text: str) -> str:
    """Without white space and tokens of whole texts at both ends."""
    start = _BEGINNINGS.match(text).end()  # type: ignore[union-attr]  # it matches nothing, too
    end = len(text)
    while end > start:
        if text[end - 1].isspace():
            end -= 1
        elif token := next((one for one in _ENDINGS if text.endswith(one, start, end)), ""):
            end -= len(token)
        else:
            break
    return text[start:end]


def _add(turns: list[Turn], role: Role | Literal["more"], said: str) -> None:
    if role == "more":
        if turns and said:
            whole = "\n\n".join(part for part in (turns[-1].content, said) if part)
            turns[-1] = turns[-1].model_copy(update={"content": whole})
        return
    if role == "user" and said.startswith("<<SYS>>") and "<</SYS>>" in said:
        system, _, said = said.removeprefix("<<SYS>>").partition("<</SYS>>")
        turns.append(Turn(role="system", content=system.strip()))
        said = said.strip()
    turns.append(Turn(role=role, content=said))
