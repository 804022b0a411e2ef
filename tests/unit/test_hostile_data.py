"""Files of conversations that are made to cost time, memory or more are refused in time."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from made_chats import json_lines, pair, prompt_completion
from pyarrow import parquet

from factlab.conversations.folders import refuse_elsewhere
from factlab.conversations.source import read_set
from factlab.conversations.tables import table_rows
from factlab.errors import DataError
from factlab.reading.json_text import MOST_DEPTH, NotJsonError, parse

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
ROWS = [prompt_completion(pair(f"Thing {n}?", f"It is {n}.")) for n in range(3)]
QUESTIONS = [f"Thing {n}?" for n in range(3)]


def questions(file: Path) -> list[str]:
    return [one.question for one in read_set(str(file)).conversations]


def made(folder: Path, name: str, text: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def refusal(source: Path | str) -> str:
    with pytest.raises(DataError) as refused:
        read_set(str(source))
    return str(refused.value)


@pytest.mark.parametrize("suffix", PACK)
def test_pieces_of_a_compressed_file_are_counted(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.reading.compressed.MOST_PIECES", 50)
    pack = PACK[suffix]
    halves = [json_lines(ROWS[:1]).encode(), json_lines(ROWS[1:]).encode()]
    good = b"".join([pack(halves[0]), *[pack(b"")] * 40, pack(halves[1])])
    assert questions(made(tmp_path, "a.jsonl" + suffix, good)) == QUESTIONS
    many = pack(halves[0]) + pack(b"") * 60
    assert "more than 50 pieces" in refusal(made(tmp_path, "b.jsonl" + suffix, many))


def test_the_list_of_files_of_a_zip_file_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(40):
            archive.writestr(f"{number}.jsonl", "")
    monkeypatch.setattr("factlab.reading.compressed.MOST_LISTED", 1_000)
    said = refusal(made(tmp_path, "a.zip", packed.getvalue()))
    assert "its list of files is longer than 1,000 bytes" in said


def test_values_within_the_rows_of_an_object_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.conversations.holders.MOST_PIECES", 1_000)
    rows = [{"prompt": "A?", "completion": [[]] * 600}] * 3
    said = refusal(made(tmp_path, "a.json", json.dumps({"data": rows})))
    assert "the object holds more than" in said


def test_columns_are_no_larger_than_if_all_were_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.conversations.holders.MOST_ITEMS", 1_000)
    wide = {"prompt": ["A?"] * 300, "completion": ["B."] * 300}
    said = refusal(made(tmp_path, "a.json", json.dumps(wide | {f"k{n}": [1] for n in range(10)})))
    assert "the columns hold more than" in said


def test_a_row_of_a_table_may_span_lines_but_not_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.conversations.delimited.MOST_LINE", 200)
    row = 'A?,"' + "b\n" * 60 + '"\n'
    assert len(questions(made(tmp_path, "a.csv", "prompt,completion\n" + row))) == 1
    said = refusal(made(tmp_path, "b.csv", "prompt,completion\n" + row + '"b\n",' * 90))
    assert "b.csv:63:1: this is not CSV (a row is longer than 200 characters)" in said


@pytest.mark.parametrize(
    "place", ["../x.jsonl", "/etc/x.jsonl", "http://x.example/x.jsonl", "hf://datasets/a/b/x.jsonl"]
)
@pytest.mark.parametrize("file", ["README.md", ".huggingface.yaml"])
def test_a_folder_does_not_lead_elsewhere(file: str, place: str, tmp_path: Path) -> None:
    made(tmp_path, "a.jsonl", json_lines(ROWS))
    for said in ({"data_files": [{"split": "train", "path": place}]}, {"data_dir": place}):
        head = json.dumps({"configs": [{"config_name": "c", "data_files": "a.jsonl"} | said]})
        made(tmp_path, file, f"---\n{head}\n---\n" if file == "README.md" else head)
        with pytest.raises(DataError, match="data of this folder are elsewhere"):
            refuse_elsewhere(tmp_path)
        assert "data of this folder are elsewhere" in refusal(f"{tmp_path}:train[:1]")


def test_a_readme_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    made(tmp_path, "a.jsonl", json_lines(ROWS))
    os.mkfifo(tmp_path / "README.md")
    assert questions(tmp_path) == QUESTIONS


def test_a_value_that_stands_once_in_a_table_is_not_held_for_every_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    batches = parquet.ParquetFile.iter_batches
    monkeypatch.setattr("factlab.conversations.tables.MOST_BATCH", 300_000)
    monkeypatch.setattr(
        parquet.ParquetFile,
        "iter_batches",
        lambda file, batch_size: sizes.append(batch_size) or batches(file, batch_size),
    )
    for name, length in (("a", 10), ("b", 100_000)):
        table = {"prompt": ["A?" * length] * 100, "completion": ["B."] * 100}
        parquet.write_table(pyarrow.table(table), tmp_path / f"{name}.parquet")
        list(table_rows(str(tmp_path / f"{name}.parquet"), None))
    assert sizes == [64, 1]


def test_a_row_of_turns_without_end_is_one_broken_row(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    long = {"messages": row["messages"] * 3_000}
    said = refusal(made(tmp_path, "a.jsonl", json_lines([row, long])))
    assert "a.jsonl:2:1: 'messages' holds more than 5,000 turns" in said


def test_rows_and_keys_of_an_object_are_counted_as_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.conversations.holders.MOST_KEYS", 50)
    for found in ({"data": ROWS * 20}, {f"k{n}": ROWS[:1] for n in range(60)}):
        said = refusal(made(tmp_path, "a.json", json.dumps(found)))
        assert "the object holds more than 50 rows" in said


def test_a_set_of_bad_rows_is_refused_before_all_of_them_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("factlab.conversations.tally.MOST_BAD_ROWS", 20)
    file = made(tmp_path, "a.jsonl", json_lines(ROWS) + "{}\n" * 100)
    assert "Of 24 rows 21 cannot be read" in refusal(file)
    assert read_set(str(file), "skip").rows == 103


def test_a_file_of_holes_is_not_hashed_to_its_end(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.json", "a.csv", "a.parquet"):
        file = made(tmp_path, name, json_lines(ROWS))
        os.truncate(file, 10**13)
        assert name in refusal(file)


def test_depth_is_told_by_values_and_its_place_by_the_text() -> None:
    wide = "[" + "[]," * 3_000 + '"[[[["]'
    assert len(parse(wide)) == 3_001
    deepest = "[" * MOST_DEPTH + "]" * MOST_DEPTH
    assert parse(deepest)
    for deep, place in (
        (f"[{deepest}]", MOST_DEPTH),
        ("[" * 99_999, MOST_DEPTH),
        (f"[1,{deepest}]", 42),
    ):
        with pytest.raises(NotJsonError, match="nested too deeply") as refused:
            parse(deep)
        assert refused.value.place == place
