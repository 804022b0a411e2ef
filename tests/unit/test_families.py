"""A model family is described in one file, and nothing else lists families."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from factlab.errors import ModelError
from factlab.memory.shapes import shape_of
from factlab.models import families, pretokenizers
from factlab.models.families import FAMILIES, model_type_of_gguf, read_families

PACKAGE = Path(families.__file__).parents[2]
# Rows of these are models by name, and a family is a column of theirs.
LISTS_MODELS = ("memory/known.py", "conversations/marks.py")  # models; chat templates
CONFIG = {
    "model_type": "madeup",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
}


def test_one_file_adds_a_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="model_type 'madeup'"):
        shape_of(CONFIG, "x")
    (tmp_path / "madeup.py").write_text(
        "from factlab.models.families.family import DecoderNames, Family, Gguf\n"
        "FAMILY = Family(name='madeup', decoder=DecoderNames(norm='final'), norms=3, tied=True,\n"
        "                gguf=Gguf('mad', 'MadeUpForCausalLM'))\n"
    )
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(tmp_path)])
    for name, family in read_families(families.__path__).items():
        monkeypatch.setitem(FAMILIES, name, family)
    shape = shape_of(CONFIG, "x")
    assert shape.packed
    assert shape.tied
    assert shape.norm_values == 3 * 64
    assert model_type_of_gguf("mad") == "madeup"


def test_nothing_else_lists_families() -> None:
    found = []
    for file in PACKAGE.rglob("*.py"):
        place = file.relative_to(PACKAGE).as_posix()
        if place.startswith("models/families/") or place in LISTS_MODELS:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in FAMILIES:
                found.append(f"{place}:{node.lineno} {node.value}")
    assert found == []


def test_a_gguf_architecture_is_the_family_of_that_name_before_one_that_is_written_as_it() -> None:
    assert FAMILIES["mistral"].gguf is not None
    assert FAMILIES["mistral"].gguf.architecture == "llama"
    assert model_type_of_gguf("llama") == "llama"
    assert model_type_of_gguf("gemma3") == "gemma3_text"
    assert model_type_of_gguf("of tomorrow") == "of tomorrow"


def test_no_two_families_name_the_same_pretokenizer() -> None:
    names = [name for family in FAMILIES.values() for name in family.pretokenizers]
    assert sorted({*names, pretokenizers.GPT2}) == sorted(pretokenizers.KNOWN)
    assert len(names) == len(set(names))
