"""A training pair → a row of a format that other trainers read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from factlab.errors import ConfigError
from factlab.schema.manifest import DataFormat
from factlab.schema.question import Question

_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}


def row_of(pair: Question, format_: DataFormat) -> dict[str, Any]:
    """A pair with its `target` as a row.

    Raises:
        ConfigError: for a conversation of several turns in a format that has one question a row.
    """
    before = [{"role": turn.role, "content": turn.content} for turn in pair.before]
    question, answer = pair.text, pair.target or ""
    asked = [*before, {"role": "user", "content": question}]
    answered = [{"role": "assistant", "content": answer}]
    if format_ == "chat":
        return {"messages": [*asked, *answered]}
    if format_ == "prompt-completion":
        return {"prompt": asked, "completion": answered}
    if format_ == "sharegpt":
        return {
            "conversations": [
                {"from": _SPEAKERS[turn["role"]], "value": turn["content"]}
                for turn in (*asked, *answered)
            ]
        }
    refuse_turns([pair], format_)
    return {"instruction": question, "input": "", "output": answer}


def refuse_turns(pairs: Iterable[Question], format_: DataFormat) -> None:
    """Refuse conversations of several turns in a format that has one question a row.

    Raises:
        ConfigError: naming the first.
    """
    if format_ != "alpaca":
        return
    for pair in pairs:
        if pair.before:
            raise ConfigError(
                f"--to alpaca: a row has one question and its answer, and {pair.id}, which is "
                "mixed in, has earlier turns. Use --to chat."
            )


def lines_of(pairs: Iterable[Question], format_: DataFormat) -> str:
    """Pairs as JSON lines."""
    rows = (row_of(pair, format_) for pair in pairs)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
