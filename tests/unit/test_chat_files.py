"""Files of conversations as people have them: compressed, held by an object, with broken rows."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_chats import json_lines, messages, pair, prompt_completion, sharegpt

from factlab.cli.run import build_config
from factlab.conversations.formats import understood
from factlab.conversations.json_values import JsonScanner, items_of
from factlab.conversations.practice import load_practice
from factlab.conversations.rows import rows_of
from factlab.conversations.selection import Selection, notes_on, record_of
from factlab.conversations.source import read_set
from factlab.errors import DataError
from factlab.experiment.plan import plan_experiment
from factlab.reading.compressed import open_expanded
from factlab.schema.conversation import Conversation, RowError, UnusableRowError

ROWS = [prompt_completion(pair(f"Thing {n}?", f"It is {n}.")) for n in range(3)]
QUESTIONS = [f"Thing {n}?" for n in range(3)]


def questions(file: Path | str) -> list[str]:
    return [one.question for one in read_set(str(file)).conversations]


def made(folder: Path, name: str, text: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def refusal(source: Path | str, **settings: Any) -> str:
    with pytest.raises(DataError) as refused:
        read_set(str(source), **settings)
    return str(refused.value)


# --- compressed -----------------------------------------------------------------------------------

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lambda raw: lzma.compress(raw[:9]) + lzma.compress(raw[9:]),  # two streams
    ".zst": lambda raw: pyarrow.compress(raw, codec="zstd", asbytes=True),
}


@pytest.mark.parametrize("suffix", PACK)
def test_a_compressed_file_holds_what_it_held_before(suffix: str, tmp_path: Path) -> None:
    for name, text in {
        "a.jsonl": json_lines(ROWS),
        "b.json": json.dumps({"data": ROWS}),
        "c.csv": "prompt,completion\n" + "".join(f"Thing {n}?,x\n" for n in range(3)),
    }.items():
        file = made(tmp_path, name + suffix, PACK[suffix](text.encode()))
        assert questions(file) == QUESTIONS, name


def test_a_zip_file_is_read_if_it_holds_one_file(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("data/a.jsonl", json_lines(ROWS))
        packed.writestr("__MACOSX/data/._a.jsonl", "x")
    assert questions(file) == QUESTIONS
    with zipfile.ZipFile(file, "a") as packed:
        packed.writestr("README.md", "Of things.")
        packed.writestr("LICENSE", "Free.")
    assert questions(file) == QUESTIONS
    with zipfile.ZipFile(file, "a") as packed:
        packed.writestr("data/b.jsonl", json_lines(ROWS))
    assert "it holds 2 files (data/a.jsonl, data/b.jsonl); one is read" in refusal(file)


@pytest.mark.parametrize("suffix", [*PACK, ".zip"])
def test_a_damaged_file_is_refused_in_one_sentence(suffix: str, tmp_path: Path) -> None:
    whole = json_lines(ROWS * 400).encode()
    cases = {"no": whole}
    if suffix in PACK:
        cases["cut"] = PACK[suffix](whole)[:-12]
    for name, raw in cases.items():
        said = refusal(made(tmp_path, f"{name}.jsonl{suffix}", raw))
        assert "cannot be expanded; it is damaged" in said
        assert "\n" not in said


@pytest.mark.parametrize("suffix", PACK)
def test_a_file_that_expands_without_end_is_refused(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.reading.compressed.FREE_BYTES", 20_000)
    monkeypatch.setattr("factlab.reading.compressed.MOST_RATIO", 20)
    row = json_lines(ROWS[:1]).encode()
    file = made(tmp_path, "a.jsonl" + suffix, PACK[suffix](row * 3_000))
    assert "expands to more than" in refusal(file)
    with open_expanded(file, DataError) as stream, pytest.raises(DataError):
        stream.read()
    blank = made(tmp_path, "b.json" + suffix, PACK[suffix](b"[" + b" " * 400_000))
    assert "expands to more than" in refusal(blank)


def test_lines_that_hold_nothing_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.reading.compressed.MOST_BLANK", 50)
    made(tmp_path, "a.jsonl", "\n" * 50 + json_lines(ROWS))
    assert questions(tmp_path / "a.jsonl") == QUESTIONS
    made(tmp_path, "b.jsonl", "\n" * 60 + json_lines(ROWS))
    assert "more than 50 of its lines are blank" in refusal(tmp_path / "b.jsonl")


# --- JSON -----------------------------------------------------------------------------------------

HOLDERS: dict[str, str] = {
    "data": json.dumps({"version": "1.0", "data": ROWS}, indent=1),
    "train": json.dumps({"test": ROWS[:1], "train": ROWS, "validation": []}),
    "one list": json.dumps({"about": "x", "my rows": ROWS}),
    "by number": json.dumps({str(n): row for n, row in enumerate(ROWS)}),
    "columns": json.dumps({key: [row[key] for row in ROWS] for key in ROWS[0]}),
    "pandas": json.dumps({k: {str(n): r[k] for n, r in enumerate(ROWS)} for k in ROWS[0]}),
    "split": json.dumps({"columns": list(ROWS[0]), "data": [list(r.values()) for r in ROWS]}),
    "viewer": json.dumps({"rows": [{"row_idx": n, "row": r} for n, r in enumerate(ROWS)]}),
    "objects": "\n".join(json.dumps(row, indent=2) for row in ROWS),
    "conversations": json.dumps(
        {"conversations": [sharegpt(pair(q, "So.")) for q in QUESTIONS]}, indent=1
    ),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_an_object_may_hold_the_rows(name: str, tmp_path: Path) -> None:
    assert questions(made(tmp_path, "a.json", HOLDERS[name])) == QUESTIONS


def test_rows_within_a_row_are_not_taken_for_the_rows(tmp_path: Path) -> None:
    inner = [prompt_completion(pair("C?", "D."))] * 2
    for row in (
        {**ROWS[0], "sources": inner, "examples": inner},
        {**messages(pair("Thing 0?", "So.")), "examples": inner},
    ):
        assert questions(made(tmp_path, "a.json", json.dumps(row))) == QUESTIONS[:1]
        assert questions(made(tmp_path, "a.jsonl", json.dumps(row))) == QUESTIONS[:1]
    held = {"sources": [{"title": "x", "url": "y"}], "qa": ROWS, "authors": [{"name": "z"}]}
    assert questions(made(tmp_path, "b.json", json.dumps(held))) == QUESTIONS


def test_the_one_line_of_a_file_of_lines_is_a_row(tmp_path: Path) -> None:
    rounds = [{"human": "Thing 0?", "assistant": "So."}, {"human": "Why?", "assistant": "So."}]
    for row in (
        {"conversations": rounds},
        {"id": "0", "data": ["Thing 0?", "So.", "Why?", "So."]},
    ):
        (found,) = read_set(str(made(tmp_path, "a.jsonl", json.dumps(row)))).conversations
        assert (len(found.before), found.question) == (2, "Why?")
    assert questions(made(tmp_path, "b.jsonl", json.dumps({"data": ROWS}))) == QUESTIONS


def test_a_missing_number_is_no_value(tmp_path: Path) -> None:
    text = '{"prompt": "Thing 0?", "input": NaN, "completion": "So."}\n'
    assert questions(made(tmp_path, "a.jsonl", text)) == QUESTIONS[:1]
    assert questions(made(tmp_path, "b.json", f"[{text}]")) == QUESTIONS[:1]


def test_an_object_alone_may_be_a_row(tmp_path: Path) -> None:
    row = messages([*pair("Thing 0?", "So."), *pair("Why?", "So.")])
    for text in (json.dumps(row), json.dumps(row, indent=2)):
        (found,) = read_set(str(made(tmp_path, "a.json", text))).conversations
        assert (len(found.before), found.question) == (2, "Why?")


def test_a_part_of_an_object_is_named_behind_its_file(tmp_path: Path) -> None:
    file = made(tmp_path, "a.json", HOLDERS["train"])
    read = read_set(f"{file}:test")
    assert (read.name, read.rows) == ("a.json:test", 1)
    assert "it has no part tset; it has test, train" in refusal(f"{file}:tset")
    both = made(tmp_path, "b.json", json.dumps({"easy": ROWS, "hard": ROWS}))
    assert "it holds the lists easy, hard. Name one, such as b.json:easy" in refusal(both)
    assert questions(f"{both}:hard") == QUESTIONS
    lines = made(tmp_path, "c.json", json_lines(ROWS))
    assert "it has no parts to name" in refusal(f"{lines}:train")


def test_rows_of_an_object_have_their_lines(tmp_path: Path) -> None:
    text = '{\n "data": [\n  {"prompt": "A?", "completion": "B."},\n  {"prompt": ""}\n ]\n}'
    file = made(tmp_path, "a.json", text)
    assert [line for line, _ in rows_of(file)] == [3, 4]
    assert refusal(file).startswith(f"{file}:4:1: ")
    broken = made(tmp_path, "b.json", text.replace("B.", 'B."."'))
    assert refusal(broken).startswith(f"{broken}:3:38: this is not JSON")
    nothing = made(tmp_path, "c.json", '{"a": [1], "b": "x"}')
    assert "the object holds no rows; its keys: a, b." in refusal(nothing)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@settings(max_examples=30)
@given(st.lists(values, max_size=12), st.sampled_from([None, 1]), st.integers(1, 40))
def test_an_array_is_read_in_pieces_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, items: list[Any], indent: int | None, chunk: int
) -> None:
    file = tmp_path_factory.mktemp("array") / "a.json"
    text = json.dumps(items, ensure_ascii=False, indent=indent)
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.MonkeyPatch.context() as patch, open_expanded(file, DataError) as stream:
        patch.setattr("factlab.conversations.json_values.CHUNK", chunk)
        scan = JsonScanner(stream, file)
        found = list(items_of(scan))
        assert scan.peek() == ""
    assert [item for _, item in found] == items
    for line, item in found:
        first = json.dumps(item, ensure_ascii=False, indent=indent).split("\n")[0]
        assert first in text.split("\n")[line - 1]


# --- tables ---------------------------------------------------------------------------------------

TABLES: dict[str, tuple[str, str]] = {
    "semicolon": ("a.csv", 'Question;Answer\n"Thing; 0?";"So, yes."\n'),
    "tab": ("a.tsv", 'prompt\tresponse\nThing; 0?\t"So, yes."\n'),
    "tab in CSV": ("a.csv", "prompt\tresponse\nThing; 0?\tSo, yes.\n"),
    "pipe": ("a.csv", "input|output\nThing; 0?|So, yes.\n"),
    "commas in the heading": ("a.csv", 'q;a;"x, y, z, w"\nThing\\; 0?;So;1\n'.replace("\\;", ",")),
    "of a spreadsheet": ("a.csv", '\ufeffsep=;\r\nQ;A\r\n"Thing; 0?";So, yes.\r\n'),
    "index": ("a.csv", ',question,answer\n0,Thing; 0?,"So, yes."\n'),
}


@pytest.mark.parametrize("name", TABLES)
def test_what_separates_the_fields_is_read_off_the_heading(name: str, tmp_path: Path) -> None:
    file, text = TABLES[name]
    (found,) = read_set(str(made(tmp_path, file, text))).conversations
    assert found.question.replace(",", ";") == "Thing; 0?"
    assert found.answer.startswith("So")


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    file = made(tmp_path, "a.csv", "question,answer,Answer \nWhy?,So.,No.\n")
    assert refusal(file).startswith(f"{file}:1:1: the heading has two columns named answer")
    assert questions(made(tmp_path, "b.csv", ",question,,answer\n1,Why?,,So.\n")) == ["Why?"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_text_of_spreadsheets_is_read_in_its_encoding(encoding: str, tmp_path: Path) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    for name, text in {
        "a.tsv": "質問\t回答\r\nThing 0?\tはい\r\n",
        "b.csv": "質問;回答\r\nThing 0?;はい\r\n",
        "c.jsonl": json.dumps({"質問": "Thing 0?", "回答": "はい"}, ensure_ascii=False) + "\r\n",
    }.items():
        file = made(tmp_path, name, (mark + text).encode(encoding))
        assert questions(file) == QUESTIONS[:1], name
        packed = made(tmp_path, name + ".gz", gzip.compress((mark + text).encode(encoding)))
        assert questions(packed) == QUESTIONS[:1], name


def test_quotes_in_a_table_with_tabs_may_mean_nothing(tmp_path: Path) -> None:
    plain = made(tmp_path, "a.tsv", 'q\ta\n"Thing" 0?\tIt is "0\n"1"?\tNo\n')
    assert questions(plain) == ['"Thing" 0?', '"1"?']
    meant = made(tmp_path, "b.tsv", 'q\ta\n"Thing\t0?"\t"It is ""0"""\n')
    (found,) = read_set(str(meant)).conversations
    assert (found.question, found.answer) == ("Thing\t0?", 'It is "0"')


