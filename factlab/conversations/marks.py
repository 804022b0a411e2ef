"""The ways of marking turns in a text: a row for each chat template that texts come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from factlab.conversations.roles import Role

Preamble = Literal["system", "dropped", "none"]  # what a text before the first marker is
# Beside roles: it adds to the question before; it ends the conversation; the model's thought.
Action = Literal["more", "end", "thought"]
Closed = Literal["all", "answers", "never"]  # which turns end with a token of their own


@dataclass(frozen=True, slots=True)
class MarkedKind:
    """A way of marking turns.

    Attributes:
        name: What results call it.
        hints: A text without any of these has no such marker, or no answer: a quick test.
        marker: What stands before a turn; its first group names the role, its group `channel`, if
            it has one, what part of an answer follows.
        end: What ends a turn; what stands between it and the next marker is dropped.
        closed: Which turns end so, where a text has such ends at all.
        roles: The role by the marker's name in small letters, where it is not one that is known
            everywhere.
        preamble: What a text before the first marker is.
        strong: Its markers are of a template; those of others are words that any text may hold.
    """

    name: str
    hints: tuple[str, ...]
    marker: re.Pattern[str]
    end: re.Pattern[str] | None = None
    closed: Closed = "answers"
    roles: Mapping[str, Role | Action] = field(default_factory=dict)
    preamble: Preamble = "system"
    strong: bool = True


def _template(
    name: str, hint: str, marker: str, end: str | None, closed: Closed = "all"
) -> MarkedKind:
    return MarkedKind(name, (hint,), re.compile(marker), re.compile(end) if end else None, closed)


def _lines(asks: str, answers: str) -> MarkedKind:
    """Words with a colon that begin a line: `Human:` and `Assistant:`."""
    return MarkedKind(
        "dialogue",
        (answers,),
        re.compile(rf"^[ \t]*({asks}|{answers}|System)[ \t]*[:：]", re.MULTILINE),
        closed="never",
        roles={asks.lower(): "user", answers.lower(): "assistant"},
        preamble="none",
        strong=False,
    )


def _headings(name: str, asks: str, more: str, answers: str) -> MarkedKind:
    """Headings of the instruction template, in one language."""
    return MarkedKind(
        name,
        ("##",),
        re.compile(
            rf"^[ \t]*###?#?[ \t]*({asks}|{more}|{answers}|End)[ \t]*(?:[:：]|$)", re.MULTILINE
        ),
        closed="never",
        roles={
            **dict.fromkeys(asks.lower().split("|"), "user"),
            **dict.fromkeys(more.lower().split("|"), "more"),
            **dict.fromkeys(answers.lower().split("|"), "assistant"),
            "end": "end",
        },
        preamble="dropped",  # the same in every row: that an instruction follows
    )


KINDS = (
    _template(
        "chatml",
        "<|im_start|>",
        r"<\|im_start\|>[ \t]*(\w+)[^\S\n]*(?:\n|<\|im_sep\|>)?",
        r"<\|im_end\|>",
    ),
    _template(
        "kimi",
        "<|im_middle|>",
        r"<\|im_(user|assistant|system|tool)\|>\w*<\|im_middle\|>",
        r"<\|im_end\|>",
    ),
    _template(
        "llama3",
        "<|start_header_id|>",
        r"<\|start_header_id\|>\s*(\w+)\s*<\|end_header_id\|>",
        r"<\|eot_id\|>|<\|eom_id\|>",
    ),
    _template(
        "llama4",
        "<|header_start|>",
        r"<\|header_start\|>\s*(\w+)\s*<\|header_end\|>",
        r"<\|eot\|>|<\|eom\|>",
    ),
    MarkedKind(
        "harmony",
        ("<|message|>",),  # of gpt-oss
        re.compile(
            r"<\|start\|>(\w{1,40}+)[^<]{0,200}+"
            r"(?:<\|channel\|>(?P<channel>\w{1,40}+)[^<]{0,200}+)?"
            r"(?:<\|constrain\|>[^<]{0,200}+)?<\|message\|>"
        ),
        re.compile(r"<\|end\|>|<\|return\|>|<\|call\|>"),
        "all",
        roles={"analysis": "thought"},
    ),
    _template("gemma", "<start_of_turn>", r"<start_of_turn>[ \t]*(\w+)", r"<end_of_turn>"),
    _template(
        "command_r",
        "<|START_OF_TURN_TOKEN|>",
        r"<\|START_OF_TURN_TOKEN\|><\|(USER|CHATBOT|SYSTEM)_TOKEN\|>",
        r"<\|END_OF_TURN_TOKEN\|>",
    ),
    _template(
        "granite",
        "<|start_of_role|>",
        r"<\|start_of_role\|>(\w+)<\|end_of_role\|>",
        r"<\|end_of_text\|>",
    ),
    _template(
        "exaone", "[|", r"\[\|(system|user|assistant|tool)\|\]", r"\[\|endofturn\|\]", "answers"
    ),
    _template("deepseek", "<｜", r"<｜(User|Assistant)｜>", r"<｜end▁of▁sentence｜>", "answers"),
    _template(
        "zephyr",
        "<|",  # and Phi-3, Tulu, GLM, OpenAssistant
        r"<\|(system|user|assistant|prompter|human|bot|observation|tool)\|>",
        r"</s>|<\|end\|>|<\|endoftext\|>",
        "answers",
    ),
    _template(
        "openchat", "Correct ", r"GPT4 Correct (User|Assistant):", r"<\|end_of_turn\|>", "answers"
    ),
    _template(
        "nemotron", "<extra_id_", r"<extra_id_[01]>(System|User|Assistant)[ \t]*\n?", None, "never"
    ),
    MarkedKind(
        "llama2",
        ("INST]",),  # and Mistral
        re.compile(r"\[(/?INST)\]"),
        re.compile(r"</s>"),
        roles={"inst": "user", "/inst": "assistant"},
    ),
    _headings("alpaca_text", "Instruction", "Input|Context", "Response|Output"),
    _headings("alpaca_text", "指示|質問|命令", "入力|文脈", "応答|回答|出力"),
    _headings("alpaca_text", "指令|问题", "输入", "回答|输出|回复"),
    _headings("alpaca_text", "Anweisung|Frage", "Eingabe|Kontext", "Antwort|Ausgabe"),
    _headings("alpaca_text", "Question", "Input|Context", "Answer"),
    _headings("alpaca_text", "명령어|질문|지시", "입력|맥락", "응답|답변"),
    MarkedKind(
        "guanaco",
        ("###",),
        re.compile(r"###[ \t]*(Human|User|Assistant|System)[ \t]*(?::|$)", re.MULTILINE),
        closed="never",
    ),
    MarkedKind(
        "vicuna",
        ("USER:", "ASSISTANT:"),
        re.compile(r"(?:\A|(?<=\s)|(?<=</s>))(USER|ASSISTANT|SYSTEM|FUNCTION RESPONSE):"),
        re.compile(r"</s>"),
    ),
    _lines("Human", "Assistant"),
    _lines("User", "Assistant"),
    _lines("Human", "AI"),
    _lines("User", "Bot"),
    _lines("User", "AI"),
    _lines("Question", "Answer"),
    _lines("Q", "A"),
    _lines("Instruction", "Response"),
    _lines("ユーザー", "アシスタント"),
    _lines("ユーザー", "システム"),
    _lines("質問", "回答"),
    _lines("問", "答"),
    _lines("指示", "応答"),
    _lines("Frage", "Antwort"),
    _lines("用户", "助手"),
    _lines("问", "答"),
    _lines("질문", "답변"),
)
SHOWN = "### Human: and ### Assistant:, ChatML, Llama 2 to 4, Vicuna, Alpaca, …"
