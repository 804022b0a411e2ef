"""Text of others → Markdown in which it stays text: no link, no image, no tag, no table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from factlab.display.characters import visible

MOST_SHOWN = 500
# Always more than text. `|` ends a cell of a table even in code, braces are templates of sites.
_MARKS = {c: f"\\{c}" for c in "\\`*_[]#~^!"}
_ENTITIES = {c: f"&#{ord(c)};" for c in "|{}@$"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_TABLE = str.maketrans(_ENTITIES | _MARKS)
# What makes a link of an address by itself, or an emoji of a name, in spite of a backslash.
_JOINED = re.compile(r"(?<=\S)[.:](?=[^\W\d])|:(?=/)|(?<![^\s]):(?=\w)")
_BEGINS = re.compile(r"^(?:[-+=]|\d+(?=[.)](?:\s|$)))")  # a list, or a line below a heading


def markdown_text(text: str, most: int = MOST_SHOWN) -> str:
    """Text of others as text on one line of Markdown, in a paragraph or in a cell of a table.

    Args:
        text: What others wrote.
        most: Characters that are shown of it.
    """
    shown = " ".join(visible(text).split())
    escaped = _JOINED.sub(_entity, _cut(shown, most).translate(_TABLE))
    return _BEGINS.sub(lambda found: "".join(map(_code, found[0])), escaped)


def _entity(found: re.Match[str]) -> str:
    return _code(found[0])


def _code(char: str) -> str:
    return f"&#{ord(char)};"


def markdown_code(text: str, most: int = MOST_SHOWN) -> str:
    """Text as code on one line; no run of backticks in it ends the code."""
    shown = _cut(visible(text), most)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown[:1] in ("`", " ", "") or shown[-1:] in ("`", " ") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def markdown_block(text: str, language: str = "") -> str:
    """Lines as a block of code; no line of them ends it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are Markdown already, on one line each."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most].rstrip() + "…"