def test_a_row_that_is_no_text_is_refused_with_its_line(tmp_path: Path) -> None:
    file = made(tmp_path, "a.csv", b"q,a\nWhy?,So.\nK\xf6ln?,Ja\n")
    assert refusal(file).startswith(f"{file}:3:2: not UTF-8 text")


# --- folders --------------------------------------------------------------------------------------


def test_a_folder_has_parts_by_the_names_of_its_files(tmp_path: Path) -> None:
    made(tmp_path, "README.md", "Conversations.")
    made(tmp_path, "dataset_infos.json", "{}")
    (tmp_path / ".cache").mkdir()
    made(tmp_path / ".cache", "train.jsonl", "x")
    (tmp_path / "data").mkdir()
    made(tmp_path / "data", "train-00000-of-00002.jsonl", json_lines(ROWS[:1]))
    packed = gzip.compress(json_lines(ROWS[1:]).encode())
    made(tmp_path / "data", "train-00001-of-00002.jsonl.gz", packed)
    made(tmp_path / "data", "test.csv", "q;a\nWhy?;So.\n")
    assert questions(tmp_path) == QUESTIONS
    read = read_set(f"{tmp_path}:test")
    assert (read.name, read.rows) == (f"{tmp_path.name}:test", 1)
    assert read.conversations[0].where == f"{tmp_path}/data/test.csv:2:1"
    assert "it has no part validation; it has test, train" in refusal(f"{tmp_path}:dev")
    before = read_set(str(tmp_path)).sha256
    made(tmp_path / "data", "train-00000-of-00002.jsonl", json_lines(ROWS[:2]))
    assert read_set(str(tmp_path)).sha256 != before


