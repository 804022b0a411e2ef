"""Text that acts on a terminal, reorders what is read, or cannot be seen: kinds, and bundles."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

KINDS = {
    # C0: what starts a sequence, and what acts alone
    "colour": "\x1b[38;5;196mred",
    "clear the screen": "\x1b[2J\x1b[H",
    "move up and erase": "\x1b[9A\x1b[K",
    "title of the window": "\x1b]0;title\x07",
    "link": "\x1b]8;;http://x.example\x1b\\here\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "notification": "\x1b]9;read me\x07",
    "image of a terminal": "\x1b]1337;File=inline=1:QQ==\x07",
    "device control string": "\x1bPq#0~\x1b\\",
    "program command": "\x1b_Gf=100;QQ==\x1b\\",
    "privacy message": "\x1b^x\x1b\\",
    "reset": "\x1bc",
    "ask for the position": "\x1b[6n",
    "other screen": "\x1b[?1049h",
    "bare escape": "\x1b",
    "bell": "\x07",
    "backspace": "right\x08\x08\x08\x08\x08wrong",
    "carriage return": "right\rwrong",
    "vertical tab": "\x0b",
    "form feed": "\x0c",
    "shift out": "\x0eqqq\x0f",
    "substitute": "\x1a",
    "start of text": "\x01\x02",
    "file separator": "\x1c\x1d\x1e\x1f",
    "delete": "\x7f",
    "line of ours": "x\nfactlab: FORGED",
    # C1: the same in one character
    "C1 colour": "\x9b38;5;196mred",
    "C1 title": "\x9d0;title\x9c",
    "C1 device control": "\x90q\x9c",
    "C1 program command": "\x9fG\x9c",
    "next line": "\x85FORGED",
    "padding": "\x80\x81\x84\x88\x8d\x8e\x8f\x98\x9a\x9e",
    # bidi
    "right-to-left override": "\u202egpj.exe",
    "left-to-right override": "\u202dabc",
    "embeddings": "\u202a\u202bx\u202c",
    "isolates": "\u2066x\u2067y\u2068z\u2069",
    "marks": "\u200e\u200f\u061c",
    # not to be seen
    "zero-width space": "a\u200bb",
    "joiners of nothing": "a\u200db\u200c",
    "word joiner": "a\u2060b",
    "invisible operators": "\u2061\u2062\u2063\u2064",
    "byte order mark": "\ufeffx",
    "soft hyphen": "pass\u00adword",
    "fillers": "\u3164\u115f\u1160\uffa0",
    "grapheme joiner": "a\u034fb",
    "tags": "\U000e0001\U000e0068\U000e0069\U000e007f",
    "selectors of nothing": "a\ufe0f\ufe01\U000e0100",
    "vowel separator": "a\u180eb",
    "annotation": "\ufff9x\ufffay\ufffb",
    "deprecated shaping": "\u206a\u206f",
    "blank of braille": "a\u2800b",
    "line separator": "a\u2028FORGED",
    "paragraph separator": "a\u2029FORGED",
    # nobody's
    "private use": "\ue000\uf8ff\U0010fffd",
    "unassigned": "\u0378\u05ff",
    "no character": "\ufdd0\uffff\U0001fffe",
}
WHOLE = ("versions", "git", "machine")  # whose values have names of their own
LONE = {"a byte that is not UTF-8": "\udcff\udc9b", "half a pair": "\ud83d"}
# Of rich's own: bold, dim, italic, and their end. No payload has these.
STYLE = re.compile(r"\x1b\[[0-4](?:;[0-4])*m")
DANGEROUS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ufdd0\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\uffff\u0378\u05ff"
    "\ud800-\udfff\ue000-\uf8ff\U0001fffe\U000e0000-\U000e01ef\U000f0000-\U0010ffff]"
)


def bundles(most: int = 60) -> list[str]:
    """All kinds in texts of at most so many characters, which no message cuts; more if one has."""
    found = [""]
    for payload in KINDS.values():
        if found[-1] and len(found[-1]) + len(payload) > most:
            found.append("")
        found[-1] += payload + "·"
    return found


def leaked(shown: str) -> str:
    """What got through, beside rich's own styles, in ASCII."""
    return ascii("".join(dict.fromkeys(DANGEROUS.findall(STYLE.sub("", shown)))))[1:-1]


def forged(shown: str) -> bool:
    """Whether text of somebody's stands at the start of a line that was not wrapped."""
    return any(line.startswith(("FORGED", "factlab: F")) for line in shown.splitlines())


def quoted(text: str) -> str:
    """A scalar of YAML with everything in it escaped."""
    return (
        '"' + "".join(c if c.isascii() and c.isalnum() else f"\\U{ord(c):08x}" for c in text) + '"'
    )


def poison(file: Path, keys: frozenset[str], texts: list[str]) -> None:
    """Add one text after the other to the strings of JSON, or JSON lines, that have these keys."""
    count = 0

    def changed(node: Any, key: str) -> Any:
        nonlocal count
        if key == "data_sha256":
            return None  # whoever changes a run also takes away what it could be held to
        if isinstance(node, dict):
            return {
                name: changed(value, key if key in WHOLE else name) for name, value in node.items()
            }
        if isinstance(node, list):
            return [changed(value, key) for value in node]
        if isinstance(node, str) and key in keys:
            count += 1
            return node + texts[count % len(texts)]
        return node

    text = file.read_text(encoding="utf-8")
    parts = [text] if file.suffix == ".json" else text.splitlines()
    file.write_text("".join(json.dumps(changed(json.loads(part), "")) + "\n" for part in parts))
