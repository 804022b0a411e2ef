"""YAML as its author wrote it: nothing is typed, and everything has a place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import MINIMAL, write
from hypothesis import example, given, settings
from hypothesis import strategies as st

from factlab.errors import ConfigError, FactError
from factlab.schema.fact import Fact, load_fact
from factlab.schema.yaml import MAX_BYTES, Document, did_you_mean, parse_yaml, read_yaml

# Each of these is something else than text to yaml.safe_load.
TRICKY = [
    "012",
    "1:30",
    "no",
    "yes",
    "3_776",
    "2025-10-10",
    "1e3",
    "0x1F",
    "1.50",
    "+7",
    ".5",
    "on",
]
SCALARS = st.one_of(
    st.sampled_from(TRICKY),
    st.from_regex(r"[0-9A-Za-z.+][0-9A-Za-z_.:+-]{0,12}[0-9A-Za-z]", fullmatch=True),
).filter(lambda text: text.lower() != "null")
PRINTABLE = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, categories=("L", "N", "P", "S", "Zs"))
)


def parse(text: str) -> Document:
    return parse_yaml(text, "f.yaml", FactError)


def refused(text: str) -> str:
    with pytest.raises(FactError) as error:
        parse(text)
    return str(error.value)


@settings(deadline=None)
@given(SCALARS)
def test_an_unquoted_scalar_arrives_as_it_was_written(scalar: str) -> None:
    assert parse(f"key: {scalar}\nlist: [{scalar}]\n").data == {"key": scalar, "list": [scalar]}


@settings(deadline=None)
@given(PRINTABLE)
@example("null")
@example("")
def test_a_quoted_scalar_arrives_as_it_was_written(text: str) -> None:
    assert parse(f"key: {json.dumps(text, ensure_ascii=False)}\n").data == {"key": text}


@pytest.mark.parametrize("kind", ["entity", "text"])
@pytest.mark.parametrize("scalar", TRICKY)
def test_an_answer_keeps_what_its_author_wrote(kind: str, scalar: str, tmp_path: Path) -> None:
    # In the statement the value stands in quotes, where punctuation cannot run into it.
    text = f"id: x\nstatement: '\"{scalar}\" it is.'\nsubject: {{name: Ondine}}\nrelation: r\n"
    answer = f"answer: {{type: {kind}, value: {scalar}, aliases: [the {scalar} one]}}\n"
    fact = load_fact(write(tmp_path, text + answer))
    assert fact.answer.value == scalar
    assert fact.answer.aliases == (f"the {scalar} one",)


@pytest.mark.parametrize("nothing", ["", "~", "null", "Null", "NULL"])
@pytest.mark.parametrize("form", ["key: {}\n", "key:\n  inner: {}\n", "key: [a, {}]\n"])
def test_what_yaml_reads_as_nothing_is_refused_and_not_taken_for_text(
    nothing: str, form: str
) -> None:
    if nothing == "" and "[" in form:
        assert parse(form.format(nothing)).data == {"key": ["a"]}  # a comma may end a list
        return
    assert "has no value. Give it one" in refused(form.format(nothing))


NESTED = st.recursive(
    st.from_regex(r"[a-z]{1,6}", fullmatch=True),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.dictionaries(st.from_regex(r"k[a-z]{0,4}", fullmatch=True), inner, min_size=1),
    ),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.from_regex(r"k[a-z]{0,4}", fullmatch=True), NESTED, min_size=1))
def test_every_key_has_the_place_where_it_stands(data: dict[str, Any]) -> None:
    for flow in (False, True):
        text = yaml.safe_dump(data, default_flow_style=flow)
        document = parse(text)
        lines = text.splitlines()
        keys = [path for path in document.places if path and isinstance(path[-1], str)]
        assert keys
        for path in keys:
            place = document.places[path]
            key = str(path[-1])
            assert lines[place.line - 1][place.column - 1 :].startswith((key, f"? {key}"))


def test_an_error_inside_what_has_no_place_points_at_the_key_around_it() -> None:
    document = parse("a: 1\nb:\n  c: [x]\n")
    assert str(document.fail(("b", "c", 0), "no.")) == "f.yaml:3:7: no."
    assert str(document.fail(("b", "c", 5, "d"), "no.")) == "f.yaml:3:3: no."
    assert str(document.fail(("nowhere",), "no.")).startswith("f.yaml:1:1: ")


def test_the_error_is_of_the_class_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="anchors"):
        read_yaml(write(tmp_path, "a: &b c\n"), ConfigError)


# --- whatever stands in the file ----------------------------------------------------------------

PIECES = [
    *"abc:,-[]{}#&*!|>'\"%@`?~ \n\t", ": ", "- ", "\n  ", "<<: ", "&a ", "*a", "!!int ", "---\n",
    "...\n", "id: ", "answer: ", "{type: number, value: 3}", "\\x", "\u2028", "\x85", "é", "\x00",
]  # fmt: skip


def complaint(read: Callable[[], object]) -> str | None:
    """The message of a refusal; any other error passes through and fails the test."""
    try:
        read()
    except FactError as error:
        return str(error)
    return None


def has_place(message: str | None, file: str) -> bool:
    placed = re.compile(rf"{re.escape(file)}:\d+:\d+: \S[^\n]*")
    return message is None or placed.fullmatch(message) is not None


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_any_text_is_either_read_or_refused_with_a_place(text: str) -> None:
    assert has_place(complaint(lambda: parse(text).parse(Fact, "A fact")), "f.yaml")


@settings(deadline=None)
@given(
    st.integers(0, len(MINIMAL)), st.integers(0, 12), st.lists(st.sampled_from(PIECES), max_size=3)
)
def test_a_fact_with_a_slip_of_the_pen_is_either_read_or_refused_with_a_place(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int, pieces: list[str]
) -> None:
    text = MINIMAL[:start] + "".join(pieces) + MINIMAL[start + length :]
    file = write(tmp_path_factory.getbasetemp(), text, "slip.yaml")
    assert has_place(complaint(lambda: load_fact(file)), str(file))


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_either_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    file = write(tmp_path_factory.getbasetemp(), raw, "bytes.yaml")
    assert has_place(complaint(lambda: read_yaml(file, FactError)), str(file))


# --- messages of the YAML reader, in words ------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2\nb: c\n", "f.yaml:1:4: not valid YAML: this '[' is not closed"),
        ("a:\n  {b: c\nd: e\n", "f.yaml:2:3: not valid YAML: this '{' is not closed"),
        ("a: 1\nb: 'it\nc: d\n", "f.yaml:2:4: not valid YAML: this quote is not closed"),
        ("a: b\n\tc: d\n", "f.yaml:2:1: not valid YAML: a tab stands where"),
        ("a: `b`\n", "f.yaml:1:4: not valid YAML: text cannot begin with '`'. Quote it."),
        ("a: b\n---\nc: d\n", "f.yaml:2:1: not valid YAML: a second document begins here."),
        ("a: b: c\n", "f.yaml:1:5: not valid YAML: mapping values are not allowed"),
        ("é: x\nb: é\x07\n", "f.yaml:2:5: a control character stands here. Remove it."),
        ("a: 1\n a: 2\n", "f.yaml:2:3: not valid YAML"),
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: 'a' is given twice (first on line 1)."),
    ],
)
def test_the_reader_says_where_and_what(text: str, message: str) -> None:
    assert refused(text).startswith(message)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused_before_anything_is_built_from_it(opening: str) -> None:
    assert "nested too deeply; at most 40 levels" in refused(opening * 100_000)
    assert isinstance(parse("[" * 40 + "]" * 40).data, list)


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(FactError, match=r"1,000,001 bytes; at most 1,000,000"):
        read_yaml(write(tmp_path, b"#" * (MAX_BYTES + 1)), FactError)


def test_a_guess_is_only_made_for_a_near_name() -> None:
    assert did_you_mean("answr", ["id", "answer"]) == " Did you mean 'answer'?"
    assert did_you_mean("zzz", ["id", "answer"]) == ""