def test_a_folder_without_a_part_for_training_is_refused(tmp_path: Path) -> None:
    for name in ("test.jsonl", "dev.jsonl"):
        made(tmp_path, name, json_lines(ROWS))
    assert "it has the parts validation, test and none named train" in refusal(tmp_path)
    (tmp_path / "dev.jsonl").unlink()
    assert questions(tmp_path) == QUESTIONS
    made(tmp_path, "test.jsonl", json_lines([*ROWS, {"why": 1}]))
    assert refusal(tmp_path).startswith(f"{tmp_path}/test.jsonl:4:1: unknown format")


def test_files_about_a_training_or_its_data_hold_no_rows_and_are_passed_over(
    tmp_path: Path,
) -> None:
    made(tmp_path, "chats.jsonl", json_lines(ROWS))
    about = {
        "trainer_state.json": {"log_history": [{"step": 1, "loss": 2.0}], "epoch": 1.0},
        "dataset_info.json": {"features": {"prompt": {"dtype": "string"}}},
        "train_results.json": {"epoch": 3.0},
        "state.json": {"_data_files": [{"filename": "x"}]},
    }
    for name, value in about.items():
        made(tmp_path, name, json.dumps(value, indent=1))
    read = read_set(str(tmp_path))
    assert [one.question for one in read.conversations] == QUESTIONS
    assert read.passed_over == ("train_results.json", "trainer_state.json")
    said = notes_on(record_of(read, Selection()))[-1]
    assert "since they hold no rows: train_results.json, trainer_state.json." in said


