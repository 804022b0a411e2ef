"""Published sets become passage files; what is wrong in one is said with its record."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, run_factlab
from made_up import PARAPHRASE, TEXT, record

from factlab.errors import ConfigError, FactError
from factlab.expand.passages import left_out
from factlab.schema.fact import load_facts
from factlab.schema.passage import DEPTHS, Passage
from factlab.workflows.import_ import import_file

SET = "fictional_knowledge"
SHARED = ROOT.parent / "shared" / "data" / "fictional_knowledge"


def published(folder: Path, *records: Any, name: str = "made_up.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(list(records)), encoding="utf-8")
    return file


def test_a_record_becomes_a_file_that_reads_back(tmp_path: Path) -> None:
    file = published(tmp_path, record(paraphrases=[PARAPHRASE, TEXT, PARAPHRASE]), record())
    written = import_file(SET, file, tmp_path / "out")
    assert [path.name for path in written.files] == ["made_up_1.yaml", "made_up_2.yaml"]
    first, second = load_facts((str(tmp_path / "out"),))
    assert isinstance(first, Passage)
    assert isinstance(second, Passage)
    assert first.passages == (TEXT, PARAPHRASE)
    assert second.passages == (TEXT,)
    assert [probe.depth for probe in first.probes] == ["mem", "mem", "gen", "gen", "hard_gen"]
    assert first.probes[1].answer.primary() == "Ilma Kerr"
    assert "Apache-2.0; record 1 of made_up.json" in (first.source or "")
    assert "kaistAI/factual-knowledge-acquisition" in (first.source or "")
    assert len(left_out(first)) == 1


def test_a_limit_takes_the_first(tmp_path: Path) -> None:
    file = published(tmp_path, *[record() for _ in range(12)])
    written = import_file(SET, file, tmp_path / "out", limit=2)
    assert [path.stem for path in written.files] == ["made_up_01", "made_up_02"]


def broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    made = record()
    change(made)
    return made


BROKEN: list[tuple[object, str]] = [
    ("text", "not an object with keys"),
    (broken(lambda r: r.pop("train_context")), "there is no text in 'train_context'"),
    (broken(lambda r: r.update(train_context=" ")), "this passage is empty"),
    (broken(lambda r: r.pop("gen_target")), "'gen_target' is no list of texts"),
    (broken(lambda r: r.update(mem_input="x")), "'mem_input' is no list of texts"),
    (broken(lambda r: r.update(paraphrases=[3])), "'paraphrases' is no list of texts"),
    (broken(lambda r: r["gen_target"].pop()), "'gen_input' has 2 items and 'gen_target' 1"),
    (broken(lambda r: r.update(gen_target=["", "x"])), "the answer's value is empty"),
    (broken(lambda r: r.update(gen_input=["", "x"])), "this is empty"),
    (broken(lambda r: r.update(mem_input=["a b", "a b"])), "this mem probe is there twice"),
]


@pytest.mark.parametrize(("wrong", "says"), BROKEN, ids=[says for _, says in BROKEN])
def test_a_broken_record_is_named_and_nothing_is_written(
    tmp_path: Path, wrong: object, says: str
) -> None:
    file = published(tmp_path, record(), wrong)
    with pytest.raises(FactError) as caught:
        import_file(SET, file, tmp_path / "out")
    assert str(caught.value).startswith(f"{file}: record 2")
    assert says in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[{"train_context": "\\ud800"}]', ":1:1: this is not JSON (it holds half a character"),
        ("{", ":1:2: this is not JSON"),
        ("{}", "a list of records"),
        ("[]", "a list of records"),
    ],
)
def test_a_file_that_is_no_list_of_records_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(FactError, match=re.escape(says)):
        import_file(SET, file, tmp_path / "out")
    with pytest.raises(FactError, match="no such file"):
        import_file(SET, tmp_path / "none.json", tmp_path / "out")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    file = published(tmp_path, record(), record())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "made_up_2.yaml").write_text("mine")
    with pytest.raises(ConfigError, match="this file exists"):
        import_file(SET, file, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["made_up_2.yaml"]
    with pytest.raises(ConfigError, match="this is a file"):
        import_file(SET, file, file)
    with pytest.raises(ConfigError, match="Did you mean 'fictional_knowledge'"):
        import_file("fictional_knowlege", file, tmp_path / "new")


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    published(tmp_path, record(), record())
    done, again = run_factlab([["import", SET, "made_up.json", "--out", "out"]] * 2, cwd=tmp_path)
    assert done.code == 0
    assert "out: 2 files written of 2 of 2 cases: 2 passages, 10 probes" in done.out
    assert "2 probes that hold their answers" in done.out
    assert done.heavy == ""
    assert again.code == 2
    assert again.is_one_paragraph


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the published data is not here: {SHARED}")
@pytest.mark.parametrize("name", ["fictional_knowledge", "fictional_knowledge_paraphrased"])
def test_the_published_files_import(tmp_path: Path, name: str) -> None:
    written = import_file(SET, SHARED / f"{name}.json", tmp_path)
    assert len(written.files) == 130
    passages = [one for one in load_facts((str(tmp_path),)) if isinstance(one, Passage)]
    assert len(passages) == 130
    assert sum(len(p.passages) for p in passages) == (490 if "paraphrased" in name else 130)
    for depth in DEPTHS:
        assert sum(probe.depth == depth for p in passages for probe in p.probes) == 650
    held = [probe.depth for p in passages for probe in p.probes if probe.holds_answer]
    assert {depth: held.count(depth) for depth in DEPTHS} == {"mem": 5, "gen": 17, "hard_gen": 2}
