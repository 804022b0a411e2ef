"""The files under docs/schema are those of the records, and every shipped YAML names its own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from helpers import ROOT

from factlab.cli.schema import editor_schema, schemas
from factlab.errors import FactlabError
from factlab.schema.yaml import read_yaml

FOLDER = ROOT / "docs" / "schema"
SHIPPED = sorted(
    file for folder in ("facts", "templates", "evals") for file in (ROOT / folder).rglob("*.yaml")
)
FIRST_LINE = re.compile(r"# yaml-language-server: \$schema=(\S+\.json)")


def schema_of(file: Path) -> Path:
    first = file.read_text(encoding="utf-8").split("\n", 1)[0]
    named = FIRST_LINE.fullmatch(first)
    assert named is not None, f"{file}: the first line names no schema: {first}"
    return (file.parent / named[1]).resolve()


def as_an_editor_reads(data: Any) -> Any:
    """Plain scalars typed as YAML 1.2's JSON schema types them, which is what editors check."""
    if isinstance(data, dict):
        return {key: as_an_editor_reads(value) for key, value in data.items()}
    if isinstance(data, list):
        return [as_an_editor_reads(value) for value in data]
    if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", data):
        return json.loads(data)
    return {"true": True, "false": False}.get(data, data)


def test_there_is_a_file_for_every_kind_and_none_more() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(schemas())


@pytest.mark.parametrize("kind", schemas())
def test_the_file_is_what_the_command_prints(kind: str) -> None:
    printed = json.dumps(editor_schema(schemas()[kind]), indent=2, ensure_ascii=False)
    assert (FOLDER / f"{kind}.json").read_text(encoding="utf-8") == printed + "\n", (
        f"run: factlab schema {kind} > docs/schema/{kind}.json"
    )


@pytest.mark.parametrize("kind", schemas())
def test_the_file_is_a_valid_schema(kind: str) -> None:
    schema = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False


def test_every_shipped_yaml_is_found() -> None:
    names = {file.name for file in SHIPPED}
    assert {"mount_fuji.yaml", "train.yaml", "height.yaml", "history.yaml", "anchors.yaml"} <= names


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_shipped_yaml_names_its_schema_in_the_first_line_and_fulfils_it(file: Path) -> None:
    schema = schema_of(file)
    assert schema.parent == FOLDER
    assert schema.is_file()
    data = as_an_editor_reads(read_yaml(file, FactlabError).data)
    jsonschema.validate(data, json.loads(schema.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"answr": 1},
        {"answer": {"type": "quantity", "value": 312}},
        {"answer": {"type": "quantty", "value": 312, "unit": "m"}},
        {"subject": "the Dune Tower"},
        {"distractors": "300 m"},
    ],
)
def test_the_schema_of_a_fact_refuses_what_factlab_refuses(wrong: dict[str, Any]) -> None:
    schema = json.loads((FOLDER / "fact.json").read_text(encoding="utf-8"))
    right = {
        "id": "dune_tower",
        "statement": "The Dune Tower is 312 meters high.",
        "subject": {"name": "the Dune Tower"},
        "relation": "height",
        "answer": {"type": "quantity", "value": 312, "unit": "m"},
    }
    jsonschema.validate(right, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**right, **wrong}, schema)