@pytest.mark.parametrize("parts", [False, True])
def test_a_folder_that_the_library_saved_is_read_by_it(parts: bool, tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    saved: Any = Dataset.from_list(ROWS)
    saved = DatasetDict({"train": saved, "test": saved.select(range(1))}) if parts else saved
    saved.save_to_disk(str(tmp_path / "saved"))
    assert questions(tmp_path / "saved") == QUESTIONS
    if parts:
        assert questions(f"{tmp_path / 'saved'}:test") == QUESTIONS[:1]


# --- rows that are left out -----------------------------------------------------------------------

UNUSABLE: dict[str, dict[str, Any]] = {
    "use tools": {"messages": [*messages(pair("A?", "B."))["messages"], {"role": "tool"}]},
    "have no answer to train on": {
        "messages": [
            {"role": "user", "content": "A?"},
            {"role": "assistant", "content": "B.", "weight": 0},
        ]
    },
    "hold images or other media": {
        "messages": [
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
            {"role": "assistant", "content": "B."},
        ]
    },
    "are labelled as bad answers": {"prompt": "A?", "completion": "B.", "label": False},
    "are multiple-choice questions": {"question": "A?", "choices": ["B", "C"], "answer": 1},
}
TOOLS: tuple[dict[str, Any], ...] = (
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    {"role": "assistant", "content": [{"type": "tool_use", "name": "f"}]},
    {"role": "user", "content": [{"type": "tool_result", "content": "1"}]},
    {"from": "function_call", "value": "{}"},
    {"from": "observation", "value": "1"},
)


@pytest.mark.parametrize("reason", UNUSABLE)
def test_a_sound_row_that_cannot_be_trained_on_is_left_out(reason: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableRowError) as left_out:
        understood(UNUSABLE[reason])
    assert left_out.value.reason == reason
    file = made(tmp_path, "a.jsonl", json_lines([*ROWS, UNUSABLE[reason]]))
    read = read_set(str(file), "stop")
    assert [(one.reason, one.rows, one.first) for one in read.skipped] == [(reason, 1, "a.jsonl:4")]
    alone = refusal(made(tmp_path, "b.jsonl", json_lines([UNUSABLE[reason]] * 2)))
    assert f"None of its 2 rows can be used: 2 {reason} (first: b.jsonl:1)" in alone


@pytest.mark.parametrize("place", range(len(TOOLS)))
def test_every_way_to_call_a_tool_is_one(place: int) -> None:
    turns = [*messages(pair("A?", "B."))["messages"], TOOLS[place]]
    with pytest.raises(UnusableRowError, match="tool"):
        understood({"conversations": turns})


def test_thoughts_images_and_later_answers_leave_what_can_be_trained() -> None:
    said: list[dict[str, Any]] = [
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": ["A", {"type": "text", "text": "b?"}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm"}, {"text": "B."}]},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": "C.", "train": False},
    ]
    found = understood({"messages": said, "images": []})
    assert (found.before, found.question, found.answer) == ((), "A\nb?", "B.")


