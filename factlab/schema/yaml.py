"""YAML read the way its author wrote it: every scalar a string, every place known.

`yaml.safe_load` turns 012 into 10, 1:30 into 90, `no` into False, and lets a repeated key win in
silence. Here nothing is typed by YAML: the schema types the strings, and an error can point at the
line and column that it means. Anchors, aliases, merge keys and tags are refused.
"""

from __future__ import annotations

import difflib
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from factlab.errors import FactlabError, listed, quoted, shortened
from factlab.reading.complaints import in_words
from factlab.reading.files import read_text

Path_ = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)
MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_ENTRIES = 20_000  # keys, values and items
MAX_HINTED = 100  # characters of a name that another is looked for of


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column in a file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as plain dicts, lists and strings, with the place of every key and value."""

    file: str
    data: Any
    places: dict[Path_, Place]
    error: type[FactlabError]

    def fail(self, path: Path_, message: str) -> FactlabError:
        """An error that points at `path`, or at the nearest enclosing key."""
        while path and path not in self.places:
            path = path[:-1]
        place = self.places.get(path, Place(1, 1))
        one_line = " ".join(message.splitlines())  # a value that is quoted may have several
        return self.error(f"{self.file}:{place.line}:{place.column}: {one_line}")

    def parse(self, model: type[ModelT], what: str) -> ModelT:
        """Type the document as `model`; the first thing wrong is raised with its place."""
        if not isinstance(self.data, dict):
            raise self.fail((), f"{what} is a list of `key: value` lines, but this is not.")
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            # A misspelt key is also a missing one; saying that it is unknown helps more.
            found = sorted(
                error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden"
            )
            raise self._explain(model, found[0]) from None

    def _explain(self, model: type[BaseModel], details: ErrorDetails) -> FactlabError:
        path, known = _resolve(model, details["loc"])
        name = path[-1] if path else ""
        match details["type"]:
            case "extra_forbidden":
                hint = did_you_mean(str(name), known)
                message = f"unknown key {quoted(name)}.{hint} Known keys: {listed(known)}."
            case "missing":
                message = f"'{name}' is missing. Add it; known keys here: {listed(known)}."
                path = path[:-1]
            case "union_tag_not_found":
                message = f"'type' is missing: say which type of answer this is. {ANSWER_TYPES}"
                if close := difflib.get_close_matches("type", list(details["input"])[:20], n=1):
                    message = f"unknown key {close[0]!r}. Did you mean 'type'? {ANSWER_TYPES}"
                    path = (*path, close[0])
            case "union_tag_invalid":
                tag = str(details.get("ctx", {}).get("tag", ""))
                hint = did_you_mean(tag, ["number", "quantity", "date", "entity", "text"])
                message = f"unknown answer type {quoted(tag)}.{hint} {ANSWER_TYPES}"
                path = (*path, "type")
            case "value_error":
                message = str(details["ctx"]["error"])
                path = self._about(path, message)
                message = f"{_where(path, message)}{message}"
            case _:
                message = f"{_where(path)}{in_words(details)}"
        return self.fail(path, message)

    def _about(self, path: Path_, message: str) -> Path_:
        """A record's complaint begins with the key that it is about, such as "alias": point there.

        Only a key that the author has written has a place.
        """
        return next(((*path, key) for key in _named(message) if (*path, key) in self.places), path)


ANSWER_TYPES = "Known types: number, quantity, date, entity, text."


def did_you_mean(name: str, known: typing.Iterable[str]) -> str:
    """' Did you mean 'x'?' for the nearest known name, or nothing."""
    if len(name) > MAX_HINTED:
        return ""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""


def read_yaml(file: Path, error: type[FactlabError]) -> Document:
    """Read one YAML document.

    Raises:
        FactlabError: of class `error`, for a file that cannot be read or is not plain YAML.
    """
    return parse_yaml(read_text(file, error, MAX_BYTES), str(file), error)


def parse_yaml(text: str, file: str, error: type[FactlabError]) -> Document:
    """Read one YAML document from text; `file` only names it in messages."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_unread(text, file, error, loader)
        root = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as problem:
        raise _not_yaml(problem, text, file, error) from None
    except yaml.reader.ReaderError as problem:
        before = text.encode()[: problem.position].decode(errors="ignore")
        line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
        raise error(
            f"{file}:{line}:{column}: a control character stands here. Remove it."
        ) from None
    if root is None or _is_null(root):
        raise error(f"{file}:1:1: the file is empty. `factlab init` writes one to start from.")
    places: dict[Path_, Place] = {}
    data = _Reader(file, error, places).value(root, ())
    return Document(file, data, places, error)


# What the YAML reader was in the middle of, and what is wrong where that began.
_UNCLOSED = {
    "while parsing a flow sequence": "this '[' is not closed, or a comma is missing after it",
    "while parsing a flow mapping": "this '{' is not closed, or a comma is missing after it",
    "while scanning a quoted scalar": "this quote is not closed",
}


