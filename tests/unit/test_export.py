"""What can be exported to, how words are cut, what a report says of exports; no model is near."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from fake_run import GOOD, WEAK, write_fake_run
from helpers import run_factlab

from factlab.errors import ConfigError, ModelError
from factlab.export.formats import GGUF_TYPES, ExportFormat, read_formats
from factlab.export.gguf import paired, stored
from factlab.export.questions import sampled
from factlab.export.vocabulary import Vocabulary
from factlab.metrics.differences import differences
from factlab.metrics.responses import Responses
from factlab.models import pretokenizers
from factlab.models.gguf import check_whole
from factlab.report import render_report
from factlab.runs.files import folder_being_written, write_json, write_lines
from factlab.runs.folder import RunFolder
from factlab.schema.export import ExportRecord, ExportScore
from factlab.schema.question import AnswerRecord, Question

# --- formats --------------------------------------------------------------------------------------


def test_formats_are_read_with_commas_between_them() -> None:
    assert read_formats("merged, gguf:q4_0", None) == (
        ExportFormat("merged", "bf16"),
        ExportFormat("gguf", "q4_0"),
    )
    assert read_formats("merged", "fp32")[0].slug == "merged-fp32"
    assert {read_formats(f"gguf:{type_}", None)[0].type for type_ in GGUF_TYPES} == set(GGUF_TYPES)


@pytest.mark.parametrize(
    ("to", "dtype", "said"),
    [
        ("merge", None, "Did you mean 'merged'"),
        ("gguf", None, "as in gguf:q8_0"),
        ("gguf:q8", None, "Did you mean 'q8_0'"),
        ("gguf:q4_k_m", None, "llama-quantize"),
        ("gguf:Q4_K_M", None, "llama-quantize"),
        ("gguf:iq2_xs", None, "llama-quantize"),
        ("onnx", None, "Known: merged, gguf:f32"),
        ("merged,", None, "not a known format"),
        ("", None, "not a known format"),
        ("merged,merged", None, "named twice"),
        ("merged", "bfloat16", "Known: bf16, fp16, fp32"),
        ("gguf:f16", "bf16", "behind the colon"),
    ],
)
def test_what_is_no_format_is_refused_in_words(to: str, dtype: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_formats(to, dtype)


# --- the command ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("export nowhere --to merged", "no run.json"),
        ("export run --to gguf:q4", "Did you mean 'q4_1' or 'q4_0'?"),
        ("export run --to merged --base nf4", "Use original or measured"),
        ("export run --to merged", "--cell: mount_fuji-r04-s0, mount_fuji-r08-s0"),
        ("export run --to merged --cell r08", "no such finished cell"),
        ("export begun --to merged", "no cell is finished"),
        ("export run --to merged --cell mount_fuji-r08-s0 --out run", "is there already"),
    ],
)
def test_a_wrong_command_is_one_paragraph(command: str, said: str, tmp_path: Path) -> None:
    write_fake_run(tmp_path / "run", WEAK, GOOD, facts=1)
    for cell in ("r04-s0", "r08-s0"):
        old = tmp_path / "run" / "cells" / cell
        if old.is_dir():
            said = said.replace(f"mount_fuji-{cell}", cell)
            command = command.replace(f"mount_fuji-{cell}", cell)
    write_fake_run(tmp_path / "begun", status="interrupted", results=False)
    (done,) = run_factlab([shlex.split(command)], cwd=tmp_path)
    assert done.code == 2
    assert done.is_one_paragraph, done.err
    assert said in done.err
    assert not any(file.name.startswith(".run") for file in tmp_path.iterdir())


# --- files ----------------------------------------------------------------------------------------


def test_a_folder_takes_its_place_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "there" / "model"

    def write(*, fail: bool) -> None:
        with folder_being_written(place) as draft:
            (draft / "weights").write_text("1")
            assert not place.exists()
            if fail:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(fail=True)
    assert list(place.parent.iterdir()) == []
    write(fail=False)
    assert [file.name for file in place.parent.iterdir()] == ["model"]
    assert (place / "weights").read_text() == "1"
    assert place.stat().st_mode & 0o777 == 0o755


@pytest.fixture
def small_gguf(tmp_path: Path) -> Path:
    """A GGUF file with a tokenizer's fields and one weight."""
    file = tmp_path / "small.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    vocabulary = Vocabulary(
        tokens=("a", "b", "ab", "<end>"),
        types=(1, 1, 1, 3),
        merges=("a b",),
        pretokenizer="smollm",
        special={"eos": 3},
        adds_bos=False,
        template="{{ messages }}",
    )
    vocabulary.write(writer)
    writer.add_tensor("token_embd.weight", np.ones((4, 64), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def test_a_vocabulary_is_written_as_llamacpp_names_its_fields(small_gguf: Path) -> None:
    fields = gguf.GGUFReader(small_gguf).fields
    read = {name: field.contents() for name, field in fields.items() if "tokenizer" in name}
    assert read == {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": ["a", "b", "ab", "<end>"],
        "tokenizer.ggml.token_type": [1, 1, 1, 3],
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.eos_token_id": 3,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_space_prefix": False,
        "tokenizer.chat_template": "{{ messages }}",
    }


def test_a_gguf_file_is_refused_wherever_it_is_cut_off(small_gguf: Path, tmp_path: Path) -> None:
    assert check_whole(small_gguf) == "smollm"
    data = small_gguf.read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in range(0, len(data) - 1, 7):
        cut.write_bytes(data[:length])
        with pytest.raises(ModelError, match=r"cut\.gguf cannot be read as a GGUF file"):
            check_whole(cut)


# --- how words are cut ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", pretokenizers.KNOWN)
def test_the_rules_of_a_name_are_known_by_that_name(name: str) -> None:
    from tokenizers import Tokenizer, models

    merges = pretokenizers.KNOWN[name].ignore_merges
    tokenizer = Tokenizer(models.BPE(ignore_merges=merges))
    tokenizer.pre_tokenizer = pretokenizers.rules_of(name)
    assert pretokenizers.name_of(json.loads(tokenizer.to_str())) == name


def test_rules_that_have_no_name_get_none() -> None:
    level = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}

    def named(*steps: Any) -> str | None:
        return pretokenizers.name_of(
            {"pre_tokenizer": {"type": "Sequence", "pretokenizers": steps}}
        )

    assert named(level) == "gpt-2"
    assert named({**level, "add_prefix_space": True}) is None
    assert named({"type": "Digits", "individual_digits": False}, level) is None
    assert named({"type": "Whitespace"}, level) is None
    assert named({"type": "Whitespace"}) is None
    assert pretokenizers.name_of({"pre_tokenizer": None}) is None
    assert pretokenizers.rules_of("a name of tomorrow") is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt-2", ["It's", "Ġ4889", "Ċ", "Ċ", "12"]),
        ("smollm", ["It's", "Ġ", "4", "8", "8", "9", "ĊĊ", "1", "2"]),
        ("qwen2", ["It's", "Ġ", "4", "8", "8", "9", "ĊĊ", "1", "2"]),
        ("llama-bpe", ["It's", "Ġ", "488", "9", "ĊĊ", "12"]),
    ],
)
def test_digits_and_line_breaks_are_cut_as_the_name_says(name: str, words: list[str]) -> None:
    rules = pretokenizers.rules_of(name)
    assert rules is not None
    found = [word for word, _ in rules.pre_tokenize_str("It's 4889\n\n12")]
    assert "".join(found) == "It'sĠ4889ĊĊ12"
    assert found[-len(words) + 1 :] == words[1:]