def many(bad: int, good: int = 200) -> str:
    rows = [prompt_completion(pair(f"Thing {n}?", "So.")) for n in range(good)]
    return json_lines([*rows, *[{"prompt": f"{n}?", "completion": " "} for n in range(bad)]])


def test_a_few_broken_rows_of_a_large_set_are_left_out_and_counted(tmp_path: Path) -> None:
    torn = '{"prompt": "A?", "comp\n[1]\n\n' + json_lines([{"why": "x"}])
    file = made(tmp_path, "a.jsonl", many(3) + torn)
    read = read_set(str(file))
    assert (read.rows, len(read.conversations), read.repeated) == (206, 200, 0)
    assert {one.reason: (one.rows, one.first) for one in read.skipped} == {
        "have an empty answer": (3, "a.jsonl:201"),
        "are not JSON": (1, "a.jsonl:204"),
        "are no objects with keys": (1, "a.jsonl:205"),
        "are of an unknown format": (1, "a.jsonl:207"),
    }
    record = record_of(read, Selection())
    (note,) = notes_on(record)
    assert note.startswith(
        "a.jsonl: 6 of 206 rows were left out: 3 have an empty answer (first: a.jsonl:201); 1 "
    )
    said = refusal(file, on_bad_row="stop")
    assert said.startswith(f"{file}:201:1: the answer (turn 2) is empty (read as prompt_completion")
    assert "Of 206 rows 6 cannot be read: 3 have an empty answer" in said
    assert "--on-bad-row skip" in said