def _not_yaml(
    problem: yaml.MarkedYAMLError, text: str, file: str, error: type[FactlabError]
) -> FactlabError:
    """The YAML reader's error, with what to do about it."""
    mark = problem.problem_mark or problem.context_mark
    said = problem.problem or "it cannot be read"
    advice = "Check the indentation, and quote text that holds ': ' or ' #'."
    lines = text.split("\n")
    rest = lines[mark.line][mark.column :] if mark and mark.line < len(lines) else ""
    if isinstance(problem, yaml.composer.ComposerError):
        said, advice = "a second document begins here", "Keep one to a file; remove the '---'."
    elif problem.context in _UNCLOSED and problem.context_mark:
        mark, said, advice = problem.context_mark, _UNCLOSED[problem.context], "Fix it."
    elif rest.startswith("\t"):
        said, advice = "a tab stands where the line is indented", "Indent with spaces."
    elif "cannot start" in said:
        said, advice = f"text cannot begin with {rest[:1]!r}", "Quote it."
    where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
    return error(f"{file}:{where}: not valid YAML: {said}. {advice}")


def _refuse_unread(text: str, file: str, error: type[FactlabError], loader: Any) -> None:
    """Refuse anchors, aliases, tags, and too much of anything, before anything is built of it."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=loader)):
        mark: Any = event.start_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise error(
                f"{place}: anchors (&) and aliases (*) are not read. Write the value out, or quote "
                "text that begins with & or *."
            )
        tag = getattr(event, "tag", None)
        if tag:
            raise error(
                f"{place}: the tag {shortened(tag)} is not read. Write the value without a tag."
            )
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise error(f"{place}: nested too deeply; at most {MAX_DEPTH} levels are read.")
        if number > MAX_ENTRIES:
            raise error(f"{place}: at most {MAX_ENTRIES:,} keys, values and items are read.")


def _is_null(node: yaml.Node) -> bool:
    """Whether a value is left out, or is one of YAML's unquoted words for nothing."""
    plain = isinstance(node, yaml.ScalarNode) and not node.style
    return plain and node.value in ("", "~", "null", "Null", "NULL")


@dataclass(slots=True)
class _Reader:
    file: str
    error: type[FactlabError]
    places: dict[Path_, Place]

    def value(self, node: yaml.Node, path: Path_) -> Any:
        self.places.setdefault(path, _place(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, i)) for i, child in enumerate(node.value)]
        if _is_null(node):
            name = next((p for p in reversed(path) if isinstance(p, str)), "this")
            quote = f" (in quotes if you mean the word '{node.value}')" if node.value else ""
            raise self._fail(
                self.places[path],
                f"{quoted(name)} has no value. Give it one{quote}, or remove the line.",
            )
        return node.value

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._fail(_place(key_node), "a key must be plain text.")
            key = key_node.value
            if key == "<<":
                raise self._fail(
                    _place(key_node), "merge keys (<<) are not read. Write the keys out."
                )
            if key in found:
                first = self.places[(*path, key)]
                raise self._fail(
                    _place(key_node),
                    f"{quoted(key)} is given twice (first on line {first.line}). Keep one of "
                    "the two.",
                )
            self.places[(*path, key)] = _place(key_node)
            found[key] = self.value(value_node, (*path, key))
        return found

    def _fail(self, place: Place, message: str) -> FactlabError:
        return self.error(f"{self.file}:{place.line}:{place.column}: {message}")


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _resolve(model: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[Path_, list[str]]:
    """Turn pydantic's location into a path of the document and the keys known there.

    Pydantic puts the tag of a discriminated union into the location; the document has no such
    level, so tags are dropped by walking the types along.
    """
    path: list[str | int] = []
    known = _keys(model)
    kind: Any = model
    for number, step in enumerate(loc, start=1):
        member = _tagged(kind, str(step))
        if member is None:
            path.append(step)
        kind = member or _field_type(kind, step)
        if number < len(loc):
            known = _keys(kind) or known
    return tuple(path), known


def _keys(kind: Any) -> list[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return list(kind.model_fields)
    return []


def _field_type(kind: Any, step: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(str(step))
        return _unwrap(field.annotation) if field else None
    if isinstance(step, int) and typing.get_args(kind):
        return _unwrap(typing.get_args(kind)[0])
    return None


def _unwrap(kind: Any) -> Any:
    """The one thing inside Annotated[X, …] or X | None; a real union stays as it is."""
    if typing.get_origin(kind) is typing.Annotated:
        return _unwrap(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        rest = [arg for arg in typing.get_args(kind) if arg is not type(None)]
        if len(rest) == 1:
            return _unwrap(rest[0])
    return kind


def _tagged(kind: Any, tag: str) -> Any:
    """The member of a union that `tag` stands for: by its `type`, or by pydantic's own Tag."""
    for member in typing.get_args(kind):
        named = (one for one in getattr(member, "__metadata__", ()) if isinstance(one, Tag))
        if any(one.tag == tag for one in named):
            return _unwrap(member)
        field = getattr(member, "model_fields", {}).get("type")
        if field is not None and tag in typing.get_args(field.annotation):
            return member
    return None


def _where(path: Path_, message: str = "") -> str:
    """The name of what a message is about, unless the message begins with it."""
    names = [step for step in path if isinstance(step, str)]
    return f"{quoted(names[-1])}: " if names and names[-1] not in _named(message) else ""


def _named(message: str) -> tuple[str, str]:
    """The key that a message begins with, and its plural."""
    first = message.partition(" ")[0]
    return first, f"{first}es"
