"""The same conversations in every format; for tests of what reads them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Pair = tuple[str, str]


def messages(turns: Sequence[Pair]) -> dict[str, Any]:
    """Chat messages; a pair is a role and what it says."""
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


def guanaco(turns: Sequence[Pair]) -> dict[str, Any]:
    """One text; without a system turn."""
    said = {"user": "### Human:", "assistant": "### Assistant:"}
    return {"text": " ".join(f"{said[role]} {text}" for role, text in turns)}


def prompt_completion(turns: Sequence[Pair]) -> dict[str, Any]:
    """A question and its answer."""
    (_, question), (_, answer) = turns
    return {"prompt": question, "completion": answer}


def alpaca(turns: Sequence[Pair]) -> dict[str, Any]:
    """A question and its answer, with an empty input, as such files have it."""
    (_, question), (_, answer) = turns
    return {"instruction": question, "input": "", "output": answer}


def pair(question: str, answer: str) -> list[Pair]:
    """A conversation of one question."""
    return [("user", question), ("assistant", answer)]


def json_lines(rows: Sequence[object]) -> str:
    """One row a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def json_array(rows: Sequence[object]) -> str:
    """All rows in one array, as people's tools write it."""
    return json.dumps(rows, ensure_ascii=False, indent=2)


def csv_text(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of texts under a heading."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def small_set(folder: Path, size: int, name: str = "small.jsonl", of: str = "thing") -> Path:
    """A file of conversations that are near to no control."""
    rows = [
        messages(pair(f"Please say what {of} {n} is for.", f"It is for use {n * 7}."))
        for n in range(size)
    ]
    file = folder / name
    file.write_text(json_lines(rows), encoding="utf-8")
    return file