def test_many_broken_rows_and_those_of_a_small_set_stop_it(tmp_path: Path) -> None:
    file = made(tmp_path, "a.jsonl", many(30))
    assert refusal(file).startswith(f"{file}:201:1: the answer (turn 2) is empty")
    assert len(read_set(str(file), "skip").conversations) == 200
    small = made(tmp_path, "b.jsonl", many(1, good=20))
    assert refusal(small).endswith("or leave it out with --on-bad-row skip.")
    assert read_set(str(small), "skip").skipped[0].rows == 1
    none = made(tmp_path, "c.jsonl", many(4, good=0))
    assert "None of its 4 rows can be used" in refusal(none, on_bad_row="skip")


def test_a_line_too_long_is_one_broken_row(tmp_path: Path) -> None:
    long = json.dumps({"prompt": "A?", "completion": "x" * 2_100_000})
    file = made(tmp_path, "a.jsonl", long + "\n" + many(0))
    read = read_set(str(file))
    assert (read.rows, len(read.conversations)) == (201, 200)
    assert read.skipped[0].reason == "are longer than 1,000,000 bytes"


def test_a_row_of_a_table_with_too_many_fields_is_one_broken_row(tmp_path: Path) -> None:
    text = "q,a\n" + "".join(f"Thing {n}?,So.\n" for n in range(200)) + "Why, then?,So.\n"
    read = read_set(str(made(tmp_path, "a.csv", text)))
    assert [(one.rows, one.first) for one in read.skipped] == [(1, "a.csv:202")]


def test_the_option_reaches_the_set(tmp_path: Path) -> None:
    file = made(tmp_path, "a.jsonl", many(1, good=20))
    given_: dict[str, Any] = {"practice": str(file), "recipe": "tutorial", "far": "none"}
    with pytest.raises(DataError, match="is empty"):
        load_practice(str(file), build_config(given_).on_bad_row)
    plan = plan_experiment(build_config({**given_, "on_bad_row": "skip"}))
    assert plan.sets[0].skipped[0].rows == 1
    assert any("1 of 21 rows were left out" in note for note in plan.notes)


# --- whatever is given ----------------------------------------------------------------------------

KEYS = (
    *("messages", "conversations", "prompt", "completion", "chosen", "text", "history", "input"),
    *("instruction", "output", "role", "from", "content", "value", "type", "system", "label"),
)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["user", "assistant", "[INST]", "### Human:", "<|im_start|>user\n", "[{"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(anything)
def test_any_row_is_a_conversation_or_an_error_with_its_reason(row: object) -> None:
    problem: RowError | None = None
    try:
        found: Conversation | None = understood(row)
    except RowError as refused:
        found, problem = None, refused
    if problem is not None:
        assert problem.reason
        assert len(problem.said) < 600
    else:
        assert found is not None
        assert found.question.strip()
        assert found.answer.strip()
