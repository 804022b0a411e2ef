"""A whole conversation in one text, with markers before its turns → the turns.

Chat templates write such texts, and people's `text` columns hold them. The kind whose marker
stands first in a text is the one that it is read as. A marker counts only where a turn can begin:
an answer may speak of markers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

from factlab.conversations.cleaning import stripped
from factlab.conversations.marks import KINDS, Action, MarkedKind
from factlab.conversations.roles import TOOL_ROLES, Role, role_of
from factlab.errors import quoted
from factlab.schema.conversation import RowError
from factlab.schema.question import Turn

_QUOTES = {"`": "`", '"': '"', "'": "'", "“": "”", "‘": "’", "「": "」"}
MOST_MARKERS = 5_000  # of one text
_FAR = 60  # characters of tokens and white space between the end of a turn and the next marker


@dataclass(frozen=True, slots=True)
class Marked:
    """What a marked text holds.

    Attributes:
        kind: The name of its kind.
        turns: In order.
        tools: It calls tools.
        open: It ends with the marker of an answer that is to follow.
        strong: Its markers are of a template.
    """

    kind: str
    turns: tuple[Turn, ...]
    tools: bool = False
    open: bool = False
    strong: bool = True

    @property
    def whole(self) -> bool:
        """Whether a question and its answer are there."""
        roles = {turn.role for turn in self.turns if turn.content}
        return self.tools or {"user", "assistant"} <= roles

    @property
    def asks(self) -> bool:
        """Whether it ends where an answer is to follow."""
        return self.open or (self.strong and bool(self.turns) and self.turns[-1].role == "user")

    @property
    def asked(self) -> list[Turn]:
        """The turns up to the answer that is to follow."""
        return list(self.turns[:-1] if self.open else self.turns)


@dataclass(frozen=True, slots=True)
class _Place:
    """A marker that counts: where, and what follows it."""

    start: int
    end: int
    role: Role | Action | None
    name: str
    tool: bool


@dataclass(slots=True)
class _State:
    """What was said so far, by the markers that count."""

    last: str = ""
    spoken: bool = False  # a question or an answer
    places: list[_Place] = field(default_factory=list)


def marked_turns(text: str) -> Marked | None:
    """The turns of a text with markers; None, if it has none.

    Raises:
        RowError: for a marker of a role that is not known.
    """
    best: tuple[int, int] | None = None
    for place, kind in enumerate(KINDS):
        found = kind.marker.search(text) if any(hint in text for hint in kind.hints) else None
        if found and (best is None or found.start() < best[0]) and _may_begin(kind, found, text):
            best = (found.start(), place)
    return _cut(text, KINDS[best[1]]) if best else None


def _may_begin(kind: MarkedKind, found: re.Match[str], text: str) -> bool:
    if kind.preamble == "system":
        return True
    names = {marker[1].lower() for marker in kind.marker.finditer(text)}
    roles = {kind.roles.get(name) for name in names}
    if "assistant" not in roles:
        return False
    asked = bool(roles & {"user", "more"})
    return asked if kind.preamble == "dropped" else not stripped(text[: found.start()])


def _cut(text: str, kind: MarkedKind) -> Marked:
    """The text at its markers."""
    places = _places(text, kind)
    before = stripped(text[: places[0].start])
    turns: list[Turn] = []
    thought = ""
    if before and kind.preamble == "system":
        turns.append(Turn(role="system", content=before))
    for place, following in zip(places, [*places[1:], None], strict=True):
        if place.tool:
            return Marked(kind.name, tuple(turns), tools=True, strong=kind.strong)
        if place.role is None:
            raise RowError(
                "have a role that is not known", f"a turn has the role {quoted(place.name)}"
            )
        if place.role == "end":
            break
        said = _within(text[place.end : following.start if following else len(text)], kind)
        if place.role == "thought":  # stands before its answer, as other templates have it
            thought += f"<think>{said}</think>\n"
            continue
        _add(turns, place.role, thought + said)
        thought = ""
    is_open = bool(turns) and turns[-1].role == "assistant" and not turns[-1].content
    return Marked(kind.name, tuple(turns), open=is_open, strong=kind.strong)


def _places(text: str, kind: MarkedKind) -> list[_Place]:
    """The markers that count."""
    found = islice(kind.marker.finditer(text), MOST_MARKERS + 1)
    markers = [_placed(marker, kind) for marker in found]
    if len(markers) > MOST_MARKERS:
        raise RowError("hold too many turns", f"it has more than {MOST_MARKERS:,} markers of turns")
    ends = [end.end() for end in kind.end.finditer(text)] if kind.end else []
    closing = _closed(text, kind, markers, ends)
    state = _State()
    for place, marker in enumerate(markers):
        if not place or _counts(marker, text, kind, state, closing):
            state.places.append(marker)
            state.last = str(marker.role)
            state.spoken = state.spoken or marker.role in ("user", "assistant")
    return state.places


def _placed(marker: re.Match[str], kind: MarkedKind) -> _Place:
    name = marker[1].lower()
    channel = (marker.groupdict().get("channel") or "").lower()
    known = kind.roles.get(channel) or kind.roles.get(name) or role_of(name)
    called = channel == "commentary" and " to=" in marker[0]
    tool = name in TOOL_ROLES or name == "functions" or called
    return _Place(marker.start(), marker.end(), known, marker[1], tool)


def _closed(text: str, kind: MarkedKind, markers: list[_Place], ends: list[int]) -> set[int] | None:
    """Where markers stand right behind the end of a turn; None if the text ends no turns so."""
    if kind.closed == "never" or not ends:
        return None
    found: set[int] = set()
    place = 0
    for marker in markers[1:]:
        while place < len(ends) and ends[place] <= marker.start:
            place += 1
        behind = ends[place - 1] if place else -1
        near = behind >= 0 and marker.start - behind <= _FAR
        if near and not stripped(text[behind : marker.start]):
            found.add(marker.start)
    return found or None


def _counts(
    marker: _Place, text: str, kind: MarkedKind, state: _State, closed: set[int] | None
) -> bool:
    """Whether a turn begins with a marker, or the text before it goes on."""
    ended = closed is not None and marker.start in closed
    if ended:
        return True
    unknown = marker.role is None and not marker.tool
    quoted_in = state.last == "assistant" and _in_quotes(marker, text)
    if quoted_in or (unknown and state.spoken):
        return False
    if closed is not None and (kind.closed == "all" or state.last == "assistant"):
        return False
    if marker.role == "more":
        return state.last == "user"
    if marker.role == "system":
        return not state.spoken
    return marker.role != "assistant" or state.last != "assistant"


def _in_quotes(marker: _Place, text: str) -> bool:
    return _QUOTES.get(text[marker.start - 1], "none") == text[marker.end : marker.end + 1]


def _within(said: str, kind: MarkedKind) -> str:
    """What a turn says: up to the last of its ends."""
    if kind.end is not None:
        ends = [end.start() for end in kind.end.finditer(said)]
        said = said[: ends[-1]] if ends else said
    return stripped(said)


def _add(turns: list[Turn], role: Role | Action, said: str) -> None:
    if role == "more" and (not turns or turns[-1].role == "system"):
        role = "user"
    if role == "more":
        if said:
            whole = "\n\n".join(part for part in (turns[-1].content, said) if part)
            turns[-1] = turns[-1].model_copy(update={"content": whole})
        return
    if role == "user" and said.startswith("<<SYS>>") and "<</SYS>>" in said:
        system, _, said = said.removeprefix("<<SYS>>").partition("<</SYS>>")
        turns.append(Turn(role="system", content=system.strip()))
        said = said.strip()
    turns.append(Turn(role=role, content=said))