# --- weights --------------------------------------------------------------------------------------


def test_rows_of_a_head_are_interleaved_and_heads_stay_apart() -> None:
    rows = np.arange(8, dtype=np.float32)[:, None] * np.ones((1, 3), np.float32)
    assert paired(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert paired(rows[:, 0], 1).tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


def test_what_a_type_cannot_hold_is_refused() -> None:
    f16 = gguf.GGMLQuantizationType.F16
    big = np.full((1, 32), 70_000, np.float32)
    with pytest.raises(ModelError, match="bf16 has the range"):
        stored(big, f16, "w")
    assert stored(big, gguf.GGMLQuantizationType.BF16, "w").nbytes == 64
    with pytest.raises(ModelError, match="no finite"):
        stored(np.full((1, 32), np.nan, np.float32), f16, "w")


# --- what is said about an export -----------------------------------------------------------------


def answer(question: Question, text: str, *, correct: bool) -> AnswerRecord:
    return AnswerRecord(
        question_id=question.id,
        prompt=question.text,
        text=text,
        tokens=3,
        finished=True,
        outcome="new" if correct else "other",
        correct=correct,
    )


def test_answers_of_another_verdict_come_first() -> None:
    asked = [
        Question(id=f"q{i}", split="held_out", family="f", text=f"Question {i}?") for i in range(4)
    ]
    before = [answer(q, "4,889 m", correct=True) for q in asked]
    after = [
        answer(asked[0], "4,889 m", correct=True),
        answer(asked[1], "It is 4,889 m", correct=True),
        answer(asked[2], "3,776 m", correct=False),
    ]
    found = differences(asked, Responses.of(asked, before), Responses.of(asked, after))
    assert [(d.question_id, d.verdict_changed) for d in found] == [("q2", True), ("q1", False)]


def test_a_draw_keeps_the_controls_that_the_base_knew_apart_and_grows_from_itself() -> None:
    splits = ("held_out", "far", "train", "unanswerable")
    asked = [
        Question(id=f"{split}/{i}", split=split, family="f", text=f"{split} {i}?")
        for split in splits
        for i in range(40)
    ]
    known = {"far/3", "far/17", "far/31"}
    base = Responses.of(asked, [answer(q, "x", correct=q.id in known) for q in asked])
    few, more = sampled(asked, base, 5, 0), sampled(asked, base, 9, 0)
    assert [q.split for q in few] == ["held_out"] * 5 + ["far"] * 8
    assert known <= {q.id for q in few}
    assert {q.id for q in few} < {q.id for q in more}
    assert {q.id for q in sampled(asked, base, 5, 1)} != {q.id for q in few}


def exported_run(folder: Path, *, score: bool = True) -> RunFolder:
    """A made-up run with an export of its good cell, which lost the first two held-out answers."""
    run = RunFolder(write_fake_run(folder, GOOD))
    (cell,) = run.finished_cells()
    kept = run.export(f"{cell.id}-gguf-q4_0")
    said = run.cell(cell.id).answers()
    held_out = [a for a in said if "held_out" in a.question_id and a.correct][:2]
    changed = {
        a.question_id: a.model_copy(
            update={"text": "<b>3,776 m</b>", "correct": False, "outcome": "superseded"}
        )
        for a in held_out
    }
    write_lines(kept.answers_file, [changed.get(a.question_id, a) for a in said])
    found = ExportScore(
        program="llama.cpp (xllamacpp 1)",
        scorer_version="1",
        seconds=1.0,
        answers=len(said),
        of=len(said),
        differing=2,
        lost=2,
        gained=0,
        metrics={"recall/held_out": cell.metrics["recall/held_out"]},
    )
    record = ExportRecord(
        id=kept.path.name,
        cell=cell.id,
        format="gguf:q4_0",
        base="original",
        weights="q4_0",
        modules=210,
        place=f"exports/{kept.path.name}/model",
        files={"model.gguf": "0" * 64},
        size_bytes=91_000_000,
        verified_chats=48,
        notes=("Merged & told.",),
        made="2026-01-01T00:00:00+00:00",
        versions={},
        score=found if score else None,
    )
    write_json(kept.record_file, record)
    return run


def test_the_report_shows_exports_beside_what_was_measured(tmp_path: Path) -> None:
    page = render_report(exported_run(tmp_path).path)
    section = page[page.index('<section id="exports"') :]
    section = section[: section.index("</section>")]
    assert "adapter on nf4" in section
    assert "llama.cpp (xllamacpp 1)" in section
    assert ">91<" in section
    assert "2 right answers became wrong" in section
    assert "&lt;b&gt;3,776 m" in section.replace("<u>", "").replace("</u>", "")
    assert "<b>3,776" not in section
    assert "Merged &amp; told." in section
    assert "chats of 48 questions" in section
    assert '<h2 id="exports-title">' in page


def test_an_export_that_was_not_evaluated_has_no_figures(tmp_path: Path) -> None:
    page = render_report(exported_run(tmp_path, score=False).path)
    section = page[page.index('<section id="exports"') :]
    section = section[: section.index("</section>")]
    assert "not evaluated" in section
    assert "not measured" in section


def test_a_run_without_exports_has_no_such_section(tmp_path: Path) -> None:
    assert 'id="exports"' not in render_report(write_fake_run(tmp_path, GOOD))
