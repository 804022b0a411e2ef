"""Conversations: the same from every format and file, and what is refused with its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_chats import (
    WITH_TURNS,
    WITHOUT_TURNS,
    Pair,
    alpaca,
    csv_text,
    guanaco,
    json_array,
    json_lines,
    messages,
    pair,
    prompt_completion,
    small_set,
)

from factlab.conversations.formats import FORMATS, understood
from factlab.conversations.rows import rows_of
from factlab.conversations.source import read_set, shipped_sets
from factlab.errors import DataError
from factlab.schema.conversation import RowError, says_something

MULTI = (messages, guanaco)

# Any text that says something, without what markers are made of: texts with markers cannot quote.
texts = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    .map(lambda text: text.translate(dict.fromkeys(map(ord, "#<[|:｜"))).strip())
    .filter(says_something)
)


@st.composite
def dialogues(draw: st.DrawFn) -> list[Pair]:
    """One to four rounds of a question and an answer."""
    said = draw(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
    return [turn for asked, answered in said for turn in pair(asked, answered)]


def said(row: object) -> tuple[Any, ...]:
    found = understood(row)
    return (*((t.role, t.content) for t in found.before), found.question, found.answer)


# --- formats ------------------------------------------------------------------------------------


@given(texts, texts)
def test_a_question_and_its_answer_are_the_same_in_every_format(asked: str, answer: str) -> None:
    for write in (*WITH_TURNS, *WITHOUT_TURNS):
        assert said(write(pair(asked, answer))) == (asked, answer), write.__name__


@given(st.none() | texts, dialogues())
def test_a_dialogue_is_the_same_in_every_format_that_has_turns(
    system: str | None, turns: list[Pair]
) -> None:
    opening = [] if system is None else [("system", system)]
    expected = (*opening, *turns[:-2], turns[-2][1], turns[-1][1])
    for write in WITH_TURNS:
        assert said(write([*opening, *turns])) == expected, write.__name__


@given(dialogues(), st.sampled_from(MULTI), texts)
def test_a_question_without_an_answer_at_the_end_is_left_away(
    turns: list[Pair], write: Callable[[Sequence[Pair]], dict[str, Any]], asked: str
) -> None:
    assert said(write([*turns, ("user", asked)])) == said(write(turns))


def test_a_system_turn_stays_before_the_question() -> None:
    row = messages([("system", "Be brief."), *pair("Why?", "So.")])
    assert said(row) == (("system", "Be brief."), "Why?", "So.")


@pytest.mark.parametrize("given_", [{"input": "Blue."}, {"input": "  Blue.\n"}])
def test_an_alpaca_input_stands_below_its_instruction(given_: dict[str, str]) -> None:
    row = {"instruction": "Name the colour.", **given_, "output": "Blue"}
    assert said(row) == ("Name the colour.\n\nBlue.", "Blue")


@pytest.mark.parametrize("absent", [{}, {"input": None}, {"input": " "}])
def test_an_alpaca_row_needs_no_input(absent: dict[str, Any]) -> None:
    assert said({"instruction": "Why?", **absent, "output": "So."}) == ("Why?", "So.")


def test_keys_that_say_nothing_are_passed_over_and_empty_columns_are_absent() -> None:
    row = {"messages": None, "prompt": "Why?", "completion": "So.", "id": 7, "text": None}
    assert said(row) == ("Why?", "So.")
    chosen = understood({**messages(pair("A?", "B.")), "prompt": "x", "text": "y"})
    assert (chosen.kind, chosen.question) == ("messages", "A?")
    beside = {"items": ["a", "b"], "turns": 2, "chat": "x", "chosen": True, "conversation": "c-17"}
    assert said({**beside, "prompt": "Why?", "completion": "So."}) == ("Why?", "So.")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"why": "Why?", "because": "So."}, "unknown format; keys found: why, because."),
        ({"prompt": "Why?", "completion": None}, "'prompt' or 'completion' has no value"),
        ({"prompt": "Why?"}, "unknown format; keys found: prompt."),
        ({}, "unknown format; keys found: none."),
        (["Why?", "So."], "expected an object with keys"),
        ("Why?", "expected an object with keys"),
        ({"prompt": "Why?", "completion": " "}, "the answer (turn 2) is empty"),
        ({"prompt": "", "completion": "So."}, "the user's text (turn 1) is empty"),
        ({"prompt": ["Why?"], "completion": "So."}, "'prompt' is not text"),
        ({"prompt": "Why?", "completion": {"n": 7}}, "'completion' has a part that is not text"),
        ({"prompt": "Why?", "completion": "\u200b\u200e\ufeff"}, "the answer (turn 2) is empty"),
        ({"instruction": "", "input": "", "output": "So."}, "the user's text (turn 1) is empty"),
        ({"instruction": "Why?", "input": {"n": 3}, "output": "So."}, "'input' has a part"),
        ({"text": "Once upon a time."}, "'text' has no markers of turns"),
        ({"text": "Once: Q: Why?\nA: So."}, "'text' has no markers of turns"),
        ({"text": "<|im_start|>narrator\nOnce"}, "a turn has the role 'narrator'"),
        ({"text": "### Human: Why?"}, "there is no answer by the assistant"),
        ({"text": "### Human: Why? ### Human: Well? ### Assistant: So."}, "turn 2 is the user's"),
        ({"text": "### Assistant: So."}, "turn 1 is the assistant's, but the user's is expected"),
        ({"messages": []}, "'messages' is not a list of turns"),
        ({"messages": "Why?"}, "'messages' is not a list of turns"),
        ({"messages": [{"content": "Why?"}]}, "turn 1 of 'messages' has no role and content"),
        ({"messages": [{"role": "user", "content": None}]}, "'content' of turn 1 is not text"),
        ({"messages": [{"role": "sage", "content": "x"}]}, "turn 1 has the role 'sage'; known ro"),
        (
            {"messages": [{"role": ["x"], "content": "x"}]},
            "turn 1 of 'messages' has no role and conten",
        ),
        ({"messages": "[{'role': "}, "'messages' is not a list of turns"),
        ({"conversations": [{"from": "human", "value": {}}]}, "'value' of turn 1 has a part"),
        ({"chosen": "So.", "rejected": "No."}, "'chosen' has no question, and no key holds its pr"),
        (messages([("system", "x"), ("assistant", "y")]), "turn 2 is the assistant's, but the u"),
        ({"prompt": "Why\ud800?", "completion": "So."}, "turn 1 holds half a character"),
    ],
)
def test_a_row_that_is_no_conversation_is_refused_with_what_is_wrong(
    row: object, says: str
) -> None:
    with pytest.raises(RowError) as refused:
        understood(row)
    assert says in str(refused.value)
    assert refused.value.reason
    assert "\n" not in str(refused.value)


def test_an_unknown_format_names_every_known_one() -> None:
    with pytest.raises(RowError) as refused:
        understood({"q": 1})
    assert all(one.shape in str(refused.value) for one in FORMATS)


# --- files --------------------------------------------------------------------------------------


@given(st.lists(dialogues(), min_size=1, max_size=6))
def test_json_lines_and_an_array_hold_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, made: list[list[Pair]]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    rows = [messages(turns) for turns in made]
    lines, array = folder / "a.jsonl", folder / "b.json"
    lines.write_text(json_lines(rows), encoding="utf-8")
    array.write_text(json_array(rows), encoding="utf-8")
    assert [row for _, row in rows_of(lines)] == rows == [row for _, row in rows_of(array)]
    text = array.read_text(encoding="utf-8").split("\n")
    for line, _ in rows_of(array):
        assert text[line - 1].strip().startswith("{")


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=6))
def test_csv_holds_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, made: list[Pair]
) -> None:
    file = tmp_path_factory.mktemp("rows") / "a.csv"
    rows = [prompt_completion(pair(*one)) for one in made]
    file.write_bytes(csv_text(rows).encode())
    assert [row for _, row in rows_of(file)] == rows


def test_a_byte_order_mark_blank_lines_and_separators_are_no_rows(tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"
    row = json.dumps(prompt_completion(pair("Why\u2028now?", "So.")), ensure_ascii=False)
    file.write_text(f"\ufeff{row}\r\n\n  \n{row}\n", encoding="utf-8")
    assert [line for line, _ in rows_of(file)] == [1, 4]
    read = read_set(str(file))
    assert (read.rows, len(read.conversations)) == (2, 1)
    assert read.conversations[0].question == "Why\u2028now?"


BROKEN = {
    "a.jsonl": (
        '{"prompt": "A?", "completion": "B."}\n{"prompt": \n',
        ":2:12: this line is not JSON",
    ),
    "b.json": ('[\n {"prompt": "A?", "completion": "B."},\n {"prompt": }\n]', ":3:13: this is not"),
    "c.json": ('[\n {"prompt": "A?", "completion": "B."}\n', ":3:1: the array is malformed here"),
    "d.json": ('[{"prompt": "A?", "completion": "B."}] x', ":1:40: the array is malformed here"),
    "e.json": ('[{"prompt": "A?", "completion": "B."} {}]', ":1:39: the array is malformed here"),
    "f.csv": ("prompt,completion\nA?,B.\nC?\n", ":3:1: the number of fields differs"),
    "g.csv": ("prompt,completion\nA?,B.,D\n", ":2:1: the number of fields differs"),
    "h.csv": ('prompt,completion\nA?,"B.', ":2:1: this is not CSV"),
    "i.json": ("[" * 100_000, ":1:42: this is not JSON (nested too deeply"),
    "j.jsonl": ("", ": it has no rows."),
    "k.json": ("[]", ": it has no rows."),
    "l.jsonl": (b"\xff\xfd", ":1:1: not UTF-8 text."),
    "o.jsonl": (b"\xff\xfe\x00\xd8", ": not UTF-16 text, as its first bytes say."),
    "m.json": (
        '[\n{"prompt": "A?", "completion": "B."},\n\n\n3]',
        ":5:1: expected an object with keys",
    ),
    "n.txt": ("x", ": unknown kind of file; known endings: .jsonl, .json, .ndjson, .csv, "),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_its_line(name: str, tmp_path: Path) -> None:
    text, says = BROKEN[name]
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError) as refused:
        read_set(str(file))
    assert str(refused.value).startswith(f"{file}{says}"), refused.value


# --- names --------------------------------------------------------------------------------------


def test_a_set_is_known_by_its_name_and_hash_and_says_what_it_holds(tmp_path: Path) -> None:
    rows = [alpaca(pair("A?", "B.")), guanaco(pair("A?", "B.")), messages(pair("C?", "D."))]
    file = tmp_path / "mixed.jsonl"
    file.write_text(json_lines(rows), encoding="utf-8")
    read = read_set(str(file))
    assert read.name == "mixed.jsonl"
    assert read.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert read.kinds == {"alpaca": 1, "guanaco": 1, "messages": 1}
    assert [c.question for c in read.conversations] == ["A?", "C?"]  # once, whatever its format
    assert [c.where for c in read.conversations] == [f"{file}:1:1", f"{file}:3:1"]
    assert [c.number for c in read.conversations] == [1, 3]


def test_the_shipped_set_is_read_by_its_name_and_is_whole() -> None:
    assert list(shipped_sets()) == ["everyday"]
    read = read_set("everyday")
    assert read.rows == len(read.conversations) > 150
    assert any(c.before and c.before[0].role == "system" for c in read.conversations)
    assert any(len(c.before) == 2 for c in read.conversations)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("evryday", "Did you mean 'everyday'? Shipped sets: everyday."),
        ("none.jsonl", "none.jsonl: no such file, folder or shipped set."),
        ("data/none.jsonl", "data/none.jsonl: no such file"),  # and no hub id
        ("data/none.parquet:train", "no such file"),
        ("x" * 5000, "no such file, folder or shipped set."),
        ("a b/c", "Name a set on the hub owner/name or owner/name:split."),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused(name: str, says: str) -> None:
    with pytest.raises(DataError) as refused:
        read_set(name)
    assert says in str(refused.value)


def test_a_set_too_large_to_hold_is_to_be_named_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.conversations.source.MOST_ROWS", 5)
    assert read_set(str(small_set(tmp_path, 5))).rows == 5
    with pytest.raises(DataError, match="more than 5 rows"):
        read_set(str(small_set(tmp_path, 6)))
