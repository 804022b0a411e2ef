"""What pydantic says of a record → the words of someone who wrote it, quoting little of it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from factlab.errors import MOST_QUOTED, quoted


def words_of(details: ErrorDetails) -> str:
    """What is wrong with a setting that was given outside of a file, without a full stop."""
    if details["type"] == "value_error":
        return str(details["ctx"]["error"])
    if details["type"] == "missing":
        return f"{quoted(details['loc'][-1])} is missing"
    if details["type"] == "union_tag_invalid":
        tag, known = quoted(details["ctx"]["tag"]), details["ctx"]["expected_tags"]
        return f"unknown type {tag}; expected tags: {known}"
    if details["type"] in _IN_OUR_WORDS:
        return in_words(details).rstrip(".")
    said = details["msg"]
    return said[0].lower() + said[1:]


_IN_OUR_WORDS = ("string_too_long", "too_long", "finite_number", "int_parsing_size")


def said_of(problem: ValueError) -> str:
    """The words of an error, without what pydantic puts around its own, with a full stop."""
    if isinstance(problem, ValidationError):
        return f"{words_of(first_of(problem))}."
    return str(problem)


def first_of(problem: ValidationError) -> ErrorDetails:
    """The first thing that is wrong."""
    return problem.errors(include_url=False)[0]


def in_words(details: ErrorDetails) -> str:
    """Pydantic's message in the words of someone who wrote YAML."""
    shown = details["input"]
    match details["type"]:
        case "string_type":
            return f"expected text, not {_kind(shown)}."
        case "tuple_type" | "list_type":
            short = isinstance(shown, str) and len(shown) <= MOST_QUOTED
            written = f"Write [{shown}] or" if short else "Write"
            return f"expected a list, not {_kind(shown)}. {written} one `- item` a line."
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"expected `key: value` lines, not {_kind(shown)}."
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return f"expected a whole number, not {quoted(shown)}."
        case "float_parsing" | "float_type":
            return f"expected a number, not {quoted(shown)}."
        case "finite_number":
            return f"expected a finite number, not {quoted(shown)}."
        case "literal_error":
            return f"{quoted(shown)} is not known. Known: {details['ctx']['expected']}."
        case "string_too_long":
            most = details["ctx"]["max_length"]
            return f"{len(shown):,} characters; at most {most:,} are read. Shorten it."
        case "too_long":
            most = details["ctx"]["max_length"]
            return f"a list of more than {most:,} items, which is the most that is read."
        case _:
            return f"{details['msg']} (got {quoted(shown)})."


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    return "a list" if isinstance(value, list) else "a group of keys"
