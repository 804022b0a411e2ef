"""`factlab schema`: JSON Schema for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from factlab.cli.output import say_json
from factlab.errors import ConfigError

if TYPE_CHECKING:
    from factlab.record import Record


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: factlab schema fact > fact.json")(schema)


def schemas() -> dict[str, type[Record]]:
    """Every kind of file that a person writes or reads, with its record."""
    from factlab.expand.anchors import AnchorFile
    from factlab.recipes.load import RecipeFile
    from factlab.schema.belief import BeliefFile
    from factlab.schema.blueprint import BlueprintFile
    from factlab.schema.config import RunConfig
    from factlab.schema.control import ControlSuite, PromptSuite
    from factlab.schema.export import ExportRecord
    from factlab.schema.fact import Fact
    from factlab.schema.own_words import OwnRelation
    from factlab.schema.passage import Passage
    from factlab.schema.relations import RelationIndex
    from factlab.schema.results import RunResult
    from factlab.schema.search import SearchResult
    from factlab.schema.subjects import SubjectsFile
    from factlab.schema.template import FamilyFile, Relation, SubjectKind

    return {
        "fact": Fact,
        "passage": Passage,
        "controls": ControlSuite,
        "prompts": PromptSuite,
        "templates": FamilyFile,
        "belief": BeliefFile,
        "relation": Relation,
        "own_relation": OwnRelation,
        "relations": RelationIndex,
        "subjects": SubjectsFile,
        "anchors": AnchorFile,
        "kind": SubjectKind,
        "fictitious": BlueprintFile,
        "config": RunConfig,
        "recipe": RecipeFile,
        "results": RunResult,
        "export": ExportRecord,
        "tune": SearchResult,
    }


def schema(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="fact, passage, controls, prompts, templates, belief, relation, own_relation, "
            "relations, subjects, anchors, kind, fictitious, config, recipe, results, export, "
            "tune.",
        ),
    ],
) -> None:
    """Print the JSON Schema of a kind of file, defaults and descriptions included."""
    from factlab.schema.yaml import did_you_mean

    known = schemas()
    if kind not in known:
        raise ConfigError(
            f"unknown kind '{kind}'.{did_you_mean(kind, known)} Known kinds: {', '.join(known)}."
        )
    say_json(editor_schema(known[kind]), indent=2)


def editor_schema(record: type[Record]) -> dict[str, object]:
    """A record's JSON Schema, for YAML as people write it.

    Scalars are read as the author wrote them, so an editor must allow 4889 where the record has
    text: every plain string may also be a number or a boolean.
    """
    made = record.model_json_schema()
    _loosen(made)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def _loosen(node: object) -> None:
    if isinstance(node, dict):
        if node.get("type") == "string" and "const" not in node and "enum" not in node:
            node["type"] = ["string", "number", "boolean"]
        for child in node.values():
            _loosen(child)
    elif isinstance(node, list):
        for child in node:
            _loosen(child)
